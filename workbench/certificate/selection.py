"""Whether the training rows are what the stated rule chooses from what the evidence says."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import ChoiceRecord, RoundEvidence
from workbench.certificate.rules import Contender, rule_of
from workbench.certificate.size import program_size
from workbench.certificate.survey import Survey, Task

__all__ = ["Choice", "check_inputs"]


class Choice:
    """The rule, applied again task by task to what the evidence says."""

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

    def add(self, record: ChoiceRecord) -> None:
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

    def _choose(self, task: Task | None, record: ChoiceRecord) -> None:
        if task is None:
            raise CertificateError(
                "selection", f"the selection reads {record.task}, which is no task"
            )
        standing = self._standing(task, record)
        chosen = self.rule.choose(standing) if task.train else None
        if task.train:
            # Where size may decide, it is that of the code; elsewhere it is read by nobody.
            self._sizes(self.rule.sized(standing))
        if chosen is not None:
            (self.winners if record.removed is None else self.removed).add(chosen.answer)
        elif record.removed is not None:
            raise CertificateError("selection", f"{record.task} has no winner to take out")

    def _standing(self, task: Task, record: ChoiceRecord) -> list[Contender]:
        """Put together who may win: counts from the selection, the rest from the evidence."""
        standing: list[Contender] = []
        accept = self.rule.accept
        for c in record.candidates:
            answer = self.found.answers.get(c.answer)
            if answer is None or answer.task is not task:
                raise CertificateError(
                    "selection", f"the selection reads an unknown answer for {task.id}"
                )
            key, _, source, code, attempt = answer
            word = self.found.words.get(key, "unknown")
            if word not in accept:
                continue
            standing.append(
                Contender(
                    c.answer, key[1], source.id, word, source.training_policy, attempt, len(code),
                    c.rejected, c.same, c.others, c.right, c.wrong,
                    c.all_right, c.all_wrong, c.size,
                )
            )  # fmt: skip
        return standing

    def _sizes(self, candidates: Sequence[Contender]) -> None:
        for candidate in candidates:
            if candidate.size != program_size(self.found.answers[candidate.answer].code):
                raise CertificateError(
                    "selection", f"the selection reads another size of answer {candidate.answer}"
                )


def check_inputs(evidence: RoundEvidence) -> None:
    """Refuse a round whose selection was made on other facts than its evidence has.

    Asked when a certificate is issued: the bundle keeps the facts once, in the evidence.
    """
    answers = {answer.answer: answer for answer in evidence.answers}
    words = {(v.task, v.candidate): v.verdict for v in evidence.verdicts}
    terms = {source.id: source.training_policy for source in evidence.sources}
    tasks = {task.id: (task.split, task.category) for task in evidence.tasks}
    for record in evidence.selected:
        if tasks.get(record.task) != (record.split, record.category):
            raise CertificateError(
                "selection", f"the selection read {record.task} other than the task says"
            )
        for c in record.candidates:
            answer = answers.get(c.answer)
            if answer is None:
                raise CertificateError(
                    "selection", f"the selection read an unknown answer for {record.task}"
                )
            word = words.get((answer.task, answer.candidate), "unknown")
            pairs = (
                ("candidate", c.candidate, answer.candidate),
                ("source", c.source, answer.source),
                ("attempt", c.attempt, answer.attempt),
                ("length", c.characters, len(answer.code)),
                ("verdict", c.verdict, word),
                ("training policy", c.training, terms.get(answer.source)),
            )
            for what, read, fact in pairs:
                if read != fact:
                    raise CertificateError(
                        "selection", f"the selection read another {what} of answer {c.answer}"
                    )
