"""Whom to ask: by kind of task, by confidence in the student, and by cost of a proved answer.

Three separate choices, each a small value that says why it chose. None of them sends anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

_CUES: Mapping[str, Sequence[tuple[str, float]]] = {
    "vision": ((r"\b(image|picture|photo|screenshot|diagram)\b", 2.0),),
    "code": (
        (r"```|^\s*(def|class|import) ", 3.0),
        (r"\b(function|implement|python|refactor|unit test|traceback|return type)\b", 1.5),
        (r"\b(list|string|integer|array|loop|algorithm)s?\b", 0.5),
    ),
    "system": (
        (r"\b(restart|reboot|shut ?down|disk space|process|service|install|permission)\b", 1.5),
        (r"\b(cpu|memory|gpu) (usage|load|temperature)\b", 2.0),
    ),
}


@dataclass(frozen=True, slots=True)
class Category:
    """A task's kind with a confidence between 0 and 1, and the cues that speak for it."""

    name: str
    confidence: float
    cues: tuple[str, ...] = ()


def categorise(text: str, *, has_image: bool = False, override: str | None = None) -> Category:
    """Return "code", "vision", "system" or "chat" for a prompt; ``override`` is a person's word."""
    if override is not None:
        return Category(override, 1.0, ("chosen by hand",))
    if has_image:
        return Category("vision", 1.0, ("an image is attached",))
    weights: dict[str, float] = {"chat": 1.0}
    cues: dict[str, list[str]] = {}
    for name, patterns in _CUES.items():
        for pattern, weight in patterns:
            found = re.findall(pattern, text, re.IGNORECASE | re.MULTILINE)
            if found:
                weights[name] = weights.get(name, 0.0) + weight
                first = found[0] if isinstance(found[0], str) else " ".join(found[0])
                cues.setdefault(name, []).append(first.strip() or "a code fence")
    best = max(weights, key=lambda name: weights[name])
    return Category(best, weights[best] / sum(weights.values()), tuple(cues.get(best, ())))


@dataclass(slots=True)
class Record:
    """What is known of one source on one category: asked, proved, and what it cost."""

    asked: int = 0
    proved: int = 0
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Choice:
    """The source that a router chose, and the sentence that says why."""

    source: str
    why: str


@dataclass(slots=True)
class DatasetRouter:
    """A bandit over sources for each category that buys proved answers as cheaply as it can.

    Thompson sampling: a source's chance of a proved answer is drawn from its Beta posterior, and
    the source with the least expected cost for a proved answer is asked. ``price`` is what one
    answer of each source costs; ``overhead`` is what asking and judging costs in any case, so that
    a free source that never proves anything is not asked for ever. Seeded, so it repeats.
    """

    price: Mapping[str, Decimal]
    overhead: Decimal = Decimal("0.0005")
    seed: int = 0
    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        if not self.price:
            raise ValueError("a router needs at least one source")
        self._random = Random(self.seed)

    def choose(self, category: str, exclude: Iterable[str] = ()) -> Choice | None:
        """Return whom to ask next about a task of ``category``; None when all are excluded."""
        left = [source for source in sorted(self.price) if source not in set(exclude)]
        if not left:
            return None
        costs = {source: self._draw(source, category) for source in left}
        best = min(costs, key=lambda source: costs[source])
        record = self.records.get((best, category), Record())
        why = (
            f"{best} proved {record.proved} of {record.asked} answers on {category} so far; "
            f"about ${costs[best]:.5f} for a proved answer in this draw"
        )
        return Choice(best, why)

    def learn(self, source: str, category: str, *, proved: bool, cost: Decimal) -> None:
        """Note what one answer of ``source`` came to."""
        record = self.records.setdefault((source, category), Record())
        record.asked += 1
        record.proved += proved
        record.cost += cost

    def _draw(self, source: str, category: str) -> float:
        record = self.records.get((source, category), Record())
        chance = self._random.betavariate(1 + record.proved, 1 + record.asked - record.proved)
        return float(self.price[source] + self.overhead) / max(chance, 1e-6)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a stored run knows of one task: its category, and for each source (proved, cost)."""

    task: str
    category: str
    outcomes: Mapping[str, tuple[bool, Decimal]]


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a policy would have come to on a stored run."""

    policy: str
    asked: int
    proved: int
    cost: Decimal

    @property
    def cost_per_proved(self) -> Decimal | None:
        """US dollars for a proved task, or None when none was."""
        return self.cost / self.proved if self.proved else None


