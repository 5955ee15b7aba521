"""Recursion, and functions beside the entry point: what is proved of them, and what must not be."""

# ruff: noqa: E501  (programs on one line)
from __future__ import annotations

from typing import Any

import pytest

from judge.contract import Budget, Contract
from judge.prove import derive, prove
from judge.prove.solver import Z3
from judge.recheck import check
from judge.symbolic.plan import HelperPlan, Plan
from judge.verdict import Recheck

BUDGET = Budget(rlimit=6_000_000)

TOTAL = "def total(xs: list[int]) -> int:\n    return 0 if not xs else xs[0] + total(xs[1:])\n"
UPTO = "def upto(xs: list[int], i: int, j: int) -> int:\n    return 0 if i == j else xs[j - 1] + upto(xs, i, j - 1)\n"
FACT = "def fact(n: int) -> int:\n    return 1 if n <= 1 else n * fact(n - 1)\n"
EVENS = "def even(n: int) -> bool:\n    return n == 0 or odd(n - 1)\ndef odd(n: int) -> bool:\n    return n != 0 and even(n - 1)\n"
ADDS = "def f(xs: list[int]) -> int:\n    t = 0\n    for x in xs:\n        t += x\n    return t\n"

TRUE: dict[str, tuple[Any, ...]] = {
    "a nested function that is called in a loop": (
        "def f(n: int) -> int:\n    def more(k: int) -> int:\n        return k + 2\n"
        "    total = 0\n    while total < n:\n        total = more(total)\n    return total\n",
        ("result >= n",),
    ),
    "a power by squaring, recursive": (
        "def f(b: int, e: int) -> int:\n    if e == 0:\n        return 1\n    h = f(b, e // 2)\n"
        "    return h * h if e % 2 == 0 else h * h * b\n",
        ("result == b ** e",),
        ("e >= 0",),
    ),
    "a power by squaring the base": (
        "def f(b: int, e: int) -> int:\n    r = 1\n    while e > 0:\n        if e % 2 == 1:\n"
        "            r *= b\n        b *= b\n        e //= 2\n    return r\n",
        ("result == old(b) ** old(e)",),
        ("e >= 0",),
    ),
    "powers of a sum": (
        "def f(a: int, b: int) -> int:\n    return 2 ** a * 2 ** b\n",
        ("result == 2 ** (a + b)",),
        ("a >= 0 and b >= 0",),
    ),
    "a loop that computes a helper over slices": (ADDS, ("result == total(xs)",), (), TOTAL),
    "a loop that computes a helper over two bounds": (
        ADDS,
        ("result == upto(xs, 0, len(xs))",),
        (),
        UPTO,
    ),
    "helpers that call each other": (
        "def f(n: int) -> bool:\n    return True if n == 0 else g(n - 1)\n\n"
        "def g(n: int) -> bool:\n    return False if n == 0 else f(n - 1)\n",
        ("result == even(n)",),
        ("n >= 0",),
        EVENS,
    ),
    "a nested function with an accumulator": (
        "def f(n: int) -> int:\n    def go(k: int, acc: int) -> int:\n        if k <= 1:\n"
        "            return acc\n        return go(k - 1, acc * k)\n    return go(n, 1)\n",
        ("result == fact(n)",),
        ("n >= 0",),
        FACT,
    ),
    "a function beside it keeps a remainder": (
        "def digits(n: int) -> int:\n    return n if n < 10 else n % 10 + digits(n // 10)\n\n"
        "def f(n: int) -> bool:\n    return digits(n) % 9 == 0\n",
        ("result == (n % 9 == 0)",),
        ("n >= 0",),
    ),
}

FALSE: dict[str, tuple[Any, ...]] = {
    "an equation over a list without an end": (
        "def f(xs: list[int]) -> int:\n    return 1\n",
        ("result == 2",),
        ("h(xs) == 0",),
        "def h(xs: list[int]) -> int:\n    return h(xs) + 1\n",
    ),
    "a copy is as long": (
        "def f(xs: list[int]) -> int:\n    return 1\n",
        ("result == 2 or h(xs) == 0",),
        (),
        "def h(xs: list[int]) -> int:\n    return 0 if not xs else h(xs[:]) + 1\n",
    ),
    "two that never end": (
        "def f(n: int) -> int:\n    return 1\n",
        ("result == 2 or a(n) == 0",),
        (),
        "def a(n: int) -> int:\n    return b(n) + 1\ndef b(n: int) -> int:\n    return a(n) + 1\n",
    ),
    "two of which one goes up again": (
        "def f(n: int) -> int:\n    return 1\n",
        ("result == 2 or a(n) == 0",),
        ("n > 5",),
        "def a(n: int) -> int:\n    return 0 if n < 0 else b(n - 1) + 1\n"
        "def b(n: int) -> int:\n    return a(n + 1) + 1\n",
    ),
    "an index beyond the end, deep down": (
        "def f(xs: list[int]) -> int:\n    def go(i: int) -> int:\n"
        "        return 0 if i == 0 else xs[i] + go(i - 1)\n    return go(len(xs)) * 0\n",
        ("result == 0",),
    ),
    "a nested function that is made twice": (
        "def f(n: int) -> int:\n    def outer(m: int) -> int:\n        def go(k: int) -> int:\n"
        "            return m if k <= 0 else go(k - 1)\n        return go(n)\n"
        "    return outer(1) - outer(2)\n",
        ("result == 0",),
    ),
    "a list that grows between two calls": (
        "def f(xs: list[int]) -> int:\n    def go(i: int) -> int:\n        if i >= len(xs):\n"
        "            return 0\n        return 1 + go(i + 1)\n    a = go(0)\n    xs.append(1)\n"
        "    return go(0) - a\n",
        ("result == 0",),
    ),
    "an accumulator that starts too high": (
        "def f(n: int) -> int:\n    def go(k: int, acc: int) -> int:\n        if k <= 1:\n"
        "            return acc\n        return go(k - 1, acc * k)\n    return go(n, 2)\n",
        ("result == fact(n)",),
        ("n >= 0",),
        FACT,
    ),
    "a helper of a contract that never ends": (
        "def f(n: int) -> int:\n    return 7\n",
        ("down(n) == down(n)",),
        (),
        "def down(n: int) -> int:\n    return 0 if n == 0 else down(n - 1)\n",
    ),
    "a helper of a contract that raises": (
        "def f(xs: list[int]) -> int:\n    return 0\n",
        ("result == 0 * upto(xs, 0, len(xs) + 1)",),
        (),
        UPTO,
    ),
}


