"""A home with very many answers, for measuring: a small one, copied inside the database.

The copies differ in their ids only; the words, codes and proportions are those of the small home.
Its held-out evaluation is not copied: nobody holds out a third of a million.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

from tests.ui.store_builder import SOURCES, build
from workbench.store import Store
from workbench.store.cells import FILL, TRIGGERS

SMALL = 2_000
"""Tasks of the home that is copied."""
NUMBERED = {
    "task": (),
    "answer": ("id",),
    "verdict": ("id",),
    "obligation": ("id", "verdict_id"),
    "selection": ("id", "answer_id", "verdict_id"),
    "example": ("id", "answer_id", "verdict_id", "position"),
}
"""Table -> the columns that count; they move on with every copy."""
OWNER = {"verdict_id": "verdict", "answer_id": "answer"}


def build_many(home: Path, *, answers: int, seed: int = 0) -> Store:
    """Make a home with at least ``answers`` answers over five sources; return it open."""
    tasks = max(1, answers // len(SOURCES))
    store = build(home, tasks=min(tasks, SMALL), seed=seed)
    copies = -(-tasks // SMALL) - 1
    with store.engine.begin() as connection:
        # A million rows one trigger at a time take minutes; they are made at once afterwards.
        for name in TRIGGERS:
            connection.execute(text(f"DROP TRIGGER {name}"))
        steps = _steps(connection)
        for copy in range(1, copies + 1):
            for table in NUMBERED:
                _copy(connection, table, copy, steps)
        connection.execute(text("DELETE FROM cell"))
        connection.execute(text(FILL))
        for name, told in TRIGGERS.items():
            connection.execute(text(f"CREATE TRIGGER {name} {told}"))
        connection.execute(
            text(
                "UPDATE snapshot SET rows ="
                " (SELECT count(*) FROM example WHERE snapshot_id = snapshot.id)"
            )
        )
    with store.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    return store


def _steps(connection: Connection) -> dict[str, int]:
    """Return how far each table's numbers reach: one copy lies behind the other."""
    return {
        table: int(connection.execute(text(f"SELECT max(id) FROM {table}")).scalar_one() or 0)
        for table in NUMBERED
        if table != "task"
    }


def _copy(connection: Connection, table: str, copy: int, steps: dict[str, int]) -> None:
    names = [row[1] for row in connection.execute(text(f"PRAGMA table_info({table})"))]
    first = "NOT LIKE '%+%'"
    values = []
    for name in names:
        if name in NUMBERED[table]:
            step = steps[OWNER.get(name, table)] if name != "position" else steps[table]
            values.append(f"{name} + {copy * step}")
        elif name == "task_id" or (table == "task" and name == "id"):
            values.append(f"{name} || '+{copy:04d}'")
        else:
            values.append(name)
    where = {
        "task": f"id {first}",
        "obligation": f"id <= {steps['obligation']}",
    }.get(table, f"task_id {first}")
    connection.execute(
        text(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM {table}"
            f" WHERE {where}"
        )
    )
