"""The samples are proved, derived again byte for byte, and their mutants are not."""

from __future__ import annotations

import pytest

from judge.contract import Budget, Contract
from judge.prove import derive, prove
from tests.judge.provable import LOOPS, RECURSION, STRAIGHT, Sample

ALL = [*STRAIGHT, *LOOPS, *RECURSION]
BUDGET = Budget(rlimit=6_000_000)


def contract(sample: Sample) -> Contract:
    return Contract(sample.requires, sample.ensures, sample.raises)


@pytest.mark.parametrize("sample", ALL, ids=lambda s: s.name)
def test_a_true_function_is_proved_and_derived_again_without_a_search(sample: Sample) -> None:
    proof = prove(sample.code, "f", contract(sample), BUDGET)
    assert proof.outcome == "proved", proof.reason
    assert derive(sample.code, "f", contract(sample), proof.plan) == proof.obligations
    assert any(o.expected == "sat" for o in proof.obligations)


@pytest.mark.parametrize("sample", ALL, ids=lambda s: s.name)
def test_a_mutant_is_never_proved(sample: Sample) -> None:
    proof = prove(sample.broken, "f", contract(sample), BUDGET)
    assert proof.outcome in ("refuted", "unknown", "bounded")


def test_two_runs_give_the_same_proof() -> None:
    sample = LOOPS[1]
    first, second = (prove(sample.code, "f", contract(sample), BUDGET) for _ in range(2))
    assert first == second


def test_an_invariant_reads_as_python() -> None:
    sample = LOOPS[1]
    proof = prove(sample.code, "f", contract(sample), BUDGET)
    assert any(line.startswith("line 3: t == sum(") for line in proof.invariants)


def test_a_loop_without_a_ranking_is_partial_and_says_where() -> None:
    code = (
        "def f(n: int) -> int:\n    while n != 1:\n"
        "        n = n // 2 if n % 2 == 0 else 3 * n + 1\n    return n\n"
    )
    proof = prove(code, "f", Contract(("n >= 1",), ("result == 1",)), BUDGET)
    assert proof.outcome == "partial"
    assert proof.reason is not None
    assert "line 2" in proof.reason


def test_a_recursion_that_never_ends_is_not_proved() -> None:
    code = "def f(n: int) -> int:\n    return f(n)\n"
    proof = prove(code, "f", Contract(ensures=("result == 42",)), BUDGET)
    assert proof.outcome not in ("proved",)


def test_preconditions_that_nothing_meets_prove_nothing() -> None:
    code = "def f(x: int) -> int:\n    return x\n"
    contract = Contract(("x > 0", "x < 0"), ("result == 7",))
    assert prove(code, "f", contract, BUDGET).outcome not in ("proved", "partial", "bounded")


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("def f(x):\n    return x\n", "annotation"),
        ("def f(x: int) -> int:\n    return g(x)\n", "line 2"),
        ("def f(x: bytes) -> int:\n    return 1\n", "bytes"),
        ("def f(x: int) -> int:\n    return (yield x)\n", "Yield"),
        ("def g(x: int) -> int:\n    return x\n", "does not define"),
        ("def f(x: int -> int:\n", "does not parse"),
    ],
)
def test_what_is_not_modelled_is_unknown_with_the_reason(code: str, word: str) -> None:
    proof = prove(code, "f", Contract(ensures=("result == x",)), BUDGET)
    assert proof.outcome == "unknown"
    assert word in (proof.reason or "")


def test_a_plan_that_does_not_fit_is_refused_in_a_sentence() -> None:
    code = "def f(x: int) -> int:\n    return x\n"
    with pytest.raises(ValueError, match="not a proof plan"):
        derive(code, "f", Contract(), "{}")
