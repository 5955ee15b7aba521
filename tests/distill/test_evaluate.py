"""Paired figures, exact tests and the gate."""

from __future__ import annotations

import pytest

from distill.evaluate import by_category, mcnemar, paired, pass_at_k, regressions
from distill.gate import gate


def test_a_clear_gain_has_an_interval_above_zero() -> None:
    figures = paired([False] * 80 + [True] * 20, [True] * 70 + [False] * 10 + [True] * 20)
    assert (figures.before_rate, figures.after_rate) == (0.2, 0.9)
    assert figures.gain == pytest.approx(0.7)
    assert 0.55 < figures.low < figures.gain < figures.high < 0.85
    assert (figures.fixed, figures.broken) == (70, 0)
    assert figures.mcnemar_p < 1e-12


def test_no_change_is_no_gain_and_has_no_significance() -> None:
    figures = paired([True, False] * 10, [True, False] * 10)
    assert (figures.gain, figures.mcnemar_p) == (0.0, 1.0)
    assert figures.low == -figures.high < 0


@pytest.mark.parametrize(("fixed", "broken", "p"), [(5, 0, 0.0625), (1, 1, 1.0), (8, 2, 0.109375)])
def test_mcnemar_is_the_exact_binomial_test(fixed: int, broken: int, p: float) -> None:
    assert mcnemar(fixed, broken) == mcnemar(broken, fixed) == pytest.approx(p)


def test_unpaired_or_empty_outcomes_are_refused() -> None:
    with pytest.raises(ValueError, match="pair them first"):
        paired([True], [True, False])
    with pytest.raises(ValueError, match="at least one"):
        paired([], [])


def test_pass_at_k_is_unbiased_over_all_subsets() -> None:
    assert pass_at_k(4, 1, 1) == pytest.approx(0.25)
    assert pass_at_k(4, 1, 2) == pytest.approx(0.5)
    assert pass_at_k(3, 0, 3) == 0.0
    assert pass_at_k(3, 2, 3) == 1.0
    with pytest.raises(ValueError, match="not defined"):
        pass_at_k(2, 3, 1)


def test_the_gate_promotes_a_real_gain() -> None:
    before, after = [False] * 60 + [True] * 40, [True] * 50 + [False] * 10 + [True] * 40
    decision = gate(paired(before, after), {}, outputs_changed=60)
    assert decision.promote
    assert "+50.0 points" in decision.reason


@pytest.mark.parametrize(
    ("before", "after", "changed", "word"),
    [
        ([False] * 100, [True] * 3 + [False] * 97, 10, "enough gain"),
        ([False] * 10, [True] + [False] * 9, 3, "gain beyond its interval"),
        ([False] * 50, [True] * 40 + [False] * 10, 0, "changes outputs"),
    ],
)
def test_the_gate_refuses_and_says_why(
    before: list[bool], after: list[bool], changed: int, word: str
) -> None:
    decision = gate(paired(before, after), {}, outputs_changed=changed)
    assert not decision.promote
    assert word in decision.reason


def test_the_gate_refuses_when_a_category_got_worse() -> None:
    names = ["good"] * 100 + ["bad"] * 30
    before = [False] * 100 + [True] * 30
    after = [True] * 100 + [False] * 25 + [True] * 5
    categories = by_category(names, before, after)
    assert regressions(categories) == ("bad",)
    decision = gate(paired(before, after), categories, outputs_changed=100)
    assert not decision.promote
    assert "bad" in decision.reason


@pytest.mark.parametrize(
    ("broken", "kept", "worse"), [(1, 0, False), (2, 0, False), (3, 0, True), (8, 2, True)]
)
def test_a_handful_of_tasks_does_not_make_a_category_worse(
    broken: int, kept: int, worse: bool
) -> None:
    before = [True] * (broken + kept)
    after = [False] * broken + [True] * kept
    figures = paired(before, after)
    assert regressions({"few": figures}) == (("few",) if worse else ())
