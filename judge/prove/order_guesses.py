"""Guesses about lists that a loop puts in order: sorted parts, extremes so far, a hole on its way.

Said of every list that the loop changes and of the places that its indices mark. Rising order only;
what is not true of the loop falls to the traces.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

MAX_PLACES = 4
MAX_LISTS = 2


def in_order(lists: list[str], moving: list[str], resting: list[str]) -> Iterator[str]:
    """Guesses from list names, integers that change in this loop, and those of a loop around it."""
    places = [*moving, *resting][:MAX_PLACES]
    for xs in lists[:MAX_LISTS]:
        for c in places:
            yield from _parts(xs, c)
        for a, b in permutations(places, 2):
            yield f"all({xs}[{a}] <= {xs}[k_] for k_ in range({b}))"
            yield f"all({xs}[{a}] >= {xs}[k_] for k_ in range({b}))"
            for c in [c for c in places if c not in (a, b)]:
                yield f"all({xs}[{a}] <= {xs}[k_] for k_ in range({b}, {c}))"
                yield f"all({xs}[{a}] >= {xs}[k_] for k_ in range({b}, {c}))"
        for j in moving:
            for i in resting:
                yield from _hole(xs, j, i, [k for k in resting if k != i])


def growing(grown: list[str], read: list[str], moving: list[str]) -> Iterator[str]:
    """A list that is appended to in order, from lists of which some is left."""
    for xs in grown[:MAX_LISTS]:
        yield f"all({xs}[p_] <= {xs}[q_] for q_ in range(len({xs})) for p_ in range(q_))"
        for other in read[:MAX_PLACES]:
            for c in moving[:MAX_PLACES]:
                rest = f"range({c}, len({other}))"
                yield f"all(x_ <= {other}[k_] for x_ in {xs} for k_ in {rest})"


def _parts(xs: str, c: str) -> Iterator[str]:
    pair = f"{xs}[p_] <= {xs}[q_]"
    yield f"all({pair} for q_ in range({c}) for p_ in range(q_))"
    yield f"all({pair} for q_ in range({c} + 1) for p_ in range(q_))"
    yield f"all({pair} for p_ in range({c}) for q_ in range({c}, len({xs})))"
    yield f"all({pair} for q_ in range(len({xs}) - {c}, len({xs})) for p_ in range(q_))"
    yield f"all({pair} for q_ in range({c} + 1, len({xs})) for p_ in range(q_))"
    yield f"all({xs}[p_] <= {xs}[{c}] for p_ in range({c}))"


def _hole(xs: str, j: str, i: str, keys: list[str]) -> Iterator[str]:
    """A place that is about to be filled: behind ``j`` when elements move up, ``j`` on swaps."""
    pair = f"{xs}[p_] <= {xs}[q_]"
    hole = f"{j} + 1"
    yield (
        f"all({pair} for q_ in range({i} + 1) if q_ != {hole} for p_ in range(q_) if p_ != {hole})"
    )
    yield f"all({pair} for q_ in range({i} + 1) if q_ != {j} for p_ in range(q_))"
    for key in keys:
        yield f"all({key} < {xs}[k_] for k_ in range({j} + 2, {i} + 1))"
        yield f"all({key} <= {xs}[k_] for k_ in range({j} + 2, {i} + 1))"
