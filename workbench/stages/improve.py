"""The loop by itself: what is new becomes rows, and when there are enough of them, a round.

Kept questions of the serving side become tasks, the teachers answer what no round has asked yet,
winners are chosen, and a training begins only when the dataset is ready. Called again and again (by
``workbench schedule``), it goes on where it stopped and pays for nothing twice: a later round finds
the answers and verdicts of the earlier one. What it is not: another kind of round; each is run by
``rounds`` and decided by the gate.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import col, select

from workbench.errors import InputError
from workbench.settings import Settings
from workbench.stages.events import Listener, Reporter
from workbench.stages.plan import find_round, plan_round
from workbench.stages.readiness import Demand, Readiness, readiness
from workbench.stages.round_config import RoundConfig
from workbench.stages.rounds import STAGES, RoundResult, run_round
from workbench.store.database import Store
from workbench.store.tables import RoundRow, RoundTaskRow, SnapshotRow, TaskRow, now

__all__ = ["Improvement", "improve"]


@dataclass(frozen=True, slots=True)
class Improvement:
    """What one call did. ``result`` is there when a training was started."""

    tasks: tuple[str, ...]
    """Tasks made of kept questions."""
    round_id: str | None
    """The round at hand; None when there is nothing new to learn from."""
    readiness: Readiness | None
    result: RoundResult | None

    @property
    def sentence(self) -> str:
        """Say it."""
        made = f"{len(self.tasks)} new tasks of kept questions. " if self.tasks else ""
        if self.round_id is None:
            return f"{made}Nothing new to learn from."
        if self.result is None:
            said = "No winners yet." if self.readiness is None else self.readiness.sentence
            return f"{made}Round {self.round_id} waits: {said}"
        return f"{made}Round {self.round_id}: {self.result.decision or self.result.stage}"


def improve(
    store: Store,
    settings: Settings,
    config: RoundConfig,
    demand: Demand,
    *,
    on_event: Listener | None = None,
) -> Improvement:
    """Do what there is to do; train when the dataset is ready.

    Raises ``InputError`` for a configuration that draws its tasks from the family: then nothing
    that people ask would ever be learnt.
    """
    from workbench.server.feedback import make_tasks

    if config.family is not None:
        raise InputError(
            "This works on the store's own tasks, and the configuration draws generated ones.",
            "Leave family out; import tasks or keep questions instead.",
        )
    made = tuple(task.id for task in make_tasks(store))
    name = _round(store, settings, config)
    if name is None:
        return Improvement(made, None, None, None)
    row = _row(store, name)
    if STAGES.index(row.stage) < STAGES.index("selected"):
        run_round(store, settings, name, on_event=on_event, until="selected")
    found = _readiness(store, name, demand)
    if found is None or not found.ready:
        waits = Improvement(made, name, found, None)
        Reporter(store, on_event, name).note("improve", waits.sentence)
        return waits
    result = run_round(store, settings, name, on_event=on_event)
    return Improvement(made, name, found, result)


def _round(store: Store, settings: Settings, config: RoundConfig) -> str | None:
    """Return the round to go on with: a waiting one, a new one over more tasks, or none."""
    known = find_round(store, config)
    waiting = known if known is not None and _row(store, known).state == "open" else None
    if waiting is not None and STAGES.index(_row(store, waiting).stage) > STAGES.index("selected"):
        return waiting  # a training that was stopped goes on, whatever came since
    tasks = _training_tasks(store, config)
    asked = _tasks_of(store, waiting) if waiting is not None else _all_tasks(store)
    if not set(tasks) - asked:
        return waiting
    name = plan_round(store, settings, config)
    if waiting is not None:
        _supersede(store, waiting, name)
    return name


def _training_tasks(store: Store, config: RoundConfig) -> list[str]:
    """Return the tasks that a round planned now would train on."""
    query = select(TaskRow.id).where(TaskRow.split == "train").order_by(col(TaskRow.id))
    if config.categories:
        query = query.where(col(TaskRow.category).in_(config.categories))
    with store.read() as session:
        return list(session.exec(query.limit(config.most_tasks)))


def _tasks_of(store: Store, round_id: str) -> set[str]:
    query = select(RoundTaskRow.task_id).where(RoundTaskRow.round_id == round_id)
    with store.read() as session:
        return set(session.exec(query))


def _all_tasks(store: Store) -> set[str]:
    """Return the tasks that some round has trained on or tried to."""
    query = select(RoundTaskRow.task_id).where(RoundTaskRow.role == "train").distinct()
    with store.read() as session:
        return set(session.exec(query))


def _supersede(store: Store, old: str, new: str) -> None:
    with store.write() as session:
        row = session.get(RoundRow, old)
        assert row is not None
        row.state, row.updated_at = "stopped", now()
        row.decision = f"Not trained: round {new} has its tasks and newer ones."
        session.add(row)


def _readiness(store: Store, round_id: str, demand: Demand) -> Readiness | None:
    with store.read() as session:
        this = session.get(RoundRow, round_id)
        snapshot = session.get(SnapshotRow, this.snapshot_id) if this and this.snapshot_id else None
    return None if snapshot is None else readiness(store, snapshot, demand)


def _row(store: Store, round_id: str) -> RoundRow:
    with store.read() as session:
        row = session.get(RoundRow, round_id)
    assert row is not None
    return row
