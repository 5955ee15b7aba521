"""Equality, order and membership, with Python's meaning across kinds.

``True == 1``; ``1 == "1"`` is false and no error; ``1 < "1"`` is a TypeError. Sequences compare
element by element, strings by code point.
"""

from __future__ import annotations

from collections.abc import Callable

from judge.symbolic import floats
from judge.symbolic import term as T
from judge.symbolic.merge import at, same, same_piece
from judge.symbolic.numbers import as_int
from judge.symbolic.term import Term
from judge.symbolic.values import (
    BoolV,
    BuiltinV,
    Choice,
    DictV,
    DictViewV,
    Filtered,
    FloatV,
    Forgotten,
    Getter,
    ImportedV,
    IntV,
    IterV,
    LambdaV,
    ListV,
    NoneV,
    Piece,
    RangeV,
    Ref,
    Seq,
    SetV,
    Single,
    StrV,
    TupleV,
    TypeV,
    Unbound,
    Unsupported,
    Value,
    View,
)

UNROLL = 16


def range_seq(r: RangeV) -> Seq:
    """A range as a sequence: element number j is ``start + step*j``."""
    count = range_length(r)
    if (stride := r.stride) is not None:
        return Seq((View(lambda j: IntV(T.add(r.start, T.mul(stride, j))), T.num(0), count),))
    if r.step == 1 and T.literal(count) is None:
        return Seq((View(IntV, r.start, T.add(r.start, count)),))
    return Seq((View(lambda j: IntV(T.add(r.start, T.mul(T.num(r.step), j))), T.num(0), count),))


def range_length(r: RangeV) -> Term:
    """How many numbers a range has."""
    if r.stride is not None:
        span = T.sub(r.stop, r.start)
        return T.ite(T.lt(T.num(0), span), pieces_of(span, r.stride), T.num(0))
    if r.step > 0:
        gap = T.sub(r.stop, r.start)
    else:
        gap = T.sub(r.start, r.stop)
    size = abs(r.step)
    whole = T.floordiv(T.add(gap, T.num(size - 1)), T.num(size))
    return T.ite(T.lt(T.num(0), gap), whole, T.num(0))


def pieces_of(length: Term, size: Term) -> Term:
    """How many pieces of that positive size cover a length that is not negative."""
    return T.floordiv(T.sub(T.add(length, size), T.num(1)), size)


def as_seq(value: Value) -> Seq | None:
    """The elements of a list, string, tuple or range; None for other values.

    The elements of a string are code points here, not strings.
    """
    if isinstance(value, ListV | StrV):
        return value.seq
    if isinstance(value, TupleV):
        return Seq(tuple(Single(v) for v in value.items))
    if isinstance(value, RangeV):
        return range_seq(value)
    if isinstance(value, IterV):
        return value.items
    return None


def equal(a: Value, b: Value) -> Term:
    """Python's ``==``."""
    if isinstance(a, Unbound | Forgotten) or isinstance(b, Unbound | Forgotten):
        raise Unsupported("a comparison of a variable that may be unbound")
    if isinstance(a, Choice) or isinstance(b, Choice):
        return _equal_choice(a, b, equal)
    if isinstance(a, FloatV) or isinstance(b, FloatV):
        return floats.equal(a, b)
    x, y = as_int(a), as_int(b)
    if x is not None and y is not None:
        return T.eq(x, y)
    if isinstance(a, NoneV) and isinstance(b, NoneV):
        return T.true()
    if (isinstance(a, StrV) and isinstance(b, StrV)) or (
        isinstance(a, ListV) and isinstance(b, ListV)
    ):
        return equal_seq(a.seq, b.seq)
    if isinstance(a, TupleV) and isinstance(b, TupleV):
        if len(a.items) != len(b.items):
            return T.false()
        return T.and_(*map(element_equal, a.items, b.items))
    if isinstance(a, RangeV) and isinstance(b, RangeV):
        return equal_seq(range_seq(a), range_seq(b))
    if isinstance(a, DictV) and isinstance(b, DictV):
        from judge.symbolic.dicts import equal_dicts

        return equal_dicts(a, b)
    if isinstance(a, SetV) and isinstance(b, SetV):
        from judge.symbolic.sets import equal_sets

        return equal_sets(a, b)
    if type(a) is type(b) or _opaque(a) or _opaque(b):
        raise Unsupported(f"equality of {_kind(a)} and {_kind(b)}")
    return T.false()


