"""The plan of a proof: all that a search found, so that it is derived again without one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from judge.symbolic.shapes import Shape
from judge.symbolic.state import State


@dataclass(slots=True)
class LoopPlan:
    """Invariants of one loop and the measure that decreases, as Python expressions."""

    invariants: tuple[str, ...] = ()
    measure: str | None = None


@dataclass(frozen=True, slots=True)
class HelperPlan:
    """Of a helper that calls itself: where it raises nothing, what falls, what holds of its value.

    Expressions over its parameters (and what it closes over); ``lemmas`` over ``result`` too.
    """

    requires: tuple[str, ...] = ()
    measure: str | None = None
    lemmas: tuple[str, ...] = ()


@dataclass(slots=True)
class Plan:
    """Strategy, loops by key, the recursion's measure, extra guarantees of the recursion."""

    strategy: str = "straight-line"
    loops: dict[str, LoopPlan] = field(default_factory=dict)
    measure: str | None = None
    guarantees: tuple[str, ...] = ()
    bound: dict[str, int] = field(default_factory=dict)
    helpers: dict[str, HelperPlan] = field(default_factory=dict)

    def dumps(self) -> str:
        """Canonical JSON."""
        data: dict[str, Any] = {
            "v": 1,
            "strategy": self.strategy,
            "loops": {
                k: {"invariants": list(p.invariants), "measure": p.measure}
                for k, p in self.loops.items()
            },
            "measure": self.measure,
            "guarantees": list(self.guarantees),
            "bound": self.bound,
        }
        if self.helpers:
            data["helpers"] = {
                name: {"requires": list(h.requires), "measure": h.measure, "lemmas": list(h.lemmas)}
                for name, h in self.helpers.items()
            }
        return json.dumps(data, sort_keys=True, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> Plan:
        """Read what ``dumps`` wrote; raises ``ValueError`` naming what is wrong."""
        try:
            data: Any = json.loads(text)
            if data["v"] != 1:
                raise ValueError(f"plan version {data['v']!r} is not known; this encoder reads 1")
            loops = {
                str(k): LoopPlan(tuple(map(str, p["invariants"])), p["measure"])
                for k, p in data["loops"].items()
            }
            return cls(
                str(data["strategy"]),
                loops,
                data["measure"],
                tuple(map(str, data["guarantees"])),
                {str(k): int(v) for k, v in data["bound"].items()},
                {str(k): _helper(h) for k, h in data.get("helpers", {}).items()},
            )
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as problem:
            raise ValueError(f"not a proof plan: {problem}") from problem


def _helper(data: Any) -> HelperPlan:
    measure = None if data["measure"] is None else str(data["measure"])
    return HelperPlan(tuple(map(str, data["requires"])), measure, tuple(map(str, data["lemmas"])))


@dataclass(frozen=True, slots=True)
class Mode:
    """How loops are treated: cut (None), or unrolled up to ``unroll`` rounds.

    ``concrete`` runs expect literal inputs and collect no goals. ``search`` puts each invariant
    behind an indicator, so that a solver can drop it without a new run. ``complete`` owes a goal
    wherever a run meets its bound: that no input goes further. ``unknowns`` are for loops without
    invariants: the expressions between which a relation is to be found, by loop.
    """

    unroll: int | None = None
    concrete: bool = False
    search: bool = False
    depth: int = 6
    complete: bool = False
    unknowns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class LoopInfo:
    """What the search wants to know of a loop after a run."""

    key: str
    line: int
    index: str | None
    sequence: str | None
    shapes: dict[str, Shape] = field(default_factory=dict)
    fixed: dict[str, Shape] = field(default_factory=dict)
    guard_text: str | None = None
    range_text: tuple[str, str, int] | None = None
    head: State | None = None
    has_measure: bool = False
    backs: list[State] = field(default_factory=list)
    """The states in which the body comes back to the head."""
