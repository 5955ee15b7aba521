"""The verdict ladder: what the judge can say about a candidate, and in which order.

``Verdict`` is the word; ``Judgement`` is the word with its method, evidence and cost. The order is
that of usefulness as a winner: PROVED is highest, everything at or below REFUTED is no answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Verdict(Enum):
    """One rung of the ladder. ``rank`` orders, ``sentence`` explains."""

    PROVED = ("proved", 100, "Every obligation is unsatisfiable and termination is proved.")
    BOUNDED = ("bounded", 80, "Holds for every input within the stated bound.")
    PARTIAL = ("partial", 70, "Proved for every call that returns; termination is not proved.")
    TESTED = ("tested", 60, "All tests pass and the search found no counterexample.")
    UNKNOWN = ("unknown", 40, "The judge could not tell; the reason is given.")
    ERROR = ("error", 30, "The judge itself failed; the candidate is unscored.")
    VACUOUS = ("vacuous", 25, "No input satisfies the precondition; the task is at fault.")
    BAD_CONTRACT = ("bad_contract", 24, "The contract cannot be used; the task is at fault.")
    REFUTED = ("refuted", 10, "An input on which it is wrong, replayed in CPython.")
    UNSAFE = ("unsafe", 5, "It tried something that the sandbox forbids.")
    MALFORMED = ("malformed", 0, "No code, code that does not parse, or no such function.")

    def __init__(self, word: str, rank: int, sentence: str) -> None:
        self.word = word
        self.rank = rank
        self.sentence = sentence

    @classmethod
    def of(cls, word: str) -> Verdict:
        """Return the verdict written ``word``; raises ``ValueError`` with the known words."""
        for verdict in cls:
            if verdict.word == word:
                return verdict
        known = ", ".join(v.word for v in cls)
        raise ValueError(f"{word!r} is not a verdict; known are {known}")

    def __lt__(self, other: Verdict) -> bool:
        return self.rank < other.rank

    @property
    def scored(self) -> bool:
        """Whether the verdict says anything about the candidate (not about the task or judge)."""
        return self not in (
            Verdict.UNKNOWN,
            Verdict.ERROR,
            Verdict.VACUOUS,
            Verdict.BAD_CONTRACT,
        )


class Recheck(Enum):
    """What a second solver of another lineage says about the same obligations."""

    CONFIRMED = "confirmed"
    SINGLE = "single"
    DISPUTED = "disputed"
    NONE = "none"
    """There was nothing to re-check (no obligations)."""


@dataclass(frozen=True, slots=True)
class Counterexample:
    """An input on which a candidate breaks its contract, as it was replayed in CPython.

    ``args`` are plain Python values in parameter order. Exactly one of a returned ``result`` and
    ``raised`` (the exception's type name) is meaningful; ``violates`` is the broken clause, or None
    when an exception that the contract does not allow is the violation.
    """

    args: tuple[object, ...]
    result: object = None
    raised: str | None = None
    message: str | None = None
    violates: str | None = None
    expected: object = None
    """The expected result when the violation is of a test case; else None."""


@dataclass(frozen=True, slots=True)
class Obligation:
    """One formula whose unsatisfiability proves one property, as portable SMT-LIB 2.

    ``smt2`` is ASCII text that plain Z3 and cvc5 both read; ``digest`` is the SHA-256 hex of its
    bytes. ``expected`` is ``unsat`` for a goal and ``sat`` for a non-vacuity companion.
    """

    kind: str
    """initiation, consecution, safety, exception, termination, precondition, companion ..."""
    text: str
    """What it says, as a person reads it: the clause or invariant in Python."""
    smt2: str
    digest: str
    logic: str
    expected: str = "unsat"
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything a verdict depends on besides code and contract; part of every cache key."""

    encoder: str
    solvers: tuple[tuple[str, str], ...]
    rlimit: int
    seed: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its method, evidence and cost. See DESIGN: the output of ``judge FILE``."""

    id: str
    verdict: Verdict
    method: str
    explanation: str
    bound: str | None = None
    cases: int = 0
    counterexample: Counterexample | None = None
    obligations: tuple[Obligation, ...] = ()
    invariants: tuple[str, ...] = ()
    plan: str = ""
    """Canonical JSON of what the search found (strategy, invariants, measures): with it the same
    obligations are derived again from code and contract without any search."""
    assumptions: tuple[str, ...] = ()
    recheck: Recheck = Recheck.NONE
    reason: str | None = None
    """Why it is not decided, for UNKNOWN, ERROR, VACUOUS, BAD_CONTRACT, MALFORMED, UNSAFE."""
    findings: tuple[str, ...] = ()
    """Remarks that do not decide: a resource limit met, CPython's recursion limit, and so on."""
    rlimit: int = 0
    seconds: float = 0.0
    sandbox: tuple[str, ...] = ()
    """The sandbox layers that were in force."""
    identity: Identity | None = None
    terms: tuple[tuple[str, float], ...] = field(default=())
    """The terms of ``score``, each with its weighted value."""
    score: float = 0.0
