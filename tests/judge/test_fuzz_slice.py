"""A short, repeatable slice of the differential fuzzer, and proof that it can find something."""

from __future__ import annotations

import pytest

from judge.prove import Proof
from judge.symbolic import term
from tests.judge import fuzz
from tests.judge.shrink import shrunk

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")


@pytest.mark.parametrize("start", [0, 1_000, 2_000])
def test_the_machine_agrees_with_cpython_on_literal_inputs(start: int) -> None:
    modelled = 0
    for seed in range(start, start + 120):
        found, known = fuzz.one(seed, deep=False)
        assert found is None, str(found)
        modelled += known
    assert modelled > 80


def test_the_prover_agrees_with_cpython_on_pinned_inputs() -> None:
    for seed in range(5_000, 5_012):
        found, _ = fuzz.one(seed, deep=True)
        assert found is None, str(found)


@pytest.mark.parametrize("start", [100_000, 200_000])
def test_the_machine_agrees_with_cpython_on_every_construct(start: int) -> None:
    known = 0
    for seed in range(start, start + 150):
        found, word = fuzz.one_rich(seed, deep=False)
        assert found is None, str(found)
        known += word == "modelled"
    assert known > 75


@pytest.mark.slow
def test_what_is_proved_of_random_contracts_survives_an_attack() -> None:
    for seed in range(9_000, 9_010):
        found, _ = fuzz.one_rich(seed, deep=True)
        assert found is None, str(found)


def test_a_disagreement_is_made_smaller() -> None:
    code = "def f(a: int) -> int:\n    b = a + 1\n    if a:\n        b = 0\n    return a // 0\n"
    assert shrunk(code, lambda text: "// 0" in text) == "def f(a: int) -> int:\n    return a // 0\n"


def test_a_proof_that_an_attack_breaks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "prove", lambda *_: Proof("proved", "seeded"))
    assert any(fuzz.one_rich(seed, deep=True)[0] for seed in range(20))


def test_a_wrong_modulo_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = term.floormod

    def wrong(a: term.Term, b: term.Term) -> term.Term:
        value = term.literal(b)
        return term.neg(right(a, b)) if value is not None and value < 0 else right(a, b)

    monkeypatch.setattr(term, "floormod", wrong)
    assert any(fuzz.one(seed, deep=False)[0] for seed in range(300))
