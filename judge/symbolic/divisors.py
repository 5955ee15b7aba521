"""Greatest common divisors, factorials, and what products and cofactors say of quotients.

``math.gcd(a, b)`` and ``math.factorial(n)`` are functions of their own, known by laws; a quotient
of a product by one of its factors is the other; the cofactor of a divisor is a divisor, and the
smaller of the two is at most the root. Every law is an instance of a theorem about whole numbers.
What it is not: unique factorisation.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

from judge.symbolic import term as T
from judge.symbolic.term import INT, Term

GCD, FACTORIAL = "math.gcd", "math.factorial"
MAX_EXACT = 40
MAX_SQUARES = 4


def gcd(a: Term, b: Term) -> Term:
    """``math.gcd(a, b)``."""
    first, second = sorted((a, b), key=lambda t: t.id)
    return T.app(GCD, [first, second], INT)


def lcm(a: Term, b: Term) -> Term:
    """``math.lcm(a, b)``: the size of the product over the greatest common divisor, or zero."""
    product = T.mul(a, b)
    size = T.ite(T.le(T.num(0), product), product, T.neg(product))
    none = T.eq(product, T.num(0))
    return T.ite(none, T.num(0), T.floordiv(size, gcd(a, b)))


def factorial(number: Term) -> Term:
    """``math.factorial(n)`` of a number that is not negative."""
    return T.app(FACTORIAL, [number], INT)


def factorial_facts(t: Term) -> list[Term]:
    """One for zero, ``n`` times that of ``n - 1`` beyond; never less than one, nor than ``n``."""
    if t.bound:
        return []
    (number,) = t.kids
    step = T.eq(t, T.mul(number, factorial(T.sub(number, T.num(1)))))
    return [
        T.implies(T.eq(number, T.num(0)), T.eq(t, T.num(1))),
        T.implies(T.le(T.num(1), number), step),
        T.implies(T.le(T.num(0), number), T.and_(T.le(T.num(1), t), T.le(number, t))),
    ]


def _divides(divisor: Term, number: Term) -> Term:
    return T.eq(T.floormod(number, divisor), T.num(0))


def _size(number: Term) -> Term:
    return T.ite(T.le(T.num(0), number), number, T.neg(number))


def gcd_facts(t: Term) -> list[Term]:
    """It divides both, every common divisor divides it, and their product over it is whole."""
    if t.bound:
        return []
    a, b = t.kids
    zero, d = T.num(0), T.fresh_bvar()
    some = T.lt(zero, t)
    common = T.and_(T.lt(zero, d), _divides(d, a), _divides(d, b))
    facts = [
        T.le(zero, t),
        T.iff(T.eq(t, zero), T.and_(T.eq(a, zero), T.eq(b, zero))),
        T.implies(some, T.and_(_divides(t, a), _divides(t, b))),
        T.implies(T.eq(a, zero), T.eq(t, _size(b))),
        T.implies(T.eq(b, zero), T.eq(t, _size(a))),
        T.quantify(
            "forall", [d], T.implies(T.and_(some, common), T.and_(_divides(d, t), T.le(d, t)))
        ),
    ]
    facts += [T.implies(T.not_(T.eq(n, zero)), T.le(t, _size(n))) for n in (a, b)]
    product = T.floordiv(T.mul(a, b), t)
    for x, y in ((a, b), (b, a)):
        other = T.floordiv(y, t)
        facts.append(T.implies(some, T.eq(product, T.mul(x, other))))
        nonzero = T.not_(T.eq(x, zero))
        facts.append(T.implies(T.and_(some, nonzero), T.eq(T.floordiv(product, x), other)))
    return facts


def euclid(occurrences: list[Term]) -> list[Term]:
    """``gcd(x, y)`` is ``gcd(x - k * y, y)``, for those at hand."""
    found = [t for t in occurrences if t.args[0] == GCD and not t.bound]
    return [
        T.eq(s, t)
        for s, t in combinations(found, 2)
        if any(_reduced(x, u, y) for x, y in _ways(s) for u, z in _ways(t) if y is z)
    ]


def _ways(t: Term) -> Iterator[tuple[Term, Term]]:
    yield from permutations(t.kids, 2)


def _reduced(x: Term, u: Term, y: Term) -> bool:
    """Whether ``x - u`` is visibly a multiple of ``y``."""
    difference = T.sub(x, u)
    return T.literal(y) is None and T.literal(T.multiple(difference, y)[1]) == 0


def exact(occurrences: list[Term], roots: list[Term]) -> list[Term]:
    """``y * z // y`` is ``z``: for quotients by ``y`` at hand and products in which it stands."""
    quotients = [t for t in occurrences if t.args[0] == "floor.div" and not t.bound]
    products = [t for t in T.subterms(roots) if t.op == "*" and not t.bound]
    result = []
    for t in quotients:
        x, y = t.kids
        for product in products:
            if not any(k is y for k in product.kids):
                continue
            times, rest = T.multiple(product, y)
            if T.literal(rest) == 0 and product is not x:
                given = T.and_(T.not_(T.eq(y, T.num(0))), T.eq(x, product))
                result.append(T.implies(given, T.eq(t, times)))
    return result[:MAX_EXACT]


def cofactors(occurrences: list[Term], roots: list[Term]) -> list[Term]:
    """The cofactor of a divisor of ``n`` is one, and is below ``i`` where the divisor is not.

    With ``n = d * k`` and ``n < i * i``: if both were at least ``i``, so would be the product.
    Said of the dividends at hand, where a square is spoken of.
    """
    dividends = {
        t.kids[0].id: t.kids[0]
        for t in occurrences
        if t.args[0] == "floor.div" and not t.kids[0].bound and T.literal(t.kids[0]) is None
    }
    result = []
    for root in _roots(roots):
        for number in dividends.values():
            if number is root:
                continue
            d, one = T.fresh_bvar(), T.num(1)
            other = T.floordiv(number, d)
            divisor = T.and_(T.le(one, d), T.le(one, number), _divides(d, number))
            back = T.eq(T.floordiv(number, other), d)
            small = T.or_(
                T.le(T.mul(root, root), number), T.lt(root, one), T.lt(d, root), T.lt(other, root)
            )
            claim = T.and_(T.le(one, other), back, small)
            result.append(T.quantify("forall", [d], T.implies(divisor, claim)))
    return result


def _roots(roots: list[Term]) -> list[Term]:
    """What is squared."""
    found: dict[int, Term] = {}
    for t in T.subterms(roots):
        if t.op == "*" and not t.bound and len(t.kids) == 2 and t.kids[0] is t.kids[1]:
            found.setdefault(t.kids[0].id, t.kids[0])
    return list(found.values())[:MAX_SQUARES]


__all__ = [
    "FACTORIAL",
    "GCD",
    "cofactors",
    "euclid",
    "exact",
    "factorial",
    "factorial_facts",
    "gcd",
    "gcd_facts",
    "lcm",
]
