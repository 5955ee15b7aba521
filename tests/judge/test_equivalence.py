"""Equivalence of two candidates: proved, separated, or unknown with the reason."""

from __future__ import annotations

from judge.contract import Budget, Contract
from judge.equivalence import equivalent

BUDGET = Budget(rlimit=4_000_000)
MAX = "def f(x: int, y: int) -> int:\n    return max(x, y)\n"
BRANCH = "def f(x: int, y: int) -> int:\n    if x > y:\n        return x\n    return y\n"
LOOP = (
    "def f(xs: list[int]) -> int:\n    t = 0\n    for x in xs:\n        if x > 0:\n"
    "            t += x\n    return t\n"
)
SUM = "def f(xs: list[int]) -> int:\n    return sum(x for x in xs if x > 0)\n"


def test_two_ways_to_write_one_function_are_proved_the_same() -> None:
    found = equivalent(MAX, BRANCH, "f", Contract(), BUDGET)
    assert found.outcome == "proved"
    assert found.obligations


def test_a_loop_and_an_expression_are_proved_the_same_both_ways() -> None:
    assert equivalent(LOOP, SUM, "f", Contract(), BUDGET).outcome == "proved"
    assert equivalent(SUM, LOOP, "f", Contract(), BUDGET).outcome == "proved"


def test_different_functions_are_separated_by_an_input() -> None:
    other = BRANCH.replace("x > y", "x < y")
    found = equivalent(MAX, other, "f", Contract(), BUDGET)
    assert found.outcome == "separated"
    assert found.args is not None
    x, y = found.args
    assert x != y


def test_functions_that_differ_outside_the_domain_are_the_same_on_it() -> None:
    other = "def f(x: int, y: int) -> int:\n    return x\n"
    assert equivalent(MAX, other, "f", Contract(("x >= y",)), BUDGET).outcome == "proved"


def test_unreadable_code_is_unknown_with_the_reason() -> None:
    found = equivalent(MAX, "def f(x int)", "f", Contract(), BUDGET)
    assert found.outcome == "unknown"
    assert "does not parse" in (found.reason or "")


def test_a_name_that_renaming_would_mix_up_is_not_equal() -> None:
    one = "def f(x: int) -> int:\n    return 1\n"
    handler = (
        "def g():\n    return 1\n"
        "def f(x: int) -> int:\n"
        "    try:\n        1 // x\n    except ZeroDivisionError as g:\n        pass\n"
        "    return g()\n"
    )
    prefixed = (
        "def g():\n    return 2\ndef f(x: int) -> int:\n    other_g = lambda: 1\n    return g()\n"
    )
    for code in (handler, prefixed):
        assert equivalent(one, code, "f", Contract(), Budget(rlimit=1_000_000)).outcome != "proved"
