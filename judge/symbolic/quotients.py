"""What is known of ``a // b`` with an unknown divisor: a function of its own, pinned by facts.

The quotient is the one that leaves a remainder between zero and the divisor, and quotients of
neighbouring dividends differ by whether the upper one is a multiple. ``%`` is what remains.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

from judge.symbolic import term as T
from judge.symbolic.term import Term

MAX_PAIRS = 60
MAX_DIVIDENDS = 10
MAX_DIVISORS = 4


def quotient_facts(t: Term) -> list[Term]:
    """The remainder lies between zero and the divisor."""
    # Names of bound variables by place: the same fact from two quantifiers is one term.
    inner = [v for v in T.subterms([t]) if v.op == "bvar"]
    t = T.substitute(t, {v.id: T.bvar(f"@{n}") for n, v in enumerate(inner)})
    a, b = t.kids
    rest, zero = T.sub(a, T.mul(b, t)), T.num(0)
    facts = [
        T.implies(T.lt(zero, b), T.and_(T.le(zero, rest), T.lt(rest, b))),
        T.implies(T.lt(b, zero), T.and_(T.le(rest, zero), T.lt(b, rest))),
    ]
    names = [v for v in T.subterms([t]) if v.op == "bvar"]
    return [T.quantify("forall", names, f) for f in facts]


def neighbours(occurrences: list[Term]) -> list[Term]:
    """For a positive divisor ``(a + 1) // b`` is ``a // b``, or one more at a multiple of it.

    Both by definition: with ``a = q*b + r`` and ``0 <= r < b`` either ``r + 1 < b`` and the
    quotient stays, or ``r + 1 = b`` and ``a + 1 = (q + 1)*b``.
    """
    quotients = [t for t in occurrences if t.args[0] == "floor.div" and not t.bound]
    result = []
    for low, high in permutations(quotients, 2):
        (a, b), (above, other) = low.kids, high.kids
        if b is not other or T.literal(T.sub(above, a)) != 1:
            continue
        multiple = T.eq(T.sub(above, T.mul(b, high)), T.num(0))
        step = T.eq(high, T.add(low, T.ite(multiple, T.num(1), T.num(0))))
        result.append(T.implies(T.lt(T.num(0), b), step))
    return result[:MAX_PAIRS]


def products(occurrences: list[Term], everything: list[Term]) -> list[Term]:
    """A product is a multiple of each factor: where ``a`` is ``b * c``, ``a // b`` is ``c``."""
    made = [t for t in everything if t.op == "*" and not t.bound and len(t.kids) == 2]
    result = []
    for t in occurrences:
        if t.args[0] != "floor.div" or t.bound:
            continue
        a, b = t.kids
        for product in made:
            factors = [k for k in product.kids if k is b]
            if not factors or product is a:
                continue
            other = product.kids[1] if product.kids[0] is b else product.kids[0]
            same = T.and_(T.eq(a, product), T.not_(T.eq(b, T.num(0))))
            result.append(T.implies(same, T.eq(t, other)))
    return result[:MAX_PAIRS]


def common_divisors(occurrences: list[Term]) -> list[Term]:
    """What divides ``y`` divides ``x`` exactly if it divides ``x - k*y``, for dividends at hand.

    True of every divisor but zero, whatever its sign; ``k`` is one or ``x // y``. The same holds of
    ``x`` and ``-x``. It is said of the divisors that occur, and of all where one is bound.
    """
    quotients = [t for t in occurrences if t.args[0] == "floor.div"]
    whole = [leaf for t in quotients for leaf in _leaves(t.kids[0])]
    dividends = {leaf.id: leaf for leaf in whole if not leaf.bound}
    divisors = {t.kids[1].id: t.kids[1] for t in quotients if not t.kids[1].bound}
    bound = any(t.kids[1].bound for t in quotients)
    result: list[Term] = []
    for x, y, z in _related(list(dividends.values())[:MAX_DIVIDENDS], quotients):
        chosen = [d for d in divisors.values() if d is not y][:MAX_DIVISORS]
        result += [_closed(x, y, z, d) for d in chosen]
        if bound:
            d = T.fresh_bvar()
            result.append(T.quantify("forall", [d], _closed(x, y, z, d)))
    return result[:MAX_PAIRS]


def _related(numbers: list[Term], quotients: list[Term]) -> Iterator[tuple[Term, Term, Term]]:
    """(x, y, z) with ``z = x - k*y``; of two opposite numbers with y = 0."""
    zero = T.num(0)
    for x, z in combinations(numbers, 2):
        if T.add(x, z) is zero:
            yield x, zero, z
    for x, y, z in permutations(numbers, 3):
        factors = [T.num(1), *(t for t in quotients if t.kids[0] is x and t.kids[1] is y)]
        if T.literal(y) is None and any(z is T.sub(x, T.mul(k, y)) for k in factors):
            yield x, y, z


def _leaves(dividend: Term) -> list[Term]:
    """A number and, where it is a choice, what it is chosen from."""
    if dividend.op != "ite":
        return [dividend]
    return [dividend, *_leaves(dividend.kids[1]), *_leaves(dividend.kids[2])]


def _closed(x: Term, y: Term, z: Term, divisor: Term) -> Term:
    def divides(number: Term) -> Term:
        return T.eq(T.floormod(number, divisor), T.num(0))

    same = T.iff(divides(x), divides(z))
    given = T.true() if T.literal(y) == 0 else divides(y)
    return T.implies(T.and_(T.not_(T.eq(divisor, T.num(0))), given), same)
