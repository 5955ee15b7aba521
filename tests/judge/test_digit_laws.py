"""Digits in any base, numbers read back, bits taken: the laws are CPython's and prove no more."""

from __future__ import annotations

import math
import random
from itertools import product

import pytest

from judge.contract import Budget, Contract
from judge.prove import portfolio, prove
from judge.symbolic import decimals, folds, powers, readings
from judge.symbolic import term as T
from judge.symbolic.term import Term
from judge.symbolic.values import IntV, Seq, View

BUDGET = Budget(rlimit=6_000_000)
SMALL = Budget(rlimit=400_000)
SPECS = {"dec": "d", "bin": "b", "oct": "o", "hex": "x"}


@pytest.fixture(autouse=True)
def at_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only proofs at any size are at stake here."""
    monkeypatch.setattr(portfolio.bounded, "prove", lambda session: None)
    monkeypatch.setattr(portfolio.paths, "prove", lambda session: None)


class World:
    """The functions of the digits as CPython has them, to put into a law."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.open: dict[tuple[str, tuple[int, ...]], int] = {}

    def anything(self, name: str, args: list[int]) -> int:
        """Where nothing is said of a function it may be anything, the same each time."""
        return self.open.setdefault((name, tuple(args)), self.rng.randint(-3, 99))

    def value(self, t: Term, env: dict[int, int]) -> int | bool:
        """A term's value; quantifiers range over a window that covers every digit."""
        if t.id in env:
            return env[t.id]
        known = T.literal(t)
        if known is not None:
            return known
        if t.op in ("forall", "exists"):
            return self._quantified(t, env)
        kids = [self.value(k, env) for k in t.kids]
        if t.op == "app":
            return self._function(str(t.args[0]), [int(k) for k in kids], env)
        return _OPERATORS[t.op](kids)

    def _quantified(self, t: Term, env: dict[int, int]) -> bool:
        *names, body = t.kids
        window = product(range(-2, 12), repeat=len(names))
        found = (
            bool(self.value(body, {**env, **{n.id: k for n, k in zip(names, ks, strict=True)}}))
            for ks in window
        )
        return all(found) if t.op == "forall" else any(found)

    def _function(self, name: str, args: list[int], env: dict[int, int]) -> int:
        base, _, what = name.partition(".")
        if base in SPECS and what in ("length", "digit"):
            digits = format(args[0], SPECS[base]) if args[0] >= 0 else ""
            if what == "length":
                return len(digits) if digits else self.anything(name, args)
            inside = 0 <= args[1] < len(digits)
            return ord(digits[args[1]]) if inside else self.anything(name, args)
        if name == readings.ONTO:
            return (
                int(f"{args[0]}{str(args[1])[::-1]}")
                if min(args) >= 0
                else self.anything(name, args)
            )
        if name == "fold.power":
            return args[0] ** args[1] if args[1] >= 0 else self.anything(name, args)
        if name == "floor.div":
            return args[0] // args[1] if args[1] else self.anything(name, args)
        if name == "math.gcd":
            return math.gcd(*args)
        if name == "math.factorial":
            return math.factorial(args[0]) if args[0] >= 0 else self.anything(name, args)
        if name == "bit.and":
            return args[0] & args[1]
        return self._fold(name, args)

    def _fold(self, name: str, args: list[int]) -> int:
        fold = T.definitions()[name]
        assert isinstance(fold, folds.Fold)
        outer = {o.id: a for o, a in zip(fold.outer, args, strict=False)}
        total = 0
        if args[-1] < 0:  # a sum up to there is minus the rest; nothing is read there
            if fold.kind == readings.VALUE:
                return self.anything(name, args)
            rest = range(args[-1], 0)
            return -sum(int(self.value(fold.body, {**outer, fold.hole.id: k})) for k in rest)
        for k in range(args[-1]):
            here = int(self.value(fold.body, {**outer, fold.hole.id: k}))
            total = 10 * total + here if fold.kind == readings.VALUE else total + here
        return total


