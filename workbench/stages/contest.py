"""Sources on the same tasks under the same judge and budget: who answers what, and what is right.

The examination behind duels, scaling, forgetting checks and ablations. A source is a teacher by its
name, ``base``, ``student`` (the one in use), a round or adapter, or a model folder. Everything that
is asked or judged is stored and found again; nothing is paid for twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import col, select

from workbench.errors import InputError, StageError
from workbench.settings import Settings
from workbench.stages.events import Reporter
from workbench.stages.judge import judge_answers, verdicts_of
from workbench.store.database import Store
from workbench.store.tables import AdapterRow, AnswerRow, RoundRow, RoundTaskRow, TaskRow
from workbench.tasks import Task, task_of

if TYPE_CHECKING:
    from workbench.stages.student import Pupil

__all__ = ["Budget", "Sat", "contest_tasks", "require_source", "sit", "sit_pupil"]

UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Budget:
    """What every source may spend on a task."""

    samples: int = 1
    temperature: float = 0.0
    max_tokens: int = 1024

    def __post_init__(self) -> None:
        if self.samples > 1 and self.temperature <= 0:
            raise InputError(
                f"{self.samples} samples at temperature 0 are one answer {self.samples} times.",
                "Give a temperature, say 0.8.",
            )


@dataclass(frozen=True, slots=True)
class Sat:
    """How a source did. ``verdicts`` are the words of each task's samples, in order of drawing."""

    source: str
    verdicts: Mapping[str, tuple[str, ...]]
    output_tokens: int
    seconds: float
    cost: Decimal

    def right(self, task_id: str, counts: Sequence[str]) -> int:
        """Return how many of a task's samples are right."""
        return sum(word in counts for word in self.verdicts[task_id])


def sit(
    store: Store,
    settings: Settings,
    name: str,
    tasks: Sequence[Task],
    budget: Budget,
    *,
    base: str,
    reporter: Reporter,
) -> Sat:
    """Let the source ``name`` answer ``tasks`` within ``budget``, judge it, and say how it did.

    ``base`` is the base model behind ``base`` and students. A task that a source left unanswered
    counts as not right. Raises ``InputError`` for a name that is no source.
    """
    pupil = _pupil(store, name, base)
    if pupil is not None:
        return sit_pupil(store, settings, pupil, tasks, budget, reporter=reporter)
    source, ids = _teacher_answers(store, settings, name, tasks, budget, reporter)
    return _judged(store, settings, source, tasks, budget, ids, reporter)


def sit_pupil(
    store: Store, settings: Settings, pupil: Pupil, tasks: Sequence[Task], budget: Budget,
    *, reporter: Reporter,
) -> Sat:  # fmt: skip
    """Let a loaded student sit ``tasks``; see :func:`sit`."""
    source, ids = _student_answers(store, settings, pupil, tasks, budget, reporter)
    return _judged(store, settings, source, tasks, budget, ids, reporter)


def contest_tasks(
    store: Store,
    *,
    file: Path | None = None,
    round_id: str | None = None,
    earlier_than: str | None = None,
    most: int | None = None,
) -> list[Task]:
    """Return the tasks to sit: of a file, of a round's or all earlier rounds' held-out set, or all
    held-out tasks of the store. A file (ours, HumanEval, EvalPlus, MBPP) is taken in as it comes,
    outside every split, so that nothing of it is ever trained on.
    """
    if file is not None:
        return _tasks_of_file(store, file)[:most]
    query = select(TaskRow).where(TaskRow.split == "eval").order_by(col(TaskRow.id))
    if round_id is not None or earlier_than is not None:
        query = (
            select(TaskRow)
            .join(RoundTaskRow, col(RoundTaskRow.task_id) == col(TaskRow.id))
            .join(RoundRow, col(RoundRow.id) == col(RoundTaskRow.round_id))
            .where(RoundTaskRow.role == "eval")
            .order_by(col(TaskRow.id))
            .distinct()
        )
        if round_id is not None:
            query = query.where(RoundRow.id == round_id)
        else:
            with store.read() as session:
                this = session.get(RoundRow, earlier_than)
            assert this is not None  # the caller looked it up
            query = query.where(RoundRow.number < this.number)
    with store.read() as session:
        tasks = [task_of(row) for row in session.exec(query)]
    if not tasks:
        raise StageError(
            "There are no held-out tasks to compare on.",
            "Give a file of tasks with --file, or finish a round first: workbench demo",
        )
    return tasks[:most]


def _tasks_of_file(store: Store, file: Path) -> list[Task]:
    from workbench.task_files import read_task_file
    from workbench.tasks import add_tasks

    found = read_task_file(file, split="none")
    found.require_clean()
    add_tasks(store, found.tasks)
    wanted = [task.id for task in found.tasks]
    with store.read() as session:
        rows = [session.get(TaskRow, name) for name in wanted]
    return [task_of(row) for row in rows if row is not None]


