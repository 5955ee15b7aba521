"""What a confidence threshold would cost and bring, from a source's measured reliability.

A source that is sure enough (its predicted pass rate reaches the threshold) answers itself; the
rest goes on to another one. Both figures are expectations over the answers that the calibration
saw, nothing more: they say what the threshold would have done there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol


class Bar(Protocol):
    """One bar of a calibration."""

    @property
    def count(self) -> int:
        """Answers in this bar."""
        ...

    @property
    def predicted(self) -> float:
        """Mean predicted pass rate, 0 to 1."""
        ...

    @property
    def observed(self) -> float:
        """Share that really passed, 0 to 1."""
        ...


@dataclass(frozen=True, slots=True)
class Expected:
    """What a threshold is expected to do. ``cost`` is US dollars per 1,000 questions."""

    threshold: float
    kept: float
    """Share of the questions that the first source answers itself."""
    quality: float
    """Share of all questions that are expected to pass."""
    cost: Decimal | None
    """None where a price is not known."""


def expected(
    bars: Sequence[Bar],
    threshold: float,
    *,
    own_cost: Decimal | None,
    other_cost: Decimal | None,
    other_quality: float,
) -> Expected | None:
    """Return what happens at ``threshold``, or None without a calibration.

    Costs are US dollars per answer. The first source is asked either way, so its cost is always
    paid; ``other_quality`` is the other source's share of passing answers.
    """
    total = sum(bar.count for bar in bars)
    if not total:
        return None
    kept = sum(bar.count for bar in bars if bar.predicted >= threshold)
    right = sum(bar.count * bar.observed for bar in bars if bar.predicted >= threshold)
    passed_on = total - kept
    cost = None
    if own_cost is not None and (other_cost is not None or not passed_on):
        cost = 1000 * (own_cost + (other_cost or Decimal(0)) * passed_on / total)
    return Expected(threshold, kept / total, (right + passed_on * other_quality) / total, cost)


def error(bars: Sequence[Bar]) -> float:
    """Return the expected calibration error: the mean gap of predicted and observed, by count."""
    total = sum(bar.count for bar in bars)
    gaps = sum(bar.count * abs(bar.predicted - bar.observed) for bar in bars)
    return gaps / total if total else 0.0
