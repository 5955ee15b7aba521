"""Choosing between two values, comparing them, and putting terms in place of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from judge.symbolic import term as T
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
    origin,
)


def merge(c: Term, a: Value, b: Value) -> Value:
    """The value that is ``a`` where ``c`` holds and ``b`` elsewhere."""
    if T.is_true(c) or a is b:
        return a
    if T.is_false(c):
        return b
    if isinstance(a, TypeV | LambdaV | BuiltinV | ImportedV) and same(a, b):
        return a
    if isinstance(a, Forgotten) or isinstance(b, Forgotten):
        return Forgotten()
    if isinstance(a, IntV) and isinstance(b, IntV):
        return IntV(T.ite(c, a.term, b.term))
    if isinstance(a, BoolV) and isinstance(b, BoolV):
        return BoolV(T.ite(c, a.term, b.term))
    if isinstance(a, FloatV) and isinstance(b, FloatV):
        return FloatV(T.ite(c, a.term, b.term))
    if isinstance(a, NoneV) and isinstance(b, NoneV):
        return a
    if isinstance(a, StrV) and isinstance(b, StrV):
        return StrV(merge_seq(c, a.seq, b.seq))
    if isinstance(a, ListV) and isinstance(b, ListV):
        fresh, owned = a.fresh and b.fresh, a.owned and b.owned
        return ListV(merge_seq(c, a.seq, b.seq), fresh, owned, origin(a) | origin(b))
    if isinstance(a, TupleV) and isinstance(b, TupleV) and len(a.items) == len(b.items):
        return TupleV(tuple(merge(c, x, y) for x, y in zip(a.items, b.items, strict=True)))
    if isinstance(a, DictV) and isinstance(b, DictV):
        return _merge_dict(c, a, b)
    if isinstance(a, SetV) and isinstance(b, SetV):
        return _merge_set(c, a, b)
    if isinstance(a, RangeV) and isinstance(b, RangeV) and a.step == b.step != 0:
        return RangeV(T.ite(c, a.start, b.start), T.ite(c, a.stop, b.stop), a.step)
    return _choice(c, a, b)


def _merge_dict(c: Term, a: DictV, b: DictV) -> DictV:
    if a.key is None and b.key is None:
        return replace(a, fresh=a.fresh and b.fresh, homes=origin(a) | origin(b))
    from judge.symbolic.shapes import join_optional

    if (a.default is None) != (b.default is None):
        raise Unsupported("a value that is a defaultdict on some paths")
    if a.default is not None and b.default is not None and not same(a.default, b.default):
        raise Unsupported("a value that is a defaultdict on some paths")
    return DictV(
        lambda k: T.ite(c, a.has(k), b.has(k)),
        lambda k: (
            b.get(k)
            if a.key is None
            else a.get(k)
            if b.key is None
            else merge(c, a.get(k), b.get(k))
        ),
        join_optional(a.key, b.key),  # type: ignore[arg-type]
        join_optional(a.value, b.value),  # type: ignore[arg-type]
        fresh=a.fresh and b.fresh,
        entries=_merge_entries(c, a, b),
        default=a.default,
        owned=a.owned and b.owned,
        homes=origin(a) | origin(b),
        listing=_merge_listing(c, a, b),
        by_code=True,
    )


def _merge_listing(c: Term, a: DictV, b: DictV) -> tuple[Seq, Seq] | None:
    from judge.symbolic.dicts import listing_of

    one, other = listing_of(a), listing_of(b)
    if one is None or other is None:
        return None
    keys = merge_seq(c, one[0], other[0])

    def get(j: Term) -> Value:
        if not one[1].pieces or not other[1].pieces:
            return at(other[1] if not one[1].pieces else one[1], j)
        return merge(c, at(one[1], j), at(other[1], j))

    return keys, Seq((View(get, T.num(0), keys.length),))


def _merge_entries(c: Term, a: DictV, b: DictV) -> tuple[tuple[Value, Value], ...] | None:
    if a.entries is None or b.entries is None or len(a.entries) != len(b.entries):
        return None
    pairs = list(zip(a.entries, b.entries, strict=True))
    if not all(same(x[0], y[0]) for x, y in pairs):
        return None
    return tuple((x[0], merge(c, x[1], y[1])) for x, y in pairs)


def _merge_set(c: Term, a: SetV, b: SetV) -> SetV:
    fresh, homes = a.fresh and b.fresh, origin(a) | origin(b)
    if same(a, b):
        return replace(a, fresh=fresh, homes=homes)
    element = a.element if b.element is None else b.element
    if a.element is not None and b.element is not None and a.element != b.element:
        raise Unsupported("a set of different kinds on different paths")
    return SetV(lambda v: T.ite(c, a.has(v), b.has(v)), None, None, element, fresh, homes)


def _choice(c: Term, a: Value, b: Value) -> Value:
    """A value of two kinds; alternatives of one kind are merged, so the list stays short."""
    for value in (a, b):
        if isinstance(
            value, Ref | SetV | IterV | DictViewV | TypeV | LambdaV | BuiltinV | ImportedV
        ):
            raise Unsupported("a value that is of different kinds on different paths")
    options: list[tuple[Term, Value]] = []
    for side, value in ((c, a), (T.not_(c), b)):
        parts = value.options if isinstance(value, Choice) else ((T.true(), value),)
        for condition, part in parts:
            both = T.and_(side, condition)
            if T.is_false(both):
                continue
            for n, (old_condition, old) in enumerate(options):
                if _one_kind(old, part):
                    options[n] = (T.or_(old_condition, both), merge(old_condition, old, part))
                    break
            else:
                options.append((both, part))
    return options[0][1] if len(options) == 1 else Choice(tuple(options))


def _one_kind(a: Value, b: Value) -> bool:
    if isinstance(a, TupleV) and isinstance(b, TupleV):
        return len(a.items) == len(b.items)
    return type(a) is type(b)


def merge_seq(c: Term, a: Seq, b: Seq) -> Seq:
    """Common pieces stay as they are; what differs at the end becomes one chosen view."""
    n = 0
    while n < min(len(a.pieces), len(b.pieces)) and same_piece(a.pieces[n], b.pieces[n]):
        n += 1
    rest_a, rest_b = Seq(a.pieces[n:]), Seq(b.pieces[n:])
    if not rest_a.pieces and not rest_b.pieces:
        return b
    if len(rest_a.pieces) == len(rest_b.pieces):
        pairs = list(zip(rest_a.pieces, rest_b.pieces, strict=True))
        if all(isinstance(x, Single) and isinstance(y, Single) for x, y in pairs):
            ones = [Single(merge(c, x.at(T.num(0)), y.at(T.num(0)))) for x, y in pairs]
            return Seq((*a.pieces[:n], *ones))
    length = T.ite(c, rest_a.length, rest_b.length)

    def get(j: Term) -> Value:
        if not rest_a.pieces:
            return at(rest_b, j)
        if not rest_b.pieces:
            return at(rest_a, j)
        return merge(c, at(rest_a, j), at(rest_b, j))

    return Seq((*a.pieces[:n], View(get, T.num(0), length)))


def at(seq: Seq, index: Term) -> Value:
    """Element ``index``, which must lie within the sequence."""
    if not seq.pieces:
        raise Unsupported("an element of an empty list")
    start = T.num(0)
    candidates: list[tuple[Term, Value]] = []
    for piece in seq.pieces:
        end = T.add(start, piece.length)
        inside = T.lt(index, end)
        if not T.is_false(inside):
            candidates.append((inside, piece.at(T.sub(index, start))))
            if T.is_true(inside):
                break
        start = end
    if not candidates:
        return seq.pieces[-1].at(T.num(0))
    result = candidates[-1][1]
    for inside, value in candidates[-2::-1]:
        result = merge(inside, value, result)
    return result


def same_piece(a: Piece, b: Piece) -> bool:
    """Whether two pieces are literally the same."""
    if a is b:
        return True
    if isinstance(a, Single) and isinstance(b, Single):
        return same(a.value, b.value)
    if isinstance(a, View) and isinstance(b, View):
        if a.lo is not b.lo or a.hi is not b.hi:
            return False
        probe = T.fresh_bvar()
        return a.get is b.get or same(a.get(probe), b.get(probe))
    return False


def same(a: Value, b: Value) -> bool:
    """Whether two values are literally the same (a sufficient test of equality)."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, IntV | BoolV | FloatV) and isinstance(b, IntV | BoolV | FloatV):
        return a.term is b.term
    if isinstance(a, NoneV | Unbound | Forgotten):
        return True
    if isinstance(a, TypeV) and isinstance(b, TypeV):
        return a.name == b.name
    if isinstance(a, BuiltinV) and isinstance(b, BuiltinV):
        return a.name == b.name
    if isinstance(a, ImportedV) and isinstance(b, ImportedV):
        return a.path == b.path
    if isinstance(a, LambdaV) and isinstance(b, LambdaV):
        return (
            a.node is b.node
            and a.closure.keys() == b.closure.keys()
            and all(same(v, b.closure[n]) for n, v in a.closure.items())
        )
    if isinstance(a, Ref) and isinstance(b, Ref):
        return a.address == b.address
    if isinstance(a, RangeV) and isinstance(b, RangeV):
        return (a.start, a.stop, a.step, a.stride) == (b.start, b.stop, b.step, b.stride)
    if isinstance(a, TupleV) and isinstance(b, TupleV):
        return len(a.items) == len(b.items) and all(map(same, a.items, b.items))
    if isinstance(a, ListV | StrV) and isinstance(b, ListV | StrV):
        return len(a.seq.pieces) == len(b.seq.pieces) and all(
            map(same_piece, a.seq.pieces, b.seq.pieces)
        )
    if isinstance(a, DictV) and isinstance(b, DictV):
        return _same_dict(a, b)
    if isinstance(a, SetV) and isinstance(b, SetV):
        if a.entries is None or b.entries is None:
            return a.has is b.has
        return len(a.entries) == len(b.entries) and all(map(same, a.entries, b.entries))
    if isinstance(a, Choice) and isinstance(b, Choice):
        return len(a.options) == len(b.options) and all(
            x[0] is y[0] and same(x[1], y[1]) for x, y in zip(a.options, b.options, strict=True)
        )
    return False


