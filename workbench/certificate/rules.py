"""The selection rules that a verifier can apply again, written independently of the workbench's.

A rule is a pure function: from a policy and what it read about one task, to the winning answer or
none. A certificate that names another rule or version cannot be checked and does not pass. That
this file and the workbench's own rule agree is a test of the project.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import SelectionRecord

__all__ = ["RULES", "Contender", "Rule", "rule_of", "winner"]


class Contender(NamedTuple):
    """One candidate as a rule reads it."""

    answer: int
    candidate: str
    source: str
    verdict: str
    training: str
    attempt: int
    characters: int
    rejected: str | None
    same: int
    others: int
    right: int
    wrong: int
    all_right: int | None
    all_wrong: int | None
    size: int | None


Scored = tuple[float, Contender]

_VALUES = {"proved": 1.0, "bounded": 0.7, "tested": 0.4}
_NAMES = ("verification", "agreement", "history")
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule under a policy."""

    accept: frozenset[str]
    """The verdicts with which a candidate may win at all."""
    choose: Callable[[Sequence[Contender]], Contender | None]
    """The winner among the candidates for a training task, or None."""
    sized: Callable[[Sequence[Contender]], Sequence[Contender]]
    """The candidates between whom the size of their code may decide."""


def rule_of(name: str, policy: Mapping[str, Any]) -> Rule:
    """Return the named rule under a policy, which is read once."""
    if name not in RULES:
        known = ", ".join(RULES)
        raise CertificateError("other-rule", f"rule {name!r} is not known here; known: {known}")
    return RULES[name](policy)


def winner(rule: str, policy: Mapping[str, Any], record: SelectionRecord) -> Contender | None:
    """Apply the named rule to one task."""
    if record.split != "train":
        return None
    return rule_of(rule, policy).choose(
        [
            Contender(*(getattr(candidate, name) for name in Contender._fields))
            for candidate in record.candidates
        ]
    )


def _verified_first_1(policy: Mapping[str, Any]) -> Rule:
    """Highest score, then fewer repairs, shorter code, and a fixed order of names."""
    accept, weights = _policy(policy, "verified-first/1", set())

    def order(scored: Scored) -> tuple[Any, ...]:
        score, c = scored
        return (-score, c.attempt, c.characters, c.candidate, c.source, c.answer)

    def choose(standing: Sequence[Contender]) -> Contender | None:
        passed = _passed(accept, weights, standing)
        return min(passed, key=order)[1] if passed else None

    return Rule(frozenset(accept), choose, lambda standing: ())


def _verified_first_2(policy: Mapping[str, Any]) -> Rule:
    """Among scores within the margin of the highest the simplest program, then the surer source."""
    accept, weights = _policy(policy, "verified-first/2", {"margin"})
    margin = _margin(policy)

    def order(scored: Scored) -> tuple[Any, ...]:
        _, c = scored
        if c.size is None or c.size < 1 or c.all_right is None or c.all_wrong is None:
            raise CertificateError("selection", f"answer {c.answer} lacks what the rule reads")
        record = round((c.all_right + 1) / (c.all_right + c.all_wrong + 2), _DIGITS)
        return (c.size, -record, c.attempt, c.characters, c.source, c.candidate, c.answer)

    def choose(standing: Sequence[Contender]) -> Contender | None:
        near = _near(accept, weights, margin, standing)
        return min(near, key=order)[1] if near else None

    def sized(standing: Sequence[Contender]) -> Sequence[Contender]:
        near = _near(accept, weights, margin, standing) if len(standing) > 1 else ()
        return [candidate for _, candidate in near] if len(near) > 1 else ()

    return Rule(frozenset(accept), choose, sized)


RULES: dict[str, Callable[[Mapping[str, Any]], Rule]] = {
    "verified-first/1": _verified_first_1,
    "verified-first/2": _verified_first_2,
}


def _passed(
    accept: Sequence[str], weights: Sequence[float], standing: Sequence[Contender]
) -> list[Scored]:
    """Return who may win at all, with the score."""
    return [
        (_score(candidate, weights), candidate)
        for candidate in standing
        if candidate.verdict in accept
        and candidate.training == "allowed"
        and not candidate.rejected
    ]


def _near(
    accept: Sequence[str],
    weights: Sequence[float],
    margin: float,
    standing: Sequence[Contender],
) -> list[Scored]:
    passed = _passed(accept, weights, standing)
    best = max((score for score, _ in passed), default=0.0)
    return [scored for scored in passed if round(best - scored[0], _DIGITS) <= margin]


def _score(candidate: Contender, weights: Sequence[float]) -> float:
    if candidate.same > candidate.others:
        raise CertificateError("selection", "more sources agree with a candidate than there are")
    verification, agreement, history = weights
    right = candidate.right + 1.0
    terms = [(_VALUES[candidate.verdict], verification)]
    if candidate.others:
        terms.append((candidate.same / candidate.others, agreement))
    # Mean of a Beta posterior over a uniform prior.
    terms.append((right / (right + (candidate.wrong + 1.0)), history))
    scale = sum([share for _, share in terms])
    return round(sum([value * (share / scale) for value, share in terms]), _DIGITS)


def _policy(
    policy: Mapping[str, Any], rule: str, more: set[str]
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    accept, weights = policy.get("accept"), policy.get("weights")
    if (
        set(policy) != {"accept", "weights"} | more
        or not isinstance(accept, list | tuple)
        or not all(isinstance(word, str) and word in _VALUES for word in accept)
        or not isinstance(weights, dict)
        or set(weights) != set(_NAMES)
        or not all(_is_number(weights[name]) for name in _NAMES)
        or weights["verification"] <= 0
    ):
        raise CertificateError("selection", f"the selection policy is not one of {rule}")
    return tuple(accept), tuple(float(weights[name]) for name in _NAMES)


def _margin(policy: Mapping[str, Any]) -> float:
    margin = policy["margin"]
    if not _is_number(margin):
        raise CertificateError("selection", "the selection policy's margin is no number")
    return float(margin)


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1e300  # type: ignore[operator]
