"""Whether the evidence hangs together: every question that needs no solver, model or sandbox.

Each function takes the evidence, raises ``CertificateError`` at the first contradiction and returns
a line of detail. That is where a signer who lies about counts, winners, metrics or splits fails.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any

from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import EvaluationRecord, VerdictRecord
from workbench.certificate.figures import PASSING
from workbench.certificate.files import DATASET, Evidence, obligation_name
from workbench.certificate.question import same_question
from workbench.certificate.strict import canonical

__all__ = [
    "check_dataset",
    "check_disjoint",
    "check_evaluation",
    "check_identities",
    "check_training",
    "check_verdicts",
]

_FENCE = re.compile(r"\s*```[A-Za-z0-9]*\n(.*?)```\s*", re.DOTALL)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def check_identities(evidence: Evidence, obligations: Collection[str]) -> str:
    """Names are what they say: code and task digests, and an obligation file for each mention.

    ``obligations`` are the digests of the obligation files in the bundle.
    """
    for answer in evidence.answers.values():
        if _sha256(answer.code) != answer.candidate:
            raise CertificateError(
                "candidate-digest", f"answer {answer.answer} is not the code its id names"
            )
        if answer.task not in evidence.tasks or answer.source not in evidence.sources:
            raise CertificateError(
                "dangling", f"answer {answer.answer} names a task or source that is not there"
            )
    for task in evidence.tasks.values():
        contract = {
            "requires": list(task.requires),
            "ensures": list(task.ensures),
            "raises": list(task.raises),
            "helpers": task.helpers,
        }
        asked = {
            "prompt": task.prompt,
            "entry_point": task.entry_point,
            "signature": task.signature,
            "contract": contract,
            "tests": list(task.tests),
            "test_code": task.test_code,
        }
        if _sha256(canonical(asked)) != task.digest:
            raise CertificateError("task-digest", f"task {task.id} is not what its digest names")
    return _obligation_files(evidence, set(obligations))


def _obligation_files(evidence: Evidence, there: set[str]) -> str:
    named = {o.digest for verdict in evidence.verdicts.values() for o in verdict.obligations}
    if missing := named - there:
        raise CertificateError("missing-file", f"{obligation_name(min(missing))} is missing")
    if stray := there - named:
        raise CertificateError("extra-file", f"{obligation_name(min(stray))} belongs to no verdict")
    return f"{len(evidence.answers)} answers, {len(named)} obligations"


def check_verdicts(evidence: Evidence) -> str:
    """Each verdict is about a known candidate and carries what its word needs."""
    answered = {(answer.task, answer.candidate) for answer in evidence.answers.values()}
    for key, verdict in evidence.verdicts.items():
        if key not in answered:
            raise CertificateError(
                "dangling", f"there is a verdict on {_who(verdict)}, but no such answer"
            )
        _shape(verdict)
    missing = answered - set(evidence.verdicts)
    if missing:
        task, candidate = min(missing)
        raise CertificateError("no-verdict", f"candidate {candidate[:12]} of {task} has no verdict")
    return f"{len(evidence.verdicts)} verdicts"


def _shape(verdict: VerdictRecord) -> None:
    companions = [o for o in verdict.obligations if o.expected == "sat"]
    word = verdict.verdict
    if verdict.recheck == "disputed" and word != "error":
        raise CertificateError("disputed", f"the verdict on {_who(verdict)} is disputed")
    if word in ("proved", "partial"):
        # Goals may be none: what the encoder itself reduces to true is left to the derivation.
        if not verdict.obligations:
            raise CertificateError("no-obligation", f"{_who(verdict)} is {word} by no obligation")
        if not companions:
            raise CertificateError(
                "vacuous", f"nothing shows that the precondition of {_who(verdict)} can hold"
            )
    if word == "bounded" and verdict.bound is None:
        raise CertificateError("no-bound", f"{_who(verdict)} is bounded without a bound")
    if word == "refuted" and verdict.counterexample is None and not verdict.reason:
        # Meeting a limit on the task's own tests refutes with a reason instead of an input.
        raise CertificateError(
            "no-counterexample", f"{_who(verdict)} is refuted without a counterexample"
        )
    if word in ("proved", "bounded", "partial", "tested") and verdict.counterexample is not None:
        raise CertificateError(
            "contradiction", f"{_who(verdict)} is {word} and has a counterexample"
        )


def _who(verdict: VerdictRecord) -> str:
    return f"candidate {verdict.candidate[:12]} of {verdict.task}"


def check_dataset(evidence: Evidence) -> str:
    """Row by row: the completion is the winner's judged code, the conversation asks its task."""
    if len(evidence.rows) != len(evidence.examples):
        raise CertificateError(
            "dataset", f"{len(evidence.rows)} rows, but {len(evidence.examples)} origins of rows"
        )
    if len(set(evidence.row_lines)) != len(evidence.row_lines):
        raise CertificateError("duplicate-row", f"two rows of {DATASET} are the same")
    losers = _losers(evidence)
    for number, (row, origin) in enumerate(
        zip(evidence.rows, evidence.examples, strict=True), start=1
    ):
        answer = evidence.answers.get(origin)
        if answer is None:
            raise CertificateError("dataset", f"row {number} comes from an unknown answer")
        asked, completion = _conversation(row, number)
        if _code_of(completion) != answer.code.strip("\n"):
            raise CertificateError("dataset", f"row {number} does not teach the code that won")
        # Exactly the task's words: anything beside them could teach a held-out answer.
        prompt = evidence.tasks[answer.task].prompt.strip()
        if [(role, text.strip()) for role, text in asked] != [("user", prompt)]:
            raise CertificateError("dataset", f"row {number} does not ask its task and only that")
        half = row.get("rejected")
        if half is not None and (answer.task, _code_of(str(half))) not in losers:
            raise CertificateError("dataset", f"row {number} rejects what was not refuted")
        if row.get("task_id", answer.task) != answer.task:
            raise CertificateError("dataset", f"row {number} names another task")
    return f"{len(evidence.rows)} rows"


