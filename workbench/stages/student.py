"""The student answers: in batches, greedily unless told otherwise, only what is missing.

Each batch is in the store before the next begins, so a kill loses one batch. The conversation is
the task's own prompt, the same in training and here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cluster_answers import ClusterStudent
from workbench.errors import InputError, MissingPartError
from workbench.settings import Settings
from workbench.stages.answers import Draft, find_answers, link_answer, save_answers
from workbench.stages.events import Reporter
from workbench.stages.prompts import student_messages
from workbench.stages.sources import register_student
from workbench.store.canonical import canonical, digest
from workbench.store.database import Store
from workbench.tasks import Task

if TYPE_CHECKING:
    from distill.student import Generation, Student

__all__ = ["Pupil", "answer_tasks", "draw_answers", "load_student"]

# Small enough that a kill loses little, large enough that a batch keeps the processor busy.
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Pupil:
    """A student, loaded here or on a cluster's workers, and the source it answers as."""

    student: Student | ClusterStudent
    source_id: str
    base: str


def load_student(
    store: Store,
    base: str,
    *,
    adapter: Path | None = None,
    name: str = "student:base",
    adapter_id: str | None = None,
) -> Pupil:
    """Load the weights and record them as a source; the same weights are the same source.

    Where the settings name a cluster, its workers load them.
    """
    try:
        from distill.errors import DistillError
        from distill.student import Student
    except ModuleNotFoundError as error:
        raise MissingPartError.extra("The student", "train") from error
    student: Student | ClusterStudent
    try:
        if store.settings.cluster is None:
            student = Student.load(base, adapter)
        else:
            student = ClusterStudent.of(base, adapter, store.settings)
    except DistillError as error:
        raise InputError(str(error)) from error
    except ModuleNotFoundError as error:
        raise MissingPartError.extra("The student", "train") from error
    model = student.digest
    if student.adapter_digest is not None:
        model = digest([student.digest, student.adapter_digest])
    source = register_student(store, model=model, name=name, adapter_id=adapter_id)
    return Pupil(student, source.id, base)


def answer_tasks(
    store: Store,
    settings: Settings,
    pupil: Pupil,
    tasks: Sequence[Task],
    *,
    role: str,
    max_tokens: int = 256,
    temperature: float = 0.0,
    seed: int = 0,
    sample: int = 0,
    round_id: str | None = None,
    reporter: Reporter | None = None,
    stage: str = "student",
) -> dict[str, int]:
    """Let the student answer ``tasks``; return task id -> answer id for every one of them.

    ``sample`` numbers independent draws of one question, from 0.
    """
    reporter = reporter or Reporter(store, None, round_id)
    sampling = {
        "max_tokens": max_tokens,
        "temperature": temperature,
        "seed": seed,
        "sample": sample,
    }
    name = digest(canonical(sampling))
    questions = {task.id: _question(pupil, task) for task in tasks}
    found = find_answers(store, pupil.source_id, name, list(questions))
    answered = {task: found[(task, key)] for task, key in questions.items() if (task, key) in found}
    with store.write() as session:
        for number in answered.values():
            link_answer(session, round_id, number, role)
    missing = [task for task in tasks if task.id not in answered]
    reporter.start(stage, len(tasks), f"{pupil.source_id}: {len(missing)} of {len(tasks)} to do")
    # Alike lengths together: a batch is as slow as its longest prompt.
    missing.sort(key=lambda task: (len(task.prompt), task.id))
    chunks = [missing[begin : begin + _CHUNK] for begin in range(0, len(missing), _CHUNK)]
    for chunk, drafts in _generated(pupil, chunks, questions, sampling):
        ids = save_answers(store, drafts, round_id, role)
        answered.update(zip((task.id for task in chunk), ids, strict=True))
        reporter.progress(stage, len(answered), len(tasks), pupil.source_id)
    reporter.done(stage, f"{pupil.source_id} answered {len(tasks)} tasks.")
    return answered


def draw_answers(
    store: Store,
    settings: Settings,
    pupil: Pupil,
    tasks: Sequence[Task],
    *,
    role: str,
    samples: int,
    max_tokens: int,
    temperature: float,
    seed: int = 0,
    round_id: str | None = None,
    reporter: Reporter | None = None,
    stage: str = "student",
) -> dict[tuple[str, int], int]:
    """Let the student answer ``tasks`` ``samples`` times; return (task id, draw) -> answer id."""
    return {
        (task, sample): number
        for sample in range(samples)
        for task, number in answer_tasks(
            store, settings, pupil, tasks, role=role, max_tokens=max_tokens,
            temperature=temperature, seed=seed, sample=sample, round_id=round_id,
            reporter=reporter, stage=stage,
        ).items()
    }  # fmt: skip


def _generated(
    pupil: Pupil, chunks: Sequence[Sequence[Task]], questions: dict[str, str],
    sampling: dict[str, Any],
) -> Iterator[tuple[Sequence[Task], list[Draft]]]:  # fmt: skip
    """Yield each chunk with its answers, in order; a cluster works on several at a time."""
    how = {
        "max_tokens": sampling["max_tokens"],
        "temperature": sampling["temperature"],
        # Each draw has randomness of its own; the first is what it was before there were more.
        "seed": sampling["seed"] + 7919 * sampling["sample"],
    }
    asked = ([student_messages(task) for task in chunk] for chunk in chunks)
    student = pupil.student
    found: Iterator[list[Generation]]
    if isinstance(student, ClusterStudent):
        found = student.batches(asked, **how) if chunks else iter(())
    else:
        found = (student.generate(conversations, **how) for conversations in asked)
    for chunk, generations in zip(chunks, found, strict=True):
        yield chunk, _drafts(pupil, chunk, generations, questions, sampling)


def _drafts(
    pupil: Pupil, tasks: Sequence[Task], generations: Sequence[Generation],
    questions: dict[str, str], sampling: dict[str, Any],
) -> list[Draft]:  # fmt: skip
    return [
        Draft(
            task_id=task.id,
            source_id=pupil.source_id,
            prompt_digest=questions[task.id],
            sampling=sampling,
            messages=student_messages(task),
            text=generation.text,
            finish=generation.finish,
            entry_point=task.entry_point,
            input_tokens=generation.input_tokens,
            output_tokens=generation.output_tokens,
            cost="0",
            seconds=generation.seconds,
        )
        for task, generation in zip(tasks, generations, strict=True)
    ]


def _question(pupil: Pupil, task: Task) -> str:
    return digest([pupil.source_id, [list(m) for m in student_messages(task)]])
