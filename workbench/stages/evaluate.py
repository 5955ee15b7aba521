"""Evaluate: base and student on the same held-out tasks, greedily, judged by the same judge.

The figures are paired: one row a task. What is counted is the verdict PROVED, unless a round says
that another verdict also counts. Figures are computed from the rows whenever somebody asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import col, delete, select

from workbench.errors import StageError
from workbench.settings import Settings
from workbench.stages.events import Reporter
from workbench.stages.judge import judge_answers, verdicts_of
from workbench.stages.student import Pupil, answer_tasks
from workbench.store.database import Store
from workbench.store.tables import AnswerRow, EvaluationRow, RoundTaskRow, TaskRow
from workbench.tasks import Task, task_of

if TYPE_CHECKING:
    from distill.evaluate import Paired

__all__ = ["Figures", "answer_and_judge", "evaluate_round", "figures", "held_out_tasks"]

_NO_CODE = "malformed"


@dataclass(frozen=True, slots=True)
class Figures:
    """How a round did on its held-out tasks, paired, overall and by category."""

    overall: Paired
    categories: Mapping[str, Paired]
    outputs_changed: int
    """Held-out tasks whose answer is another text than before."""


def held_out_tasks(store: Store, round_id: str) -> list[Task]:
    """Return the round's held-out tasks in their fixed order."""
    query = (
        select(TaskRow)
        .join(RoundTaskRow, col(RoundTaskRow.task_id) == col(TaskRow.id))
        .where(RoundTaskRow.round_id == round_id, RoundTaskRow.role == "eval")
        .order_by(col(RoundTaskRow.position))
    )
    with store.read() as session:
        return [task_of(row) for row in session.exec(query)]


def answer_and_judge(
    store: Store,
    settings: Settings,
    pupil: Pupil,
    tasks: Sequence[Task],
    *,
    role: str,
    max_tokens: int,
    round_id: str,
    reporter: Reporter,
    stage: str,
) -> dict[str, int]:
    """Let a student answer the held-out tasks and judge what it says; return task -> answer id."""
    answers = answer_tasks(
        store,
        settings,
        pupil,
        tasks,
        role=role,
        max_tokens=max_tokens,
        round_id=round_id,
        reporter=reporter,
        stage=stage,
    )
    judge_answers(store, settings, list(answers.values()), reporter=reporter, stage=stage)
    return answers


def evaluate_round(
    store: Store,
    settings: Settings,
    round_id: str,
    *,
    before: Mapping[str, int],
    after: Mapping[str, int],
    counts: Sequence[str] = ("proved",),
    reporter: Reporter | None = None,
) -> Figures:
    """Pair the judged answers of base (``before``) and student (``after``), task by task."""
    reporter = reporter or Reporter(store, None, round_id)
    tasks = held_out_tasks(store, round_id)
    rows = [
        EvaluationRow(
            round_id=round_id,
            task_id=task.id,
            category=task.category,
            base_answer_id=before[task.id],
            base_verdict=_word(store, settings, before[task.id]),
            student_answer_id=after[task.id],
            student_verdict=_word(store, settings, after[task.id]),
        )
        for task in tasks
    ]
    with store.write() as session:
        session.exec(delete(EvaluationRow).where(col(EvaluationRow.round_id) == round_id))
        session.add_all(rows)
    found = figures(store, round_id, counts=counts)
    reporter.done("evaluate", found.overall.sentence + ".", {"gain": found.overall.gain})
    return found


def figures(store: Store, round_id: str, *, counts: Sequence[str] = ("proved",)) -> Figures:
    """Compute the paired figures from the rows of an evaluated round."""
    from distill.evaluate import by_category, paired

    query = (
        select(EvaluationRow)
        .where(EvaluationRow.round_id == round_id)
        .order_by(col(EvaluationRow.task_id))
    )
    with store.read() as session:
        rows = list(session.exec(query))
        changed = sum(
            _text(session.get(AnswerRow, row.base_answer_id))
            != _text(session.get(AnswerRow, row.student_answer_id))
            for row in rows
        )
    if not rows:
        raise StageError(
            f"Round {round_id} has not been evaluated.", f"Run: workbench rounds resume {round_id}"
        )
    before = [row.base_verdict in counts for row in rows]
    after = [row.student_verdict in counts for row in rows]
    return Figures(
        paired(before, after),
        by_category([row.category for row in rows], before, after),
        changed,
    )


def _word(store: Store, settings: Settings, answer_id: int) -> str:
    """Return the verdict word of an answer; one without code is malformed."""
    with store.read() as session:
        answer = session.get(AnswerRow, answer_id)
    assert answer is not None
    if answer.candidate_id is None:
        return _NO_CODE
    pair = (answer.candidate_id, answer.task_id)
    return verdicts_of(store, settings, [pair])[pair].verdict


def _text(row: AnswerRow | None) -> str:
    return "" if row is None else row.text
