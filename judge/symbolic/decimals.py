"""The decimal digits of an integer of any size, as functions that are known by their recursion.

``dec.length(n)`` is how many digits ``n >= 0`` has, ``dec.digit(n, j)`` the code point of the j-th
from the left. ``facts`` gives the equations for one occurrence: a number below ten is one digit;
any other has the digits of its tenth, and its last one. What it is not: reading numbers back.
"""

from __future__ import annotations

from judge.symbolic import term as T
from judge.symbolic.term import INT, Term
from judge.symbolic.values import IntV, Piece, Seq, View

LENGTH, DIGIT = "dec.length", "dec.digit"
ZERO = 48
"""The code point of the digit 0."""


def length(number: Term) -> Term:
    """How many digits a number has that is not negative."""
    return T.app(LENGTH, [number], INT)


def digit(number: Term, place: Term) -> Term:
    """The code point of a digit of a number that is not negative."""
    return T.app(DIGIT, [number, place], INT)


def text_of(number: Term, negative: Term) -> Seq:
    """``str(number)``; ``negative`` says whether it is, as far as that is known."""
    size = T.ite(negative, T.neg(number), number)
    digits = View(lambda j: IntV(digit(size, j)), T.num(0), length(size))
    if T.is_false(negative):
        return Seq((digits,))
    sign: Piece = View(lambda j: IntV(T.num(45)), T.num(0), T.ite(negative, T.num(1), T.num(0)))
    return Seq((sign, digits))


def facts(t: Term) -> list[Term]:
    """The equations for one occurrence; for all numbers where it stands under a quantifier."""
    if not t.bound:
        return [_equations(t)]
    names = [T.fresh_bvar() for _ in t.kids]
    return [T.quantify("forall", names, _bounds(T.app(str(t.args[0]), names, INT)))]


def _equations(t: Term) -> Term:
    number = t.kids[0]
    tenth, last = T.floordiv(number, T.num(10)), T.floormod(number, T.num(10))
    small, whole = T.lt(number, T.num(10)), T.le(T.num(0), number)
    if t.args[0] == LENGTH:
        step = T.ite(small, T.num(1), T.add(T.num(1), length(tenth)))
        return T.implies(whole, T.and_(T.eq(t, step), _bounds(t)))
    place = t.kids[1]
    end = T.sub(length(number), T.num(1))
    here = T.ite(T.eq(place, end), T.add(T.num(ZERO), last), digit(tenth, place))
    inside = T.and_(whole, T.le(T.num(0), place), T.le(place, end))
    return T.and_(_bounds(t), T.implies(inside, T.eq(t, here)))


def _bounds(t: Term) -> Term:
    """What holds of every number that is not negative."""
    if t.args[0] == LENGTH:
        return T.implies(T.le(T.num(0), t.kids[0]), T.le(T.num(1), t))
    inside = T.and_(
        T.le(T.num(0), t.kids[0]), T.le(T.num(0), t.kids[1]), T.lt(t.kids[1], length(t.kids[0]))
    )
    return T.implies(inside, T.and_(T.le(T.num(ZERO), t), T.le(t, T.num(ZERO + 9))))


__all__ = ["DIGIT", "LENGTH", "digit", "facts", "length", "text_of"]
