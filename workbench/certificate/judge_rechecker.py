"""Re-checking with the judge that is installed beside this package; loads it only here.

Z3 and cvc5 run side by side in children of their own, obligations are derived in a third, and
candidates run in the sandbox. Nothing of a stranger's runs in this process.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TYPE_CHECKING

from workbench.certificate.derive import Deriver
from workbench.certificate.evidence import TaskRecord, VerdictRecord
from workbench.certificate.recheck import Derivation, Finding

if TYPE_CHECKING:
    from judge.contract import Submission
    from judge.sandbox import Sandbox
    from judge.solve import Answer, Solvers

__all__ = ["JudgeRechecker"]

_NEEDED = ("judge", "z3", "cvc5")
_SOLVER_NAMES = ("z3", "cvc5")


class JudgeRechecker:
    """Answers every question of a re-check; see ``recheck.Rechecker``."""

    def __init__(self) -> None:
        self._deriver = Deriver()
        self._solvers: Solvers | None = None
        self._sandbox: Sandbox | None = None

    @property
    def missing(self) -> str | None:
        """Why nothing can be re-checked here, or None."""
        absent = [name for name in _NEEDED if find_spec(name) is None]
        if not absent:
            return None
        return f"{', '.join(absent)} not installed; pip install distillation-workbench"

    @property
    def encoder(self) -> str:
        """The version of the encoder that derives."""
        from judge.prove import ENCODER_VERSION

        return ENCODER_VERSION

    def grammar(self, text: bytes) -> str | None:
        """Return what is wrong with an obligation's text, or None."""
        from judge.sexpr import SmtError
        from judge.smtlib import read

        try:
            read(text)
        except SmtError as error:
            return str(error)
        return None

    def derive(self, task: TaskRecord, code: str, plan: str) -> Derivation | str:
        """Derive a proof's obligations again, or return why that failed."""
        return self._deriver.derive(task, code, plan)

    def solve(self, jobs: Sequence[tuple[str, str, int]]) -> Sequence[Finding]:
        """Solve (text, expected, rlimit) by both solvers, each in its own process."""
        from judge.solve import Solvers

        if self._solvers is None:
            self._solvers = Solvers()
        solvers = self._solvers
        with ThreadPoolExecutor(2) as threads:
            z3, cvc5 = threads.map(
                lambda name: [solvers.solve(name, text, rlimit=n) for text, _, n in jobs],
                _SOLVER_NAMES,
            )
        return [
            _finding(expected, pair)
            for (_, expected, _), pair in zip(jobs, zip(z3, cvc5, strict=True), strict=True)
        ]

    def fails(self, task: TaskRecord, code: str, verdict: VerdictRecord) -> Finding:
        """Whether the code fails on the verdict's counterexample: its contract or its tests."""
        from judge.plain import PlainError, from_json
        from judge.refute import replay

        assert verdict.counterexample is not None
        try:
            args = tuple(from_json(arg) for arg in verdict.counterexample.args)
            submission = _submission(task, code)
        except PlainError as error:
            return Finding(False, f"the counterexample is not plain data: {error}")
        again = replay(self._box(), submission, args)
        if again.violation is not None:
            return Finding(True)
        if verdict.method == "tests" or verdict.counterexample.violates is None:
            passed = self.passes_tests(task, code)
            if passed.holds is False:
                return Finding(True)
        return Finding(False, "it does not fail on its counterexample")

    def passes_tests(self, task: TaskRecord, code: str) -> Finding:
        """Whether the code passes its task's tests."""
        from judge.plain import PlainError
        from judge.tests import run_tests

        try:
            report = run_tests(self._box(), _submission(task, code))
        except PlainError as error:
            return Finding(False, f"the tests are not plain data: {error}")
        if report.broken is not None:
            return Finding(None, f"the test code is at fault: {report.broken}")
        problem = report.unsafe or report.malformed or report.resource
        if problem is not None:
            return Finding(False, problem)
        return Finding(report.clean, f"{report.passed} of {report.total} tests pass")

    def close(self) -> None:
        """Let go of processes."""
        self._deriver.close()
        if self._solvers is not None:
            self._solvers.close()
        if self._sandbox is not None:
            self._sandbox.close()

    def _box(self) -> Sandbox:
        from judge.sandbox import open_sandbox

        if self._sandbox is None:
            self._sandbox = open_sandbox()
        return self._sandbox


def _finding(expected: str, answers: Sequence[Answer]) -> Finding:
    said = ", ".join(
        f"{a.solver} {a.result}" + (f" ({a.reason})" if a.reason else "") for a in answers
    )
    against = "sat" if expected == "unsat" else "unsat"
    agreeing = sum(answer.result == expected for answer in answers)
    if any(answer.result == against for answer in answers):
        return Finding(False, said)
    # A satisfiable precondition needs one model; a proof needs both solvers.
    needed = 2 if expected == "unsat" else 1
    return Finding(True if agreeing >= needed else None, said)


def _submission(task: TaskRecord, code: str) -> Submission:
    from judge.contract import Case, Contract, Submission
    from judge.plain import from_json

    cases = tuple(
        Case(
            tuple(from_json(arg) for arg in test.get("args", ())),
            from_json(test.get("expected")),
            test.get("raises"),
        )
        for test in task.tests
    )
    contract = Contract(task.requires, task.ensures, task.raises, task.helpers)
    return Submission(
        task.id, task.entry_point, code, contract, cases, task.test_code, task.signature or None
    )
