"""Sums over a sorted list: a rearrangement changes no sum, so it is the sum over the source.

Stated where the summand reads the sorted list at the running place only and the sum goes over all
of it. Which list it was sorted from is written down by ``sorting``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from judge.symbolic import term as T
from judge.symbolic.fold_touched import loosened
from judge.symbolic.numbers import as_int
from judge.symbolic.term import Term
from judge.symbolic.values import Seq, Value

if TYPE_CHECKING:
    from judge.symbolic.folds import Fold

SumOf = Callable[[Seq, Callable[[Value], Term]], Term]


def rearranged(fold: Fold, t: Term, sum_of: SumOf) -> list[Term]:
    """What is known of an occurrence ``t`` of a sum over a sorted list."""
    t, free = loosened(t)
    *actual, end = t.kids
    hole = T.fresh_bvar()
    mapping = {o.id: a for o, a in zip(fold.outer, actual, strict=True)}
    body = T.substitute(fold.body, {**mapping, fold.hole.id: hole})
    reads = [
        s
        for s in T.subterms([body])
        if s.op == "select" and s.kids[1] is hole and s.kids[0].op == "var"
    ]
    source = T.definitions().get(f"{reads[0].kids[0].args[0]} source") if len(reads) == 1 else None
    if not isinstance(source, Seq) or source.length is not end:
        return []
    mark = T.fresh_bvar()
    inner = T.substitute(body, {reads[0].id: mark})
    if str(hole.args[0]) in inner.bound:
        return []

    def summand(value: Value) -> Term:
        number = as_int(value)
        assert number is not None
        return T.substitute(inner, {mark.id: number})

    known = T.implies(T.le(T.num(0), end), T.eq(t, sum_of(source, summand)))
    return [T.quantify("forall", free, known)]
