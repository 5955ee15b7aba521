"""Nested functions, lambdas, imports and what a module does when it is loaded."""

from __future__ import annotations

import pytest

from judge.contract import Budget, Contract
from judge.prove import prove

BUDGET = Budget(rlimit=3_000_000)

PROVED = {
    "a nested function reads its surroundings": (
        "def f(a: int) -> int:\n    def g(x):\n        return x + a\n    return g(2)\n",
        "result == a + 2",
    ),
    "a nested function changes a list it is given": (
        "def f(a: int) -> int:\n    def put(xs, x):\n        xs.append(x)\n"
        "    out = [a]\n    put(out, 1)\n    return len(out)\n",
        "result == 2",
    ),
    "a lambda": (
        "def f(a: int) -> int:\n    g = lambda x: x * a\n    return g(2) + (lambda: 1)()\n",
        "result == 2 * a + 1",
    ),
    "a lambda's parameter does not leak": (
        "def f(a: int) -> int:\n    x = 1\n    y = (lambda x: x)(5)\n    return x + y\n",
        "result == 6",
    ),
    "a comprehension's variable does not leak into a handler": (
        "def f(a: int) -> int:\n    x = 1\n    try:\n        y = [1 // x for x in [0]]\n"
        "    except ZeroDivisionError:\n        return x\n    return 5\n",
        "result == 1",
    ),
    "imports inside and outside": (
        "import math\n\n\ndef f(a: int) -> int:\n    from math import gcd as g\n"
        "    return g(12, 18) + math.floor(a)\n",
        "result == 6 + a",
    ),
    "a later definition takes over": (
        "def f(a: int) -> int:\n    pass\n\ndef f(a: int) -> int:\n    return a\n",
        "result == a",
    ),
    "an alias of a builtin type": (
        "_int = int\n\ndef f(a: bool) -> int:\n    return _int(a)\n",
        "result == (1 if a else 0)",
    ),
    "what only runs as a script": (
        "def f(a: int) -> int:\n    return a\n\nif __name__ == '__main__':\n    print(f(1))\n",
        "result == a",
    ),
}


@pytest.mark.parametrize("name", PROVED)
def test_functions_as_values_are_proved(name: str) -> None:
    code, ensures = PROVED[name]
    proof = prove(code, "f", Contract(ensures=(ensures,)), BUDGET)
    assert proof.outcome == "proved", proof.reason


NEVER_PROVED = {
    "a closure binds late": (
        "def f(a: int) -> int:\n    b = 1\n    g = lambda x: x * b\n    b = 2\n    return g(2)\n",
        "result == 2",
    ),
    "closures made in a loop share the variable": (
        "def f(a: int) -> int:\n    gs = []\n    for i in range(2):\n"
        "        gs.append(lambda: i)\n    return gs[0]()\n",
        "result == 0",
    ),
    "an imported name is no NameError": (
        "import re\n\ndef f(a: int) -> int:\n    try:\n        re.escape('a')\n"
        "    except NameError:\n        return 1\n    return 2\n",
        "result == 1",
    ),
    "a builtin used as a value is no NameError": (
        "def f(a: int) -> int:\n    try:\n        g = len\n    except NameError:\n"
        "        return 1\n    return 2\n",
        "result == 1",
    ),
    "a starred import hides a builtin": (
        "from math import *\n\ndef f(a: int) -> bool:\n    return isinstance(pow(2, 2), int)\n",
        "result",
    ),
    "an assignment expression in a comprehension binds outside": (
        "def f(a: int) -> int:\n    y = 0\n    z = [(y := x) for x in [1, 2]]\n    return y\n",
        "result == 0",
    ),
    "a nested function without a value for its variable": (
        "def f(a: int) -> int:\n    def g():\n        return b\n    r = g()\n    b = 1\n"
        "    return r\n",
        "result == 1",
    ),
}


@pytest.mark.parametrize("name", NEVER_PROVED)
def test_a_trap_of_names_is_never_proved(name: str) -> None:
    code, ensures = NEVER_PROVED[name]
    proof = prove(code, "f", Contract(ensures=(ensures,)), BUDGET)
    assert proof.outcome not in ("proved", "partial", "bounded"), proof.method


def test_a_check_at_loading_becomes_an_assumption() -> None:
    code = "def f(a: int) -> int:\n    return a\n\nassert f(1) == 1\nprint(f(2))\n"
    proof = prove(code, "f", Contract(ensures=("result == a",)), BUDGET)
    assert proof.outcome == "proved"
    assert any("line 4" in note for note in proof.assumptions)


@pytest.mark.parametrize(
    "meddling",
    ["globals()['f'] = len", "def g():\n    exec('')\nassert g() is None", "import m\nm.f = 1\n"],
)
def test_a_module_that_may_change_itself_is_refused(meddling: str) -> None:
    code = f"def f(a: int) -> int:\n    return a\n\n{meddling}\nprint(1)\n"
    proof = prove(code, "f", Contract(ensures=("result == a",)), BUDGET)
    assert proof.outcome == "unknown"
    assert "not modelled" in (proof.reason or "")


def test_a_candidate_may_be_called_like_a_builtin_that_nothing_else_means() -> None:
    code = "def abs(a: int) -> int:\n    return a if a >= 0 else -a\n"
    proof = prove(code, "abs", Contract(ensures=("result >= 0",)), BUDGET)
    assert proof.outcome == "proved", proof.reason


@pytest.mark.parametrize(
    "contract",
    [
        Contract(ensures=("result == abs(a)",)),
        Contract(ensures=("result == h(a)",), helpers="def h(x):\n    return abs(x)\n"),
    ],
)
def test_a_candidate_cannot_change_what_its_contract_says(contract: Contract) -> None:
    proof = prove("def abs(a: int) -> int:\n    return -1\n", "abs", contract, BUDGET)
    assert proof.outcome == "unknown"
    assert "new meaning" in (proof.reason or "")


MIXED = {
    "an int is compared with a float exactly": (
        "def f(a: int) -> bool:\n    return a == 9007199254740992.0\n",
        "result == (a == 9007199254740992)",
    ),
    "below a half": ("def f(a: int) -> bool:\n    return a < 2.5\n", "result == (a <= 2)"),
    "above a half": ("def f(a: int) -> bool:\n    return -2.5 < a\n", "result == (a >= -2)"),
    "infinities and NaN": (
        "def f(a: int) -> bool:\n    return float('-inf') < a < float('inf') and not "
        "(a <= float('nan') or float('nan') == a)\n",
        "result",
    ),
}


@pytest.mark.parametrize("name", MIXED)
def test_ints_meet_literal_floats_exactly(name: str) -> None:
    code, ensures = MIXED[name]
    proof = prove(code, "f", Contract(ensures=(ensures,)), BUDGET)
    assert proof.outcome == "proved", proof.reason


def test_a_helper_that_the_candidate_brings_along_must_be_the_same() -> None:
    helper = "def h(x):\n    return x + 1\n"
    code = "def f(a: int) -> int:\n    return h(a)\n"
    contract = Contract(ensures=("result == a + 1", "result == h(a)"), helpers=helper)
    assert prove(helper + code, "f", contract, BUDGET).outcome == "proved"
    other = prove(helper.replace("1", "2") + code, "f", contract, BUDGET)
    assert other.outcome == "unknown"
    assert "second definition" in (other.reason or "")
