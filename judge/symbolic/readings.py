"""The number that a text of digits stands for, at any length.

``value_of`` is a fold over the code points: the value of a prefix is ten times that of the shorter
one and the last digit. The digits of a number read back are the number; read from the last to the
first they are ``dec.onto(acc, n)``, the digits of ``n`` put behind ``acc`` one by one, which is
what loops over ``n % 10`` and ``n // 10`` compute. What it is not: ``int`` with its blanks, signs
and errors (``numerals``).
"""

from __future__ import annotations

from judge.symbolic import decimals, powers
from judge.symbolic import term as T
from judge.symbolic.compare import equal_seq, exists
from judge.symbolic.term import INT, Term
from judge.symbolic.values import IntV, Piece, Seq, Single, Value, View

ONTO = "dec.onto"
VALUE = "value"
"""The kind of fold that reads a number."""


def _code(value: Value) -> Term:
    assert isinstance(value, IntV)
    return value.term


def strange(seq: Seq) -> Term:
    """Whether some code point is no ASCII digit."""
    parts = []
    for piece in seq.pieces:
        form = decimals.written(piece)
        if form is not None and form[1] == "dec":
            parts.append(T.lt(form[0], T.num(0)))
        elif isinstance(piece, View):
            parts.append(exists(piece, lambda v: _no_digit(_code(v))))
        else:
            parts.append(_no_digit(_code(piece.value)))
    return T.or_(*parts)


def _no_digit(code: Term) -> Term:
    zero = T.num(decimals.ZERO)
    return T.or_(T.lt(code, zero), T.lt(T.num(decimals.ZERO + 9), code))


def unknown_length(seq: Seq) -> Term:
    """How many letters there are beside the digits of one number that was written out."""
    lengths = [p.length for p in seq.pieces]
    for place, piece in enumerate(seq.pieces):
        if decimals.written(piece) is not None:
            return T.add(T.num(0), *lengths[:place], *lengths[place + 1 :])
    return seq.length


def signed(seq: Seq) -> tuple[int, Seq]:
    """A literal minus sign taken off: (1 or -1, the rest)."""
    first = seq.pieces[0] if seq.pieces else None
    if isinstance(first, Single) and T.literal(_code(first.value)) == 45:
        return -1, Seq(seq.pieces[1:])
    return 1, seq


def written_back(seq: Seq) -> Term | None:
    """The number whose text this is, sign and all; None where it is not the text of one number."""
    if not seq.pieces:
        return None
    form = decimals.written(seq.pieces[-1])
    if form is None or form[1:] != ("dec", False):
        return None
    if len(seq.pieces) == 1:
        # The digits of a number below zero are anything; those of ``str(n)`` come with their sign.
        return None
    if len(seq.pieces) == 2 and isinstance(sign := seq.pieces[0], View):
        known = T.literal(_code(sign.at(T.num(0))))
        if known == 45 and sign.length.op == "ite":
            negative, one, none = sign.length.kids
            if T.literal(one) == 1 and T.literal(none) == 0:
                return T.ite(negative, T.neg(form[0]), form[0])
    return None


def value_of(seq: Seq) -> Term:
    """The value of a text of ASCII digits."""
    total = T.num(0)
    for piece in seq.pieces:
        total = _behind(total, piece)
    return total


def _behind(total: Term, piece: Piece) -> Term:
    """The value of what is read so far with the digits of ``piece`` behind it."""
    from judge.symbolic import folds

    if isinstance(piece, Single):
        digit = T.sub(_code(piece.value), T.num(decimals.ZERO))
        return T.add(T.mul(T.num(10), total), digit)
    form = decimals.written(piece)
    if form is not None and form[1] == "dec" and form[2]:
        return T.app(ONTO, [total, form[0]], INT)
    known = T.literal(total) == 0
    before = T.num(0) if known else T.mul(total, powers.power(T.num(10), piece.length))
    if form is not None and form[1] == "dec":
        return T.add(before, form[0])
    hole = T.fresh_bvar()
    body = T.sub(_code(piece.at(hole)), T.num(decimals.ZERO))
    return T.add(before, folds.prefix_value(hole, body, piece.length))


def onto_facts(t: Term) -> list[Term]:
    """``dec.onto(acc, n)`` takes the last digit of ``n``; it is a number as its digits say.

    ``n`` read backwards is ``n`` exactly where its text is a palindrome: a last digit of zero makes
    the number shorter, unless it is zero itself.
    """
    acc, number = t.kids
    if t.bound:
        return []
    ten = T.num(10)
    rest, last = T.floordiv(number, ten), T.floormod(number, ten)
    longer = T.add(T.mul(ten, acc), last)
    step = T.ite(T.lt(number, ten), longer, T.app(ONTO, [longer, rest], INT))
    whole = T.le(T.num(0), number)
    facts = [
        T.implies(whole, T.eq(t, step)),
        T.implies(T.and_(whole, T.le(T.num(0), acc)), T.le(T.mul(ten, acc), t)),
    ]
    if T.literal(acc) == 0:
        digits = decimals.text_of(number, T.false())
        last_first = T.sub(decimals.length(number), T.num(1))
        back = View(
            lambda j: IntV(decimals.digit(number, T.sub(last_first, j))),
            T.num(0),
            decimals.length(number),
        )
        alike = equal_seq(digits, Seq((back,)))
        facts.append(T.implies(whole, T.iff(T.eq(t, number), alike)))
    return facts


__all__ = [
    "ONTO",
    "VALUE",
    "onto_facts",
    "signed",
    "strange",
    "unknown_length",
    "value_of",
    "written_back",
]
