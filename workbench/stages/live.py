"""Live: one task to several sources at once, the text as it grows, each answer judged as it comes.

The same stages as everywhere do the work: questions go through the gateway, answers and verdicts
are stored as always. Added here is only that somebody may watch: text pieces are events of the run
``live/TASK``, at most three a second and source. Not here: many tasks (see ``ask``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.settings import Settings
from workbench.stages.events import Event, Listener, Reporter
from workbench.store.database import Store
from workbench.tasks import Task

if TYPE_CHECKING:
    from teachers.model import Answer, Identity, Prompt, Sampling
    from teachers.protocol import Teacher
    from workbench.stages.student import Pupil

__all__ = ["STUDENT", "Watched", "ask_live", "student_in_use"]

STUDENT = "student"
"""The name under which the student in use is asked."""

_PIECE_SECONDS = 0.33


@dataclass(slots=True)
class Watched:
    """A teacher whose text is told while it grows; the answer is the teacher's own."""

    teacher: Teacher
    tell: Callable[[str, str], None]
    """Takes the teacher's name and the text so far."""

    @property
    def name(self) -> str:
        """The teacher's name."""
        return self.teacher.name

    @property
    def identity(self) -> Identity:
        """The teacher's identity: watching changes nothing about who answers."""
        return self.teacher.identity

    async def answer(self, prompt: Prompt, sampling: Sampling) -> Answer:
        """Answer by streaming where the teacher can; else in one piece."""
        from teachers.protocol import StreamingTeacher

        if not isinstance(self.teacher, StreamingTeacher):
            return await self.teacher.answer(prompt, sampling)
        text, told = "", 0.0
        async for piece in self.teacher.stream(prompt, sampling):
            if not isinstance(piece, str):
                return piece
            text += piece
            if time.monotonic() - told > _PIECE_SECONDS:
                told = time.monotonic()
                self.tell(self.name, text)
        raise ValueError(f"{self.name} ended its stream without an answer")

    async def close(self) -> None:
        """Close the teacher."""
        await self.teacher.close()


class _Told:
    """Writes what happens to each source into the event table; safe between threads."""

    def __init__(self, store: Store, task: Task, listener: Listener | None) -> None:
        from workbench.store.views.live import run_name

        self.store, self.run, self.listener = store, run_name(task.id), listener

    def start(self, names: Sequence[str]) -> None:
        self._reporter().start("live", len(names), ", ".join(names))
        for name in names:
            self.say(name, "asked")

    def say(self, source: str, state: str, text: str = "") -> None:
        data = {"source": source, "state": state, "text": text}
        self._reporter().note("live", f"{source}: {state}", data)

    def _reporter(self) -> Reporter:
        return Reporter(self.store, self.listener, self.run)


def ask_live(
    store: Store,
    settings: Settings,
    task: Task,
    teachers: Sequence[Teacher],
    *,
    student: bool = False,
    sampling: Sampling | None = None,
    on_event: Listener | None = None,
) -> dict[str, int]:
    """Ask every teacher (and the student in use) ``task``; return source -> answer id.

    Each answer is judged as soon as it is there. A source whose request failed is left out.
    Raises ``WorkbenchError`` as the stages do, after the other sources have ended.
    """
    from teachers.model import Sampling

    drawn = sampling or Sampling()
    told = _Told(store, task, on_event)
    names = [teacher.name for teacher in teachers] + ([STUDENT] if student else [])
    told.start(names)
    with ThreadPoolExecutor(max_workers=2) as pool:
        waiting: dict[str, Future[int | None]] = {}
        if student:
            waiting[STUDENT] = pool.submit(_ask_student, store, settings, task, told)
        _ask_teachers(store, settings, task, teachers, drawn, told, pool, waiting)
        done = {name: future.result() for name, future in waiting.items()}
    return {name: number for name, number in done.items() if number is not None}


def _ask_teachers(
    store: Store,
    settings: Settings,
    task: Task,
    teachers: Sequence[Teacher],
    sampling: Sampling,
    told: _Told,
    pool: ThreadPoolExecutor,
    waiting: dict[str, Future[int | None]],
) -> None:
    """Ask the teachers together, under one budget; hand each stored answer to the judge."""
    from workbench.stages.ask import Question, ask_questions
    from workbench.stages.prompts import teacher_prompt

    if not teachers:
        return
    by_name = {teacher.name: teacher for teacher in teachers}

    def stored(name: str) -> None:
        if name in by_name and name not in waiting:
            waiting[name] = pool.submit(
                _judge_newest, store, settings, task, by_name[name], sampling, told
            )

    def heard(event: Event) -> None:
        if event.kind == "progress":
            stored(event.message)

    question = Question(task, teacher_prompt(task, blobs=store.blobs), sampling)
    watched = [Watched(teacher, lambda n, t: told.say(n, "writing", t)) for teacher in teachers]
    asyncio.run(
        ask_questions(
            store,
            settings,
            [(teacher, [question]) for teacher in watched],
            round_id=None,
            reporter=Reporter(store, heard),
        )
    )
    # Those that had answered before were not asked, and nothing was heard of them.
    for name in by_name:
        stored(name)


def _judge_newest(
    store: Store,
    settings: Settings,
    task: Task,
    teacher: Teacher,
    sampling: Sampling,
    told: _Told,
) -> int | None:
    from workbench.stages.ask import known_answers

    ids = known_answers(store, [task], [teacher], sampling)
    if not ids:
        told.say(teacher.name, "failed", "The request brought no answer.")
        return None
    _judge(store, settings, teacher.name, ids[-1], told)
    return ids[-1]


def student_in_use(store: Store, settings: Settings) -> Pupil:
    """Load the promoted student, or the base where nothing was promoted."""
    from workbench.stages.promote import promoted_student
    from workbench.stages.student import load_student
    from workbench.stages.train import shipped_base
    from workbench.store.tables import AdapterRow

    base, path, name, adapter_id = settings.base or shipped_base(), None, "student:base", None
    pointer = promoted_student(store)
    if pointer.adapter_id is not None:
        with store.read() as session:
            row = session.get(AdapterRow, pointer.adapter_id)
        if row is not None:
            base, path = row.base, store.home / row.path
            name, adapter_id = pointer.source_id or name, row.id
    return load_student(store, base, adapter=path, name=name, adapter_id=adapter_id)


def _ask_student(store: Store, settings: Settings, task: Task, told: _Told) -> int | None:
    """Let the student in use answer; its weights are loaded for this and released after."""
    from workbench.stages.student import answer_tasks

    try:
        told.say(STUDENT, "writing", "")
        pupil = student_in_use(store, settings)
        answered = answer_tasks(store, settings, pupil, [task], role="student")
    except WorkbenchError as error:
        told.say(STUDENT, "failed", str(error))
        raise
    _judge(store, settings, STUDENT, answered[task.id], told)
    return answered[task.id]


def _judge(store: Store, settings: Settings, source: str, answer: int, told: _Told) -> None:
    from workbench.stages.judge import judge_answers

    told.say(source, "judging")
    judge_answers(store, settings, [answer])
    told.say(source, "judged")
