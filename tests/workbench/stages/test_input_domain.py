"""Inputs of our own making keep to what a benchmark's own inputs look like."""

from __future__ import annotations

import pytest

from distill.example import Example
from workbench.stages.contamination import meetings
from workbench.stages.input_domain import ANYTHING, domain_of
from workbench.tasks import Task


def test_what_inputs_have_in_common() -> None:
    found = domain_of([([1, 2], 3, "a"), ([0], 5, ""), ([7, 7], 90, "b")])
    assert (found.least, found.empty) == ((0, 3, None), (False, False, True))
    assert found.fits(([0, 4], 3, ""))
    assert not found.fits(([-1], 3, "x"))
    assert not found.fits(([1], 2, "x"))
    assert not found.fits(([], 3, "x"))
    assert found.of([([1], 2, ""), ([1], 3, ""), ([1], 4, "")], 1) == [([1], 3, "")]


def test_large_inputs_do_not_say_that_small_ones_are_not_asked() -> None:
    assert domain_of([(100,), (200,), (300,)]).least == (3,)
    assert domain_of([(-1,), (5,), (7,)]).least == (None,)


def test_two_inputs_say_nothing() -> None:
    assert domain_of([(1,), (2,)]) is ANYTHING
    assert ANYTHING.fits((-5, [], {}))
    assert ANYTHING.of(None, 5) == []


TASK = Task(
    "b/1", "Find the largest divisor.", "largest", "def largest(n: int)", tests=(), split="eval",
    test_code="def check(candidate):\n"
    + "".join(
        f"    assert candidate({n}) == {d}\n" for n, d in ((3, 1), (9, 3), (10, 5), (49, 7), (6, 3))
    ),
    reference="def largest(n: int):\n    for i in reversed(range(1, n)):\n"
    "        if n % i == 0:\n            return i\n    return -1",
)  # fmt: skip


@pytest.mark.parametrize(
    ("code", "meets"),
    [
        # Differs where nobody asks: for 1, and for numbers below.
        ("def other(k: int):\n    if k <= 1:\n        raise ValueError\n    d = k // 2\n"
         "    while k % d:\n        d -= 1\n    return d", True),
        # Differs where the benchmark does ask: the least divisor above 1.
        ("def other(k: int):\n    return next(d for d in range(2, k + 1) if k % d == 0)", False),
    ],
)  # fmt: skip
def test_a_right_answer_is_found_though_it_differs_where_nobody_asks(
    code: str, meets: bool
) -> None:
    row = Example("r", "r", (("user", "Something else entirely."),), code, "source")
    found = meetings([row], [TASK])
    assert [one.item for one in found] == (["b/1"] if meets else [])


def test_what_becomes_of_the_arguments_is_not_asked() -> None:
    tests = tuple(
        {"args": [xs], "expected": sorted(xs)} for xs in ([3, 1], [2, 2, 1], [5], [9, 8, 7])
    )
    task = Task("b/2", "Sort.", "put", "def put(xs: list[int])", tests=tests, split="eval")
    code = "def arrange(ys: list[int]):\n    ys.sort()\n    return ys"
    row = Example("r", "r", (("user", "Something else."),), code, "source")
    assert [one.item for one in meetings([row], [task])] == ["b/2"]
