"""Did a round help: its stages, its loss, and the tasks that it fixed and broke."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from workbench.store.views.reading import count, maybe_moment, moment, one, rows, stored

STAGES = (
    "planned",
    "baseline",
    "asked",
    "judged",
    "repaired",
    "selected",
    "trained",
    "evaluated",
    "promoted",
    "certified",
)
"""The stages of a round in their order; ``round.stage`` names the last finished one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The paired figures of a round's evaluation, as the gate reads them.

    Rates are shares of the held-out tasks whose verdict is one of ``counts``; ``low`` and ``high``
    bound the gain with 95 % confidence; ``p`` is McNemar's exact test over ``fixed`` against
    ``broken``.
    """

    n: int
    before: float
    after: float
    gain: float
    low: float
    high: float
    fixed: int
    broken: int
    p: float
    counts: tuple[str, ...] = ("proved",)


@dataclass(frozen=True, slots=True)
class Round:
    """One round and how far it got."""

    id: str
    number: int
    stage: str
    state: str
    config: Mapping[str, Any]
    parent_id: str | None
    base_source_id: str | None
    student_source_id: str | None
    snapshot_id: str | None
    adapter_id: str | None
    promoted: bool | None
    decision: str | None
    certificate_id: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Flip:
    """One held-out task before and after a round."""

    task_id: str
    category: str
    before: str
    after: str
    change: str
    """One of "fixed", "broken", "kept" (right both times) or "still wrong"."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a round's progress."""

    id: int
    stage: str
    kind: str
    done: int | None
    total: int | None
    message: str
    data: Mapping[str, Any]
    at: datetime


_ROUND = """SELECT r.*, (SELECT c.id FROM certificate c WHERE c.round_id = r.id
    ORDER BY c.created_at DESC LIMIT 1) AS certificate_id FROM round r"""

_CHANGE = """CASE WHEN base_verdict IN :counts AND student_verdict IN :counts THEN 'kept'
    WHEN student_verdict IN :counts THEN 'fixed'
    WHEN base_verdict IN :counts THEN 'broken' ELSE 'still wrong' END"""


def all_rounds(connection: Connection) -> tuple[Round, ...]:
    """Return every round, the newest first."""
    return tuple(_round(r) for r in rows(connection, f"{_ROUND} ORDER BY r.number DESC"))


def find(connection: Connection, name: str) -> Round | None:
    """Return the round with this id or this number, or None."""
    number = int(name) if name.isdecimal() and len(name) < 10 else -1
    r = one(connection, f"{_ROUND} WHERE r.id = :id OR r.number = :number", id=name, number=number)
    return _round(r) if r else None


def _round(r: Mapping[str, Any]) -> Round:
    return Round(
        r["id"],
        r["number"],
        r["stage"],
        r["state"],
        stored(r["config_json"]) or {},
        r["parent_id"],
        r["base_source_id"],
        r["student_source_id"],
        r["snapshot_id"],
        r["adapter_id"],
        None if r["promoted"] is None else bool(r["promoted"]),
        r["decision"],
        r["certificate_id"],
        moment(r["created_at"]),
        moment(r["updated_at"]),
    )


def outcome(connection: Connection, round_id: str) -> Outcome | None:
    """Return the paired figures of a round, or None while nothing is evaluated.

    The figures are those of ``distill.evaluate.paired`` over the tasks in the order of their ids,
    the same that the gate read.
    """
    from distill.evaluate import paired

    counts = _counts(_config(connection, round_id))
    before: list[bool] = []
    after: list[bool] = []
    last = ""
    while batch := rows(
        connection,
        "SELECT task_id, base_verdict, student_verdict FROM evaluation"
        " WHERE round_id = :round AND task_id > :last ORDER BY task_id LIMIT 1000",
        round=round_id,
        last=last,
    ):
        before += [r["base_verdict"] in counts for r in batch]
        after += [r["student_verdict"] in counts for r in batch]
        last = batch[-1]["task_id"]
    if not before:
        return None
    found = paired(before, after)
    return Outcome(
        found.n,
        found.before_rate,
        found.after_rate,
        found.gain,
        found.low,
        found.high,
        found.fixed,
        found.broken,
        found.mcnemar_p,
        tuple(counts),
    )


def _config(connection: Connection, round_id: str) -> Mapping[str, Any]:
    found = one(connection, "SELECT config_json FROM round WHERE id = :round", round=round_id)
    return (stored(found["config_json"]) if found else None) or {}


def _counts(config: Mapping[str, Any]) -> list[str]:
    """Return the verdicts that count as right in a round's evaluation."""
    return list(config.get("counts") or ["proved"])


def changes(connection: Connection, round_id: str) -> dict[str, int]:
    """Return how many held-out tasks changed in which way."""
    found = rows(
        connection,
        f"SELECT {_CHANGE} AS word, count(*) AS n FROM evaluation"
        " WHERE round_id = :round GROUP BY 1",
        round=round_id,
        counts=_counts(_config(connection, round_id)),
    )
    return {r["word"]: r["n"] for r in found}