def _same_dict(a: DictV, b: DictV) -> bool:
    if (a.default is None) != (b.default is None):
        return False
    if a.entries is None or b.entries is None:
        return a.has is b.has and a.get is b.get
    return len(a.entries) == len(b.entries) and all(
        same(x[0], y[0]) and same(x[1], y[1]) for x, y in zip(a.entries, b.entries, strict=True)
    )


def put(value: Value, mapping: Mapping[int, Term]) -> Value:
    """Put terms in place of others (by identity) all through a value."""
    if isinstance(value, IntV):
        return IntV(T.substitute(value.term, mapping))
    if isinstance(value, BoolV):
        return BoolV(T.substitute(value.term, mapping))
    if isinstance(value, FloatV):
        return FloatV(T.substitute(value.term, mapping))
    if isinstance(value, TupleV):
        return TupleV(tuple(put(v, mapping) for v in value.items))
    if isinstance(value, StrV):
        return StrV(put_seq(value.seq, mapping))
    if isinstance(value, ListV):
        return ListV(put_seq(value.seq, mapping))
    if isinstance(value, RangeV):
        return RangeV(
            T.substitute(value.start, mapping),
            T.substitute(value.stop, mapping),
            value.step,
            None if value.stride is None else T.substitute(value.stride, mapping),
        )
    if isinstance(value, Choice):
        return Choice(tuple((T.substitute(c, mapping), put(v, mapping)) for c, v in value.options))
    if isinstance(value, NoneV | Unbound | TypeV):
        return value
    raise Unsupported(f"a {type(value).__name__.removesuffix('V').lower()} that varies by element")


