"""The next round by itself: what was asked in production becomes tasks, and enough of them a round.

Meant to be run by a schedule. Nothing happens until there are enough new tasks, or fewer where what
is served has drifted; the round's dataset is then measured before anything is trained, and a round
that is not ready ends with the reason, so that the next one takes its tasks again. Answers and
verdicts are in the store by then: nothing is asked or judged twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlmodel import col, func, select

from workbench.errors import NotFoundError
from workbench.settings import Settings
from workbench.stages.events import Listener
from workbench.stages.plan import plan_round
from workbench.stages.readiness import Demand, readiness
from workbench.stages.round_config import RoundConfig
from workbench.stages.rounds import RoundResult, config_of, latest_round, run_round
from workbench.store.database import Store
from workbench.store.tables import AlertRow, RoundRow, RoundTaskRow, SnapshotRow, TaskRow, now

__all__ = ["Needed", "Next", "new_tasks", "next_config", "run_next"]


@dataclass(frozen=True, slots=True)
class Needed:
    """What has to be there before a round begins, and before its student is trained."""

    tasks: int = 50
    """Training tasks that no finished round has used."""
    drifted: int = 10
    """So many are enough while an alert of drift stands."""
    data: Demand = field(default_factory=Demand)


@dataclass(frozen=True, slots=True)
class Next:
    """What came of it: a sentence, and the round that ran, if one did."""

    sentence: str
    result: RoundResult | None = None


def new_tasks(store: Store) -> int:
    """Count the training tasks that no finished round has used."""
    used = (
        select(RoundTaskRow.task_id)
        .join(RoundRow, col(RoundRow.id) == col(RoundTaskRow.round_id))
        .where(RoundRow.state == "done")
    )
    query = (
        select(func.count())
        .select_from(TaskRow)
        .where(TaskRow.split == "train", col(TaskRow.id).not_in(used))
    )
    with store.read() as session:
        return session.exec(query).one()


def next_config(store: Store) -> RoundConfig:
    """Return the latest round's configuration over the store's tasks, compared with who is in use.

    Without an earlier round it is the default one.
    """
    try:
        before = config_of(store, latest_round(store))
    except NotFoundError:
        return RoundConfig()
    return before.model_copy(update={"family": None, "start": "promoted"})


def run_next(
    store: Store,
    settings: Settings,
    needed: Needed,
    *,
    config: RoundConfig | None = None,
    on_event: Listener | None = None,
) -> Next:
    """Go on with an open round, or begin the next one when there is enough for it."""
    name = _open_round(store)
    if name is None:
        count, enough = new_tasks(store), needed.tasks
        drifted = _drifted(store)
        if drifted:
            enough = min(enough, needed.drifted)
        if count < enough:
            why = f" (while {drifted} has drifted)" if drifted else ""
            return Next(f"No round yet: {count} new tasks of {enough}{why}.")
        name = plan_round(store, settings, config or next_config(store))
    result = run_round(store, settings, name, on_event=on_event, until="selected")
    if result.state != "open":
        return Next(f"Round {name} ended: {result.decision}", result)
    if result.stage == "selected":
        found = readiness(store, _snapshot(store, name), needed.data)
        if not found.ready:
            _stop(store, name, found.sentence)
            return Next(f"Round {name} ended before training: {found.sentence}")
    result = run_round(store, settings, name, on_event=on_event)
    word = "put in use" if result.promoted else "not put in use"
    return Next(f"Round {name}: its student was {word}. {result.decision or ''}".strip(), result)


def _open_round(store: Store) -> str | None:
    """Return the latest round if it has begun and not ended: it is finished first."""
    with store.read() as session:
        row = session.exec(select(RoundRow).order_by(col(RoundRow.number).desc())).first()
    if row is None or row.state != "open":
        return None
    return row.id


def _drifted(store: Store) -> str | None:
    """Return the name of a figure of the served student that has moved, if one has."""
    query = select(AlertRow.subject).where(
        AlertRow.kind == "drift", col(AlertRow.cleared_at).is_(None)
    )
    with store.read() as session:
        return session.exec(query).first()


def _snapshot(store: Store, round_id: str) -> SnapshotRow:
    with store.read() as session:
        row = session.get(RoundRow, round_id)
        assert row is not None
        snapshot = session.get(SnapshotRow, row.snapshot_id)
    assert snapshot is not None  # the stage that was just finished made it
    return snapshot


def _stop(store: Store, round_id: str, reason: str) -> None:
    with store.write() as session:
        row = session.get(RoundRow, round_id)
        assert row is not None
        row.state, row.decision, row.updated_at = "stopped", reason, now()
        session.add(row)
