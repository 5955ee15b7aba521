"""The selection rules that a verifier can apply again, written independently of the workbench's.

A rule is a pure function: from a policy and what it read about one task, to the winning answer or
none. A certificate that names another rule or version cannot be checked and does not pass. That
this file and the workbench's own rule agree is a test of the project.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import SelectionCandidate, SelectionRecord

__all__ = ["RULES", "winner"]

_VALUES = {"proved": 1.0, "bounded": 0.7, "tested": 0.4}


def winner(
    rule: str, policy: Mapping[str, Any], record: SelectionRecord
) -> SelectionCandidate | None:
    """Apply the named rule to one task."""
    if rule not in RULES:
        known = ", ".join(RULES)
        raise CertificateError("other-rule", f"rule {rule!r} is not known here; known: {known}")
    return RULES[rule](policy, record)


def _verified_first(
    policy: Mapping[str, Any], record: SelectionRecord
) -> SelectionCandidate | None:
    accept, weights = _policy(policy)
    if record.split != "train":
        return None
    passed = [
        (_order(candidate, weights), candidate)
        for candidate in record.candidates
        if candidate.verdict in accept
        and candidate.training == "allowed"
        and not candidate.rejected
    ]
    return min(passed, key=lambda pair: pair[0])[1] if passed else None


def _order(candidate: SelectionCandidate, weights: Sequence[float]) -> tuple[Any, ...]:
    """Best first: score, then fewer repairs, shorter code, and a fixed order of names."""
    if candidate.same > candidate.others:
        raise CertificateError("selection", "more sources agree with a candidate than there are")
    values = [_VALUES[candidate.verdict], 0.0, 0.0]
    shares = list(weights)
    if candidate.others:
        values[1] = candidate.same / candidate.others
    else:
        shares[1] = 0.0
    # Mean of a Beta posterior over a uniform prior.
    values[2] = (candidate.right + 1.0) / ((candidate.right + 1.0) + (candidate.wrong + 1.0))
    known = [i for i in range(3) if i != 1 or candidate.others]
    scale = sum(shares[i] for i in known)
    score = round(sum(values[i] * (shares[i] / scale) for i in known), 9)
    return (
        -score,
        candidate.attempt,
        candidate.characters,
        candidate.candidate,
        candidate.source,
        candidate.answer,
    )


def _policy(policy: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    accept, weights = policy.get("accept"), policy.get("weights")
    names = ("verification", "agreement", "history")
    if (
        set(policy) != {"accept", "weights"}
        or not isinstance(accept, list | tuple)
        or not all(isinstance(word, str) and word in _VALUES for word in accept)
        or not isinstance(weights, dict)
        or set(weights) != set(names)
        or not all(type(weights[name]) in (int, float) and weights[name] >= 0 for name in names)
        or weights["verification"] <= 0
    ):
        raise CertificateError("selection", "the selection policy is not one of verified-first/1")
    return tuple(accept), tuple(float(weights[name]) for name in names)


RULES: dict[str, Callable[[Mapping[str, Any], SelectionRecord], SelectionCandidate | None]] = {
    "verified-first/1": _verified_first,
}
