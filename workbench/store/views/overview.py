"""Is the student better, can it be trusted, what comes next: the figures of the front page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from workbench.store.views import matrix
from workbench.store.views.reading import count, moment, rows


@dataclass(frozen=True, slots=True)
class Figures:
    """What the home holds, counted. Money in US dollars; ``unpriced`` requests have no known price.

    "Today" is the last 24 hours.
    """

    tasks: int
    held_out: int
    answers: int
    verdicts: int
    proved: int
    proved_today: int
    obligations: int
    cost: Decimal
    cost_today: Decimal
    unpriced: int
    rechecks: dict[str, int]
    """How many verdicts with obligations a second solver confirmed, left single or disputed."""
    judge_errors: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Errors of the same kind, once, with how often and when last."""

    stage: str
    message: str
    times: int
    last: datetime


def figures(connection: Connection) -> Figures:
    """Return the counts of the whole home."""
    day = datetime.now(UTC) - timedelta(days=1)
    words = {
        r["verdict"]: r["n"]
        for r in rows(connection, "SELECT verdict, count(*) AS n FROM verdict GROUP BY verdict")
    }
    rechecks = {
        r["recheck"]: r["n"]
        for r in rows(
            connection,
            "SELECT recheck, count(*) AS n FROM verdict WHERE verdict = 'proved' GROUP BY recheck",
        )
    }
    cost, cost_today, unpriced = _money(connection, day)
    return Figures(
        tasks=count(connection, "SELECT count(*) AS n FROM task"),
        held_out=count(connection, "SELECT count(*) AS n FROM task WHERE split = 'eval'"),
        answers=count(connection, "SELECT count(*) AS n FROM answer"),
        verdicts=sum(words.values()),
        proved=words.get("proved", 0),
        proved_today=count(
            connection,
            "SELECT count(*) AS n FROM verdict WHERE verdict = 'proved' AND created_at >= :day",
            day=day,
        ),
        obligations=count(connection, "SELECT count(*) AS n FROM obligation"),
        cost=cost,
        cost_today=cost_today,
        unpriced=unpriced,
        rechecks=rechecks,
        judge_errors=words.get("error", 0),
    )


def _money(connection: Connection, day: datetime) -> tuple[Decimal, Decimal, int]:
    """Add up the ledger to the billionth of a dollar, in integers so that nothing is rounded."""
    nano = "CAST(round(CAST(cost AS NUMERIC) * 1000000000) AS BIGINT)"
    found = rows(
        connection,
        f"SELECT sum({nano}) AS total, sum({nano}) FILTER (WHERE created_at >= :day) AS today,"
        " count(*) FILTER (WHERE cost IS NULL) AS unpriced FROM ledger",
        day=day,
    )[0]
    total, today = (Decimal(int(found[k] or 0)).scaleb(-9) for k in ("total", "today"))
    return total, today, int(found["unpriced"])


def waiting_tasks(connection: Connection) -> int:
    """Return how many training tasks have a proved answer and are in no dataset yet."""
    names = [source.id for source in matrix.sources(connection) if source.kind == "teacher"]
    if not names:
        return 0
    return count(
        connection,
        f"SELECT count(DISTINCT c.task_id) AS n FROM ({matrix.cells(connection)}) c"
        " JOIN task t ON t.id = c.task_id WHERE c.word = 'proved' AND t.split = 'train'"
        " AND NOT EXISTS (SELECT 1 FROM example e WHERE e.task_id = c.task_id)",
        sources=names,
    )


def troubles(connection: Connection, *, last: int = 5) -> tuple[Trouble, ...]:
    """Return the errors that runs reported, grouped by their message, the newest first."""
    found = rows(
        connection,
        "SELECT stage, message, count(*) AS n, max(created_at) AS last FROM event"
        " WHERE kind = 'error' GROUP BY stage, message ORDER BY max(id) DESC LIMIT :last",
        last=last,
    )
    return tuple(Trouble(r["stage"], r["message"], r["n"], moment(r["last"])) for r in found)
