"""The student answers: in batches, greedily unless told otherwise, only what is missing.

Each batch is in the store before the next begins, so a kill loses one batch. The conversation is
the task's own prompt, the same in training and here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from distill.student import Student

__all__ = ["Pupil", "answer_tasks", "load_student"]

# Small enough that a kill loses little, large enough that a batch keeps the processor busy.
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Pupil:
    """A loaded student and the source it answers as."""

    student: Student
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
    """Load the weights and record them as a source; the same weights are the same source."""
    try:
        from distill.errors import DistillError
        from distill.student import Student
    except ModuleNotFoundError as error:
        raise MissingPartError.extra("The student", "train") from error
    try:
        student = Student.load(base, adapter)
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
    for begin in range(0, len(missing), _CHUNK):
        chunk = missing[begin : begin + _CHUNK]
        drafts = _generate(pupil, chunk, questions, sampling)
        ids = save_answers(store, drafts, round_id, role)
        answered.update(zip((task.id for task in chunk), ids, strict=True))
        reporter.progress(stage, len(answered), len(tasks), pupil.source_id)
    reporter.done(stage, f"{pupil.source_id} answered {len(tasks)} tasks.")
    return answered


def _generate(
    pupil: Pupil, tasks: Sequence[Task], questions: dict[str, str], sampling: dict[str, Any]
) -> list[Draft]:
    generations = pupil.student.generate(
        [student_messages(task) for task in tasks],
        max_tokens=sampling["max_tokens"],
        temperature=sampling["temperature"],
        # Each draw has randomness of its own; the first is what it was before there were more.
        seed=sampling["seed"] + 7919 * sampling["sample"],
    )
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
