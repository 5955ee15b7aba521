"""Contracts that are false in CPython, each a trap that a careless encoding would prove."""

from __future__ import annotations

import pytest

from judge.contract import Budget, Contract
from judge.prove import prove

BUDGET = Budget(rlimit=3_000_000)

TRAPS = {
    "floor division rounds down, not to zero": (
        "def f(a: int, b: int) -> int:\n    return a // b\n",
        ("b != 0",),
        "result * b <= a if b > 0 else result == -(a // -b)",
    ),
    "modulo takes the divisor's sign": (
        "def f(a: int, b: int) -> int:\n    return a % b\n",
        ("b != 0",),
        "result >= 0",
    ),
    "division by zero is an error": ("def f(a: int) -> int:\n    return a // a\n", (), "True"),
    "a bool is an int": ("def f(a: bool, b: bool) -> int:\n    return a + b\n", (), "result <= 1"),
    "isinstance of a bool": (
        "def f(a: bool) -> bool:\n    return isinstance(a, int)\n",
        (),
        "result == False",
    ),
    "an index out of range raises": (
        "def f(xs: list[int]) -> int:\n    return xs[0]\n",
        (),
        "result in xs",
    ),
    "a slice out of range does not": (
        "def f(xs: list[int]) -> list[int]:\n    return xs[5:9]\n",
        (),
        "len(result) == 4",
    ),
    "a negative slice bound counts from the end": (
        "def f(xs: list[int]) -> list[int]:\n    return xs[:-1]\n",
        (),
        "len(result) == 0",
    ),
    "a list times a negative number is empty": (
        "def f(n: int) -> list[int]:\n    return [0] * n\n",
        (),
        "len(result) == n",
    ),
    "max of an empty list raises": (
        "def f(xs: list[int]) -> int:\n    return max(xs)\n",
        (),
        "all(x <= result for x in xs)",
    ),
    "two names for one list": (
        "def f(x: int) -> int:\n    a = [x]\n    b = a\n    b.append(1)\n    return len(a)\n",
        (),
        "result == 1",
    ),
    "extend with itself": (
        "def f(x: int) -> int:\n    a = [x]\n    a.extend(a)\n    return len(a)\n",
        (),
        "result == 1",
    ),
    "+= changes the list in place": (
        "def f(xs: list[int]) -> int:\n    a = xs\n    a += [1]\n    return len(xs)\n",
        (),
        "result == len(old(xs))",
    ),
    "NaN is not equal to itself": ("def f(x: float) -> bool:\n    return x == x\n", (), "result"),
    "float addition rounds": (
        "def f(x: float) -> bool:\n    return x + 1.0 - 1.0 == x\n",
        ("x > 0.0 and x < 1.0",),
        "result",
    ),
    "zero has two signs that are equal": (
        "def f(x: float) -> bool:\n    return x == -x\n",
        (),
        "not result",
    ),
    "NaN in a list is found by identity": (
        "def f(x: float) -> bool:\n    return x in [x]\n",
        (),
        "not result or x == x",
    ),
    "/ makes a rounded float": (
        "def f(a: int) -> bool:\n    return a / 1 == a\n",
        (),
        "result",
    ),
    "a loop variable survives the loop": (
        "def f(n: int) -> int:\n    i = 7\n    for i in range(n):\n        pass\n    return i\n",
        ("n > 1",),
        "result == 7",
    ),
    "a comprehension variable does not": (
        "def f(n: int) -> int:\n    x = 1\n    y = [x for x in [5]]\n    return x\n",
        (),
        "result == 5",
    ),
    "break skips the loop's else": (
        "def f(xs: list[int]) -> int:\n    for x in xs:\n        if x == 0:\n            break\n"
        "    else:\n        return 1\n    return 0\n",
        (),
        "result == 1",
    ),
    "a chained comparison is a conjunction": (
        "def f(a: int, b: int, c: int) -> bool:\n    return a < b > c\n",
        (),
        "result == (a < c) or not result",
    ),
    "or gives the operand": (
        "def f(a: int) -> int:\n    return a or 5\n",
        (),
        "result == 1 or result == 5",
    ),
    "a shift by a negative number raises": (
        "def f(a: int) -> int:\n    return a << -1\n",
        (),
        "True",
    ),
    "strings go beyond the solver's alphabet": (
        "def f(s: str) -> bool:\n    return all(ord(c) <= 0x2FFFF for c in s)\n",
        (),
        "result",
    ),
    "a conditional exception is an exception": (
        "def f(a: int) -> int:\n    assert a != 3\n    return a\n",
        (),
        "result == a",
    ),
    "any stops early and may still raise": (
        "def f(xs: list[int]) -> bool:\n    return any(1 // x > 0 for x in xs)\n",
        (),
        "result or not result",
    ),
    "unbounded integers do not wrap": (
        "def f(a: int) -> int:\n    return a + 1\n",
        (),
        "result != 2 ** 63",
    ),
    "a mutated parameter": (
        "def f(xs: list[int]) -> int:\n    xs.append(1)\n    return len(xs)\n",
        (),
        "result == len(old(xs))",
    ),
    "pop changes the list": (
        "def f(xs: list[int]) -> int:\n    xs.pop()\n    return len(xs)\n",
        ("len(xs) > 0",),
        "result == len(old(xs))",
    ),
    "a divergent McCarthy 91": (
        "def f(n: int) -> int:\n    return n - 10 if n > 100 else f(f(n + 10))\n",
        (),
        "result == (n - 10 if n > 100 else 91)",
    ),
    "while True does not return": (
        "def f(n: int) -> int:\n    while True:\n        n += 1\n    return n\n",
        (),
        "result == 0",
    ),
    "the contract itself raises": (
        "def f(xs: list[int]) -> int:\n    return 0\n",
        (),
        "xs[0] == xs[0]",
    ),
    "an early conjunct protects only what follows": (
        "def f(xs: list[int]) -> bool:\n    return xs[0] == 1 and len(xs) > 0\n",
        (),
        "result == result",
    ),
    "a list that is walked over must not change": (
        "def f(xs: list[int]) -> int:\n    n = 0\n    for x in xs:\n        n += 1\n"
        "        if n < 3:\n            xs.append(0)\n    return n\n",
        (),
        "result == len(old(xs))",
    ),
    "rows made by repetition are one row": (
        "def f(n: int) -> int:\n    rows = [[0]] * 2\n    rows[0].append(1)\n"
        "    return len(rows[1])\n",
        (),
        "result == 1",
    ),
    "a mutable default argument": (
        "def g(x: int, acc: list[int] = []) -> int:\n    acc.append(x)\n    return len(acc)\n"
        "def f(x: int) -> int:\n    return g(x) + g(x)\n",
        (),
        "result == 2",
    ),
    "True is 1 in a list": (
        "def f(b: bool) -> bool:\n    return 1 in [b]\n",
        (),
        "not result",
    ),
    "a local name hides the module's until it is bound": (
        "N = 3\ndef f(x: int) -> int:\n    y = N\n    N = 5\n    return y\n",
        (),
        "result == 3",
    ),
    "a candidate that redefines what its contract uses": (
        "def abs(x: int) -> int:\n    return 0\ndef f(x: int) -> int:\n    return 0\n",
        (),
        "result == abs(x)",
    ),
    "an import that redefines what its contract uses": (
        "from operator import neg as abs\ndef f(x: int) -> int:\n    return -x\n",
        (),
        "result == abs(x)",
    ),
    "rows are not columns": (
        "def f(m: list[list[int]]) -> bool:\n"
        "    return [[r[k] for k in range(2)] for r in m] == [[m[k][i] for k in range(2)] "
        "for i in range(2)]\n",
        ("len(m) == 2 and all(len(r) == 2 for r in m)",),
        "result",
    ),
    "a default argument is evaluated once, elsewhere": (
        "N = 1\ndef g(x: int, y: int = N) -> int:\n    return x + y\n"
        "def f(x: int) -> int:\n    N = 9\n    return g(x)\n",
        (),
        "result == x + 9",
    ),
    "the message of a failing assert is computed": (
        "def f(x: int) -> int:\n    assert x > 0, 1 // x\n    return x\n",
        (),
        "result > 0",
    ),
    "a dict has one value a key": (
        "def f(k: int) -> int:\n    d = {1: 2}\n    d[k] = 3\n    return d[1]\n",
        (),
        "result == 2",
    ),
    "sorted keeps every element": (
        "def f(xs: list[int]) -> list[int]:\n    return sorted(xs)\n",
        (),
        "result == xs",
    ),
}


