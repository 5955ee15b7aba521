"""Z3 over obligation texts: answers, models and the resources they took.

Everything runs in a context of its own, so that resource counts do not depend on what was solved
before. ``rlimit`` bounds the work; a fuse in processor time stands behind it for the loops of Z3
that count no resources, and a call that burns it is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Literal

from judge.prove.fuse import FUSE

Answer = Literal["sat", "unsat", "unknown"]


class Z3:
    """One Z3 context with a budget of resource units."""

    def __init__(self, budget: int) -> None:
        import z3

        self.z3 = z3
        self.context = z3.Context()
        self.budget = budget
        self.model: Any = None
        self.spent = 0
        """Resource units used so far."""
        self.burnt = 0
        """How many calls ran past the fuse; their answers count as unknown."""

    @property
    def left(self) -> int:
        """Resource units that remain."""
        return max(0, self.budget - self.spent)

    def solver(self, text: str, simple: bool = True) -> Any:
        """A solver over a script (its ``check-sat`` is ignored)."""
        make = self.z3.SimpleSolver if simple else self.z3.Solver
        solver = make(ctx=self.context)
        solver.from_string(text)
        return solver

    def check(self, solver: Any, limit: int, assumptions: Iterable[Any] = ()) -> Answer:
        """Check within ``limit`` units (and within what is left of the budget)."""
        limit = min(limit, self.left)
        if limit <= 0:
            return "unknown"
        solver.set("rlimit", limit)
        before = self._rlimit(solver)
        try:
            with FUSE.watch(self._interrupt):
                answer = str(solver.check(*assumptions))
        except self.z3.Z3Exception:
            answer = "unknown"
        self.burnt += FUSE.burnt
        used = self._rlimit(solver) - before
        self.spent += max(used, 1)
        if answer == "sat":
            self.model = solver.model()
            return "sat"
        return "unsat" if answer == "unsat" else "unknown"

    def _interrupt(self) -> None:
        # It also looks at the context's error state, which belongs to the call under way.
        with suppress(self.z3.Z3Exception):
            self.context.interrupt()

    def _rlimit(self, solver: Any) -> int:
        statistics = solver.statistics()
        for n in range(len(statistics)):
            key, value = statistics[n]
            if key == "rlimit count":
                return int(value)
        return 0

    def boolean(self, name: str) -> Any:
        """A Boolean constant of this context."""
        return self.z3.Bool(name, self.context)
