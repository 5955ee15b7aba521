"""Small domains: all inputs explored case by case are a proof, and nothing less is."""

from __future__ import annotations

import pytest

from judge.contract import Budget, Contract
from judge.prove import Proof, derive, prove, strength_of

BUDGET = Budget(rlimit=6_000_000)

FIBONACCI = (
    "def fib(n: int) -> int:\n    if n < 2:\n        return n\n    return fib(n - 1) + fib(n - 2)\n"
)
MEAN = "def mean(xs: list[float]) -> float:\n    return sum(xs) / len(xs) if xs else 0.0\n"
MEAN_OF_FEW = ("all(0.0 <= x <= 1.0 for x in xs)", "len(xs) <= 2")


def tried(code: str, requires: tuple[str, ...], ensures: tuple[str, ...]) -> Proof:
    name = code.split("(")[0].removeprefix("def ")
    return prove(code, name, Contract(requires, ensures), BUDGET)


def test_a_recursion_over_a_small_domain_is_proved_case_by_case() -> None:
    contract = Contract(("0 <= n <= 9",), ("result in (0, 1, 2, 3, 5, 8, 13, 21, 34)",))
    proof = prove(FIBONACCI, "fib", contract, BUDGET)
    assert (proof.outcome, proof.method) == ("proved", "cases"), proof.reason
    assert proof.plan is not None
    again = derive(FIBONACCI, "fib", contract, proof.plan)
    assert [o.smt2 for o in again] == [o.smt2 for o in proof.obligations]
    assert strength_of(FIBONACCI, "fib", contract, proof.plan).outcome == "proved"


def test_the_same_cases_without_the_goals_at_the_bound_are_no_proof() -> None:
    contract = Contract(("0 <= n <= 9",), ("result in (0, 1, 2, 3, 5, 8, 13, 21, 34)",))
    for plan in (
        '{"bound":{"paths":64,"witness":0},"guarantees":[],"loops":{},"measure":null,'
        '"strategy":"paths","v":1}',
        '{"bound":{"paths":3,"witness":0},"guarantees":[],"loops":{},"measure":null,'
        '"strategy":"paths","v":1}',
    ):
        assert strength_of(FIBONACCI, "fib", contract, plan).outcome == "bounded"


def test_short_lists_of_floats_are_proved_length_by_length() -> None:
    proof = tried(MEAN, MEAN_OF_FEW, ("0.0 <= result <= 1.0",))
    assert proof.outcome == "proved", proof.reason


WRONG = {
    "wrong at the last value of the domain": (
        "def f(n: int) -> int:\n    t = 0\n    for i in range(n):\n        t += i * i * i\n"
        "    return t if n != 40 else -1\n",
        ("0 <= n <= 40",),
        ("result >= 0",),
    ),
    "wrong at the greatest length": (
        "def f(xs: list[float]) -> float:\n    return sum(xs) if len(xs) < 3 else -1.0\n",
        ("len(xs) <= 3", "all(0.0 <= x <= 1.0 for x in xs)"),
        ("result >= 0.0",),
    ),
    "the sum of two floats of the domain may round beyond it": (
        "def f(xs: list[float]) -> float:\n    return sum(xs) / 2\n",
        ("len(xs) <= 2", "all(0.0 <= x <= 0.1 for x in xs)"),
        ("result < 0.1",),
    ),
    "wrong beyond sixty-four rounds": (
        "def f(n: int) -> int:\n    i = 0\n    while i < n * 70:\n        i += 1\n"
        "    return i if i < 140 else -1\n",
        ("0 <= n <= 2",),
        ("result >= 0",),
    ),
    "never returns on one value": (
        "def f(n: int) -> int:\n    while n == 3:\n        pass\n    return n\n",
        ("0 <= n <= 5",),
        ("result >= 0",),
    ),
    "recurs without end on one value": (
        "def f(n: int) -> int:\n    return f(n) if n == 3 else n\n",
        ("0 <= n <= 5",),
        ("result >= 0",),
    ),
    "no input meets the preconditions": (
        "def f(n: int) -> int:\n    return n\n",
        ("3 <= n <= 5", "n < 2"),
        ("result == 77",),
    ),
    "the domain is of one parameter only": (
        "def f(n: int, m: int) -> int:\n    i = 0\n    while i < m:\n        i += 1\n"
        "    return -1 if i == 1000 else n\n",
        ("0 <= n <= 2",),
        ("result >= 0",),
    ),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_what_is_wrong_is_not_proved_case_by_case(name: str) -> None:
    assert tried(*WRONG[name]).outcome != "proved"
