"""Unknown dicts and sets: what is a member is a function of a few integers, the key's code.

Integers, truth values, single letters and tuples of these have a code each; two keys of one shape
are equal exactly when their codes are. An unknown dict also lists its keys in order: where a
formula speaks of that list, it gets what ties the two together. Keys without a code (texts of any
length) are only listed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from judge.symbolic import term as T
from judge.symbolic.shapes import (
    BOOL_SHAPE,
    CHAR_SHAPE,
    INT_SHAPE,
    DictShape,
    Scalar,
    SetShape,
    Shape,
    TupleShape,
    leaf,
    unknown,
    unknown_seq,
)
from judge.symbolic.term import BOOL, INT, Term
from judge.symbolic.values import (
    BoolV,
    DictV,
    IntV,
    NoneV,
    Seq,
    SetV,
    Single,
    StrV,
    TupleV,
    Unsupported,
    Value,
    View,
)

MAX_CODE = 4
"""Integers in the code of a key at most."""


def places(shape: object) -> int | None:
    """How many integers the code of a key of that shape has; None where it has no code."""
    if isinstance(shape, Scalar):
        return 1 if shape in (INT_SHAPE, BOOL_SHAPE, CHAR_SHAPE) else None
    if isinstance(shape, TupleShape):
        counts = [places(s) for s in shape.items]
        total = sum(c for c in counts if c is not None)
        return total if None not in counts and 0 < total <= MAX_CODE else None
    return None


def code(shape: Shape, key: Value) -> tuple[Term, list[Term]]:
    """(whether the key can equal one of that shape, the integers of its code)."""
    if isinstance(shape, TupleShape):
        return _tuple_code(shape, key)
    if isinstance(key, IntV | BoolV) and shape != CHAR_SHAPE:
        number = key.term if isinstance(key, IntV) else T.ite(key.term, T.num(1), T.num(0))
        bools = T.and_(T.le(T.num(0), number), T.le(number, T.num(1)))
        return bools if shape == BOOL_SHAPE else T.true(), [number]
    if isinstance(key, StrV) and shape == CHAR_SHAPE:
        return _letter_code(key)
    if isinstance(key, StrV | TupleV | NoneV | IntV | BoolV):
        return T.false(), [T.num(0)]
    raise Unsupported("membership of such a value")


def _letter_code(key: StrV) -> tuple[Term, list[Term]]:
    from judge.symbolic.merge import at

    one = T.eq(key.seq.length, T.num(1))
    if T.is_false(one) or not key.seq.pieces:
        return T.false(), [T.num(0)]
    letter = at(key.seq, T.num(0))
    assert isinstance(letter, IntV)
    return one, [letter.term]


def _tuple_code(shape: TupleShape, key: Value) -> tuple[Term, list[Term]]:
    if not isinstance(key, TupleV) or len(key.items) != len(shape.items):
        if not isinstance(key, TupleV | StrV | NoneV | IntV | BoolV):
            raise Unsupported("membership of such a value")
        return T.false(), [T.num(0)] * (places(shape) or 1)
    guards, integers = [], []
    for part, item in zip(shape.items, key.items, strict=True):
        fits, own = code(part, item)
        guards.append(fits)
        integers += own
    return T.and_(*guards), integers


def decode(shape: Shape, integers: list[Term]) -> Value:
    """The key of that shape with that code."""
    if isinstance(shape, TupleShape):
        items, rest = [], list(integers)
        for part in shape.items:
            size = places(part) or 0
            items.append(decode(part, rest[:size]))
            rest = rest[size:]
        return TupleV(tuple(items))
    (number,) = integers
    if shape == BOOL_SHAPE:
        return BoolV(T.eq(number, T.num(1)))
    return StrV(Seq((Single(IntV(number)),))) if shape == CHAR_SHAPE else IntV(number)


def any_key(shape: Shape) -> tuple[list[Term], Value]:
    """(bound variables, the key that they are the code of)."""
    holes = [T.fresh_bvar() for _ in range(places(shape) or 0)]
    return holes, decode(shape, holes)


# ---------------------------------------------------------------- unknown ones


def unknown_set(shape: SetShape, name: str, indices: tuple[Term, ...]) -> Value:
    """Any set of that shape."""
    element = shape.element
    if element is None and not indices:
        return SetV(lambda v: T.false(), Seq(), (), None)
    if indices or element is None or places(element) is None:
        raise Unsupported("a set of such members, of which nothing else is known")

    def has(member: Value) -> Term:
        fits, integers = code(element, member)
        return T.and_(fits, leaf(f"{name}.has", BOOL, tuple(integers)))

    return SetV(has, None, None, element)


def unknown_dict(shape: DictShape, name: str, indices: tuple[Term, ...]) -> Value:
    """Any dict of that shape."""
    if indices or shape.key is None or shape.value is None:
        if shape.key is None and not indices:
            return DictV(lambda k: T.false(), lambda k: NoneV(), None, None, default=shape.default)
        raise Unsupported("a dict inside another container")
    key, value = shape.key, shape.value
    if places(key) is None:
        if shape.default is not None:
            raise Unsupported("a defaultdict or Counter with such keys")
        return _only_listed(key, value, name)

    def has(wanted: Value) -> Term:
        fits, integers = code(key, wanted)
        return T.and_(fits, leaf(f"{name}.has", BOOL, tuple(integers)))

    def get(wanted: Value) -> Value:
        return unknown(value, f"{name}.value", tuple(code(key, wanted)[1]))

    return DictV(has, get, key, value, default=shape.default)


def _only_listed(key: Shape, value: Shape, name: str) -> DictV:
    """A dict of keys without a code: what is listed, and no look-up."""
    from judge.symbolic.compare import contains

    keys = unknown_seq(key, f"{name}.key", ())
    values = View(lambda j: unknown(value, f"{name}.value.at", (j,)), T.num(0), keys.length)

    def get(wanted: Value) -> Value:
        raise Unsupported("looking up such a key in an unknown dict")

    return DictV(lambda k: contains(k, keys), get, key, value, listing=(keys, Seq((values,))))


# ---------------------------------------------------------------- their keys in order


@dataclass(frozen=True, slots=True)
class Listed:
    """What ties the list of a dict's keys to the dict: stated where a formula speaks of the list.

    ``facts`` makes it anew, since it may itself ask for what is known of other functions.
    """

    facts: Callable[[], list[Term]]


def listed(name: str, value: DictV) -> tuple[DictV, list[Term]]:
    """An unknown dict with its keys in order, and what ties the two together.

    Every key is listed once: ``place`` says where.
    """
    if value.listing is not None:
        return value, _distinct_keys(value.listing[0])
    if value.key != INT_SHAPE:
        return with_listing(name, value), []
    keys = unknown_seq(INT_SHAPE, f"{name}.key", ())
    values = Seq((View(lambda j: value.get(keys.pieces[0].at(j)), T.num(0), keys.length),))
    return replace(value, listing=(keys, values)), _ties(name, value, keys)


def with_listing(name: str, value: DictV) -> DictV:
    """The unknown dict with its keys in order, where they have a code."""
    shape = value.key
    size = places(shape)
    if size is None or value.listing is not None or value.entries is not None:
        return value

    def key(j: Term) -> Value:
        integers = [T.app(f"{name}.key.{n}", [j], INT) for n in range(size)]
        return decode(shape, integers)  # type: ignore[arg-type]

    keys = Seq((View(key, T.num(0), T.app(f"{name}.size", [T.num(0)], INT)),))
    values = Seq((View(lambda j: value.get(key(j)), T.num(0), keys.length),))
    tied = Listed(lambda: _ties(name, value, keys))
    for own in ("size", "place", *(f"key.{n}" for n in range(size))):
        T.definitions()[f"{name}.{own}"] = tied
    return replace(value, listing=(keys, values), by_code=True)


def any_of(shape: Shape, name: str) -> Value:
    """Any value of a shape, as a loop leaves it; a dict's keys have an order."""
    value = unknown(shape, name)
    return with_listing(name, value) if isinstance(value, DictV) else value


