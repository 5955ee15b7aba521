"""``base ** exponent`` for whole numbers: a function that is known by its recursion, and by halves.

Where a power of ``x`` and one of ``x * x`` are spoken of, what makes one of the other is said, and
said of the products that they stand in too, so that nothing but linear reasoning is left. What it
is not: negative exponents, which make floats.
"""

from __future__ import annotations

from functools import reduce

from judge.symbolic import term as T
from judge.symbolic.term import INT, Term

NAME = "fold.power"
MAX_PRODUCTS = 12


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


__all__ = ["facts", "power", "squares"]
