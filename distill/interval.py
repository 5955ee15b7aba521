"""The 95 % intervals of everything that is measured here: one rule for gains, one for shares.

A paired gain (the same tasks before and after) has the interval of Agresti and Min: a Wald interval
after half a pair is added to each of the four outcomes (A. Agresti, Y. Min, "Simple improved
confidence intervals for comparing matched proportions", Statistics in Medicine 24, 2005). A
share has Wilson's (E. B. Wilson, JASA 22, 1927). Both have a width even when all tasks went one
way, and need no random numbers. On the average over truths the gain's holds the true one in 95 to
96 % of cases for any number of tasks; at worst in 75 % with up to three tasks, 87 % with five to
forty, 94 % with 160 (``python -m benchmarks.interval_coverage``, by enumeration). What it is not:
a test; that is McNemar's, in ``evaluate``.

The gain's ends are whole millionths by integer arithmetic, rounded outwards. The certificate's
verifier computes the same rule in code of its own, and both agree to the last digit.
"""

from __future__ import annotations

from math import isqrt, sqrt

PAIRED_METHOD = "Agresti-Min"
"""The name of the rule for a paired gain, as every report says it."""

_MILLION = 1_000_000
_Z = 1_959_964
"""The 97.5 % quantile of the normal distribution, in millionths."""


def paired_interval(n: int, fixed: int, broken: int) -> tuple[float, float]:
    """Return (low, high) of the gain ``(fixed - broken) / n``, shares between -1 and 1.

    ``fixed`` and ``broken`` count the pairs that changed for better and worse among ``n``. Raises
    ``ValueError`` when they cannot be counts of ``n`` pairs.
    """
    if n < 1 or min(fixed, broken) < 0 or fixed + broken > n:
        raise ValueError(f"{fixed} fixed and {broken} broken of {n} pairs cannot be")
    size, apart = n + 2, fixed - broken
    # With B = fixed + 1/2 and C = broken + 1/2 the variance is ((B + C) - (B - C)^2/N) / N^2.
    changed = fixed + broken + 1
    margin = isqrt(_Z * _Z * (size * changed - apart * apart) // size**3) + 1
    low = apart * _MILLION // size - margin
    high = -(-apart * _MILLION // size) + margin
    return max(low, -_MILLION) / _MILLION, min(high, _MILLION) / _MILLION


def share_interval(share: float, n: int) -> tuple[float, float]:
    """Return (low, high) of a share seen in ``n`` tasks; (0, 1) when there were none.

    Also for a mean of values between 0 and 1, for which it is wider than it need be: no such values
    vary more than zeros and ones do.
    """
    if not n:
        return 0.0, 1.0
    z = _Z / _MILLION
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
