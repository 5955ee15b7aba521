"""Runs path by path: dicts, sets, texts and sorting by a key, within a bound."""

from __future__ import annotations

import sys

import pytest

from judge.contract import Budget, Contract
from judge.prove import derive, prove
from judge.symbolic import characters
from judge.symbolic import term as T

BUDGET = Budget()

COUNT = (
    "def f(s: str) -> dict[str, int]:\n    d = {}\n    for c in s:\n"
    "        d[c] = d.get(c, 0) + 1\n    return d\n"
)
WITHIN = {
    "counting letters": (COUNT, "sum(result.values()) == len(s)"),
    "upper case of ASCII": (
        "def f(s: str) -> str:\n    return s.upper()\n",
        "len(result) == len(s)",
    ),
    "decimal text": (
        "def f(n: int) -> str:\n    return str(n)\n",
        "len(result) >= 1 and (n >= 0 or result[0] == '-')",
    ),
    "a tuple of unknown length": (
        "def f(xs: tuple[int, ...]) -> int:\n    return len(xs)\n",
        "result >= 0",
    ),
    "a dict with string keys that changes": (
        "def f(d: dict[str, int]) -> int:\n    d['a'] = 1\n    return sum(d.values())\n",
        "result == sum(d[k] for k in d)",
    ),
}


KNOWN_BY_LAWS = {
    "splitting": (
        "def f(s: str) -> list[str]:\n    return s.split()\n",
        "all(' ' not in w and len(w) > 0 for w in result)",
    ),
    "sorting by a key is stable": (
        "def f(xs: list[str]) -> list[str]:\n    return sorted(xs, key=len)\n",
        "all(len(a) <= len(b) for a, b in zip(result, result[1:]))",
    ),
    "seen before": (
        "def f(xs: list[int]) -> bool:\n    seen = set()\n    for x in xs:\n"
        "        if x in seen:\n            return True\n        seen.add(x)\n    return False\n",
        "result == any(xs[i] == xs[j] for i in range(len(xs)) for j in range(i))",
    ),
}


@pytest.mark.parametrize("name", KNOWN_BY_LAWS)
def test_what_laws_are_known_of_is_proved_at_any_size(name: str) -> None:
    code, ensures = KNOWN_BY_LAWS[name]
    assert prove(code, "f", Contract(ensures=(ensures,)), BUDGET).outcome == "proved"


@pytest.mark.parametrize("name", WITHIN)
def test_what_has_no_formula_is_bounded(name: str) -> None:
    code, ensures = WITHIN[name]
    contract = Contract(ensures=(ensures,))
    proof = prove(code, "f", contract, BUDGET)
    assert proof.outcome == "bounded", (proof.reason, proof.findings)
    assert proof.bound
    again = derive(code, "f", contract, proof.plan or "")
    assert [o.digest for o in again] == [o.digest for o in proof.obligations]


