"""Two sources on the same tasks: paired figures with an interval, by category, and every flip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from workbench.errors import InputError
from workbench.settings import Settings
from workbench.stages.contest import Budget, Sat, require_source, sit
from workbench.stages.events import Listener, Reporter
from workbench.store.database import Store
from workbench.tasks import Task

if TYPE_CHECKING:
    from distill.evaluate import Paired

__all__ = ["Duel", "pass_rates", "run_duel"]


@dataclass(frozen=True, slots=True)
class Duel:
    """The outcome: ``first`` is what came before, ``second`` what is measured against it."""

    first: Sat
    second: Sat
    overall: Paired
    """By the first sample of each task."""
    categories: Mapping[str, Paired]
    flips: tuple[tuple[str, str, str], ...]
    """(task, first's verdict, second's verdict) where one is right and the other is not."""
    passes: Mapping[str, Mapping[int, tuple[float, float, float]]]
    """Source -> k -> (pass@k, low, high); k up to the number of samples."""

    @property
    def sentence(self) -> str:
        """Say who is ahead, and whether that may be chance."""
        gain, f = self.overall, (self.first.source, self.second.source)
        if gain.low > 0:
            return f"{f[1]} is ahead of {f[0]}: {gain.sentence}."
        if gain.high < 0:
            return f"{f[0]} is ahead of {f[1]}: {gain.sentence}."
        return f"{f[0]} and {f[1]} cannot be told apart here: {gain.sentence}."


def run_duel(
    store: Store,
    settings: Settings,
    names: tuple[str, str],
    tasks: Sequence[Task],
    *,
    base: str,
    budget: Budget | None = None,
    counts: Sequence[str] = ("proved",),
    on_event: Listener | None = None,
) -> Duel:
    """Let both sources sit ``tasks`` within the same budget; ``counts`` say what is right.

    Raises ``InputError`` when both names mean the same weights.
    """
    from distill.evaluate import by_category, paired

    reporter = Reporter(store, on_event)
    given = budget or Budget()
    for name in names:
        require_source(store, name)  # before the first is asked and paid for
    first, second = (
        sit(store, settings, name, tasks, given, base=base, reporter=reporter) for name in names
    )
    if first.source == second.source:
        raise InputError(
            f"{names[0]} and {names[1]} are the same source, {first.source}.", "Name two."
        )
    before = [first.verdicts[task.id][0] in counts for task in tasks]
    after = [second.verdicts[task.id][0] in counts for task in tasks]
    found = Duel(
        first,
        second,
        paired(before, after),
        by_category([task.category for task in tasks], before, after),
        tuple(
            (task.id, first.verdicts[task.id][0], second.verdicts[task.id][0])
            for task, a, b in zip(tasks, before, after, strict=True)
            if a != b
        ),
        {sat.source: pass_rates(sat, tasks, counts, given.samples) for sat in (first, second)},
    )
    reporter.done("duel", found.sentence, {"overall": asdict(found.overall)})
    return found


def pass_rates(
    sat: Sat, tasks: Sequence[Task], counts: Sequence[str], samples: int
) -> dict[int, tuple[float, float, float]]:
    """Return k -> (unbiased pass@k, low, high) for k in 1, 4, 16 ... samples.

    The interval is Wilson's over tasks, 95 %.
    """
    from distill.evaluate import mean_interval, pass_at_k

    right = [sat.right(task.id, counts) for task in tasks]
    sizes = sorted({k for k in (1, 4, 16, 64) if k <= samples} | {samples})
    return {k: mean_interval([pass_at_k(samples, correct, k) for correct in right]) for k in sizes}
