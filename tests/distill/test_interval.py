"""The interval of a gain: the certificate's to the last digit, and true as often as it says."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from random import Random
from statistics import fmean

import pytest

from benchmarks.interval_coverage import coverage, truths
from distill.evaluate import mean_interval, paired
from distill.interval import PAIRED_METHOD, paired_interval, share_interval
from workbench.certificate.levels import lift


def counts() -> list[tuple[int, int, int]]:
    small = [
        (n, fixed, broken)
        for n in range(1, 33)
        for fixed in range(n + 1)
        for broken in range(n + 1 - fixed)
    ]
    random = Random(0)
    large = []
    for _ in range(2_000):
        n = random.choice((160, 1_000, 123_457, 10**7))
        fixed = random.randint(0, n)
        large.append((n, fixed, random.randint(0, n - fixed)))
    return small + large


def test_gate_and_certificate_have_one_interval_to_the_last_digit() -> None:
    for n, fixed, broken in counts():
        low, high = paired_interval(n, fixed, broken)
        stated = lift(n, fixed, broken)
        assert (low, high) == (stated.low / 10**6, stated.high / 10**6), (n, fixed, broken)


def test_the_method_is_named_wherever_the_interval_is_said() -> None:
    figures = paired([False] * 20, [True] * 12 + [False] * 8)
    assert f"95 % {PAIRED_METHOD} interval" in figures.sentence
    assert PAIRED_METHOD in lift(20, 12, 0).sentence


def wald(n: int, fixed: int, broken: int) -> tuple[float, float]:
    """The textbook's interval without the four halves: it has no width where all went one way."""
    gain = (fixed - broken) / n
    half = 1.96 * sqrt(max(0.0, fixed + broken - (fixed - broken) ** 2 / n)) / n
    return gain - half, gain + half


def measured(interval: Callable[[int, int, int], tuple[float, float]], n: int) -> list[float]:
    return [coverage(interval, n, *truth)[0] for truth in truths()]


@pytest.mark.parametrize(("n", "least"), [(1, 0.74), (3, 0.74), (10, 0.88), (24, 0.87)])
def test_the_interval_holds_the_truth_as_often_as_it_says(n: int, least: float) -> None:
    held = measured(paired_interval, n)
    assert fmean(held) >= 0.95
    assert min(held) >= least


def test_the_check_of_coverage_sees_an_interval_that_promises_too_much() -> None:
    held = measured(wald, 3)
    assert fmean(held) < 0.7
    assert min(held) < 0.1


def test_shares_and_means_have_a_width_even_when_all_agree() -> None:
    assert share_interval(0.0, 0) == (0.0, 1.0)
    low, high = share_interval(1.0, 3)
    assert 0.4 < low < 0.5
    assert high == 1.0
    mean, low, high = mean_interval([0.5, 1.0, 0.75, 0.25])
    assert low < mean == 0.625 < high


@pytest.mark.parametrize(("n", "fixed", "broken"), [(0, 0, 0), (3, 2, 2), (3, -1, 0)])
def test_counts_that_cannot_be_are_refused(n: int, fixed: int, broken: int) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        paired_interval(n, fixed, broken)
