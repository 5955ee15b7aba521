"""Constructs that are proved at any size: letters of texts, chosen members, counts of ones."""

# ruff: noqa: E501  (programs on one line)
from __future__ import annotations

from typing import Any

import pytest

from judge.contract import Budget, Contract
from judge.prove import prove

BUDGET = Budget(rlimit=4_000_000)

TRUE: dict[str, tuple[Any, ...]] = {
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
    "groups in a dict of lists": (
        "def f(xs: list[int]) -> dict[str, list[int]]:\n    d = {'a': [], 'b': []}\n    for x in xs:\n"
        "        d['a' if x > 0 else 'b'].append(x)\n    return d\n",
        ("result['a'] == [x for x in xs if x > 0]", "result['b'] == [x for x in xs if x <= 0]"),
    ),
    "counters in a dict": (
        "def f(xs: list[int]) -> dict[str, int]:\n    d = {'a': 0, 'b': 0}\n    for x in xs:\n"
        "        if x > 0:\n            d['a'] += 1\n        else:\n            d['b'] += 1\n"
        "    return d\n",
        ("result['a'] + result['b'] == len(xs)",),
    ),
    "sums with summands that are alike": (
        "def f(n: int) -> int:\n    return sum(i for i in range(1, n) if i % 3 == 0 or i % 5 == 0)\n",
        ("result == sum([i for i in range(1, n) if i % 15 in (0, 3, 5, 6, 9, 10, 12)])",),
    ),
    "a letter that has a name left out": (
        "def f(s: str, ch: str) -> str:\n    return ''.join(c for c in s if c != ch)\n",
        ("len(result) == len(s) - s.count(ch)",),
        ("len(ch) == 1",),
    ),
    "letters gathered in a list": (
        "def f(s: str) -> str:\n    out = []\n    for c in s:\n        if 'a' <= c <= 'z':\n"
        "            out.append(chr(ord(c) - 32))\n        else:\n            out.append(c)\n"
        "    return ''.join(out)\n",
        ("len(result) == len(s)",),
    ),
    "a key of any text is looked up": (
        "def f(p: dict[str, int], k: str) -> int:\n    if k in p:\n        return p[k]\n    return -1\n",
        ("(k in p) == (result >= 0)",),
        ("all(p[x] >= 0 for x in p)",),
    ),
    "a missing key of any text": (
        "def f(p: dict[str, int], k: str) -> int:\n    try:\n        return p[k]\n    except KeyError:\n"
        "        return 0\n",
        ("k in p or result == 0", "k not in p or result == p[k]"),
    ),
    "the values of listed keys added up": (
        "def f(d: dict[str, int]) -> int:\n    t = 0\n    for k in d:\n        t += d[k]\n    return t\n",
        ("result == sum(d.values())",),
    ),
    "members that may repeat are as good as any": (
        "def f(xs: list[int]) -> bool:\n    return any(x > 3 for x in set(xs))\n",
        ("result == any(x > 3 for x in xs)",),
    ),
    "members that may repeat are counted once": (
        "def f(xs: list[int]) -> int:\n    return sum(1 for x in set(xs) if x > 0)\n",
        ("result <= len(xs)",),
    ),
}

FALSE = {
    "a key that may be missing": (
        "def f(p: dict[str, int], k: str) -> int:\n    return p[k]\n",
        ("True",),
    ),
    "two keys, two values": (
        "def f(p: dict[str, int], k: str, j: str) -> int:\n    if k in p and j in p:\n"
        "        return p[k] - p[j]\n    return 0\n",
        ("result == 0",),
    ),
    "members that may repeat are not added twice": (
        "def f(xs: list[int]) -> int:\n    return sum(set(xs))\n",
        ("result == sum(xs)",),
    ),
    "sums with summands that differ at one place of fifteen": (
        "def f(n: int) -> int:\n    return sum(i for i in range(1, n) if i % 3 == 0 or i % 5 == 0)\n",
        ("result == sum([i for i in range(1, n) if i % 15 in (0, 3, 5, 6, 9, 10)])",),
    ),
    "a text of any length is no letter": (
        "def f(s: str, ch: str) -> int:\n    n = 0\n    for c in s:\n        if c == ch:\n"
        "            n += 1\n    return n\n",
        ("result == s.count(ch)",),
    ),
    "two letters among letters gathered": (
        "def f(s: str) -> str:\n    out = []\n    for c in s:\n"
        "        out.append('ab' if c == 'x' else c)\n    return ''.join(out)\n",
        ("len(result) == len(s)",),
    ),
    "a count and its opposite under another bound": (
        "def f(a: list[int]) -> int:\n    return sum(1 for x in a if x > 0) + sum(1 for x in a if x < 0)\n",
        ("result == len(a)",),
    ),
    "a key that comes later": (
        "def f(xs: list[int]) -> int:\n    d = {'a': 0, 'b': 0}\n    for x in xs:\n        if x == -7:\n"
        "            d['c'] = 1\n    return len(d)\n",
        ("result == 2",),
    ),
    "a key that is taken out": (
        "def f(xs: list[int]) -> int:\n    d = {'a': 0, 'b': 0}\n    for x in xs:\n        if x == -7:\n"
        "            d.pop('a', None)\n    return len(d)\n",
        ("result == 2",),
    ),
    "a key that is put in again comes last": (
        "def f(xs: list[int]) -> list[str]:\n    d = {'a': 0, 'b': 0}\n    for x in xs:\n"
        "        if x == -7:\n            del d['a']\n            d['a'] = 1\n    return list(d)\n",
        ("result == ['a', 'b']",),
    ),
    "a list of a group under a second key": (
        "def f(xs: list[int]) -> int:\n    d = {'a': []}\n    d['b'] = d['a']\n    for x in xs:\n"
        "        d['a'].append(x)\n    return len(d['b'])\n",
        ("result == 0",),
    ),
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
    code, ensures, *more = TRUE[name]
    proof = prove(code, "f", Contract(more[0] if more else (), ensures), BUDGET)
    assert proof.outcome == "proved", proof.reason


@pytest.mark.parametrize("name", sorted(FALSE))
def test_what_does_not_hold_is_not(name: str) -> None:
    code, ensures = FALSE[name]
    assert prove(code, "f", Contract(ensures=ensures), BUDGET).outcome != "proved"


def test_the_sum_of_one_row_is_the_sum_of_every_row_at_its_place() -> None:
    code = "def f(rows: list[list[int]], i: int) -> int:\n    return sum(rows[i])\n"
    requires = ("0 <= i < len(rows)", "all(sum(row) >= 3 for row in rows)")
    for ensures, proved in (("result >= 3", True), ("result >= 4", False)):
        proof = prove(code, "f", Contract(requires, (ensures,)), BUDGET)
        assert (proof.outcome == "proved") is proved


def test_counts_at_two_places_are_two_counts() -> None:
    code = (
        "def f(xs: list[int], i: int, j: int) -> int:\n"
        "    return xs.count(xs[i]) - xs.count(xs[j])\n"
    )
    requires = ("0 <= i < len(xs) and 0 <= j < len(xs)",)
    assert prove(code, "f", Contract(requires, ("result == 0",)), BUDGET).outcome != "proved"
    same = Contract((*requires, "xs[i] == xs[j]"), ("result == 0",))
    assert prove(code, "f", same, BUDGET).outcome == "proved"
