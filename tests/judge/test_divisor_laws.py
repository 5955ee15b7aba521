"""Divisors, factorials and powers of a modulus: the laws are true of numbers and prove no more."""

# ruff: noqa: E501  (tables)
from __future__ import annotations

import random

import pytest

from judge.contract import Budget, Contract
from judge.prove import portfolio, prove
from judge.symbolic import divisors
from judge.symbolic import term as T
from tests.judge.test_digit_laws import check

BUDGET = Budget(rlimit=8_000_000)
SMALL = Budget(rlimit=500_000)


@pytest.fixture(autouse=True)
def at_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only proofs at any size are at stake here."""
    monkeypatch.setattr(portfolio.bounded, "prove", lambda session: None)
    monkeypatch.setattr(portfolio.paths, "prove", lambda session: None)


@pytest.mark.parametrize("seed", range(4))
def test_every_law_is_true_of_numbers(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(25):
        with T.fresh_table():
            a, b, n = T.var("a"), T.var("b"), T.var("n")
            env = {v.id: rng.randint(-12, 12) for v in (a, b)} | {n.id: rng.randint(-3, 6)}
            both = divisors.gcd(a, b)
            roots = [
                both, divisors.gcd(b, T.floormod(a, b)), divisors.gcd(T.sub(a, b), b),
                divisors.lcm(a, b), divisors.factorial(n), T.floordiv(T.mul(a, b), n),
                T.floordiv(n, a), T.mul(n, n), T.mul(a, n),
            ]  # fmt: skip
            check(roots, env, seed)


PARAMETERS = "a: int, b: int, n: int"
TRUE = {
    "it divides both": ("math.gcd(a, b)", "a > 0", "a % result == 0 and b % result == 0"),
    "it is the greatest": ("math.gcd(a, b)", "a > 0 and n > 0 and a % n == 0 and b % n == 0",
        "n <= result"),
    "of nothing it is nothing": ("math.gcd(a, b)", "a == 0 and b == 0", "result == 0"),
    "a least common multiple": ("a * b // math.gcd(a, b)", "a > 0 and b > 0",
        "result % a == 0 and result % b == 0 and result <= a * b"),
    "the same by its own name": ("math.lcm(a, b)", "a > 0 and b > 0", "result % b == 0"),
    "one more factor": ("math.factorial(n)", "n >= 1", "result == n * math.factorial(n - 1)"),
    "a remainder of a power": ("pow(a, n, b)", "n >= 0 and b > 0", "0 <= result < b"),
}  # fmt: skip
FALSE = {
    "it is never zero": ("math.gcd(a, b)", "True", "result > 0"),
    "it is one": ("math.gcd(a, b)", "a > 0 and b > 0 and a != b", "result == 1"),
    "it is at most the first": ("math.gcd(a, b)", "True", "result <= abs(a)"),
    "the product is the least": ("math.lcm(a, b)", "a > 0 and b > 0", "result == a * b"),
    "multiples of nothing": ("math.lcm(a, b)", "True", "result > 0"),
    "factorials of debts": ("math.factorial(n)", "True", "result >= 1"),
    "factorials are even": ("math.factorial(n)", "n >= 0", "result % 2 == 0"),
    "no modulus": ("pow(a, n, b)", "n >= 0", "True"),
    "a negative modulus": ("pow(a, n, b)", "n >= 0 and b != 0", "result >= 0"),
    "an inverse": ("pow(a, n, b)", "b > 0", "True"),
}


def outcome(case: tuple[str, str, str], budget: Budget) -> str:
    body, requires, ensures = case
    code = f"import math\ndef f({PARAMETERS}) -> int:\n    return {body}\n"
    return prove(code, "f", Contract((requires,), (ensures,)), budget).outcome


@pytest.mark.parametrize("name", sorted(TRUE))
def test_what_holds_is_proved(name: str) -> None:
    assert outcome(TRUE[name], BUDGET) == "proved"


@pytest.mark.parametrize("name", sorted(FALSE))
def test_what_does_not_hold_is_not(name: str) -> None:
    assert outcome(FALSE[name], SMALL) != "proved"


LOOPS = {
    "euclid": (
        "import math\ndef f(a: int, b: int) -> int:\n    while b:\n        a, b = b, a % b\n"
        "    return a\n",
        ("a > 0", "b >= 0"), "result == math.gcd(old(a), old(b))", ("a % b", "a // b")),
    "a factorial": (
        "import math\ndef f(n: int) -> int:\n    r = 1\n    for i in range(2, n + 1):\n"
        "        r *= i\n    return r\n",
        ("n >= 0",), "result == math.factorial(n)", ("n + 1", "n")),
    "primes up to the root": (
        "def f(n: int) -> bool:\n    if n < 2:\n        return False\n    i = 2\n"
        "    while i * i <= n:\n        if n % i == 0:\n            return False\n        i += 1\n"
        "    return True\n",
        (), "result == (n >= 2 and all(n % d != 0 for d in range(2, n)))", ("<= n", "< n")),
    "a search for a multiple": (
        "def f(a: int, b: int) -> int:\n    m = max(a, b)\n    while True:\n"
        "        if m % a == 0 and m % b == 0:\n            return m\n        m += 1\n",
        ("a >= 1", "b >= 1"), "result % a == 0 and result % b == 0 and result <= a * b", ("m % b == 0", "m > b")),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(LOOPS))
def test_loops_over_divisors_are_proved_and_their_mutants_are_not(name: str) -> None:
    code, requires, ensures, (old, new) = LOOPS[name]
    contract = Contract(requires, (ensures,))
    assert prove(code, "f", contract, BUDGET).outcome == "proved"
    assert old in code
    wrong = prove(code.replace(old, new), "f", contract, SMALL)
    assert wrong.outcome not in ("proved", "partial")
