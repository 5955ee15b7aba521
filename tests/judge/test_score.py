"""The score: gates first, terms visible, what is not known scaled away."""

from __future__ import annotations

import pytest

from judge.score import History, Weights, agreement, score_terms
from judge.verdict import Verdict


def test_all_terms_add_up_to_the_total() -> None:
    score = score_terms(Verdict.PROVED, agreement=0.5, history=0.75)
    assert score.pairs == (
        ("verification", pytest.approx(0.5)),
        ("agreement", pytest.approx(0.15)),
        ("history", pytest.approx(0.15)),
    )
    assert score.total == pytest.approx(0.8)


def test_a_candidate_judged_alone_has_the_first_term_only() -> None:
    score = score_terms(Verdict.PROVED)
    assert [term.name for term in score.terms] == ["verification"]
    assert score.total == pytest.approx(1.0)


def test_only_a_proof_counts_fully() -> None:
    totals = [score_terms(v).total for v in (Verdict.PROVED, Verdict.BOUNDED, Verdict.TESTED)]
    assert totals == sorted(totals, key=lambda t: -(t or 0.0))
    assert totals[0] == pytest.approx(1.0)
    assert all(t is not None and t < 1.0 for t in totals[1:])


@pytest.mark.parametrize(
    "verdict", [Verdict.REFUTED, Verdict.UNSAFE, Verdict.MALFORMED, Verdict.PARTIAL]
)
def test_agreement_and_history_never_outweigh_the_gate(verdict: Verdict) -> None:
    score = score_terms(verdict, agreement=1.0, history=1.0)
    assert score.total == 0.0
    assert score.terms == ()
    assert score.gate is not None


@pytest.mark.parametrize(
    "verdict", [Verdict.UNKNOWN, Verdict.ERROR, Verdict.VACUOUS, Verdict.BAD_CONTRACT]
)
def test_what_says_nothing_about_the_candidate_is_unscored_and_not_zero(verdict: Verdict) -> None:
    assert score_terms(verdict, agreement=1.0).total is None


def test_history_is_a_posterior_that_unscored_verdicts_do_not_move() -> None:
    history = History()
    assert history.mean == pytest.approx(0.5)
    for verdict in (Verdict.PROVED, Verdict.TESTED, Verdict.REFUTED, Verdict.ERROR):
        history = history.after(verdict)
    assert (history.right, history.wrong) == (2, 1)
    assert history.mean == pytest.approx(3 / 5)


def test_agreement_is_a_share_of_the_others_and_unknown_without_them() -> None:
    assert agreement(1, 4) == pytest.approx(0.25)
    assert agreement(0, 0) is None
    with pytest.raises(ValueError, match="3 of 2"):
        agreement(3, 2)


def test_verification_cannot_be_weighed_away() -> None:
    with pytest.raises(ValueError, match="never weighed away"):
        Weights(0.0, 0.5, 0.5)
    with pytest.raises(ValueError, match="negative"):
        Weights(0.5, -0.1, 0.6)


def test_a_term_outside_its_range_is_a_mistake_that_is_named() -> None:
    with pytest.raises(ValueError, match=r"agreement is 1\.5"):
        score_terms(Verdict.PROVED, agreement=1.5)
