"""What is known of ``a // b`` with an unknown divisor: a function of its own, pinned by facts.

The quotient is the one that leaves a remainder between zero and the divisor, and quotients of
neighbouring dividends differ by whether the upper one is a multiple. ``%`` is what remains.
"""

from __future__ import annotations

from itertools import permutations

from judge.symbolic import term as T
from judge.symbolic.term import Term

MAX_PAIRS = 60


def quotient_facts(t: Term) -> list[Term]:
    """The remainder lies between zero and the divisor."""
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
