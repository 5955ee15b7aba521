"""Sums over a list after writes to it: the sum before, and the difference at each place written.

The summand of such a sum tests ``k == place``. Without those tests it is the summand over the list
before; by induction the two prefix sums differ by what the summands differ by at those places that
lie before the end, each place counted once. That is how a swap keeps every count and every sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from judge.symbolic import term as T
from judge.symbolic.term import BOOL, INT, Term

if TYPE_CHECKING:
    from judge.symbolic.folds import Fold

MAX_PLACES = 4
Sum = Callable[[Term, Term, Term], Term]
"""(hole, summand, end) to the prefix sum of that summand."""


def written(fold: Fold, t: Term, prefix: Sum) -> list[Term]:
    """What is known of an occurrence ``t`` of a sum over a list that was written to."""
    t, free = loosened(t)
    *actual, end = t.kids
    known = _difference(fold, actual, end, prefix)
    return [] if known is None else [T.quantify("forall", free, known)]


def loosened(t: Term) -> tuple[Term, list[Term]]:
    """A term with new names for what quantifiers around it bind, so that none of its parts binds
    them when they are put elsewhere; and those names."""
    names = {v.id: T.fresh_bvar() for v in T.subterms([t]) if v.op == "bvar"}
    return T.substitute(t, names), list(names.values())


def _difference(fold: Fold, actual: Iterable[Term], end: Term, prefix: Sum) -> Term | None:
    mapping = {o.id: a for o, a in zip(fold.outer, actual, strict=True)}
    hole = T.fresh_bvar()
    body = T.substitute(fold.body, {**mapping, fold.hole.id: hole})
    tests = _tests(body, hole)
    places = list({place.id: place for place in tests.values()}.values())
    if not places or len(places) > MAX_PLACES:
        return None
    without = T.substitute(body, {test: T.false() for test in tests})
    if str(hole.args[0]) not in without.bound:
        return None
    before = prefix(hole, without, end)
    parts = []
    for n, place in enumerate(places):
        inside = T.and_(T.le(T.num(0), place), T.lt(place, end))
        first = T.and_(inside, *(T.not_(T.eq(place, other)) for other in places[:n]))
        new, old = (T.substitute(b, {hole.id: place}) for b in (body, without))
        parts.append(T.ite(first, T.sub(new, old), T.num(0)))
    now = T.app(fold.name, [*mapping.values(), end], INT)
    return T.implies(T.le(T.num(0), end), T.eq(now, T.add(before, *parts)))


def _tests(body: Term, hole: Term) -> dict[int, Term]:
    """The tests ``hole == place`` of a summand, each with its place."""
    name = str(hole.args[0])
    found: dict[int, Term] = {}
    for t in T.subterms([body]):
        if t.op != "=" or t.sort != BOOL or t.kids[0].sort != INT or name not in t.bound:
            continue
        gap = T.sub(t.kids[0], t.kids[1])
        for place in (T.sub(hole, gap), T.add(hole, gap)):
            if place.bound <= body.bound - {name}:  # and no variable that the summand binds
                found[t.id] = place
    return found
