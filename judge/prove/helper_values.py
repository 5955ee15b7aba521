"""Values of a contract's helpers on plain values, for the filter of guesses.

The helper is run by our own semantics on literals; no candidate code is executed. What cannot be
computed so, or would take long, has no value, and the guess that asks for it is kept.
"""

from __future__ import annotations

from collections.abc import Callable

from judge.prove.filtering import TooBig
from judge.prove.session import Session
from judge.prove.traces import NotPlain, from_value, to_value
from judge.symbolic import term as T
from judge.symbolic.execute import Executor
from judge.symbolic.plan import Mode, Plan
from judge.symbolic.values import Unsupported

MAX_RUNS = 300
DEPTH = 40
MAX_WRITTEN = 200
"""Characters that the arguments take when they are written out."""


def helper_functions(session: Session) -> dict[str, Callable[..., object]]:
    """The helpers of the candidate's program, each as a function of plain values."""
    program, own = session.candidate.program, session.candidate.function.name
    return {name: _Helper(session, name) for name in program.functions if name != own}


class _Helper:
    """One helper with the values that are already known."""

    def __init__(self, session: Session, name: str) -> None:
        self.session = session
        self.name = name
        self.known: dict[str, object] = {}
        self.runs = 0

    def __call__(self, *args: object) -> object:
        """The helper's value; ``TooBig`` where there is none to be had."""
        key = repr(args)
        if len(key) > MAX_WRITTEN:
            raise TooBig
        if key not in self.known:
            self.runs += 1
            self.known[key] = self._run(args) if self.runs <= MAX_RUNS else None
        if self.known[key] is None:
            raise TooBig
        return self.known[key]

    def _run(self, args: tuple[object, ...]) -> object:
        program = self.session.candidate.program
        function = program.functions[self.name]
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        if len(names) != len(args):
            return None
        mode = Mode(unroll=DEPTH, concrete=True, depth=DEPTH)
        try:
            with T.fresh_table():
                x = Executor(program, Plan(), mode)
                values = {n: to_value(a) for n, a in zip(names, args, strict=True)}
                ends = x.isolated(self.name, function, values)
                alive = [o for o in ends if not o.state.dead]
                if len(alive) != 1 or alive[0].kind != "return" or alive[0].value is None:
                    return None
                return from_value(alive[0].value, alive[0].state)
        except (Unsupported, NotPlain, RecursionError):
            return None
