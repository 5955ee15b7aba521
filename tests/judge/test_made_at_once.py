"""Dicts, orders and ranges of any size, made at once: held against CPython, proved where true."""

# ruff: noqa: E501  (programs on one line)
from __future__ import annotations

from typing import Any

import pytest

from judge.contract import Budget, Contract
from judge.prove import prove
from judge.recheck import check
from judge.verdict import Recheck

BUDGET = Budget(rlimit=4_000_000)

MADE: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "the last of equal keys counts": (
        "def f(xs: list[int]) -> dict[int, int]:\n    return {x % 3: x for x in xs}\n",
        [([4, 1, 2, 7],), ([],), ([-1, 5],)],
    ),
    "keys in the order of their first pair": (
        "def f(xs: list[int]) -> list[int]:\n    return list({x: 0 for x in xs})\n",
        [([4, 1, 4, 2],), ([2, 2],)],
    ),
    "values in the order of their keys": (
        "def f(xs: list[int]) -> list[int]:\n    return list({x % 2: x for x in xs}.values())\n",
        [([1, 2, 3],), ([2, 4],)],
    ),
    "some pairs left out": (
        "def f(xs: list[int]) -> int:\n    return len({x: x for x in xs if x > 1})\n",
        [([1, 2, 3, 2],), ([0],)],
    ),
    "a dict of zipped lists": (
        "def f(a: list[int], b: list[int]) -> dict[int, int]:\n    return dict(zip(a, b))\n",
        [([1, 2, 1], [5, 6, 7]), ([1, 2], [9])],
    ),
    "letters as keys": (
        "def f(s: str) -> int:\n    return {c: i for i, c in enumerate(s)}.get('a', -1)\n",
        [("abca",), ("xyz",), ("",)],
    ),
    "a stable order by a key": (
        "def f(ps: list[tuple[int, int]]) -> list[tuple[int, int]]:\n    return sorted(ps, key=lambda p: p[0])\n",
        [([(2, 1), (1, 2), (2, 0), (1, 1)],)],
    ),
    "a falling order keeps equal ones in place": (
        "def f(ps: list[tuple[int, int]]) -> list[tuple[int, int]]:\n    return sorted(ps, key=lambda p: p[0], reverse=True)\n",
        [([(2, 1), (1, 2), (2, 0)],)],
    ),
    "the first of the largest": (
        "def f(xs: list[int]) -> int:\n    return max(xs, key=lambda x: x % 3)\n",
        [([1, 5, 2, 8],), ([3, 0],)],
    ),
    "the first of the smallest": (
        "def f(xs: list[int]) -> int:\n    return min(xs, key=abs)\n",
        [([3, -2, 2],), ([0, 1],)],
    ),
    "letters in order": (
        "def f(s: str) -> list[str]:\n    return sorted(s)\n",
        [("cab",), ("bb a",)],
    ),
    "a range by a step": (
        "def f(a: int, b: int, s: int) -> list[int]:\n    return list(range(a, b, s)) if s > 0 else []\n",
        [(0, 7, 3), (2, 2, 1), (5, 1, 2), (-3, 4, 7), (0, 6, 3)],
    ),
    "a slice by a step": (
        "def f(xs: list[int], a: int, s: int) -> list[int]:\n    return xs[a::s] if s > 0 else []\n",
        [([1, 2, 3, 4, 5], 1, 2), ([1, 2, 3], -2, 3), ([1, 2, 3], 7, 2), ([], 0, 1)],
    ),
}

UNFOLDED = (
    "keys in the order of their first pair",
    "values in the order of their keys",
    "some pairs left out",
)
"""Lists of first elements are not unfolded so deep."""