def put_seq(seq: Seq, mapping: Mapping[int, Term]) -> Seq:
    """As ``put``, for a sequence."""
    return Seq(tuple(_put_piece(p, mapping) for p in seq.pieces))


def _put_piece(piece: Piece, mapping: Mapping[int, Term]) -> Piece:
    if isinstance(piece, Single):
        return Single(put(piece.value, mapping))
    if isinstance(piece, Filtered):
        from judge.symbolic.folds import filtered

        value, keep = piece.value, piece.keep
        return filtered(
            lambda j: _put_at(value, j, mapping),
            lambda j: _put_term(keep, j, mapping),
            T.substitute(piece.start, mapping),
            T.substitute(piece.stop, mapping),
        )
    get = piece.get
    return View(
        lambda j: _put_at(get, j, mapping),
        T.substitute(piece.lo, mapping),
        T.substitute(piece.hi, mapping),
    )


def _put_at(get: object, j: Term, mapping: Mapping[int, Term]) -> Value:
    """Evaluate at a fresh index first, so that ``j`` itself is not touched by the mapping."""
    assert callable(get)
    hole = T.fresh_bvar()
    value = get(hole)
    assert isinstance(value, Value)
    return put(put(value, mapping), {hole.id: j})


def _put_term(get: object, j: Term, mapping: Mapping[int, Term]) -> Term:
    value = _put_at(lambda k: BoolV(get(k)), j, mapping)  # type: ignore[operator]
    assert isinstance(value, BoolV)
    return value.term
