"""Prove a dataset again: every row's code against its task's contract, by the judge of today.

Nothing stored is believed but the rows and the tasks. What it is not: a second opinion by another
prover; that is the re-check of a certificate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlmodel import col, select

from workbench.errors import StageError
from workbench.settings import Settings
from workbench.stages.training_rows import snapshot_examples
from workbench.store.canonical import parse
from workbench.store.database import Store
from workbench.store.tables import SnapshotRow, TaskRow
from workbench.tasks import Task, submission, task_of

if TYPE_CHECKING:
    from distill.example import Example
    from judge.contract import Submission
    from judge.verdict import Judgement

__all__ = ["Reproved", "reprove"]


@dataclass(slots=True)
class Reproved:
    """What came out: verdicts by word, and a sentence for each row that no longer stands."""

    rows: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def reprove(
    store: Store,
    settings: Settings,
    snapshot: SnapshotRow,
    *,
    on_done: Callable[[int, int], None] | None = None,
) -> Reproved:
    """Judge every row of a snapshot again; a row stands when the policy still accepts its verdict.

    Raises ``StageError`` when the judge cannot start here.
    """
    from judge.pool import WorkerFailedError, judge_many

    examples = snapshot_examples(store, snapshot)
    accept = parse(store.blobs.text(snapshot.inputs_digest))["policy"]["accept"]
    tasks = _tasks(store, sorted({row.task_id for row in examples}))
    found = Reproved()

    def heard(judgement: Judgement) -> None:
        found.rows += 1
        found.verdicts[judgement.verdict.word] += 1
        if judgement.verdict.word not in accept:
            row = examples[int(judgement.id)]
            found.problems.append(
                f"Row {int(judgement.id) + 1} ({row.task_id}) is now "
                f"{judgement.verdict.word}: {judgement.explanation}"
            )
        if on_done is not None:
            on_done(found.rows, len(examples))

    missing = [row.task_id for row in examples if row.task_id not in tasks]
    found.problems += [f"Task {name!r} of a row is not in the store." for name in missing]
    try:
        for _ in judge_many(
            _submissions(examples, tasks),
            jobs=settings.jobs,
            budget=settings.budget(),
            on_done=heard,
        ):
            pass
    except WorkerFailedError as error:
        raise StageError(
            f"The judge cannot start here: {str(error).splitlines()[0]}.",
            "See what is missing: workbench doctor",
        ) from error
    found.problems.sort()
    return found


def _submissions(examples: list[Example], tasks: dict[str, Task]) -> Iterator[Submission]:
    for number, row in enumerate(examples):
        if row.task_id in tasks:
            yield submission(tasks[row.task_id], row.completion, str(number))


def _tasks(store: Store, names: list[str]) -> dict[str, Task]:
    found: dict[str, Task] = {}
    with store.read() as session:
        for begin in range(0, len(names), 500):
            query = select(TaskRow).where(col(TaskRow.id).in_(names[begin : begin + 500]))
            found.update({row.id: task_of(row) for row in session.exec(query)})
    return found
