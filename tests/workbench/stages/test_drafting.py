"""Drafting contracts: by examples, by a teacher, and what a policy lets through."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from teachers.model import Answer, Finish, Sampling
from teachers.recorded import RecordedTeacher, recorded_line, write_recording
from workbench.errors import InputError
from workbench.settings import Settings
from workbench.stages.drafting import (
    DraftedTask,
    Policy,
    ask_contracts,
    draft_prompt,
    draft_tasks,
    freeze,
)
from workbench.store.database import Store
from workbench.tasks import Task

TESTS = tuple(
    {"args": [list(xs)], "expected": max(xs)} for xs in ((1,), (3, 9), (-4, -2), (0, 0), (5, 4))
)
TASK = Task(
    "t/biggest", "The largest element of a list that is not empty.", "biggest",
    "def biggest(xs: list[int]) -> int", tests=TESTS, source="written here",
    reference="def biggest(xs: list[int]) -> int:\n    return sorted(xs)[-1]\n",
)  # fmt: skip


def one(task: Task, reply: dict[str, object] | None = None) -> DraftedTask:
    drafts, failed = draft_tasks([task], {} if reply is None else {task.id: reply}, "somebody")
    assert failed == []
    return drafts[0]


def test_a_draft_from_examples_is_frozen_by_the_policy() -> None:
    drafted = one(TASK)
    assert drafted.by == "examples"
    assert drafted.task.ensures == ("result == max(xs)",)
    assert drafted.objection(Policy()) is None
    settled = freeze(drafted, Policy().sentence)
    assert "drafted by examples, frozen by a policy: at least 5 examples" in settled.source
    assert settled.digest != TASK.digest


def test_the_policy_says_what_it_misses() -> None:
    drafted = one(TASK)
    assert "5 examples only" in str(drafted.objection(Policy(examples=6)))
    assert "reference" in str(one(replace(TASK, reference=None)).objection(Policy()))
    weak = one(replace(TASK, tests=TESTS[:1]), {"ensures": ["result in xs"]})
    assert weak.objection(Policy(examples=1)) is not None


def test_nothing_drafted_is_never_frozen() -> None:
    drafted = one(replace(TASK, tests=()))
    assert drafted.empty
    assert drafted.objection(Policy()) is not None
    with pytest.raises(InputError, match="no clause"):
        freeze(drafted, "somebody")


def test_what_a_teacher_says_is_sifted() -> None:
    drafted = one(TASK, {"requires": ["len(xs) > 0"], "ensures": ["result > 0", "result in xs"]})
    assert drafted.by == "somebody and examples"
    assert "result in xs" in drafted.task.ensures
    assert [d.clause for d in drafted.draft.dropped] == ["result > 0"]
    _, failed = draft_tasks([TASK], {TASK.id: {"ensures": 3}}, "somebody")
    assert "cannot be used" in failed[0]


def test_a_teacher_is_asked_through_the_door(
    tmp_path: Path, store: Store, settings: Settings
) -> None:
    reply = {"requires": ["len(xs) > 0"], "ensures": ["result == max(xs)"], "raises": []}
    path, empty = tmp_path / "r.jsonl", tmp_path / "none.jsonl"
    write_recording(empty, [])
    answer = Answer(f"Gladly: {json.dumps(reply)}", Finish.STOP, "recorded", "somebody")
    line = recorded_line(RecordedTeacher(empty), draft_prompt(TASK), Sampling(), answer)
    write_recording(path, [line])
    found, failed = ask_contracts(store, settings, f"recorded:{path}", [TASK])
    assert found == {TASK.id: reply}
    assert failed == []
    _, failed = ask_contracts(store, settings, f"recorded:{empty}", [TASK])
    assert "gave no contract" in failed[0]
