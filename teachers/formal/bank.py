"""Bottom-up enumeration of integer terms, kept one for each behaviour on the examples.

Every term is a row of numbers: its value on each example. Two terms with equal rows are the same
as far as the examples tell, so only the cheapest stays (observational equivalence). Rows are
combined by numpy, a level of cost at a time; the work is bounded by counts, never by time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from teachers.formal.term import Term

Rows = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

LARGEST = 2**31
"""Rows with a larger number are dropped, so that no product can overflow 64 bits."""

_CHUNK = 400_000


@dataclass(frozen=True, slots=True)
class Leaf:
    """A term that the enumeration starts from: its values on the examples and its cost."""

    term: Term
    values: tuple[int, ...]
    cost: int


def hasher(columns: int) -> Hashes:
    """Return the odd multipliers of a linear hash, so that hash(a + b) = hash(a) + hash(b)."""
    generator = np.random.Generator(np.random.PCG64(20_261_120))
    numbers = generator.integers(0, 2**63, size=columns, dtype=np.uint64)
    return numbers * np.uint64(2) + np.uint64(1)


def hash_rows(rows: npt.NDArray[Any], multipliers: Hashes) -> Hashes:
    """Return one 64-bit number a row, linear modulo 2**64."""
    with np.errstate(over="ignore"):
        wide = rows.astype(np.int64).view(np.uint64) if rows.dtype == np.int64 else rows
        product = wide.astype(np.uint64, copy=False) * multipliers
        result: Hashes = product.sum(axis=1, dtype=np.uint64)
    return result


_BINARY = ("*", "+", "-", "min", "max", "//", "%")
_BITS = ("&", "|", "^")
_COMMUTES = frozenset({"+", "*", "min", "max", *_BITS})


class Bank:
    """The terms found so far, cheapest first. ``term(i)`` writes row ``i`` out as a ``Term``."""

    def __init__(
        self,
        leaves: Sequence[Leaf],
        limit: int,
        *,
        literal_divisors: bool = False,
        bits: bool = False,
    ) -> None:
        self._operators = (*_BINARY, *_BITS) if bits else _BINARY
        self._literal_divisors = literal_divisors
        columns = len(leaves[0].values)
        self.multipliers = hasher(columns)
        self.limit = limit
        self.level = 0
        self.rows: Rows = np.empty((0, columns), dtype=np.int64)
        self.hashes: Hashes = np.empty(0, dtype=np.uint64)
        self.costs: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.constant: Bools = np.empty(0, dtype=np.bool_)
        self._leaves = list(leaves)
        self._made: list[tuple[str, int, int]] = []
        self._sorted: Hashes = np.empty(0, dtype=np.uint64)

    def __len__(self) -> int:
        return len(self._made)

    def grow(self, cost: int) -> None:
        """Add every level up to ``cost``; stops early at the limit of terms."""
        while self.level < cost and len(self) < self.limit:
            self.level += 1
            self._add_leaves()
            for op, left, right, rows in self._candidates(self.level):
                self._add(op, left, right, rows)

    def term(self, index: int) -> Term:
        """Return row ``index`` as a term."""
        op, left, right = self._made[index]
        if op == "leaf":
            return self._leaves[left].term
        if right < 0:
            return Term(op, (self.term(left),))
        return Term(op, (self.term(left), self.term(right)))

    def operator(self, index: int) -> str:
        """Return the outermost operator of row ``index``; "leaf" for a leaf."""
        return self._made[index][0]

    def divides(self, index: int) -> bool:
        """Return whether row ``index``, though no literal, may stand as a divisor."""
        return not self._literal_divisors and int(self.costs[index]) == 1

    def _add_leaves(self) -> None:
        for position, leaf in enumerate(self._leaves):
            if leaf.cost == self.level and max(map(abs, leaf.values), default=0) <= LARGEST:
                rows = np.array([leaf.values], dtype=np.int64)
                here = np.array([position])
                self._add("leaf", here, here, rows, constant=leaf.term.op == "int")

    def _at(self, cost: int) -> npt.NDArray[np.int64]:
        return np.nonzero(self.costs == cost)[0]

    def _candidates(
        self, cost: int
    ) -> Iterator[tuple[str, npt.NDArray[np.int64], npt.NDArray[np.int64], Rows]]:
        single = self._at(cost - 1)
        single = single[~self.constant[single]]
        if len(single):
            none = np.full(len(single), -1)
            yield "abs", single, none, np.abs(self.rows[single])
            yield "neg", single, none, -self.rows[single]
        for left_cost in range(1, cost - 1):
            left, right = self._at(left_cost), self._at(cost - 1 - left_cost)
            if not len(left) or not len(right):
                continue
            step = max(1, _CHUNK // len(right))
            for start in range(0, len(left), step):
                part = left[start : start + step]
                a = np.repeat(part, len(right))
                b = np.tile(right, len(part))
                for op in self._operators:
                    if op in _COMMUTES and left_cost < cost - 1 - left_cost:
                        continue
                    yield from self._combine(op, a, b, cost)

    def _combine(
        self, op: str, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], cost: int
    ) -> Iterator[tuple[str, npt.NDArray[np.int64], npt.NDArray[np.int64], Rows]]:
        keep = ~(self.constant[a] & self.constant[b])
        if op in ("+", "-", "min", "max", *_BITS):
            keep &= a != b
        if op in ("//", "%"):
            # A divisor is a literal above one, or a term that no example makes zero or negative.
            keep &= (self.rows[b] > 0).all(axis=1) & (self.constant[b] | (self.costs[b] <= 1))
            if self._literal_divisors:
                keep &= self.constant[b]
            keep &= ~(self.constant[b] & (self.rows[b][:, 0] == 1))
        a, b = a[keep], b[keep]
        if len(a):
            yield op, a, b, apply(op, self.rows[a], self.rows[b])

    def _add(
        self,
        op: str,
        left: npt.NDArray[np.int64],
        right: npt.NDArray[np.int64],
        rows: Rows,
        *,
        constant: bool = False,
    ) -> None:
        small = (np.abs(rows) <= LARGEST).all(axis=1)
        rows, left, right = rows[small], left[small], right[small]
        hashes = hash_rows(rows, self.multipliers)
        hashes, first = np.unique(hashes, return_index=True)
        position = np.searchsorted(self._sorted, hashes)
        position[position == len(self._sorted)] = 0
        fresh = (
            self._sorted[position] != hashes if len(self._sorted) else np.ones(len(hashes), bool)
        )
        chosen = np.sort(first[fresh])
        room = self.limit - len(self)
        chosen = chosen[:room]
        if not len(chosen):
            return
        rows = rows[chosen]
        added = hash_rows(rows, self.multipliers)
        self.rows = np.concatenate([self.rows, rows])
        self.hashes = np.concatenate([self.hashes, added])
        self._sorted = np.sort(np.concatenate([self._sorted, added]), kind="stable")
        self.costs = np.concatenate([self.costs, np.full(len(rows), self.level)])
        self.constant = np.concatenate([self.constant, np.full(len(rows), constant)])
        self._made += [(op, int(left[i]), int(right[i])) for i in chosen]


def apply(op: str, a: Rows, b: Rows) -> Rows:
    """Return ``a op b`` element by element; ``//`` and ``%`` floor as Python's do."""
    if op == "+":
        return a + b
    if op == "-":
        return a - b
    if op == "*":
        return a * b
    if op == "min":
        return np.minimum(a, b)
    if op == "max":
        return np.maximum(a, b)
    if op == "&":
        return a & b
    if op == "|":
        return a | b
    if op == "^":
        return a ^ b
    if op == "//":
        return a // b
    return a % b