TRUE: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "an inverse": (
        "def f(d: dict[int, int]) -> dict[int, int]:\n    return {v: k for k, v in d.items()}\n",
        (),
        ("all(v in result for v in d.values())", "all(d[result[v]] == v for v in result)"),
    ),
    "pieces of a list": (
        "def f(xs: list[int], n: int) -> list[list[int]]:\n    return [xs[i:i + n] for i in range(0, len(xs), n)]\n",
        ("n > 0",),
        ("all(1 <= len(p) <= n for p in result)", "len(result) == (len(xs) + n - 1) // n"),
    ),
    "a transposed grid": (
        "def f(g: list[list[int]]) -> list[list[int]]:\n    return [[r[j] for r in g] for j in range(len(g[0]))] if g else []\n",
        ("all(len(r) == len(g[0]) for r in g)",),
        (
            "all(len(r) == len(g) for r in result)",
            "all(result[j][i] == g[i][j] for i in range(len(g)) for j in range(len(g[0])))",
        ),
    ),
    "words in order": (
        "def f(ws: list[str]) -> list[str]:\n    return sorted(ws)\n",
        (),
        (
            "all(result[i] <= result[i + 1] for i in range(len(result) - 1))",
            "all(w in result for w in ws)",
            "all(w in ws for w in result)",
        ),
    ),
    "the longest word": (
        "def f(ws: list[str]) -> str:\n    return max(ws, key=len)\n",
        ("len(ws) > 0",),
        ("result in ws", "all(len(w) <= len(result) for w in ws)"),
    ),
    "the keys of a dict that were met": (
        "def f(d: dict[int, int], t: int) -> list[int]:\n    out = []\n    for k, v in d.items():\n        if v > t:\n            out.append(k)\n    return out\n",
        (),
        ("all(d[k] > t for k in result)", "all(d[k] <= t or k in result for k in d)"),
    ),
}

WRONG: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "a range by a step that may be nothing": (
        "def f(n: int, s: int) -> int:\n    return sum(1 for _ in range(0, n, s))\n",
        ("s >= 0",),
        ("result >= 0",),
    ),
    "the largest of none": (
        "def f(ws: list[str]) -> str:\n    return max(ws, key=len)\n",
        (),
        ("True",),
    ),
    "an inverse loses keys": (
        "def f(d: dict[int, int]) -> dict[int, int]:\n    return {v: k for k, v in d.items()}\n",
        (),
        ("len(result) == len(d)",),
    ),
    "a precondition that any row meets": (
        "def f(g: list[list[int]]) -> int:\n    return len(g[-1])\n",
        ("len(g) > 0 and any(r[0] == 1 for r in g)",),
        ("result > 0",),
    ),
    "a key that fails for some": (
        "def f(xs: list[int]) -> list[int]:\n    return sorted(xs, key=lambda x: 10 // x)\n",
        (),
        ("len(result) == len(xs)",),
    ),
}


def _fixed(args: tuple[Any, ...], code: str) -> tuple[str, ...]:
    names = [
        part.split(":")[0].strip()
        for part in code.split("(", 1)[1].split(") ->")[0].split(", ")
        if ":" in part
    ]
    return tuple(f"{n} == {a!r}" for n, a in zip(names, args, strict=True))


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_is_what_cpython_makes(name: str) -> None:
    code, runs = MADE[name]
    scope: dict[str, Any] = {}
    exec(code, scope)
    for args in runs:
        expected = scope["f"](*args)
        requires = _fixed(args, code)
        right = prove(code, "f", Contract(requires, (f"result == {expected!r}",)), BUDGET)
        assert right.outcome == "proved" or name in UNFOLDED, (args, expected, right.reason)
        assert right.outcome != "refuted", args
        wrong = prove(
            code, "f", Contract(requires, (f"result != {expected!r}",)), Budget(rlimit=300_000)
        )
        assert wrong.outcome not in ("proved", "partial", "bounded"), (args, expected)


@pytest.mark.parametrize("name", TRUE)
def test_what_is_true_is_proved_and_confirmed(name: str) -> None:
    code, requires, ensures = TRUE[name]
    found = prove(code, "f", Contract(requires, ensures), BUDGET)
    assert found.outcome == "proved", found.reason
    goals = [o for o in found.obligations if o.expected == "unsat"]
    assert check(goals).outcome is Recheck.CONFIRMED


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_never_proved(name: str) -> None:
    code, requires, ensures = WRONG[name]
    found = prove(code, "f", Contract(requires, ensures), Budget(rlimit=1_000_000))
    assert found.outcome not in ("proved", "partial", "bounded"), name
