"""Which student is in use, which ones there are, and where each came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from workbench.store.views.reading import maybe_moment, moment, one, rows, stored


@dataclass(frozen=True, slots=True)
class InUse:
    """The student in use; both None for the plain base. ``earlier`` says how far back one can go"""

    adapter_id: str | None
    source_id: str | None
    earlier: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Adapter:
    """Trained weights: of which round, on which rows, and how their held-out tasks went."""

    id: str
    round_id: str | None
    round_number: int | None
    source_id: str | None
    path: str
    digest: str
    base: str
    snapshot_id: str | None
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    decision: str | None
    promoted: bool | None
    promoted_at: datetime | None
    created_at: datetime
    before: int
    """Held-out tasks proved before the round; of ``tasks``."""
    after: int
    tasks: int


def in_use(connection: Connection) -> InUse:
    """Return the student in use."""
    found = one(connection, "SELECT value FROM setting WHERE key = 'promoted_student'")
    value = stored(found["value"]) if found else None
    if not value:
        return InUse(None, None, ())
    return InUse(value["adapter"], value["source"], tuple(value["previous"]))


def adapters(connection: Connection) -> tuple[Adapter, ...]:
    """Return every trained adapter, the newest first."""
    found = rows(
        connection,
        """SELECT a.*, r.number AS round_number, r.decision AS decision, r.promoted AS promoted,
            r.student_source_id AS source_id,
            (SELECT count(*) FROM evaluation e WHERE e.round_id = a.round_id) AS tasks,
            (SELECT count(*) FROM evaluation e WHERE e.round_id = a.round_id
                AND e.base_verdict = 'proved') AS before,
            (SELECT count(*) FROM evaluation e WHERE e.round_id = a.round_id
                AND e.student_verdict = 'proved') AS after
        FROM adapter a LEFT JOIN round r ON r.id = a.round_id ORDER BY a.created_at DESC""",
    )
    return tuple(
        Adapter(
            r["id"],
            r["round_id"],
            r["round_number"],
            r["source_id"],
            r["path"],
            r["digest"],
            r["base"],
            r["snapshot_id"],
            stored(r["config_json"]) or {},
            stored(r["metrics_json"]) or {},
            r["decision"],
            None if r["promoted"] is None else bool(r["promoted"]),
            maybe_moment(r["promoted_at"]),
            moment(r["created_at"]),
            r["before"],
            r["after"],
            r["tasks"],
        )
        for r in found
    )
