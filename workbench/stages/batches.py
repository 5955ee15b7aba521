"""Ask through the providers' batch interfaces: half the price, within a day, in any order.

Every job is in the store before it leaves and every answer is there before its job counts as done,
so a kill at any moment pays for nothing twice: the next run finds the job and waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from workbench.errors import InputError
from workbench.settings import Settings
from workbench.stages.ask import AskReport, Known, Question, keep_answer, missing_questions
from workbench.stages.door import Door, budget_of
from workbench.stages.events import Reporter
from workbench.stages.sources import register_teacher
from workbench.store.batches import StoreBatches
from workbench.store.database import Store
from workbench.store.teaching import StoreCache, StoreLedger, keeper

if TYPE_CHECKING:
    from teachers.batch import Batches, BatchTeacher, Progress
    from teachers.model import Answer
    from teachers.protocol import Teacher

__all__ = ["BatchReport", "ask_in_batches", "check_batch_teachers"]

_STAGE = "batch"


@dataclass(slots=True)
class BatchReport(AskReport):
    """What came of asking in batches. ``waiting`` questions are at a provider.

    ``held`` were not sent: a cap forbids it until a person raises it, or what is under way turns
    out cheaper than what was set aside for it.
    """

    waiting: int = 0
    jobs: int = 0
    held: int = 0
    reasons: dict[str, str] = field(default_factory=dict)
    """Teacher -> the sentence of the cap that holds its questions."""

    @property
    def sentence(self) -> str:
        """Say it."""
        said = self.summary()[:-1]
        if self.waiting:
            said = f"{said}, {self.waiting} under way in {self.jobs} batches"
        if self.held:
            why = "; ".join(f"{name}: {reason}" for name, reason in self.reasons.items())
            said = f"{said}, {self.held} held back ({why})"
        return f"{said}."


def check_batch_teachers(teachers: Sequence[Teacher]) -> None:
    """Raise ``InputError`` when a teacher has no batch interface."""
    missing = [teacher.name for teacher in teachers if not hasattr(teacher, "batch_submit")]
    if missing:
        raise InputError(
            f"{', '.join(missing)} has no batch interface here.",
            "openai:MODEL, anthropic:MODEL and gemini:MODEL have one; ask the others without "
            "--batch.",
        )


def ask_in_batches(
    store: Store,
    settings: Settings,
    questions: Sequence[Question],
    teachers: Sequence[Teacher],
    *,
    run_id: str,
    reporter: Reporter | None = None,
    door: Door | None = None,
    wait: bool = True,
    poll_seconds: float = 30.0,
) -> BatchReport:
    """Collect what has come, send what is missing, and wait for the rest if ``wait``.

    Without ``wait`` it returns at once: run it again to collect. The teachers are closed. Raises
    ``InputError`` when a provider refuses a batch as a whole.
    """
    check_batch_teachers(teachers)
    reporter = reporter or Reporter(store)
    report = BatchReport()

    async def all_of_them() -> None:
        async with AsyncExitStack() as stack:
            runs = []
            for teacher in teachers:
                stack.push_async_callback(teacher.close)
                runs.append(_Run(store, settings, teacher, questions, run_id, door or Door()))
            for each in runs:
                each.begin(report, reporter)
            await _until_done(runs, report, reporter, wait=wait, seconds=poll_seconds)

    asyncio.run(all_of_them())
    for message, count in report.failures.most_common(5):
        reporter.error(_STAGE, f"{count} requests brought no answer: {message}")
    if report.held and not report.jobs:
        reporter.error(
            _STAGE, f"{report.held} questions were not sent; the same command sends them later"
        )
    reporter.done(_STAGE, report.sentence, {"asked": report.asked, "waiting": report.waiting})
    return report


async def _until_done(
    runs: Sequence[_Run], report: BatchReport, reporter: Reporter, *, wait: bool, seconds: float
) -> None:
    said = ""
    while True:
        states = [await each.step(report, reporter) for each in runs]
        report.waiting = sum(len(state.waiting) for state in states)
        report.jobs = sum(state.jobs for state in states)
        report.held = sum(state.held for state in states)
        sentence = f"{report.waiting} questions are under way in {report.jobs} batches"
        if report.held:
            sentence += f", {report.held} wait for money"
        if report.jobs and sentence != said:
            reporter.note(_STAGE, sentence)
            said = sentence
        if not report.jobs or not wait:
            break
        await asyncio.sleep(seconds)
    for each in runs:
        each.close(report)


class _Run:
    """One teacher's part of a run."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        teacher: Teacher,
        questions: Sequence[Question],
        run_id: str,
        door: Door,
    ) -> None:
        from teachers.codec import request_key

        self.store, self.settings, self.teacher, self.wanted = store, settings, teacher, questions
        self.by_key = {request_key(teacher.identity, q.prompt, q.sampling): q for q in questions}
        self.run_id, self.door = run_id, door
        self.missing: list[Question] = []
        self.failures: dict[str, str] = {}
        self.kept: set[str] = set()
        self.batches: Batches | None = None
        self.trouble = 0

    def begin(self, report: BatchReport, reporter: Reporter) -> None:
        """Find out what is missing and prepare to ask for it."""
        from teachers.batch import Batches
        from teachers.budget import Purse

        register_teacher(self.store, self.settings, self.teacher)
        self.missing = missing_questions(self.store, self.teacher, self.wanted, None, report)
        ledger = StoreLedger(self.store)
        self.batches = Batches(
            cast("BatchTeacher", self.teacher),  # as check_batch_teachers saw
            StoreCache(self.store),
            ledger,
            StoreBatches(self.store, self.teacher.name, self.run_id),
            self.run_id,
            self.door.book(self.settings),
            purse=Purse(budget_of(self.settings), ledger, self.run_id),
            keep=keeper(self.store),
            on_answer=lambda key, answer: self._keep(key, answer, report),
        )
        reporter.start(
            _STAGE, len(self.missing), f"{self.teacher.name}: {len(self.missing)} questions"
        )

    async def step(self, report: BatchReport, reporter: Reporter) -> Progress:
        """Do what can be done now."""
        from teachers.batch import Progress
        from teachers.errors import BusyError, TeacherError

        assert self.batches is not None
        try:
            progress = await self.batches.advance([(q.prompt, q.sampling) for q in self.missing])
        except BusyError as error:
            self.trouble += 1
            if self.trouble >= self.settings.attempts:
                raise InputError(
                    f"{error}.", "Nothing is lost: the same command later goes on."
                ) from error
            reporter.note(_STAGE, f"{self.teacher.name}: {error}; trying again")
            return Progress(jobs=1)
        except TeacherError as error:
            raise InputError(str(error)) from error
        self.trouble = 0
        if progress.refused is not None:
            report.reasons[self.teacher.name] = progress.refused
        else:
            report.reasons.pop(self.teacher.name, None)
        for key, answer in progress.answers.items():
            self._keep(key, answer, report)
        reporter.progress(_STAGE, report.asked, len(self.missing), self.teacher.name)
        return progress

    def close(self, report: BatchReport) -> None:
        """Count what stayed without an answer."""
        for sentence in self.failures.values():
            report.asked += 1
            report.failures[f"{self.teacher.name}: {sentence}"] += 1

    def _keep(self, key: str, answer: Answer, report: BatchReport) -> None:
        """Store one answer, once."""
        question = self.by_key.get(key)
        if question is None or key in self.kept:
            return
        if answer.finish.value == "failed":
            failure = answer.failure
            self.failures[key] = f"{failure.kind.value}: {failure.message}" if failure else "?"
            return
        self.failures.pop(key, None)
        self.kept.add(key)
        # A job that is collected again after a kill brings what is already here.
        if Known(self.store, self.teacher, [question]).answer(question) is not None:
            return
        keep_answer(self.store, self.teacher, question, answer, None)
        report.asked += 1
        report.finishes[answer.finish.value] += 1
        if not answer.cached:
            report.cost += answer.cost or Decimal(0)
            report.unpriced += answer.cost is None
