"""Whom to ask when not everybody is asked: one after another, or by cost of a proved answer.

Both policies are explicit: every choice is a row with its reason, and a report says how many
questions each source answered. None of them says that all teachers were asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlmodel import col, select

from workbench.settings import Settings
from workbench.stages.alerts import check_fallback
from workbench.stages.ask import AskReport, Known, Question, ask_questions, run_name
from workbench.stages.door import Door
from workbench.stages.events import Reporter
from workbench.stages.judge import judge_answers, verdicts_of
from workbench.store.database import Store
from workbench.store.tables import AnswerRow, RouteRow
from workbench.tasks import Task

if TYPE_CHECKING:
    from teachers.protocol import Teacher
    from teachers.routing import DatasetRouter

__all__ = ["PolicyReport", "answered_by", "ask_first", "ask_routed", "local_first", "order_for"]

_CHUNK = 16
"""Questions between two lessons of the router: enough to ask at once, few enough to learn from."""


@dataclass(slots=True)
class PolicyReport:
    """What a policy came to: the sums of its askings, and who answered how many questions."""

    ask: AskReport = field(default_factory=AskReport)
    by_source: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    alert: str | None = None

    def add(self, report: AskReport) -> None:
        """Count one asking."""
        self.ask.asked += report.asked
        self.ask.cost += report.cost
        self.ask.unpriced += report.unpriced
        self.ask.finishes += report.finishes
        self.ask.failures += report.failures

    @property
    def sentence(self) -> str:
        """Say it."""
        said = ", ".join(f"{count} by {name}" for name, count in self.by_source.most_common())
        rest = f", {self.unanswered} by nobody" if self.unanswered else ""
        cost = f"; ${self.ask.cost:.4f}" if self.ask.cost else ""
        return f"Answered now: {said or 'nothing'}{rest}{cost}. Not every source was asked."


def local_first(teachers: Sequence[Teacher]) -> list[Teacher]:
    """Return the teachers with those on this machine before the others, else as given."""
    return sorted(teachers, key=lambda teacher: not teacher.identity.local)


def order_for(task: Task, teachers: Sequence[Teacher], settings: Settings) -> list[Teacher]:
    """Return whom to ask about ``task``, in order: the settings' route of its category, or all.

    The task's own category is looked up first; then the kind of its prompt (code, vision, system,
    chat) where the words speak for it clearly.
    """
    from teachers.routing import categorise

    if not settings.routes:
        return list(teachers)
    route = settings.routes.get(task.category)
    if route is None:
        kind = categorise(task.prompt, has_image=bool(task.images))
        route = settings.routes.get(kind.name) if kind.confidence >= 0.5 else None
    if route is None:
        return list(teachers)
    by_name = {teacher.name: teacher for teacher in teachers}
    return [by_name[name] for name in route if name in by_name]


@dataclass(slots=True)
class _Asking:
    """What the turns of one policy share."""

    store: Store
    settings: Settings
    reporter: Reporter
    door: Door | None
    run_id: str
    report: PolicyReport = field(default_factory=PolicyReport)

    async def wave(self, pairs: Sequence[tuple[Teacher, Sequence[Question]]]) -> None:
        """Ask each teacher its questions and count."""
        self.report.add(
            await ask_questions(
                self.store,
                self.settings,
                pairs,
                round_id=None,
                reporter=self.reporter,
                door=self.door,
                run_id=self.run_id,
                close=False,
            )
        )

    def choice(self, policy: str, question: Question, source: str, wanted: str, why: str) -> None:
        """Write down who was chosen, and why."""
        row = RouteRow(
            run_id=self.run_id,
            policy=policy,
            task_id=question.task.id,
            category=question.task.category,
            source_id=source,
            wanted=wanted,
            why=why,
        )
        with self.store.write() as session:
            session.add(row)

    def outcome(self, question: Question, teacher: Teacher) -> tuple[bool, Decimal]:
        """Return whether the teacher's answer is proved, and what it cost."""
        answer_id = Known(self.store, teacher, [question]).answer(question)
        if answer_id is None:
            return False, Decimal(0)
        with self.store.read() as session:
            row = session.get(AnswerRow, answer_id)
        assert row is not None
        pair = (row.candidate_id or "", question.task.id)
        verdict = verdicts_of(self.store, self.settings, [pair]).get(pair)
        return verdict is not None and verdict.verdict == "proved", Decimal(row.cost or 0)


def ask_first(
    store: Store,
    settings: Settings,
    questions: Sequence[Question],
    teachers: Sequence[Teacher],
    *,
    reporter: Reporter,
    door: Door | None = None,
) -> PolicyReport:
    """Ask each question of one teacher after another until one answers it.

    An answer is text that ended by itself; a refusal, a cut, an honest no and a failed request pass
    the question on. What anybody answered before is not asked again. The teachers are closed.
    """
    run_id = run_name([(teacher, questions) for teacher in teachers])
    asking = _Asking(store, settings, reporter, door, run_id)
    asyncio.run(_closing(teachers, _first(asking, questions, teachers)))
    asking.report.alert = check_fallback(store, settings, "fallback")
    return asking.report


