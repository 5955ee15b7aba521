"""Looking for an input on which a candidate breaks its contract.

First the small inputs in order, then chance steered by the constants of code and contract and by
the inputs that met the precondition. A violation counts only when it shows again in a fresh process
on that input alone. Finding none proves nothing, unless the inputs were all there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from judge import plain
from judge.contract import Budget, Submission
from judge.refute.minimise import shrink
from judge.refute.replay import replay
from judge.refute.subject import Subject, read_words
from judge.refute.trial import LIMITS, Trial, Try
from judge.refute.values import Values
from judge.sandbox import Sandbox
from judge.verdict import Counterexample

_FIRST_BATCH, _LAST_BATCH = 64, 512
_FIRST_LOOK = 6
"""How many inputs are run before all others of a first batch."""
_SPARE = 8
"""How many more inputs a first batch makes than are wanted, for those that are not admitted."""
_ATTEMPTS = 12
"""How many inputs may be made for each that is to meet the precondition."""
_MOST_FINDINGS = 3
_MOST_LOST = 40
"""After so many inputs without an answer (a limit met, a state kept) the search gives up."""


@dataclass(frozen=True, slots=True)
class SearchReport:
    """What a search saw.

    ``cases`` counts inputs within the precondition that were run to their end. ``exhausted`` is
    True when those are all inputs there are. ``contract_error`` (with clause and input), ``unsafe``
    and ``malformed`` are sentences that ended the search. ``findings`` decide nothing.
    """

    cases: int = 0
    counterexample: Counterexample | None = None
    findings: tuple[str, ...] = ()
    unsafe: str | None = None
    contract_error: str | None = None
    malformed: str | None = None
    exhausted: bool = False
    attempts: int = 0
    """Inputs made, within the precondition or not."""


def search(
    sandbox: Sandbox,
    submission: Submission,
    budget: Budget | None = None,
    *,
    minimal: bool = False,
) -> SearchReport:
    """Search for a counterexample with ``budget.cases`` inputs and ``budget.seed``.

    A submission that has tests and an empty contract has nothing to be searched against: what its
    inputs may be is not stated, so an exception proves nothing. The report says so. With
    ``minimal`` what is found is made as small as ``minimise`` makes it.
    """
    chosen = budget if budget is not None else Budget()
    if submission.contract.empty and (submission.tests or submission.test_code):
        return SearchReport(findings=("not searched: the task states tests and no contract",))
    limits = replace(LIMITS, total_seconds=min(LIMITS.total_seconds, chosen.fuse_seconds))
    with Trial(sandbox, submission, limits) as trial:
        if trial.fault is not None:
            return _ended_by(SearchReport(), trial.fault)
        if trial.subject.unreadable is not None:
            return SearchReport(findings=(f"not searched: {trial.subject.unreadable}",))
        return _Search(sandbox, trial, chosen, minimal).run()


class _Search:
    """One search: batches of growing size until something is found or the budget is used."""

    def __init__(self, sandbox: Sandbox, trial: Trial, budget: Budget, minimal: bool) -> None:
        self.sandbox, self.trial, self.budget = sandbox, trial, budget
        self.minimal = minimal
        subject: Subject = trial.subject
        self.values = Values(subject.shapes, read_words(trial.submission), budget.seed)
        self.accepted: list[tuple[Any, ...]] = []
        self.findings: list[str] = []
        self.cases = self.attempts = self.lost = 0
        self.seen: set[str] = set()

    def run(self) -> SearchReport:
        finite = self.values.finite()
        stream = self.values.small()
        # half of the budget for the small inputs, unless they are all there are
        small = stream if finite else islice(stream, max(8, self.budget.cases // 2 * 3))
        source = small if finite else chain(small, self._chance())
        size, ended = min(_FIRST_BATCH, self.budget.cases + _SPARE), False
        while not ended and self._room():
            batch = list(islice(source, min(size, self._left())))
            ended = not batch
            report = self._batch(batch)
            if report is not None:
                return report
            size = min(2 * size, _LAST_BATCH)
        return self._report(exhausted=finite and ended and not self.findings)

    def _room(self) -> bool:
        tried_enough = self.cases >= self.budget.cases
        return not tried_enough and self._left() > 0 and self.lost < _MOST_LOST

    def _left(self) -> int:
        return _ATTEMPTS * self.budget.cases - self.attempts

    def _chance(self) -> Iterator[tuple[Any, ...]]:
        while True:
            self.values.bold = self.cases > 0.8 * self.budget.cases
            yield self.values.random(self.accepted)

    def _batch(self, batch: list[tuple[Any, ...]]) -> SearchReport | None:
        """Try a batch; a report when it ends the search."""
        self.attempts += len(batch)
        fresh = [args for args in batch if self._new(args)]
        inside = [a for a, r in zip(fresh, self.trial.admits(fresh), strict=True) if r.holds]
        inside = inside[: self.budget.cases - self.cases]
        self.accepted += inside
        # The very first alone: where one of them is wrong, nobody waits for a later one to hang.
        first = 0 if self.cases else _FIRST_LOOK
        return self._run(inside[:first]) or self._run(inside[first:])

    def _run(self, inside: list[tuple[Any, ...]]) -> SearchReport | None:
        """Run inputs that meet the precondition; a report when one of them ends the search."""
        if self.lost >= _MOST_LOST:
            return None
        for seen in self.trial.run_admitted(inside) if inside else ():
            if seen.sort == "fine":
                self.cases += 1
            elif self.lost >= _MOST_LOST:
                return None
            elif seen.sort == "violation":
                assert seen.violation is not None
                confirmed = self._confirmed(seen.violation)
                if confirmed is not None:
                    return self._report(counterexample=confirmed)
            elif seen.sort in ("unsafe", "contract_error", "malformed"):
                return _ended_by(self._report(), seen)
            elif seen.sort == "finding" and seen.text is not None:
                self._note(seen.text)
            elif seen.sort == "skipped":
                return self._report()
        return None

    def _new(self, args: tuple[Any, ...]) -> bool:
        text = plain.dumps(args)
        if text in self.seen:
            return False
        self.seen.add(text)
        return True

    def _confirmed(self, found: Counterexample) -> Counterexample | None:
        """The violation again in a fresh process: made smaller first, where that is asked."""
        if not self.budget.confirm:
            return found
        if self.minimal and (smaller := shrink(self.trial, found)) is not found:
            again = replay(self.sandbox, self.trial.submission, smaller.args)
            if again.violation is not None:
                self.cases += 1
                return again.violation
        return self._confirm(found.args)

    def _confirm(self, args: tuple[Any, ...]) -> Counterexample | None:
        self.cases += 1
        again = replay(self.sandbox, self.trial.submission, args)
        if again.violation is None:
            call = plain.call_text(self.trial.submission.entry_point, args)
            self._note(
                f"{call} was wrong only after other calls: the code keeps state between them"
            )
        return again.violation

    def _note(self, text: str) -> None:
        self.lost += 1
        if len(self.findings) < _MOST_FINDINGS and text not in self.findings:
            self.findings.append(text)

    def _report(
        self, *, counterexample: Counterexample | None = None, exhausted: bool = False
    ) -> SearchReport:
        return SearchReport(
            cases=self.cases,
            counterexample=counterexample,
            findings=tuple(self.findings),
            exhausted=exhausted,
            attempts=self.attempts,
        )


def _ended_by(report: SearchReport, seen: Try) -> SearchReport:
    """Add what ended the search to its report."""
    if seen.sort == "unsafe":
        return replace(report, unsafe=seen.text)
    if seen.sort == "contract_error":
        return replace(report, contract_error=seen.text)
    if seen.sort == "malformed":
        return replace(report, malformed=seen.text)
    return replace(report, findings=(*report.findings, seen.text or seen.sort))
