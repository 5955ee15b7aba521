"""One input in a process that has run nothing else: what every claim of a violation comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from judge.contract import Submission
from judge.refute.trial import Trial
from judge.sandbox import Sandbox
from judge.verdict import Counterexample


@dataclass(frozen=True, slots=True)
class Replay:
    """What one input does in a fresh process.

    ``violation`` is what it shows, None when the contract holds; ``outside_precondition`` says that
    the input is none; ``finding`` is a sentence when there was no answer (a limit, a contract that
    raised, something forbidden).
    """

    violation: Counterexample | None = None
    outside_precondition: bool = False
    finding: str | None = None


def replay(sandbox: Sandbox, submission: Submission, args: tuple[Any, ...]) -> Replay:
    """Run one input in a process that has run nothing else."""
    with Trial(sandbox, submission, fresh=True) as trial:
        (seen,) = trial.run([args])
    if seen.sort == "violation":
        return Replay(violation=seen.violation)
    if seen.sort == "outside":
        return Replay(outside_precondition=True, finding=seen.text)
    return Replay(finding=seen.text)