def _pupil(store: Store, name: str, base: str) -> Pupil | None:
    """Return the student that ``name`` means, loaded, or None where it is a teacher's name."""
    from workbench.stages.promote import promoted_student
    from workbench.stages.student import load_student
    from workbench.stages.students import chosen_adapter

    if name == "student" and promoted_student(store).adapter_id is None:
        name = "base"
    if name in ("base", "student:base"):
        return load_student(store, base)
    if Path(name).is_dir():
        return load_student(store, name, name=f"model:{Path(name).name}")
    if not _trained_here(store, name):
        return None
    wanted = None if name == "student" else name.removeprefix("student:")
    row = chosen_adapter(store, wanted)
    return load_student(
        store, row.base, adapter=store.home / row.path, name=f"student:{row.round_id or row.id}",
        adapter_id=row.id,
    )  # fmt: skip


def _trained_here(store: Store, name: str) -> bool:
    """Whether ``name`` is the student in use, or a round or an adapter of this home."""
    wanted = name.removeprefix("student:")
    with store.read() as session:
        known = session.get(RoundRow, wanted) or session.get(AdapterRow, wanted)
    return name == "student" or known is not None


def require_source(store: Store, name: str) -> None:
    """Raise ``InputError`` unless ``name`` is a source that :func:`sit` knows; asks nothing."""
    from workbench.stages.ask import open_teachers

    ours = name in ("base", "student:base") or Path(name).is_dir() or _trained_here(store, name)
    if not ours:
        open_teachers([name])


def _student_answers(
    store: Store, settings: Settings, pupil: Pupil, tasks: Sequence[Task], budget: Budget,
    reporter: Reporter,
) -> tuple[str, dict[tuple[str, int], int]]:  # fmt: skip
    from workbench.stages.student import draw_answers

    ids = draw_answers(
        store, settings, pupil, tasks, role="contest", samples=budget.samples,
        max_tokens=budget.max_tokens, temperature=budget.temperature, reporter=reporter,
        stage="contest",
    )  # fmt: skip
    return pupil.source_id, ids


def _teacher_answers(
    store: Store, settings: Settings, name: str, tasks: Sequence[Task], budget: Budget,
    reporter: Reporter,
) -> tuple[str, dict[tuple[str, int], int]]:  # fmt: skip
    from teachers.model import Sampling
    from workbench.stages.ask import Known, ask, open_teachers, task_questions

    sampling = Sampling(temperature=budget.temperature, max_tokens=budget.max_tokens)
    report = ask(
        store, settings, tasks, open_teachers([name]), sampling=sampling, samples=budget.samples,
        reporter=reporter,
    )  # fmt: skip
    if report.failed == report.asked > 0 and not report.known:
        first = report.failures.most_common(1)[0][0]
        raise StageError(f"{name} answered nothing ({first}).", "See: workbench doctor")
    (teacher,) = open_teachers([name])
    ids: dict[tuple[str, int], int] = {}
    questions = task_questions(tasks, sampling, budget.samples, blobs=store.blobs)
    known = Known(store, teacher, questions)
    for question in questions:
        number = known.answer(question)
        if number is not None:
            ids[question.task.id, question.sampling.sample] = number
    return teacher.name, ids


def _judged(
    store: Store, settings: Settings, source: str, tasks: Sequence[Task], budget: Budget,
    ids: Mapping[tuple[str, int], int], reporter: Reporter,
) -> Sat:  # fmt: skip
    """Judge the answers (task, sample) -> id, and gather what was found."""
    judge_answers(store, settings, sorted(set(ids.values())), reporter=reporter, stage="contest")
    rows: dict[int, AnswerRow] = {}
    numbers = sorted(set(ids.values()))
    with store.read() as session:
        for begin in range(0, len(numbers), 500):
            query = select(AnswerRow).where(col(AnswerRow.id).in_(numbers[begin : begin + 500]))
            rows.update({row.id: row for row in session.exec(query) if row.id is not None})
    pairs = [(r.candidate_id, r.task_id) for r in rows.values() if r.candidate_id is not None]
    verdicts = verdicts_of(store, settings, pairs)

    def word(task_id: str, sample: int) -> str:
        number = ids.get((task_id, sample))
        if number is None:
            return UNANSWERED
        row = rows[number]
        if row.candidate_id is None:
            return "malformed"
        return verdicts[row.candidate_id, task_id].verdict

    return Sat(
        source,
        {task.id: tuple(word(task.id, n) for n in range(budget.samples)) for task in tasks},
        sum(row.output_tokens or 0 for row in rows.values()),
        sum(row.seconds for row in rows.values()),
        sum((Decimal(row.cost or "0") for row in rows.values()), Decimal(0)),
    )
