"""The cheapest integer or boolean program that gives each example its result.

Three ways are tried together at each depth: a term of the bank itself, a sum, difference, product
or quotient that meets in the middle (one half from the bank, the other found by its hash), and a
decision list. The working set of examples starts small and takes in those that a proposal fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teachers.formal.bank import LARGEST, Bank, Leaf, hash_rows
from teachers.formal.decide import decide
from teachers.formal.predicates import Predicates
from teachers.formal.term import ARITHMETIC, Term

_DEPTHS = (1, 3, 4, 5)
_START, _MOST = 12, 18
"""The working set starts with 12 examples and holds 18 at most (tables of 2**18)."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to enumerate: terms in the bank, predicates, and truth pairs joined.

    ``literal_divisors`` keeps to divisors that a solver can be asked about.
    """

    terms: int = 40_000
    predicates: int = 4_000
    pairs: int = 120
    depths: tuple[int, ...] = _DEPTHS
    literal_divisors: bool = False
    bits: bool = False
    """Also try ``& | ^``: only where a task speaks of bits, since they widen every search."""


Found = tuple[int, Term]
Row = npt.NDArray[np.int64]


def solve_integer(
    leaves: Sequence[Leaf], target: Sequence[int], effort: Effort | None = None
) -> Found | None:
    """Return (cost, term) with ``term`` equal to ``target`` on every example, or None."""
    effort = effort or Effort()
    if max((abs(value) for value in target), default=0) > LARGEST:
        return None
    return _refine(leaves, list(target), lambda part, want: _integer(part, want, effort))


def solve_boolean(
    leaves: Sequence[Leaf], target: Sequence[bool], effort: Effort | None = None
) -> Found | None:
    """Return (cost, condition) with ``condition`` equal to ``target`` on every example, or None."""
    effort = effort or Effort()
    return _refine(leaves, list(target), lambda part, want: _boolean(part, want, effort), most=64)


def _refine(
    leaves: Sequence[Leaf],
    target: list[int] | list[bool],
    solve: Callable[[list[Leaf], list[int]], list[Found]],
    most: int = _MOST,
) -> Found | None:
    """Solve on a working set of examples; take in what a proposal fails, until none fails."""
    values = {leaf.term: leaf.values for leaf in leaves}
    working = _spread(leaves, target, _START)
    while True:
        part = [Leaf(x.term, tuple(x.values[i] for i in working), x.cost) for x in leaves]
        found = solve(part, [int(target[i]) for i in working])
        if not found:
            return None
        best = min(found, key=lambda each: each[0])
        wrong = [i for i in range(len(target)) if not _right(best[1], values, i, target[i])]
        if not wrong:
            return best
        fresh = [i for i in wrong if i not in working][:2]
        if not fresh or len(working) + len(fresh) > most:
            return None
        working += fresh


def _spread(leaves: Sequence[Leaf], target: Sequence[int], count: int) -> list[int]:
    """Return up to ``count`` example numbers whose inputs differ, in order."""
    seen: set[tuple[int, ...]] = set()
    chosen: list[int] = []
    for number in range(len(target)):
        row = tuple(leaf.values[number] for leaf in leaves)
        if row not in seen and len(chosen) < count:
            seen.add(row)
            chosen.append(number)
    return chosen


def _right(
    term: Term, values: dict[Term, tuple[int, ...]], number: int, expected: int | bool
) -> bool:
    try:
        return _value(term, values, number) == expected
    except ZeroDivisionError:
        return False


def _value(term: Term, values: dict[Term, tuple[int, ...]], number: int) -> int:
    """Evaluate over leaves: a leaf may be a whole list expression with known values."""
    known = values.get(term)
    if known is not None:
        return known[number]
    if term.op in ("int", "bool"):
        return int(term.value or 0)
    if term.op == "if":
        chosen = 1 if _value(term.args[0], values, number) else 2
        return _value(term.args[chosen], values, number)
    if term.op == "and":
        return int(all(_value(each, values, number) for each in term.args))
    if term.op == "or":
        return int(any(_value(each, values, number) for each in term.args))
    inner = [_value(each, values, number) for each in term.args]
    result = ARITHMETIC[term.op](*inner)
    assert isinstance(result, int)
    return result


def _integer(leaves: list[Leaf], target: list[int], effort: Effort) -> list[Found]:
    goal = np.array(target, dtype=np.int64)
    bank = Bank(leaves, effort.terms, literal_divisors=effort.literal_divisors, bits=effort.bits)
    found: list[Found] = []
    predicates: Predicates | None = None
    for depth in effort.depths:
        bank.grow(depth)
        if not len(bank):
            continue
        exact = np.nonzero(bank.hashes == hash_rows(goal[None, :], bank.multipliers)[0])[0]
        found += [(int(bank.costs[i]), bank.term(int(i))) for i in exact[:1]]
        found += _middle(bank, goal)
        if depth >= 3:
            found += _several(bank, goal)
        if found and min(cost for cost, _ in found) <= depth + 1:
            break
        if depth >= 3 and predicates is None:
            predicates = Predicates(bank, limit=effort.predicates, pairs=effort.pairs)
        if predicates is not None:
            most = min((cost for cost, _ in found), default=10_000)
            chain = decide(bank, predicates, goal, most=most)
            found += [chain] if chain is not None else []
        if found and min(cost for cost, _ in found) <= depth + 2:
            break
    return found or _deeper(bank, goal)


def _several(bank: Bank, goal: Row) -> list[Found]:
    """Find ``max(a, b, c, ...)`` or ``min(...)``, also with one cheap term added or taken away."""
    found = _extreme(bank, goal)
    for j in np.nonzero(bank.costs == 1)[0].tolist():
        extra = bank.term(j)
        for op, rest in (("+", goal - bank.rows[j]), ("-", goal + bank.rows[j])):
            found += [(cost + 2, Term(op, (term, extra))) for cost, term in _extreme(bank, rest)]
    return found


def _extreme(bank: Bank, goal: Row) -> list[Found]:
    """Cover the goal by terms that never pass it: their maximum is then the goal, or minimum.

    The cover is greedy, cheap terms first; a term that the others make needless is dropped again.
    """
    cheap = np.nonzero(bank.costs <= 3)[0][:2_000]
    rows = bank.rows[cheap]
    found: list[Found] = []
    for op, inside in (("max", rows <= goal), ("min", rows >= goal)):
        never = np.asarray(inside.all(axis=1), dtype=np.bool_)
        hits = (rows == goal) & never[:, None]
        useful = np.nonzero(hits.any(axis=1))[0]
        if not len(useful) or not hits[useful].any(axis=0).all():
            continue
        chosen = _cover(hits[useful], bank.costs[cheap[useful]])
        terms = [bank.term(int(cheap[useful[i]])) for i in chosen]
        whole = terms[0]
        for each in terms[1:]:
            whole = Term(op, (whole, each))
        cost = sum(int(bank.costs[cheap[useful[i]]]) for i in chosen) + len(chosen) - 1
        found.append((cost, whole))
    return found


def _cover(hits: npt.NDArray[np.bool_], costs: Row) -> list[int]:
    left = np.ones(hits.shape[1], dtype=np.bool_)
    chosen: list[int] = []
    while left.any():
        gain = (hits & left).sum(axis=1) / (costs + 1)
        best = int(np.argmax(gain))
        chosen.append(best)
        left &= ~hits[best]
    for each in list(chosen):
        others = [other for other in chosen if other != each]
        if others and hits[others].any(axis=0).all():
            chosen = others
    return sorted(chosen)


def _deeper(bank: Bank, goal: Row) -> list[Found]:
    """Take one cheap term off the goal, by sum or difference, and look for the rest's halves."""
    found: list[Found] = []
    for j in np.nonzero(bank.costs == 1)[0].tolist():
        row, extra = bank.rows[j], bank.term(j)
        for op, rest in (("+", goal - row), ("-", goal + row)):
            for cost, term in _middle(bank, rest):
                found.append((cost + 2, Term(op, (term, extra))))
        for cost, term in _middle(bank, row - goal):
            found.append((cost + 2, Term("-", (extra, term))))
    return found


