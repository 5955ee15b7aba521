"""Sequences: lengths, elements, slices, concatenation and repetition.

An index out of range raises IndexError; a slice bound out of range is clamped, as in Python.
"""

from __future__ import annotations

from judge.symbolic import term as T
from judge.symbolic.compare import as_seq, equal_seq
from judge.symbolic.machine import Machine
from judge.symbolic.merge import at
from judge.symbolic.numbers import as_int
from judge.symbolic.term import Term
from judge.symbolic.values import (
    BoolV,
    Choice,
    DictV,
    DictViewV,
    Filtered,
    FloatV,
    IntV,
    IterV,
    ListV,
    NoneV,
    RangeV,
    Seq,
    SetV,
    Single,
    StrV,
    TupleV,
    Unsupported,
    Value,
    View,
)

MAX_REPEAT = 64


def text(value: str) -> StrV:
    """A string literal."""
    return StrV(Seq(tuple(Single(IntV(T.num(ord(c)))) for c in value)))


def literal_text(value: Value) -> str | None:
    """The string behind a literal, or None."""
    if not isinstance(value, StrV):
        return None
    out = []
    for piece in value.seq.pieces:
        if not isinstance(piece, Single) or not isinstance(piece.value, IntV):
            return None
        code = T.literal(piece.value.term)
        if code is None or not 0 <= code <= 0x10FFFF:
            return None
        out.append(chr(code))
    return "".join(out)


def char(code: Value) -> StrV:
    """A string of one code point."""
    return StrV(Seq((Single(code),)))


def decide(m: Machine, condition: Term) -> Term:
    """The condition, or the truth value that the facts at hand literally give it."""
    settled = T.decide(condition, [*m.state.facts, *(g for f in m.frames for g in f.guards)])
    return condition if settled is None else T.boolean(settled)


def choose(m: Machine, condition: Term, a: Term, b: Term) -> Term:
    """``ite``, without the test where the facts settle it."""
    return T.ite(decide(m, condition), a, b)


def item(m: Machine, seq: Seq, index: Term, line: int) -> Value:
    """``seq[index]`` with negative indices from the end; IndexError outside."""
    length = seq.length
    negative = decide(m, T.lt(index, T.num(0)))
    m.raise_if(
        T.or_(
            decide(m, T.le(length, index)),
            T.and_(negative, T.lt(T.add(length, index), T.num(0))),
        ),
        "IndexError",
        line,
    )
    if not seq.pieces:
        from judge.symbolic.machine import Dead

        raise Dead
    return at(seq, T.ite(negative, T.add(length, index), index))


def clamp_bound(m: Machine, bound: Term, length: Term) -> Term:
    """A slice bound for a step of 1: negative counts from the end, then clamped to the length."""
    zero = T.num(0)
    if decide(m, T.le(zero, bound)).op != "true":
        shifted = T.add(bound, length)
        inner = choose(m, T.lt(shifted, zero), zero, shifted)
        bound = choose(m, T.lt(bound, zero), inner, bound)
    return choose(m, T.le(bound, length), bound, length)


def slice_of(
    m: Machine, seq: Seq, lower: Term | None, upper: Term | None, step: int, line: int
) -> Seq:
    """``seq[lower:upper:step]`` for a literal step."""
    length = seq.length
    if step == 1:
        lo = T.num(0) if lower is None else clamp_bound(m, lower, length)
        hi = length if upper is None else clamp_bound(m, upper, length)
        return cut(m, seq, lo, hi)
    if step == -1 and lower is None and upper is None:
        return reverse(seq)
    if step == 0:
        m.raise_if(T.true(), "ValueError", line)
        from judge.symbolic.machine import Dead

        raise Dead
    if step < 0:
        raise Unsupported("a slice with a negative step and bounds", line)
    lo = T.num(0) if lower is None else clamp_bound(m, lower, length)
    hi = length if upper is None else clamp_bound(m, upper, length)
    part = cut(m, seq, lo, hi)
    count = T.floordiv(T.add(part.length, T.num(step - 1)), T.num(step))
    if not part.pieces:
        return part
    return Seq((View(lambda j: at(part, T.mul(T.num(step), j)), T.num(0), count),))


