"""The providers that need nothing: two formal teachers, and answers recorded earlier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from teachers.errors import TeacherError
from teachers.protocol import Teacher
from teachers.providers import Provider, TeacherStatus


def _open_synthesis(rest: str, env: Mapping[str, str]) -> Teacher:
    from teachers.synthesis import SynthesisTeacher

    _nothing_after("synthesis", rest)
    return SynthesisTeacher()


def _open_examples(rest: str, env: Mapping[str, str]) -> Teacher:
    from teachers.enumeration import ExamplesTeacher

    _nothing_after("examples", rest)
    return ExamplesTeacher()


def _open_recorded(rest: str, env: Mapping[str, str]) -> Teacher:
    from teachers.recorded import RecordedTeacher

    if not rest:
        raise TeacherError("recorded needs a file: recorded:PATH, as in recorded:answers.jsonl")
    return RecordedTeacher(Path(rest))


def _nothing_after(name: str, rest: str) -> None:
    if rest:
        raise TeacherError(
            f"{name} takes no model; write {name!r} instead of {name + ':' + rest!r}"
        )


def _ready(name: str, note: str) -> Sequence[TeacherStatus]:
    return (TeacherStatus(name, name, "ready", note=note),)


SYNTHESIS = Provider(
    "synthesis",
    "synthesis",
    _open_synthesis,
    lambda env, probe: _ready("synthesis", "contract to code by solver; no key, no cost"),
)
EXAMPLES = Provider(
    "examples",
    "examples",
    _open_examples,
    lambda env, probe: _ready("examples", "examples to code by search; no key, no cost"),
)
RECORDED = Provider("recorded", "recorded:PATH", _open_recorded, lambda env, probe: ())
