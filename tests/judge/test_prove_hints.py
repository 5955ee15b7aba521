"""Hints: in the words of the function, with the loop's own variable or ``k`` as its counter."""

from __future__ import annotations

import json

import pytest

from benchmarks.judge_hints import HINTS, measure
from judge.contract import Budget, Contract
from judge.prove import prove

BUDGET = Budget(rlimit=3_000_000)
LAST = (
    "def f(xs: list[int]) -> int:\n    best = 0\n    for i, x in enumerate(xs):\n"
    "        if x >= xs[best]:\n            best = i\n    return best\n"
)
ENSURES = ("all(x < xs[result] for x in xs[result + 1:])",)
GOOD = ("0 <= best", "best < len(xs)", "k == 0 or best < k",
        "all(x <= xs[best] for x in xs[:k])",
        "all(xs[t] < xs[best] for t in range(best + 1, k))")  # fmt: skip
PAIRS = (
    "def f(n: int, m: int) -> int:\n    count = 0\n    for i in range(n):\n"
    "        for j in range(m):\n            if j <= i:\n                count += 1\n"
    "    return count\n"
)
COUNTED = ("count >= 0", "count <= i * m", "count <= i * m + j", "i <= n", "j <= m")


def test_k_is_the_number_of_the_element_that_comes_next() -> None:
    contract = Contract(("len(xs) > 0",), ENSURES)
    assert prove(LAST, "f", contract, BUDGET, hints=GOOD).outcome == "proved"


def test_a_loops_variable_is_the_round_that_comes_next() -> None:
    contract = Contract(("n >= 0 and m >= 0",), ("0 <= result <= n * m",))
    assert prove(PAIRS, "f", contract, BUDGET, hints=COUNTED).outcome == "proved"


@pytest.mark.parametrize("hint", ["best == 0", "False", "k.x ("])
def test_a_hint_that_does_not_hold_proves_nothing(hint: str) -> None:
    contract = Contract(("len(xs) > 0",), ("result == 0",))
    proof = prove(LAST, "f", contract, Budget(rlimit=600_000), hints=(hint,))
    assert proof.outcome not in ("proved", "partial")


def test_hints_are_for_functions_that_are_there() -> None:
    rows = [json.loads(line) for line in HINTS.read_text("utf-8").splitlines()]
    assert all(row["id"].endswith("/good") and row["hints"] for row in rows)


def test_the_measure_counts_what_hints_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import judge_hints
    from benchmarks._judge_suites import Item
    from judge.contract import Submission

    good = Submission("last/good", "f", LAST, Contract(("len(xs) > 0",), ENSURES))
    bad = Submission("last/bug1", "f", LAST.replace(">=", ">"), good.contract)
    items = [Item("dev", good, True), Item("dev", bad, False)]
    monkeypatch.setattr(judge_hints.suites, "load", lambda _: items)
    tally, wrong = measure("dev", {"last/good": list(GOOD)}, 3_000_000)
    assert tally.true == 1
    assert tally.alone + tally.gained == 1
    assert wrong == 0
