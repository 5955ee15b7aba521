"""Constructs that are proved at any size: letters of texts, chosen members, counts of ones."""

# ruff: noqa: E501  (programs on one line)
from __future__ import annotations

import pytest

from judge.contract import Budget, Contract
from judge.prove import prove

BUDGET = Budget(rlimit=4_000_000)

TRUE = {
    "one letter replaced by another": (
        "def f(s: str) -> str:\n    return s.replace(' ', '_')\n",
        ("' ' not in result", "len(result) == len(s)"),
    ),
    "one letter left out": (
        "def f(s: str) -> str:\n    return s.replace(' ', '')\n",
        ("' ' not in result", "result == ''.join(c for c in s if c != ' ')"),
    ),
    "letters joined backwards": (
        "def f(s: str) -> str:\n    return ''.join(reversed(s))\n",
        ("result == s[::-1]",),
    ),
    "letters chosen, whatever the order of the choice": (
        "def f(s: str) -> str:\n    return ''.join(c for c in s if c in 'aeiou')\n",
        ("all(c in 'uoiea' for c in result)", "len(result) == sum(1 for c in s if c in 'eaiou')"),
    ),
    "members of an unknown set chosen by a test": (
        "def f(a: set[int], b: set[int]) -> set[int]:\n    return {x for x in a if x not in b}\n",
        ("result == a - b",),
    ),
    "no difference is equality": (
        "def f(a: str, b: str) -> int:\n    if len(a) != len(b):\n        return -1\n"
        "    return sum(1 for x, y in zip(a, b) if x != y)\n",
        ("(result == 0) == (a == b)",),
    ),
    "none counted, none there": (
        "def f(a: list[int], k: int) -> bool:\n    return a.count(k) > 0\n",
        ("result == (k in a)",),
    ),
    "as many members as elements: all differ": (
        "def f(a: list[int]) -> bool:\n    return len(set(a)) == len(a)\n",
        ("result == all(a[i] != a[j] for i in range(len(a)) for j in range(i))",),
    ),
}

FALSE = {
    "a letter that was there before": (
        "def f(s: str) -> str:\n    return s.replace(' ', '_')\n",
        ("result.count('_') == s.count(' ')",),
    ),
    "a replacement of two letters": (
        "def f(s: str) -> str:\n    return s.replace('ab', '')\n",
        ("'ab' not in result",),
    ),
    "a replacement by two letters": (
        "def f(s: str) -> str:\n    return s.replace('a', 'bc')\n",
        ("len(result) == len(s)",),
    ),
    "one counted is not more than one": (
        "def f(a: list[int], k: int) -> bool:\n    return a.count(k) > 1\n",
        ("result == (k in a)",),
    ),
    "texts of unknown length joined": (
        "def f(ws: list[str]) -> str:\n    return ''.join(w for w in ws)\n",
        ("len(result) == len(ws)",),
    ),
    "an order of tuples is settled before an element without one": (
        "def f(x: int, y: int) -> int:\n    try:\n        return 1 if (x, 'a') < (y, 3) else 1\n"
        "    except TypeError:\n        return 2\n",
        ("result == 2",),
    ),
    "equal elements without an order are passed over": (
        "def f(x: int, y: int) -> int:\n    try:\n        return 1 if (None, x) < (None, y) else 1\n"
        "    except TypeError:\n        return 2\n",
        ("result == 2",),
    ),
}


@pytest.mark.parametrize("name", sorted(TRUE))
def test_what_holds_is_proved(name: str) -> None:
    code, ensures = TRUE[name]
    proof = prove(code, "f", Contract(ensures=ensures), BUDGET)
    assert proof.outcome == "proved", proof.reason


@pytest.mark.parametrize("name", sorted(FALSE))
def test_what_does_not_hold_is_not(name: str) -> None:
    code, ensures = FALSE[name]
    assert prove(code, "f", Contract(ensures=ensures), BUDGET).outcome != "proved"
