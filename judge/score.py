"""From a verdict, agreement and history to a score, with every term visible.

The score orders candidates that have already passed the gate; it is not what lets them pass.
Verification gates first: a refuted, unsafe or malformed candidate scores 0 whatever its source's
history, and a verdict that says nothing about the candidate (unknown, error, a task at fault)
leaves it unscored, which is neither right nor wrong. What is not known is left out and the
remaining weights are scaled to one, visibly: a candidate judged alone has only the first term.
"""

from __future__ import annotations

from dataclasses import dataclass

from judge.verdict import Verdict

VERIFICATION: dict[Verdict, float] = {
    Verdict.PROVED: 1.0,
    Verdict.BOUNDED: 0.7,
    Verdict.TESTED: 0.4,
}
"""The value of the verification term. PARTIAL is absent: a function that never returns satisfies
every postcondition, so it ranks with what is not verified."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each term counts; the defaults are the project's decision and sum to one."""

    verification: float = 0.5
    agreement: float = 0.3
    history: float = 0.2

    def __post_init__(self) -> None:
        if min(self.verification, self.agreement, self.history) < 0:
            raise ValueError("a weight of the score is negative; every weight must be >= 0")
        if self.verification <= 0:
            raise ValueError("the verification weight is 0; verification is never weighed away")


@dataclass(frozen=True, slots=True)
class Term:
    """One summand: ``value`` in [0, 1] times the scaled ``weight``; ``why`` is for people."""

    name: str
    value: float
    weight: float
    why: str

    @property
    def weighted(self) -> float:
        """The share of the score that comes from this term."""
        return self.value * self.weight


@dataclass(frozen=True, slots=True)
class Score:
    """A score and what it is made of. ``total`` is None when the candidate is unscored."""

    total: float | None
    terms: tuple[Term, ...]
    gate: str | None = None
    """Why nothing was weighed, when the gate stayed shut; else None."""

    @property
    def pairs(self) -> tuple[tuple[str, float], ...]:
        """The terms as ``Judgement.terms`` holds them: name and weighted value."""
        return tuple((term.name, term.weighted) for term in self.terms)


@dataclass(frozen=True, slots=True)
class History:
    """How often a source was right in a category, as a Beta posterior over a uniform prior.

    Counts every scored candidate, winners and losers; unscored ones move nothing.
    """

    right: float = 0.0
    wrong: float = 0.0
    prior_right: float = 1.0
    prior_wrong: float = 1.0

    @property
    def mean(self) -> float:
        """The posterior mean, in (0, 1); 0.5 when nothing is known."""
        alpha = self.right + self.prior_right
        beta = self.wrong + self.prior_wrong
        return alpha / (alpha + beta)

    def after(self, verdict: Verdict) -> History:
        """Return the history after one more candidate with this verdict."""
        if not verdict.scored:
            return self
        good = verdict in VERIFICATION
        return History(
            self.right + good, self.wrong + (not good), self.prior_right, self.prior_wrong
        )


def agreement(same: int, others: int) -> float | None:
    """Share of the other sources whose answer is the same function; None when there are none."""
    if not 0 <= same <= others:
        raise ValueError(f"{same} of {others} sources cannot agree; expected 0 <= same <= others")
    return same / others if others else None


def score_terms(
    verdict: Verdict,
    agreement: float | None = None,
    history: float | None = None,
    weights: Weights | None = None,
) -> Score:
    """Weigh one candidate; ``agreement`` and ``history`` are in [0, 1], or None when not known."""
    for name, value in (("agreement", agreement), ("history", history)):
        if value is not None and not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} is {value}; a term of the score lies between 0 and 1")
    if not verdict.scored:
        return Score(None, (), f"{verdict.word} says nothing about the candidate: unscored")
    if verdict not in VERIFICATION:
        return Score(0.0, (), f"{verdict.word} does not pass the verification gate")
    given = weights or Weights()
    known = [("verification", VERIFICATION[verdict], given.verification, verdict.sentence)]
    if agreement is not None:
        why = f"{agreement:.0%} of the other sources gave the same function."
        known.append(("agreement", agreement, given.agreement, why))
    if history is not None:
        why = f"The source is expected to be right in {history:.0%} of such tasks."
        known.append(("history", history, given.history, why))
    scale = sum(weight for _, _, weight, _ in known)
    terms = tuple(Term(name, value, weight / scale, why) for name, value, weight, why in known)
    return Score(sum(term.weighted for term in terms), terms)
