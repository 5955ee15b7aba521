"""Where things are in a text of any length: ``find``, ``strip``, ``split`` and padding by laws.

``s.find(t)`` is a place where ``t`` stands and before which it does not; ``s.strip()`` is cut at
two places with nothing but what is stripped outside; ``s.split()`` is as many pieces as there are,
each between two places. Widths are arithmetic. What it is not: searches from a given place, splits
that stop early, and anything else that is refused by ``None`` and left to runs of paths.
"""

from __future__ import annotations

from collections.abc import Callable

from judge.symbolic import characters, decimals, laws, seqs
from judge.symbolic import term as T
from judge.symbolic.compare import contains
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.merge import at
from judge.symbolic.numbers import as_int
from judge.symbolic.term import INT, Term
from judge.symbolic.values import (
    BoolV,
    FloatV,
    IntV,
    ListV,
    NoneV,
    Piece,
    Seq,
    Single,
    StrV,
    TupleV,
    Unsupported,
    Value,
    View,
)

Method = Callable[[Machine, StrV, list[Value], int], Value]


def _text(m: Machine, value: Value, line: int) -> StrV:
    plain = m.plain(value)
    if not isinstance(plain, StrV):
        raise _not_that_kind(m, plain, line)
    return plain


def _not_that_kind(m: Machine, value: Value, line: int) -> Exception:
    """TypeError for what is certainly of another kind; refused where it may be of several."""
    if isinstance(value, IntV | BoolV | FloatV | NoneV | StrV | ListV | TupleV):
        return m.type_error(line)
    return Unsupported("an argument of such a kind", line)


def _width(m: Machine, value: Value, line: int) -> Term:
    plain = m.plain(value)
    number = as_int(plain)
    if number is None:
        raise _not_that_kind(m, plain, line)
    return number


def _code(value: Value) -> Term:
    assert isinstance(value, IntV)
    return value.term


def _within(low: Term, j: Term, high: Term) -> Term:
    return T.and_(T.le(low, j), T.lt(j, high))


# ---------------------------------------------------------------- find


