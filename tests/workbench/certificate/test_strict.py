"""The quick way to read a line never says yes where the careful one says no."""

from __future__ import annotations

import gc
import json
import typing
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.workbench.certificate.sample import IDENTITY
from workbench.certificate import evidence
from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import CounterexampleRecord, TaskRecord, VerdictRecord
from workbench.certificate.strict import (
    DOUBT,
    Strict,
    canonical,
    many_objects,
    quick_line,
    read_rows,
)

ROWS = (
    "TaskRecord", "SourceRecord", "AnswerRecord", "VerdictRecord", "ChoiceRecord",
    "StandingRecord", "EvaluationRecord", "ExampleRecord", "ObligationRecord",
    "CounterexampleRecord", "IdentityRecord",
)  # fmt: skip

values: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1e16, 1e-7, -0.0, 1e300])
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",)), max_size=3), inner,
                          max_size=4)
    ),
    max_leaves=10,
)  # fmt: skip

spellings: Any = st.sampled_from(
    [
        {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False},
        {"separators": (",", ":"), "ensure_ascii": False},
        {"sort_keys": True, "separators": (",", ":")},
        {"sort_keys": True, "ensure_ascii": False},
    ]
)


def careful(line: bytes) -> bool:
    try:
        return canonical(json.loads(line)).encode() == line
    except (ValueError, RecursionError):
        return False


@settings(max_examples=300, deadline=None)
@given(value=values, spelling=spellings)
@example(value={"a": 1e16}, spelling={"separators": (",", ":")})
@example(value={"\x7f\x00\u2028": "\x1f"}, spelling={"separators": (",", ":")})
def test_a_line_that_is_quickly_canonical_is_canonical(value: Any, spelling: Any) -> None:
    line = json.dumps(value, **spelling).encode()
    if quick_line(line) is not DOUBT:
        assert careful(line)
        assert quick_line(line) == json.loads(line)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40) | st.text('{}[]",:0123456789.eE-+ \\ntrufalsN', max_size=14))
def test_noise_is_never_quickly_canonical_unless_it_is(noise: bytes | str) -> None:
    line = noise if isinstance(noise, bytes) else noise.encode()
    assert quick_line(line) is DOUBT or careful(line)


@pytest.mark.parametrize(
    "line",
    [b'{"a":1,"a":1}', b'{"b":1,"a":1}', b'{"a": 1}', b"[1e16]", b"[1E2]", b"[0.00001]", b"[1.50]",
     b"[-0]", b"[NaN]", b'["\\u0041"]', b'["\\ud800"]', b'["\\/"]', b"\xef\xbb\xbf[]", b"[01]", b"",
     b"[" * 3000],
)  # fmt: skip
def test_what_is_not_canonical_or_could_be_printed_otherwise_is_looked_at_again(
    line: bytes,
) -> None:
    assert quick_line(line) is DOUBT


def verdict(args: tuple[Any, ...]) -> bytes:
    record = VerdictRecord(
        candidate="0" * 64, task="t", verdict="refuted", method="search", identity=IDENTITY,
        counterexample=CounterexampleRecord(args=args),
    )  # fmt: skip
    return canonical(record.model_dump(mode="json")).encode()


@settings(max_examples=150, deadline=None)
@given(value=values, spelling=spellings, field=st.sampled_from(["args", "result", "task"]))
def test_rows_are_accepted_exactly_when_their_spelling_is_the_one(
    value: Any, spelling: Any, field: str
) -> None:
    row = json.loads(verdict((1,)))
    if field == "task":
        row["task"] = str(value) or "t"
    else:
        row["counterexample"][field] = [value] if field == "args" else value
    line = json.dumps(row, **spelling).encode()
    try:
        rows, _ = read_rows(line + b"\n", VerdictRecord, "verdicts")
    except CertificateError:
        assert not careful(line) or len(row["task"]) > 500
    else:
        assert careful(line)
        assert rows == [VerdictRecord.model_validate_json(line)]


@pytest.mark.parametrize("name", ROWS)
def test_rows_declare_their_fields_in_the_order_of_their_spelling(name: str) -> None:
    fields = list(getattr(evidence, name).model_fields)
    assert fields == sorted(fields)


def _mentions_any(annotation: Any) -> bool:
    return annotation is Any or any(map(_mentions_any, typing.get_args(annotation)))


def test_whoever_holds_values_of_free_form_says_so() -> None:
    """A row whose free values were not looked at could have two spellings."""
    free = {
        name for name in ROWS
        if any(_mentions_any(f.annotation) for f in getattr(evidence, name).model_fields.values())
    }  # fmt: skip
    assert free == {"TaskRecord", "CounterexampleRecord"}
    # A counterexample stands only inside a verdict, which answers for it.
    assert TaskRecord.loose is not Strict.loose
    assert VerdictRecord.loose is not Strict.loose
    task = TaskRecord.model_validate_json(
        json.dumps({"id": "t", "digest": "0" * 64, "prompt": "", "entry_point": "f",
                    "signature": "", "split": "train", "tests": [{"b": 1, "a": 2}]})
    )  # fmt: skip
    assert list(task.loose()) == [{"b": 1, "a": 2}]
    for args, kind in (((1e16,), "[1e16]"), (({"b": 1, "a": 2},), '[{"b":1,"a":2}]')):
        line = verdict(args).replace(canonical(list(args)).encode(), kind.encode())
        with pytest.raises(CertificateError) as caught:
            read_rows(line + b"\n", VerdictRecord, "verdicts")
        assert caught.value.code == "not-canonical"


def test_the_collector_is_paused_and_runs_again() -> None:
    with many_objects():
        assert not gc.isenabled()
        with many_objects():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