def simulate(
    runs: Sequence[Stored], router: DatasetRouter, *, most: int = 3
) -> tuple[Simulation, Simulation]:
    """Replay a stored run under the router, and under "ask everybody"; return both.

    The router asks one source after another until an answer is proved, ``most`` at the most. Its
    ``overhead`` is charged to both for each answer.
    """
    asked = proved = 0
    cost = Decimal(0)
    for run in runs:
        tried: list[str] = []
        while len(tried) < most:
            absent = [source for source in router.price if source not in run.outcomes]
            choice = router.choose(run.category, [*tried, *absent])
            if choice is None:
                break
            tried.append(choice.source)
            right, price = run.outcomes[choice.source]
            router.learn(choice.source, run.category, proved=right, cost=price)
            asked += 1
            cost += price + router.overhead
            if right:
                proved += 1
                break
    everybody = [outcome for run in runs for outcome in run.outcomes.values()]
    return (
        Simulation("routed", asked, proved, cost),
        Simulation(
            "everybody",
            len(everybody),
            sum(any(right for right, _ in run.outcomes.values()) for run in runs),
            sum((price + router.overhead for _, price in everybody), Decimal(0)),
        ),
    )


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a reliability plot: predicted against observed pass rate of ``count`` answers."""

    low: float
    high: float
    count: int
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True)
class ConfidenceRouter:
    """Live use: the student answers when its chance of passing is at least ``threshold``.

    ``calibrate`` makes one from judged history, so that the threshold is a pass rate and not a raw
    score: scores are binned, and each bin's observed rate (with one half pass and one half fail
    added) is the chance.
    """

    threshold: float
    bins: tuple[Bin, ...]
    by_category: Mapping[str, tuple[Bin, ...]] = field(default_factory=dict)
    """Categories with enough history of their own; the others go by ``bins``, over all of it."""

    def measured(self, category: str) -> bool:
        """Return whether ``category`` has bars of its own."""
        return category in self.by_category

    def chance(self, score: float, category: str = "") -> float:
        """Return the calibrated chance of passing at ``score`` (0 to 1) on ``category``.

        A score that its category has never shown has chance 0 there, whatever others show.
        """
        for each in self.by_category.get(category, self.bins):
            if each.low <= score < each.high or (each.high >= 1.0 and score >= each.low):
                return (each.observed * each.count + 0.5) / (each.count + 1)
        return 0.0

    def student_answers(self, score: float, category: str = "") -> bool:
        """Return whether the student's answer is good enough to be given."""
        return self.chance(score, category) >= self.threshold


ENOUGH = 20
"""Judged answers that a category needs for bars of its own."""


def calibrate(
    history: Sequence[tuple[float, bool]],
    *,
    threshold: float,
    bins: int = 10,
    categories: Sequence[str] | None = None,
) -> ConfidenceRouter:
    """Return a router from (score, passed) pairs; a bin without history never trusts the student.

    ``categories`` names each pair's; those with at least ``ENOUGH`` pairs get bars of their own,
    since the same score can mean much in one and little in another. Raises ``ValueError`` for
    scores or a threshold outside 0 to 1.
    """
    if not 0 <= threshold <= 1 or any(not 0 <= score <= 1 for score, _ in history):
        raise ValueError("scores and the threshold are chances, between 0 and 1")
    apart: dict[str, list[tuple[float, bool]]] = {}
    for name, pair in zip(categories or (), history, strict=categories is not None):
        apart.setdefault(name, []).append(pair)
    own = {n: _bars(pairs, bins) for n, pairs in sorted(apart.items()) if len(pairs) >= ENOUGH}
    return ConfidenceRouter(threshold, _bars(history, bins), own)


def _bars(history: Sequence[tuple[float, bool]], bins: int) -> tuple[Bin, ...]:
    made = []
    for number in range(bins):
        here = [(s, passed) for s, passed in history if min(int(s * bins), bins - 1) == number]
        if here:
            predicted = sum(score for score, _ in here) / len(here)
            observed = sum(passed for _, passed in here) / len(here)
            low, high = number / bins, (number + 1) / bins
            made.append(Bin(low, high, len(here), predicted, observed))
    return tuple(made)
