"""What the student learns from, and why each row is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from workbench.store.views.reading import count, like, moment, rows, stored


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable dataset; ``funnel`` is what its rule counted on the way."""

    id: str
    round_id: str | None
    digest: str
    rows: int
    rule: str
    funnel: Any
    created_at: datetime
    inputs_digest: str = ""
    """The blob with what the rule and the filters read and did; "" for old snapshots."""


@dataclass(frozen=True, slots=True)
class Example:
    """One training row with its reason."""

    position: int
    task_id: str
    category: str
    source_id: str
    verdict_id: int
    word: str
    recheck: str
    score: float | None
    reason: str
    code: str


def snapshots(connection: Connection) -> tuple[Snapshot, ...]:
    """Return the snapshots, the newest first."""
    return tuple(
        Snapshot(
            r["id"],
            r["round_id"],
            r["digest"],
            r["rows"],
            r["rule"],
            stored(r["funnel_json"]),
            moment(r["created_at"]),
            r["inputs_digest"] or "",
        )
        for r in rows(connection, "SELECT * FROM snapshot ORDER BY created_at DESC")
    )


def examples(
    connection: Connection,
    snapshot: str,
    *,
    source: str = "",
    search: str = "",
    number: int = 1,
    size: int = 50,
) -> tuple[tuple[Example, ...], int]:
    """Return one page of a snapshot's rows and how many rows the filter lets through."""
    values: dict[str, object] = {"snapshot": snapshot}
    narrowed = "FROM example e WHERE e.snapshot_id = :snapshot"
    if source:
        narrowed += " AND e.source_id = :source"
        values["source"] = source
    if search:
        narrowed += """ AND EXISTS (SELECT 1 FROM task t WHERE t.id = e.task_id AND
            (lower(t.id) LIKE :search ESCAPE '\\' OR lower(t.prompt) LIKE :search ESCAPE '\\'))"""
        values["search"] = like(search)
    total = count(connection, f"SELECT count(*) AS n {narrowed}", **values)
    # The page's rows are found first; everything else is read for these alone.
    found = rows(
        connection,
        f"""SELECT e.position AS position, e.task_id AS task_id, t.category AS category,
            e.source_id AS source_id, e.verdict_id AS verdict_id, v.verdict AS word,
            v.recheck AS recheck, p.score AS score, p.reason AS reason, c.code AS code
        FROM (SELECT e.* {narrowed} ORDER BY e.position LIMIT :size OFFSET :skip) e
        JOIN task t ON t.id = e.task_id JOIN verdict v ON v.id = e.verdict_id
        JOIN snapshot s ON s.id = e.snapshot_id
        LEFT JOIN candidate c ON c.id = e.candidate_id
        LEFT JOIN selection p ON p.round_id = s.round_id AND p.task_id = e.task_id
        ORDER BY e.position""",
        size=size,
        skip=(number - 1) * size,
        **values,
    )
    return tuple(Example(**{**r, "reason": r["reason"] or ""}) for r in found), total


def mix(connection: Connection, snapshot: str, by: str) -> dict[str, int]:
    """Return how many rows come from each ``source`` or each ``category``."""
    column = {"source": "e.source_id", "category": "t.category"}[by]
    found = rows(
        connection,
        f"SELECT {column} AS name, count(*) AS n FROM example e JOIN task t ON t.id = e.task_id"
        f" WHERE e.snapshot_id = :snapshot GROUP BY {column} ORDER BY n DESC, name",
        snapshot=snapshot,
    )
    return {r["name"]: r["n"] for r in found}


def held_out_rows(connection: Connection, snapshot: str) -> int:
    """Return how many rows are held-out tasks: anything but 0 spoils the evaluation."""
    return count(
        connection,
        "SELECT count(*) AS n FROM example e JOIN task t ON t.id = e.task_id"
        " WHERE e.snapshot_id = :snapshot AND t.split = 'eval'",
        snapshot=snapshot,
    )


def same_code(connection: Connection, snapshot: str) -> int:
    """Return how many rows repeat, letter by letter, the code of another row."""
    return count(
        connection,
        "SELECT count(*) - count(DISTINCT candidate_id) AS n FROM example"
        " WHERE snapshot_id = :snapshot",
        snapshot=snapshot,
    )


def held_out_twins(connection: Connection, snapshot: str) -> int:
    """Return how many rows ask and check, letter by letter, what a held-out task does."""
    # By the index of both: that of the split alone would read every held-out task for every row.
    return count(
        connection,
        "SELECT count(*) AS n FROM example e JOIN task t ON t.id = e.task_id"
        " WHERE e.snapshot_id = :snapshot AND EXISTS"
        " (SELECT 1 FROM task h WHERE h.digest = t.digest AND h.split = 'eval')",
        snapshot=snapshot,
    )


@dataclass(frozen=True, slots=True)
class Cluster:
    """Rows of a snapshot that hold the same code."""

    candidate_id: str
    rows: int
    tasks: tuple[str, ...]
    """The first five of them."""
    code: str


def clusters(connection: Connection, snapshot: str, *, last: int = 20) -> tuple[Cluster, ...]:
    """Return the largest groups of rows with one and the same code."""
    found = rows(
        connection,
        "SELECT e.candidate_id AS id, count(*) AS n,"
        " (SELECT c.code FROM candidate c WHERE c.id = e.candidate_id) AS code"
        " FROM example e WHERE e.snapshot_id = :snapshot GROUP BY e.candidate_id"
        " HAVING count(*) > 1 ORDER BY n DESC, id LIMIT :last",
        snapshot=snapshot,
        last=last,
    )
    return tuple(
        Cluster(
            r["id"],
            r["n"],
            tuple(
                t["task_id"]
                for t in rows(
                    connection,
                    "SELECT task_id FROM example WHERE snapshot_id = :snapshot"
                    " AND candidate_id = :id ORDER BY position LIMIT 5",
                    snapshot=snapshot,
                    id=r["id"],
                )
            ),
            r["code"],
        )
        for r in found
    )


def without_winner(connection: Connection, round_id: str) -> tuple[tuple[str, int], ...]:
    """Return why tasks of a round have no winner: (reason, how many), the commonest first."""
    found = rows(
        connection,
        "SELECT reason, count(*) AS n FROM selection WHERE round_id = :round"
        " AND answer_id IS NULL GROUP BY reason ORDER BY n DESC, reason LIMIT 20",
        round=round_id,
    )
    return tuple((r["reason"], r["n"]) for r in found)
