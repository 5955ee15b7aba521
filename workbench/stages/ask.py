"""Ask: teachers answer tasks, each through the gateway, many at once; only what is missing.

Every answer is in the store before its place is given to the next question. A failed request is
no answer: it is reported, and asked again the next time. Not here: the student (``student``).
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from workbench.errors import InputError, WorkbenchError
from workbench.settings import Settings
from workbench.stages.answers import Draft, find_answers, link_answer, save_answers
from workbench.stages.events import Reporter
from workbench.stages.prompts import teacher_prompt
from workbench.stages.sources import register_teacher
from workbench.store.canonical import canonical, digest
from workbench.store.database import Store
from workbench.tasks import Task

if TYPE_CHECKING:
    from teachers.gateway import Gateway
    from teachers.model import Answer, Prompt, Sampling
    from teachers.protocol import Teacher

__all__ = [
    "AskReport",
    "Question",
    "ask",
    "ask_questions",
    "known_answers",
    "open_teachers",
]


@dataclass(slots=True)
class AskReport:
    """What came of asking. ``cost`` was paid now, in US dollars; cached answers are free."""

    asked: int = 0
    known: int = 0
    """Answered before: nothing was sent."""
    finishes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    """Failure kind and message -> how often."""
    cost: Decimal = Decimal(0)
    unpriced: int = 0
    """Answers whose price nobody knows."""

    @property
    def failed(self) -> int:
        """How many requests brought no answer."""
        return sum(self.failures.values())

    @property
    def sentence(self) -> str:
        """Say it."""
        parts = [f"{self.asked - self.failed} new answers, {self.known} already here"]
        if self.finishes.get("cannot"):
            parts.append(f"{self.finishes['cannot']} outside what the teacher can do")
        if self.failed:
            first = self.failures.most_common(1)[0][0]
            parts.append(f"{self.failed} failed ({first})")
        if self.cost:
            parts.append(f"${self.cost:.4f}")
        return ", ".join(parts) + "."


@dataclass(frozen=True, slots=True)
class Question:
    """One task for one teacher: the prompt, how it is drawn, and what it follows."""

    task: Task
    prompt: Prompt
    sampling: Sampling
    role: str = "teacher"
    attempt: int = 0
    parent_id: int | None = None


def open_teachers(names: Sequence[str]) -> list[Teacher]:
    """Open teachers by name; a name nobody knows or a missing key is a sentence with the mend."""
    from teachers import TeacherError, open_teacher

    try:
        return [open_teacher(name) for name in names]
    except TeacherError as error:
        raise InputError(str(error)) from error


def ask(
    store: Store,
    settings: Settings,
    tasks: Sequence[Task],
    teachers: Sequence[Teacher],
    *,
    sampling: Sampling | None = None,
    samples: int = 1,
    round_id: str | None = None,
    reporter: Reporter | None = None,
) -> AskReport:
    """Let every teacher answer every task ``samples`` times; return when all is in the store.

    The teachers are closed afterwards. Idempotent: what has been answered is not asked again.
    """
    from teachers.model import Sampling

    base = sampling or Sampling()
    questions = [
        Question(task, teacher_prompt(task), replace(base, sample=number))
        for task in tasks
        for number in range(samples)
    ]
    return asyncio.run(
        ask_questions(
            store,
            settings,
            [(teacher, questions) for teacher in teachers],
            round_id=round_id,
            reporter=reporter or Reporter(store, None, round_id),
        )
    )


def known_answers(
    store: Store,
    tasks: Sequence[Task],
    teachers: Sequence[Teacher],
    sampling: Sampling,
    samples: int = 1,
) -> list[int]:
    """Return the ids of the answers that these questions have by now, teacher by teacher."""
    ids: list[int] = []
    for teacher in teachers:
        for number in range(samples):
            name = _sampling_digest(replace(sampling, sample=number))
            found = find_answers(store, teacher.name, name, [task.id for task in tasks])
            for task in tasks:
                key = (task.id, _prompt_digest(teacher, teacher_prompt(task)))
                if key in found:
                    ids.append(found[key])
    return ids


async def ask_questions(
    store: Store,
    settings: Settings,
    questions: Sequence[tuple[Teacher, Sequence[Question]]],
    *,
    round_id: str | None,
    reporter: Reporter,
    stage: str = "ask",
) -> AskReport:
    """Ask each teacher its own questions; the asynchronous heart of ``ask`` and of repair."""
    report = AskReport()
    waiting: list[tuple[Teacher, list[Question]]] = []
    for teacher, wanted in questions:
        register_teacher(store, settings, teacher)
        waiting.append((teacher, _missing(store, teacher, wanted, round_id, report)))
    total = sum(len(missing) for _, missing in waiting)
    reporter.start(stage, total, f"{total} questions, {report.known} answered before")
    run = _Run(store, _gateway(store, settings, round_id), round_id, report, reporter, stage, total)
    async with AsyncExitStack() as stack:
        for teacher, _ in questions:
            stack.push_async_callback(teacher.close)
        try:
            await run.all(waiting, settings)
        except ExceptionGroup as group:
            raise _cause(group) from group
    for message, count in report.failures.most_common(5):
        reporter.error(stage, f"{count} requests brought no answer: {message}")
    reporter.done(stage, report.sentence, {"asked": report.asked, "failed": report.failed})
    return report


def _cause(group: ExceptionGroup[Exception]) -> Exception:
    """Return the sentence among the troubles of several workers, else the first of them."""
    leaves: list[Exception] = []
    todo: list[Exception] = [group]
    while todo:
        one = todo.pop(0)
        if isinstance(one, ExceptionGroup):
            todo.extend(one.exceptions)
        else:
            leaves.append(one)
    return next((one for one in leaves if isinstance(one, WorkbenchError)), leaves[0])


def _missing(
    store: Store,
    teacher: Teacher,
    wanted: Sequence[Question],
    round_id: str | None,
    report: AskReport,
) -> list[Question]:
    """Return what the teacher has not answered; link what it has to the round."""
    found: dict[tuple[str, str, str], int] = {}
    ids = [q.task.id for q in wanted]
    for sampling in {q.sampling for q in wanted}:
        name = _sampling_digest(sampling)
        for (task, prompt), number in find_answers(store, teacher.name, name, ids).items():
            found[(task, prompt, name)] = number
    missing: list[Question] = []
    with store.write() as session:
        for question in wanted:
            key = _prompt_digest(teacher, question.prompt)
            known = found.get((question.task.id, key, _sampling_digest(question.sampling)))
            if known is None:
                missing.append(question)
            else:
                report.known += 1
                link_answer(session, round_id, known, question.role)
    return missing


@dataclass(slots=True)
class _Run:
    """What the workers of one asking share; they live in one thread and one event loop."""

    store: Store
    gateway: Gateway
    round_id: str | None
    report: AskReport
    reporter: Reporter
    stage: str
    total: int

    async def all(
        self, waiting: Sequence[tuple[Teacher, Sequence[Question]]], settings: Settings
    ) -> None:
        """Ask everything, as many at once as the settings allow."""
        async with asyncio.TaskGroup() as group:
            for teacher, missing in waiting:
                # The iterator is shared by a teacher's workers: each takes the next question.
                queue = iter(missing)
                # A teacher on this machine takes a core; one elsewhere only a connection.
                width = settings.jobs if teacher.identity.local else settings.concurrency
                for _ in range(min(width, len(missing))):
                    group.create_task(self.work(teacher, queue))

    async def work(self, teacher: Teacher, queue: Iterator[Question]) -> None:
        """Ask the next question of ``queue`` until there is none."""
        for question in queue:
            answer = await self.gateway.ask(teacher, question.prompt, question.sampling)
            self._keep(teacher, question, answer)
            self.reporter.progress(self.stage, self.report.asked, self.total, teacher.name)

    def _keep(self, teacher: Teacher, question: Question, answer: Answer) -> None:
        report = self.report
        report.asked += 1
        if answer.finish.value == "failed":
            failure = answer.failure
            words = f"{failure.kind.value}: {failure.message}" if failure else "no reason given"
            report.failures[f"{teacher.name}: {words}"] += 1
            return
        draft = _draft(teacher, question, answer)
        save_answers(self.store, [draft], self.round_id, question.role)
        report.finishes[answer.finish.value] += 1
        if not answer.cached:
            report.cost += answer.cost or Decimal(0)
            report.unpriced += answer.cost is None


def _draft(teacher: Teacher, question: Question, answer: Answer) -> Draft:
    return Draft(
        task_id=question.task.id,
        source_id=teacher.name,
        prompt_digest=_prompt_digest(teacher, question.prompt),
        sampling=_sampling(question.sampling),
        messages=[(m.role, m.content) for m in question.prompt.messages],
        text=answer.text,
        finish=answer.finish.value,
        entry_point=question.task.entry_point,
        input_tokens=answer.usage.input_tokens,
        output_tokens=answer.usage.output_tokens,
        cached_tokens=answer.usage.cached_tokens,
        reasoning_tokens=answer.usage.reasoning_tokens,
        cost=None if answer.cost is None else str(answer.cost),
        seconds=answer.seconds,
        first_token_seconds=answer.first_token_seconds,
        request_id=answer.request_id,
        attempt=question.attempt,
        parent_id=question.parent_id,
    )


def _gateway(store: Store, settings: Settings, round_id: str | None) -> Gateway:
    from teachers.budget import Budget
    from teachers.gateway import Gateway
    from workbench.store.teaching import StoreCache, StoreLedger

    return Gateway(
        StoreCache(store),
        StoreLedger(store),
        budget=Budget(per_run=settings.max_cost),
        private=settings.private,
        run_id=round_id or f"ask-{uuid.uuid4().hex[:12]}",
    )


def _sampling(sampling: Sampling) -> dict[str, object]:
    from teachers.codec import sampling_fields

    return dict(sampling_fields(sampling))


def _sampling_digest(sampling: Sampling) -> str:
    return digest(canonical(_sampling(sampling)))


def _prompt_digest(teacher: Teacher, prompt: Prompt) -> str:
    """Name the question to this teacher: who it is, every message and the specification."""
    from teachers.codec import request_key
    from teachers.model import Sampling

    return request_key(teacher.identity, prompt, Sampling())
