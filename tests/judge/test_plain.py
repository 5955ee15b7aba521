"""Plain data: what crosses the border, and that nothing else does."""

from __future__ import annotations

import collections
import enum
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import plain

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(alphabet=st.characters(exclude_categories=()))
    | st.binary(max_size=8)
    | st.complex_numbers(allow_nan=False)
)
_KEYS = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.tuples(st.integers())
PLAIN = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(_KEYS, inner, max_size=4)
        | st.sets(_KEYS, max_size=4)
        | st.frozensets(_KEYS, max_size=4)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_what_is_written_is_read_back_the_same(value: Any) -> None:
    text = plain.dumps(value)
    assert text.isascii()
    assert plain.same(plain.loads(text), value)


@given(PLAIN)
def test_the_written_form_is_canonical(value: Any) -> None:
    assert plain.dumps(plain.loads(plain.dumps(value))) == plain.dumps(value)


@pytest.mark.parametrize(
    "value",
    [2**100_000, -(2**70_000), "\ud83d\ude00", "\ud800", "😀", math.inf, -0.0, {"$set": [1]},
     {1: 2}, {(1, (2,)): {3}}, b"\x00\xff", complex(-0.0, math.inf)],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_awkward_values_survive(value: Any) -> None:
    assert plain.same(plain.loads(plain.dumps(value)), value)


def test_two_lone_surrogates_do_not_become_one_character() -> None:
    assert plain.loads(plain.dumps("\ud83d\ude00")) != "😀"


@pytest.mark.parametrize(
    "text", ['{"a": [1, 2.5, null, true, "x"]}', "[]", '{"$price": 3}', '{"$set": 1, "b": 2}', "{}"]
)
def test_json_of_others_is_read_unchanged(text: str) -> None:
    assert plain.loads(text) == json.loads(text)


class _Sly(int):
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class _Colour(enum.IntEnum):
    RED = 1


_POINT = collections.namedtuple("_POINT", "x")


@pytest.mark.parametrize(
    "value",
    [_Sly(1), [_Sly(1)], _Colour.RED, _POINT(1), object(), (i for i in ()), range(3), len, int],
    ids=lambda v: type(v).__name__,
)
def test_instances_of_subclasses_and_objects_are_not_plain(value: Any) -> None:
    with pytest.raises(plain.PlainError, match="not plain"):
        plain.dumps(value)


def test_dicts_of_the_library_travel_as_dicts() -> None:
    for value in (
        collections.Counter("aab"),
        collections.defaultdict(int, {"a": 1}),
        collections.OrderedDict([(1, 2)]),
    ):
        back = plain.loads(plain.dumps(value))
        assert type(back) is dict
        assert back == dict(value)


def test_cycles_and_depth_are_refused() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (cycle, deep):
        with pytest.raises(plain.PlainError, match="deeper"):
            plain.dumps(value)


def test_a_small_value_that_unfolds_to_a_huge_one_is_refused() -> None:
    value: list[Any] = []
    for _ in range(100):
        value = [value, value]
    with pytest.raises(plain.PlainError, match="larger"):
        plain.dumps(value, size=10_000)


@pytest.mark.parametrize(
    "text",
    ["", "nope", "[1", "[" * 100_000, '{"$int": "12"}', '{"$int": 3}', '{"$float": "1.5"}',
     '{"$float": []}', '{"$str": [-1]}', '{"$str": "x"}', '{"$bytes": "zz"}', '{"$set": [[]]}',
     '{"$dict": [1]}', '{"$dict": [[[], 1]]}', '{"$tuple": 3}', '{"$complex": [1.0]}', "9" * 5000],
    ids=lambda t: t[:20],
)  # fmt: skip
def test_malformed_texts_are_named_not_raised_through(text: str) -> None:
    with pytest.raises(plain.PlainError):
        plain.loads(text)


def test_keys_chosen_to_collide_are_refused_at_once() -> None:
    colliding = ",".join(str(i * (2**61 - 1)) for i in range(1, 50_000))
    with pytest.raises(plain.PlainError, match="one hash"):
        plain.loads(f'{{"$set":[{colliding}]}}')


@pytest.mark.parametrize(
    ("a", "b"),
    [(1, True), (1, 1.0), (0.0, -0.0), ([1], (1,)), ({1}, frozenset({1})), ({1: 1}, {True: 1}),
     ([0.0], [-0.0]), ("1", 1), (None, False), ({1: 0.0}, {1: -0.0})],
    ids=str,
)  # fmt: skip
def test_same_tells_types_apart(a: Any, b: Any) -> None:
    assert not plain.same(a, b)


def test_same_takes_nan_and_order_of_dicts_as_they_are_meant() -> None:
    assert plain.same([math.nan], [math.nan])
    assert plain.same({"a": 1, "b": 2}, {"b": 2, "a": 1})


@pytest.mark.parametrize(
    ("actual", "expected", "verdict"),
    [(1, 1.0, True), (True, 1, True), ([1], (1,), False), (math.nan, math.nan, True),
     ([math.nan], [math.nan], True), ([1, 2], [1, 2, 3], False), ([1, 2, 3], [1, 2], False),
     (0.1 + 0.2, 0.3, True), (0.31, 0.3, False), ("1", 1, False), (10**400, 1.5, False),
     ({1: [0.1 + 0.2]}, {1: [0.3]}, True), (math.inf, math.inf, True), (math.inf, 1e308, False)],
    ids=str,
)  # fmt: skip
def test_equal_is_what_a_test_harness_means(actual: Any, expected: Any, verdict: bool) -> None:
    assert plain.equal(actual, expected, tolerance=1e-6) is verdict


def test_a_call_reads_as_a_person_would_write_it() -> None:
    assert plain.call_text("clamp", (0, [1.5], "a", None)) == "clamp(0, [1.5], 'a', None)"
    assert plain.call_text("f", (math.nan, {3, 1}, (1,))) == "f(float('nan'), {1, 3}, (1,))"
    assert plain.call_text("f", (2**100_000,)).startswith("f(0x")
    assert len(plain.call_text("f", ("x" * 10_000,))) < 500
