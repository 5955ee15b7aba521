"""Z3 over obligation texts: answers, models and the resources they took.

Everything runs in a context of its own, so that resource counts do not depend on what was solved
before. ``rlimit`` bounds the work; a fuse in processor time stands behind it for the loops of Z3
that count no resources, and a call that burns it is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Literal

from judge.prove.fuse import FUSE, SECONDS

Answer = Literal["sat", "unsat", "unknown"]

A_SECOND = 4_000_000
"""Resource units that are worth about one second of processor time."""
DOUBT = 1_000_000
"""After so many a search for counterexamples is worth more than the next few queries."""


@cache
def _keep_freed_memory() -> None:
    """Have glibc keep what is freed: a context is some megabytes, and given back to the system they
    come again page by page, which takes four times as long as all the rest of making one.

    Freeing one large block raises both of glibc's thresholds (mallopt(3), M_MMAP_THRESHOLD: up to
    32 MiB); the block itself is never touched. With another C library this does nothing.
    """
    bytearray(31 << 20)


class Broken(Exception):
    """The claim was seen to be false meanwhile, so proving it is of no more use."""


class Z3:
    """One Z3 context with a budget of resource units.

    ``doubt`` is asked once, when ``DOUBT`` units are spent or a caller says ``settle``: whether an
    input is known by then that breaks the claim. If so, ``Broken`` is raised.
    """

    def __init__(self, budget: int, doubt: Callable[[], bool] | None = None) -> None:
        import z3

        self.z3 = z3
        self._doubt = doubt
        self._context: Any = None
        self.budget = budget
        self.model: Any = None
        self.spent = 0
        """Resource units used so far."""
        self.burnt = 0
        """How many calls ran past the fuse; their answers count as unknown."""

    @property
    def context(self) -> Any:
        """The context, made when it is first needed: that costs as much as several answers."""
        if self._context is None:
            _keep_freed_memory()
            self._context = self.z3.Context()
        return self._context

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

    def settle(self) -> None:
        """Ask whether the claim is known to be false, where nobody has asked yet."""
        if self._doubt is not None:
            doubt, self._doubt = self._doubt, None
            if doubt():
                raise Broken

    def check(self, solver: Any, limit: int, assumptions: Iterable[Any] = ()) -> Answer:
        """Check within ``limit`` units (and within what is left of the budget)."""
        if self.spent >= DOUBT:
            self.settle()
        limit = min(limit, self.left)
        if limit <= 0:
            return "unknown"
        solver.set("rlimit", limit)
        before = self._rlimit(solver)
        try:
            with FUSE.watch(self._interrupt, self._seconds()):
                answer = str(solver.check(*assumptions))
        except self.z3.Z3Exception:
            answer = "unknown"
        used = self._rlimit(solver) - before
        self.spent += max(used, self._burnt(), 1)
        if answer == "sat":
            self.model = solver.model()
            return "sat"
        return "unsat" if answer == "unsat" else "unknown"

    def together(self, texts: Sequence[str], limit: int) -> list[str]:
        """Decide several scripts, each in a scope of its own, within ``limit`` units each.

        One parser and one solver for all: a third of the cost of asking apart. What is not decided
        here deserves a solver of its own; an empty list says that nothing was.
        """
        limit = min(limit, self.left // max(1, len(texts)))
        if limit <= 0:
            return []
        scopes = [f"(push 1)\n{t.partition(chr(10))[2]}(pop 1)\n" for t in texts]
        script = f"(set-option :rlimit {limit})\n{''.join(scopes)}(get-info :rlimit)\n"
        try:
            with FUSE.watch(self._interrupt, self._seconds()):
                said = self.z3.Z3_eval_smtlib2_string(self.context.ref(), script)
        except self.z3.Z3Exception:
            said = ""
        self.spent += self._burnt()
        *answers, used = said.split("\n")[:-1] or [""]
        fine = len(answers) == len(texts) and used.startswith("(:rlimit ")
        self.spent += int(used.split()[1].rstrip(")")) if fine else limit
        return answers if fine else []

    def _seconds(self) -> float:
        """The fuse of the next call: what is left of the budget, in time, and a little more."""
        return min(SECONDS, 3.0 + self.left / A_SECOND)

    def _burnt(self) -> int:
        """What a call that ran past its fuse is charged: the worth of its time."""
        self.burnt += FUSE.burnt
        return int(self._seconds() * A_SECOND) if FUSE.burnt else 0

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
