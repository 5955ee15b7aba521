"""Whether the training rows are what the stated rule chooses from what the evidence says."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import SelectionCandidate
from workbench.certificate.files import Evidence
from workbench.certificate.rules import rule_of
from workbench.certificate.size import program_size

__all__ = ["check_selection"]


def check_selection(evidence: Evidence) -> str:
    """The rule, applied again to inputs that agree with the evidence, gives exactly the rows."""
    winners: list[int] = []
    removed: list[int] = []
    train = {name for name, task in evidence.tasks.items() if task.split == "train"}
    if passed_over := train - set(evidence.selected):
        raise CertificateError("selection", f"the selection passes over {min(passed_over)}")
    rule = rule_of(evidence.selection.rule, evidence.selection.policy)
    for record in evidence.selected.values():
        task = evidence.tasks.get(record.task)
        if task is None or (task.split, task.category) != (record.split, record.category):
            raise CertificateError(
                "selection", f"the selection reads {record.task} other than the task says"
            )
        for candidate in record.candidates:
            _agrees(evidence, record.task, candidate)
        chosen = rule.choose(record)
        # Where size may decide, it is that of the code; elsewhere it is read by nobody.
        _sizes(evidence, rule.sized(record))
        if chosen is None and record.removed is not None:
            raise CertificateError("selection", f"{record.task} has no winner to take out")
        if chosen is not None:
            (winners if record.removed is None else removed).append(chosen.answer)
    if len(set(evidence.examples)) != len(evidence.examples):
        raise CertificateError("duplicate-row", "a winner is in the dataset twice")
    if losers := set(evidence.examples) - set(winners):
        raise CertificateError(
            "not-a-winner", f"answer {min(losers)} is in the dataset and did not win"
        )
    if left := set(winners) - set(evidence.examples):
        raise CertificateError(
            "winner-missing", f"answer {min(left)} won and is not in the dataset"
        )
    out = f", {len(removed)} more taken out by filters" if removed else ""
    name = evidence.selection.rule
    return f"{len(winners)} winners of {len(evidence.selected)} tasks by {name}{out}"


def _sizes(evidence: Evidence, candidates: Sequence[SelectionCandidate]) -> None:
    for candidate in candidates:
        if candidate.size != program_size(evidence.answers[candidate.answer].code):
            raise CertificateError(
                "selection", f"the selection reads another size of answer {candidate.answer}"
            )


def _agrees(evidence: Evidence, task: str, candidate: SelectionCandidate) -> None:
    """What the rule read about a candidate is what the evidence says."""
    answer = evidence.answers.get(candidate.answer)
    if answer is None or answer.task != task:
        raise CertificateError("selection", f"the selection reads an unknown answer for {task}")
    verdict = evidence.verdicts.get((task, answer.candidate))
    wrong = None
    if candidate.candidate != answer.candidate:
        wrong = "candidate"
    elif candidate.source != answer.source:
        wrong = "source"
    elif candidate.attempt != answer.attempt:
        wrong = "attempt"
    elif candidate.characters != len(answer.code):
        wrong = "length"
    elif candidate.verdict != (verdict.verdict if verdict is not None else "unknown"):
        wrong = "verdict"
    elif candidate.training != evidence.sources[answer.source].training_policy:
        wrong = "training policy"
    if wrong is not None:
        raise CertificateError(
            "selection", f"the selection reads another {wrong} of answer {answer.answer}"
        )
