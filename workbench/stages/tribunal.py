"""The tribunal with teachers as jurors: answers that are not code, opinions counted in the open.

Questions to jurors go through the same door as all others: cache, caps, limits, private mode. What
comes out is a ruling with every ballot; it never becomes a verdict and nothing is trained on it
without a person's choice. Without jurors nobody votes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.settings import Settings
from workbench.stages.ask import open_teachers
from workbench.stages.door import Door
from workbench.stages.sources import register_teacher
from workbench.store.database import Store

if TYPE_CHECKING:
    from judge.tribunal import Preference, Rubric, Ruling
    from teachers import Teacher

__all__ = ["Plea", "Session", "hold", "read_pleas", "read_rubric"]

_MEND = (
    'A line is {"id": "a", "question": "...", "answer": "...", "label": true}; label is optional.'
)


@dataclass(frozen=True, slots=True)
class Plea:
    """One answer to be judged; with ``other`` two answers are compared instead."""

    id: str
    question: str
    answer: str
    other: str | None = None
    label: bool | None = None
    """What a person said of it: accept or not."""


@dataclass(frozen=True, slots=True)
class Session:
    """What the jurors said, one entry a plea."""

    rulings: tuple[tuple[Plea, Ruling | Preference], ...]


class _TeacherJuror:
    """A teacher behind the gateway, as the tribunal asks it."""

    def __init__(self, name: str, teacher: Teacher, gateway: Any) -> None:
        self.name = name
        self._teacher, self._gateway = teacher, gateway

    async def ask(self, prompt: str) -> str:
        """Answer once; a refusal or a failure is raised, and becomes an abstention."""
        from teachers.model import Finish, Prompt, Sampling

        answer = await self._gateway.ask(self._teacher, Prompt.of(prompt), Sampling())
        if answer.finish in (Finish.FAILED, Finish.CANNOT):
            said = answer.failure.message if answer.failure is not None else answer.text
            raise InputError(said or "no answer")
        return str(answer.text)


def read_pleas(lines: Iterable[str], name: str) -> list[Plea]:
    """Read JSON Lines; a bad line is told with its number and the mend."""
    found: list[Plea] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row: Any = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            raise InputError(f"{name}, line {number}: not JSON.", _MEND) from None
        if not isinstance(row, dict):
            raise InputError(f"{name}, line {number}: no JSON object.", _MEND)
        texts = [row.get("question"), row.get("answer"), row.get("other", "")]
        label = row.get("label")
        if not all(isinstance(t, str) for t in texts) or not isinstance(label, bool | None):
            raise InputError(
                f"{name}, line {number}: a field is missing or of another type.", _MEND
            )
        found.append(
            Plea(
                str(row.get("id", number)), row["question"], row["answer"], row.get("other"), label
            )
        )
    if not found:
        raise InputError(f"{name} holds nothing to judge.", _MEND)
    return found


def read_rubric(text: str, name: str) -> Rubric:
    """A rubric from JSON: ``criteria`` with name, weight and question, and the lines between."""
    from judge.tribunal import Criterion, Rubric

    mend = (
        'It is {"criteria": [{"name": "...", "weight": 0.5, "question": "..."}], "accept": 0.7, '
        '"review": 0.5, "quorum": 2, "timeout_seconds": 60}, each optional.'
    )
    try:
        row = json.loads(text)
        criteria = row.pop("criteria", None)
        if criteria is not None:
            row["criteria"] = tuple(Criterion(**item) for item in criteria)
        return Rubric(**row)
    except (json.JSONDecodeError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise InputError(f"{name} is no rubric: {error}.", mend) from error


def hold(
    store: Store,
    settings: Settings,
    pleas: Sequence[Plea],
    jurors: Sequence[str],
    rubric: Rubric | None = None,
    door: Door | None = None,
) -> Session:
    """Let the named teachers judge every plea; raises ``InputError`` when there is no juror."""
    if not jurors:
        raise InputError("Nobody votes: there is no juror.", "Name teachers with --juror NAME.")
    return asyncio.run(_hold(store, settings, pleas, jurors, rubric, door or Door()))


async def _hold(
    store: Store,
    settings: Settings,
    pleas: Sequence[Plea],
    names: Sequence[str],
    rubric: Rubric | None,
    door: Door,
) -> Session:
    from judge.tribunal import deliberate, prefer

    teachers = open_teachers(names)
    gateway = door.gateway(store, settings, "tribunal")
    for teacher in teachers:
        register_teacher(store, settings, teacher)
    jurors = [_TeacherJuror(n, t, gateway) for n, t in zip(names, teachers, strict=True)]
    found: list[tuple[Plea, Ruling | Preference]] = []
    try:
        for plea in pleas:
            ruling: Ruling | Preference
            if plea.other is None:
                ruling = await deliberate(plea.question, plea.answer, jurors, rubric)
            else:
                ruling = await prefer(plea.question, plea.answer, plea.other, jurors, rubric)
            found.append((plea, ruling))
    finally:
        for teacher in teachers:
            await teacher.close()
    return Session(tuple(found))
