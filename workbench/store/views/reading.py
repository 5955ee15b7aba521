"""Small readers under every view: rows with a limit, stored JSON and times, what changed.

The connection comes from whoever shows something; a read-only ``Store`` is meant.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    DateTime,
    bindparam,
    text,
)

MOST_ROWS = 1_000
"""No view returns more rows than this at once; whoever wants the next ones asks for a page."""


def data_version(connection: Connection, *, progress: bool = True) -> tuple[int, ...]:
    """Return a value that changes whenever a row that a view reads is added or moved on.

    Cheap at any size: the newest ids of the append-only tables, and the rounds' and the
    certificates' own clocks. It is the cache key of everything that a screen shows. Without
    ``progress`` the events are left out: what a running job says about itself moves no answer, and
    a view over a million answers must not be read again for every step of a training.
    """
    names = ["answer", "verdict", '"override"', "selection", "example"]
    tables = ["task", "source", "round", "certificate", "adapter", "snapshot"]
    if progress:
        names += ["event", "alert", "reliability", "served", "schedule_run", "route"]
        tables.append("circuit")
    newest = [_number(connection, f"SELECT max(id) FROM {table}") for table in names]
    sizes = [_number(connection, f"SELECT count(*) FROM {table}") for table in tables]
    moved = connection.execute(
        text("SELECT max(updated_at), (SELECT max(verified_at) FROM certificate) FROM round")
    ).one()
    settled = connection.execute(text("SELECT key, value FROM setting ORDER BY key")).all()
    return (
        *newest,
        *sizes,
        *(int(moment(m).timestamp() * 1000) if m else 0 for m in moved),
        zlib.crc32(repr([tuple(row) for row in settled]).encode()),
    )


def rows(connection: Connection, sql: str, **values: object) -> Sequence[dict[str, Any]]:
    """Run ``sql`` with ``values``; a list stands for an ``IN`` list, a time for a stored time."""
    lists: list[BindParameter[Any]] = [
        bindparam(k, expanding=True) for k, v in values.items() if isinstance(v, list)
    ]
    times = [
        bindparam(k, type_=DateTime(timezone=True))
        for k, v in values.items()
        if isinstance(v, datetime)
    ]
    statement = text(sql).bindparams(*lists, *times)
    found = connection.execute(statement, values).mappings().fetchmany(MOST_ROWS)
    return [dict(row) for row in found]


def one(connection: Connection, sql: str, **values: object) -> dict[str, Any] | None:
    """Return the first row of ``sql``, or None."""
    found = rows(connection, sql, **values)
    return found[0] if found else None


def _number(connection: Connection, sql: str) -> int:
    return int(connection.execute(text(sql)).scalar_one() or 0)


def count(connection: Connection, sql: str, **values: object) -> int:
    """Return the single number that ``sql`` selects; NULL counts as 0."""
    found = one(connection, sql, **values)
    return int(next(iter(found.values())) or 0) if found else 0


def moment(value: object) -> datetime:
    """Return a stored time with its zone; SQLite hands back text without one."""
    read = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def maybe_moment(value: object) -> datetime | None:
    """Return a stored time, or None where there is none."""
    return None if value is None else moment(value)


def stored(value: object) -> Any:
    """Return the value of a ``*_json`` column; empty text stands for None."""
    return json.loads(str(value)) if value else None


def like(search: str) -> str:
    """Return ``search`` as a LIKE pattern with ``\\`` before what would be a wildcard."""
    escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped.lower()}%"
