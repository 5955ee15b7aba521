"""Equal terms in one settled form, so that all formal teachers write one hand.

Operands come in the order in which the contract (else the signature) first names them, literals
last; a larger minus a smaller of the same two is a distance. Only identities of whole numbers are
used, each of which also keeps what is raised. What it is not: a simplifier.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from teachers.formal.term import COMPARISONS, Term, integer, variables

_LAST = 98
"""Rank of a name that no text mentions; literals rank behind it."""


def mention_order(names: Sequence[str], texts: Iterable[str]) -> dict[str, int]:
    """Return the rank of each of ``names`` by its first mention in ``texts``, then by place."""
    words = re.findall(r"\w+", " ".join(texts))
    first = {name: words.index(name) if name in words else len(words) for name in names}
    ordered = sorted(names, key=lambda name: (first[name], names.index(name)))
    return {name: rank for rank, name in enumerate(ordered)}


def tidy(term: Term, order: Mapping[str, int]) -> Term:
    """Return ``term`` in the settled form; ``order`` ranks the parameters."""
    args = tuple(tidy(each, order) for each in term.args)
    term = Term(term.op, args, term.value)
    if term.op in ("+", "-") or (term.op == "neg" and args[0].op in ("+", "-")):
        return _distance(term) or _sum(term, order)
    if term.op == "*":
        return Term("*", tuple(sorted(args, key=lambda each: _rank(each, order))))
    if term.op in ("min", "max"):
        flat = _operands(term)
        flat.sort(key=lambda each: _rank(each, order))
        return Term(term.op, tuple(flat))
    if term.op == "abs" and args[0].op == "-":
        return Term("abs", (_facing(args[0], order),))
    if term.op in COMPARISONS:
        return _against_zero(term)
    return term


def _rank(term: Term, order: Mapping[str, int]) -> int:
    return min((order.get(name, _LAST) for name in variables(term)), default=_LAST + 1)


def _operands(term: Term) -> list[Term]:
    """Return the operands of nested ``max`` (or ``min``) as those of one call."""
    found: list[Term] = []
    for argument in term.args:
        found += _operands(argument) if argument.op == term.op else [argument]
    return found


def _distance(term: Term) -> Term | None:
    """Return ``abs(a - b)`` for ``max(a, b) - min(a, b)``."""
    if term.op != "-" or (term.args[0].op, term.args[1].op) != ("max", "min"):
        return None
    left, right = (each.args for each in term.args)
    if len(left) != 2 or set(left) != set(right):
        return None
    return Term("abs", (Term("-", left),))


def _facing(difference: Term, order: Mapping[str, int]) -> Term:
    """Return a difference inside ``abs`` with what is named first in front."""
    left, right = difference.args
    return Term("-", (right, left)) if _rank(right, order) < _rank(left, order) else difference


def _sum(term: Term, order: Mapping[str, int]) -> Term:
    """Return a sum with what is added first, what is taken away next and the literal last."""
    added: list[Term] = []
    taken: list[Term] = []
    total = _spread(term, True, added, taken)
    added.sort(key=lambda each: _rank(each, order))
    taken.sort(key=lambda each: _rank(each, order))
    if not added:
        if not taken:
            return integer(total)
        if total == 0:
            first, rest = Term("neg", (taken[0],)), taken[1:]
        else:
            first, rest, total = integer(total), taken, 0
    else:
        first, rest = added[0], taken
    for each in added[1:]:
        first = Term("+", (first, each))
    for each in rest:
        first = Term("-", (first, each))
    if total:
        first = Term("+" if total > 0 else "-", (first, integer(abs(total))))
    return first


def _spread(term: Term, positive: bool, added: list[Term], taken: list[Term]) -> int:
    """Collect the summands of ``term`` by sign; return the sum of its literals."""
    if term.op == "int" and isinstance(term.value, int):
        return term.value if positive else -term.value
    if term.op == "neg":
        return _spread(term.args[0], not positive, added, taken)
    if term.op in ("+", "-"):
        left, right = term.args
        side = positive if term.op == "+" else not positive
        first = _spread(left, positive, added, taken)
        return first + _spread(right, side, added, taken)
    (added if positive else taken).append(term)
    return 0


def _against_zero(term: Term) -> Term:
    """Write a test of a remainder by a positive literal, which is never negative, as == or !=."""
    left, right = term.args
    if left.op != "%" or not (isinstance(left.args[1].value, int) and left.args[1].value > 0):
        return term
    if (term.op, right.value) in (("<", 1), ("<=", 0)):
        return Term("==", (left, integer(0)))
    if (term.op, right.value) in ((">", 0), (">=", 1)):
        return Term("!=", (left, integer(0)))
    return term
