"""A sum inside a sum, and the same sum on its own: two names for one number.

``sum(sum(row) for row in m)`` knows ``sum(row)`` as a function of the row's place; a loop over one
``row`` knows it as a function of its own. Both are the prefix sums of one summand, so they agree at
every index; that is said where the place of the row occurs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.symbolic import term as T
from judge.symbolic.term import INT, Term

if TYPE_CHECKING:
    from judge.symbolic.folds import Fold

MAX_FACTS = 40


def instances_that_agree(occurrences: list[Term], folds: dict[str, Fold]) -> list[Term]:
    """``F(k) = G(t, k)`` where the summand of ``G`` at ``t`` is that of ``F``."""
    alone: dict[tuple[int, int, int], str] = {}
    places: dict[str, list[Term]] = {}
    for t in occurrences:
        fold = folds.get(str(t.args[0]))
        if fold is not None and fold.kind == "sum" and not fold.outer and not t.bound:
            alone[fold.body.id, fold.keep.id, fold.low.id] = fold.name
            places.setdefault(fold.name, []).append(t.kids[-1])
    result: dict[int, Term] = {}
    for t in occurrences:
        fold = folds.get(str(t.args[0]))
        if fold is None or fold.kind != "sum" or not fold.outer or t.bound:
            continue
        *actual, index = t.kids
        mapping = {o.id: a for o, a in zip(fold.outer, actual, strict=True)}
        parts = [T.substitute(p, mapping) for p in (fold.body, fold.keep, fold.low)]
        same = alone.get((parts[0].id, parts[1].id, parts[2].id))
        for k in [index, *places[same]] if same is not None else []:
            fact = T.eq(T.app(same or "", [k], INT), T.app(fold.name, [*actual, k], INT))
            result.setdefault(fact.id, fact)
    return list(result.values())[:MAX_FACTS]
