"""Floats that are only compared: their order is that of integers.

IEEE binary64 numbers that are not NaN lie in the order of their bits, read as sign and size, and
both zeros are one place. Where a formula with quantifiers does no arithmetic on floats, every
comparison becomes one of such places, which solvers instantiate far better than bits. A formula
that is unsatisfiable so is unsatisfiable over the floats, since the real places satisfy it. What it
is not: a way to models; the places of a model need not be those of the floats in it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from judge.symbolic import term as T
from judge.symbolic.floats import SORT, literal
from judge.symbolic.term import BOOL, INT, Term

_COMPARISONS = {"fp.eq", "fp.lt", "fp.leq", "fp.isNaN", "fp.isZero"}
_UNARY = {"fp.neg", "fp.abs"}


def by_order(terms: list[Term]) -> list[Term]:
    """The formulas over places instead of floats; as they are where that is not possible."""
    everything = T.subterms(terms)
    if not any(t.op in ("forall", "exists") for t in everything):
        return terms
    words = {t.op for t in everything if t.op.startswith("fp.")}
    if not words or not words <= _COMPARISONS | _UNARY:
        return terms
    done: dict[int, Term] = {}
    for t in everything:
        kids = tuple(done[k.id] for k in t.kids)
        if t.op in _COMPARISONS:
            done[t.id] = _compared(t.op, kids)
        else:
            same = all(a is b for a, b in zip(kids, t.kids, strict=True))
            done[t.id] = t if same else T.rebuild(t, kids)
    return [done[t.id] for t in terms]


def _compared(op: str, kids: tuple[Term, ...]) -> Term:
    numbers = T.and_(*(T.not_(_nan(k)) for k in kids))
    if op == "fp.isNaN":
        return T.not_(numbers)
    if op == "fp.isZero":
        return T.and_(numbers, T.eq(_place(kids[0]), T.num(0)))
    a, b = map(_place, kids)
    order: dict[str, Callable[[Term, Term], Term]] = {"fp.eq": T.eq, "fp.lt": T.lt, "fp.leq": T.le}
    return T.and_(numbers, order[op](a, b))


def place_of(number: float) -> int:
    """The place of a float that is not NaN: zero is 0, its neighbours 1 and -1, and so on."""
    (bits,) = struct.unpack(">q", struct.pack(">d", abs(number)))
    return int(bits) if number > 0 else -int(bits)


def _nan(t: Term) -> Term:
    known = literal(t)
    if known is not None:
        return T.boolean(known != known)
    if t.op == "ite":
        return T.ite(t.kids[0], _nan(t.kids[1]), _nan(t.kids[2]))
    if t.op in _UNARY:
        return _nan(t.kids[0])
    return T.app("float.nan", [t], BOOL)


def _place(t: Term) -> Term:
    assert t.sort == SORT
    known = literal(t)
    if known is not None:
        return T.num(0 if known != known else place_of(known))
    if t.op == "ite":
        return T.ite(t.kids[0], _place(t.kids[1]), _place(t.kids[2]))
    if t.op == "fp.neg":
        return T.neg(_place(t.kids[0]))
    if t.op == "fp.abs":
        inner = _place(t.kids[0])
        return T.maximum(inner, T.neg(inner))
    return T.app("float.place", [t], INT)


__all__ = ["by_order", "place_of"]
