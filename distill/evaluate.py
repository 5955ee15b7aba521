"""Is the student better, and is it no accident: paired figures over the same held-out tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

from distill.interval import PAIRED_METHOD, paired_interval, share_interval


@dataclass(frozen=True, slots=True)
class Paired:
    """Before and after on the same tasks. Rates and bounds are shares between 0 and 1 (gain -1..1).

    ``low`` and ``high`` bound the gain, 95 %, by the rule in ``distill.interval``; ``mcnemar_p`` is
    the exact two-sided test on the tasks that changed (McNemar 1947, binomial form).
    """

    n: int
    before_rate: float
    after_rate: float
    gain: float
    low: float
    high: float
    fixed: int
    """Wrong before, right after."""
    broken: int
    """Right before, wrong after."""
    mcnemar_p: float

    @property
    def sentence(self) -> str:
        """The figures in words."""
        return (
            f"{self.before_rate:.1%} -> {self.after_rate:.1%} on {self.n} tasks: "
            f"{self.gain * 100:+.1f} points (95 % {PAIRED_METHOD} interval "
            f"{self.low * 100:+.1f} to {self.high * 100:+.1f}), {self.fixed} fixed, "
            f"{self.broken} broken, McNemar p = {self.mcnemar_p:.2g}"
        )


def paired(before: Sequence[bool], after: Sequence[bool]) -> Paired:
    """Compare outcomes of the same tasks in the same order.

    Raises ``ValueError`` when the lengths differ or nothing was compared.
    """
    if len(before) != len(after):
        raise ValueError(f"{len(before)} outcomes before but {len(after)} after; pair them first")
    n = len(before)
    if n == 0:
        raise ValueError("no held-out task was compared; there must be at least one")
    fixed = sum(not b and a for b, a in zip(before, after, strict=True))
    broken = sum(b and not a for b, a in zip(before, after, strict=True))
    low, high = paired_interval(n, fixed, broken)
    return Paired(
        n=n,
        before_rate=sum(before) / n,
        after_rate=sum(after) / n,
        gain=(fixed - broken) / n,
        low=low,
        high=high,
        fixed=fixed,
        broken=broken,
        mcnemar_p=mcnemar(fixed, broken),
    )


def mcnemar(fixed: int, broken: int) -> float:
    """Return the exact two-sided p-value that changes both ways are equally likely."""
    changed = fixed + broken
    if changed == 0:
        return 1.0
    tail = sum(comb(changed, k) for k in range(min(fixed, broken) + 1))
    return float(min(1.0, 2 * tail / 2**changed))


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Return the unbiased estimate of pass@k from ``correct`` of ``n`` samples (Chen et al. 2021).

    Raises ``ValueError`` unless ``0 <= correct <= n`` and ``1 <= k <= n``.
    """
    if not (0 <= correct <= n and 1 <= k <= n):
        raise ValueError(f"pass@{k} of {correct} right out of {n} is not defined")
    return 1.0 - comb(n - correct, k) / comb(n, k)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return (mean, low, high) of per-task values between 0 and 1, with Wilson's 95 % interval."""
    n = len(values)
    if n == 0:
        raise ValueError("no task was measured; there must be at least one")
    mean = sum(values) / n
    return mean, *share_interval(mean, n)


def by_category(
    categories: Sequence[str], before: Sequence[bool], after: Sequence[bool]
) -> dict[str, Paired]:
    """Return the paired figures of each category, sorted by name."""
    places: dict[str, list[int]] = {}
    for index, category in enumerate(categories):
        places.setdefault(category, []).append(index)
    return {
        name: paired([before[i] for i in places[name]], [after[i] for i in places[name]])
        for name in sorted(places)
    }


def regressions(categories: Mapping[str, Paired]) -> tuple[str, ...]:
    """Return the categories that got worse beyond their interval.

    One broken task of one, or two of two, say too little; three of three do not.
    """
    return tuple(name for name, figures in categories.items() if figures.high < 0)
