"""Thresholds: what is kept, what passes and what it costs, against figures worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

from workbench.store.views.thresholds import error, expected


@dataclass(frozen=True)
class Bar:
    count: int
    predicted: float
    observed: float


BARS = (Bar(60, 0.2, 0.1), Bar(40, 0.9, 0.8))


def test_half_way_keeps_the_sure_ones_and_pays_for_the_rest() -> None:
    found = expected(BARS, 0.5, own_cost=Decimal(0), other_cost=Decimal("0.01"), other_quality=0.5)
    assert found is not None
    assert found.kept == pytest.approx(0.4)
    assert found.quality == pytest.approx(0.4 * 0.8 + 0.6 * 0.5)
    assert found.cost == Decimal("6.00")


def test_zero_asks_nobody_else_and_one_asks_for_everything() -> None:
    low = expected(BARS, 0.0, own_cost=Decimal(0), other_cost=None, other_quality=0.5)
    high = expected(BARS, 1.0, own_cost=Decimal(0), other_cost=None, other_quality=0.5)
    assert low is not None
    assert high is not None
    assert (low.kept, low.cost) == (1.0, 0)
    assert (high.kept, high.cost) == (0.0, None), "an unknown price stays unknown"


def test_nothing_calibrated_is_nothing_expected() -> None:
    assert expected((), 0.5, own_cost=None, other_cost=None, other_quality=0.5) is None


def test_calibration_error_is_the_mean_gap_by_count() -> None:
    assert error(BARS) == pytest.approx(0.1)
    assert error(()) == 0.0
