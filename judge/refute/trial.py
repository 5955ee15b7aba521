"""Trying inputs: candidate and contract in their own processes, one verdict for each input.

Not a search: where the inputs come from is somebody else's matter (``search``, ``replay``,
``minimise``). What counts as a violation is decided here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from judge import plain
from judge.contract import Submission
from judge.refute.oracle import ContractFaultError, Oracle, Ruling
from judge.refute.shapes import conforms
from judge.refute.subject import Subject, read_subject
from judge.sandbox import RESOURCES, Call, Limits, Outcome, Sandbox
from judge.tests import load_fault, reason
from judge.verdict import Counterexample

Sort = Literal[
    "fine", "outside", "violation", "finding", "contract_error", "unsafe", "malformed", "skipped"
]
_LAZY = frozenset(
    (
        "generator",
        "map",
        "filter",
        "zip",
        "range",
        "enumerate",
        "reversed",
        "dict_keys",
        "dict_values",
        "dict_items",
        "list_iterator",
        "list_reverseiterator",
        "function",
        "coroutine",
        "NotImplementedType",
        "ellipsis",
        "type",
    )
)
_NO_ANSWER = ("crashed", "not_run", "unplain", "RecursionError", "MemoryError")
"""Ends of a clause that say nothing about it: a recursive helper has a depth, as code has."""
_TOO_LONG = "Exceeds the limit ("
"""How CPython begins when it will not write out, or read, a number of so many digits."""
LIMITS = Limits(cpu_seconds=0.5, wall_seconds=3.0, total_seconds=30.0, losses=5)
"""What a candidate may use while inputs are tried."""


@dataclass(frozen=True, slots=True)
class Try:
    """What one input showed.

    fine: within the precondition, and the contract holds. outside: not within it. violation: with
    the counterexample. finding: no answer and no violation (a limit was met; a guessed input may
    be at fault), with a sentence. contract_error, unsafe, malformed: a sentence. skipped: not run.
    """

    sort: Sort
    text: str | None = None
    violation: Counterexample | None = None


class Trial:
    """One submission, ready to be tried on any number of inputs."""

    def __init__(
        self,
        sandbox: Sandbox,
        submission: Submission,
        limits: Limits = LIMITS,
        *,
        fresh: bool = False,
    ) -> None:
        self.submission = submission
        self.subject: Subject = read_subject(submission)
        self.allowed = frozenset(n.rpartition(".")[2] for n in submission.contract.raises)
        self.fault: Try | None = None
        self._session = sandbox.session(submission.code, limits)
        self._oracle: Oracle | None = None
        try:
            self._oracle = Oracle(sandbox, submission, self.subject.names, limits, fresh=fresh)
        except ContractFaultError as error:
            self.fault = Try("contract_error", str(error))
            return
        self.fault = self._load_fault()

    def _load_fault(self) -> Try | None:
        assert self._oracle is not None
        said = self._oracle.load_fault()
        if said is not None:
            return Try("contract_error", said)
        fault = load_fault(self._session.loaded)
        if fault is None:
            return None
        field, text = fault
        if field == "unsafe":
            return Try("unsafe", text)
        return Try("malformed" if field == "malformed" else "finding", text)

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        if self._oracle is not None:
            self._oracle.__exit__()

    def admits(self, inputs: Sequence[tuple[Any, ...]]) -> list[Ruling]:
        """Rule on the precondition only."""
        assert self._oracle is not None
        return self._oracle.admits(inputs)

    def run(self, inputs: Sequence[tuple[Any, ...]]) -> list[Try]:
        """Try each input; one answer for each, in order."""
        if self.fault is not None:
            return [self.fault] * len(inputs)
        ruled = self.admits(inputs)
        inside = [args for args, ruling in zip(inputs, ruled, strict=True) if ruling.holds]
        tried = iter(self.run_admitted(inside))
        return [next(tried) if ruling.holds else Try("outside", ruling.fault) for ruling in ruled]

    def run_admitted(self, inputs: Sequence[tuple[Any, ...]]) -> list[Try]:
        """Try inputs that are known to meet the precondition."""
        assert self._oracle is not None
        name = self.submission.entry_point
        outcomes = self._session.call([Call(name, args) for args in inputs])
        asked = [
            (args, args if o.args_after is None else o.args_after, o.value)
            for args, o in zip(inputs, outcomes, strict=True)
            if o.ok
        ]
        rulings = iter(self._oracle.accepts(asked))
        return [
            self._returned(args, outcome, next(rulings))
            if outcome.ok
            else self._ended(args, outcome)
            for args, outcome in zip(inputs, outcomes, strict=True)
        ]

    def _returned(self, args: tuple[Any, ...], outcome: Outcome, ruling: Ruling) -> Try:
        if ruling.holds:
            return Try("fine")
        if ruling.clause is not None:
            return self._violation(args, outcome, ruling.clause)
        promised = self.subject.result
        if promised is not None and not conforms(outcome.value, promised):
            return self._violation(args, outcome, f"the signature promises {promised.text}")
        call = plain.call_text(self.submission.entry_point, args)
        if ruling.exception in RESOURCES or ruling.exception in _NO_ANSWER or _too_long(ruling):
            return Try("finding", f"after {call}, {ruling.fault}")
        if outcome.value is None and ruling.exception in ("TypeError", "AttributeError"):
            # a function that falls off its end fulfils no clause that computes with the result
            return self._violation(args, outcome, (ruling.fault or "").split("`")[1])
        if self.subject.guessed and ruling.exception in ("TypeError", "AttributeError"):
            return Try("outside", ruling.fault)
        got = plain.value_text(outcome.value)
        return Try("contract_error", f"The clause {ruling.fault} where {call} returned {got}.")

    def _ended(self, args: tuple[Any, ...], outcome: Outcome) -> Try:
        """Judge a call that returned no plain value."""
        call = plain.call_text(self.submission.entry_point, args)
        if outcome.kind == "forbidden":
            return Try("unsafe", f"On {call}, {outcome.message}.")
        if outcome.kind == "missing":
            return Try("malformed", f"The code defines no function {self.submission.entry_point}.")
        if outcome.kind == "not_run":
            return Try("skipped", outcome.message)
        if outcome.kind == "raised":
            return self._raised(args, outcome, call)
        if outcome.kind == "unplain" and self._breaks_promise(outcome.message or ""):
            promised = self.subject.result.text if self.subject.result is not None else ""
            said = f"the signature promises {promised}, and {outcome.message}"
            return self._violation(args, outcome, said)
        return Try("finding", f"on {call}, {reason(outcome)}")

    def _breaks_promise(self, message: str) -> bool:
        """Whether a result that is not plain cannot be of the promised type, whatever it holds.

        An instance of a subclass (a named tuple, an enumeration) can; a generator cannot be a list.
        """
        promised = self.subject.result
        if promised is None or promised.sort == "union" or promised.abstract:
            return False
        return any(message == f"a value of type {name} is not plain data" for name in _LAZY)

    def _raised(self, args: tuple[Any, ...], outcome: Outcome, call: str) -> Try:
        if self.allowed.intersection(outcome.bases):
            return Try("fine")
        if self.subject.guessed and outcome.exception in ("TypeError", "AttributeError"):
            return Try("outside", f"{call} raised {outcome.exception}, and the type is a guess")
        return self._violation(args, outcome, None)

    def _violation(self, args: tuple[Any, ...], outcome: Outcome, clause: str | None) -> Try:
        found = Counterexample(
            args,
            result=outcome.value if outcome.ok else None,
            raised=outcome.exception,
            message=outcome.message if outcome.exception else None,
            violates=clause,
        )
        return Try("violation", violation=found)


def _too_long(ruling: Ruling) -> bool:
    """Whether a clause met the interpreter's limit on digits, which says nothing about the code."""
    return ruling.exception == "ValueError" and _TOO_LONG in (ruling.fault or "")
