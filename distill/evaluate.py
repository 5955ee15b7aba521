"""Is the student better, and is it no accident: paired figures over the same held-out tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, sqrt
from random import Random

RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Paired:
    """Before and after on the same tasks. Rates and bounds are shares between 0 and 1 (gain -1..1).

    ``low`` and ``high`` bound the gain by a paired bootstrap, 95 %; ``mcnemar_p`` is the exact
    two-sided test on the tasks that changed (McNemar 1947, binomial form).
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
            f"{self.gain * 100:+.1f} points (95 % interval {self.low * 100:+.1f} to "
            f"{self.high * 100:+.1f}), {self.fixed} fixed, {self.broken} broken, "
            f"McNemar p = {self.mcnemar_p:.2g}"
        )


def paired(before: Sequence[bool], after: Sequence[bool], *, seed: int) -> Paired:
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
    low, high = _interval(n, fixed, broken, seed)
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


def _interval(n: int, fixed: int, broken: int, seed: int) -> tuple[float, float]:
    """Resample tasks with replacement; only how many fixed and broken ones come up matters."""
    random = Random(f"bootstrap/{seed}")
    changes, weights = (1, -1, 0), (fixed, broken, n - fixed - broken)
    gains = [sum(random.choices(changes, weights, k=n)) / n for _ in range(RESAMPLES)]
    gains.sort()
    return gains[int(0.025 * RESAMPLES)], gains[int(0.975 * RESAMPLES) - 1]


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


def mean_interval(values: Sequence[float], *, seed: int) -> tuple[float, float, float]:
    """Return (mean, low, high) of per-task values; the interval is a 95 % bootstrap over tasks."""
    n = len(values)
    if n == 0:
        raise ValueError("no task was measured; there must be at least one")
    random = Random(f"bootstrap/{seed}")
    counted = sorted(Counter(values).items())
    levels, weights = [value for value, _ in counted], [count for _, count in counted]
    means = sorted(sum(random.choices(levels, weights, k=n)) / n for _ in range(RESAMPLES // 5))
    low, high = means[int(0.025 * len(means))], means[int(0.975 * len(means)) - 1]
    return sum(values) / n, low, high


def by_category(
    categories: Sequence[str], before: Sequence[bool], after: Sequence[bool], *, seed: int
) -> dict[str, Paired]:
    """Return the paired figures of each category, sorted by name."""
    places: dict[str, list[int]] = {}
    for index, category in enumerate(categories):
        places.setdefault(category, []).append(index)
    return {
        name: paired([before[i] for i in places[name]], [after[i] for i in places[name]], seed=seed)
        for name in sorted(places)
    }


def regressions(categories: Mapping[str, Paired]) -> tuple[str, ...]:
    """Return the categories that got worse beyond their interval.

    A bootstrap over one task, or over tasks that all went one way, has no width; so the loss must
    also lie beyond the interval of Agresti and Min (2005), which adds half a task to each outcome.
    One broken task of one, or two of two, say too little; three of three do not.
    """
    return tuple(
        name
        for name, figures in categories.items()
        if figures.high < 0 and _adjusted_high(figures) < 0
    )


def _adjusted_high(figures: Paired) -> float:
    """Return the upper end of the adjusted 95 % interval of a paired difference of shares."""
    n, fixed, broken = figures.n + 2, figures.fixed + 0.5, figures.broken + 0.5
    gain = (fixed - broken) / n
    spread = sqrt(fixed + broken - (fixed - broken) ** 2 / n) / n
    return gain + 1.96 * spread
