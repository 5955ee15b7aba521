"""The judgement of one submission: the order of the stages, and what each may conclude.

Reading, contract, a quick search, vacuity, tests, the proof, its re-check, a deeper search. The
first stage that knows the verdict ends it. The search comes before the tests because it names the
broken clause, and because an input that it ran shows that the precondition is not vacuous. It runs
solvers in this process, so callers go through ``pool``, whose workers can be killed; candidate code
runs in the sandbox only.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING

from judge import explain
from judge.adequacy import Adequacy, Specimen, assess_here
from judge.contract import Budget, Submission
from judge.contract_check import contract_fault
from judge.reading.source import Fault, Source, read_source, signature_of
from judge.score import score_terms
from judge.verdict import Counterexample, Judgement, Recheck, Verdict

if TYPE_CHECKING:
    from judge.prove import Proof
    from judge.sandbox import Sandbox

QUICK_CASES = 24
"""How many inputs are tried before the prover is asked; most wrong answers fall here."""

RECHECK_RLIMIT = 4_000_000
"""For one obligation that cvc5 is asked about alone: some seconds at most. A certificate's verifier
gives it more."""


@dataclass(slots=True)
class _Dossier:
    """What is known so far about one submission."""

    submission: Submission
    budget: Budget
    tests: int = 0
    searched: int = 0
    rlimit: int = 0
    findings: list[str] = field(default_factory=list)
    assumptions: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    deeper: list[Judgement | None] = field(default_factory=list)
    """What the search with the whole budget came to, once it was made."""

    def verdict(self, verdict: Verdict, method: str, explanation: str, **more: object) -> Judgement:
        """Close the dossier with a verdict."""
        return Judgement(
            self.submission.id,
            verdict,
            method,
            explanation,
            cases=self.tests + self.searched,
            findings=explain.joined(self.findings, more.get("reason")),
            rlimit=self.rlimit,
            sandbox=self.layers,
            **more,  # type: ignore[arg-type]  # each caller names fields of Judgement
        )

    def task_fault(self, verdict: Verdict, method: str, reason: str) -> Judgement:
        """Close with a verdict whose explanation is its reason."""
        return self.verdict(verdict, method, reason, reason=reason)


class Bench:
    """A judge at work: one sandbox, reused from submission to submission."""

    def __init__(self) -> None:
        from judge.sandbox import open_sandbox

        self.sandbox: Sandbox = open_sandbox()

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sandbox.close()

    def serve(self, request: Submission | Specimen, budget: Budget) -> Judgement | Adequacy:
        """Do what a worker is asked: judge a submission or assess a contract."""
        if isinstance(request, Submission):
            return self.judge(request, budget)
        return assess_here(self.sandbox, request, budget)

    def judge(self, submission: Submission, budget: Budget | None = None) -> Judgement:
        """Judge one submission in this process."""
        from judge.identity import identity

        started = time.perf_counter()
        limits = budget or Budget()
        dossier = _Dossier(submission, limits, layers=tuple(self.sandbox.layers))
        judgement = self._stages(dossier)
        score = score_terms(judgement.verdict)
        return replace(
            judgement,
            seconds=time.perf_counter() - started,
            identity=identity(limits),
            terms=score.pairs,
            score=score.total or 0.0,
        )

    def _stages(self, dossier: _Dossier) -> Judgement:
        submission = dossier.submission
        source = read_source(submission.code, submission.entry_point, submission.signature)
        if isinstance(source, Fault):
            return dossier.task_fault(Verdict.MALFORMED, "reading", str(source))
        if (fault := _contract_fault(submission, source)) is not None:
            return dossier.task_fault(Verdict.BAD_CONTRACT, "contract", str(fault))
        quick = replace(dossier.budget, cases=min(QUICK_CASES, dossier.budget.cases))
        return (
            self._search(dossier, quick)
            or self._vacuous(dossier)
            or self._tests(dossier)
            or self._prove(dossier)
        )

    def _vacuous(self, dossier: _Dossier) -> Judgement | None:
        contract = dossier.submission.contract
        if not contract.requires or dossier.searched:
            return None  # an input that was run is the best witness
        from judge.prove import satisfiable

        signature = _signature(dossier.submission)
        if signature is None or satisfiable(contract, signature, dossier.budget)[0] != "unsat":
            return None
        asked = explain.conjunction(contract.requires)
        reason = f"No input satisfies the precondition {asked}; any code would do. Mend the task."
        return dossier.task_fault(Verdict.VACUOUS, "contract", reason)

    def _tests(self, dossier: _Dossier) -> Judgement | None:
        submission = dossier.submission
        if not _tested(submission):
            return None
        from judge.tests import run_tests

        report = run_tests(self.sandbox, submission)
        dossier.tests = report.passed
        if report.unsafe is not None:
            return dossier.task_fault(Verdict.UNSAFE, "tests", report.unsafe)
        if report.malformed is not None:
            return dossier.task_fault(Verdict.MALFORMED, "tests", report.malformed)
        if report.broken is not None:
            return dossier.task_fault(Verdict.BAD_CONTRACT, "tests", report.broken)
        if report.counterexample is not None:
            return self._refuted(dossier, "tests", report.counterexample)
        if report.resource is not None:
            return dossier.verdict(
                Verdict.REFUTED, "tests", f"It fails its own tests: {report.resource}",
                reason=report.resource,
            )  # fmt: skip
        if report.failed:
            reason = "It fails its own tests."
            return dossier.verdict(Verdict.REFUTED, "tests", reason, reason=reason)
        return None

    def _search(self, dossier: _Dossier, budget: Budget) -> Judgement | None:
        from judge.refute import search

        submission = dossier.submission
        if _tested(submission) and submission.contract.empty:
            # What inputs the task means is unknown, so an exception on one proves nothing.
            return None
        report = search(self.sandbox, submission, budget, minimal=True)
        dossier.searched = max(dossier.searched, report.cases)
        dossier.findings += report.findings
        if report.unsafe is not None:
            return dossier.task_fault(Verdict.UNSAFE, "search", report.unsafe)
        if report.malformed is not None:
            return dossier.task_fault(Verdict.MALFORMED, "search", report.malformed)
        if report.contract_error is not None:
            return dossier.task_fault(Verdict.BAD_CONTRACT, "search", report.contract_error)
        if report.counterexample is not None:
            return self._refuted(dossier, "search", report.counterexample)
        return None

    def _deeper(self, dossier: _Dossier) -> Judgement | None:
        """The search with the whole budget, once: while a proof takes long, or after it."""
        if not dossier.deeper:
            dossier.deeper.append(self._search(dossier, dossier.budget))
        found = dossier.deeper[0]
        return None if found is None else replace(found, rlimit=dossier.rlimit)

    def _smaller(self, submission: Submission, found: Counterexample) -> Counterexample:
        from judge.refute import minimise

        return minimise(self.sandbox, submission, found)

    def _refuted(self, dossier: _Dossier, method: str, found: Counterexample) -> Judgement:
        text = explain.refutation(dossier.submission, found)
        return dossier.verdict(Verdict.REFUTED, method, text, counterexample=found)

    def _prove(self, dossier: _Dossier) -> Judgement:
        from judge.prove import prove

        submission, budget = dossier.submission, dossier.budget
        if _tested(submission) and not submission.contract.ensures:
            # Its tests say what is right; a proof that nothing is raised would claim less.
            return self._undecided(dossier, "the task states tests but no postcondition.")
        proof = prove(
            submission.code,
            submission.entry_point,
            submission.contract,
            budget,
            signature=submission.signature,
            hints=submission.hints,
            sandbox=self.sandbox,
            doubt=lambda: self._deeper(dossier) is not None,
        )
        dossier.rlimit += proof.rlimit
        dossier.findings += proof.findings
        if proof.outcome == "refuted":
            return self._model(dossier, proof)
        if proof.outcome in ("proved", "partial"):
            return self._proved(dossier, proof)
        deeper = self._deeper(dossier)
        if deeper is not None:
            return deeper
        if proof.outcome == "bounded":
            return dossier.verdict(
                Verdict.BOUNDED, proof.method,
                explain.bounded(submission, proof.bound, proof.reason),
                bound=proof.bound, obligations=proof.obligations, plan=proof.plan,
                assumptions=proof.assumptions, reason=proof.reason,
            )  # fmt: skip
        return self._undecided(dossier, proof.reason or "the prover gave no reason.")

    def _undecided(self, dossier: _Dossier, reason: str) -> Judgement:
        """TESTED when anything was tried, else UNKNOWN."""
        if dossier.tests + dossier.searched == 0:
            return dossier.task_fault(Verdict.UNKNOWN, "none", reason)
        method = "tests and search" if dossier.tests and dossier.searched else (
            "tests" if dossier.tests else "search"
        )  # fmt: skip
        text = explain.tested(dossier.tests, dossier.searched, reason)
        return dossier.verdict(Verdict.TESTED, method, text, reason=reason)

    def _model(self, dossier: _Dossier, proof: Proof) -> Judgement:
        """A solver's model claims a counterexample: only a replay makes it one."""
        from judge.plain import call_text
        from judge.refute import replay

        submission = dossier.submission
        if proof.args is not None:
            seen = replay(self.sandbox, submission, proof.args)
            if seen.violation is not None:
                smaller = self._smaller(submission, seen.violation)
                return self._refuted(dossier, proof.method, smaller)
            call = call_text(submission.entry_point, proof.args)
            if seen.finding is not None:
                dossier.findings.append(f"{call}: {seen.finding}")
                deeper = self._deeper(dossier)
                reason = f"on {call} the code ran out of resources."
                return deeper or self._undecided(dossier, reason)
            if proof.certain:
                said = f"the prover claims that {call} is wrong, and CPython does not agree"
                dossier.findings.append(f"judge defect: {said}")
                deeper = self._deeper(dossier)
                reason = f"Judge defect: {said}."
                return deeper or dossier.task_fault(Verdict.UNKNOWN, proof.method, reason)
            dossier.findings.append(f"the solver's model {call} breaks no contract when it is run")
        deeper = self._deeper(dossier)
        return deeper or self._undecided(
            dossier, f"a model of '{proof.reason}' that is no counterexample stood in the way."
        )

    def _proved(self, dossier: _Dossier, proof: Proof) -> Judgement:
        from judge.answers import shared_answers
        from judge.recheck import check

        submission, budget = dossier.submission, dossier.budget
        outcome = Recheck.NONE
        if budget.recheck and proof.obligations:
            limit = min(budget.rlimit, RECHECK_RLIMIT)
            report = check(proof.obligations, rlimit=limit, known=shared_answers())
            shared_answers().flush()
            outcome = report.outcome
            if report.disputed:
                reason = f"Two solvers disagree: {report.disputed[0].sentence}"
                dossier.findings.append(f"judge defect: {reason}")
                return dossier.verdict(
                    Verdict.ERROR, "re-check", reason, reason=reason, recheck=outcome,
                    obligations=proof.obligations, plan=proof.plan,
                )  # fmt: skip
        elif proof.obligations:
            outcome = Recheck.SINGLE
        full = proof.outcome == "proved"
        return dossier.verdict(
            Verdict.PROVED if full else Verdict.PARTIAL,
            proof.method,
            explain.proof(submission, proof, outcome.value)
            if full
            else explain.partial(submission),
            obligations=proof.obligations,
            invariants=proof.invariants,
            plan=proof.plan,
            assumptions=proof.assumptions,
            recheck=outcome,
            reason=None if full else proof.reason,
        )


def _contract_fault(submission: Submission, source: Source) -> Fault | None:
    if submission.contract.empty:
        return None
    shape = source.function
    if submission.signature is not None:
        asked = signature_of(submission.signature)
        shape = asked if not isinstance(asked, Fault) else shape
    if shape is None:
        return Fault(
            f"`{submission.entry_point}` is not defined by a `def`, so the contract's parameters "
            "are not known; give the task a signature."
        )
    names = [name for name, _ in shape.parameters]
    return contract_fault(submission.contract, names, source.functions, source.classes)


def _signature(submission: Submission) -> str | None:
    if submission.signature is not None:
        return submission.signature
    source = read_source(submission.code, submission.entry_point)
    if isinstance(source, Fault) or source.function is None:
        return None
    return source.function.signature


def _tested(submission: Submission) -> bool:
    return bool(submission.tests or submission.test_code)
