"""``base ** exponent`` for whole numbers: a function that is known by its recursion, and by halves.

Where a power of ``x`` and one of ``x * x`` are spoken of, what makes one of the other is said, and
said of the products that they stand in too, so that nothing but linear reasoning is left. What it
is not: negative exponents, which make floats.
"""

from __future__ import annotations

from functools import reduce
from itertools import combinations, permutations

from judge.symbolic import term as T
from judge.symbolic.term import INT, Term

NAME = "fold.power"
MAX_PRODUCTS = 12
MAX_LAWS = 40


def power(base: Term, exponent: Term) -> Term:
    """``base ** exponent`` for a non-negative exponent."""
    known = T.literal(exponent)
    if known is not None and 0 <= known <= 32:
        result = T.num(1)
        for _ in range(known):
            result = T.mul(result, base)
        return result
    if exponent.op == "ite":
        test, a, b = exponent.kids
        return T.ite(test, power(base, a), power(base, b))
    return T.app(NAME, [base, exponent], INT)


def facts(t: Term) -> list[Term]:
    """The recursion for one occurrence, and that a power of what is positive is positive."""
    base, exponent = t.kids
    before = T.sub(exponent, T.num(1))
    step = T.eq(t, T.mul(base, T.app(NAME, [base, before], INT)))
    return [
        T.implies(T.le(T.num(1), exponent), step),
        T.implies(T.eq(exponent, T.num(0)), T.eq(t, T.num(1))),
        T.implies(T.and_(T.le(T.num(0), exponent), T.le(T.num(1), base)), T.le(T.num(1), t)),
    ]


def squares(occurrences: list[Term], roots: list[Term]) -> list[Term]:
    """``x ** n`` from ``(x * x) ** (n // 2)``, for a number that is not negative."""
    powers = [t for t in occurrences if t.args[0] == NAME and not t.bound]
    two, products = T.num(2), [t for t in T.subterms(roots) if t.op == "*" and not t.bound]
    result = []
    for t in powers:
        base, exponent = t.kids
        half = T.app(NAME, [T.mul(base, base), T.floordiv(exponent, two)], INT)
        if T.literal(base) is not None or not any(half is p for p in powers):
            continue
        even = T.eq(T.floormod(exponent, two), T.num(0))
        whole = T.le(T.num(0), exponent)
        for factor in _beside(t, products):
            some, once_more = T.mul(factor, half), T.mul(T.mul(factor, base), half)
            equal = T.eq(T.mul(factor, t), T.ite(even, some, once_more))
            result.append(T.implies(whole, equal))
    return result


def _beside(t: Term, products: list[Term]) -> list[Term]:
    """One, and what a power is multiplied with."""
    found = {T.num(1).id: T.num(1)}
    for product in products:
        factors = list(product.kids)
        if any(f is t for f in factors):
            factors.remove(t)
            rest = reduce(T.mul, [f for f in factors if T.literal(f) is None], T.num(1))
            found.setdefault(rest.id, rest)
    return list(found.values())[:MAX_PRODUCTS]


def laws(occurrences: list[Term], asked: set[int]) -> list[Term]:
    """What two or three powers say of each other; ``asked`` are those the formula speaks of.

    For exponents that are not negative: ``b**(2h) = (b*b)**h = (b**h)**2``, with one factor more
    for ``2h + 1``, and ``b**x * b**y = b**(x + y)``; each by induction on an exponent.
    """
    powers = [t for t in occurrences if t.args[0] == NAME and not t.bound and t.id in asked]
    result: list[Term] = []
    for whole, half in permutations(powers, 2):
        (base, exponent), (other, h) = whole.kids, half.kids
        if T.literal(T.sub(exponent, h)) is not None:
            continue
        if other is base:
            result += _halved(base, exponent, h, whole, T.mul(half, half))
        elif other is T.mul(base, base):
            result += _halved(base, exponent, h, whole, half)
    for one, two in combinations(powers, 2):
        for both in powers:
            (base, x), (b, y), (c, z) = one.kids, two.kids, both.kids
            if base is b and b is c and z is T.add(x, y):
                given = T.and_(T.le(T.num(0), x), T.le(T.num(0), y))
                result.append(T.implies(given, T.eq(both, T.mul(one, two))))
    return result[:MAX_LAWS]


def _halved(base: Term, exponent: Term, h: Term, whole: Term, squared: Term) -> list[Term]:
    """``whole`` is ``squared`` at the exponent ``2h``, and has a factor more at ``2h + 1``."""
    double = T.mul(T.num(2), h)
    return [
        T.implies(T.and_(T.le(T.num(0), h), T.eq(exponent, even)), T.eq(whole, value))
        for even, value in ((double, squared), (T.add(double, T.num(1)), T.mul(base, squared)))
    ]


__all__ = ["facts", "laws", "power", "squares"]
