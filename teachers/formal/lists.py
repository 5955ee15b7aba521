"""Programs over a list of integers: folds, filters and maps that fit the examples.

All elements of all example lists form one table. Conditions and element terms are enumerated over
it; a filtered and mapped fold of every condition with every term is then one matrix product, so
tens of thousands of folds are compared with the examples at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teachers.formal.bank import LARGEST, Bank, Leaf
from teachers.formal.predicates import Predicates
from teachers.formal.scalar import Effort, solve_integer
from teachers.formal.term import Term, integer, var

Found = tuple[int, Term]
Numbers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ELEMENTS = 240
"""At most so many elements are in the table; examples beyond it only check the proposals."""

_FOLD = 2
"""What a fold and its comprehension cost besides element term and condition."""


@dataclass(frozen=True, slots=True)
class Source:
    """One list parameter on the working examples: its name, values, and the bound variable."""

    name: str
    lists: tuple[tuple[int, ...], ...]
    bound: str


class Elements:
    """Element terms and conditions over every element of ``source``."""

    def __init__(self, source: Source, scalars: Sequence[Leaf]) -> None:
        self.source = source
        self.owner = np.repeat(np.arange(len(source.lists)), [len(each) for each in source.lists])
        self.count = len(source.lists)
        flat = tuple(x for each in source.lists for x in each)
        leaves = [Leaf(var(source.bound), flat, 1)]
        for leaf in scalars:
            values = tuple(leaf.values[i] for i in self.owner.tolist())
            leaves.append(Leaf(leaf.term, values, leaf.cost))
        self.leaves = leaves
        self.terms = Bank(leaves, 2_500)
        self.terms.grow(5)
        self.conditions = Predicates(self.terms, left_cost=3, right_cost=2, limit=1_500, pairs=60)

    def gen(self, term: int | None, condition: int | None) -> Term:
        """Return the comprehension of a term (None: the element) under a condition."""
        element = var(self.source.bound) if term is None else self.terms.term(term)
        args = [var(self.source.name), element]
        if condition is not None:
            args.append(self.conditions.term(condition))
        elif element == var(self.source.bound):
            return var(self.source.name)
        return Term("gen", tuple(args), self.source.bound)


def fold_leaves(elements: Elements, target: Sequence[int], limit: int = 2_000) -> list[Leaf]:
    """Return folds as leaves for the scalar search, cheapest first; one equal to ``target`` first.

    Sums over condition and term, counts, and the whole list's length, maximum and minimum.
    """
    found: dict[bytes, tuple[int, Term]] = {}
    goal = np.array(target, dtype=np.int64)
    exact: list[Found] = []
    for cost, values, build in _folds(elements, goal):
        if (values == goal).all():
            exact.append((cost, build()))
        key = values.tobytes()
        if key not in found and len(found) < limit:
            found[key] = (cost, build())
    leaves = [
        Leaf(term, tuple(np.frombuffer(key, dtype=np.int64).tolist()), cost)
        for key, (cost, term) in found.items()
    ]
    leaves += [Leaf(term, tuple(goal.tolist()), cost) for cost, term in exact]
    return sorted(leaves, key=lambda leaf: leaf.cost)


class _Build:
    """A term that is only written out when somebody wants it."""

    def __init__(self, elements: Elements, op: str, term: int | None, condition: int | None,
                 default: int | None = None) -> None:  # fmt: skip
        self._parts = elements, op, term, condition, default

    def __call__(self) -> Term:
        elements, op, term, condition, default = self._parts
        source = elements.gen(term, condition)
        if default is not None:
            return Term(op, (source, integer(default)))
        return Term(op, (source,))


_Fold = tuple[int, Numbers, _Build]


def _folds(elements: Elements, goal: Numbers) -> Iterator[_Fold]:
    yield from _whole(elements)
    yield from _sums(elements, goal)
    yield from _extremes(elements, goal)


def _whole(elements: Elements) -> Iterator[_Fold]:
    lists = elements.source.lists
    lengths = np.array([len(each) for each in lists], dtype=np.int64)
    yield 2, lengths, _Build(elements, "len", None, None)
    yield 2, np.array([sum(each) for each in lists]), _Build(elements, "sum", None, None)
    if lengths.all():
        yield 2, np.array([max(each) for each in lists]), _Build(elements, "maxof", None, None)
        yield 2, np.array([min(each) for each in lists]), _Build(elements, "minof", None, None)
        return
    highest = np.array([max(each, default=0) for each in lists])
    yield 3, highest, _Build(elements, "maxof", None, None, 0)
    lowest = np.array([min(each, default=0) for each in lists])
    yield 3, lowest, _Build(elements, "minof", None, None, 0)


def _sums(elements: Elements, goal: Numbers) -> Iterator[_Fold]:
    """Sums of every term under every condition, and counts of every condition."""
    rows = elements.terms.rows
    picks = np.concatenate([np.ones((1, rows.shape[1]), bool), elements.conditions.rows])
    condition_costs = np.concatenate([[0], elements.conditions.costs])
    member = np.arange(elements.count)[:, None] == elements.owner[None, :]
    counts = (picks.astype(np.float64) @ member.T.astype(np.float64)).astype(np.int64)
    hits = np.nonzero((counts == goal).all(axis=1))[0].tolist()
    order = np.argsort(condition_costs, kind="stable")
    for i in [*hits, *order[1:400].tolist()]:
        cost, name = int(condition_costs[i]) + _FOLD, None if i == 0 else i - 1
        yield cost, counts[i], _Build(elements, "len", None, name)
    # The element itself is free; anything computed from it must be worth more than a filter.
    own = np.where(elements.terms.costs == 1, 0, elements.terms.costs + 1)
    costs = condition_costs[:, None] + own[None, :] + _FOLD
    for i, j in _hits(elements, picks[order], goal):
        i = int(order[i])
        yield int(costs[i, j]), goal, _sum(elements, i, j)
    for i, j in _cheapest(costs[:, :400], 1_500):
        if costs[i, j] <= 8:
            chosen = np.where(picks[i], rows[j], 0)
            values = member.astype(np.int64) @ chosen
            yield int(costs[i, j]), values, _sum(elements, i, j)


def _hits(elements: Elements, picks: Bools, goal: Numbers) -> Iterator[tuple[int, int]]:
    """Yield (condition, term) whose sums are ``goal``, by one weighted product over all examples.

    The weights are small, so the products are exact in floating point wherever a hit can be; what
    the product proposes is summed again exactly.
    """
    rows = elements.terms.rows
    weights = (np.arange(elements.count, dtype=np.int64) * 37 + 11) % 101 + 1
    wanted = float(weights @ goal)
    weighted = picks.astype(np.float64) * weights[elements.owner]
    for conditions, terms in ((len(picks), 400), (250, len(rows))):
        product = weighted[:conditions] @ rows[:terms].T.astype(np.float64)
        for i, j in np.argwhere(product == wanted)[:400].tolist():
            chosen = np.where(picks[i], rows[j], 0)
            sums = np.zeros(elements.count, dtype=np.int64)
            np.add.at(sums, elements.owner, chosen)
            if (sums == goal).all():
                yield i, j


def _sum(elements: Elements, condition: int, term: int) -> _Build:
    plain = elements.terms.term(term) == var(elements.source.bound)
    return _Build(
        elements, "sum", None if plain else term, None if condition == 0 else condition - 1
    )


def _cheapest(costs: npt.NDArray[np.int64], count: int) -> list[tuple[int, int]]:
    flat = costs.ravel()
    count = min(count, len(flat))
    chosen = np.argpartition(flat, count - 1)[:count] if count < len(flat) else np.arange(count)
    chosen = chosen[np.lexsort((chosen, flat[chosen]))]
    chosen = chosen[flat[chosen] < 10_000]
    return [divmod(int(index), costs.shape[1]) for index in chosen]


def _extremes(elements: Elements, goal: Numbers) -> Iterator[_Fold]:
    """Maxima and minima under a condition, with the default that the examples ask for."""
    rows = elements.terms.rows
    picks = np.concatenate([np.ones((1, rows.shape[1]), bool), elements.conditions.rows])
    costs = np.concatenate([[0], elements.conditions.costs])
    terms = min(len(rows), 60)
    owner = elements.owner
    far = LARGEST * 4
    for i in np.argsort(costs, kind="stable")[:300].tolist():
        for op, fill in (("maxof", -far), ("minof", far)):
            masked = np.where(picks[i], rows[:terms], fill).T
            values = np.full((elements.count, terms), fill, dtype=np.int64)
            if op == "maxof":
                np.maximum.at(values, owner, masked)
            else:
                np.minimum.at(values, owner, masked)
            yield from _with_default(elements, op, i, costs, values.T, fill, goal)


def _with_default(
    elements: Elements,
    op: str,
    condition: int,
    costs: npt.NDArray[np.int64],
    values: Numbers,
    fill: int,
    goal: Numbers,
) -> Iterator[_Fold]:
    empty = values[0] == fill
    name = None if condition == 0 else condition - 1
    wanted = sorted(set(goal[empty].tolist())) if empty.any() else [None]
    if len(wanted) != 1:
        return
    default = wanted[0]
    filled = values if default is None else np.where(empty, default, values)
    hits = np.nonzero((filled == goal).all(axis=1))[0]
    extra = 0 if default is None else 1
    for j in hits[:1].tolist():
        plain = elements.terms.term(j) == var(elements.source.bound)
        cost = int(costs[condition] + elements.terms.costs[j]) + _FOLD - 1 + extra
        yield cost, filled[j], _Build(elements, op, None if plain else j, name, default)


def solve_list(elements: Elements, target: Sequence[Sequence[int]], effort: Effort) -> Found | None:
    """Return (cost, term) of a map, a filter, both, or a sorted or reversed list; or None."""
    lists = elements.source.lists
    found: list[Found] = []
    for wrap in (None, "sorted", "reversed"):
        goal = _unwrapped(wrap, target)
        if goal is None:
            continue
        for cost, term in _comprehensions(elements, goal, effort):
            found.append((cost + (wrap is not None), Term(wrap, (term,)) if wrap else term))
        if found:
            break
    plain = elements.gen(None, None)
    if all(sorted(a) == list(b) for a, b in zip(lists, target, strict=True)):
        found.append((2, Term("sorted", (plain,))))
    return min(found, key=lambda each: each[0]) if found else None


def _unwrapped(wrap: str | None, target: Sequence[Sequence[int]]) -> list[tuple[int, ...]] | None:
    if wrap == "reversed":
        return [tuple(each[::-1]) for each in target]
    return [tuple(each) for each in target] if wrap is None else None


def _comprehensions(
    elements: Elements, goal: list[tuple[int, ...]], effort: Effort
) -> Iterator[Found]:
    sizes = np.array([len(each) for each in goal])
    flat = np.array([x for each in goal for x in each], dtype=np.int64)
    lengths = np.array([len(each) for each in elements.source.lists])
    if (sizes == lengths).all():
        found = solve_integer(elements.leaves, flat.tolist(), effort) if len(flat) else (1, None)
        if found is not None:
            cost, term = found
            bound = var(elements.source.bound)
            if term is None or term == bound:
                yield 1, var(elements.source.name)
            else:
                args = (var(elements.source.name), term)
                yield cost + 1, Term("gen", args, elements.source.bound)
            return
    member = (np.arange(elements.count)[:, None] == elements.owner[None, :]).astype(np.float64)
    picks = elements.conditions.rows
    counts = picks.astype(np.float64) @ member.T
    fitting = np.nonzero((counts == sizes).all(axis=1))[0]
    best: Found | None = None
    for i in fitting[np.argsort(elements.conditions.costs[fitting], kind="stable")].tolist():
        selected = elements.terms.rows[:, picks[i]]
        hits = np.nonzero((selected == flat).all(axis=1))[0]
        for j in hits[:1].tolist():
            cost = int(elements.conditions.costs[i] + elements.terms.costs[j]) + 2
            if best is None or cost < best[0]:
                best = cost, elements.gen(j, i)
    if best is not None:
        yield best


def solve_quantified(elements: Elements, target: Sequence[bool]) -> Found | None:
    """Return (cost, ``any(...)`` or ``all(...)``) that fits, or None."""
    member = (np.arange(elements.count)[:, None] == elements.owner[None, :]).astype(np.float64)
    picks = elements.conditions.rows
    counts = picks.astype(np.float64) @ member.T
    sizes = member.sum(axis=1)
    goal = np.array(target, dtype=np.bool_)
    found: list[Found] = []
    for op, rows in (("any", counts > 0), ("all", counts == sizes)):
        for i in np.nonzero((rows == goal).all(axis=1))[0][:1].tolist():
            condition = elements.conditions.term(i)
            args = (var(elements.source.name), condition)
            gen = Term("gen", args, elements.source.bound)
            found.append((int(elements.conditions.costs[i]) + 1, Term(op, (gen,))))
    return min(found, key=lambda each: each[0]) if found else None
