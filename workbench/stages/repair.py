"""Repair: a refuted teacher gets its smallest counterexample back, a few times at most.

The whole trajectory stays: every attempt is an answer with its number and its parent. Formal
teachers get the input as a counterexample in their specification (and as an example where the right
result is known); the others get the judge's explanation as the next turn of the conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.settings import Settings
from workbench.stages.answers import latest_by_source, round_answers
from workbench.stages.ask import Question, ask_questions, open_teachers
from workbench.stages.events import Reporter
from workbench.stages.judge import judge_answers, verdicts_of
from workbench.stages.prompts import repair_prompt
from workbench.store.canonical import parse
from workbench.store.database import Store
from workbench.store.tables import AnswerRow, VerdictRow
from workbench.tasks import Task

if TYPE_CHECKING:
    from teachers.model import Sampling
    from teachers.protocol import Teacher

__all__ = ["RepairReport", "repair"]


@dataclass(slots=True)
class RepairReport:
    """How many refuted answers were given back, and how many of them came back accepted."""

    attempts: int = 0
    repaired: int = 0

    @property
    def sentence(self) -> str:
        """Say it."""
        return f"{self.attempts} refuted answers given back, {self.repaired} repaired."


def repair(
    store: Store,
    settings: Settings,
    tasks: Sequence[Task],
    teachers: Sequence[str],
    *,
    round_id: str,
    cap: int = 2,
    reporter: Reporter | None = None,
) -> RepairReport:
    """Give every refuted answer of the round back up to ``cap`` times, judging after each time."""
    reporter = reporter or Reporter(store, None, round_id)
    by_id = {task.id: task for task in tasks}
    report = RepairReport()
    # Nothing new as a rule; after an update of the judge, what an earlier one said is said again.
    so_far = round_answers(store, round_id, "teacher", "repair")
    judge_answers(store, settings, [r.id for r in so_far if r.id], reporter=reporter)
    for attempt in range(1, cap + 1):
        refuted = _refuted(store, settings, round_id, attempt - 1, set(teachers), by_id)
        if not refuted:
            break
        questions = [_question(store, settings, by_id[row.task_id], row) for row in refuted]
        wanted = sorted({row.source_id for row in refuted})
        opened = open_teachers(wanted)
        asyncio.run(
            ask_questions(
                store,
                settings,
                [(teacher, _of(teacher, refuted, questions)) for teacher in opened],
                round_id=round_id,
                reporter=reporter,
                stage="repair",
            )
        )
        new = [r for r in round_answers(store, round_id, "repair") if r.attempt == attempt]
        judge_answers(
            store, settings, [r.id for r in new if r.id], reporter=reporter, stage="repair"
        )
        report.attempts += len(refuted)
        report.repaired += _accepted(store, settings, new)
    reporter.done("repair", report.sentence)
    return report


def _refuted(
    store: Store,
    settings: Settings,
    round_id: str,
    attempt: int,
    teachers: set[str],
    tasks: dict[str, Task],
) -> list[AnswerRow]:
    """Return the teachers' latest answers that are this far and were refuted with an input."""
    rows = latest_by_source(round_answers(store, round_id, "teacher", "repair"))
    rows = [
        row
        for row in rows
        if row.attempt == attempt and row.source_id in teachers and row.task_id in tasks
    ]
    found = verdicts_of(store, settings, [(r.candidate_id or "", r.task_id) for r in rows])
    return [
        row
        for row in rows
        if (verdict := found.get((row.candidate_id or "", row.task_id))) is not None
        and verdict.verdict == "refuted"
        and verdict.counterexample_json is not None
    ]


def _question(store: Store, settings: Settings, task: Task, row: AnswerRow) -> Question:
    """Build the next turn from the whole chain of attempts behind ``row``."""
    chain = _chain(store, row)
    found = verdicts_of(store, settings, [(r.candidate_id or "", r.task_id) for r in chain])
    verdicts = [found[(r.candidate_id or "", r.task_id)] for r in chain]
    inputs = [_input(verdict) for verdict in verdicts]
    return Question(
        task=task,
        prompt=repair_prompt(
            task,
            [(r.text, v.explanation) for r, v in zip(chain, verdicts, strict=True)],
            [args for args, _, _ in inputs],
            [(args, expected) for args, expected, is_known in inputs if is_known],
            store.blobs,
        ),
        sampling=_sampling(row),
        role="repair",
        attempt=row.attempt + 1,
        parent_id=row.id,
    )


def _chain(store: Store, row: AnswerRow) -> list[AnswerRow]:
    """Return the attempts that led to ``row``, oldest first, itself last."""
    chain = [row]
    with store.read() as session:
        while chain[0].parent_id is not None:
            parent = session.get(AnswerRow, chain[0].parent_id)
            assert parent is not None  # held by a foreign key
            chain.insert(0, parent)
    return chain


def _input(verdict: VerdictRow) -> tuple[tuple[object, ...], object, bool]:
    """Return a counterexample's arguments, its expected result, and whether that is known."""
    from judge.plain import from_json

    found: dict[str, Any] = parse(verdict.counterexample_json)
    args = tuple(from_json(arg) for arg in found["args"])
    expected = from_json(found["expected"])
    # A clause of the contract says what is wrong, not what would be right; a test case says both.
    is_known = found["violates"] is None and found["raised"] is None and expected is not None
    return args, expected, is_known


def _sampling(row: AnswerRow) -> Sampling:
    from teachers.model import Sampling

    fields = parse(row.sampling_json)
    return Sampling(**{**fields, "stop": tuple(fields["stop"])})


def _of(
    teacher: Teacher, rows: Sequence[AnswerRow], questions: Sequence[Question]
) -> list[Question]:
    return [q for row, q in zip(rows, questions, strict=True) if row.source_id == teacher.name]


def _accepted(store: Store, settings: Settings, rows: Sequence[AnswerRow]) -> int:
    found = verdicts_of(store, settings, [(r.candidate_id or "", r.task_id) for r in rows])
    return sum(v.verdict in ("proved", "bounded", "tested") for v in found.values())