WRONG = {
    "equal letters are one key": (COUNT, "len(result) == len(s)"),
    "values may be negative": (
        "def f(d: dict[str, int]) -> int:\n    return sum(d.values())\n",
        "result >= 0",
    ),
    "members may be negative": (
        "def f(s: set[int]) -> int:\n    return sum(s)\n",
        "result >= 0",
    ),
    "split drops blanks": (
        "def f(s: str) -> int:\n    return sum(len(w) for w in s.split())\n",
        "result == len(s)",
    ),
    "a sort by length is not one by letters": (
        "def f(xs: list[str]) -> list[str]:\n    return sorted(xs, key=len)\n",
        "result == sorted(xs)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_contract_is_refuted_with_arguments(name: str) -> None:
    code, ensures = WRONG[name]
    proof = prove(code, "f", Contract(ensures=(ensures,)), BUDGET)
    assert proof.outcome == "refuted"
    scope: dict[str, object] = {}
    exec(code, scope)
    function = scope["f"]
    assert callable(function)
    assert proof.args is not None
    parameter = code.split("(")[1].split(":")[0]
    result = function(*proof.args)
    names = {"result": result, parameter: proof.args[0]}
    assert not eval(ensures, {**scope, **names})


TRAPS = {
    "a deleted key comes back at the end": (
        "def f(a: int) -> list[str]:\n    d = {'x': 1, 'y': 2}\n    del d['x']\n    d['x'] = 3\n"
        "    return list(d)\n",
        "result == ['x', 'y']",
    ),
    "True and 1 are one key, the first stays": (
        "def f(a: int) -> int:\n    d = {1: 'a', True: 'b'}\n    return len(d)\n",
        "result == 2",
    ),
    "a list is no key": (
        "def f(a: int) -> int:\n    d = {}\n    d[[1]] = a\n    return 0\n",
        "result == 0",
    ),
    "a key added while the dict is gone through": (
        "def f(a: int) -> int:\n    d = {1: 2}\n    for k in d:\n        d[k + 1] = 1\n"
        "    return 0\n",
        "result == 0",
    ),
    "a set is changed under its other name": (
        "def f(a: int) -> int:\n    s = set()\n    t = s\n    t.add(1)\n    return len(s)\n",
        "result == 0",
    ),
    "a generator is gone through once": (
        "def f(xs: list[int]) -> int:\n    g = (x for x in xs)\n    a = sum(g)\n    b = sum(g)\n"
        "    return b - a\n",
        "result == 0",
    ),
    "zip stops and is used up": (
        "def f(xs: list[int]) -> int:\n    z = zip(xs, xs)\n    a = len(list(z))\n"
        "    return a - len(list(z))\n",
        "result == 0",
    ),
    "enumerate sees what is changed meanwhile": (
        "def f(a: int) -> int:\n    xs = [1, 2]\n    t = 0\n    for i, x in enumerate(xs):\n"
        "        xs[1] = 7\n        t = t + x\n    return t\n",
        "result == 3",
    ),
    "upper case may be longer": (
        "def f(s: str) -> int:\n    return len('ß'.upper())\n",
        "result == 1",
    ),
    "superscripts are digits that int refuses": (
        "def f(s: str) -> int:\n    return int(s) if s.isdigit() else 0\n",
        "True",
    ),
    "U+001C is a blank that int refuses": (
        "def f(s: str) -> int:\n    return int(s + '1') if s.isspace() and len(s) == 1 else 0\n",
        "True",
    ),
    "a split of nothing is not empty": (
        "def f(s: str) -> int:\n    return len(s.split(','))\n",
        "result > 0 if s else result == 0",
    ),
    "a sort with reverse keeps equal ones in order": (
        "def f(a: int) -> list[str]:\n"
        "    return sorted(['aa', 'b', 'cc'], key=len, reverse=True)\n",
        "result == ['cc', 'aa', 'b']",
    ),
    "sorted rows in a comprehension are not one list": (
        "def g(row: list[int]) -> list[int]:\n    return sorted(row)\n\n"
        "def f(rows: list[list[int]]) -> list[int]:\n"
        "    return [len(g(row)) + g(row)[0] if row else 0 for row in rows]\n",
        "all(a == result[0] for a in result)",
    ),
    "a set has no repeats": (
        "def f(xs: list[int]) -> list[int]:\n    return sorted(set(xs))\n",
        "len(result) == len(xs)",
    ),
    "what finally returns takes over": (
        "def f(a: int) -> int:\n    try:\n        return 1 // a\n    finally:\n        return 7\n",
        "result != 7",
    ),
    "a missing key of a Counter is 0 and stays missing": (
        "from collections import Counter\n\ndef f(a: int) -> int:\n    c = Counter('ab')\n"
        "    c['z']\n    return len(c)\n",
        "result == 3",
    ),
    "a missing key of a defaultdict is put in": (
        "from collections import defaultdict\n\ndef f(a: int) -> int:\n    d = defaultdict(int)\n"
        "    d['z']\n    return len(d)\n",
        "result == 0",
    ),
}


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_of_containers_is_never_proved(name: str) -> None:
    code, ensures = TRAPS[name]
    proof = prove(code, "f", Contract(ensures=(ensures,)), BUDGET)
    assert proof.outcome not in ("proved", "partial", "bounded"), proof.method


def test_sets_and_dicts_of_literals_are_proved() -> None:
    code = (
        "def f(a: int) -> int:\n    d = {'x': a, 'y': 2}\n    d['x'] += 1\n"
        "    for k, v in d.items():\n        a = a + v\n    s = {'p', 'q', 'p'}\n"
        "    return a + len(s)\n"
    )
    proof = prove(code, "f", Contract(ensures=("result == 2 * old(a) + 5",)), BUDGET)
    assert proof.outcome == "proved", proof.reason


def test_the_blanks_are_those_of_cpython() -> None:
    listed = {c for low, high in characters.BLANKS for c in range(low, high + 1)}
    assert listed == {c for c in range(0x100, sys.maxunicode + 1) if chr(c).isspace()}


@pytest.mark.parametrize("name", characters.CLASSES)
def test_a_class_of_characters_is_exact_where_it_claims_to_be(name: str) -> None:
    with T.fresh_table():
        hole = T.var("c")
        formula = characters.belongs(name, hole)
        for code in range(characters.KNOWN + 1):
            known = T.literal(T.substitute(formula, {hole.id: T.num(code)}))
            assert known is characters.CLASSES[name](chr(code))


UNBOUNDED = {
    "map and filter of any length": (
        "def f(xs: list[int]) -> int:\n"
        "    return sum(map(lambda x: x * x, filter(lambda x: x % 2 == 0, xs)))\n",
        "result == sum(x * x for x in xs if x % 2 == 0)",
    ),
    "the keys of an unknown dict": (
        "def f(d: dict[int, int]) -> int:\n    total = 0\n    for key in d:\n"
        "        total += d[key]\n    return total\n",
        "result == sum(d.values())",
    ),
    "enumerate from a start": (
        "def f(xs: list[int]) -> int:\n    return sum(i for i, x in enumerate(xs, start=1))\n",
        "result == sum(i + 1 for i in range(len(xs)))",
    ),
    "bits of unknown integers": (
        "def f(a: int, b: int) -> int:\n    return (a | b) + (a & b) - a\n",
        "result == b",
    ),
    "clearing the lowest bit": (
        "def f(n: int) -> int:\n    return n & (n - 1) if n > 0 else 0\n",
        "0 <= result and (n <= 0 or result < n)",
    ),
    "a whole square root": (
        "import math\n\ndef f(n: int) -> int:\n    return math.isqrt(abs(n))\n",
        "result * result <= abs(n) < (result + 1) * (result + 1)",
    ),
    "the members of a set in order": (
        "def f(xs: list[int]) -> list[int]:\n    return sorted(list(set(xs)))\n",
        "all(x in result for x in xs) and all(x in xs for x in result) and "
        "all(result[i] < result[i + 1] for i in range(len(result) - 1))",
    ),
    "the same set has the same members": (
        "def f(xs: list[int]) -> list[int]:\n    return sorted(set(xs), reverse=True)\n",
        "result == sorted(set(xs))[::-1]",
    ),
    "a shift by an unknown amount": (
        "def f(a: int, n: int) -> int:\n    return a << n if n >= 0 else 0\n",
        "n < 0 or result == a * 2 ** n",
    ),
}


@pytest.mark.parametrize("name", UNBOUNDED)
def test_what_has_a_formula_is_proved(name: str) -> None:
    code, ensures = UNBOUNDED[name]
    proof = prove(code, "f", Contract(ensures=(ensures,)), BUDGET)
    assert proof.outcome == "proved", proof.reason
