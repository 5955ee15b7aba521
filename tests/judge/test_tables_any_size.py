"""Dicts and sets that are filled in loops, of any size: proved where true, never where wrong."""

# ruff: noqa: E501  (programs on one line)
from __future__ import annotations

from typing import Any

import pytest

from judge.contract import Budget, Contract
from judge.prove import prove
from judge.recheck import check
from judge.symbolic.keyed import code, decode, places
from judge.symbolic.shapes import BOOL_SHAPE, CHAR_SHAPE, INT_SHAPE, STR_SHAPE, TupleShape
from judge.verdict import Recheck

BUDGET = Budget(rlimit=6_000_000)
COUNT = "def f(xs: list[int]) -> dict[int, int]:\n    d = {}\n    for x in xs:\n        d[x] = d.get(x, 0) + 1\n    return d\n"
LETTERS = "def f(s: str) -> dict[str, int]:\n    d = {}\n    for c in s:\n        if c in d:\n            d[c] += 1\n        else:\n            d[c] = 1\n    return d\n"
DEFAULT = "from collections import defaultdict\ndef f(xs: list[int]) -> dict[int, int]:\n    d = defaultdict(int)\n    for x in xs:\n        d[x] += 1\n    return d\n"
ONCE = "def f(xs: list[int]) -> list[int]:\n    seen = set()\n    out = []\n    for x in xs:\n        if x not in seen:\n            seen.add(x)\n            out.append(x)\n    return out\n"
PAIRS = "def f(ps: list[tuple[int, int]]) -> int:\n    seen = set()\n    for a, b in ps:\n        seen.add((a, b))\n    return len(ps) if (1, 2) in seen else -1\n"

TRUE: dict[str, tuple[str, tuple[str, ...]]] = {
    "integers counted": (
        COUNT,
        ("all(result[x] == xs.count(x) for x in xs)", "all(k in xs for k in result)"),
    ),
    "letters counted": (
        LETTERS,
        ("all(c in result for c in s)", "all(result[c] == s.count(c) for c in s)"),
    ),
    "a defaultdict counted up": (DEFAULT, ("all(x in result for x in xs)",)),
    "each kept once": (
        ONCE,
        (
            "all(x in result for x in xs)",
            "all(result[i] != result[j] for i in range(len(result)) for j in range(i))",
        ),
    ),
    "pairs as members": (PAIRS, ("(result == -1) == ((1, 2) not in ps)",)),
    "members of a set gone through, none of them wrong": (
        "def f(xs: list[int], d: int) -> int:\n    return sum(1 for x in set(xs) if d != 0 and x // d == 0)\n",
        ("result >= 0",),
    ),
}

WRONG: dict[str, tuple[str, tuple[str, ...]]] = {
    "one more of each": (
        COUNT.replace("get(x, 0)", "get(x, 1)"),
        ("all(result[x] == xs.count(x) for x in xs)",),
    ),
    "one less of each": (
        LETTERS.replace("d[c] = 1", "d[c] = 0"),
        ("all(result[c] == s.count(c) for c in s)",),
    ),
    "nothing is remembered": (
        ONCE.replace("            seen.add(x)\n", ""),
        ("all(result[i] != result[j] for i in range(len(result)) for j in range(i))",),
    ),
    "another pair": (
        PAIRS.replace("(a, b))", "(b, a))"),
        ("(result == -1) == ((1, 2) not in ps)",),
    ),
    "True is the key 1": (
        "def f(xs: list[int]) -> dict[int, int]:\n    d = {}\n    for x in xs:\n        d[x] = 7\n    d[True] = 8\n    return d\n",
        ("all(result[k] == 7 for k in xs)",),
    ),
    "reading a defaultdict puts the key in": (
        DEFAULT.replace("    return d\n", "    d[-5]\n    return d\n"),
        ("all(k in xs for k in result)",),
    ),
    "a Counter has 0 for what it lacks, and lacks it": (
        "from collections import Counter\ndef f(n: int) -> bool:\n    c = Counter([1])\n    c[n]\n    return n in c\n",
        ("result",),
    ),
    "one of a set's members divides by nothing": (
        "def f(xs: list[int]) -> int:\n    return sum(1 for x in set(xs) if 6 // x == 1)\n",
        ("result >= 0",),
    ),
    "an exception of a set's member is caught, whichever comes first": (
        "def f(xs: list[int]) -> int:\n    try:\n        return sum(10 // x for x in set(xs))\n    except ZeroDivisionError:\n        return -1\n",
        ("result != -1",),
    ),
}


@pytest.mark.parametrize("name", TRUE)
def test_what_is_true_is_proved_and_confirmed(name: str) -> None:
    code_text, ensures = TRUE[name]
    found = prove(code_text, "f", Contract((), ensures), BUDGET)
    assert found.outcome == "proved", found.reason
    assert check(found.obligations).outcome is Recheck.CONFIRMED


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_never_proved(name: str) -> None:
    code_text, ensures = WRONG[name]
    found = prove(code_text, "f", Contract((), ensures), Budget(rlimit=1_500_000))
    assert found.outcome not in ("proved", "partial", "bounded"), ensures


def test_keys_are_equal_exactly_when_their_codes_are() -> None:
    from judge.prove.traces import to_value
    from judge.symbolic import term as T

    keys: list[Any] = [
        0,
        1,
        -3,
        True,
        False,
        "a",
        "b",
        "",
        "ab",
        (1, "a"),
        (True, "a"),
        (1, "b"),
        (1,),
        None,
    ]
    shapes = [INT_SHAPE, BOOL_SHAPE, CHAR_SHAPE, TupleShape((INT_SHAPE, CHAR_SHAPE))]
    with T.fresh_table():
        for shape in shapes:
            known = [(k, *code(shape, to_value(k))) for k in keys]
            for one, fits, own in known:
                for other, also, its in known:
                    if T.is_true(fits) and T.is_true(also):
                        alike = all(a is b for a, b in zip(own, its, strict=True))
                        assert alike == (one == other), (shape, one, other)
                    elif one == other and type(one) is type(other):
                        assert T.is_true(fits) == T.is_true(also)
                if T.is_true(fits):
                    assert [t.id for t in code(shape, decode(shape, own))[1]] == [t.id for t in own]
        assert places(STR_SHAPE) is None
