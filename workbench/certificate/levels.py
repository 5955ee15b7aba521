"""What the figures of a round amount to: the level by proved examples, and the paired lift.

All arithmetic is on integers, so every reader computes the same figures on every machine. The
interval is that of Agresti and Min (2005) for a difference of paired proportions, in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import comb, isqrt

__all__ = ["LEVELS", "Lift", "level_of", "lift", "mcnemar"]

LEVELS = (("platinum", 1_000_000), ("gold", 100_000), ("silver", 10_000), ("bronze", 1_000))
"""Names and the number of proved training examples that each needs."""

_Z = Fraction(1_959_964, 1_000_000)
_MICRO = 1_000_000


def level_of(proved: int) -> str:
    """Return the level's name, or ``none`` below the first."""
    return next((name for name, needed in LEVELS if proved >= needed), "none")


@dataclass(frozen=True, slots=True)
class Lift:
    """A paired gain in millionths of the tasks, with its 95 % interval."""

    gain: int
    low: int
    high: int

    @property
    def measured(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low > 0

    @property
    def sentence(self) -> str:
        """Say it in percentage points."""
        interval = f"{self.low / 10_000:+.1f} to {self.high / 10_000:+.1f}"
        gain = f"{self.gain / 10_000:+.1f} points (95 % Agresti-Min interval {interval})"
        return gain if self.measured else f"no lift: {gain}"


def lift(total: int, fixed: int, broken: int) -> Lift:
    """Return the gain of ``fixed`` over ``broken`` among ``total`` pairs; zeros without pairs."""
    if total == 0:
        return Lift(0, 0, 0)
    gain = Fraction(fixed - broken, total)
    size = total + 2
    b, c = fixed + Fraction(1, 2), broken + Fraction(1, 2)
    centre = (b - c) / size
    variance = ((b + c) - (b - c) ** 2 / size) / size**2
    squared = _Z**2 * variance * _MICRO**2
    margin = isqrt(squared.numerator // squared.denominator) + 1
    middle = centre * _MICRO
    low, high = _floor(middle) - margin, -_floor(-middle) + margin
    return Lift(_floor(gain * _MICRO), max(low, -_MICRO), min(high, _MICRO))


def mcnemar(fixed: int, broken: int) -> float:
    """Return the exact two-sided McNemar p-value of the discordant pairs."""
    pairs = fixed + broken
    if pairs == 0:
        return 1.0
    tail = sum(comb(pairs, k) for k in range(min(fixed, broken) + 1))
    return float(min(Fraction(1), Fraction(2 * tail, 2**pairs)))


def _floor(value: Fraction) -> int:
    return value.numerator // value.denominator
