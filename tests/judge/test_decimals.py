"""Decimal digits of integers of any size: the equations are CPython's, and no more is proved."""

from __future__ import annotations

import random

import pytest

from judge.contract import Budget, Contract
from judge.prove import prove
from judge.symbolic import decimals
from judge.symbolic import term as T
from judge.symbolic.term import Term

BUDGET = Budget(rlimit=4_000_000)


def value(t: Term, rng: random.Random) -> Term:
    """A fact with the digits that CPython writes put in for the two functions."""
    mapping: dict[int, Term] = {}
    for part in T.subterms([t]):
        if part.op == "app":
            known = [T.literal(T.substitute(k, mapping)) for k in part.kids]
            number = int(known[0] or 0)
            text = str(number)
            if part.args[0] == decimals.LENGTH:
                # Nothing is said of numbers below zero: any value must do.
                mapping[part.id] = T.num(len(text) if number >= 0 else rng.randint(-3, 3))
            else:
                place = int(known[1] or 0)
                inside = number >= 0 and 0 <= place < len(text)
                mapping[part.id] = T.num(ord(text[place]) if inside else rng.randint(0, 99))
    return T.substitute(t, mapping)


@pytest.mark.parametrize("seed", range(3))
def test_every_equation_is_true_of_what_cpython_writes(seed: int) -> None:
    rng = random.Random(seed)
    numbers = [0, 9, 10, 99, 100, -1, -10, 10**40, 10**40 - 1]
    numbers += [rng.randint(-(10**6), 10**6) for _ in range(60)]
    for number in numbers:
        with T.fresh_table():
            occurrences = [decimals.length(T.num(number))]
            occurrences += [decimals.digit(T.num(number), T.num(k)) for k in range(-2, 9)]
            for t in occurrences:
                for fact in decimals.facts(t):
                    assert T.is_true(value(fact, rng)), (number, t)


SMALL = "0 <= n < 10**9"
TRUE = {
    "a number below ten is one digit": ("len(str(n))", "0 <= n <= 9", "result == 1"),
    "a sign is a character": ("len(str(n))", "-9 <= n < 0", "result == 2"),
    "from ten on there are two digits": ("len(str(n))", f"n >= 10 and {SMALL}", "result >= 2"),
    "the last digit is the rest": ("int(str(n)[-1])", SMALL, "result == n % 10"),
    "a number in a text": ("len(f'<{n}>')", f"-5 < n and {SMALL}", "result == len(str(n)) + 2"),
    "digits are not negative": ("sum(int(c) for c in str(n))", SMALL, "result >= 0"),
}
FALSE = {
    "the sign is forgotten": ("len(str(n))", "-1000 < n < 1000", "result <= 3"),
    "a thousand has four digits": ("len(str(n))", "0 <= n <= 1000", "result <= 3"),
    "a sign is no digit": ("sum(int(c) for c in str(n))", "-5 <= n < 9", "result >= 0"),
    "a first digit may be nine": ("int(str(n)[0])", "0 <= n < 100", "result < 9"),
    "zero begins with zero": ("int(str(n)[0])", "0 <= n < 100", "result > 0"),
    "numbers of 4,300 digits are not written out": ("len(str(n))", "True", "result >= 1"),
    "nor are they below zero": ("len(f'{n}')", "n < 0", "result >= 2"),
}


@pytest.mark.parametrize("name", sorted(TRUE))
def test_what_holds_of_the_digits_is_proved(name: str) -> None:
    body, requires, ensures = TRUE[name]
    code = f"def f(n: int) -> int:\n    return {body}\n"
    proof = prove(code, "f", Contract((requires,), (ensures,)), BUDGET)
    assert proof.outcome == "proved", proof.reason


@pytest.mark.parametrize("name", sorted(FALSE))
def test_what_does_not_hold_of_the_digits_is_not(name: str) -> None:
    body, requires, ensures = FALSE[name]
    code = f"def f(n: int) -> int:\n    return {body}\n"
    assert prove(code, "f", Contract((requires,), (ensures,)), BUDGET).outcome != "proved"


@pytest.mark.parametrize("letter", ["'¹'", "'٣'", "c"])
def test_digits_beyond_ascii_are_left_open(letter: str) -> None:
    code = (
        "def f(c: str) -> int:\n    try:\n"
        f"        int({letter})\n    except ValueError:\n        return 1\n    return 0\n"
    )
    requires = ("len(c) == 1", "c > 'z'")
    wanted = {"'¹'": 1, "'٣'": 0, "c": 1}[letter]
    proof = prove(code, "f", Contract(requires, (f"result == {wanted}",)), BUDGET)
    assert (proof.outcome == "proved") is (letter != "c"), proof.reason
