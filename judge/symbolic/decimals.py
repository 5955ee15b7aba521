"""The digits of an integer of any size, as functions that are known by their recursion.

``dec.length(n)`` is how many decimal digits ``n >= 0`` has, ``dec.digit(n, j)`` the code point of
the j-th from the left; ``bin``, ``oct`` and ``hex`` have functions of their own. ``facts`` gives
the equations for one occurrence: a number below the base is one digit; any other has the digits of
its quotient by the base, and its last one. What is counted or summed over all digits follows the
same recursion (``folded``). What it is not: reading numbers back.
"""

from __future__ import annotations

from collections.abc import Callable

from judge.symbolic import term as T
from judge.symbolic.term import INT, Term
from judge.symbolic.values import IntV, Piece, Seq, View

BASES = {"dec": 10, "bin": 2, "oct": 8, "hex": 16}
LENGTH, DIGIT = "dec.length", "dec.digit"
LENGTHS = {f"{name}.length": base for name, base in BASES.items()}
DIGITS = {f"{name}.digit": base for name, base in BASES.items()}
ZERO = 48
"""The code point of the digit 0."""
LETTER_A = 97 - 10
"""What makes the code point of a hexadecimal digit from ten on."""


def length(number: Term, name: str = "dec") -> Term:
    """How many digits a number has that is not negative."""
    return T.app(f"{name}.length", [number], INT)


def digit(number: Term, place: Term, name: str = "dec") -> Term:
    """The code point of a digit of a number that is not negative."""
    return T.app(f"{name}.digit", [number, place], INT)


def text_of(number: Term, negative: Term, name: str = "dec", prefix: str = "") -> Seq:
    """``str(number)``; ``negative`` says whether it is, as far as that is known.

    With another base, and the ``prefix`` that comes before the digits, it is ``bin(number)``.
    """
    size = T.ite(negative, T.neg(number), number)
    pieces: list[Piece] = []
    if not T.is_false(negative):
        sign = T.ite(negative, T.num(1), T.num(0))
        pieces.append(View(lambda j: IntV(T.num(45)), T.num(0), sign))
    pieces += [_single(ord(c)) for c in prefix]
    pieces.append(View(lambda j: IntV(digit(size, j, name)), T.num(0), length(size, name)))
    return Seq(tuple(pieces))


def _single(code: int) -> Piece:
    from judge.symbolic.values import Single

    return Single(IntV(T.num(code)))


def written(piece: Piece) -> tuple[Term, str, bool] | None:
    """(number, base's name, are they reversed) of a piece that is all digits of a number."""
    if type(piece) is not View:
        return None
    hole = T.fresh_bvar()
    value = piece.at(hole)
    t = value.term if isinstance(value, IntV) else None
    if t is None or t.op != "app" or t.args[0] not in DIGITS:
        return None
    number, place = t.kids
    name = str(t.args[0]).removesuffix(".digit")
    whole = length(number, name)
    if number.bound or piece.length is not whole:
        return None
    if place is hole:
        return number, name, False
    if place is T.sub(T.sub(whole, T.num(1)), hole):
        return number, name, True
    return None


def facts(t: Term) -> list[Term]:
    """The equations for one occurrence; for all numbers where it stands under a quantifier."""
    if not t.bound:
        return [_equations(t)]
    names = [T.fresh_bvar() for _ in t.kids]
    return [T.quantify("forall", names, _bounds(T.app(str(t.args[0]), names, INT)))]


def _base(t: Term) -> tuple[str, int]:
    name = str(t.args[0]).partition(".")[0]
    return name, BASES[name]


def code_of(value: Term, base: int) -> Term:
    """The code point of a digit, given its value."""
    plain = T.add(T.num(ZERO), value)
    if base <= 10:
        return plain
    return T.ite(T.lt(value, T.num(10)), plain, T.add(T.num(LETTER_A), value))


def _equations(t: Term) -> Term:
    name, base = _base(t)
    number = t.kids[0]
    rest, last = T.floordiv(number, T.num(base)), T.floormod(number, T.num(base))
    small, whole = T.lt(number, T.num(base)), T.le(T.num(0), number)
    if t.args[0] in LENGTHS:
        step = T.ite(small, T.num(1), T.add(T.num(1), length(rest, name)))
        return T.implies(whole, T.and_(T.eq(t, step), _bounds(t)))
    place = t.kids[1]
    end = T.sub(length(number, name), T.num(1))
    here = T.ite(T.eq(place, end), code_of(last, base), digit(rest, place, name))
    inside = T.and_(whole, T.le(T.num(0), place), T.le(place, end))
    return T.and_(_bounds(t), T.implies(inside, T.eq(t, here)))


def _bounds(t: Term) -> Term:
    """What holds of every number that is not negative."""
    name, base = _base(t)
    if t.args[0] in LENGTHS:
        return T.implies(T.le(T.num(0), t.kids[0]), T.le(T.num(1), t))
    inside = T.and_(
        T.le(T.num(0), t.kids[0]),
        T.le(T.num(0), t.kids[1]),
        T.lt(t.kids[1], length(t.kids[0], name)),
    )
    highest = T.literal(code_of(T.num(base - 1), base))
    assert highest is not None
    return T.implies(inside, T.and_(T.le(T.num(ZERO), t), T.le(t, T.num(int(highest)))))


def folded(
    body: Term, hole: Term, index: Term, fold: Callable[[Term, Term], Term]
) -> tuple[Term, Term, Term] | None:
    """How a sum over all digits of a number follows the number's own recursion.

    ``body`` is the summand at ``hole``, and ``fold(body, index)`` the sum; the answer is (is the
    number one digit, the sum then, the sum otherwise), for a number that is not negative; None
    where the sum is not over the digits of one number, or asks for their places. The digits but the
    last are those of the quotient, at the same places.
    """
    if index.op != "app" or index.args[0] not in LENGTHS or index.bound:
        return None
    number = index.kids[0]
    name, base = _base(index)
    here = digit(number, hole, name)
    mark = T.bvar("@digit")
    summand = T.substitute(body, {here.id: mark})
    others = [t for t in T.subterms([summand]) if t.op == "app" and t.args[0] in DIGITS]
    if summand is body or others or str(hole.args[0]) in summand.bound:
        return None
    rest, last = T.floordiv(number, T.num(base)), T.floormod(number, T.num(base))

    def of(code: Term) -> Term:
        return T.substitute(summand, {mark.id: code})

    before = fold(of(digit(rest, hole, name)), length(rest, name))
    end = of(code_of(last, base))
    return T.lt(number, T.num(base)), of(code_of(number, base)), T.add(before, end)


__all__ = [
    "BASES",
    "DIGIT",
    "DIGITS",
    "LENGTH",
    "LENGTHS",
    "code_of",
    "digit",
    "facts",
    "folded",
    "length",
    "text_of",
    "written",
]
