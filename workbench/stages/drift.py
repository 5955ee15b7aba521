"""Is what is served today like what was served before: proved-rate, refusals, length, mix.

The newest requests are held against those before them. A share counts as moved when the 95 %
interval of the difference excludes zero (Newcombe's, from Wilson's); lengths by a two-sample
Kolmogorov-Smirnov distance beyond its 1 % bound; the mix of categories by the population stability
index beyond 0.2. A handful of requests moves nothing. What moved raises an alert that stands until
it has come back.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlmodel import col, select

from workbench.stages.alerts import settle
from workbench.store.database import Store
from workbench.store.tables import ServedRow
from workbench.store.views.leaderboard import wilson

__all__ = ["Drift", "check_drift", "measure", "recent_drift"]

FEW = 30
"""Fewer requests than this on either side say nothing."""
_PSI = 0.2
"""The usual line between a small and a notable change of a mix."""
_KS = 1.628
"""Kolmogorov's factor at 1 %."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One figure before and now; ``moved`` when the change is beyond its bound."""

    name: str
    before: float
    now: float
    distance: float
    bound: float
    moved: bool

    @property
    def sentence(self) -> str:
        """Say it."""
        if self.name in ("length", "mix"):
            said = f"distance {self.distance:.2f}, at most {self.bound:.2f} expected"
            return f"The {self.name} of what is served changed ({said})."
        return f"The {self.name} went from {self.before:.0%} to {self.now:.0%}."


def measure(before: Sequence[ServedRow], now: Sequence[ServedRow]) -> list[Drift]:
    """Compare two runs of requests; empty when either is too short to say anything."""
    if min(len(before), len(now)) < FEW:
        return []
    found = [_share("refusal rate", before, now, lambda row: row.characters == 0)]
    judged, judged_now = (
        [row for row in rows if row.verdict is not None] for rows in (before, now)
    )
    if min(len(judged), len(judged_now)) >= FEW:
        found.append(_share("proved rate", judged, judged_now, lambda row: row.verdict == "proved"))
    found.append(_length(before, now))
    found.append(_mix(before, now))
    return found


def recent_drift(store: Store, *, window: int = 200, model: str | None = None) -> list[Drift]:
    """Hold the newest ``window`` requests against up to ten times as many before; only reads."""
    query = select(ServedRow).order_by(col(ServedRow.id).desc()).limit(11 * window)
    if model is not None:
        query = query.where(ServedRow.model == model)
    with store.read() as session:
        rows = list(session.exec(query))
    return measure(rows[window:], rows[:window])


def check_drift(store: Store, *, window: int = 200, model: str | None = None) -> list[Drift]:
    """As ``recent_drift``, and raise or clear the alerts."""
    found = recent_drift(store, window=window, model=model)
    for one in found:
        settle(
            store, "drift", one.name, one.sentence,
            value=one.now, objective=one.before, missed=one.moved,
        )  # fmt: skip
    return found


def _share(
    name: str,
    before: Sequence[ServedRow],
    now: Sequence[ServedRow],
    holds: Callable[[ServedRow], bool],
) -> Drift:
    counts = [(sum(map(holds, rows)), len(rows)) for rows in (before, now)]
    first, second = (part / total for part, total in counts)
    (low1, high1), (low2, high2) = (wilson(part, total) for part, total in counts)
    change = second - first
    if change >= 0:
        bound = math.hypot(second - low2, high1 - first)
    else:
        bound = math.hypot(high2 - second, first - low1)
    return Drift(name, first, second, abs(change), bound, abs(change) > bound)


def _length(before: Sequence[ServedRow], now: Sequence[ServedRow]) -> Drift:
    first, second = (sorted(row.characters for row in rows) for rows in (before, now))
    distance, i, j = 0.0, 0, 0
    for value in sorted({*first, *second}):
        while i < len(first) and first[i] <= value:
            i += 1
        while j < len(second) and second[j] <= value:
            j += 1
        distance = max(distance, abs(i / len(first) - j / len(second)))
    bound = _KS * math.sqrt((len(first) + len(second)) / (len(first) * len(second)))
    means = (sum(first) / len(first), sum(second) / len(second))
    return Drift("length", *means, distance, bound, distance > bound)


def _mix(before: Sequence[ServedRow], now: Sequence[ServedRow]) -> Drift:
    first, second = (Counter(row.category for row in rows) for rows in (before, now))
    total = 0.0
    names = {*first, *second}
    for name in names:
        # half a request is added to each, so that a category that is new has a finite weight
        p = (first[name] + 0.5) / (len(before) + 0.5 * len(names))
        q = (second[name] + 0.5) / (len(now) + 0.5 * len(names))
        total += (q - p) * math.log(q / p)
    # among few requests a mix moves by chance: the index's expectation is added to the bound
    chance = (len(names) - 1) * (1 / len(before) + 1 / len(now))
    bound = _PSI + chance
    return Drift("mix", 0.0, total, total, bound, total > bound)
