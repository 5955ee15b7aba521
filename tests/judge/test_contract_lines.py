"""JSON Lines of candidates: good lines become submissions, bad ones sentences with numbers."""

from __future__ import annotations

import json

import pytest

from judge import BadLine, Submission, read_submissions

GOOD = {
    "id": "clamp/1",
    "entry_point": "clamp",
    "code": "def clamp(x, lo, hi):\n    return x\n",
    "requires": ["lo <= hi"],
    "ensures": ["lo <= result <= hi"],
    "raises": [],
    "tests": [{"args": [5, 0, 3], "expected": 3}, {"args": [1, 2, 0], "raises": "ValueError"}],
    "test_code": "def check(candidate): assert candidate(5, 0, 3) == 3",
}


def read(*lines: str | bytes) -> list[Submission | BadLine]:
    return list(read_submissions(lines))


def test_the_documented_line_is_read_in_full() -> None:
    (item,) = read(json.dumps(GOOD))
    assert isinstance(item, Submission)
    assert item.id == "clamp/1"
    assert item.contract.requires == ("lo <= hi",)
    assert item.tests[0].args == (5, 0, 3)
    assert item.tests[0].expected == 3
    assert item.tests[1].raises == "ValueError"
    assert item.test_code is not None


def test_everything_but_code_and_entry_point_is_optional() -> None:
    (item,) = read('{"entry_point": "f", "code": "def f(): pass"}')
    assert isinstance(item, Submission)
    assert item.id == "f/1"
    assert item.contract.empty


def test_fields_of_others_are_ignored_but_misspelt_ones_are_not() -> None:
    good, bad = read(json.dumps({**GOOD, "prompt": "Clamp."}), json.dumps({**GOOD, "ensure": []}))
    assert isinstance(good, Submission)
    assert isinstance(bad, BadLine)
    assert "did you mean `ensures`?" in bad.message


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[1, 2]", "this is a list"),
        ('"text"', "this is a str"),
        ('{"code": "x"}', "`entry_point` is missing"),
        ('{"entry_point": "f"}', "`code` is missing"),
        ('{"entry_point": 3, "code": "x"}', "`entry_point` is of the wrong type (int)"),
        ('{"entry_point": "f", "code": "x", "requires": "x > 0"}', "a list of Python expressions"),
        ('{"entry_point": "f", "code": "x", "requires": [3]}', "`requires[1]` is of the wrong"),
        ('{"entry_point": "f", "code": "x", "tests": [3]}', "`tests[1]`"),
        ('{"entry_point": "f", "code": "x", "tests": [{"expected": 1}]}', "`tests[1].args`"),
        ('{"entry_point": "f", "code": "x", "tests": [{"args": [], "out": 1}]}', "no field"),
        ('{"entry_point": "f", "code": "x", "tests": [{"args": [NaN]}]}', "NaN is not JSON"),
        ('{"entry_point": "f", "code": "x", "tests": [{"args": [{"$float": 1}]}]}', "not plain"),
        ('{"entry_point": "f", "code": "x", "code": "y"}', "given twice"),
        ("[" * 100_000, "nested too deeply"),
        (b"\xff\xfe", "byte 1 is not UTF-8"),
    ],
)
def test_each_bad_line_is_a_sentence_and_the_next_line_is_read(
    line: str | bytes, says: str
) -> None:
    bad, good = read(line, json.dumps(GOOD))
    assert isinstance(bad, BadLine)
    assert bad.line == 1
    assert says in bad.message
    assert isinstance(good, Submission)


def test_blank_lines_are_skipped_but_counted_and_a_mark_at_the_start_is_no_fault() -> None:
    items = read("\ufeff" + json.dumps(GOOD), "  \n", "oops")
    assert isinstance(items[0], Submission)
    assert isinstance(items[1], BadLine)
    assert items[1].line == 3


def test_tagged_values_reach_the_cases() -> None:
    line = {**GOOD, "tests": [{"args": [{"$tuple": [1, 2]}, {"$float": "nan"}], "expected": None}]}
    (item,) = read(json.dumps(line))
    assert isinstance(item, Submission)
    assert item.tests[0].args[0] == (1, 2)


def test_a_bad_line_keeps_its_own_id() -> None:
    (wrong,) = read('{"id": "mine", "entry_point": "f", "code": 7}')
    (text,) = read('{"id": "mine", ')
    assert isinstance(wrong, BadLine)
    assert isinstance(text, BadLine)
    assert (wrong.id, text.id) == ("mine", None)


def test_a_signature_of_another_function_is_named() -> None:
    (item,) = read(json.dumps({**GOOD, "signature": "def clip(x: int) -> int"}))
    assert isinstance(item, BadLine)
    assert "`clip`" in item.message
    assert "`clamp`" in item.message