def positive(m: Machine, step: Term, what: str, line: int) -> None:
    """A step that is not a constant has to be known to be positive."""
    if m.settle(T.lt(T.num(0), step)) is not True:
        raise Unsupported(f"{what} whose step is not known to be positive", line)


def every(seq: Seq, step: Term) -> Seq:
    """The first element and every ``step``-th after it, for a positive step."""
    if not seq.pieces:
        return seq
    from judge.symbolic.compare import pieces_of

    count = pieces_of(seq.length, step)
    return Seq((View(lambda j: at(seq, T.mul(step, j)), T.num(0), count),))


def cut(m: Machine, seq: Seq, lo: Term, hi: Term) -> Seq:
    """The elements from ``lo`` up to ``hi``, both within 0..length; empty when ``hi < lo``."""
    hi = choose(m, T.le(lo, hi), hi, lo)
    if lo is hi or not seq.pieces:
        return Seq()
    a, b = T.literal(lo), T.literal(hi)
    if a is not None and b is not None and all(isinstance(p, Single) for p in seq.pieces):
        return Seq(seq.pieces[a:b])
    if a == 0 and hi is seq.length:
        return seq
    aligned = _cut_aligned(seq, lo, hi)
    if aligned is not None:
        return aligned
    if len(seq.pieces) == 1:
        piece = seq.pieces[0]
        if isinstance(piece, View) and not isinstance(piece, Filtered):
            return Seq((View(piece.get, T.add(piece.lo, lo), T.add(piece.lo, hi)),))
    return Seq((View(lambda j: at(seq, j), lo, hi),))


def _cut_aligned(seq: Seq, lo: Term, hi: Term) -> Seq | None:
    """Whole pieces, where both bounds fall between two of them."""
    edges = [T.num(0)]
    for piece in seq.pieces:
        edges.append(T.add(edges[-1], piece.length))
    starts = [n for n, e in enumerate(edges) if e is lo]
    ends = [n for n, e in enumerate(edges) if e is hi]
    if starts and ends and starts[0] <= ends[-1]:
        return Seq(seq.pieces[starts[0] : ends[-1]])
    return None


def reverse(seq: Seq) -> Seq:
    """The elements from last to first."""
    return Seq(tuple(p if isinstance(p, Single) else _reverse_view(p) for p in seq.pieces[::-1]))


def _reverse_view(piece: View) -> View:
    last = T.sub(T.add(piece.lo, piece.hi), T.num(1))
    return View(lambda j: piece.get(T.sub(last, j)), piece.lo, piece.hi)


def concat(a: Seq, b: Seq) -> Seq:
    """``a + b``."""
    return Seq(a.pieces + b.pieces)


def repeat(seq: Seq, times: Term) -> Seq:
    """``seq * times``: empty for a negative count."""
    count = T.literal(times)
    if count is not None:
        if count * max(1, len(seq.pieces)) > MAX_REPEAT and len(seq.pieces) != 1:
            raise Unsupported("a very long repetition")
        if count <= MAX_REPEAT:
            return Seq(seq.pieces * max(0, count))
    length = T.maximum(times, T.num(0))
    if len(seq.pieces) == 1 and isinstance(seq.pieces[0], Single):
        value = seq.pieces[0].value
        return Seq((View(lambda j: value, T.num(0), length),))
    size = T.literal(seq.length)
    if size is None or not seq.pieces:
        if not seq.pieces:
            return seq
        raise Unsupported("repeating a sequence of unknown length")
    total = T.mul(T.num(size), length)
    return Seq((View(lambda j: at(seq, T.floormod(j, T.num(size))), T.num(0), total),))


def substring(needle: Seq, hay: Seq) -> Term:
    """Whether ``needle`` occurs in ``hay`` as a run of elements (``in`` for strings)."""
    if not needle.pieces:
        return T.true()
    if len(needle.pieces) == 1 and isinstance(needle.pieces[0], Single):
        from judge.symbolic.compare import contains

        return contains(needle.pieces[0].value, hay)
    short, long = T.literal(needle.length), T.literal(hay.length)
    if short is not None and long is not None:
        return T.or_(*(run_at(needle, hay, T.num(k)) for k in range(long - short + 1)))
    k = T.fresh_bvar()
    inside = T.and_(T.le(T.num(0), k), T.le(T.add(k, needle.length), hay.length))
    return T.quantify("exists", [k], T.and_(inside, run_at(needle, hay, k)))


