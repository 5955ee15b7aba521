"""Iterators run late, names may hold nothing, messages may raise: what follows is not proved wrong."""

# ruff: noqa: E501  (programs on one line)
from __future__ import annotations

import pytest

from judge.contract import Budget, Contract
from judge.prove import prove

BUDGET = Budget(rlimit=3_000_000)
Z, NO_ZERO = ("ZeroDivisionError",), "all(x != 0 for x in xs)"
XS = "def f(xs: list[int]) -> int:\n"
A = "def f(a: int) -> int:\n"
X = "def f(x: int) -> int:\n"

FALSE: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "any() of a map stops early": (
        XS + "    return any(map(lambda x: 1 // x > 0, xs))\n", "not result or " + NO_ZERO, Z),
    "a membership test stops early": (XS + "    return 1 in (1 // x for x in xs)\n", NO_ZERO, Z),
    "a loop over a generator stops early": (
        XS + "    for y in (1 // x for x in xs):\n        return y\n    return 0\n", NO_ZERO, Z),
    "a loop over an enumerated map stops early": (
        XS + "    for i, y in enumerate(map(lambda x: 1 // x, xs)):\n        return y\n    return 0\n",
        NO_ZERO, Z),
    "zip() stops at the shortest": (
        XS + "    return sum(a for a, b in zip([1], (1 // x for x in xs)))\n", NO_ZERO, Z),
    "what zip() never meets is not caught": (
        XS + "    try:\n        return len(list(zip([1], (1 // x for x in xs))))\n"
        "    except ZeroDivisionError:\n        return 7\n", "result == 7 or " + NO_ZERO, ()),
    "a generator reads a name late": (
        XS + "    n = 1\n    t = 0\n    for y in (x * n for x in xs):\n        n += 1\n        t += y\n    return t\n",
        "result == sum(xs)", ()),
    "a generator reads a list late": (
        A + "    n = [1]\n    t = 0\n    for y in (x * n[0] for x in [a, a]):\n        n[0] += 1\n        t += y\n    return t\n",
        "result == 2 * a", ()),
    "a mapped function reads a list late": (
        XS + "    n = [1]\n    t = 0\n    for y in map(lambda x: x * n[0], xs):\n        n[0] += 1\n        t += y\n    return t\n",
        "result == sum(xs)", ()),
    "a list grows while a generator reads it": (
        A + "    xs = [a]\n    xs.extend(len(xs) for _ in range(2))\n    return xs[2]\n", "result == 1", ()),
    "a list that grows by itself never ends": (
        XS + "    xs.extend(x + 1 for x in xs)\n    return len(xs)\n", "result == 2 * len(old(xs))", ()),
    "an inner list grows while a generator reads it": (
        A + "    g = [[a]]\n    g[0] += (len(g[0]) for _ in range(3))\n    return g[0][-1]\n", "result == 1", ()),
    "a comprehension that shortens what it walks": (
        A + "    xs = [a, 2, 3]\n    return len([xs.pop() for x in xs])\n", "result == 3", ()),
    "a sum that shortens what it walks": (
        A + "    xs = [a, 2, 3]\n    return sum(1 for x in xs if xs.pop() or True)\n", "result == 3", ()),
    "a map that shortens what it walks": (
        A + "    xs = [a, 2, 3]\n    return len(list(map(lambda x: xs.pop(), xs)))\n", "result == 3", ()),
    "an inner list is changed while it is walked": (
        A + "    g = [[1, 2], [3]]\n    t = 0\n    for v in g[0]:\n        t += v\n        g[0][1] = 10\n    return t\n",
        "result == 3", ()),
    "an inner list is changed while its places are counted": (
        A + "    g = [[1, 2], [3]]\n    t = 0\n    for i, v in enumerate(g[0]):\n        t += v\n        g[0][1] = 10\n    return t\n",
        "result == 3", ()),
    "a list looks empty while it is sorted": (
        A + "    xs = [3, 2, 1]\n    xs.sort(key=lambda x: len(xs) * x)\n    return xs[0]\n", "result == 1", ()),
    "an inner list looks empty while it is sorted": (
        A + "    g = [[3, 2, 1]]\n    g[0].sort(key=lambda x: len(g[0]) * x)\n    return g[0][0]\n", "result == 1", ()),
    "a comprehension whose elements all raise, over none": (
        XS + "    ys = [[][x] for x in xs]\n    return len(xs)\n", "result > 0", ("IndexError",)),
    "a map whose calls all raise, over none": (
        XS + "    ys = list(map(lambda x: [][x], xs))\n    return len(xs)\n", "result > 0", ("IndexError",)),
    "a helper that always raises, called for none": (
        "def g(n: int) -> int:\n    raise ValueError('x')\n\n\n" + XS
        + "    ys = [g(x) for x in xs]\n    return len(xs)\n", "result > 0", ("ValueError",)),
    "a list in itself": (A + "    xs = [a]\n    xs.append(xs)\n    return len(xs[1])\n", "result == 1", ()),
    "a list put before itself": (A + "    xs = [a]\n    xs.insert(0, xs)\n    return len(xs[0])\n", "result == 1", ()),
    "a dict in itself": (A + "    d = {}\n    d[1] = d\n    return len(d[1])\n", "result == 0", ()),
    "a dict in itself by default": (A + "    d = {}\n    d.setdefault(1, d)\n    return len(d[1])\n", "result == 0", ()),
    "a pair with NaN is ordered by what follows": (
        "def f(x: float) -> bool:\n    return (x, 1) < (x, 2)\n", "result == (x == x)", ()),
    "a list with NaN is ordered by what follows": (
        "def f(x: float) -> bool:\n    return [x, 1] < [x, 2]\n", "result == (x == x)", ()),
    "a pair with NaN is not above itself": (
        "def f(x: float) -> bool:\n    return (1, x) <= (1, x)\n", "result == (x == x)", ()),
    "a name that some branches bind, in a message": (
        X + "    if x < 0:\n        y = 1\n    if x <= 0:\n        raise KeyError(y)\n    return x\n", "result > 0", ("KeyError",)),
    "a name that some branches bind, assigned": (
        X + "    if x < 0:\n        y = 1\n    if x <= 0:\n        z = y\n        raise KeyError('a')\n    return x\n",
        "result > 0", ("KeyError",)),
    "a name that nothing binds, in a message": (
        X + "    assert x > 0, nothing\n    return x\n", "result > 0", ("AssertionError",)),
    "the text of a huge number in a message": (
        X + "    if x > 5:\n        raise KeyError(f'bad {x}')\n    return x\n", "result <= 5", ("KeyError",)),
    "the text of a huge number in an assertion": (
        X + "    assert x < 5, f'bad {x}'\n    return x\n", "result < 5", ("AssertionError",)),
}  # fmt: skip

