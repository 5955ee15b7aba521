"""What is told to the solver of sums and their like must be true of all numbers.

Each case is false on an input at the edge of such a law; a law that is false there proves it.
"""

from __future__ import annotations

import pytest

from judge.contract import Budget, Contract
from judge.prove import prove
from tests.judge import fuzz_laws

BUDGET = Budget(rlimit=3_000_000)

FALSE = {
    "two sums over a range that ends below zero": (
        "def f(n: int) -> int:\n    return sum(i * i for i in range(n + 1))\n",
        (),
        "n != -1 or result == 5 or sum(2 * i + 1 for i in range(n)) + sum(i * i for i in range(n))"
        " + sum(2 * i + 1 for i in range(n + 1)) + sum(i * i for i in range(n + 1)) == 7",
    ),
}


@pytest.mark.parametrize("name", FALSE)
def test_a_false_law_proves_nothing(name: str) -> None:
    code, requires, clause = FALSE[name]
    proof = prove(code, "f", Contract(requires, (clause,)), BUDGET)
    assert proof.outcome not in ("proved", "partial")


def test_no_untrue_clause_is_proved_of_a_pinned_input() -> None:
    words = [fuzz_laws.one(seed) for seed in range(40)]
    assert [str(found) for found, _ in words if found is not None] == []
    assert sum(word == "refuted" for _, word in words) > 20
