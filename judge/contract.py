"""What a candidate is judged against: signature, contract, tests, and the limits of judging."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Contract:
    """Preconditions, postconditions and allowed exceptions, as Python expressions.

    Expressions range over the parameters and ``result``; ``old(x)`` is parameter ``x`` on entry.
    ``raises`` names exception types that may leave the function. ``helpers`` is Python source whose
    functions the expressions may call.
    """

    requires: tuple[str, ...] = ()
    ensures: tuple[str, ...] = ()
    raises: tuple[str, ...] = ()
    helpers: str = ""

    def __post_init__(self) -> None:
        for name in ("requires", "ensures", "raises"):
            value = getattr(self, name)
            if isinstance(value, str):  # it would be read letter by letter
                raise TypeError(f"{name} is a tuple of strings; write ({value!r},)")

    @property
    def empty(self) -> bool:
        """Whether it states nothing."""
        return not (self.requires or self.ensures or self.raises)


@dataclass(frozen=True, slots=True)
class Case:
    """One test case: positional arguments and what must come back, as plain Python values."""

    args: tuple[object, ...]
    expected: object = None
    raises: str | None = None
    """Name of the exception type that must be raised instead of returning."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One candidate with everything it is judged by: a line of ``workbench judge FILE.jsonl``."""

    id: str
    entry_point: str
    code: str
    contract: Contract = field(default_factory=Contract)
    tests: tuple[Case, ...] = ()
    test_code: str | None = None
    signature: str | None = None
    """``def f(x: int) -> int`` of the task; when given, the code's own must agree with it."""
    hints: tuple[str, ...] = ()
    """Loop invariants that somebody suggests, as Python expressions; checked, never trusted."""
    line: int | None = None
    """Where the function stands in the file it was read from, when it was read from one."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much work the judge may spend on one candidate. Machine-independent but for the fuse.

    ``rlimit`` is Z3's resource limit for the whole candidate (about 0.2 CPU seconds per million).
    ``cases`` bounds the search for counterexamples. ``fuse_seconds`` is wall-clock; blowing it is
    ``ERROR``, never a verdict on the candidate.
    """

    rlimit: int = 20_000_000
    cases: int = 2_000
    seed: int = 0
    memory_mb: int = 2_048
    fuse_seconds: float = 60.0
    recheck: bool = True
    confirm: bool = True
    """Whether a violation has to show again in a fresh process. Without it nothing is a verdict."""