def element_equal(a: Value, b: Value) -> Term:
    """Equality as containers use it: identity first, which matters for NaN alone."""
    if isinstance(a, FloatV) and isinstance(b, FloatV):
        return floats.equal_or_identical(a, b)
    if isinstance(a, Choice) or isinstance(b, Choice):
        return _equal_choice(a, b, element_equal)
    return equal(a, b)


def _one_object(piece: Piece) -> bool:
    """Whether what literally reads alike is the same object wherever that matters, for NaN."""
    probe = T.bvar("probe")
    return _steady(piece.value if isinstance(piece, Single) else piece.get(probe))


def _steady(value: Value) -> bool:
    if isinstance(value, FloatV):
        return floats.one_object(value.term)
    if isinstance(value, TupleV):
        return all(map(_steady, value.items))
    if isinstance(value, Choice):
        return all(_steady(v) for _, v in value.options)
    if isinstance(value, ListV):
        return all(map(_one_object, value.seq.pieces))
    return isinstance(value, IntV | BoolV | StrV | NoneV)


def _opaque(value: Value) -> bool:
    """Values that some other kind may equal, or that are compared by identity."""
    return isinstance(value, DictViewV | IterV | Ref | LambdaV | BuiltinV | ImportedV | TypeV)


def _kind(value: Value) -> str:
    return type(value).__name__.removesuffix("V").lower()


def _equal_choice(a: Value, b: Value, test: Callable[[Value, Value], Term]) -> Term:
    xs = a.options if isinstance(a, Choice) else ((T.true(), a),)
    ys = b.options if isinstance(b, Choice) else ((T.true(), b),)
    cases = [T.and_(c, d, test(x, y)) for c, x in xs for d, y in ys if not T.is_false(T.and_(c, d))]
    return T.or_(*cases)


def equal_seq(a: Seq, b: Seq) -> Term:
    """Same length and the same elements; leading pieces that are literally alike drop out."""
    n = 0
    while n < min(len(a.pieces), len(b.pieces)) and _alike(a.pieces[n], b.pieces[n]):
        n += 1
    a, b = Seq(a.pieces[n:]), Seq(b.pieces[n:])
    lengths = T.eq(a.length, b.length)
    if T.is_false(lengths) or (not a.pieces and not b.pieces):
        return lengths
    size = T.literal(a.length)
    if size is None:
        size = T.literal(b.length)
    if size is not None and size <= UNROLL:
        items = [element_equal(at(a, T.num(k)), at(b, T.num(k))) for k in range(size)]
        return T.and_(lengths, *items)
    if not a.pieces or not b.pieces:
        return lengths
    first = _prefix_alike(a, b)
    if first is not None:
        return T.and_(lengths, first)
    k = T.fresh_bvar()
    inside = T.and_(T.le(T.num(0), k), T.lt(k, a.length))
    each = T.implies(inside, element_equal(at(a, k), at(b, k)))
    return T.and_(lengths, T.quantify("forall", [k], each))


def _alike(x: Piece, y: Piece) -> bool:
    return same_piece(x, y) and _one_object(x)


def _prefix_alike(a: Seq, b: Seq) -> Term | None:
    """Views over the same elements from the same start are equal when their lengths are."""
    x, y = a.pieces[0], b.pieces[0]
    if len(a.pieces) == len(b.pieces) == 1 and isinstance(x, View) and isinstance(y, View):
        if isinstance(x, Filtered) != isinstance(y, Filtered):
            return None
        probe = T.fresh_bvar()
        if x.lo is y.lo and same(x.get(probe), y.get(probe)) and _one_object(x):
            return T.true()
    return None


def _among_literals(needle: Value, seq: Seq) -> Term | None:
    """Whether an integer is one of several literals: by ranges, in whatever order they come."""
    number = as_int(needle)
    if number is None or T.literal(number) is not None or len(seq.pieces) < 2:
        return None
    found: set[int] = set()
    for piece in seq.pieces:
        value = as_int(piece.value) if isinstance(piece, Single) else None
        literal = None if value is None else T.literal(value)
        if literal is None:
            return None
        found.add(int(literal))
    cases: list[Term] = []
    ordered = sorted(found)
    first = 0
    for place in range(1, len(ordered) + 1):
        if place < len(ordered) and ordered[place] == ordered[place - 1] + 1:
            continue
        low, high = ordered[first], ordered[place - 1]
        if high - low < 2:
            cases += [T.eq(number, T.num(k)) for k in range(low, high + 1)]
        else:
            cases.append(T.and_(T.le(T.num(low), number), T.le(number, T.num(high))))
        first = place
    return T.or_(*cases)