def run_at(needle: Seq, hay: Seq, start: Term) -> Term:
    if not hay.pieces:  # only the empty string occurs in the empty string
        return T.eq(needle.length, T.num(0))
    run = View(lambda j: at(hay, T.add(start, j)), T.num(0), needle.length)
    return equal_seq(needle, Seq((run,)))


def starts_with(whole: Seq, part: Seq) -> Term:
    """Whether ``whole`` begins with ``part``."""
    return (
        T.and_(T.le(part.length, whole.length), run_at(part, whole, T.num(0)))
        if (part.pieces)
        else T.true()
    )


def ends_with(whole: Seq, part: Seq) -> Term:
    """Whether ``whole`` ends with ``part``."""
    if not part.pieces:
        return T.true()
    start = T.sub(whole.length, part.length)
    return T.and_(T.le(part.length, whole.length), run_at(part, whole, start))


def length_of(m: Machine, value: Value, line: int) -> Term:
    """``len``."""
    if isinstance(value, RangeV):
        from judge.symbolic.compare import range_length

        return range_length(value)
    if isinstance(value, DictViewV):
        value = m.plain(value.of)
    if isinstance(value, DictV) and value.entries is not None:
        return T.num(len(value.entries))
    if isinstance(value, DictV) and value.listing is not None:
        return value.listing[0].length
    if isinstance(value, SetV):
        from judge.symbolic.sets import size

        return size(m, value, line)
    seq = None if isinstance(value, IterV) else as_seq(value)
    if seq is None:
        if isinstance(value, IntV | BoolV | FloatV | NoneV | IterV):
            raise m.type_error(line)
        raise Unsupported(f"len of a {type(value).__name__.removesuffix('V').lower()}", line)
    return seq.length


def set_item(m: Machine, seq: Seq, index: Term, value: Value, line: int) -> Seq:
    """The list after ``seq[index] = value``."""
    length = seq.length
    negative = decide(m, T.lt(index, T.num(0)))
    m.raise_if(
        T.or_(
            decide(m, T.le(length, index)),
            T.and_(negative, T.lt(T.add(length, index), T.num(0))),
        ),
        "IndexError",
        line,
    )
    return replaced(m, seq, index, value)


def replaced(m: Machine, seq: Seq, index: Term, value: Value) -> Seq:
    """The list after ``seq[index] = value`` for an index that lies within it."""
    length = seq.length
    negative = decide(m, T.lt(index, T.num(0)))
    place = T.ite(negative, T.add(length, index), index)
    known = T.literal(place)
    if known is not None and all(isinstance(p, Single) for p in seq.pieces):
        if not 0 <= known < len(seq.pieces):
            from judge.symbolic.machine import Dead

            raise Dead
        return Seq((*seq.pieces[:known], Single(value), *seq.pieces[known + 1 :]))

    def get(j: Term) -> Value:
        from judge.symbolic.merge import merge

        return merge(T.eq(j, place), value, at(seq, j))

    return Seq((View(get, T.num(0), length),)) if seq.pieces else seq


def element(value: Value, piece_value: Value) -> Value:
    """An element as the program sees it: the code point of a string becomes a string."""
    return char(piece_value) if isinstance(value, StrV) else piece_value


def tuple_items(value: Value) -> tuple[Value, ...] | None:
    """The items, where their number is known: of a tuple, or of a literal list or string."""
    if isinstance(value, TupleV):
        return value.items
    if isinstance(value, IterV):
        value = ListV(value.items)
    if isinstance(value, ListV | StrV):
        length = T.literal(value.seq.length)
        if length is not None and length <= MAX_REPEAT:
            return tuple(element(value, at(value.seq, T.num(k))) for k in range(length))
    return None


def slice_like(value: Value, seq: Seq) -> Value:
    """A slice has the kind of what it was cut from."""
    if isinstance(value, StrV):
        return StrV(seq)
    return ListV(seq, fresh=True)


def index_term(m: Machine, value: Value, line: int) -> Term:
    """An index or a bound; TypeError for what is not an integer."""
    number = as_int(value)
    if number is None:
        if isinstance(value, Choice):
            raise Unsupported("an index of several kinds", line)
        raise m.type_error(line)
    return number
