"""Ask: teachers answer tasks, each through the gateway, many at once; only what is missing.

Every answer is in the store before its place is given to the next question. A failed request is
no answer: it is reported, and asked again the next time. Not here: the student (``student``).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from teachers.together import Together
from workbench.cluster_answers import spread
from workbench.errors import InputError, WorkbenchError
from workbench.settings import Settings
from workbench.stages.answers import Draft, find_answers, link_answer, save_answers
from workbench.stages.door import Door
from workbench.stages.events import Reporter
from workbench.stages.prompts import teacher_prompt
from workbench.stages.sources import register_teacher
from workbench.store.canonical import canonical, digest
from workbench.store.database import Store
from workbench.tasks import Task
from workbench.told_limits import note_limits

if TYPE_CHECKING:
    from teachers.gateway import Gateway
    from teachers.model import Answer, Identity, Prompt, Sampling
    from teachers.protocol import Teacher
    from workbench.store.blobs import Blobs

__all__ = [
    "AskReport",
    "Known",
    "Question",
    "ask",
    "ask_questions",
    "draft_of",
    "keep_answer",
    "known_answers",
    "missing_questions",
    "open_teachers",
    "run_name",
    "task_questions",
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
        return self.summary()

    def summary(self) -> str:
        """Say what every kind of asking has in common."""
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


def open_teachers(names: Sequence[str], settings: Settings | None = None) -> list[Teacher]:
    """Open teachers by name; a name nobody knows or a missing key is a sentence with the mend.

    Where ``settings`` name a cluster, teachers that compute in this process compute there.
    """
    from teachers import TeacherError, open_teacher

    try:
        opened = [open_teacher(name) for name in names]
    except TeacherError as error:
        raise InputError(str(error)) from error
    return opened if settings is None else spread(opened, settings)


def ask(
    store: Store,
    settings: Settings,
    tasks: Sequence[Task],
    teachers: Sequence[Teacher],
    *,
    sampling: Sampling | None = None,
    samples: int = 1,
    system: str | None = None,
    round_id: str | None = None,
    reporter: Reporter | None = None,
    door: Door | None = None,
) -> AskReport:
    """Let every teacher answer every task ``samples`` times; return when all is in the store.

    The teachers are closed afterwards. Idempotent: what has been answered is not asked again.
    """
    questions = task_questions(tasks, sampling, samples, system, store.blobs)
    return asyncio.run(
        ask_questions(
            store,
            settings,
            [(teacher, questions) for teacher in teachers],
            round_id=round_id,
            reporter=reporter or Reporter(store, None, round_id),
            door=door,
        )
    )


def task_questions(
    tasks: Sequence[Task],
    sampling: Sampling | None = None,
    samples: int = 1,
    system: str | None = None,
    blobs: Blobs | None = None,
) -> list[Question]:
    """Return the questions that ``tasks`` are, ``samples`` draws each, numbered from the first.

    ``blobs`` are the store's: pictures of its tasks are there.
    """
    from teachers.model import Sampling

    base = sampling or Sampling()
    draws = [replace(base, sample=base.sample + number) for number in range(samples)]
    found: list[Question] = []
    for task in tasks:
        prompt = teacher_prompt(task, system, blobs)
        found += [Question(task, prompt, draw) for draw in draws]
    return found


def known_answers(
    store: Store,
    tasks: Sequence[Task],
    teachers: Sequence[Teacher],
    sampling: Sampling,
    samples: int = 1,
    system: str | None = None,
) -> list[int]:
    """Return the ids of the answers that these questions have by now, teacher by teacher."""
    questions = task_questions(tasks, sampling, samples, system, store.blobs)
    ids: list[int] = []
    for teacher in teachers:
        found = Known(store, teacher, questions)
        ids += [number for each in questions if (number := found.answer(each)) is not None]
    return ids


class Known:
    """What a teacher has answered by now among ``questions``."""

    def __init__(self, store: Store, teacher: Teacher, questions: Sequence[Question]) -> None:
        self._identity = teacher.identity
        self._names = {each: _sampling_digest(each) for each in {q.sampling for q in questions}}
        # Samples of one task share a prompt, and so its digest: a hundred thousand add up.
        self._prompts: dict[int, str] = {}
        self._found: dict[tuple[str, str, str], int] = {}
        ids = {each.task.id for each in questions}
        for name in self._names.values():
            for (task, prompt), number in find_answers(store, teacher.name, name, ids).items():
                self._found[(task, prompt, name)] = number

    def prompt(self, question: Question) -> str:
        """Return the digest that names the question to this teacher."""
        found = self._prompts.get(id(question.prompt))
        if found is None:
            found = self._prompts[id(question.prompt)] = _prompt_digest(
                self._identity, question.prompt
            )
        return found

    def answer(self, question: Question) -> int | None:
        """Return the id of the answer, or None."""
        if not self._found:
            return None
        name = self._names[question.sampling]
        return self._found.get((question.task.id, self.prompt(question), name))


async def ask_questions(
    store: Store,
    settings: Settings,
    questions: Sequence[tuple[Teacher, Sequence[Question]]],
    *,
    round_id: str | None,
    reporter: Reporter,
    stage: str = "ask",
    door: Door | None = None,
    run_id: str | None = None,
    close: bool = True,
) -> AskReport:
    """Ask each teacher its own questions; the asynchronous heart of ``ask`` and of repair.

    The teachers are closed afterwards unless ``close`` says that they are asked again.
    """
    report = AskReport()
    waiting: list[tuple[Teacher, list[Question]]] = []
    for teacher, wanted in questions:
        register_teacher(store, settings, teacher)
        waiting.append((teacher, missing_questions(store, teacher, wanted, round_id, report)))
    total = sum(len(missing) for _, missing in waiting)
    reporter.start(stage, total, f"{total} questions, {report.known} answered before")
    run_id = run_id or round_id or run_name(questions)
    gateway = (door or Door()).gateway(store, settings, run_id)
    run = _Run(store, gateway, round_id, report, reporter, stage, total)
    async with AsyncExitStack() as stack:
        for teacher, _ in questions if close else ():
            stack.push_async_callback(teacher.close)
        try:
            await run.all(waiting, settings)
        except ExceptionGroup as group:
            raise _cause(group) from group
        finally:
            note_limits(settings, [teacher for teacher, _ in questions])
    for message, count in report.failures.most_common(5):
        reporter.error(stage, f"{count} requests brought no answer: {message}")
    reporter.done(stage, report.sentence, {"asked": report.asked, "failed": report.failed})
    return report


def run_name(questions: Sequence[tuple[Teacher, Sequence[Question]]]) -> str:
    """Name a run by what it asks of whom.

    The same command after a crash is the same run, so that its cap counts what was spent before.
    """
    name = hashlib.sha256()
    for teacher, wanted in questions:
        name.update(teacher.name.encode())
        for each in wanted:
            name.update(f"\0{each.task.id}\0{each.sampling}".encode())
    return f"ask-{name.hexdigest()[:12]}"


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


def missing_questions(
    store: Store,
    teacher: Teacher,
    wanted: Sequence[Question],
    round_id: str | None = None,
    report: AskReport | None = None,
) -> list[Question]:
    """Return what the teacher has not answered; link what it has to the round."""
    known = Known(store, teacher, wanted)
    missing: list[Question] = []
    found: list[tuple[int, str]] = []
    for question in wanted:
        number = known.answer(question)
        if number is None:
            missing.append(question)
        else:
            found.append((number, question.role))
    if report is not None:
        report.known += len(found)
    if round_id is not None and found:
        with store.write() as session:
            for number, role in found:
                link_answer(session, round_id, number, role)
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
    saver: Together[tuple[Draft, str], int] = field(init=False)

    def __post_init__(self) -> None:
        self.saver = Together(self._save)

    def _save(self, pairs: Sequence[tuple[Draft, str]]) -> list[int]:
        ids: dict[int, int] = {}
        for role in {role for _, role in pairs}:
            places = [place for place, (_, own) in enumerate(pairs) if own == role]
            drafts = [pairs[place][0] for place in places]
            saved = save_answers(self.store, drafts, self.round_id, role)
            ids.update(zip(places, saved, strict=True))
        return [ids[place] for place in range(len(pairs))]

    async def all(
        self, waiting: Sequence[tuple[Teacher, Sequence[Question]]], settings: Settings
    ) -> None:
        """Ask everything, as many at once as the settings allow."""
        async with asyncio.TaskGroup() as group:
            for teacher, missing in waiting:
                # The iterator is shared by a teacher's workers: each takes the next question.
                queue = iter(missing)
                # A teacher on this machine takes a core; one elsewhere only a connection.
                who = teacher.identity
                width = settings.jobs if who.local else settings.concurrency
                own = settings.limits.get(who.endpoint) or settings.limits.get(who.provider)
                width = width if own is None or own.concurrency is None else own.concurrency
                for _ in range(min(width, len(missing))):
                    group.create_task(self.work(teacher, queue))

    async def work(self, teacher: Teacher, queue: Iterator[Question]) -> None:
        """Ask the next question of ``queue`` until there is none."""
        for question in queue:
            answer = await self.gateway.ask(teacher, question.prompt, question.sampling)
            await self._keep(teacher, question, answer)
            self.reporter.progress(self.stage, self.report.asked, self.total, teacher.name)

    async def _keep(self, teacher: Teacher, question: Question, answer: Answer) -> None:
        report = self.report
        if answer.finish.value == "failed":
            failure = answer.failure
            words = f"{failure.kind.value}: {failure.message}" if failure else "no reason given"
            report.asked += 1
            report.failures[f"{teacher.name}: {words}"] += 1
            return
        await self.saver.put((draft_of(teacher, question, answer), question.role))
        report.asked += 1
        report.finishes[answer.finish.value] += 1
        if not answer.cached:
            report.cost += answer.cost or Decimal(0)
            report.unpriced += answer.cost is None


def keep_answer(
    store: Store, teacher: Teacher, question: Question, answer: Answer, round_id: str | None
) -> int:
    """Store one answer of ``teacher`` and return its id."""
    return save_answers(store, [draft_of(teacher, question, answer)], round_id, question.role)[0]


def draft_of(teacher: Teacher, question: Question, answer: Answer) -> Draft:
    """Return an answer of ``teacher`` as it goes into the store."""
    usage = answer.usage
    return Draft(
        task_id=question.task.id,
        source_id=teacher.name,
        prompt_digest=_prompt_digest(teacher.identity, question.prompt),
        sampling=_sampling(question.sampling),
        messages=[(m.role, m.content) for m in question.prompt.messages],
        text=answer.text,
        finish=answer.finish.value,
        entry_point=question.task.entry_point,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost=None if answer.cost is None else str(answer.cost),
        seconds=answer.seconds,
        first_token_seconds=answer.first_token_seconds,
        request_id=answer.request_id,
        attempt=question.attempt,
        parent_id=question.parent_id,
    )


def _sampling(sampling: Sampling) -> dict[str, object]:
    from teachers.codec import sampling_fields

    return dict(sampling_fields(sampling))


def _sampling_digest(sampling: Sampling) -> str:
    return digest(canonical(_sampling(sampling)))


def _prompt_digest(identity: Identity, prompt: Prompt) -> str:
    """Name the question to this teacher: who it is, every message and the specification."""
    from teachers.codec import request_key
    from teachers.model import Sampling

    return request_key(identity, prompt, Sampling())
