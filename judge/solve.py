"""Solvers behind one door: an obligation goes in, ``sat``, ``unsat``, ``unknown`` or ``error`` out.

Every solver runs in a child process of its own, with capped memory and no right to write files,
that can be killed. Children live long because starting one costs 0.2 s and an obligation a few
milliseconds. Work is limited by the solver's own deterministic counter; wall-clock is only a fuse,
and blowing it is ``error``. A solver sees nothing but text that ``judge.smtlib`` printed.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from judge.sexpr import SmtError
from judge.smtlib import Node, Script, read

__all__ = ["Answer", "SolverName", "Solvers", "shared_solvers"]

SolverName = Literal["z3", "cvc5", "bitwuzla"]
Result = Literal["sat", "unsat", "unknown", "error"]

CPU_SECONDS = 20
"""Processor time after which a child is ended in the middle of a request, by itself."""
BATCH_CPU_SECONDS = 2
CVC5_SHARE = 8
"""cvc5's units are dearer: 8 of Z3's and 1 of its own cost about the same CPU time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one solver said about one obligation. ``rlimit`` is in the solver's own units."""

    solver: SolverName
    version: str
    result: Result
    reason: str = ""
    rlimit: int = 0
    seconds: float = 0.0


def attempts(solver: SolverName, script: Script, rlimit: int) -> list[dict[str, object]]:
    """Return the option sets to try in order; together they spend about ``rlimit`` Z3 units."""
    if solver in ("z3", "bitwuzla"):  # the latter counts no resources: its fuse is all it has
        return [{"rlimit": rlimit, "options": {}}]
    units = max(1_000, rlimit // CVC5_SHARE)
    # Only where cvc5 demands it: elsewhere the option can loop without spending its resources.
    options = {"arrays-exp": "true"} if script.constant_arrays else {}
    if not script.quantified:
        return [{"rlimit": units, "options": options}]
    # Instances by enumeration first: they decide nine of ten that the usual ones leave open.
    return [
        {"rlimit": max(1_000, 3 * units // 4), "options": {**options, "enum-inst": "true"}},
        {"rlimit": max(1_000, units // 4), "options": options},
    ]


class _Child:
    """One solver process and the pipe to it."""

    def __init__(self, solver: SolverName, memory_mb: int) -> None:
        self.solver = solver
        program = Path(__file__).with_name("solve_child.py")
        # -P keeps this folder off the child's path, where our files could shadow its imports.
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(program), solver, str(memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            bufsize=0,
        )
        self.buffer = b""
        hello = self.receive(60.0)
        self.version = str(hello["version"]) if hello else ""

    def ask(self, request: dict[str, object], fuse_seconds: float) -> dict[str, object] | None:
        """Send one request; None when the child died or had to be killed for being late."""
        assert self.process.stdin is not None
        try:
            line = json.dumps(request).encode() + b"\n"
            while line:
                line = line[self.process.stdin.write(line) or 0 :]
        except BrokenPipeError:
            self.kill()
            return None
        return self.receive(fuse_seconds)

    def receive(self, fuse_seconds: float) -> dict[str, object] | None:
        """Read one line, or kill the child when it does not come in time."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.buffer:
                if not selector.select(fuse_seconds):
                    self.kill()
                    return None
                piece = os.read(self.process.stdout.fileno(), 65_536)
                if not piece:
                    self.kill()
                    return None
                self.buffer += piece
        line, _, self.buffer = self.buffer.partition(b"\n")
        answer: dict[str, object] = json.loads(line)
        return answer

    def kill(self) -> None:
        """End the process, whatever it is doing, and wait for it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


class Solvers:
    """Long-lived solver processes, one a name, started when first asked. Safe between threads."""

    def __init__(
        self,
        *,
        memory_mb: int = 2_048,
        fuse_seconds: float = 120.0,
        cpu_seconds: float = CPU_SECONDS,
    ) -> None:
        self.memory_mb = memory_mb
        self.cpu_seconds = cpu_seconds
        self.fuse_seconds = fuse_seconds
        self._children: dict[tuple[int, SolverName], _Child] = {}
        self._locks: dict[str, threading.Lock] = {
            name: threading.Lock() for name in get_args(SolverName)
        }

    def __enter__(self) -> Solvers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def solve(
        self,
        solver: SolverName,
        script: Script | str | bytes,
        *,
        rlimit: int,
        cpu_seconds: float | None = None,
    ) -> Answer:
        """Ask one solver about one obligation.

        ``rlimit`` is in Z3's units whichever solver is asked; ``cpu_seconds`` is a fuse in
        processor time for what a solver does without counting. A text outside the grammar is an
        ``error`` with the reader's sentence: it never reaches a solver.
        """
        if not isinstance(script, Script):
            try:
                script = read(script)
            except SmtError as error:
                return Answer(solver, "", "error", f"not an obligation: {error}")
        request: dict[str, object] = {
            "text": script.text(),
            "attempts": attempts(solver, script, rlimit),
            "cpu_seconds": self.cpu_seconds if cpu_seconds is None else cpu_seconds,
        }
        with self._locks[solver]:
            child = self._child(solver)
            if not child.alive:
                return Answer(solver, "", "error", f"{solver} does not start")
            got = child.ask(request, self.fuse_seconds)
            if got is None:
                used = request["cpu_seconds"]
                reason = (
                    f"no answer within {used:g} s of processor time "
                    f"({self.fuse_seconds:g} s of any), or the solver crashed"
                )
                return Answer(solver, child.version, "error", reason)
        return _answer(solver, child.version, got)

    def solve_all(
        self, solver: SolverName, scripts: Iterable[Script], *, rlimit: int
    ) -> list[Answer]:
        """Ask one solver about several obligations, in order."""
        return [self.solve(solver, script, rlimit=rlimit) for script in scripts]

    def solve_batch(self, scripts: Sequence[Script], *, rlimit: int) -> list[Answer | None]:
        """Ask cvc5 about several obligations in one solver, which costs a third of asking apart.

        None stands for what was not decided there: it deserves a solver of its own. Instances by
        enumeration cost nothing where others suffice, and decide nine of ten that they leave open.
        """
        found: list[Answer | None] = [None] * len(scripts)
        logics = [_logic(script) for script in scripts]
        for logic in ("QF_LIA", "ALL"):
            places = [n for n, word in enumerate(logics) if word == logic]
            if not places:
                continue
            request: dict[str, object] = {
                "texts": [scripts[n].text() for n in places],
                "logic": logic,
                "options": {"enum-inst": "true"}
                if any(scripts[n].quantified for n in places)
                else {},
                "rlimit": max(1_000, rlimit // CVC5_SHARE),
                "cpu_seconds": min(BATCH_CPU_SECONDS, self.cpu_seconds),
            }
            with self._locks["cvc5"]:
                child = self._child("cvc5")
                got = child.ask(request, self.fuse_seconds) if child.alive else None
            if got is None:
                continue
            results, seconds, used = got["results"], got["seconds"], got["rlimit"]
            assert isinstance(results, list)
            assert isinstance(seconds, float)
            assert isinstance(used, int)
            if len(results) != len(places):
                continue  # something else was said between the answers: whose is which is not known
            share = -(-used // len(places)), seconds / len(places)
            for n, word in zip(places, results, strict=False):
                if word in ("sat", "unsat"):
                    found[n] = Answer("cvc5", child.version, word, "", *share)
        return found

    def horn(self, text: str, *, rlimit: int, cpu_seconds: float) -> tuple[str, str, int]:
        """Ask Z3's Spacer about Horn clauses: (``sat``, relations as text, units) where it can.

        What it says is a guess: whoever uses the relations checks them. It may crash or hang, so
        it runs in the child like everything else; then the answer is ``error``.
        """
        request: dict[str, object] = {"horn": text, "rlimit": rlimit, "cpu_seconds": cpu_seconds}
        with self._locks["z3"]:
            child = self._child("z3")
            got = child.ask(request, self.fuse_seconds) if child.alive else None
        if got is None:
            return "error", "", rlimit
        used = got["rlimit"]
        assert isinstance(used, int)
        return str(got["result"]), str(got["model"]), used

    def close(self) -> None:
        """End the children of this process; those of a process that we were forked from live on."""
        for (process, _), child in self._children.items():
            if process == os.getpid() and child.alive:
                child.kill()

    def _child(self, solver: SolverName) -> _Child:
        key = (os.getpid(), solver)
        child = self._children.get(key)
        if child is not None and not child.alive:
            child.kill()  # it ended by itself: its pipes are still ours
        if child is None or not child.alive:
            child = self._children[key] = _Child(solver, self.memory_mb)
        return child


def _logic(script: Script) -> str:
    """The logic to name in a batch: a narrow one spares cvc5 half of its set-up."""
    if script.quantified or script.constant_arrays:
        return "ALL"
    for form in script.declarations:
        if form[0] not in ("declare-const", "define-fun") or form[
            -1 if form[0] == "declare-const" else 3
        ] not in ("Int", "Bool"):
            return "ALL"
    return "QF_LIA" if all(map(_linear, script.commands)) else "ALL"


def _linear(form: Node) -> bool:
    """Whether there is no product of unknowns, nor a division but by a literal, below."""
    pending: list[Node] = [form]
    while pending:
        node = pending.pop()
        if isinstance(node, str):
            continue
        if node[:1] == ("*",) and sum(not _number(factor) for factor in node[1:]) > 1:
            return False
        if node[:1] in (("div",), ("mod",)) and not (len(node) == 3 and _number(node[2])):
            return False
        pending += node
    return True


def _number(node: Node) -> bool:
    if isinstance(node, str):
        return node.isdigit()
    return len(node) == 2 and node[0] == "-" and isinstance(node[1], str) and node[1].isdigit()


def _answer(solver: SolverName, version: str, got: dict[str, object]) -> Answer:
    result = got["result"]
    if result not in ("sat", "unsat", "unknown", "error"):
        return Answer(solver, version, "error", f"unexpected answer {result!r}")
    rlimit, seconds = got["rlimit"], got["seconds"]
    assert isinstance(rlimit, int)
    assert isinstance(seconds, float)
    return Answer(solver, version, result, str(got["reason"]), rlimit, seconds)


_shared: dict[int, Solvers] = {}
_shared_lock = threading.Lock()


def shared_solvers() -> Solvers:
    """Return this process's own solvers; they end with it. A forked child gets new ones."""
    with _shared_lock:
        process = os.getpid()
        if process not in _shared:
            _shared[process] = Solvers()
            atexit.register(_shared[process].close)
        return _shared[process]
