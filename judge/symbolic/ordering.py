"""``sorted``, ``max`` and ``min`` with a key or over any ordered values.

Elements are put in order by comparisons that are settled one by one, so this works where every
comparison is known: on literals and in runs of paths. What it is not: the unbounded ``sorted`` of
integers, which is in ``sorting``.
"""

from __future__ import annotations

import math

from judge.symbolic import floats
from judge.symbolic import term as T
from judge.symbolic.closures import call_value
from judge.symbolic.compare import less
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.merge import at, merge
from judge.symbolic.term import Term
from judge.symbolic.values import (
    Choice,
    FloatV,
    IntV,
    NoneV,
    Piece,
    Seq,
    Single,
    Unsupported,
    Value,
)


def singles(seq: Seq, what: str, line: int) -> list[Value]:
    """The elements one by one; refuses ``what`` where their number is unknown."""
    if not all(isinstance(p, Single) for p in seq.pieces):
        length = T.literal(seq.length)
        if length is None or length > 64:
            raise Unsupported(f"{what} of unknown length", line)
        return [at(seq, T.num(k)) for k in range(length)]
    return [p.value for p in seq.pieces if isinstance(p, Single)]


def keys_of(m: Machine, values: list[Value], key: Value | None, line: int) -> list[Value]:
    """The sort keys, one call each, in order."""
    if key is None or isinstance(key, NoneV):
        return values
    return [m.plain(call_value(m, key, [v], line)) for v in values]


def before(m: Machine, a: Value, b: Value, line: int) -> Term:
    """``a < b``; TypeError where Python has no order."""
    if isinstance(a, Choice) or isinstance(b, Choice):
        raise Unsupported("an order between values of several kinds", line)
    out = less(a, b, True)
    if out is None:
        raise m.type_error(line)
    return out


def ordered(
    m: Machine, values: list[Value], key: Value | None, reverse: bool, line: int
) -> list[Value]:
    """The values sorted, equal ones in their old order (with ``reverse`` too, as in Python)."""
    keys = keys_of(m, values, key, line)
    for own in keys:
        if isinstance(own, FloatV):
            _not_nan(m, own, line)
    placed: list[tuple[Value, Value]] = []
    for value, own in zip(values, keys, strict=True):
        place = len(placed)
        while place and _goes_before(m, own, placed[place - 1][1], reverse, line):
            place -= 1
        placed.insert(place, (value, own))
    return [v for v, _ in placed]


def _not_nan(m: Machine, value: FloatV, line: int) -> None:
    """NaN makes the outcome depend on the algorithm, so it is left out, within a bound only."""
    known = floats.literal(value.term)
    if known is not None:
        nan = math.isnan(known)
    else:
        test = T.node("fp.isNaN", (value.term,), T.BOOL)
        nan = m.sure(test, "sorting floats that may be NaN", line)
    if nan:
        m.limits.add("floats are not NaN where they are sorted")
        m.cut(line)
        raise Dead


def _goes_before(m: Machine, new: Value, old: Value, reverse: bool, line: int) -> bool:
    test = before(m, old, new, line) if reverse else before(m, new, old, line)
    return m.sure(test, "sorting unknown values of this kind", line)


def extreme_by(m: Machine, kind: str, values: list[Value], key: Value | None, line: int) -> Value:
    """The first largest or smallest by its key."""
    if not values:
        m.raise_if(T.true(), "ValueError", line)
        raise Dead
    keys = keys_of(m, values, key, line)
    best, best_key = values[0], keys[0]
    for value, own in zip(values[1:], keys[1:], strict=True):
        test = before(m, best_key, own, line) if kind == "max" else before(m, own, best_key, line)
        settled = m.settle(test) if not isinstance(own, IntV) or value is not own else None
        if settled is not None:
            best, best_key = (value, own) if settled else (best, best_key)
        else:
            best, best_key = merge(test, value, best), merge(test, own, best_key)
    return best


def as_pieces(values: list[Value]) -> tuple[Piece, ...]:
    """Single elements."""
    return tuple(map(Single, values))


__all__ = ["as_pieces", "extreme_by", "ordered", "singles"]