async def _closing(teachers: Sequence[Teacher], work: Coroutine[object, object, None]) -> None:
    """Do ``work`` and close the teachers in the same event loop, whatever happens."""
    async with AsyncExitStack() as stack:
        for teacher in teachers:
            stack.push_async_callback(teacher.close)
        await work


async def _first(
    asking: _Asking, questions: Sequence[Question], teachers: Sequence[Teacher]
) -> None:
    orders = {q.task.id: order_for(q.task, teachers, asking.settings) for q in questions}
    left = list(questions)
    for teacher in teachers:
        left = _without(left, answered_by(asking.store, teacher, left))
    asking.report.ask.known = len(questions) - len(left)
    for turn in range(len(teachers)):
        wave: dict[str, list[Question]] = defaultdict(list)
        for question in left:
            if turn < len(orders[question.task.id]):
                wave[orders[question.task.id][turn].name].append(question)
        pairs = [(t, wave[t.name]) for t in teachers if t.name in wave]
        if not pairs:
            break
        await asking.wave(pairs)
        for teacher, asked in pairs:
            done = answered_by(asking.store, teacher, asked)
            for question in done:
                wanted = orders[question.task.id][0].name
                why = "asked first" if turn == 0 else f"{turn} before it brought no answer"
                asking.choice("fallback", question, teacher.name, wanted, why)
            asking.report.by_source[teacher.name] += len(done)
            left = _without(left, done)
    asking.report.unanswered = len(left)


def _without(questions: Sequence[Question], gone: Sequence[Question]) -> list[Question]:
    names = {id(question) for question in gone}
    return [question for question in questions if id(question) not in names]


def answered_by(store: Store, teacher: Teacher, questions: Sequence[Question]) -> list[Question]:
    """Return those of ``questions`` to which the teacher's answer ended by itself."""
    known = Known(store, teacher, questions)
    found = [(q, number) for q in questions if (number := known.answer(q)) is not None]
    whole: set[int] = set()
    with store.read() as session:
        for begin in range(0, len(found), 500):
            ids = [number for _, number in found[begin : begin + 500]]
            query = select(AnswerRow.id).where(
                col(AnswerRow.id).in_(ids), AnswerRow.finish == "stop"
            )
            whole |= {number for number in session.exec(query) if number is not None}
    return [q for q, number in found if number in whole]


def ask_routed(
    store: Store,
    settings: Settings,
    questions: Sequence[Question],
    teachers: Sequence[Teacher],
    router: DatasetRouter,
    *,
    reporter: Reporter,
    door: Door | None = None,
    most: int = 3,
) -> PolicyReport:
    """Buy a proved answer to each question as cheaply as the router knows, ``most`` tries each.

    A few questions at a time are asked, judged, and learnt from. The teachers are closed.
    """
    run_id = run_name([(teacher, questions) for teacher in teachers])
    asking = _Asking(store, settings, reporter, door, run_id)
    asyncio.run(_closing(teachers, _routed(asking, questions, teachers, router, most)))
    return asking.report


async def _routed(
    asking: _Asking,
    questions: Sequence[Question],
    teachers: Sequence[Teacher],
    router: DatasetRouter,
    most: int,
) -> None:
    by_name = {teacher.name: teacher for teacher in teachers}
    left = [q for q in questions if not any(asking.outcome(q, t)[0] for t in teachers)]
    asking.report.ask.known = len(questions) - len(left)
    tried: dict[int, list[str]] = {id(q): [] for q in left}
    while left:
        chunk, left = left[:_CHUNK], left[_CHUNK:]
        wave: dict[str, list[Question]] = defaultdict(list)
        for question in chunk:
            choice = router.choose(question.task.category, tried[id(question)])
            assert choice is not None  # a question that was tried everywhere is not put back
            tried[id(question)].append(choice.source)
            wave[choice.source].append(question)
            asking.choice("dataset", question, choice.source, choice.source, choice.why)
        for question in await _lesson(asking, wave, by_name, router):
            if len(tried[id(question)]) < min(most, len(teachers)):
                left.append(question)
            else:
                asking.report.unanswered += 1


async def _lesson(
    asking: _Asking,
    wave: Mapping[str, Sequence[Question]],
    by_name: Mapping[str, Teacher],
    router: DatasetRouter,
) -> list[Question]:
    """Ask, judge and learn; return the questions that still have no proof."""
    pairs = [(by_name[name], asked) for name, asked in wave.items()]
    await asking.wave(pairs)
    again: list[Question] = []
    for teacher, asked in pairs:
        known = Known(asking.store, teacher, asked)
        ids = [number for q in asked if (number := known.answer(q)) is not None]
        judge_answers(asking.store, asking.settings, ids, reporter=asking.reporter)
        for question in asked:
            right, cost = asking.outcome(question, teacher)
            router.learn(teacher.name, question.task.category, proved=right, cost=cost)
            asking.report.by_source[teacher.name] += right
            if not right:
                again.append(question)
    return again