_OPERATORS = {
    "+": sum,
    "*": lambda ks: ks[0] * (_OPERATORS["*"](ks[1:]) if len(ks) > 1 else 1),
    "div": lambda ks: ks[0] // ks[1],
    "mod": lambda ks: ks[0] % ks[1],
    "<=": lambda ks: ks[0] <= ks[1],
    "=": lambda ks: ks[0] == ks[1],
    "and": all,
    "or": any,
    "not": lambda ks: not ks[0],
    "ite": lambda ks: ks[1] if ks[0] else ks[2],
}


def check(roots: list[Term], env: dict[int, int], seed: int) -> None:
    """Every fact that a formula with these terms gets is true where the variables are ``env``."""
    world = World(random.Random(seed))
    for fact in folds.facts(roots):
        assert world.value(fact, env) is True, fact


def over(rng: random.Random, bits: int = 24) -> int:
    return rng.choice([0, 1, 2, 7, 8, 9, 10, 11, 99, 100, 101, 120, rng.randrange(1 << bits)])


@pytest.mark.parametrize("seed", range(3))
def test_sums_over_digits_follow_the_number(seed: int) -> None:
    rng = random.Random(seed)
    for name in SPECS:
        for _ in range(12):
            with T.fresh_table():
                n = T.var("n")

                def summand(j: Term, name: str = name, n: Term = n) -> Term:
                    return T.mul(decimals.digit(n, j, name), decimals.digit(n, j, name))

                total = folds.span_sum(T.num(0), decimals.length(n, name), summand)
                check([total], {n.id: over(rng, 9)}, seed)


