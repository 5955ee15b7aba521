"""From evidence to the bytes of its files, and back: one place that knows the layout.

Issuing writes ``RoundEvidence`` and reads it back through the same door as a verifier, so a
certificate can only say what a stranger will read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from workbench.certificate.bundle import OBLIGATIONS
from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import (
    AnswerRecord,
    EvaluationRecord,
    ExampleRecord,
    RoundEvidence,
    RoundRecord,
    SelectionPolicy,
    SelectionRecord,
    SourceRecord,
    TaskRecord,
    TrainingRecord,
    VerdictRecord,
)
from workbench.certificate.strict import (
    Strict,
    canonical,
    canonical_line,
    load_json,
    model_of,
    read_rows,
    split_lines,
)

__all__ = ["EVIDENCE_FILES", "Evidence", "evidence_files", "read_evidence"]

_JSON_LIMIT = 64 * 1024 * 1024

ROUND = "evidence/round.json"
TASKS = "evidence/tasks.jsonl"
SOURCES = "evidence/sources.jsonl"
ANSWERS = "evidence/candidates.jsonl"
VERDICTS = "evidence/verdicts.jsonl"
POLICY = "evidence/selection-policy.json"
SELECTION = "evidence/selection.jsonl"
DATASET = "evidence/dataset.jsonl"
EXAMPLES = "evidence/examples.jsonl"
EVALUATION = "evidence/evaluation.jsonl"
TRAINING = "evidence/training.json"

EVIDENCE_FILES = (
    ROUND, TASKS, SOURCES, ANSWERS, VERDICTS, POLICY, SELECTION, DATASET, EXAMPLES, EVALUATION,
)  # fmt: skip
"""The files that every bundle has; ``evidence/training.json`` is there after training."""

R = TypeVar("R", bound=Strict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence as a reader of the files has it, with raw lines where a root hangs on them."""

    round: RoundRecord
    tasks: dict[str, TaskRecord]
    sources: dict[str, SourceRecord]
    answers: dict[int, AnswerRecord]
    verdicts: dict[tuple[str, str], VerdictRecord]
    verdict_lines: list[bytes]
    selection: SelectionPolicy
    selected: dict[str, SelectionRecord]
    rows: list[dict[str, Any]]
    row_lines: list[bytes]
    examples: list[int]
    evaluation: dict[str, EvaluationRecord]
    evaluation_lines: list[bytes]
    training: TrainingRecord | None
    raw: Mapping[str, bytes]


def evidence_files(evidence: RoundEvidence) -> dict[str, bytes]:
    """Return the evidence files but for the obligations: name and bytes."""
    round_record = RoundRecord(
        number=evidence.number,
        id=evidence.round_id,
        previous=evidence.previous,
        config=dict(evidence.config),
        base_model=evidence.base_model,
        base_digest=evidence.base_digest,
        versions=dict(evidence.versions),
        promoted=evidence.promoted,
        decision=evidence.decision,
        started=evidence.started,
        finished=evidence.finished,
        limits=evidence.limits,
    )
    files = {
        ROUND: _one(round_record),
        TASKS: _lines(evidence.tasks, lambda t: t.id),
        SOURCES: _lines(evidence.sources, lambda s: s.id),
        ANSWERS: _lines(evidence.answers, lambda a: a.answer),
        VERDICTS: _lines(evidence.verdicts, lambda v: (v.task, v.candidate)),
        POLICY: _one(evidence.selection),
        SELECTION: _lines(evidence.selected, lambda s: s.task),
        DATASET: evidence.dataset,
        EXAMPLES: b"".join(_line(ExampleRecord(answer=n)) for n in evidence.examples),
        EVALUATION: _lines(evidence.evaluation, lambda e: e.task),
    }
    if evidence.training is not None:
        files[TRAINING] = _one(evidence.training)
    return files


def obligation_name(digest: str) -> str:
    """Return the name of an obligation's file."""
    return f"{OBLIGATIONS}{digest}.smt2"


def read_evidence(files: Mapping[str, bytes]) -> Evidence:
    """Read the evidence files strictly; rows must be sorted by their key and unique."""
    for name in EVIDENCE_FILES:
        if name not in files:
            raise CertificateError("missing-file", f"{name} is missing")
    tasks, _ = _table(files, TASKS, TaskRecord, lambda t: t.id)
    sources, _ = _table(files, SOURCES, SourceRecord, lambda s: s.id)
    answers, _ = _table(files, ANSWERS, AnswerRecord, lambda a: a.answer)
    verdicts, verdict_lines = _table(
        files, VERDICTS, VerdictRecord, lambda v: (v.task, v.candidate)
    )
    selected, _ = _table(files, SELECTION, SelectionRecord, lambda s: s.task)
    evaluation, evaluation_lines = _table(files, EVALUATION, EvaluationRecord, lambda e: e.task)
    examples, _ = read_rows(files[EXAMPLES], ExampleRecord, EXAMPLES)
    training = None
    if TRAINING in files:
        training = _record(files, TRAINING, TrainingRecord)
    return Evidence(
        round=_record(files, ROUND, RoundRecord),
        tasks=tasks,
        sources=sources,
        answers=answers,
        verdicts=verdicts,
        verdict_lines=verdict_lines,
        selection=_record(files, POLICY, SelectionPolicy),
        selected=selected,
        rows=_dataset(files[DATASET]),
        row_lines=split_lines(files[DATASET], DATASET),
        examples=[example.answer for example in examples],
        evaluation=evaluation,
        evaluation_lines=evaluation_lines,
        training=training,
        raw=files,
    )


def _dataset(data: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(split_lines(data, DATASET), 1):
        place = f"{DATASET}, line {number}"
        value = canonical_line(line, place)
        if not isinstance(value, dict):
            raise CertificateError("malformed", f"{place} is not a JSON object")
        rows.append(value)
    return rows


def _table(
    files: Mapping[str, bytes], name: str, model: type[R], key: Callable[[R], Any]
) -> tuple[dict[Any, R], list[bytes]]:
    rows, lines = read_rows(files[name], model, name)
    keys = [key(row) for row in rows]
    for number in range(1, len(keys)):
        if not keys[number - 1] < keys[number]:
            raise CertificateError(
                "not-sorted", f"{name}, line {number + 1} is out of order or appears twice"
            )
    return dict(zip(keys, rows, strict=True)), lines


def _record(files: Mapping[str, bytes], name: str, model: type[R]) -> R:
    return model_of(model, load_json(files[name], name, limit=_JSON_LIMIT), name)


def _line(record: Strict) -> bytes:
    return (canonical(record.model_dump(mode="json")) + "\n").encode("utf-8")


def _one(record: Strict) -> bytes:
    return _line(record)


def _lines(records: Iterable[R], key: Callable[[R], Any]) -> bytes:
    return b"".join(_line(record) for record in sorted(records, key=key))
