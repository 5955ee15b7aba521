"""Whether the training rows are what the stated rule chooses from what the evidence says."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import SelectionCandidate, SelectionRecord
from workbench.certificate.rules import rule_of
from workbench.certificate.size import program_size
from workbench.certificate.survey import Survey, Task

__all__ = ["Choice"]


class Choice:
    """The rule, applied again task by task to inputs that agree with the evidence."""

    def __init__(self, found: Survey) -> None:
        self.found = found
        self.winners: set[int] = set()
        self.removed: set[int] = set()
        self.read: set[str] = set()
        self.fault: CertificateError | None = None
        try:
            self.rule = rule_of(found.selection.rule, found.selection.policy)
        except CertificateError as error:
            self.fault = error

    def add(self, record: SelectionRecord) -> None:
        """Choose for one task; after the first refusal nothing more is asked."""
        task = self.found.tasks.get(record.task)
        self.read.add(record.task if task is None else task.id)
        if self.fault is None:
            try:
                self._choose(task, record)
            except CertificateError as error:
                self.fault = error

    def conclude(self) -> str:
        """Compare what was chosen with the rows; return a line of detail."""
        train = {task.id for task in self.found.tasks.values() if task.train}
        if passed_over := train - self.read:
            raise CertificateError("selection", f"the selection passes over {min(passed_over)}")
        if self.fault is not None:
            raise self.fault
        rows = set(self.found.examples)
        if len(rows) != len(self.found.examples):
            raise CertificateError("duplicate-row", "a winner is in the dataset twice")
        if losers := rows - self.winners:
            raise CertificateError(
                "not-a-winner", f"answer {min(losers)} is in the dataset and did not win"
            )
        if left := self.winners - rows:
            raise CertificateError(
                "winner-missing", f"answer {min(left)} won and is not in the dataset"
            )
        out = f", {len(self.removed)} more taken out by filters" if self.removed else ""
        name = self.found.selection.rule
        return f"{len(self.winners)} winners of {len(self.read)} tasks by {name}{out}"

    def _choose(self, task: Task | None, record: SelectionRecord) -> None:
        split = "train" if task is not None and task.train else "eval"
        if task is None or (split, task.category) != (record.split, record.category):
            raise CertificateError(
                "selection", f"the selection reads {record.task} other than the task says"
            )
        for candidate in record.candidates:
            self._agrees(task, candidate)
        chosen = self.rule.choose(record)
        # Where size may decide, it is that of the code; elsewhere it is read by nobody.
        self._sizes(self.rule.sized(record))
        if chosen is not None:
            (self.winners if record.removed is None else self.removed).add(chosen.answer)
        elif record.removed is not None:
            raise CertificateError("selection", f"{record.task} has no winner to take out")

    def _sizes(self, candidates: Sequence[SelectionCandidate]) -> None:
        for candidate in candidates:
            if candidate.size != program_size(self.found.answers[candidate.answer].code):
                raise CertificateError(
                    "selection", f"the selection reads another size of answer {candidate.answer}"
                )

    def _agrees(self, task: Task, candidate: SelectionCandidate) -> None:
        """What the rule read about a candidate is what the evidence says."""
        answer = self.found.answers.get(candidate.answer)
        if answer is None or answer.task is not task:
            raise CertificateError(
                "selection", f"the selection reads an unknown answer for {task.id}"
            )
        source = answer.source
        wrong = None
        if candidate.candidate != answer.key[1]:
            wrong = "candidate"
        elif candidate.source != source.id:
            wrong = "source"
        elif candidate.attempt != answer.attempt:
            wrong = "attempt"
        elif candidate.characters != len(answer.code):
            wrong = "length"
        elif candidate.verdict != self.found.word(answer):
            wrong = "verdict"
        elif candidate.training != source.training_policy:
            wrong = "training policy"
        if wrong is not None:
            raise CertificateError(
                "selection", f"the selection reads another {wrong} of answer {candidate.answer}"
            )
