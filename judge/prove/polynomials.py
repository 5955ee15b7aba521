"""Polynomial identities between a loop's integers, read off its traces by exact linear algebra."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations_with_replacement

from judge.prove.traces import Snapshot
from judge.symbolic.plan import LoopInfo
from judge.symbolic.shapes import ListShape, Scalar

MAX_TERMS = 60
MAX_PARTS = 9
MAX_COEFFICIENT = 1_000
Row = list[Fraction]


def polynomials(info: LoopInfo, snapshots: list[Snapshot]) -> list[str]:
    """Identities of degree up to four that all snapshots satisfy, lowest degree first."""
    names = [n for n, s in {**info.shapes, **info.fixed}.items() if s == Scalar("int")]
    if info.index:
        names.append(info.index)
    olds = [
        f"_old_{n}"
        for n in names
        if info.shapes.get(n) == Scalar("int") and any(f"_old_{n}" in s.env for s in snapshots)
    ]
    names = [*names, *olds]
    points = []
    for snapshot in snapshots:
        values = [snapshot.env.get(n) for n in names]
        if all(isinstance(v, int) and v.bit_length() < 64 for v in values):
            points.append([int(str(int(v))) for v in values if isinstance(v, int)])
    found: list[str] = []
    for degree in (1, 2, 3, 4):
        monomials = list(_monomials(len(names), degree))
        if len(monomials) > MAX_TERMS or len(points) < len(monomials) + 3:
            break
        space = _null_space(points, monomials)
        found += [_text(v, monomials, names) for v in space if _plausible(v)]
        if len(found) > 24:
            break
    return list(dict.fromkeys(found))[:40]


def totals(info: LoopInfo, snapshots: list[Snapshot]) -> list[str]:
    """Linear laws between the loop's integers and the sums of its lists."""
    lists = [n for n, s in info.shapes.items() if s == ListShape(Scalar("int"))]
    lists += [f"_old_{n}" for n in lists if any(f"_old_{n}" in s.env for s in snapshots)]
    if not lists:
        return []
    names = [n for n, s in info.shapes.items() if s == Scalar("int") and not n.startswith("_")]
    names += [f"_old_{n}" for n in names if any(f"_old_{n}" in s.env for s in snapshots)]
    points = []
    for snapshot in snapshots:
        values = [snapshot.env.get(n) for n in names]
        sums = [_sum(snapshot.env.get(n)) for n in lists]
        if all(type(v) is int and v.bit_length() < 64 for v in [*values, *sums]):
            points.append([v for v in [*values, *sums] if isinstance(v, int)])
    variables = [*names, *(f"sum({_name(n)})" for n in lists)]
    monomials = list(_monomials(len(variables), 1))
    if len(points) < len(monomials) + 3:
        return []
    space = _null_space(points, monomials)
    found = [_text(v, monomials, variables) for v in space if _plausible(v)]
    return [text for text in found if "sum(" in text][:8]


def _sum(value: object) -> object:
    return sum(value) if isinstance(value, list) and all(type(v) is int for v in value) else None


def _monomials(count: int, degree: int) -> Iterator[tuple[int, ...]]:
    for d in range(degree + 1):
        yield from combinations_with_replacement(range(count), d)


def _null_space(points: list[list[int]], monomials: list[tuple[int, ...]]) -> list[Row]:
    """A basis of the coefficient vectors that vanish on all points."""
    distinct = [list(p) for p in dict.fromkeys(tuple(p) for p in points)]
    if len(distinct) < 4:
        return []
    basis: list[Row] = []
    pivots: list[int] = []
    for point in distinct:
        row = [Fraction(math.prod(point[k] for k in m)) for m in monomials]
        for pivot, old in zip(pivots, basis, strict=True):
            if row[pivot]:
                factor = row[pivot]
                row = [a - factor * b for a, b in zip(row, old, strict=True)]
        lead = next((k for k in range(len(row) - 1, -1, -1) if row[k]), None)
        if lead is None:
            continue
        row = [a / row[lead] for a in row]
        for k, old in enumerate(basis):
            if old[lead]:
                factor = old[lead]
                basis[k] = [a - factor * b for a, b in zip(old, row, strict=True)]
        basis.append(row)
        pivots.append(lead)
        if len(basis) == len(monomials):
            return []
    free = [k for k in range(len(monomials)) if k not in pivots]
    vectors = []
    for k in free[:12]:
        vector = [Fraction(0)] * len(monomials)
        vector[k] = Fraction(1)
        for pivot, row in zip(pivots, basis, strict=True):
            vector[pivot] = -row[k]
        vectors.append(vector)
    return vectors


def _plausible(vector: Row) -> bool:
    """Whether it looks like a law and not like an accident of the points."""
    scale = math.lcm(*(c.denominator for c in vector))
    sizes = [abs(int(c * scale)) for c in vector if c]
    return len(sizes) <= MAX_PARTS and max(sizes, default=0) <= MAX_COEFFICIENT


def _text(vector: Row, monomials: list[tuple[int, ...]], names: list[str]) -> str:
    scale = math.lcm(*(c.denominator for c in vector))
    sides: tuple[list[str], list[str]] = ([], [])
    for coefficient, monomial in zip(vector, monomials, strict=True):
        value = int(coefficient * scale)
        if not value:
            continue
        factors = [_name(names[k]) for k in monomial]
        if abs(value) != 1 or not factors:
            factors.insert(0, str(abs(value)))
        sides[value < 0].append(" * ".join(factors))
    left, right = (" + ".join(s) or "0" for s in sides)
    return f"{left} == {right}"


def _name(name: str) -> str:
    return f"old({name.removeprefix('_old_')})" if name.startswith("_old_") else name
