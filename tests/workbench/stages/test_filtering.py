"""Filters inside a round: what they take is recorded, checked, can be taken back; and behaviour."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlmodel import select

from distill.example import Example
from tests.workbench.stages.scripted import Scripted
from tests.workbench.stages.test_ask_judge_repair import BIGGER, CLAMP, RIGHT, TASKS, ids, right
from workbench.errors import InputError, StageError
from workbench.settings import Settings
from workbench.stages.ask import ask
from workbench.stages.behaviour import probe_all, probe_apart, probe_inputs, same_all, subject_of
from workbench.stages.check_snapshot import check_snapshot
from workbench.stages.contamination import meetings
from workbench.stages.filtering import (
    STANDARD,
    filter_rows,
    funnel_steps,
    parse_filters,
    removed_rows,
    semantic_duplicates,
)
from workbench.stages.judge import judge_answers
from workbench.stages.round_config import RoundConfig
from workbench.stages.select import select_winners
from workbench.store.database import Store
from workbench.store.overrides import record_override
from workbench.store.tables import RoundRow, RoundTaskRow, SnapshotRow, VerdictRow
from workbench.tasks import Task, add_tasks


@pytest.fixture
def judged(store: Store, settings: Settings) -> str:
    """A round whose two tasks were answered rightly."""
    add_tasks(store, TASKS)
    with store.write() as session:
        session.add(RoundRow(id="r1", number=1, config_json="{}"))
        session.flush()
        for place, task in enumerate(TASKS):
            session.add(RoundTaskRow(round_id="r1", task_id=task.id, role="train", position=place))
    ask(store, settings, TASKS, [Scripted("good", right)], round_id="r1")
    judge_answers(store, settings, ids(store, "r1"))
    return "r1"


def snapshot_of(store: Store, name: str) -> SnapshotRow:
    with store.read() as session:
        found = session.get(SnapshotRow, name)
    assert found is not None
    return found


def test_what_a_filter_takes_is_recorded_and_the_snapshot_still_checks(
    store: Store, settings: Settings, judged: str
) -> None:
    most = len(RIGHT["clamp"].strip("\n"))
    rules = parse_filters([{"rule": "length", "most": most - 1}, {"rule": "exact"}])
    report = select_winners(store, settings, judged, filters=rules)
    snapshot = snapshot_of(store, report.snapshot_id)
    assert report.funnel["winners"] == 2
    assert report.funnel["removed"] == 2 - report.rows
    assert "filtered out" in report.sentence
    assert [one["task"] for one in removed_rows(store, snapshot)] == ["clamp"]
    assert "characters" in removed_rows(store, snapshot)[0]["reason"]
    assert [(s["rule"], s["before"], s["after"]) for s in funnel_steps(store, snapshot)] == [
        ("length", 2, 1), ("exact", 1, 1)
    ]  # fmt: skip
    assert check_snapshot(store, snapshot) == []


def test_a_removal_that_nothing_explains_is_noticed(
    store: Store, settings: Settings, judged: str
) -> None:
    snapshot = snapshot_of(store, select_winners(store, settings, judged).snapshot_id)
    inputs = json.loads(store.blobs.text(snapshot.inputs_digest))
    inputs["removed"] = [{"task": "nobody", "rule": "exact", "reason": "because"}]
    changed = store.blobs.put_text(json.dumps(inputs))
    found = check_snapshot(
        store, SnapshotRow(**{**snapshot.model_dump(), "inputs_digest": changed})
    )
    assert any("'nobody', which has no winner" in line for line in found)


def test_a_person_excludes_a_row_and_restores_what_a_filter_took(
    store: Store, settings: Settings, judged: str
) -> None:
    rules = parse_filters([{"rule": "score", "above": 1.0}])
    assert select_winners(store, settings, judged, filters=rules).rows == 0
    with store.read() as session:
        verdict = session.exec(select(VerdictRow).where(VerdictRow.task_id == "clamp")).one()
    assert verdict.id is not None
    record_override(store, verdict.id, "accept", reason="read it", author="jo")
    assert select_winners(store, settings, judged, filters=rules).rows == 1
    record_override(store, verdict.id, "reject", reason="reads badly", author="jo")
    assert select_winners(store, settings, judged, filters=rules).rows == 0
    record_override(store, verdict.id, "clear", reason="", author="jo")
    assert select_winners(store, settings, judged).rows == 2


def test_every_round_has_the_standard_filters_and_a_bad_one_is_refused_when_planned() -> None:
    assert RoundConfig().filters == STANDARD
    with pytest.raises(InputError, match="no rule 'scores'"):
        RoundConfig(filters=({"rule": "scores"},))
    with pytest.raises(InputError, match="no field"):
        parse_filters([{"rule": "score", "over": 1}])


def test_a_row_that_does_what_a_held_out_task_asks_is_taken_by_the_standard_filters(
    store: Store, settings: Settings, judged: str
) -> None:
    held = replace(
        CLAMP, id="held", split="eval", prompt="Something else.", tests=(), entry_point="between",
        signature="def between(v: int, low: int, high: int) -> int",
        requires=(), ensures=("result == min(max(v, low), high) if low <= high else True",),
        reference="def between(v: int, low: int, high: int) -> int:\n"
        "    return max(low, min(v, high))\n",
    )  # fmt: skip
    same_words = replace(
        BIGGER, id="words", split="eval", signature="", tests=(), ensures=("True",)
    )
    add_tasks(store, [held, same_words])
    snapshot = snapshot_of(store, select_winners(store, settings, judged).snapshot_id)
    found = {one["task"]: one["reason"] for one in removed_rows(store, snapshot)}
    assert set(found) == {"clamp", "bigger"}
    assert "held" in found["clamp"]
    assert found["bigger"] == "asks what the held-out task words asks"


def test_a_protected_file_that_is_not_there_is_a_sentence(store: Store, settings: Settings) -> None:
    rules = parse_filters([{"rule": "contamination", "files": ["/nowhere/he.jsonl"]}])
    with pytest.raises((InputError, StageError), match=r"he\.jsonl"):
        filter_rows(store, settings, [row("a", RIGHT["clamp"])], rules, TASKS, kept={})


def row(name: str, code: str, ask: str = "Do it.", task: str = "t") -> Example:
    return Example(name, task, (("user", ask),), code, "source")


SUM = "def f(xs: list[int]) -> int:\n    return sum(x for x in xs if x > 3)"
LOOP = (
    "def total(values: list[int]) -> int:\n    t = 0\n    for v in values:\n"
    "        if 3 < v:\n            t += v\n    return t"
)
OFF = LOOP.replace("3 < v", "4 < v")


def test_two_hands_of_one_function_are_proved_equal_and_a_near_miss_is_not() -> None:
    rows = [row("a", SUM), row("b", LOOP), row("c", OFF), row("d", "def g(q):\n    return q")]
    found = semantic_duplicates(rows, {}, jobs=1)
    assert [(one.index, one.kept, one.basis) for one in found] == [(1, 0, "proved")]


def test_what_inputs_near_its_numbers_tell_apart_is_never_tried_to_prove() -> None:
    codes = [f"def f{n}(xs: list[int]) -> list[int]:\n    return [x for x in xs if x > {n}]"
             for n in (83, 84, 97, 200, 201)]  # fmt: skip
    twin = "def g(ys: list[int]) -> list[int]:\n    return [y for y in ys if not y <= 97]"
    subjects = [subject_of(code) for code in (*codes, twin)]
    subjects.insert(3, None)
    assert len(set(probe_all(subjects))) < 6
    seen = probe_apart(subjects)
    assert seen[3] is None
    assert seen[2] == seen[6]
    assert len(set(seen)) == 6


def test_a_difference_far_from_the_probes_is_found_by_proof() -> None:
    plain = subject_of("def f(a: int) -> int:\n    return a + 1")
    odd = subject_of("def g(b: int) -> int:\n    return b + 1 if b != 77_777 else 0")
    assert len(set(probe_all([plain, odd]))) == 1
    assert same_all([(plain, odd), (plain, plain), (plain, None)]) == [False, True, None]


def test_what_cannot_be_run_has_no_behaviour() -> None:
    endless = subject_of("def f(a: int) -> int:\n    while True:\n        pass")
    untyped = subject_of("def f(a):\n    return a")
    assert probe_all([endless, untyped, None]) == [None, None, None]
    assert subject_of("x = 1") is None
    assert subject_of("def f(:") is None
    told = subject_of("def f(a):\n    return a", "f", "def f(a: int) -> int")
    assert told is not None
    assert probe_all([told])[0] is not None


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("int", lambda v: type(v) is int),
        ("bool", lambda v: type(v) is bool),
        ("str", lambda v: type(v) is str),
        ("float", lambda v: type(v) is float),
        ("list[int]", lambda v: all(type(x) is int for x in v)),
        ("list[list[str]]", lambda v: all(type(y) is str for x in v for y in x)),
        ("tuple[int, str]", lambda v: (type(v[0]), type(v[1])) == (int, str)),
        ("dict[str, int]", lambda v: all(type(k) is str for k in v)),
        ("set[int]", lambda v: isinstance(v, set)),
    ],
)
def test_probes_have_the_type_and_are_the_same_every_time(
    kind: str, check: Callable[[object], bool]
) -> None:
    inputs = probe_inputs((kind,))
    assert inputs is not None
    assert inputs == probe_inputs((kind,))
    assert all(check(args[0]) for args in inputs)


@pytest.mark.parametrize("kind", ["", "object", "list", "Callable[[int], int]", "int | None", "?"])
def test_types_that_cannot_be_made_are_not_guessed(kind: str) -> None:
    assert probe_inputs((kind,)) is None


BENCH = Task(
    id="HumanEval/x",
    prompt="Return the sum of the entries of the list xs that are larger than three, as a number.",
    entry_point="sum_big",
    signature="def sum_big(xs: list[int]) -> int",
    reference=SUM.replace("def f", "def sum_big"),
    split="eval",
)


def test_contamination_is_met_by_words_by_code_and_by_behaviour() -> None:
    rows = [
        row("words", "def g(a: int) -> int:\n    return a", f"Please: {BENCH.prompt.upper()}"),
        row("code", SUM.replace("xs", "entries"), "Another question."),
        row("behaviour", LOOP, "What do the values above 3 come to?"),
        row("benign", OFF, "What do the values above 4 come to?"),
        row("shape", "def h(a: int, b: int) -> int:\n    return a + b", "Add."),
    ]
    found = meetings(rows, [BENCH])
    assert [(one.index, one.kind) for one in found] == [
        (0, "words"), (1, "code"), (2, "behaviour")
    ]  # fmt: skip
    assert found[2].sentence == "does what HumanEval/x asks (40 inputs)"
    assert [one.index for one in meetings(rows, [BENCH], by_behaviour=False)] == [0, 1]


def test_tests_of_a_task_say_what_it_does_where_there_is_no_reference() -> None:
    tests = tuple({"args": [n], "expected": 3 * n + 1} for n in (0, 1, 2, 5, -4))
    bench = replace(CLAMP, id="own/1", tests=tests, reference=None, prompt="")
    rows = [row("same", "def t(n: int) -> int:\n    return n + n + n + 1"),
            row("other", "def t(n: int) -> int:\n    return n * 3")]  # fmt: skip
    assert [one.index for one in meetings(rows, [bench])] == [0]
