"""From neighbours to pairs: a sequence that never falls from one element to the next never falls.

First-order solvers cannot find that (it takes induction), and programs that search sorted lists
need it. The lemma is stated for every formula that speaks of neighbours over an interval.
"""

from __future__ import annotations

from judge.symbolic import term as T
from judge.symbolic.term import Term


def sorted_lemmas(roots: list[Term]) -> list[Term]:
    """For each ``forall q in an interval: t(q) + c <= t(q+1)`` with c >= 0: the same for pairs."""
    result = []
    for formula in T.subterms(roots):
        if formula.op == "forall" and not formula.bound and len(formula.kids) == 2:
            lemma = _lemma(formula)
            if lemma is not None:
                result.append(lemma)
    return result


def _lemma(formula: Term) -> Term | None:
    """Neighbours in order imply pairs in order, by induction on the distance of the pair."""
    q, body = formula.kids
    parts: list[Term] = []
    for part in body.kids if body.op == "or" else (body,):
        if part.op == "not" and part.kids[0].op == "and":
            parts += [T.not_(k) for k in part.kids[0].kids]
        else:
            parts.append(part)
    steps = [p for p in parts if p.op == "<=" and _is_step(p, q)]
    rest = [p for p in parts if not any(p is s for s in steps)]
    if len(steps) != 1 or not rest or not all(_is_bound(p, q) for p in rest):
        return None
    left, right = steps[0].kids
    i, j = T.fresh_bvar(), T.fresh_bvar()
    last = T.sub(j, T.num(1))

    def inside(k: Term) -> Term:
        return T.not_(T.or_(*(T.substitute(p, {q.id: k}) for p in rest)))

    claim = T.le(T.substitute(left, {q.id: i}), T.substitute(right, {q.id: last}))
    pairs = T.implies(T.and_(T.lt(i, j), inside(i), inside(last)), claim)
    return T.implies(formula, T.quantify("forall", [i, j], pairs))


def _is_step(part: Term, q: Term) -> bool:
    """Whether a comparison reads t(q) + c <= t(q+1) with a literal c >= 0."""
    left, right = part.kids
    gap = T.literal(T.sub(T.substitute(left, {q.id: T.add(q, T.num(1))}), right))
    return gap is not None and gap >= 0 and str(q.args[0]) in left.bound


def _is_bound(part: Term, q: Term) -> bool:
    """Whether a comparison bounds q by something without q; such bounds make an interval."""
    if part.op != "<=":
        return False
    left, right = part.kids
    for sign in (T.num(1), T.num(-1)):
        without = T.sub(T.sub(left, right), T.mul(sign, q))
        if str(q.args[0]) not in without.bound:
            return True
    return False
