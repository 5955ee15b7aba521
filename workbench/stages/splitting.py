"""Hold tasks out, by group and by function, once: before the first round, and never again.

Tasks belong together when they share a family, a prompt, or a function (the same reference code
under renaming, proved equal, or alike on every probe). Only tasks that are on no side yet are
divided. The frozen division is kept with its digest; a later one is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import col, func, select

from workbench.errors import InputError, StageError
from workbench.settings import Settings
from workbench.store.canonical import canonical, digest
from workbench.store.database import Store
from workbench.store.tables import RoundRow, SettingRow, TaskRow
from workbench.tasks import Task, task_of

__all__ = ["Division", "divide"]

_KEY = "split"


@dataclass(frozen=True, slots=True)
class Division:
    """How the tasks were divided."""

    train: int
    held_out: int
    groups: int
    digest: str

    @property
    def sentence(self) -> str:
        """Say it."""
        return (
            f"{self.held_out} tasks held out, {self.train} to learn from; {self.groups} groups of "
            f"tasks that belong together. Frozen as {self.digest[:12]}."
        )


def divide(store: Store, settings: Settings, *, share: float = 0.2, seed: int = 0) -> Division:
    """Divide the tasks that are on no side, and freeze the division.

    Raises ``StageError`` once a round exists or a division is frozen, ``InputError`` when there is
    nothing to divide.
    """
    from distill.errors import DistillError
    from distill.split import held_out

    tasks = _undivided(store)
    try:
        taken, count = held_out(_keys(tasks, settings.jobs), share, seed)
    except DistillError as error:
        raise InputError(f"{error}.", "Import more tasks, or hold out another share.") from error
    sides = {task.id: "eval" if task.id in taken else "train" for task in tasks}
    name = digest(canonical({"seed": seed, "share": share, "sides": sides}))
    with store.write() as session:
        for task_id, side in sides.items():
            row = session.get(TaskRow, task_id)
            assert row is not None  # tasks are never deleted
            row.split = side
            session.add(row)
        session.add(SettingRow(key=_KEY, value=name))
    return Division(len(tasks) - len(taken), len(taken), count, name)


def _undivided(store: Store) -> list[Task]:
    with store.read() as session:
        if session.get(SettingRow, _KEY) is not None:
            raise StageError(
                "The tasks of this home were divided before, and that is frozen.",
                "New tasks can be imported with a side of their own (--split).",
            )
        if session.exec(select(func.count()).select_from(RoundRow)).one():
            raise StageError(
                "There is a round already; what it trained on cannot be held out any more.",
                "Divide tasks in a new home (WORKBENCH_HOME).",
            )
        query = select(TaskRow).where(TaskRow.split == "none").order_by(col(TaskRow.id))
        tasks = [task_of(row) for row in session.exec(query)]
    if not tasks:
        raise InputError(
            "There is no task without a side.", "Import some: workbench tasks import FILE"
        )
    return tasks


def _keys(tasks: Sequence[Task], jobs: int) -> dict[str, list[str]]:
    """Return for each task what it shares with those it belongs to."""
    from distill.dedupe import normalised

    keys: dict[str, list[str]] = {}
    for task in tasks:
        found = ["prompt/" + " ".join(re.findall(r"\w+", task.prompt.lower()))]
        if task.family:
            found.append(f"family/{task.family}")
        if task.reference:
            found.append("code/" + normalised(task.reference))
        keys[task.id] = found
    for one, other in _same_functions([task for task in tasks if task.reference], jobs):
        keys[other].append(f"function/{one}")
        keys[one].append(f"function/{one}")
    return keys


def _same_functions(tasks: Sequence[Task], jobs: int) -> list[tuple[str, str]]:
    """Return pairs of task ids whose references are one function."""
    from distill.example import Example
    from workbench.stages.filtering import semantic_duplicates

    rows = [Example(t.id, t.id, (("user", t.prompt),), t.reference or "", "ref") for t in tasks]
    found = semantic_duplicates(rows, {task.id: task for task in tasks}, jobs=jobs)
    return [(tasks[one.kept].id, tasks[one.index].id) for one in found]
