"""Loops by relations that a Horn solver proposes: found, read back, and never believed."""

from __future__ import annotations

import pytest

from judge.contract import Budget, Contract
from judge.prove import derive, prove
from judge.prove.horn_answer import expressions
from judge.recheck import check
from judge.solve import Solvers

BUDGET = Budget(rlimit=6_000_000)

PHASES = (
    "def f(n: int) -> int:\n    x = y = 0\n    while x < n:\n        x += 1\n"
    "        if x <= n // 2:\n            y += 1\n        else:\n            y -= 1\n    return y\n"
)
TOGGLES = (
    "def f(n: int) -> int:\n    on, count = False, 0\n    for _ in range(n):\n        if on:\n"
    "            on = False\n        else:\n            on = True\n            count += 1\n"
    "    return count\n"
)
MEETING = (
    "def f(n: int) -> int:\n    left, right = 0, n\n    while left < right:\n        left += 1\n"
    "        if left < right:\n            right -= 1\n    return left\n"
)
LOOPS = [
    (PHASES, "result == -(n % 2)"),
    (TOGGLES, "result == (n + 1) // 2"),
    (MEETING, "result == (n + 1) // 2"),
]


@pytest.mark.parametrize(("code", "clause"), LOOPS)
def test_a_loop_with_phases_is_proved_and_confirmed(code: str, clause: str) -> None:
    contract = Contract(("n >= 0",), (clause,))
    proof = prove(code, "f", contract, BUDGET)
    assert proof.outcome == "proved", proof.reason
    assert derive(code, "f", contract, proof.plan) == proof.obligations
    assert check(proof.obligations, rlimit=BUDGET.rlimit).outcome.value == "confirmed"


@pytest.mark.parametrize(("code", "clause"), LOOPS)
def test_the_same_loop_with_a_wrong_clause_is_not(code: str, clause: str) -> None:
    wrong = Contract(("n >= 0",), (f"{clause} + (n > 9)",))
    proof = prove(code, "f", wrong, Budget(rlimit=1_000_000))
    assert proof.outcome not in ("proved", "partial")


@pytest.mark.parametrize(
    "body", ["false", "(= x!0 7)", "(<= x!0 x!1)", "(forall ((k Int)) false)", ")("]
)
def test_what_a_lying_solver_proposes_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    def lie(self: Solvers, text: str, **_: object) -> tuple[str, str, int]:
        name = text.split("(declare-fun ")[1].split()[0]
        return "sat", f"(define-fun {name} ((x!0 Int) (x!1 Int) (x!2 Int)) Bool {body})", 1

    monkeypatch.setattr(Solvers, "horn", lie)
    proof = prove(PHASES, "f", Contract(("n >= 0",), ("result == 1",)), BUDGET)
    assert proof.outcome not in ("proved", "partial")


def test_a_relation_is_read_as_python() -> None:
    model = (
        "(define-fun r ((x!0 Int) (x!1 Bool)) Bool (let ((a!1 (+ x!0 (* (- 1) (div x!0 2)))))\n"
        "  (and (not (<= a!1 4)) (or x!1 (= (mod x!0 3) 0)))))"
    )
    first, second = expressions(model, {"r": ("k", "done")})["r"]
    for k in range(-12, 13):
        for done in (False, True):
            scope = {"k": k, "done": done}
            assert eval(first, {}, scope) == (k - k // 2 > 4)
            assert eval(second, {}, scope) == (done or k % 3 == 0)


@pytest.mark.parametrize(
    "part", ["(div x!0 (- 2))", "(mod x!0 0)", "(div x!0 x!0)", "(select x!0 1)"]
)
def test_what_has_no_counterpart_is_passed_over(part: str) -> None:
    model = f"(define-fun r ((x!0 Int)) Bool (and (<= 0 {part}) (<= 0 x!0)))"
    assert expressions(model, {"r": ("k",)}) == {"r": ["(0 <= (k))"]}
