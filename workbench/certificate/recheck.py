"""The part of a verification that runs things: derives, solves and executes again.

What is asked is here and needs no judge; who answers is a ``Rechecker``. A verdict fails, whatever
was signed, when its obligations are not exactly what the code, the task's own contract and the
recorded plan give, and when a solver has the opposite answer to one of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from workbench.certificate.bundle import Bundle, obligation_name
from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import AnswerRecord, TaskRecord, VerdictRecord
from workbench.certificate.files import Evidence
from workbench.certificate.report import Checks

__all__ = ["CLAIMS", "Derivation", "Derived", "Finding", "Rechecker", "run_recheck", "skip_recheck"]

CLAIMS = {
    "recheck-grammar": "Every obligation is plain SMT-LIB within the strict grammar.",
    "recheck-derivation": "Code, the task's contract and the plan give exactly the obligations.",
    "recheck-solvers": "Z3 and cvc5 both give the expected answer, and preconditions can hold.",
    "recheck-counterexamples": "Each refuted candidate fails when run on its counterexample.",
    "recheck-tests": "Each accepted candidate passes the tests of its task.",
}

_DERIVED = ("proved", "partial", "bounded")
_ACCEPTED = ("proved", "partial", "bounded", "tested")
_AT_MOST = {
    "proved": ("proved", "partial", "bounded"),
    "partial": ("partial",),
    "bounded": ("bounded",),
}
_MOST_RLIMIT = 100_000_000
_OBLIGATION_LIMIT = 2_000_000


class Derived(NamedTuple):
    """One obligation as it was derived again."""

    kind: str
    text: str
    smt2: str
    logic: str
    expected: str
    line: int | None


class Derivation(NamedTuple):
    """What code, contract and plan amount to: obligations, and how much they prove at most."""

    obligations: tuple[Derived, ...]
    strength: str
    """proved, partial (termination is left open) or bounded."""
    assumptions: tuple[str, ...]


class Finding(NamedTuple):
    """An answer to one question: yes, no, or None for cannot tell; with its sentence."""

    holds: bool | None
    detail: str = ""


class Rechecker(Protocol):
    """Who derives, solves and runs. Answers are values; a crash of what is asked is one too."""

    @property
    def missing(self) -> str | None:
        """Why nothing can be re-checked here, or None."""
        ...

    @property
    def encoder(self) -> str:
        """The version of the encoder that derives."""
        ...

    def grammar(self, text: bytes) -> str | None:
        """Return what is wrong with an obligation's text, or None."""
        ...

    def derive(self, task: TaskRecord, code: str, plan: str) -> Derivation | str:
        """Derive a proof's obligations again, or return why that failed."""
        ...

    def solve(self, jobs: Sequence[tuple[str, str, int]]) -> Sequence[Finding]:
        """Solve (text, expected, rlimit) by both solvers; None where one of them cannot tell."""
        ...

    def fails(self, task: TaskRecord, code: str, verdict: VerdictRecord) -> Finding:
        """Whether the code fails on the verdict's counterexample."""
        ...

    def passes_tests(self, task: TaskRecord, code: str) -> Finding:
        """Whether the code passes its task's tests."""
        ...

    def close(self) -> None:
        """Let go of processes."""
        ...


def skip_recheck(checks: Checks, why: str) -> None:
    """Note that the whole re-check was not done."""
    for name, claim in CLAIMS.items():
        checks.skip(name, claim, why)


def run_recheck(
    checks: Checks, bundle: Bundle, evidence: Evidence, rechecker: Rechecker | None
) -> None:
    """Do the whole re-check with ``rechecker``, or with the judge that is installed beside us."""
    if rechecker is None:
        from workbench.certificate.judge_rechecker import JudgeRechecker

        rechecker = JudgeRechecker()
    try:
        if rechecker.missing is not None:
            skip_recheck(checks, rechecker.missing)
        else:
            _Run(checks, bundle, evidence, rechecker).go()
    finally:
        rechecker.close()