def flips(
    connection: Connection, round_id: str, change: str = "", *, number: int = 1, size: int = 50
) -> tuple[Flip, ...]:
    """Return one page of held-out tasks, those that changed first; ``change`` narrows them."""
    found = rows(
        connection,
        f"""SELECT * FROM (SELECT task_id, category, base_verdict, student_verdict,
            {_CHANGE} AS word FROM evaluation WHERE round_id = :round) e
        WHERE (:change = '' OR word = :change)
        ORDER BY CASE word WHEN 'broken' THEN 0 WHEN 'fixed' THEN 1 WHEN 'still wrong' THEN 2
            ELSE 3 END, task_id LIMIT :size OFFSET :skip""",
        round=round_id,
        counts=_counts(_config(connection, round_id)),
        change=change,
        size=size,
        skip=(number - 1) * size,
    )
    return tuple(
        Flip(r["task_id"], r["category"], r["base_verdict"], r["student_verdict"], r["word"])
        for r in found
    )


def by_category(connection: Connection, round_id: str) -> tuple[tuple[str, int, int, int], ...]:
    """Return (category, held-out tasks, right before, right after), sorted by category."""
    found = rows(
        connection,
        """SELECT category, count(*) AS n,
            count(*) FILTER (WHERE base_verdict IN :counts) AS before,
            count(*) FILTER (WHERE student_verdict IN :counts) AS after
        FROM evaluation WHERE round_id = :round GROUP BY category ORDER BY category""",
        round=round_id,
        counts=_counts(_config(connection, round_id)),
    )
    return tuple((r["category"], r["n"], r["before"], r["after"]) for r in found)


def events(
    connection: Connection, round_id: str, *, kinds: tuple[str, ...] = (), last: int = 200
) -> tuple[Event, ...]:
    """Return the last events of a round, oldest first; ``kinds`` narrows them."""
    narrowed = "AND kind IN :kinds" if kinds else ""
    values: dict[str, object] = {"kinds": list(kinds)} if kinds else {}
    found = rows(
        connection,
        f"SELECT * FROM event WHERE round_id = :round {narrowed} ORDER BY id DESC LIMIT :last",
        round=round_id,
        last=last,
        **values,
    )
    return tuple(_event(r) for r in reversed(found))


def _event(r: Mapping[str, Any]) -> Event:
    return Event(
        r["id"],
        r["stage"],
        r["kind"],
        r["done"],
        r["total"],
        r["message"],
        stored(r["data_json"]) or {},
        moment(r["created_at"]),
    )


def losses(connection: Connection, round_id: str) -> tuple[tuple[int, float], ...]:
    """Return (step, training loss) of a round, thinned evenly to at most 1000 points."""
    steps = count(
        connection,
        "SELECT max(done) AS n FROM event WHERE round_id = :round AND kind = 'loss'",
        round=round_id,
    )
    found = rows(
        connection,
        "SELECT * FROM event WHERE round_id = :round AND kind = 'loss'"
        " AND (done IS NULL OR done % :every = 0) ORDER BY id LIMIT 1000",
        round=round_id,
        every=max(1, -(-steps // 1000)),
    )
    return tuple(
        (int(e.data.get("step", e.done or 0)), float(e.data["loss"]))
        for e in map(_event, found)
        if e.data.get("loss") is not None
    )


def stage_times(connection: Connection, round_id: str) -> dict[str, tuple[datetime, datetime]]:
    """Return when each stage began and when it was last heard of."""
    found = rows(
        connection,
        "SELECT stage, min(created_at) AS first, max(created_at) AS last FROM event"
        " WHERE round_id = :round GROUP BY stage",
        round=round_id,
    )
    return {r["stage"]: (moment(r["first"]), moment(r["last"])) for r in found}


def last_event(connection: Connection) -> Event | None:
    """Return the newest event of any round."""
    r = one(connection, "SELECT * FROM event ORDER BY id DESC LIMIT 1")
    return _event(r) if r else None


@dataclass(frozen=True, slots=True)
class Adapter:
    """LoRA weights of a round."""

    id: str
    path: str
    digest: str
    base: str
    base_digest: str
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    promoted_at: datetime | None


def adapter(connection: Connection, adapter_id: str) -> Adapter | None:
    """Return an adapter, or None when there is none with this id."""
    r = one(connection, "SELECT * FROM adapter WHERE id = :id", id=adapter_id)
    if r is None:
        return None
    return Adapter(
        r["id"],
        r["path"],
        r["digest"],
        r["base"],
        r["base_digest"],
        stored(r["config_json"]) or {},
        stored(r["metrics_json"]) or {},
        maybe_moment(r["promoted_at"]),
    )


def examples_of(connection: Connection, snapshot_id: str) -> int:
    """Return how many examples a snapshot holds."""
    return count(connection, "SELECT rows AS n FROM snapshot WHERE id = :id", id=snapshot_id)
