"""Two sums beside each other: equal where their summands are, over the stretch that both cover.

By induction on the stretch: if F and G are prefix sums of f and g, then for lo <= hi either
F(hi) - F(lo) = G(hi) - G(lo) or f(k) != g(k) for some lo <= k < hi. Ends that differ by a literal
are brought together by unfolding the longer sum. Below zero a prefix sum is minus the sum of what
lies between, which obeys the same equation, so the law needs no sign.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from judge.symbolic import term as T
from judge.symbolic.term import INT, Term

if TYPE_CHECKING:
    from judge.symbolic.folds import Fold

MAX_ALIKE = 6
MAX_UNFOLDED = 2
"""By how much the ends of two sums may differ."""


class Prefix:
    """A sum's occurrences: one summand, the ends at which it is asked for."""

    def __init__(self, fold: Fold, actual: tuple[Term, ...]) -> None:
        self.fold = fold
        self.actual = actual
        self.ends: dict[int, Term] = {}

    def summand(self, index: Term) -> Term:
        """The summand at an index."""
        mapping = {o.id: a for o, a in zip(self.fold.outer, self.actual, strict=True)}
        return T.substitute(self.fold.body, {**mapping, self.fold.hole.id: index})

    def at(self, index: Term) -> Term:
        """The sum up to an index; from zero and from an end that is known it is written out."""
        known = T.literal(index)
        if known is not None and 0 <= known <= MAX_UNFOLDED:
            return T.add(T.num(0), *(self.summand(T.num(k)) for k in range(known)))
        for end in self.ends.values():
            beyond = T.literal(T.sub(end, index))
            if beyond is not None and 0 <= beyond <= MAX_UNFOLDED:
                steps = (self.summand(T.add(index, T.num(k))) for k in range(beyond))
                return T.sub(
                    T.app(self.fold.name, [*self.actual, end], INT), T.add(T.num(0), *steps)
                )
        return T.app(self.fold.name, [*self.actual, index], INT)


def alike(occurrences: list[Term], folds: dict[str, Fold]) -> list[Term]:
    """What is known of every two sums among the terms that end at about the same place."""
    sums: dict[tuple[str, tuple[int, ...]], Prefix] = {}
    for t in occurrences:
        fold = folds.get(str(t.args[0]))
        if fold is not None and fold.kind == "sum" and not t.bound:
            *actual, end = t.kids
            key = fold.name, tuple(a.id for a in actual)
            sums.setdefault(key, Prefix(fold, tuple(actual))).ends[end.id] = end
    result: list[Term] = []
    for one, other in combinations(sums.values(), 2):
        for lo, hi in _stretches(one, other):
            result.append(_same_over(one, other, lo, hi))
    return result[:MAX_ALIKE]


def _stretches(one: Prefix, other: Prefix) -> list[tuple[Term, Term]]:
    """From where to where two sums are compared, the whole ones first."""
    ends = [*one.ends.values(), *other.ends.values()]
    lows = {0: T.num(0)} | {k.id: k for k in ends if T.literal(k) in range(1, MAX_UNFOLDED + 1)}
    found = {}
    for a in one.ends.values():
        for b in other.ends.values():
            gap = T.literal(T.sub(a, b))
            if T.literal(a) is None and gap is not None and abs(gap) <= MAX_UNFOLDED:
                high = b if gap > 0 else a
                found.update({(lo.id, high.id): (lo, high) for lo in lows.values()})
    return list(found.values())


def _same_over(one: Prefix, other: Prefix, lo: Term, hi: Term) -> Term:
    a, b = (T.sub(p.at(hi), p.at(lo)) for p in (one, other))
    k = T.fresh_bvar()
    f, g = one.summand(k), other.summand(k)
    if (both := _constant_together(f, g)) is not None:
        return T.eq(T.add(a, b), T.mul(T.num(both), T.sub(hi, lo)))
    inside = T.and_(T.le(lo, k), T.lt(k, hi))
    differ = T.and_(inside, T.not_(T.eq(f, g)))
    return T.or_(T.lt(hi, lo), T.eq(a, b), T.quantify("exists", [k], differ))


def _constant_together(a: Term, b: Term) -> int | None:
    """What two summands make together, where that is one number: a test and its opposite."""
    if a.op != "ite" or b.op != "ite":
        return None
    (c, x, y), (d, u, v) = a.kids, b.kids
    if d is T.not_(c):
        u, v = v, u
    elif d is not c:
        return None
    whole, other = T.literal(T.add(x, u)), T.literal(T.add(y, v))
    return int(whole) if whole is not None and whole == other else None