def _middle(bank: Bank, goal: Row) -> list[Found]:
    """Find ``goal = a op b`` with both halves in the bank, by looking for the other's hash."""
    want = hash_rows(goal[None, :], bank.multipliers)[0]
    order = np.argsort(bank.hashes, kind="stable")
    ranked = bank.hashes[order]

    def lookup(hashes: npt.NDArray[np.uint64]) -> list[tuple[int, int]]:
        place = np.searchsorted(ranked, hashes)
        place[place == len(ranked)] = 0
        return [(int(i), int(order[place[i]])) for i in np.nonzero(ranked[place] == hashes)[0]]

    pairs: list[tuple[str, int, int]] = []
    with np.errstate(over="ignore"):
        pairs += [("+", i, j) for i, j in lookup(want - bank.hashes)]
        pairs += [("-", j, i) for i, j in lookup(want + bank.hashes)]
    nonzero = (bank.rows != 0).all(axis=1) & (np.abs(bank.rows) > 1).any(axis=1)
    some = np.nonzero(nonzero)[0]
    if len(some):
        exact = (goal % bank.rows[some] == 0).all(axis=1)
        some = some[exact]
    if len(some):
        other = hash_rows(goal // bank.rows[some], bank.multipliers)
        pairs += [("*", j, int(some[i])) for i, j in lookup(other)]
    pairs += _outer(bank, goal)
    best: Found | None = None
    for op, i, j in pairs:
        cost = int(bank.costs[i] + bank.costs[j]) + 1
        if best is None or cost < best[0]:
            best = cost, Term(op, (bank.term(i), bank.term(j)))
    return [] if best is None else [best]


def _outer(bank: Bank, goal: Row) -> list[tuple[str, int, int]]:
    """Find ``goal = a op b`` for the operators without an inverse, with a cheap ``b``."""
    found: list[tuple[str, int, int]] = []
    for j in np.nonzero(bank.costs <= 2)[0].tolist():
        row = bank.rows[j]
        checks = [
            ("max", (np.maximum(bank.rows, row) == goal).all(axis=1)),
            ("min", (np.minimum(bank.rows, row) == goal).all(axis=1)),
        ]
        if (row > 1).all() and (bank.constant[j] or bank.divides(j)):
            checks.append(("//", (bank.rows // row == goal).all(axis=1)))
            checks.append(("%", (bank.rows % row == goal).all(axis=1)))
        for op, hit in checks:
            found += [(op, int(i), j) for i in np.nonzero(hit)[0][:1]]
    return found


def _boolean(leaves: list[Leaf], target: list[int], effort: Effort) -> list[Found]:
    goal = np.array(target, dtype=np.bool_)
    bank = Bank(leaves, effort.terms, literal_divisors=effort.literal_divisors, bits=effort.bits)
    bank.grow(3)
    if not len(bank):
        return []
    predicates = Predicates(bank, left_cost=3, right_cost=3, limit=effort.predicates * 2, pairs=200)
    hits = np.nonzero((predicates.rows == goal).all(axis=1))[0]
    if len(hits):
        best = hits[np.argmin(predicates.costs[hits])]
        return [(int(predicates.costs[best]), predicates.term(int(best)))]
    return []