def contains(needle: Value, seq: Seq) -> Term:
    """Python's ``in`` for lists and tuples (identity without equality is for NaN alone)."""
    known = _among_literals(needle, seq)
    if known is not None:
        return known
    cases = []
    for piece in seq.pieces:
        if isinstance(piece, Single):
            cases.append(element_equal(needle, piece.value))
        else:
            cases.append(exists(piece, lambda v: element_equal(needle, v)))
    return T.or_(*cases)


def exists(piece: View, test: Callable[[Value], Term]) -> Term:
    """Whether some element of a view passes."""
    lo, hi, get, keep = bounds_of(piece)
    a, b = T.literal(lo), T.literal(hi)
    if a is not None and b is not None and b - a <= UNROLL:
        return T.or_(*(T.and_(keep(T.num(j)), test(get(T.num(j)))) for j in range(a, b)))
    k = T.fresh_bvar()
    inside = T.and_(T.le(lo, k), T.lt(k, hi), keep(k))
    return T.quantify("exists", [k], T.and_(inside, test(get(k))))


def bounds_of(piece: View) -> tuple[Term, Term, Getter, Callable[[Term], Term]]:
    """Where a view's elements come from: low, high, element, and which are kept."""
    if isinstance(piece, Filtered):
        return piece.start, piece.stop, piece.value, piece.keep
    return piece.lo, piece.hi, piece.get, lambda j: T.true()


def less(a: Value, b: Value, strict: bool) -> Term | None:
    """``a < b`` (or ``<=``), or None where Python raises TypeError."""
    if isinstance(a, FloatV) or isinstance(b, FloatV):
        return floats.less(a, b, strict)
    x, y = as_int(a), as_int(b)
    if x is not None and y is not None:
        return T.lt(x, y) if strict else T.le(x, y)
    if isinstance(a, TupleV) and isinstance(b, TupleV):
        return _less_tuple(a.items, b.items, strict)
    if (isinstance(a, StrV) and isinstance(b, StrV)) or (
        isinstance(a, ListV) and isinstance(b, ListV)
    ):
        return _less_seq(a.seq, b.seq, strict)
    if isinstance(a, Choice) or isinstance(b, Choice):
        raise Unsupported("an order between values of several kinds")
    return None


def _less_tuple(a: tuple[Value, ...], b: tuple[Value, ...], strict: bool) -> Term | None:
    if not a or not b:
        return T.boolean(bool(b) if strict else not a)
    first, rest = less(a[0], b[0], True), _less_tuple(a[1:], b[1:], strict)
    if first is None or rest is None:
        # Equal elements are passed over and later ones perhaps not met: no error is certain.
        raise Unsupported("an order of tuples whose elements may have none")
    if T.is_false(rest):
        return first
    return T.or_(first, T.and_(element_equal(a[0], b[0]), rest))


def _less_seq(a: Seq, b: Seq, strict: bool) -> Term | None:
    """Lexicographic: a proper prefix, or the first difference is smaller."""
    if not a.pieces or not b.pieces:
        x, y = a.length, b.length
        return T.lt(x, y) if strict else T.le(x, y)
    m, n = T.literal(a.length), T.literal(b.length)
    if m is not None and n is not None and max(m, n) <= UNROLL:
        left = tuple(at(a, T.num(k)) for k in range(m))
        return _less_tuple(left, tuple(at(b, T.num(k)) for k in range(n)), strict)
    k, j = T.fresh_bvar(), T.fresh_bvar()

    def alike_before(limit: Term) -> Term:
        inside = T.and_(T.le(T.num(0), j), T.lt(j, limit))
        return T.quantify("forall", [j], T.implies(inside, element_equal(at(a, j), at(b, j))))

    smaller = less(at(a, k), at(b, k), True)
    if smaller is None:
        raise Unsupported("an order of lists whose elements may have none")
    inside = T.and_(T.le(T.num(0), k), T.lt(k, a.length), T.lt(k, b.length))
    differs = T.quantify("exists", [k], T.and_(inside, smaller, alike_before(k)))
    shorter = T.lt(a.length, b.length) if strict else T.le(a.length, b.length)
    return T.or_(differs, T.and_(shorter, alike_before(a.length)))