@pytest.mark.parametrize("seed", range(3))
def test_numbers_read_forwards_and_backwards(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(12):
        with T.fresh_table():
            n, acc = T.var("n"), T.var("acc")
            whole = decimals.text_of(n, T.false())
            size = decimals.length(n)
            back = View(
                lambda j, n=n, size=size: IntV(decimals.digit(n, T.sub(T.sub(size, T.num(1)), j))),
                T.num(0),
                size,
            )
            env = {n.id: over(rng), acc.id: over(rng, 8)}
            turned = readings.value_of(Seq((back,)))
            assert turned.args[0] == readings.ONTO
            assert readings.value_of(whole) is n
            check([turned, T.app(readings.ONTO, [acc, n], T.INT)], env, seed)
            some = View(lambda j, n=n: IntV(decimals.digit(n, j)), T.num(0), T.num(1))
            check([readings.value_of(Seq((some, back)))], env, seed)


@pytest.mark.parametrize("seed", range(3))
def test_a_bit_taken_and_a_base_squared(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(12):
        with T.fresh_table():
            n, k, acc = T.var("n"), T.var("k"), T.var("acc")
            both = sorted((n, T.sub(n, T.num(1))), key=lambda t: t.id)
            taken = T.app("bit.and", both, T.INT)
            env = {n.id: over(rng, 9), k.id: rng.randrange(5), acc.id: rng.randint(-9, 9)}
            check([taken, decimals.length(n, "bin")], env, seed)
            powers_of = [powers.power(n, k), powers.power(T.mul(n, n), T.floordiv(k, T.num(2)))]
            powers_of = [T.mul(acc, powers_of[0]), *powers_of]
            check(powers_of, env, seed)


DIGITS = "len(s) <= 9 and all('0' <= c <= '9' for c in s)"
TRUE = {
    "a half has the digits but the last": (
        "n: int", "bin(n).count('1')", "n >= 1", "result == bin(n // 2).count('1') + n % 2"),
    "hexadecimal digits": ("n: int", "len(hex(n))", "0 <= n < 16", "result == 3"),
    "a clause may write out any number": ("n: int", "n", "True", "len(str(result)) >= 1"),
    "what is written is read back": ("n: int", "int(str(n))", "abs(n) < 10**9", "result == n"),
    "a digit more": (
        "s: str", "int(s + '7')", DIGITS, "len(s) == 0 or result == 10 * int(s) + 7"),
    "a sign before digits": (
        "s: str", "int('-' + s)", f"s != '' and {DIGITS}", "result == -int(s)"),
    "a palindrome is itself backwards": (
        "n: int", "int(str(n)[::-1]) == n", "0 <= n < 10**9", "result == (str(n) == str(n)[::-1])"),
}  # fmt: skip
FALSE = {
    "a sign is counted": ("n: int", "len(bin(n))", "-8 < n < 8", "result <= 5"),
    "zero has a digit": ("n: int", "len(bin(n))", "0 <= n < 4", "result >= 4"),
    "letters are digits of base 16": (
        "n: int", "hex(n)", "0 <= n < 16", "all('0' <= c <= '9' for c in result[2:])"),
    "no digits are no number": ("s: str", "int(s)", DIGITS, "True"),
    "a letter is no digit": ("s: str", "int(s)", "s == 'a' or s == '1'", "True"),
    "a sign in a text is a number's": ("s: str", "int(s)", "s in ('-1', '12')", "result >= 0"),
    "too many digits are refused": (
        "s: str", "int(s)", "s != '' and all('0' <= c <= '9' for c in s)", "True"),
    "a number of 4,300 digits": ("n: int", "int(str(n))", "True", "result == n"),
    "zeros at the end are lost": (
        "n: int", "int(str(n)[::-1])", "0 <= n < 10**9", "len(str(result)) == len(str(n))"),
    "a sign makes no palindrome": ("n: int", "str(n)[::-1] == str(n)", "abs(n) < 10", "result"),
}  # fmt: skip


def outcome(case: tuple[str, str, str, str], budget: Budget = BUDGET) -> str:
    parameter, body, requires, ensures = case
    code = f"def f({parameter}):\n    return {body}\n"
    return prove(code, "f", Contract((requires,), (ensures,)), budget).outcome


@pytest.mark.parametrize("name", sorted(TRUE))
def test_what_holds_is_proved(name: str) -> None:
    assert outcome(TRUE[name]) == "proved"


@pytest.mark.parametrize("name", sorted(FALSE))
def test_what_does_not_hold_is_not(name: str) -> None:
    assert outcome(FALSE[name], SMALL) != "proved"


LOOPS = {
    "digits are counted": (
        "def f(n: int) -> int:\n    c = 1\n    while n >= 10:\n        n //= 10\n        c += 1\n"
        "    return c\n", "n >= 0", "result == len(str(old(n)))"),
    "a number is turned round": (
        "def f(n: int) -> int:\n    r = 0\n    while n:\n        r = 10 * r + n % 10\n"
        "        n //= 10\n    return r\n", "n >= 0", "result == int(str(old(n))[::-1])"),
    "bits are taken one by one": (
        "def f(n: int) -> int:\n    c = 0\n    while n:\n        n &= n - 1\n        c += 1\n"
        "    return c\n", "n >= 0", "result == bin(old(n)).count('1')"),
    "powers by squaring": (
        "def f(b: int, e: int) -> int:\n    r = 1\n    while e:\n        if e & 1:\n"
        "            r *= b\n        b = b * b\n        e >>= 1\n    return r\n",
        "e >= 0", "result == old(b) ** old(e)"),
    "a number is read": (
        "def f(s: str) -> int:\n    v = 0\n    for c in s:\n        v = v * 10 + int(c)\n"
        "    return v\n", f"s != '' and {DIGITS}", "result == int(s)"),
}  # fmt: skip
BROKEN = {
    "digits are counted": ("n >= 10", "n > 10"),
    "a number is turned round": ("10 * r", "9 * r"),
    "bits are taken one by one": ("c = 0", "c = n % 2"),
    "powers by squaring": ("b = b * b", "b = b * r"),
    "a number is read": ("v * 10 + int(c)", "v + int(c)"),
}


@pytest.mark.parametrize("name", sorted(LOOPS))
def test_a_loop_that_eats_a_number_up_is_proved_and_its_mutant_is_not(name: str) -> None:
    code, requires, ensures = LOOPS[name]
    contract = Contract((requires,), (ensures,))
    assert prove(code, "f", contract, BUDGET).outcome == "proved"
    old, new = BROKEN[name]
    assert old in code
    assert prove(code.replace(old, new), "f", contract, SMALL).outcome != "proved"
