"""What the store knows that a router needs: who proved what at which cost, and how far to trust.

The choosing itself is ``teachers.routing``'s. Here stored runs become its figures: outcomes for the
bandit and its simulation, and the student's agreement with itself against the judge's verdicts for
the confidence that live use goes by.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlmodel import col, select

from workbench.errors import InputError
from workbench.settings import Settings
from workbench.stages.alerts import check_fallback
from workbench.stages.ask import known_answers, task_questions
from workbench.stages.judge import judge_answers, verdicts_of
from workbench.stages.policies import answered_by, ask_first
from workbench.stages.prompts import student_messages
from workbench.stages.student import Pupil, answer_tasks, load_student
from workbench.store.database import Store
from workbench.store.tables import AdapterRow, AnswerRow, ReliabilityRow, RouteRow, TaskRow
from workbench.store.views import asking
from workbench.tasks import Task

if TYPE_CHECKING:
    from teachers.model import Sampling
    from teachers.pricing import PriceBook
    from teachers.protocol import Teacher
    from teachers.routing import ConfidenceRouter, DatasetRouter, Stored
    from workbench.stages.door import Door
    from workbench.stages.events import Reporter

__all__ = [
    "Calibration",
    "Live",
    "answer_live",
    "calibrate_student",
    "dataset_router",
    "same_code",
    "self_agreement",
    "stored_router",
    "stored_runs",
    "student_in_use",
]

SAMPLES = 4
"""Draws beside the greedy answer whose agreement with it is the student's raw score."""

WARMTH = 0.7
"""Temperature of those draws."""


def stored_runs(store: Store, settings: Settings) -> list[Stored]:
    """Return every judged first answer as an outcome, task by task, in the order of the tasks.

    An honest "cannot" is an outcome without a proof. Answers without a known cost are left out.
    """
    from teachers.routing import Stored

    query = (
        select(AnswerRow, TaskRow.category)
        .join(TaskRow, col(TaskRow.id) == col(AnswerRow.task_id))
        .where(AnswerRow.attempt == 0, col(AnswerRow.cost).is_not(None))
        .order_by(col(AnswerRow.task_id), col(AnswerRow.id))
    )
    with store.read() as session:
        rows = list(session.exec(query))
    found = verdicts_of(
        store, settings, [(r.candidate_id or "", r.task_id) for r, _ in rows], or_latest=True
    )
    outcomes: dict[str, dict[str, tuple[bool, Decimal]]] = defaultdict(dict)
    categories: dict[str, str] = {}
    for row, category in rows:
        verdict = found.get((row.candidate_id or "", row.task_id))
        if row.candidate_id is not None and verdict is None:
            continue  # nobody has judged it: neither right nor wrong
        right = verdict is not None and verdict.verdict == "proved"
        categories[row.task_id] = category
        outcomes[row.task_id][row.source_id] = (right, Decimal(row.cost or 0))
    return [Stored(task, categories[task], outcomes[task]) for task in sorted(outcomes)]


def dataset_router(
    store: Store,
    settings: Settings,
    teachers: Sequence[Teacher],
    tokens: Mapping[str, tuple[int, int]],
    book: PriceBook,
    *,
    seed: int = 0,
) -> DatasetRouter:
    """Return a router over ``teachers`` that knows what earlier answers of theirs came to.

    ``tokens`` is the most that one question to each teacher takes, in and out; a source that has
    answered before is priced by what its answers really cost.
    """
    from teachers.model import Usage
    from teachers.routing import DatasetRouter

    names = {teacher.name for teacher in teachers}
    runs = stored_runs(store, settings)
    paid: dict[str, list[Decimal]] = defaultdict(list)
    for run in runs:
        for source, (_, cost) in run.outcomes.items():
            paid[source].append(cost)
    prices: dict[str, Decimal] = {}
    for teacher in teachers:
        if paid[teacher.name]:
            known = paid[teacher.name]
            prices[teacher.name] = sum(known, Decimal(0)) / len(known)
            continue
        price = book.price(teacher.identity)
        most = None if price is None else price.cost(Usage(*tokens[teacher.name]))
        if most is None:
            raise InputError(
                f"No price is known for {teacher.name}.", "Say it: workbench sources price --help"
            )
        prices[teacher.name] = most
    router = DatasetRouter(prices, seed=seed)
    for run in runs:
        for source, (right, cost) in run.outcomes.items():
            if source in names:
                router.learn(source, run.category, proved=right, cost=cost)
    return router


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a student's agreement with itself relates to being right, over ``tasks`` tasks."""

    source: str
    fit_id: str
    tasks: int
    passed: int
    router: ConfidenceRouter


def self_agreement(pupil: Pupil, tasks: Sequence[Task], *, max_tokens: int = 256) -> list[float]:
    """Return for each task the share of draws that say the same code as the greedy answer.

    The score costs only local work, needs no logits, and is 0 where there is no code at all.
    """
    conversations = [student_messages(task) for task in tasks]
    greedy = pupil.student.generate(conversations, max_tokens=max_tokens)
    first = [same_code(each.text, task) for each, task in zip(greedy, tasks, strict=True)]
    same: Counter[int] = Counter()
    for draw in range(SAMPLES):
        drawn = pupil.student.generate(
            conversations, max_tokens=max_tokens, temperature=WARMTH, seed=draw + 1
        )
        for place, (each, task) in enumerate(zip(drawn, tasks, strict=True)):
            same[place] += first[place] is not None and same_code(each.text, task) == first[place]
    return [same[place] / SAMPLES for place in range(len(tasks))]