def _ties(name: str, value: DictV, keys: Seq) -> list[Term]:
    shape = value.key
    holes, key = any_key(shape)  # type: ignore[arg-type]
    j = T.fresh_bvar()
    listed_key = keys.pieces[0].at(j)
    own = code(shape, listed_key)[1]  # type: ignore[arg-type]
    within = T.and_(T.le(T.num(0), j), T.lt(j, keys.length))
    here = T.and_(value.has(listed_key), T.eq(T.app(f"{name}.place", own, INT), j))
    wanted = code(shape, key)[1]  # type: ignore[arg-type]
    place = T.app(f"{name}.place", wanted, INT)
    found = code(shape, keys.pieces[0].at(place))[1]  # type: ignore[arg-type]
    alike = T.and_(*(T.eq(a, b) for a, b in zip(found, wanted, strict=True)))
    there = T.and_(T.le(T.num(0), place), T.lt(place, keys.length), alike)
    return [
        T.le(T.num(0), keys.length),
        T.quantify("forall", [j], T.implies(within, here)),
        T.quantify("forall", holes, T.implies(value.has(key), there)),
    ]


def _distinct_keys(keys: Seq) -> list[Term]:
    from judge.symbolic.compare import element_equal

    i, j = T.fresh_bvar(), T.fresh_bvar()
    at = keys.pieces[0].at
    within = T.and_(T.le(T.num(0), i), T.lt(i, j), T.lt(j, keys.length))
    differ = T.not_(element_equal(at(i), at(j)))
    apart = T.quantify("forall", [i, j], T.implies(within, differ))
    return [T.le(T.num(0), keys.length), apart]
