"""The questions about single rows that need no solver, model or sandbox.

That is where a signer who lies about codes, rows, pairs or training fails. ``reading`` asks them of
every row as it passes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import AnswerRecord, EvaluationRecord, TaskRecord
from workbench.certificate.figures import PASSING
from workbench.certificate.files import DATASET
from workbench.certificate.strict import canonical

if TYPE_CHECKING:
    from workbench.certificate.survey import Answer, Survey, Task

__all__ = ["check_row", "check_training", "code_is_named", "pair_fault", "task_is_named"]

_FENCE = re.compile(r"\s*```[A-Za-z0-9]*\n(.*?)```\s*", re.DOTALL)


def code_is_named(answer: AnswerRecord) -> bool:
    """Whether a candidate is named by the digest of its code."""
    return hashlib.sha256(answer.code.encode()).hexdigest() == answer.candidate


def task_is_named(task: TaskRecord) -> bool:
    """Whether a task is named by the digest of what it asks."""
    asked = {
        "contract": {
            "ensures": task.ensures,
            "helpers": task.helpers,
            "raises": task.raises,
            "requires": task.requires,
        },
        "entry_point": task.entry_point,
        "prompt": task.prompt,
        "signature": task.signature,
        "test_code": task.test_code,
        "tests": task.tests,
    }
    if hashlib.sha256(to_json(asked)).hexdigest() == task.digest:
        return True
    # Two printers may write a number differently; the canonical spelling decides.
    return hashlib.sha256(canonical(asked).encode()).hexdigest() == task.digest


def check_row(
    row: Mapping[str, Any], number: int, answer: Answer, losers: Collection[tuple[str, str]]
) -> None:
    """A row's completion is the winner's judged code, and its conversation asks the task."""
    turns, completion = row.get("messages"), row.get("completion")
    if (
        type(completion) is str
        and type(turns) is list
        and len(turns) == 1
        and type(turns[0]) is list
        and len(turns[0]) == 2
        and type(turns[0][1]) is str
        and "prompt" not in row
    ):
        # The shape that nearly every row has.
        asked = [(turns[0][0], turns[0][1])]
    else:
        asked, completion = _conversation(row, number)
    if _code_of(completion) != answer.code.strip("\n"):
        raise CertificateError("dataset", f"row {number} does not teach the code that won")
    # Exactly the task's words: anything beside them could teach a held-out answer.
    if len(asked) != 1 or asked[0][0] != "user" or asked[0][1].strip() != answer.task.prompt:
        raise CertificateError("dataset", f"row {number} does not ask its task and only that")
    half = row.get("rejected")
    if half is not None and (answer.task.id, _code_of(str(half))) not in losers:
        raise CertificateError("dataset", f"row {number} rejects what was not refuted")
    if row.get("task_id", answer.task.id) != answer.task.id:
        raise CertificateError("dataset", f"row {number} names another task")


def _conversation(row: Mapping[str, Any], number: int) -> tuple[list[tuple[str, str]], str]:
    """Return what a row asks and what it teaches, whichever usual shape it has."""
    turns = [*_turns(row.get("messages")), *_turns(row.get("prompt"))]
    completion = row.get("completion")
    if completion is None and turns and turns[-1][0] == "assistant":
        completion = turns.pop()[1]
    elif not isinstance(completion, str):
        parts = _turns(completion)
        completion = parts[0][1] if len(parts) == 1 else None
    if not isinstance(completion, str):
        raise CertificateError("dataset", f"row {number} has no completion that can be read")
    return turns, completion


def _turns(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [("user", value)]
    turns: list[tuple[str, str]] = []
    for turn in value if isinstance(value, list) else ():
        if isinstance(turn, dict):
            turn = [turn.get("role"), turn.get("content")]
        if isinstance(turn, list) and len(turn) == 2 and all(isinstance(t, str) for t in turn):
            turns.append((turn[0], turn[1]))
    return turns


def _code_of(completion: str) -> str:
    fenced = _FENCE.fullmatch(completion) if "```" in completion else None
    return (fenced.group(1) if fenced else completion).strip("\n")


def pair_fault(
    row: EvaluationRecord,
    tasks: Mapping[str, Task],
    words: Mapping[tuple[str, str], str],
) -> str | None:
    """Return what is wrong with a held-out pair: its verdicts must be those of the evidence."""
    task = tasks.get(row.task)
    if task is not None and row.category != task.category:
        return f"{row.task} was evaluated as another category"
    sides = (
        ("base", row.base_candidate, row.base_verdict),
        ("student", row.student_candidate, row.student_verdict),
    )
    for who, candidate, word in sides:
        judged = words.get((row.task, candidate)) if candidate else None
        if judged is None:
            if candidate is not None or word == PASSING:
                return f"the {who}'s {word} on {row.task} rests on no verdict"
        elif judged != word:
            return f"the {who} is counted {word} on {row.task}, judged {judged}"
    return None


def check_training(found: Survey, adapter_digest: str | None) -> str:
    """The training record is about this dataset, this base and this adapter."""
    training = found.training
    if training is None:
        if adapter_digest is not None:
            raise CertificateError("training", "there is an adapter but no training record")
        return "nothing was trained"
    if training.dataset_digest != found.digests[DATASET]:
        raise CertificateError("training", "the training record names another dataset")
    if training.base_digest != found.round.base_digest:
        raise CertificateError("training", "the training record names another base model")
    if training.adapter_digest != adapter_digest:
        raise CertificateError("training", "the training record names another adapter")
    return f"{training.steps} steps of {training.method}"
