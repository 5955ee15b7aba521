"""Rows that teach the same function, whatever their text: buckets by probes first, proof inside.

Who runs and who proves is given: ``probe`` says what each row's code does on a fixed set of inputs,
``same`` decides a pair. So 10,000 rows cost 10,000 probes and few proofs. What it is not: a reason
to drop a row by itself; two wordings of one function may both be worth learning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from distill.dedupe import Duplicate, normalised
from distill.example import Example

Probe = Callable[[Sequence[Example]], Sequence[str | None]]
"""What each row does, as a text that is equal for equal behaviour; None where it cannot be run."""
Same = Callable[[Sequence[tuple[Example, Example]]], Sequence[bool | None]]
"""For each pair: True when proved equal, False when told apart, None when neither."""


def semantic(examples: Sequence[Example], probe: Probe, same: Same) -> list[Duplicate]:
    """Find rows whose function an earlier row already has, in order of their places.

    A row is compared with the first of each class in its bucket, class by class. Where no proof is
    found, agreement on every probe counts, and the finding's ``basis`` says so.
    """
    found: list[Duplicate] = []
    firsts: dict[str, int] = {}
    waiting: list[int] = []
    for place, row in enumerate(examples):
        kept = firsts.setdefault(normalised(row.completion), place)
        if kept == place:
            waiting.append(place)
        else:
            found.append(Duplicate(place, kept, "semantic", 1.0, "form"))
    behaviours = probe([examples[place] for place in waiting])
    buckets: dict[str, list[int]] = defaultdict(list)
    for place, seen in zip(waiting, behaviours, strict=True):
        if seen is not None:
            buckets[seen].append(place)
    found += _within(examples, [places for places in buckets.values() if len(places) > 1], same)
    return sorted(_settled(found), key=lambda one: one.index)


def _within(
    examples: Sequence[Example], buckets: Sequence[list[int]], same: Same
) -> list[Duplicate]:
    """Compare each bucket's rows with its first, then those that differ among themselves, so on.

    All buckets go in step, so that the pairs of a turn are decided in one batch.
    """
    found: list[Duplicate] = []
    while buckets:
        turn = [(rows[0], place) for rows in buckets for place in rows[1:]]
        answers = same([(examples[first], examples[place]) for first, place in turn])
        apart: dict[int, list[int]] = defaultdict(list)
        for (first, place), answer in zip(turn, answers, strict=True):
            if answer is False:
                apart[first].append(place)
            else:
                basis = "proved" if answer else "probes"
                found.append(Duplicate(place, first, "semantic", 1.0, basis))
        buckets = [rows for rows in apart.values() if len(rows) > 1]
    return found


def _settled(found: Sequence[Duplicate]) -> list[Duplicate]:
    """Make every duplicate name a row that stays."""
    kept = {one.index: one.kept for one in found}

    def root(place: int) -> int:
        while place in kept:
            place = kept[place]
        return place

    return [
        Duplicate(one.index, root(one.kept), one.kind, one.similarity, one.basis) for one in found
    ]
