"""Dicts made at once of any number of pairs: comprehensions, and ``dict`` of pairs.

The last pair with a key gives its value: ``last`` is a function of the key's code that names the
place of that pair. Keys stand in the order of their first pairs. What it is not: dicts that are
filled one by one, which ``dicts`` has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from judge.symbolic import folds
from judge.symbolic import term as T
from judge.symbolic.compare import bounds_of
from judge.symbolic.keyed import Listed, code, places
from judge.symbolic.machine import Machine
from judge.symbolic.shapes import Shape, key_shape, shape_of
from judge.symbolic.term import INT, Term
from judge.symbolic.values import BoolV, DictV, Seq, TupleV, Unsupported, Value, View


def of_pairs(m: Machine, piece: View, line: int) -> DictV:
    """The dict of the pairs of a view, in order."""
    if m.binding or m.under_binder:
        raise Unsupported("a dict of unknown length inside a comprehension", line)
    lo, hi, get, keep = bounds_of(piece)
    hole = T.fresh_bvar()
    probe = get(hole)
    if not isinstance(probe, TupleV) or len(probe.items) != 2:
        raise Unsupported("dict() of anything but pairs", line)
    shape, value_shape = key_shape(probe.items[0]), shape_of(probe.items[1])
    if places(shape) is None:
        raise Unsupported("a dict of unknown length with such keys", line)

    def pair(j: Term) -> tuple[Value, Value]:
        both = get(j)
        assert isinstance(both, TupleV)
        return both.items[0], both.items[1]

    name = folds.form_name("dict", hole, [probe, BoolV(keep(hole))], [lo, hi])

    def here(j: Term, integers: list[Term]) -> Term:
        """Whether pair number ``j`` is there, with a key of that code."""
        own = code(shape, pair(j)[0])[1]
        alike = [T.eq(a, b) for a, b in zip(own, integers, strict=True)]
        return T.and_(T.le(lo, j), T.lt(j, hi), keep(j), *alike)

    def last(integers: list[Term]) -> Term:
        return T.app(name, integers, INT)

    def facts() -> list[Term]:
        j = T.fresh_bvar()
        own = code(shape, pair(j)[0])[1]
        inside = T.and_(T.le(lo, j), T.lt(j, hi), keep(j))
        claim = T.and_(T.le(j, last(own)), here(last(own), own))
        return [T.quantify("forall", [j], T.implies(inside, claim))]

    T.definitions()[name] = Listed(facts)

    def has(key: Value) -> Term:
        fits, integers = code(shape, key)
        return T.and_(fits, here(last(integers), integers))

    def found(key: Value) -> Value:
        return pair(last(code(shape, key)[1]))[1]

    listing = _listing(_Pairs(pair, keep, lo, hi, here, shape, found))
    return DictV(has, found, shape, value_shape, True, listing=listing, by_code=True, owned=True)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The pairs of a dict: which, from where to where, and what the dict makes of them."""

    pair: Callable[[Term], tuple[Value, Value]]
    keep: Callable[[Term], Term]
    lo: Term
    hi: Term
    here: Callable[[Term, list[Term]], Term]
    shape: Shape
    found: Callable[[Value], Value]


def _listing(p: _Pairs) -> tuple[Seq, Seq] | None:
    """The keys in the order in which each is met first, and their values."""
    a, b, j = T.fresh_bvar(), T.fresh_bvar(), T.fresh_bvar()
    one, other = (code(p.shape, p.pair(x)[0])[1] for x in (a, b))
    alike = T.and_(*(T.eq(x, y) for x, y in zip(one, other, strict=True)))
    new = p.keep(a)
    if alike is not T.eq(a, b):  # else every pair has a key of its own
        before = T.and_(T.lt(j, a), p.here(j, one))
        new = T.and_(new, T.not_(T.quantify("exists", [j], before)))
    try:
        keys = folds.filtered(
            lambda k: p.pair(k)[0], lambda k: T.substitute(new, {a.id: k}), p.lo, p.hi
        )
    except Unsupported:
        return None
    values = View(lambda k: p.found(keys.at(k)), T.num(0), keys.length)
    return Seq((keys,)), Seq((values,))
