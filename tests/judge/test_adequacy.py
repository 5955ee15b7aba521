"""Contracts that are not worth proving against are found out, each kind by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from judge import Adequacy, Budget, Contract, assess, pool
from judge.adequacy import Specimen, assess_here
from judge.judging import Bench

SIGNATURE = "def top(a: int, b: int) -> int"
REFERENCE = "def top(a: int, b: int) -> int:\n    if a > b:\n        return a\n    return b\n"
STRONG = Contract(ensures=("result >= a", "result >= b", "result == a or result == b"))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as found:
        yield found


def assessed(bench: Bench, contract: Contract, reference: str | None = REFERENCE) -> Adequacy:
    specimen = Specimen(contract, SIGNATURE, "top", reference)
    return assess_here(bench.sandbox, specimen, Budget(cases=150))


def test_a_strong_contract_notices_every_wrong_version(bench: Bench) -> None:
    found = assessed(bench, STRONG)
    assert found.verdict == "ok"
    assert found.killed == found.mutants > 3
    assert found.deterministic is True
    assert found.score == 1.0


def test_a_mutant_that_means_the_same_is_not_held_against_the_contract(bench: Bench) -> None:
    found = assessed(bench, STRONG)
    assert found.equivalent >= 1  # a > b and a >= b choose the same number


def test_a_weak_contract_is_shown_by_code_that_it_accepts(bench: Bench) -> None:
    found = assessed(bench, Contract(ensures=("result >= a", "result >= b")))
    assert found.verdict == "weak"
    assert found.deterministic is False
    assert found.survivors
    assert "def top" in found.survivors[0].code
    assert "may also be" in found.survivors[0].example
    assert found.survivors[0].example in found.explanation


def test_no_postcondition_is_weak(bench: Bench) -> None:
    assert assessed(bench, Contract(("a > 0",))).verdict == "weak"


def test_a_precondition_that_nothing_satisfies_is_vacuous(bench: Bench) -> None:
    found = assessed(bench, Contract(("a > 3", "a < 2"), STRONG.ensures))
    assert found.verdict == "vacuous"
    assert found.satisfiable == "unsat"


def test_a_contract_that_the_reference_breaks_is_bad(bench: Bench) -> None:
    found = assessed(bench, Contract(ensures=("result > a",)))
    assert found.verdict == "bad"
    assert found.holds_for_reference is False
    assert "top(" in found.explanation


def test_a_clause_that_raises_on_an_allowed_input_is_bad(bench: Bench) -> None:
    found = assessed(bench, Contract(ensures=("result // a >= 0 or True",)))
    assert found.verdict == "bad"
    assert found.total is False


def test_a_clause_that_raises_on_a_wrong_result_is_weak(bench: Bench) -> None:
    reference = "def top(a: int, b: int) -> int:\n    return 1\n"
    found = assessed(bench, Contract(ensures=("6 // result == 6",)), reference)
    assert found.verdict == "weak"
    assert found.total is False


@pytest.mark.parametrize(
    ("contract", "reference"),
    [
        (Contract(ensures=("result >",)), REFERENCE),
        (Contract(ensures=("unknown",)), REFERENCE),
        (STRONG, "def other(a, b):\n    return a\n"),
        (STRONG, "def top(a):\n    return a\n"),
    ],
)
def test_what_cannot_be_used_is_bad_with_a_sentence(
    bench: Bench, contract: Contract, reference: str
) -> None:
    found = assessed(bench, contract, reference)
    assert found.verdict == "bad"
    assert found.explanation


def test_without_a_reference_nothing_is_claimed(bench: Bench) -> None:
    assert assessed(bench, STRONG, None).verdict == "unknown"


def test_assessing_goes_through_the_pool() -> None:
    assert assess(STRONG, SIGNATURE, "top", REFERENCE, Budget(cases=60)).verdict == "ok"
    failed = assess(STRONG, SIGNATURE, "top", REFERENCE, Budget(fuse_seconds=0.0001))
    assert failed.verdict == "unknown"
    assert "fuse" in failed.explanation
    pool.close_idle()
