"""Contracts that share a process: only mere formulas do, and none can be felt by the next."""

from __future__ import annotations

import ast
import select

import pytest

from judge import Contract, Submission
from judge.refute.oracle import Oracle, program
from judge.refute.purity import leaves_nothing
from judge.refute.trial import LIMITS
from judge.sandbox import Sandbox, open_sandbox

CODE = "def f(x, xs):\n    return x\n"


def pure(clause: str, helpers: str = "") -> bool:
    clauses = [ast.parse(clause, mode="eval").body]
    return leaves_nothing(ast.parse(helpers).body, clauses, {"x", "xs"})


@pytest.mark.parametrize(
    "clause",
    [
        "result == x or result < max(xs, default=0)",
        "all(a <= b for a, b in zip(xs, xs[1:]))",
        "sorted(xs) == sorted(result) and len(set(xs)) == len(xs)",
        "sum(v * v for v in xs if v % 2) == result",
        "[y for y in xs if (z := y) > 0] == result",
        "result.count('a') + str(x).find('b') >= 0",
        "f'{x}' == result and (lambda v: v + 1)(x) > x",
    ],
)
def test_formulas_may_share_a_process(clause: str) -> None:
    assert pure(clause)


@pytest.mark.parametrize(
    "clause",
    [
        "x.__class__.__base__",
        "(v for v in xs).gi_frame.f_globals.clear()",
        "(lambda: 0).__globals__",
        "'{0.__class__}'.format(x)",
        "globals()",
        "__builtins__",
        "__import__('math')",
        "getattr(x, 'real')",
        "setattr(x, 'y', 1)",
        "type('T', (), {})",
        "exec('x = 1')",
        "eval('1')",
        "open('x')",
        "print(x)",
        "breakpoint()",
        "unknown(x)",
        "(yield x)",
        "(await x)",
        "'x'.encode('rot13')",
    ],
)
def test_what_could_reach_beyond_its_values_gets_a_process_of_its_own(clause: str) -> None:
    assert not pure(clause)


@pytest.mark.parametrize(
    "helpers",
    [
        "import math\ndef g(n):\n    return math.gcd(n, 4)\n",
        "def g(n: list[int]) -> int:\n    t = 0\n    for v in n:\n        t += v\n    return t\n",
        "def g(n=1):\n    return g(n - 1) if n else 0\n",
    ],
)
def test_helpers_of_the_same_kind_are_formulas_too(helpers: str) -> None:
    assert pure("g(x) >= 0", helpers)


@pytest.mark.parametrize(
    "helpers",
    [
        "import os\ndef g(n):\n    return 1\n",
        "from math import *\ndef g(n):\n    return 1\n",
        "import math\ndef g(n):\n    return math.__loader__\n",
        "import math\ndef g(n):\n    math.pi = 3\n",
        "import math\ndef g(n):\n    math = n\n    return math.real\n",
        "def g(n, kept=[]):\n    return kept\n",
        "def g(*n):\n    return 1\n",
        "def g(n):\n    global kept\n    kept = n\n",
        "def g(n):\n    try:\n        return 1\n    except Exception as e:\n        return e\n",
        "def g(n):\n    import sys\n    return 1\n",
        "def g(n):\n    n.x = 1\n",
        "def g(n):\n    del n.x\n",
        "def g(n):\n    class A: pass\n",
        "def g(n):\n    with n: pass\n",
        "def g(n):\n    match n:\n        case int(real=y): return y\n",
        "@print\ndef g(n):\n    return 1\n",
        "def __builtins__(n):\n    return 1\n",
        "kept = []\ndef g(n):\n    return 1\n",
        "class g: pass\n",
    ],
)
def test_helpers_of_any_other_kind_are_not(helpers: str) -> None:
    assert not pure("x > 0", helpers)


def test_definitions_of_the_candidate_never_count_as_formulas() -> None:
    task = Submission(
        "t", "f", CODE + "def g(n):\n    return n\n", Contract(ensures=("g(x) == x",))
    )
    made = program(task, ("x", "xs"))
    assert not made.own
    assert not made.formulas


def ruled(box: Sandbox, clause: str, result: object, **more: str) -> bool:
    task = Submission("t", "f", CODE, Contract(ensures=(clause,), **more))
    with Oracle(box, task, ("x", "xs"), LIMITS) as oracle:
        assert oracle.load_fault() is None
        (said,) = oracle.accepts([((1, []), (1, []), result)])
    return said.holds


def test_formulas_of_many_tasks_are_ruled_on_in_one_process() -> None:
    with open_sandbox() as box:
        assert ruled(box, "result == x", 1)
        started = box._server.started if box._server else 0
        assert not ruled(box, "result == x + 1", 1)
        assert ruled(box, "g(result) == 2", 1, helpers="def g(n):\n    return n + 1\n")
        assert not ruled(box, "g(result) == 2", 1, helpers="def g(n):\n    return n\n")
        assert box._server is not None
        assert box._server.started == started


def test_a_formula_that_ends_its_process_costs_the_next_contract_nothing() -> None:
    with open_sandbox() as box:
        assert ruled(box, "result == x", 1)
        assert not ruled(box, "sum(1 for _ in range(10 ** 12)) == result", 1)
        assert ruled(box, "result == x", 1)


def test_a_shared_process_that_died_while_it_waited_is_replaced() -> None:
    with open_sandbox() as box:
        assert ruled(box, "result == x", 1)
        for kept in box.shelf._idle:
            assert kept.session._child is not None
            kept.session._child.kill()  # is ordered; it has happened once the channel ends
            assert select.select([kept.session._child.channel], [], [], 20)[0]
        assert ruled(box, "result == x", 1)
