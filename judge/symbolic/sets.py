"""Sets: members without an order.

Members are kept apart where it is known which are equal (literals, and runs of paths); else a set
is its membership alone, and whatever asks for its size or members is refused. What it is not:
iteration, whose order CPython leaves open; only what does not depend on it may go through members.
"""

from __future__ import annotations

from collections.abc import Callable

from judge.symbolic import term as T
from judge.symbolic.compare import contains, element_equal
from judge.symbolic.keyed import any_key, places
from judge.symbolic.machine import Machine
from judge.symbolic.shapes import Scalar, join, key_shape, precise_element
from judge.symbolic.term import Term
from judge.symbolic.values import (
    DictV,
    ListV,
    Ref,
    Seq,
    SetV,
    Single,
    TupleV,
    Unsupported,
    Value,
)

OTHER = Scalar("other")
"""Stands for members whose kinds have no shape, so that they are not taken for none at all."""


def of_distinct(members: tuple[Value, ...], fresh: bool = True) -> SetV:
    """The set of some values that are known to differ."""
    seq = Seq(tuple(map(Single, members)))
    return SetV(lambda v: contains(v, seq), seq, members, precise_element(seq), fresh)


def of_seq(m: Machine, seq: Seq, line: int) -> SetV:
    """``set(seq)``: the first of equal elements stays."""
    from judge.symbolic.forks import concrete

    seq = concrete(m, seq, line)
    members: tuple[Value, ...] | None = ()
    for piece in seq.pieces:
        if not isinstance(piece, Single):
            members = None
            break
        hashable(m, piece.value, line)
        members = _added(m, members, piece.value)
        if members is None:
            break
    if members is not None:
        return of_distinct(members)
    try:
        element = precise_element(seq)
    except Unsupported:
        element = OTHER
    return SetV(lambda v: contains(v, seq), seq, None, element, True)


def _added(m: Machine, members: tuple[Value, ...] | None, value: Value) -> tuple[Value, ...] | None:
    if members is None:
        return None
    for old in members:
        same = m.settle(element_equal(old, value))
        if same is None:
            return None
        if same:
            return members
    return (*members, value)


def hashable(m: Machine, value: Value, line: int) -> None:
    """TypeError for a value that cannot be a member or a key."""
    if isinstance(value, ListV | DictV | SetV | Ref):
        raise m.type_error(line)
    if isinstance(value, TupleV):
        for item in value.items:
            hashable(m, item, line)


def with_member(m: Machine, old: SetV, value: Value, line: int) -> SetV:
    """The set after ``s.add(value)``."""
    hashable(m, value, line)
    members = _added(m, old.entries, value)
    if members is not None:
        return of_distinct(members, old.fresh)
    element = _joined(old.element, key_shape(value))
    return SetV(
        lambda v: T.or_(element_equal(v, value), old.has(v)), None, None, element, old.fresh
    )


def without(m: Machine, old: SetV, value: Value) -> SetV:
    """The set after ``s.discard(value)``."""
    kept: list[Value] | None = [] if old.entries is not None else None
    for member in old.entries or ():
        same = m.settle(element_equal(member, value))
        if same is None:
            kept = None
            break
        if not same and kept is not None:
            kept.append(member)
    if kept is not None:
        return of_distinct(tuple(kept), old.fresh)
    return SetV(
        lambda v: T.and_(T.not_(element_equal(v, value)), old.has(v)),
        None, None, old.element, old.fresh,
    )  # fmt: skip


def _joined(old: object, new: object) -> object:
    if old is None or new is None:
        return new if old is None else old
    return join(old, new)  # type: ignore[arg-type]


def combine(m: Machine, kind: str, a: SetV, b: SetV) -> SetV:
    """``a | b``, ``a & b``, ``a - b`` or ``a ^ b``."""
    table: dict[str, Callable[[Term, Term], Term]] = {
        "|": T.or_,
        "&": T.and_,
        "-": lambda x, y: T.and_(x, T.not_(y)),
        "^": lambda x, y: T.not_(T.iff(x, y)),
    }
    choose = table[kind]
    candidates = _pool(m, kind, a, b)
    if candidates is not None:
        members: list[Value] | None = []
        for value in candidates:
            inside = m.settle(choose(a.has(value), b.has(value)))
            if inside is None:
                members = None
                break
            if inside and members is not None:
                members.append(value)
        if members is not None:
            return of_distinct(tuple(members))
    element = a.element if kind in "-&" else _joined(a.element, b.element)
    return SetV(lambda v: choose(a.has(v), b.has(v)), None, None, element, True)


def _pool(m: Machine, kind: str, a: SetV, b: SetV) -> tuple[Value, ...] | None:
    """The distinct values among which the members of a combination are."""
    if kind in "&-":
        return a.entries
    if a.entries is None or b.entries is None:
        return None
    pool: tuple[Value, ...] | None = a.entries
    for value in b.entries:
        pool = _added(m, pool, value)
    return pool


def subset(a: SetV, b: SetV) -> Term:
    """``a <= b``."""
    if a.entries is not None:
        return T.and_(*(b.has(v) for v in a.entries))
    if a.source is not None:
        from judge.symbolic.compare import exists

        missing = []
        for piece in a.source.pieces:
            if isinstance(piece, Single):
                missing.append(T.not_(b.has(piece.value)))
            else:
                missing.append(exists(piece, lambda v: T.not_(b.has(v))))
        return T.not_(T.or_(*missing))
    if places(a.element) is None:
        raise Unsupported("a comparison of sets of unknown members")
    holes, member = any_key(a.element)  # type: ignore[arg-type]
    return T.quantify("forall", holes, T.implies(a.has(member), b.has(member)))


def equal_sets(a: SetV, b: SetV) -> Term:
    """``a == b``."""
    return T.and_(subset(a, b), subset(b, a))


def size(m: Machine, value: SetV, line: int) -> Term:
    """``len``: of members that are known, or how many of a sequence do not occur before."""
    from judge.symbolic import folds

    if value.entries is not None:
        return T.num(len(value.entries))
    if value.source is None:
        raise Unsupported("len of a set of unknown members", line)
    seq = value.source
    return folds.count(T.num(0), seq.length, _appears_first(seq))


def _appears_first(seq: Seq) -> Callable[[Term], Term]:
    """Whether the element at an index is not met before it."""
    from judge.symbolic.merge import at

    hole, place = T.fresh_bvar(), T.fresh_bvar()
    before = T.and_(T.le(T.num(0), place), T.lt(place, hole))
    met = element_equal(at(seq, place), at(seq, hole))
    new = T.not_(T.quantify("exists", [place], T.and_(before, met)))
    return lambda j: T.substitute(new, {hole.id: j})


def members(value: SetV, line: int) -> Seq:
    """The members in some order, for what does not depend on it."""
    if value.entries is None:
        if value.source is not None and value.source.pieces:
            from judge.symbolic import folds
            from judge.symbolic.merge import at

            seq = value.source
            first = folds.filtered(lambda j: at(seq, j), _appears_first(seq), T.num(0), seq.length)
            return Seq((first,))
        raise Unsupported("the members of a set of unknown members", line)
    return Seq(tuple(map(Single, value.entries)))


__all__ = [
    "combine", "equal_sets", "hashable", "members", "of_distinct", "of_seq", "size", "subset",
    "with_member", "without",
]  # fmt: skip
