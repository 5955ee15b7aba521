"""What a live question has brought so far: per source the text as it grows, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from workbench.store.views.reading import moment, rows, stored


@dataclass(frozen=True, slots=True)
class Piece:
    """The newest word from one source. ``state``: asked, writing, judging, judged or failed."""

    source: str
    state: str
    text: str
    at: datetime


def run_name(task_id: str) -> str:
    """Return the name under which a live question's events stand."""
    return f"live/{task_id}"


def pieces(connection: Connection, task_id: str) -> tuple[Piece, ...]:
    """Return the newest piece of each source of the newest live question on this task."""
    found = rows(
        connection,
        """SELECT kind, data_json, created_at FROM event WHERE round_id = :run AND stage = 'live'
        AND id >= coalesce((SELECT max(id) FROM event WHERE round_id = :run AND stage = 'live'
            AND kind = 'start'), 0) ORDER BY id DESC LIMIT 400""",
        run=run_name(task_id),
    )
    newest: dict[str, Piece] = {}
    for row in found:
        told = stored(row["data_json"]) or {}
        source = told.get("source")
        if source and source not in newest:
            newest[source] = Piece(
                source, told.get("state", ""), told.get("text", ""), moment(row["created_at"])
            )
    return tuple(newest[name] for name in sorted(newest))