TRUE: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "list() takes all": (
        XS + "    try:\n        return len(list(1 // x for x in xs))\n    except ZeroDivisionError:\n        return -1\n",
        "result == (len(xs) if all(x != 0 for x in xs) else -1)", ()),
    "any() of a map": (
        XS + "    return any(map(lambda x: x > 3, xs))\n", "result == any(x > 3 for x in xs)", ()),
    "a sum over a zipped generator": (
        "def f(xs: list[int], ys: list[int]) -> int:\n    return sum(a * b for a, b in zip((x + 1 for x in xs), ys))\n",
        "result == sum((x + 1) * y for x, y in zip(xs, ys))", ()),
    "a loop over a generator": (
        XS + "    t = 0\n    for y in (x * x for x in xs):\n        t += y\n    return t\n", "result >= 0", ()),
    "groups by sorted keys": (
        A + "    d = {1: [1], 2: [2]}\n    for k in sorted(d):\n        d[k].append(a)\n    return len(d[1])\n", "result == 2", ()),
    "a sort by a key": (
        A + "    xs = [3, 2, 1]\n    xs.sort(key=lambda x: -x)\n    return xs[0]\n", "result == 3", ()),
    "a message with a number, of the kind that its text may raise": (
        X + "    if x > 5:\n        raise ValueError(f'bad {x}')\n    return x\n", "result <= 5", ("ValueError",)),
    "a name that some branches bind, caught": (
        X + "    try:\n        if x < 0:\n            y = 1\n        return y\n    except UnboundLocalError:\n        return 0\n",
        "result == (1 if x < 0 else 0)", ()),
}  # fmt: skip


@pytest.mark.parametrize("name", FALSE)
def test_what_comes_late_proves_nothing_false(name: str) -> None:
    code, clause, raises = FALSE[name]
    proof = prove(code, "f", Contract((), (clause,), raises), BUDGET)
    assert proof.outcome not in ("proved", "partial", "bounded")


@pytest.mark.parametrize("name", TRUE)
def test_what_is_taken_whole_is_proved(name: str) -> None:
    code, clause, raises = TRUE[name]
    assert prove(code, "f", Contract((), (clause,), raises), BUDGET).outcome == "proved"
