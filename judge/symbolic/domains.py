"""Small domains: which integers the preconditions bound on both sides, and how far.

``0 <= n <= 60`` leaves 61 values, ``len(xs) <= 4`` five lengths. Bounds are read off the facts by
their form, and along differences such as ``k <= n``; no solver is asked, so that a derivation
finds the same ones again. What it is not: a decision procedure; what it misses is left unbounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from judge.symbolic import term as T
from judge.symbolic.term import Term

MAX_VALUES = 64
"""Integers with more values than this are not taken case by case."""

MAX_LENGTH = 6
"""Sequences that may be longer than this are not taken length by length."""

_ROUNDS = 12


@dataclass(slots=True)
class Domains:
    """Literal bounds of integer terms, by identity; None where there is none."""

    low: dict[int, int] = field(default_factory=dict)
    high: dict[int, int] = field(default_factory=dict)

    def of(self, term: Term) -> tuple[int, int] | None:
        """The closed interval of an integer term that is bounded on both sides."""
        known = T.literal(term)
        if known is not None:
            return int(known), int(known)
        low, high = self.low.get(term.id), self.high.get(term.id)
        return None if low is None or high is None else (low, high)

    def values(self, term: Term) -> tuple[int, int] | None:
        """As ``of``, where there are few values."""
        found = self.of(term)
        return found if found is not None and found[1] - found[0] < MAX_VALUES else None

    def longest(self, length: Term) -> int | None:
        """The largest length, where it is small."""
        high = self.high.get(length.id)
        return high if high is not None and high <= MAX_LENGTH else None

    def _raise(self, term: int, value: int) -> bool:
        if self.low.get(term, value - 1) >= value:
            return False
        self.low[term] = value
        return True

    def _lower(self, term: int, value: int) -> bool:
        if self.high.get(term, value + 1) <= value:
            return False
        self.high[term] = value
        return True


def domains_of(facts: Iterable[Term]) -> Domains:
    """What the facts bound."""
    found = Domains()
    parts = [p for f in facts for p in (f.kids if f.op == "and" else (f,))]
    bounds = [b for p in parts if (b := T.upper_bound(p)) is not None]
    for _ in range(_ROUNDS):
        changed = [_learn(found, *b) for b in bounds]
        if not any(changed):
            break
    return found


def _learn(found: Domains, key: frozenset[tuple[tuple[int, ...], int]], constant: int) -> bool:
    """Use ``p + constant <= 0``, where ``p`` is ``x``, ``-x`` or ``x - y``."""
    if any(len(m) != 1 or abs(c) != 1 for m, c in key) or len(key) > 2:
        return False
    plus = [m[0] for m, c in key if c == 1]
    minus = [m[0] for m, c in key if c == -1]
    if len(plus) > 1 or len(minus) > 1:
        return False
    if not minus:
        return found._lower(plus[0], -constant)
    if not plus:
        return found._raise(minus[0], constant)
    changed = False
    if (top := found.high.get(minus[0])) is not None:
        changed = found._lower(plus[0], top - constant)
    if (bottom := found.low.get(plus[0])) is not None:
        changed = found._raise(minus[0], bottom + constant) or changed
    return changed


__all__ = ["Domains", "domains_of"]