def _losers(evidence: Evidence) -> set[tuple[str, str]]:
    """Return task and code of every refuted answer."""
    refuted = {key for key, v in evidence.verdicts.items() if v.verdict == "refuted"}
    return {
        (answer.task, answer.code.strip("\n"))
        for answer in evidence.answers.values()
        if (answer.task, answer.candidate) in refuted
    }


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
    fenced = _FENCE.fullmatch(completion)
    return (fenced.group(1) if fenced else completion).strip("\n")


def check_disjoint(evidence: Evidence) -> str:
    """No held-out task is among the training tasks: by id, by digest, by what it asks."""
    trained = {evidence.answers[n].task for n in evidence.examples if n in evidence.answers}
    held_out = {name for name, task in evidence.tasks.items() if task.split == "eval"}
    if both := trained & held_out:
        raise CertificateError("leak", f"held-out task {min(both)} is in the dataset")
    train = [evidence.tasks[name] for name in sorted(evidence.tasks) if name not in held_out]
    held = [evidence.tasks[name] for name in sorted(held_out)]
    digests = {task.digest: task.id for task in train}
    twins = next(((t.id, digests[t.digest]) for t in held if t.digest in digests), None)
    if (same := twins or same_question(held, train)) is not None:
        raise CertificateError(
            "leak", f"held-out task {same[0]} asks the same as training task {same[1]}"
        )
    rest = set(evidence.evaluation) - held_out
    if rest:
        raise CertificateError("leak", f"{min(rest)} was evaluated but is not held out")
    return f"{len(train)} training and {len(held_out)} held-out tasks"


def check_evaluation(evidence: Evidence) -> str:
    """Every held-out task has its pair, and the pair's verdicts are those of the evidence."""
    held_out = {name for name, task in evidence.tasks.items() if task.split == "eval"}
    if missing := held_out - set(evidence.evaluation):
        raise CertificateError("evaluation", f"held-out task {min(missing)} was not evaluated")
    for row in evidence.evaluation.values():
        if row.task in evidence.tasks and row.category != evidence.tasks[row.task].category:
            raise CertificateError("evaluation", f"{row.task} was evaluated as another category")
        _pair(evidence, row, "base", row.base_candidate, row.base_verdict)
        _pair(evidence, row, "student", row.student_candidate, row.student_verdict)
    return f"{len(evidence.evaluation)} pairs"


def _pair(
    evidence: Evidence, row: EvaluationRecord, who: str, candidate: str | None, word: str
) -> None:
    verdict = evidence.verdicts.get((row.task, candidate)) if candidate else None
    if verdict is None:
        if candidate is not None or word == PASSING:
            raise CertificateError(
                "evaluation", f"the {who}'s {word} on {row.task} rests on no verdict"
            )
    elif verdict.verdict != word:
        raise CertificateError(
            "evaluation", f"the {who} is counted {word} on {row.task}, judged {verdict.verdict}"
        )


def check_training(evidence: Evidence, adapter_digest: str | None) -> str:
    """The training record is about this dataset, this base and this adapter."""
    training = evidence.training
    if training is None:
        if adapter_digest is not None:
            raise CertificateError("training", "there is an adapter but no training record")
        return "nothing was trained"
    if training.dataset_digest != hashlib.sha256(evidence.raw[DATASET]).hexdigest():
        raise CertificateError("training", "the training record names another dataset")
    if training.base_digest != evidence.round.base_digest:
        raise CertificateError("training", "the training record names another base model")
    if training.adapter_digest != adapter_digest:
        raise CertificateError("training", "the training record names another adapter")
    return f"{training.steps} steps of {training.method}"