@pytest.mark.parametrize("name", TRAPS)
def test_a_false_contract_is_not_proved(name: str) -> None:
    code, requires, ensures = TRAPS[name]
    proof = prove(code, "f", Contract(requires, (ensures,)), BUDGET)
    assert proof.outcome != "proved", proof.invariants


TRUE = {
    "floor division by a negative constant": (
        "def f(a: int) -> int:\n    return a // -3\n",
        (),
        "-3 * result >= a and -3 * result < a + 3",
    ),
    "float comparison with a literal int": (
        "def f(x: float) -> bool:\n    return x > 3\n",
        (),
        "result == (x > 3.0)",
    ),
    "a caught IndexError": (
        "def f(xs: list[int]) -> int:\n    try:\n        return xs[0]\n"
        "    except IndexError:\n        return 0\n",
        (),
        "len(xs) > 0 or result == 0",
    ),
    "aliases are one list": (
        "def f(x: int) -> int:\n    a = [x]\n    b = a\n    b.append(1)\n    return len(a)\n",
        (),
        "result == 2",
    ),
    "both ends of a slice are clamped": (
        "def f(xs: list[int]) -> list[int]:\n    return xs[-100:100]\n",
        ("len(xs) < 50",),
        "result == xs",
    ),
    "two names for one dict": (
        "def f(k: int) -> int:\n    d = {1: 2}\n    e = d\n    e[k] = 3\n    return d[k]\n",
        (),
        "result == 3",
    ),
    "code points up to the last": (
        "def f(s: str) -> bool:\n    return len(s + 'a') == len(s) + 1\n",
        (),
        "result",
    ),
}


@pytest.mark.parametrize("name", TRUE)
def test_a_true_statement_about_the_semantics_is_proved(name: str) -> None:
    code, requires, ensures = TRUE[name]
    proof = prove(code, "f", Contract(requires, (ensures,)), BUDGET)
    assert proof.outcome == "proved", proof.reason
