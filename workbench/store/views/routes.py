"""Whom questions went to and why: choices of the router, counted and the newest one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from workbench.store.views.reading import moment, rows

RECENT = 1_000
"""Choices that are counted: a router is judged by what it does now."""


@dataclass(frozen=True, slots=True)
class Routed:
    """How many of the last choices under a policy went to a source, and how many of them because
    the one that was wanted could not or was not sure."""

    policy: str
    source: str
    choices: int
    passed_on: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice with its reason; ``chance`` is the calibrated chance of passing, if it went by
    one."""

    policy: str
    task_id: str
    category: str
    wanted: str
    source: str
    chance: float | None
    why: str
    at: datetime


def routed(connection: Connection) -> tuple[Routed, ...]:
    """Return the last choices counted by policy and source, the commonest first."""
    found = rows(
        connection,
        "SELECT policy, source_id, count(*) AS n,"
        " count(*) FILTER (WHERE source_id <> wanted) AS moved"
        " FROM (SELECT * FROM route ORDER BY id DESC LIMIT :recent) r"
        " GROUP BY policy, source_id ORDER BY policy, count(*) DESC, source_id",
        recent=RECENT,
    )
    return tuple(Routed(r["policy"], r["source_id"], r["n"], r["moved"]) for r in found)


def choices(connection: Connection, *, last: int = 50) -> tuple[Choice, ...]:
    """Return the newest choices."""
    found = rows(connection, "SELECT * FROM route ORDER BY id DESC LIMIT :last", last=last)
    return tuple(
        Choice(
            r["policy"],
            r["task_id"],
            r["category"],
            r["wanted"],
            r["source_id"],
            None if r["chance"] is None else float(r["chance"]),
            r["why"],
            moment(r["created_at"]),
        )
        for r in found
    )
