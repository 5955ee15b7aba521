"""Recursion, and functions beside the entry point: what is proved of them, and what must not be."""

from __future__ import annotations

from typing import Any

import pytest

from judge.contract import Budget, Contract
from judge.prove import prove
from judge.recheck import check

BUDGET = Budget(rlimit=6_000_000)

TRUE: dict[str, tuple[Any, ...]] = {
    "a nested function that is called in a loop": (
        "def f(n: int) -> int:\n    def more(k: int) -> int:\n        return k + 2\n"
        "    total = 0\n    while total < n:\n        total = more(total)\n    return total\n",
        ("result >= n",),
    ),
}


@pytest.mark.parametrize("name", TRUE)
def test_it_is_proved_and_confirmed(name: str) -> None:
    code, ensures, *rest = TRUE[name]
    requires, helpers = [*rest, (), ""][:2]
    proof = prove(code, "f", Contract(tuple(requires), tuple(ensures), (), helpers), BUDGET)
    assert proof.outcome == "proved", (proof.reason, proof.findings)
    assert check(proof.obligations, rlimit=BUDGET.rlimit).outcome.value == "confirmed"
