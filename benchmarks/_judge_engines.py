"""Runs one engine on one submission after another, each in a watched process, and counts its CPU.

An engine's process lives on from item to item, as the judge's own workers do; it is killed when an
item outlives its fuse. CPU time is that of the process and of everything below it (solvers,
sandbox). It is read from ``/proc``, so it is right on Linux only.
"""

from __future__ import annotations

import ast
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from judge.contract import Budget, Submission
from judge.plain import to_json

RESOURCES_A_SECOND = 4_000_000
"""Z3's resource units that cost about one CPU second on the machines this was written on."""
FUSE = 24.0
"""Wall-clock seconds for each second of the budget before an engine's process is killed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What an engine said of one submission. ``cpu`` and ``wall`` are in seconds."""

    word: str
    cpu: float
    wall: float
    method: str = ""
    recheck: str = ""
    reason: str = ""
    example: list[Any] | None = None
    """The arguments of a counterexample, in the judge's plain encoding."""

    @classmethod
    def of(cls, record: dict[str, Any]) -> Finding:
        """The finding of a record; fields of other versions are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in record.items() if name in known})

    def record(self) -> dict[str, Any]:
        """The finding as a JSON object."""
        return asdict(self)


Engine = Callable[[Submission, float], dict[str, Any]]


# ---------------------------------------------------------------- the engines


def workbench(submission: Submission, seconds: float) -> dict[str, Any]:
    """The whole judge, as ``workbench judge`` runs it: search, tests, proof, re-check, replay."""
    budget = Budget(rlimit=int(seconds * RESOURCES_A_SECOND))
    judged = _bench().judge(submission, budget)
    example = judged.counterexample
    return {
        "word": judged.verdict.word,
        "method": judged.method,
        "recheck": judged.recheck.value,
        "reason": judged.reason or "",
        "example": None if example is None else [to_json(arg) for arg in example.args],
    }


def _bench() -> Any:
    from judge.judging import Bench

    if not hasattr(_bench, "bench"):
        _bench.bench = Bench()  # type: ignore[attr-defined]
    return _bench.bench  # type: ignore[attr-defined]


def crosshair(submission: Submission, seconds: float) -> dict[str, Any]:
    """CrossHair on the same contract, written as a function with a PEP 316 docstring."""
    from crosshair.core_and_libs import analyze_function, run_checkables
    from crosshair.options import AnalysisKind, AnalysisOptionSet
    from crosshair.statespace import MessageType

    name = f"subject_{abs(hash(submission.id))}"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, f"{name}.py").write_text(as_pep316(submission, name), encoding="utf-8")
        sys.path.insert(0, folder)
        module = __import__(name)
        sys.path.remove(folder)
        options = AnalysisOptionSet(
            analysis_kind=(AnalysisKind.PEP316,),
            per_condition_timeout=seconds,
            max_uninteresting_iterations=sys.maxsize,
            report_all=True,
        )
        messages = list(run_checkables(analyze_function(getattr(module, name), options)))
    states = {message.state for message in messages}
    if states & {MessageType.POST_FAIL, MessageType.EXEC_ERR, MessageType.POST_ERR}:
        return {"word": "refuted"}
    return {"word": "proved" if states == {MessageType.CONFIRMED} else "unknown"}


def as_pep316(submission: Submission, name: str) -> str:
    """The function wrapped so that contract and types are where CrossHair reads them."""
    tree = ast.parse(submission.signature.rstrip(": \n") + ": ..." if submission.signature
                     else submission.code)  # fmt: skip
    shape = next(
        n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == submission.entry_point
    )
    contract = submission.contract
    names = [a.arg for a in shape.args.args]
    lines = ["from typing import *", "from copy import deepcopy", submission.code]
    lines += [contract.helpers, f"def {name}({ast.unparse(shape.args)}):", '    """']
    lines += [f"    pre: {clause}" for clause in contract.requires]
    lines += ["    post: True"]
    lines += [f"    raises: {', '.join(contract.raises)}"] if contract.raises else []
    lines += ['    """', *(f"    old_{n} = deepcopy({n})" for n in names)]
    lines += [f"    result = {submission.entry_point}({', '.join(names)})"]
    for clause in contract.ensures:
        for parameter in names:
            clause = clause.replace(f"old({parameter})", f"old_{parameter}")
        lines += [f"    assert {clause}"]
    return "\n".join([*lines, "    return result", ""])


ENGINES: dict[str, Engine] = {"workbench": workbench, "CrossHair": crosshair}


def installed(engine: str) -> bool:
    """Whether the engine can run here."""
    from importlib.util import find_spec

    return engine == "workbench" or find_spec(engine.lower()) is not None


# ---------------------------------------------------------------- the watched process


class Runner:
    """One process that runs one engine; started at the first item, replaced when it is killed."""

    def __init__(self, engine: str, seconds: float) -> None:
        self._engine, self._seconds = engine, seconds
        self._process: Any = None
        self._pipe: Connection | None = None

    def run(self, submission: Submission) -> Finding:
        """Return what the engine says; ``killed`` or ``crash`` when it says nothing."""
        if self._process is None or not self._process.is_alive():
            self._start()
        assert self._pipe is not None
        began = time.monotonic()
        self._pipe.send(submission)
        try:
            if self._pipe.poll(self._seconds * FUSE + 30):
                return Finding(**self._pipe.recv())
            word = "killed"
        except (EOFError, ConnectionError):
            word = "crash"
        self.close()
        return Finding(word, self._seconds, time.monotonic() - began)

    def _start(self) -> None:
        context = get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(self._engine, self._seconds, theirs), daemon=False
        )
        self._process.start()
        theirs.close()

    def close(self) -> None:
        """End the process and what it started."""
        if self._process is None:
            return
        below = descendants(self._process.pid)
        self._process.kill()
        self._process.join()
        for pid in below:
            try:
                os.kill(pid, 9)
            except (ProcessLookupError, PermissionError):
                continue
        self._process = None


def _serve(engine: str, seconds: float, pipe: Connection) -> None:
    run = ENGINES[engine]
    while True:
        try:
            submission = pipe.recv()
        except EOFError:
            return
        before, began = cpu_seconds(), time.monotonic()
        try:
            said = run(submission, seconds)
        except Exception as error:  # noqa: BLE001 (a peer may choke; the table counts it)
            said = {"word": "error", "reason": f"{type(error).__name__}: {error}"[:300]}
        pipe.send(
            {**said, "cpu": max(0.0, cpu_seconds() - before), "wall": time.monotonic() - began}
        )


def cpu_seconds() -> float:
    """CPU seconds of this process, of its ended children, and of everything that lives below it."""
    times = os.times()
    total = time.process_time() + times.children_user + times.children_system
    return total + sum(_cpu_of(pid) for pid in descendants(os.getpid()))


def _cpu_of(pid: int) -> float:
    try:
        fine = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError, IndexError):
        return 0.0
    tick = 1 / os.sysconf("SC_CLK_TCK")
    own, ended = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return max(fine, own * tick) + ended * tick  # fine is of the first thread only


def descendants(pid: int) -> list[int]:
    """All processes below ``pid`` that live now."""
    found: list[int] = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        for task in tasks:
            found += [int(child) for child in (task / "children").read_text().split()]
    except OSError:
        return found
    return [*found, *(below for child in found for below in descendants(child))]
