"""How often the interval of a gain holds the true gain, by exact enumeration; beside a bootstrap.

    python -m benchmarks.interval_coverage [--tasks 1 3 10 40 160]

For each number of tasks and each truth of a grid (how likely a task is fixed, how likely broken),
every outcome is weighed with its probability; nothing is simulated but the peer's resampling.
Printed are the mean and the least coverage (95 % is promised) and how often a gain is claimed
where there is none (2.5 % at most would be right). The peer is the percentile bootstrap over tasks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import cache
from math import exp, lgamma, log
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from distill.interval import PAIRED_METHOD, paired_interval

Interval = Callable[[int, int, int], tuple[float, float]]

SHARES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 0.95)
"""Chances that a task is fixed, and that it is broken, in the grid; where both fit."""


def truths() -> Iterator[tuple[float, float]]:
    """Yield the (fixed, broken) chances of the grid in which something can change."""
    for fixed in SHARES:
        for broken in SHARES:
            if 0 < fixed + broken <= 1:
                yield fixed, broken


def coverage(interval: Interval, n: int, fixed: float, broken: float) -> tuple[float, float]:
    """Return how often ``interval`` holds the true gain, and how often it lies above it."""
    held = above = 0.0
    truth = fixed - broken
    for b in range(n + 1):
        for c in range(n + 1 - b):
            chance = _chance(n, b, c, fixed, broken)
            if chance > 0:
                low, high = interval(n, b, c)
                held += chance * (low <= truth <= high)
                above += chance * (low > truth)
    return held, above


def _chance(n: int, b: int, c: int, fixed: float, broken: float) -> float:
    """Return the trinomial probability of ``b`` fixed and ``c`` broken of ``n``."""
    total = lgamma(n + 1) - lgamma(b + 1) - lgamma(c + 1) - lgamma(n - b - c + 1)
    for count, share in ((b, fixed), (c, broken), (n - b - c, 1 - fixed - broken)):
        if count and share <= 1e-12:
            return 0.0
        total += count * log(share) if count else 0.0
    return exp(total)


@cache
def bootstrap(n: int, fixed: int, broken: int) -> tuple[float, float]:
    """Return the percentile bootstrap's 95 % interval, 2,000 resamples."""
    import numpy

    random = numpy.random.default_rng([n, fixed, broken])
    shares = [fixed / n, broken / n, (n - fixed - broken) / n]
    drawn = random.multinomial(n, shares, size=2_000)
    gains = numpy.sort((drawn[:, 0] - drawn[:, 1]) / n)
    return float(gains[50]), float(gains[1949])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[1, 2, 3, 5, 10, 20, 40, 160])
    given = parser.parse_args()
    ways: dict[str, Interval] = {PAIRED_METHOD: paired_interval, "bootstrap": bootstrap}
    print(f"{'tasks':>5}  {'interval':<12} mean coverage, least, gains claimed of none")
    for n in given.tasks:
        for name, interval in ways.items():
            interval = cache(interval)
            found = {truth: coverage(interval, n, *truth) for truth in truths()}
            held = [one for one, _ in found.values()]
            none = max(above for (b, c), (_, above) in found.items() if b == c)
            print(f"{n:>5}  {name:<12} {fmean(held):.1%}, {min(held):.1%}, {none:.1%}", flush=True)


if __name__ == "__main__":
    main()
