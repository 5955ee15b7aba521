"""Truth-valued terms over a bank of integer terms, one for each behaviour, cheapest first.

Comparisons between cheap terms, then conjunctions and disjunctions of the cheapest of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from teachers.formal.bank import Bank, Bools, hash_rows, hasher
from teachers.formal.term import Term

Numbers = npt.NDArray[np.int64]
_Batch = tuple[int, str, Numbers, Numbers]


class Predicates:
    """Distinct truth rows (q, n) with costs; ``term(i)`` writes predicate ``i`` out."""

    def __init__(
        self,
        bank: Bank,
        *,
        left_cost: int = 3,
        right_cost: int = 2,
        limit: int = 4_000,
        pairs: int = 120,
    ) -> None:
        self._bank = bank
        self._made: list[tuple[str, int, int]] = []
        columns = bank.rows.shape[1]
        self.rows: Bools = np.empty((0, columns), dtype=np.bool_)
        self.costs: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._seen: set[int] = set()
        self._multipliers = hasher(columns)
        self._limit = limit
        self._compare(left_cost, right_cost)
        self._join(pairs)

    def __len__(self) -> int:
        return len(self._made)

    def term(self, index: int) -> Term:
        """Return predicate ``index`` as a term."""
        op, left, right = self._made[index]
        if op in ("and", "or"):
            return Term(op, (self.term(left), self.term(right)))
        return Term(op, (self._bank.term(left), self._bank.term(right)))

    def _compare(self, left_cost: int, right_cost: int) -> None:
        bank = self._bank
        batches: list[_Batch] = []
        for a in range(1, left_cost + 1):
            for b in range(1, right_cost + 1):
                left = np.nonzero((bank.costs == a) & ~bank.constant)[0]
                right = np.nonzero(bank.costs == b)[0]
                if not len(left) or not len(right):
                    continue
                batches += self._batches(a + b + 1 + (2 if a > 1 and b > 1 else 0), left, right)
        batches.sort(key=lambda batch: batch[0])
        for cost, op, left, right in batches:
            x, y = bank.rows[left], bank.rows[right]
            self._add(cost, op, left, right, _compare(op, x, y))

    def _batches(self, cost: int, left: Numbers, right: Numbers) -> list[_Batch]:
        """Pair ``left`` with ``right`` under each comparison.

        An equality is a rarer rule than an order, so it costs one more, unless it is of a
        remainder, where it is the usual one.
        """
        bank = self._bank
        remainder = np.array([bank.operator(i) == "%" for i in left.tolist()])
        found: list[_Batch] = []
        for part, equality in ((left[remainder], 0), (left[~remainder], 1)):
            if not len(part):
                continue
            pairs = np.repeat(part, len(right)), np.tile(right, len(part))
            found += [(cost + equality, op, *pairs) for op in ("==", "!=")]
            found += [(cost, op, *pairs) for op in (">", "<", ">=", "<=")]
        return found

    def _join(self, pairs: int) -> None:
        count = min(pairs, len(self))
        if count < 2:
            return
        order = np.argsort(self.costs[: len(self)], kind="stable")[:count]
        left, right = (each.ravel() for each in np.meshgrid(order, order, indexing="ij"))
        keep = left < right
        left, right = left[keep], right[keep]
        costs = self.costs[left] + self.costs[right] + 1
        for cost in np.unique(costs):
            here = costs == cost
            a, b = left[here], right[here]
            self._add(int(cost), "and", a, b, self.rows[a] & self.rows[b])
            self._add(int(cost), "or", a, b, self.rows[a] | self.rows[b])

    def _add(
        self,
        cost: int,
        op: str,
        left: npt.NDArray[np.int64],
        right: npt.NDArray[np.int64],
        rows: Bools,
    ) -> None:
        if len(self) >= self._limit or not len(rows):
            return
        hashes, first = np.unique(
            hash_rows(rows.astype(np.uint64), self._multipliers), return_index=True
        )
        fresh = [i for h, i in zip(hashes.tolist(), first.tolist(), strict=True)
                 if h not in self._seen]  # fmt: skip
        chosen = np.array(sorted(fresh)[: self._limit - len(self)], dtype=np.int64)
        if not len(chosen):
            return
        kept = rows[chosen]
        self._seen.update(hash_rows(kept.astype(np.uint64), self._multipliers).tolist())
        self.rows = np.concatenate([self.rows, kept])
        self.costs = np.concatenate([self.costs, np.full(len(kept), cost)])
        self._made += [(op, int(left[i]), int(right[i])) for i in chosen]


def _compare(op: str, x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> Bools:
    result: Bools
    if op == "<":
        result = x < y
    elif op == "<=":
        result = x <= y
    elif op == ">":
        result = x > y
    elif op == ">=":
        result = x >= y
    elif op == "==":
        result = x == y
    else:
        result = x != y
    return result
