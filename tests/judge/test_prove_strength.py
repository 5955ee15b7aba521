"""What a plan can stand for is read off code, contract and plan, not off its own word."""

from __future__ import annotations

import json

import pytest

from judge.contract import Budget, Contract
from judge.prove import prove, strength_of

BUDGET = Budget(rlimit=4_000_000)
SUM = """def f(n: int) -> int:
    t = 0
    while n > 0:
        t += n
        n -= 1
    return t
"""
GIVEN = Contract(("n >= 0",), ("2 * result == old(n) * (old(n) + 1)",))


def test_a_proof_is_as_strong_as_its_outcome() -> None:
    proof = prove(SUM, "f", GIVEN, BUDGET)
    assert proof.outcome == "proved"
    told = strength_of(SUM, "f", GIVEN, proof.plan)
    assert told.outcome == "proved"
    assert told.assumptions == proof.assumptions


def test_without_its_measure_it_is_partial() -> None:
    plan = json.loads(prove(SUM, "f", GIVEN, BUDGET).plan)
    for loop in plan["loops"].values():
        loop["measure"] = None
    assert strength_of(SUM, "f", GIVEN, json.dumps(plan)).outcome == "partial"


def test_unrolled_it_is_bounded_whatever_the_plan_calls_itself() -> None:
    plan = json.loads(prove(SUM, "f", GIVEN, BUDGET).plan)
    plan["bound"] = {"rounds": 3}
    assert strength_of(SUM, "f", GIVEN, json.dumps(plan)).outcome == "bounded"


@pytest.mark.parametrize("plan", ["", "{}", '{"v": 9}', "[]", "null"])
def test_what_is_no_plan_is_refused_in_a_sentence(plan: str) -> None:
    with pytest.raises(ValueError, match="plan"):
        strength_of(SUM, "f", GIVEN, plan)