def _find(last: bool, error: bool) -> Method:
    def run(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
        if len(args) != 1:
            raise Unsupported("a search in a part of an unknown string", line)
        part = _text(m, args[0], line)
        place = _place(value, part, last, line)
        if error:
            m.raise_if(T.lt(place, T.num(0)), "ValueError", line)
        return IntV(place)

    return run


def _place(value: StrV, part: StrV, last: bool, line: int) -> Term:
    """The first or last place where ``part`` stands, or -1."""
    whole, wanted = value.seq, part.seq
    room = T.sub(whole.length, wanted.length)

    def here(k: Term) -> Term:
        if not wanted.pieces:
            return T.true()
        return seqs.run_at(wanted, whole, k)

    def say(t: Term) -> list[Term]:
        k, none = T.fresh_bvar(), T.lt(t, T.num(0))
        fits = T.and_(T.le(T.num(0), k), T.le(k, room))
        passed = T.or_(none, T.lt(t, k) if last else T.lt(k, t))
        nowhere = T.quantify("forall", [k], T.implies(T.and_(fits, passed), T.not_(here(k))))
        return [
            T.and_(T.le(T.num(-1), t), T.or_(none, T.le(t, room))),
            T.implies(T.le(T.num(0), t), here(t)),
            nowhere,
        ]

    kind = "rfind" if last else "find"
    return laws.number(kind, [laws.token(value), laws.token(part)], whole.length, say, line)


# ---------------------------------------------------------------- strip


def _strip(left: bool, right: bool) -> Method:
    def run(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
        if len(args) > 1:
            raise m.type_error(line)
        given = m.plain(args[0]) if args else NoneV()
        drop = None if isinstance(given, NoneV) else _text(m, given, line)
        return StrV(_stripped(m, value, drop, left, right, line))

    return run


def _stripped(
    m: Machine, value: StrV, drop: StrV | None, left: bool, right: bool, line: int
) -> Seq:
    whole = value.seq
    size = whole.length
    tokens = [laws.token(value), *([] if drop is None else [laws.token(drop)])]

    def goes(j: Term) -> Term:
        letter = at(whole, j)
        if drop is None:
            return characters.belongs("space", _code(letter))
        return contains(letter, drop.seq) if drop.seq.pieces else T.false()

    def first(t: Term) -> list[Term]:
        j = T.fresh_bvar()
        gone = T.implies(_within(T.num(0), j, t), goes(j))
        return [
            T.and_(T.le(T.num(0), t), T.le(t, size)),
            T.quantify("forall", [j], gone),
            T.implies(T.lt(t, size), T.not_(goes(t))),
        ]

    low = laws.number("lstrip", tokens, size, first, line) if left else T.num(0)

    def end(t: Term) -> list[Term]:
        j, before = T.fresh_bvar(), T.sub(t, T.num(1))
        gone = T.implies(_within(t, j, size), goes(j))
        return [
            T.and_(T.le(low, t), T.le(t, size)),
            T.quantify("forall", [j], gone),
            T.implies(T.lt(low, t), T.not_(goes(before))),
        ]

    kind = "strip" if left else "rstrip"
    high = laws.number(kind, tokens, size, end, line) if right else size
    return Seq((View(lambda j: at(whole, j), low, high),))


# ---------------------------------------------------------------- split


def _split(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
    if len(args) > 1:
        raise Unsupported("a split of an unknown string that stops early", line)
    given = m.plain(args[0]) if args else NoneV()
    if isinstance(given, NoneV):
        return ListV(_pieces(value, None, line), fresh=True)
    part = _text(m, given, line)
    if not part.seq.pieces:
        m.raise_if(T.true(), "ValueError", line)
        raise Dead
    if (apart := _split_apart(value.seq, part)) is not None:
        pieces = tuple(Single(StrV(Seq(p))) for p in apart)
        return ListV(Seq(pieces), fresh=True)
    if T.literal(part.seq.length) != 1:
        raise Unsupported("a split of an unknown string at more than one letter", line)
    return ListV(_pieces(value, part, line), fresh=True)


def _split_apart(seq: Seq, part: StrV) -> list[tuple[Piece, ...]] | None:
    """What stands between the separators, where it is known of every letter whether it is one."""
    word = seqs.literal_text(part)
    if word is None or len(word) != 1:
        return None
    found: list[tuple[Piece, ...]] = [()]
    for piece in seq.pieces:
        code = _certain(piece)
        if code is None and not _is_free_of(piece, word):
            return None
        if code == ord(word):
            found.append(())
        else:
            found[-1] = (*found[-1], piece)
    return found


def _certain(piece: Piece) -> int | None:
    if not isinstance(piece, Single):
        return None
    known = T.literal(_code(piece.value))
    return None if known is None else int(known)


def _is_free_of(piece: Piece, letter: str) -> bool:
    """Digits of a number, and one known letter many times, are seen to hold no other letter."""
    if isinstance(piece, Single):
        return False
    if decimals.written(piece) is not None:
        return not letter.isalnum() or not letter.isascii()
    known = T.literal(_code(piece.at(T.bvar("probe"))))
    return known is not None and known != ord(letter)


def _pieces(value: StrV, part: StrV | None, line: int) -> Seq:
    """The words of a text, or what stands between the occurrences of one letter."""
    from judge.symbolic import folds

    whole = value.seq
    size, zero = whole.length, T.num(0)
    tokens = [laws.token(value), *([] if part is None else [laws.token(part)])]
    letter = None if part is None else _code(at(part.seq, zero))

    def parts(j: Term) -> Term:
        code = _code(at(whole, j))
        return characters.belongs("space", code) if letter is None else T.eq(code, letter)

    def start(w: Term) -> Term:
        return T.app(names[0], [w], INT)

    def end(w: Term) -> Term:
        return T.app(names[1], [w], INT)

    def count(t: Term) -> list[Term]:
        if letter is None:
            return _of_words(t, start, end, parts, size)
        found = folds.sum_of(whole, lambda v: T.ite(T.eq(_code(v), letter), T.num(1), zero))
        return [T.eq(t, T.add(T.num(1), found)), *_of_parts(t, start, end, parts, size)]

    names = [laws.named(f"split.{n}", tokens, lambda t: [], line) for n in ("start", "end")]
    number = laws.number("split.count", tokens, size, count, line)

    def piece(w: Term) -> Value:
        return StrV(Seq((View(lambda j: at(whole, j), start(w), end(w)),)))

    return Seq((View(piece, zero, number),))


Places = Callable[[Term], Term]


def _of_words(n: Term, start: Places, end: Places, parts: Places, size: Term) -> list[Term]:
    """Words hold no blanks and are not empty; between, before and after them are blanks only."""
    w, j, zero, one = T.fresh_bvar(), T.fresh_bvar(), T.num(0), T.num(1)
    word = _within(zero, w, n)
    inside = _within(start(w), j, end(w))
    following = T.add(w, one)
    between = _within(end(w), j, start(following))
    last = end(T.sub(n, one))
    none = T.quantify("forall", [j], T.implies(_within(zero, j, size), parts(j)))
    ends = T.and_(T.le(zero, start(w)), T.lt(start(w), end(w)), T.le(end(w), size))
    more = T.lt(following, n)
    return [
        T.le(zero, n),
        T.iff(T.eq(n, zero), none),
        T.quantify("forall", [w], T.implies(word, ends)),
        T.quantify("forall", [w, j], T.implies(T.and_(word, inside), T.not_(parts(j)))),
        T.quantify("forall", [w], T.implies(T.and_(word, more), T.lt(end(w), start(following)))),
        T.quantify("forall", [w, j], T.implies(T.and_(word, more, between), parts(j))),
        T.quantify(
            "forall", [j], T.implies(T.and_(T.lt(zero, n), _within(zero, j, start(zero))), parts(j))
        ),
        T.quantify(
            "forall", [j], T.implies(T.and_(T.lt(zero, n), _within(last, j, size)), parts(j))
        ),
    ]


def _of_parts(n: Term, start: Places, end: Places, parts: Places, size: Term) -> list[Term]:
    """The pieces hold no separator, and one stands between each and the next."""
    w, j, zero, one = T.fresh_bvar(), T.fresh_bvar(), T.num(0), T.num(1)
    word = _within(zero, w, n)
    inside = _within(start(w), j, end(w))
    following = T.add(w, one)
    ends = T.and_(T.le(zero, start(w)), T.le(start(w), end(w)), T.le(end(w), size))
    joint = T.and_(parts(end(w)), T.eq(start(following), T.add(end(w), one)), T.lt(end(w), size))
    return [
        T.le(one, n),
        T.eq(start(zero), zero),
        T.eq(end(T.sub(n, one)), size),
        T.quantify("forall", [w], T.implies(word, ends)),
        T.quantify("forall", [w, j], T.implies(T.and_(word, inside), T.not_(parts(j)))),
        T.quantify("forall", [w], T.implies(T.and_(word, T.lt(following, n)), joint)),
    ]


# ---------------------------------------------------------------- widths


def padded(seq: Seq, width: Term, fill: Term, side: str) -> Seq:
    """A text made as wide as ``width``; ``side`` says where it stands: ``<``, ``>`` or ``^``."""
    more = T.maximum(T.sub(width, seq.length), T.num(0))
    left = {"<": T.num(0), ">": more}.get(side, T.floordiv(more, T.num(2)))
    pieces = (*_filling(fill, left), *seq.pieces, *_filling(fill, T.sub(more, left)))
    return Seq(pieces)


def _filling(fill: Term, count: Term) -> tuple[Piece, ...]:
    known = T.literal(count)
    if known is not None and known <= 64:
        return (Single(IntV(fill)),) * int(known)
    return (View(lambda j: IntV(fill), T.num(0), count),)


def _justified(side: str) -> Method:
    def run(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
        if len(args) not in (1, 2):
            raise m.type_error(line)
        width = _width(m, args[0], line)
        fill = _text(m, args[1], line) if len(args) == 2 else seqs.text(" ")
        size = T.literal(fill.seq.length)
        if size is None:
            raise Unsupported("padding with a text of unknown length", line)
        if size != 1:
            raise m.type_error(line)
        return StrV(padded(value.seq, width, _code(at(fill.seq, T.num(0))), side))

    return run


def _zfill(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
    """Zeros before the text, and behind its sign where it has one."""
    if len(args) != 1:
        raise m.type_error(line)
    width = _width(m, args[0], line)
    seq, zero = value.seq, T.num(0)
    size = seq.length
    if not seq.pieces:
        return StrV(Seq(_filling(T.num(48), T.maximum(width, zero))))
    if all(decimals.written(p) is not None for p in seq.pieces):
        return StrV(padded(seq, width, T.num(48), ">"))
    first = _code(at(seq, zero))
    signed = T.and_(T.lt(zero, size), T.or_(T.eq(first, T.num(43)), T.eq(first, T.num(45))))
    signed = seqs.decide(m, signed)
    count = T.maximum(T.sub(width, size), zero)
    ahead = T.ite(signed, T.num(1), zero)
    sign = View(lambda j: IntV(first), zero, ahead)
    rest = View(lambda j: at(seq, j), ahead, size)
    return StrV(Seq((sign, *_filling(T.num(48), count), rest)))


METHODS: dict[str, Method] = {
    "find": _find(False, False),
    "index": _find(False, True),
    "ljust": _justified("<"),
    "lstrip": _strip(True, False),
    "rfind": _find(True, False),
    "rindex": _find(True, True),
    "rjust": _justified(">"),
    "rstrip": _strip(False, True),
    "split": _split,
    "strip": _strip(True, True),
    "zfill": _zfill,
}


__all__ = ["METHODS", "padded"]