def same_code(text: str, task: Task) -> str | None:
    """Return the code of an answer in one settled layout, or None where there is none."""
    import ast

    from teachers import extract_code

    found = extract_code(text, task.entry_point).code
    return None if found is None else ast.dump(ast.parse(found))


def calibrate_student(
    store: Store,
    settings: Settings,
    pupil: Pupil,
    tasks: Sequence[Task],
    *,
    threshold: float,
    reporter: Reporter,
    counts: tuple[str, ...] = ("proved",),
) -> Calibration:
    """Let the student answer ``tasks``, judge it, and store how its score foretells the verdict."""
    from teachers.routing import calibrate

    answered = answer_tasks(store, settings, pupil, tasks, role="student", reporter=reporter)
    judge_answers(store, settings, list(answered.values()), reporter=reporter)
    passed = _passed(store, settings, answered, counts)
    scores = self_agreement(pupil, tasks)
    history = [(score, task.id in passed) for score, task in zip(scores, tasks, strict=True)]
    router = calibrate(history, threshold=threshold, categories=[task.category for task in tasks])
    fit_id = uuid.uuid4().hex[:12]
    with store.write() as session:
        for category, bars in {"": router.bins, **router.by_category}.items():
            for each in bars:
                session.add(
                    ReliabilityRow(
                        fit_id=fit_id,
                        source_id=pupil.source_id,
                        category=category,
                        low=each.low,
                        high=each.high,
                        count=each.count,
                        predicted=each.predicted,
                        observed=each.observed,
                    )
                )
    return Calibration(pupil.source_id, fit_id, len(tasks), len(passed), router)


def _passed(
    store: Store, settings: Settings, answered: Mapping[str, int], counts: tuple[str, ...]
) -> set[str]:
    with store.read() as session:
        rows = [session.get(AnswerRow, number) for number in answered.values()]
    known = [row for row in rows if row is not None]
    found = verdicts_of(store, settings, [(r.candidate_id or "", r.task_id) for r in known])
    return {task for (_, task), verdict in found.items() if verdict.verdict in counts}


def student_in_use(store: Store, settings: Settings) -> Pupil:
    """Load the promoted student, or the base where none is promoted."""
    from workbench.stages.promote import promoted_student
    from workbench.stages.train import shipped_base

    pointer = promoted_student(store)
    with store.read() as session:
        row = session.get(AdapterRow, pointer.adapter_id) if pointer.adapter_id else None
    if row is None:
        return load_student(store, settings.base or shipped_base())
    name = pointer.source_id or "student:base"
    return load_student(
        store, row.base, adapter=store.home / row.path, name=name, adapter_id=row.id
    )


@dataclass(frozen=True, slots=True)
class Live:
    """Who answered one task in live use, and why. ``answer_id`` is None when nobody could."""

    source: str
    score: float
    chance: float
    answer_id: int | None
    why: str
    alert: str | None


def answer_live(
    store: Store,
    settings: Settings,
    pupil: Pupil,
    task: Task,
    teachers: Sequence[Teacher],
    router: ConfidenceRouter,
    *,
    sampling: Sampling,
    reporter: Reporter,
    door: Door | None = None,
) -> Live:
    """Let the student answer ``task`` where its chance of being right reaches the threshold.

    Else the teachers are asked in order, within the caps of the settings. The choice is stored.
    """
    score = self_agreement(pupil, [task])[0]
    chance = router.chance(score, task.category)
    where = f"on {task.category}" if router.measured(task.category) else "over all categories"
    said = f"agreement with itself {score:.2f}, chance {chance:.0%} {where}"
    if chance >= router.threshold or not teachers:
        answered = answer_tasks(store, settings, pupil, [task], role="student", reporter=reporter)
        found = Live(pupil.source_id, score, chance, answered[task.id], f"student: {said}", None)
    else:
        questions = task_questions([task], sampling, blobs=store.blobs)
        ask_first(store, settings, questions, teachers, reporter=reporter, door=door)
        whole = [t for t in teachers if answered_by(store, t, questions)]
        name = whole[0].name if whole else "nobody"
        ids = known_answers(store, [task], whole[:1], sampling)
        why = f"passed on: {said}, below {router.threshold:.0%}"
        found = Live(name, score, chance, ids[0] if ids else None, why, None)
    with store.write() as session:
        session.add(
            RouteRow(
                run_id="live",
                policy="confidence",
                task_id=task.id,
                category=task.category,
                source_id=found.source,
                wanted=pupil.source_id,
                chance=chance,
                why=found.why,
            )
        )
    return replace(found, alert=check_fallback(store, settings, "confidence"))


def stored_router(store: Store, source: str, threshold: float) -> ConfidenceRouter:
    """Return the router of the student's newest calibration; ``InputError`` without one."""
    from teachers.routing import Bin, ConfidenceRouter

    with store.engine.connect() as connection:
        bars = asking.reliability(connection, source)
    if not bars:
        raise InputError(
            f"Nobody has measured how far {source} can be trusted.",
            "Do it once: workbench route calibrate",
        )
    apart: dict[str, list[Bin]] = defaultdict(list)
    for bar in bars:
        found = Bin(bar.low, bar.high, bar.count, bar.predicted, bar.observed)
        apart[bar.category].append(found)
    whole = tuple(apart.pop("", ()))
    return ConfidenceRouter(threshold, whole, {name: tuple(own) for name, own in apart.items()})
