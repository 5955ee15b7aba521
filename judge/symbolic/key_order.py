"""``sorted``, ``max`` and ``min`` by a key, and of texts and tuples, of any number of elements.

The sorted sequence is the source read in another order: ``from`` and ``to`` are each other's
inverse, keys rise, and equal ones stay in their order. A largest element is the first that no other
exceeds. What it is not: ``sorted`` of integers without a key, which is in ``sorting``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from judge.symbolic import comprehension, folds
from judge.symbolic import term as T
from judge.symbolic.closures import call_value
from judge.symbolic.compare import less
from judge.symbolic.keyed import Listed
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.merge import at, put
from judge.symbolic.term import INT, Term
from judge.symbolic.values import (
    BoolV,
    IntV,
    ListV,
    NoneV,
    Seq,
    StrV,
    TupleV,
    Unsupported,
    Value,
    View,
)


@dataclass(frozen=True, slots=True)
class _Keyed:
    """A sequence with the key of each of its elements, and a name of its own."""

    seq: Seq
    key: Callable[[Term], Value]
    name: str

    def inside(self, k: Term) -> Term:
        return T.and_(T.le(T.num(0), k), T.lt(k, self.seq.length))

    def less(self, a: Term, b: Term, strict: bool = True) -> Term:
        """Whether the key of one element is smaller than that of another (or at most that)."""
        out = less(self.key(a), self.key(b), strict)
        assert out is not None  # kinds without an order are refused before
        return out


def sorted_by(m: Machine, seq: Seq, key: Value | None, reverse: bool, line: int) -> Seq:
    """The elements in the order of their keys."""
    p = _keyed(m, seq, key, f"sorted {reverse}", line)
    i, j = T.fresh_bvar(), T.fresh_bvar()

    def source(k: Term) -> Term:
        return T.app(f"{p.name}.from", [k], INT)

    def place(k: Term) -> Term:
        return T.app(f"{p.name}.to", [k], INT)

    def facts() -> list[Term]:
        a, b = source(i), source(j)
        rises = p.less(b, a) if reverse else p.less(a, b)
        holds = p.less(b, a, False) if reverse else p.less(a, b, False)
        ordered = T.and_(holds, T.or_(rises, T.lt(a, b)))
        pair = T.and_(p.inside(i), p.inside(j), T.lt(i, j))
        there = T.and_(p.inside(a), T.eq(place(a), i))
        back = source(place(i))
        alike = [
            T.eq(x, y) for x, y in zip(_leaves(at(seq, back)), _leaves(at(seq, i)), strict=True)
        ]
        here = T.and_(p.inside(place(i)), T.eq(back, i), *alike)
        return [
            T.quantify("forall", [i, j], T.implies(pair, ordered)),
            T.quantify("forall", [i], T.implies(p.inside(i), there)),
            T.quantify("forall", [i], T.implies(p.inside(i), here)),
        ]

    T.definitions()[f"{p.name}.from"] = T.definitions()[f"{p.name}.to"] = Listed(facts)
    return Seq((View(lambda k: at(seq, source(k)), T.num(0), seq.length),))


def extreme_by(m: Machine, kind: str, seq: Seq, key: Value | None, line: int) -> Value:
    """The first element with the largest (or smallest) key; there must be one."""
    p = _keyed(m, seq, key, kind, line)
    place = T.app(p.name, [T.num(0)], INT)
    j = T.fresh_bvar()

    def better(a: Term, b: Term) -> Term:
        return p.less(b, a) if kind == "max" else p.less(a, b)

    def facts() -> list[Term]:
        some = T.lt(T.num(0), seq.length)
        most = p.less(j, place, False) if kind == "max" else p.less(place, j, False)
        none = T.implies(p.inside(j), most)
        first = T.implies(T.and_(p.inside(j), T.lt(j, place)), better(place, j))
        return [
            T.implies(some, p.inside(place)),
            T.implies(some, T.quantify("forall", [j], none)),
            T.implies(some, T.quantify("forall", [j], first)),
        ]

    T.definitions()[p.name] = Listed(facts)
    return at(seq, place)


def _keyed(m: Machine, seq: Seq, key: Value | None, what: str, line: int) -> _Keyed:
    if m.binding or m.under_binder:
        raise Unsupported("an order by a key inside a comprehension", line)
    hole = T.fresh_bvar()
    within = T.and_(T.le(T.num(0), hole), T.lt(hole, seq.length))
    with comprehension.scope(m), m.binder(hole, within):
        element = m.held(at(seq, hole))
        try:
            own = element if key is None else m.plain(call_value(m, key, [element], line))
        except Dead:
            raise Unsupported("a key that no element has", line) from None
    if not _has_order(own):
        raise Unsupported("an order by such keys, of unknown length", line)
    name = folds.form_name(what, hole, [element, own], [seq.length])
    return _Keyed(seq, lambda k: put(own, {hole.id: k}), name)


def _has_order(value: Value) -> bool:
    """Whether values of this kind are put in one order: no floats (NaN), nothing of two kinds."""
    if isinstance(value, TupleV):
        return all(map(_has_order, value.items))
    return isinstance(value, IntV | BoolV | StrV)


def _leaves(value: Value) -> list[Term]:
    """Integers that are read where the value is read."""
    if isinstance(value, IntV):
        return [value.term]
    if isinstance(value, TupleV):
        return [leaf for item in value.items for leaf in _leaves(item)]
    if isinstance(value, StrV | ListV):
        length = value.seq.length
        letter = at(value.seq, T.num(0)) if T.literal(length) == 1 else NoneV()
        return [letter.term] if isinstance(letter, IntV) else [length]
    return []
