"""Contracts that state their result by a recursive helper."""

from __future__ import annotations

import pytest

from judge.contract import Budget, Contract
from judge.prove import Proof, derive
from judge.prove import prove as prove_code

BUDGET = Budget(rlimit=6_000_000)
FACT = "def fact(n: int) -> int:\n    return 1 if n <= 1 else n * fact(n - 1)\n"
FIB = "def fib(n: int) -> int:\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n"
DIGITS = "def digits(n: int) -> int:\n    return 0 if n <= 0 else n % 10 + digits(n // 10)\n"
GCD = "def gcd_of(a: int, b: int) -> int:\n    return a if b == 0 else gcd_of(b, a % b)\n"
SUM = "def upto(i: int, n: int) -> int:\n    return 0 if i > n else i + upto(i + 1, n)\n"


def prove(helper: str, code: str, requires: tuple[str, ...], clause: str) -> Proof:
    contract = Contract(requires, (clause,), helpers=helper)
    proof = prove_code(code, "f", contract, BUDGET)
    if proof.outcome == "proved":
        assert derive(code, "f", contract, proof.plan) == proof.obligations
    return proof


PROVED = [
    (FACT, "def f(n: int) -> int:\n    return 1 if n <= 1 else n * f(n - 1)\n", "n >= 0",
     "result == fact(n)"),
    (FACT, "def f(n: int) -> int:\n    r = 1\n    for i in range(2, n + 1):\n        r *= i\n"
     "    return r\n", "n >= 0", "result == fact(n)"),
    (FIB, "def f(n: int) -> int:\n    a, b = 0, 1\n    for _ in range(n):\n"
     "        a, b = b, a + b\n    return a\n", "n >= 0", "result == fib(n)"),
    (DIGITS, "def f(n: int) -> int:\n    t = 0\n    while n > 0:\n        t += n % 10\n"
     "        n //= 10\n    return t\n", "n >= 0", "result == digits(n)"),
    (GCD, "def f(a: int, b: int) -> int:\n    while b:\n        a, b = b, a % b\n    return a\n",
     "a >= 0 and b >= 0", "result == gcd_of(old(a), old(b))"),
    (SUM, "def f(n: int) -> int:\n    t = 0\n    for i in range(1, n + 1):\n        t += i\n"
     "    return t\n", "n >= 0", "result == upto(1, n)"),
]  # fmt: skip


@pytest.mark.parametrize(("helper", "code", "given", "clause"), PROVED)
def test_a_loop_that_computes_the_helper_is_proved(
    helper: str, code: str, given: str, clause: str
) -> None:
    proof = prove(helper, code, (given,), clause)
    assert proof.outcome == "proved", proof.reason
    assert any(o.kind == "definition" for o in proof.obligations)


@pytest.mark.parametrize(("old", "new"), [("n + 1", "n"), ("r *= i", "r += i"), ("(2,", "(3,")])
def test_a_wrong_loop_is_refuted(old: str, new: str) -> None:
    code = PROVED[1][1].replace(old, new)
    assert prove(FACT, code, ("n >= 0",), "result == fact(n)").outcome == "refuted"


def test_a_literal_argument_is_computed() -> None:
    proof = prove(FACT, "def f(n: int) -> int:\n    return 120\n", (), "result == fact(5)")
    assert proof.outcome == "proved"


@pytest.mark.parametrize(
    "helper",
    [
        "def h(n: int) -> int:\n    return h(n) + 1\n",
        "def h(n: int) -> int:\n    return h(n + 1) + 1\n",
        "def h(n: int) -> int:\n    return 0 if n == 7 else h(n // 1) + 1\n",
        "def h(n: int) -> int:\n    return 1 - h(-n)\n",
        "def h(n: int) -> int:\n    return 0 if n > 9 else h(n * 2) + 1\n",
        "def h(n: int) -> int:\n    return 0 if n == 0 else h(n // 2) + 1\n",  # -1 // 2 == -1
        "def g(n: int) -> int:\n    return h(n) + 1\ndef h(n: int) -> int:\n    return g(n) + 1\n",
        "def h(n: int) -> int:\n    assert n > 0\n    return 0 if n == 1 else h(n - 1)\n",
        "def h(n: int) -> int:\n    for k in range(n):\n        return h(n - 1)\n    return 0\n",
        "def h(n: int) -> int:\n    if n > 0:\n        return h(n - 1)\n",
        "def h(n: int) -> int:\n    return 0 if n < 1 else sum(h(k) for k in range(n))\n",
    ],
)
def test_a_helper_that_need_not_end_proves_nothing_false(helper: str) -> None:
    """An equation without a solution would prove anything."""
    code = "def f(n: int) -> int:\n    return n\n"
    for clause in ("result == h(n) + n + 1", "h(n) == h(n) + 1 or result != n", "h(-1) != h(-1)"):
        assert prove(helper, code, (), clause).outcome not in ("proved", "partial")


def test_nothing_is_said_of_arguments_on_which_the_helper_does_not_end() -> None:
    helper = "def h(n: int) -> int:\n    return 5 if n == 0 else h(n - 1)\n"
    code = "def f(n: int) -> int:\n    return 5\n"
    assert prove(helper, code, ("n == 3",), "result == h(3)").outcome == "proved"
    assert prove(helper, code, ("n == -3",), "result == h(n)").outcome != "proved"


def test_code_that_calls_the_helper_must_show_that_it_ends() -> None:
    helper = "def h(n: int) -> int:\n    return 0 if n == 0 else h(n - 1)\n"
    alone = "def f(n: int) -> int:\n    return h(n)\n"
    assert prove(helper, alone, ("n >= 0",), "result == h(n)").outcome == "unknown"
    code = helper + alone  # the contract's helpers are not there when the code runs
    assert prove(helper, code, ("n >= 0",), "result == h(n)").outcome == "proved"
    assert prove(helper, code, (), "result == h(n)").outcome != "proved"


def test_a_parameter_may_be_named_like_anything() -> None:
    helper = "def at(rec: int) -> int:\n    return 0 if rec <= 0 else at(rec - 1) + 1\n"
    code = "def f(rec: list[int]) -> int:\n    t = 0\n    for _ in rec:\n        t += 1\n"
    code += "    return t\n"
    assert prove(helper, code, (), "result == at(len(rec))").outcome == "proved"