class _Run:
    """One re-check. Every question collects all its failures and what could not be told."""

    def __init__(
        self, checks: Checks, bundle: Bundle, evidence: Evidence, rechecker: Rechecker
    ) -> None:
        self.checks = checks
        self.bundle = bundle
        self.evidence = evidence
        self.rechecker = rechecker
        self.codes: dict[tuple[str, str], AnswerRecord] = {
            (answer.task, answer.candidate): answer for answer in evidence.answers.values()
        }
        self.texts: dict[str, str] = {}

    def go(self) -> None:
        """Ask everything; obligations outside the grammar reach no solver."""
        if self._conclude("recheck-grammar", self._grammar()):
            self._conclude("recheck-derivation", self._derivation())
            self._conclude("recheck-solvers", self._solvers())
        else:
            for name in ("recheck-derivation", "recheck-solvers"):
                self.checks.skip(name, CLAIMS[name], "not done, because of the grammar")
        self._conclude("recheck-counterexamples", self._counterexamples())
        self._conclude("recheck-tests", self._tests())

    def _conclude(self, name: str, findings: Mapping[str, Finding]) -> bool:
        """Turn findings into one check: any no fails, any cannot-tell is a skip."""
        no = [f"{who}: {f.detail}" for who, f in findings.items() if f.holds is False]
        unclear = [f"{who}: {f.detail}" for who, f in findings.items() if f.holds is None]

        def outcome() -> str:
            if no:
                raise CertificateError(name, f"{len(no)} of {len(findings)}; first, {no[0]}")
            return f"{len(findings)} checked"

        if unclear and not no:
            detail = f"{len(unclear)} of {len(findings)} could not be told; first, {unclear[0]}"
            self.checks.skip(name, CLAIMS[name], detail)
            return True
        return self.checks.run(name, CLAIMS[name], outcome)

    def _verdicts(self, words: Sequence[str]) -> list[VerdictRecord]:
        return [v for v in self.evidence.verdicts.values() if v.verdict in words]

    def _grammar(self) -> dict[str, Finding]:
        findings: dict[str, Finding] = {}
        for verdict in self.evidence.verdicts.values():
            for obligation in verdict.obligations:
                if obligation.digest in findings:
                    continue
                name = obligation_name(obligation.digest)
                data = self.bundle.read(name, limit=_OBLIGATION_LIMIT)
                # The file was hashed before; it is read a second time, so it is hashed again.
                if hashlib.sha256(data).hexdigest() != obligation.digest:
                    findings[obligation.digest] = Finding(False, "the file changed meanwhile")
                    continue
                problem = self.rechecker.grammar(data)
                findings[obligation.digest] = Finding(problem is None, problem or "")
                self.texts[obligation.digest] = data.decode("ascii", "replace")
        return findings

    def _derivation(self) -> dict[str, Finding]:
        return {_who(v): self._derived(v) for v in self._verdicts(_DERIVED)}

    def _derived(self, verdict: VerdictRecord) -> Finding:
        if verdict.identity.encoder != self.rechecker.encoder:
            return Finding(None, f"made by another encoder, {verdict.identity.encoder}")
        task = self.evidence.tasks[verdict.task]
        code = self.codes[verdict.task, verdict.candidate].code
        derived = self.rechecker.derive(task, code, verdict.plan)
        if isinstance(derived, str):
            return Finding(False, f"nothing can be derived: {derived}")
        if verdict.verdict not in _AT_MOST[derived.strength]:
            return Finding(False, f"called {verdict.verdict}, but its plan is {derived.strength}")
        if hidden := set(derived.assumptions) - set(verdict.assumptions):
            return Finding(False, f"does not state its assumption {min(hidden)!r}")
        again = [
            (_digest(d.smt2), d.kind, d.text, d.logic, d.expected, d.line)
            for d in derived.obligations
        ]
        signed = [
            (o.digest, o.kind, o.text, o.logic, o.expected, o.line) for o in verdict.obligations
        ]
        if again == signed:
            return Finding(True)
        if len(again) != len(signed):
            return Finding(False, f"{len(signed)} obligations, but {len(again)} are derived")
        place = next(
            i for i, pair in enumerate(zip(again, signed, strict=True)) if pair[0] != pair[1]
        )
        return Finding(False, f"obligation {place + 1} ({signed[place][1]}) is not the derived one")

    def _solvers(self) -> dict[str, Finding]:
        jobs: dict[tuple[str, str], int] = {}
        for verdict in self._verdicts(_DERIVED):
            for o in verdict.obligations:
                key = (o.digest, o.expected)
                # The limit is the signer's word; a huge one would only cost the reader time.
                limit = min(verdict.identity.rlimit, _MOST_RLIMIT)
                jobs[key] = max(jobs.get(key, 0), limit)
        found = self.rechecker.solve(
            [(self.texts[digest], expected, rlimit) for (digest, expected), rlimit in jobs.items()]
        )
        return {
            f"obligation {digest[:12]} ({expected})": finding
            for (digest, expected), finding in zip(jobs, found, strict=True)
        }

    def _counterexamples(self) -> dict[str, Finding]:
        return {
            _who(v): self.rechecker.fails(
                self.evidence.tasks[v.task], self.codes[v.task, v.candidate].code, v
            )
            for v in self._verdicts(("refuted",))
            if v.counterexample is not None
        }

    def _tests(self) -> dict[str, Finding]:
        findings: dict[str, Finding] = {}
        for verdict in self._verdicts(_ACCEPTED):
            task = self.evidence.tasks[verdict.task]
            if task.tests or task.test_code is not None:
                code = self.codes[verdict.task, verdict.candidate].code
                findings[_who(verdict)] = self.rechecker.passes_tests(task, code)
        return findings


def _who(verdict: VerdictRecord) -> str:
    return f"{verdict.task}, candidate {verdict.candidate[:12]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