@pytest.mark.parametrize("name", TRUE)
def test_it_is_proved_and_confirmed(name: str) -> None:
    code, ensures, *rest = TRUE[name]
    requires, helpers = [*rest, *((), "")[len(rest) :]]
    proof = prove(code, "f", Contract(tuple(requires), tuple(ensures), (), helpers), BUDGET)
    assert proof.outcome == "proved", (proof.reason, proof.findings)
    contract = Contract(tuple(requires), tuple(ensures), (), helpers)
    assert derive(code, "f", contract, proof.plan) == proof.obligations
    assert check(proof.obligations, rlimit=BUDGET.rlimit).outcome.value == "confirmed"


@pytest.mark.parametrize("name", FALSE)
def test_what_is_false_is_not_proved(name: str) -> None:
    code, ensures, *rest = FALSE[name]
    requires, helpers = [*rest, *((), "")[len(rest) :]]
    proof = prove(code, "f", Contract(tuple(requires), tuple(ensures), (), helpers), BUDGET)
    assert proof.outcome not in ("proved", "partial"), proof.invariants


FORGED = [
    HelperPlan(lemmas=("result == 7",)),
    HelperPlan(lemmas=("result == fact(n) + 1",)),
    HelperPlan(requires=("fact(n) == 7",)),
    HelperPlan(measure="0 - n", lemmas=("result == 7",)),
    HelperPlan(requires=("n == 5",), measure="n"),
    HelperPlan(lemmas=("result >= 1 or bad(0) == 5",)),
]


@pytest.mark.parametrize("forged", FORGED, ids=repr)
def test_a_forged_plan_owes_what_does_not_hold(forged: HelperPlan) -> None:
    code = "def f(n: int) -> int:\n    return 7\n"
    bad = "def bad(n: int) -> int:\n    return bad(n // 2) + 1\n"
    contract = Contract(("n >= 0",), ("result == fact(n)",), (), FACT + bad)
    plan = Plan("straight-line", helpers={"fact": forged}).dumps()
    try:
        owed = derive(code, "f", contract, plan)
    except ValueError:
        return
    z3 = Z3(4_000_000)
    said = [z3.check(z3.solver(one.smt2), 500_000) for one in owed if one.expected == "unsat"]
    assert set(said) != {"unsat"}


def test_a_plan_with_helpers_is_read_back() -> None:
    plan = Plan("recursion", helpers={"h": HelperPlan(("i <= j",), "j - i", ("result >= 0",))})
    assert Plan.loads(plan.dumps()) == plan


def test_a_forged_measure_of_one_of_two_functions_that_call_each_other_proves_nothing() -> None:
    code = (
        "def g(n: int) -> int:\n    return h(n)\n\n\ndef h(n: int) -> int:\n    return g(n)\n\n\n"
        "def f(n: int) -> int:\n    return g(n)\n"
    )
    said = ("result == 7",)
    plan = Plan(helpers={"g": HelperPlan((), "0", said), "h": HelperPlan((), None, said)})
    owed = derive(code, "f", Contract(ensures=said), plan.dumps())
    assert check(owed, rlimit=1_000_000).outcome is Recheck.DISPUTED


def test_a_domain_that_speaks_of_its_own_function_is_refused() -> None:
    # Asked where it ends before all of its domain was read, the function was said to end anywhere.
    code = (
        "def d(n: int) -> int:\n    if n % 2 == 5:\n        raise ValueError()\n"
        "    return d(n) + 1\n\n\ndef f(n: int) -> int:\n    return d(n)\n"
    )
    plan = Plan(helpers={"d": HelperPlan(("d(n) == d(n)", "n != n"), "0")})
    with pytest.raises(ValueError, match="told by itself"):
        derive(code, "f", Contract(ensures=("result == 7",)), plan.dumps())


@pytest.mark.parametrize(
    "said", ["sum(h(i, {}) for i in range({})) >= 5", "max(h(i, {}) for i in range({})) >= 5"]
)
def test_a_lemma_is_not_shown_by_itself_inside_a_sum_or_a_largest(said: str) -> None:
    code = (
        "def h(n: int, m: int) -> int:\n    return 0 if n <= 0 else h(n - 1, m)\n\n\n"
        "def f(n: int) -> int:\n    return h(0, n)\n"
    )
    plan = Plan(helpers={"h": HelperPlan(lemmas=(f"{said.format('m', 'm')} or m <= 0",))})
    owed = derive(
        code, "f", Contract(ensures=(f"n <= 1 or {said.format('n', 'n')}",)), plan.dumps()
    )
    assert check(owed, rlimit=1_000_000).outcome is not Recheck.CONFIRMED
