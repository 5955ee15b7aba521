"""Iterators run their code while they are gone through, not where they are made.

The elements of a generator expression, ``map`` or ``filter`` are evaluated here when it is made.
That is the same as CPython only where nothing happens in between: what the code reads must not
change on the way, and who stops early never meets a later exception. So such an exception is named
in a way that nothing catches or allows, until somebody takes all elements at once; and changes of
what is read are refused. What it is not: iterators that are kept, which are refused altogether.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from judge.symbolic.closures import names_read
from judge.symbolic.machine import VAGUE, Frame, Machine
from judge.symbolic.merge import same
from judge.symbolic.state import Outcome
from judge.symbolic.values import (
    INSIDE,
    IterV,
    LambdaV,
    Ref,
    Unsupported,
    Value,
    holds_mutable,
)

CHANGED = "a change of what is being gone through"


@dataclass(slots=True)
class Raised:
    """One exception of the elements: an outcome, or an entry of a binder's frame."""

    where: Outcome | tuple[Frame, int]

    def name(self, exception: str) -> None:
        """Call it by another name."""
        if isinstance(self.where, Outcome):
            self.where.exception = exception
        else:
            frame, place = self.where
            condition, _, line = frame.raises[place]
            frame.raises[place] = (condition, exception, line)

    @property
    def exception(self) -> str:
        """Its name."""
        if isinstance(self.where, Outcome):
            return self.where.exception or ""
        frame, place = self.where
        return frame.raises[place][1]


@contextmanager
def elements(m: Machine) -> Iterator[list[Raised]]:
    """Evaluate an iterator's elements; what they raise is vague from here on.

    The list that is yielded holds afterwards what was not vague before.
    """
    known = {id(o) for o in m.pending}
    before = [(f, len(f.raises)) for f in m.frames]
    found: list[Raised] = []
    try:
        yield found
    finally:
        found += [Raised(o) for o in m.pending if id(o) not in known]
        found += [Raised((f, n)) for f, size in before for n in range(size, len(f.raises))]
        found[:] = [r for r in found if not r.exception.startswith(VAGUE)]
        for one in found:
            one.name(f"{VAGUE}{one.exception}")


def taken_whole(value: Value) -> None:
    """All elements are taken at once: what the first bad one raises is raised."""
    if isinstance(value, IterV):
        for one in value.raised:
            if isinstance(one, Raised):
                one.name(one.exception.removeprefix(VAGUE))


def reads(m: Machine, names: Iterable[str]) -> frozenset[int]:
    """The heap places that code with these free names may read."""
    return frozenset(a for n in names if n in m.state.env for a in held_by(m.state.env[n]))


def held_by(value: Value) -> frozenset[int]:
    """The heap places that a value, or a function that closes over some, can read."""
    if isinstance(value, Ref):
        return frozenset((value.address,))
    if isinstance(value, LambdaV):
        return frozenset(a for v in value.closure.values() for a in held_by(v))
    return value.walks if isinstance(value, IterV) else frozenset()


def of_code(m: Machine, node: ast.expr) -> tuple[frozenset[int], frozenset[str]]:
    """(heap places, names) that a generator expression reads as it is gone through."""
    names = frozenset(names_read(node))
    return reads(m, names), names


def names_of(values: Iterable[Value]) -> frozenset[str]:
    """The names that iterators among some values read late."""
    return frozenset(n for v in values if isinstance(v, IterV) for n in v.late)


@contextmanager
def unchanged(m: Machine, walks: frozenset[int], line: int) -> Iterator[None]:
    """Refuse what changes the places that are read meanwhile."""
    before = {a: m.state.heap[a].value for a in places(m, walks, m.state.heap)}
    yield
    for address, value in before.items():
        if not same(value, m.state.heap[address].value):
            raise Unsupported(CHANGED, line)


def places(m: Machine, walks: frozenset[int], near: Iterable[int]) -> frozenset[int]:
    """The heap places among ``walks``; for an object inside another one, what may be around it."""
    heap = m.state.heap
    around = {a for a in near if a in heap and holds_mutable(heap[a].value)}
    return frozenset(a for a in walks if a in heap) | (around if INSIDE in walks else set())


def not_itself(m: Machine, value: Value, target: Ref, line: int) -> None:
    """Refuse to grow an object by an iterator that reads it on the way."""
    if not isinstance(value, IterV):
        return
    if INSIDE in value.walks or value.walks & {target.address, *m.changing}:
        raise Unsupported(CHANGED, line)


__all__ = [
    "elements", "held_by", "names_of", "not_itself", "of_code", "places", "reads", "taken_whole",
    "unchanged",
]  # fmt: skip
