"""A child process that derives obligations from a stranger's code, contract and plan.

Deriving runs no candidate code and no solver, but it parses and translates hostile text, which can
exhaust a stack or memory; so it happens in a process that can die alone. ``serve`` is its inside,
``Deriver`` the outside. One JSON object a line in both directions.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from pathlib import Path
from typing import Any

from workbench.certificate.evidence import TaskRecord
from workbench.certificate.recheck import Derivation, Derived

__all__ = ["Deriver", "serve"]

_SECONDS = 60.0
_START_SECONDS = 120.0
_MEMORY = 2 * 1024**3


class Deriver:
    """The child as its owner sees it: started when first asked, replaced when it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""

    def derive(self, task: TaskRecord, code: str, plan: str) -> Derivation | str:
        """Derive once; a child that dies or dawdles is a sentence."""
        request = {
            "code": code,
            "entry_point": task.entry_point,
            "signature": task.signature or None,
            "requires": list(task.requires),
            "ensures": list(task.ensures),
            "raises": list(task.raises),
            "helpers": task.helpers,
            "plan": plan,
        }
        process = self._child()
        if process is None:
            return "the deriving process does not start"
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            self.close()
            return "the deriving process died"
        answer = self._line(_SECONDS)
        if answer is None:
            return "the deriving process died or took too long"
        if "error" in answer:
            return str(answer["error"])
        return Derivation(
            tuple(Derived(*row) for row in answer["obligations"]),
            answer["strength"],
            tuple(answer["assumptions"]),
        )

    def close(self) -> None:
        """End the child."""
        process, self._process, self._buffer = self._process, None, b""
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _child(self) -> subprocess.Popen[bytes] | None:
        if self._process is None or self._process.poll() is not None:
            self.close()
            home = str(Path(__file__).resolve().parents[2])
            paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from workbench.certificate.derive import serve; serve()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
            if self._line(_START_SECONDS) is None:
                return None
        return self._process

    def _line(self, seconds: float) -> dict[str, Any] | None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                piece = b""
                if selector.select(seconds):
                    piece = os.read(process.stdout.fileno(), 65_536)
                if not piece:
                    self.close()
                    return None
                self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer


def serve() -> None:
    """Answer requests until stdin ends."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        try:
            answer = _derive(json.loads(line))
        except (ValueError, TypeError, KeyError, SyntaxError, RecursionError, MemoryError) as error:
            # A plan or code that cannot be what a proof came from: a finding, not a crash.
            answer = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        print(json.dumps(answer), flush=True)


def _derive(request: dict[str, Any]) -> dict[str, Any]:
    from judge.contract import Contract
    from judge.prove import derive, strength_of

    contract = Contract(
        tuple(request["requires"]),
        tuple(request["ensures"]),
        tuple(request["raises"]),
        request["helpers"],
    )
    code, name, plan = request["code"], request["entry_point"], request["plan"]
    found = derive(code, name, contract, plan, signature=request["signature"])
    # The obligations alone do not say how much they prove: those of an unrolled loop, or of a loop
    # without a measure, are as true as any, and a signer could call them a proof.
    most = strength_of(code, name, contract, plan, signature=request["signature"])
    rows = [(o.kind, o.text, o.smt2, o.logic, o.expected, o.line) for o in found]
    return {
        "obligations": rows,
        "strength": most.outcome,
        "assumptions": sorted(most.assumptions),
    }
