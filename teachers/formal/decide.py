"""Decision lists: the cheapest ``if``-chain of known predicates over known terms.

Each term is right on some of the examples (its cover). For every set of examples a table holds the
cheapest term that is right on all of them; a chain then splits the examples by predicates. With n
examples the table has 2**n entries, so n is kept at 20 or below by the caller.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from teachers.formal.bank import Bank
from teachers.formal.predicates import Predicates
from teachers.formal.term import Term, negate

_NEVER = 10_000
_GUARD = 1
"""What an ``if`` costs besides its condition and branches."""

Masks = npt.NDArray[np.int64]


def _masks(rows: npt.NDArray[np.bool_]) -> Masks:
    weights = 1 << np.arange(rows.shape[1], dtype=np.int64)
    packed: Masks = rows.astype(np.int64) @ weights
    return packed


class Table:
    """For every set of examples, the cheapest bank term that hits the target on all of them."""

    def __init__(self, bank: Bank, target: npt.NDArray[np.int64]) -> None:
        n = bank.rows.shape[1]
        covers = _masks(bank.rows == target)
        self.full = (1 << n) - 1
        self.cost = np.full(1 << n, _NEVER, dtype=np.int64)
        self.index = np.full(1 << n, -1, dtype=np.int64)
        # Bank rows come cheapest first, so the first index of each cover is its cheapest term.
        distinct, first = np.unique(covers, return_index=True)
        self.cost[distinct] = bank.costs[first]
        self.index[distinct] = first
        for bit in range(n):
            shape = (1 << (n - bit - 1), 2, 1 << bit)
            cost, index = self.cost.reshape(shape), self.index.reshape(shape)
            better = cost[:, 1] < cost[:, 0]
            cost[:, 0] = np.where(better, cost[:, 1], cost[:, 0])
            index[:, 0] = np.where(better, index[:, 1], index[:, 0])


def decide(
    bank: Bank, predicates: Predicates, target: npt.NDArray[np.int64], *, most: int = _NEVER
) -> tuple[int, Term] | None:
    """Return (cost, term) of the cheapest chain with at most two guards below ``most``, or None."""
    table = Table(bank, target)
    if table.cost[table.full] < _NEVER:
        return int(table.cost[table.full]), bank.term(int(table.index[table.full]))
    if not len(predicates):
        return None
    masks = _masks(predicates.rows)
    # Both a predicate and its negation may come first in the chain.
    yes = np.concatenate([masks, table.full & ~masks])
    costs = np.concatenate([predicates.costs, predicates.costs])
    order = np.argsort(costs, kind="stable")
    yes, costs = yes[order], costs[order]
    yes, first = np.unique(yes, return_index=True)
    costs, names = costs[first], order[first]
    found = _one_guard(table, yes, costs)
    if found is None or found[0] > 9:
        two = _two_guards(table, yes, costs, most if found is None else found[0])
        found = two or found
    if found is None or found[0] >= most:
        return None
    return found[0], _chain(bank, predicates, table, yes, names, found[1])


_Found = tuple[int, list[int]]


def _one_guard(table: Table, yes: Masks, costs: Masks) -> _Found | None:
    total = table.cost[yes] + table.cost[table.full & ~yes] + costs + _GUARD
    best = int(np.argmin(total))
    return (int(total[best]), [best]) if total[best] < _NEVER else None


def _two_guards(table: Table, yes: Masks, costs: Masks, most: int) -> _Found | None:
    head = table.cost[yes] + costs + _GUARD
    firsts = np.nonzero((head < most) & (yes != 0) & (yes != table.full))[0]
    firsts = firsts[np.argsort(head[firsts], kind="stable")][:600]
    found: _Found | None = None
    for first in firsts.tolist():
        if head[first] + 2 >= most:
            break
        rest = table.full & ~int(yes[first])
        total = table.cost[rest & yes] + table.cost[rest & ~yes] + costs + _GUARD
        second = int(np.argmin(total))
        cost = int(head[first] + total[second])
        if cost < most:
            most, found = cost, (cost, [first, second])
    return found


def _chain(
    bank: Bank,
    predicates: Predicates,
    table: Table,
    yes: Masks,
    names: Masks,
    guards: list[int],
) -> Term:
    steps: list[tuple[Term, Term]] = []
    left = table.full
    for guard in guards:
        mask = int(yes[guard])
        name = int(names[guard])
        negated = name >= len(predicates)
        condition = predicates.term(name - len(predicates) if negated else name)
        if negated:
            condition = negate(condition)
        steps.append((condition, bank.term(int(table.index[left & mask]))))
        left &= ~mask
    body = bank.term(int(table.index[left]))
    for condition, then in reversed(steps):
        body = Term("if", (condition, then, body))
    return body
