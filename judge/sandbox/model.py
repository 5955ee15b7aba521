"""The words of the sandbox: what is asked of it, what it answers, and what it may cost.

Frozen values without behaviour. How they are enforced stands in ``session`` and ``inside``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Literal

from judge.errors import JudgeUnavailableError

Kind = Literal[
    "returned",
    "raised",
    "timeout",
    "cpu",
    "memory",
    "output",
    "depth",
    "crashed",
    "forbidden",
    "unplain",
    "missing",
    "not_run",
]
"""How a call ended.

returned, raised: as in CPython. timeout: wall clock; cpu: processor time; memory, output, depth:
the limit of that name. crashed: the process died (a segmentation fault, ``os._exit``). forbidden:
it tried what the sandbox forbids. unplain: it returned what is not plain data. missing: there is no
such function. not_run: an earlier end made running it pointless.
"""

RESOURCES: frozenset[str] = frozenset({"timeout", "cpu", "memory", "output", "depth"})
"""The kinds that say a limit was met, not that the answer is wrong."""


class SandboxError(JudgeUnavailableError):
    """The sandbox itself cannot do its work; the candidate is not to blame."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one candidate may use. Time is per call; the rest is for its process."""

    cpu_seconds: float = 2.0
    """Processor time of one call, or of loading the code."""
    wall_seconds: float = 6.0
    """Wall clock of one call, for what sleeps; stretched up to four times on a busy machine."""
    total_seconds: float = 60.0
    """Wall clock of a whole run with all its calls, stretched likewise."""
    memory_mb: int = 512
    """Address space beyond what the bare interpreter has, in MiB."""
    output_bytes: int = 1_000_000
    """What may be printed, and the size of one result, each."""
    losses: int = 3
    """After so many calls that ended a process (hang, crash), the remaining ones are not run."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a caller demands of the sandbox.

    ``minimum`` names layers without which ``open_sandbox`` refuses to start, for example
    ``("seccomp",)``; what ``demanded`` says is added to it. ``without`` switches layers off, to
    test what holds when a system lacks them.
    """

    minimum: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


MINIMUM_VARIABLE = "WORKBENCH_SANDBOX_MINIMUM"


def demanded() -> tuple[str, ...]:
    """Return the layers that this machine's operator demands: names with commas in the environment.

    The environment, because every process that opens a sandbox inherits it: no caller, worker or
    job can forget to pass it on.
    """
    return tuple(filter(None, map(str.strip, os.environ.get(MINIMUM_VARIABLE, "").split(","))))


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the code by name, and plain positional arguments."""

    function: str
    args: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one call ended.

    ``value`` is the returned plain value; of an iterator or a view (kind unplain) its items.
    ``exception`` is the type's name, ``bases`` the names of its base classes (nearest first, itself
    included), ``message`` its text, or a sentence for the other kinds. ``args_after`` are the
    arguments after the call where it changed them, else None. ``line`` is the line of the code that
    raised, where known. ``seconds`` is measured beside the candidate and may be its invention.
    """

    kind: Kind
    value: object = None
    exception: str | None = None
    message: str | None = None
    bases: tuple[str, ...] = ()
    args_after: tuple[object, ...] | None = None
    line: int | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the call returned a plain value."""
        return self.kind == "returned"

    @property
    def resource(self) -> bool:
        """Whether a limit was met: not a wrong answer, but no answer."""
        return self.kind in RESOURCES

    def with_message(self, message: str) -> Outcome:
        """Return the same outcome with another sentence."""
        return replace(self, message=message)


@dataclass(frozen=True, slots=True)
class Run:
    """The outcomes of one run, in the order of its calls, and how loading the code went."""

    outcomes: tuple[Outcome, ...]
    loaded: Outcome
    """``returned`` when the code was loaded; else how loading it ended."""
    layers: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def status(self) -> Kind:
        """``returned`` when the code loaded, else the kind in which loading ended."""
        return self.loaded.kind

    @property
    def unsafe(self) -> str | None:
        """The sentence of the first thing that was forbidden, or None."""
        for outcome in (self.loaded, *self.outcomes):
            if outcome.kind == "forbidden":
                return outcome.message or "it tried something that the sandbox forbids"
        return None
