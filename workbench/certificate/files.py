"""From evidence to the bytes of its files, and back: one place that knows the layout.

Issuing writes ``RoundEvidence`` and reads it back through the same door as a verifier, so a
certificate can only say what a stranger will read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar

from workbench.certificate.bundle import Bundle
from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import (
    AnswerRecord,
    ChoiceRecord,
    EvaluationRecord,
    ExampleRecord,
    RoundEvidence,
    RoundRecord,
    SelectionPolicy,
    SelectionRecord,
    SourceRecord,
    StandingRecord,
    TaskRecord,
    TrainingRecord,
    VerdictRecord,
)
from workbench.certificate.strict import (
    Strict,
    canonical,
    load_json,
    model_of,
    read_rows,
    settled,
)

__all__ = [
    "EVIDENCE_FILES",
    "Evidence",
    "SignedFiles",
    "evidence_files",
    "one_record",
    "read_evidence",
]

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


class Evidence:
    """The evidence as whole records, for whoever needs more of them than a verification keeps.

    ``files`` gives the bytes of each file by name. A table is read strictly when it is first asked
    for, with rows sorted by their key and unique; ``CertificateError`` where it is not so.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    @cached_property
    def round(self) -> RoundRecord:
        """The round itself."""
        return one_record(self._files, ROUND, RoundRecord)

    @cached_property
    def tasks(self) -> dict[str, TaskRecord]:
        """Tasks by id."""
        return _table(self._files, TASKS, TaskRecord, lambda t: t.id)

    @cached_property
    def sources(self) -> dict[str, SourceRecord]:
        """Sources by id."""
        return _table(self._files, SOURCES, SourceRecord, lambda s: s.id)

    @cached_property
    def answers(self) -> dict[int, AnswerRecord]:
        """Answers by number."""
        return _table(self._files, ANSWERS, AnswerRecord, lambda a: a.answer)

    @cached_property
    def verdicts(self) -> dict[tuple[str, str], VerdictRecord]:
        """Verdicts by task and candidate."""
        return _table(self._files, VERDICTS, VerdictRecord, lambda v: (v.task, v.candidate))

    @cached_property
    def selection(self) -> SelectionPolicy:
        """The rule and its policy."""
        return one_record(self._files, POLICY, SelectionPolicy)

    @cached_property
    def selected(self) -> dict[str, ChoiceRecord]:
        """What the rule read, by task."""
        return _table(self._files, SELECTION, ChoiceRecord, lambda s: s.task)

    @cached_property
    def examples(self) -> list[int]:
        """For each training row, the answer that it came from."""
        origins, _ = read_rows(self._files[EXAMPLES], ExampleRecord, EXAMPLES)
        return [origin.answer for origin in origins]

    @cached_property
    def evaluation(self) -> dict[str, EvaluationRecord]:
        """Held-out pairs by task."""
        return _table(self._files, EVALUATION, EvaluationRecord, lambda e: e.task)

    @cached_property
    def training(self) -> TrainingRecord | None:
        """How the adapter was made, or None."""
        if TRAINING not in self._files:
            return None
        return one_record(self._files, TRAINING, TrainingRecord)


class SignedFiles(Mapping[str, bytes]):
    """The files of a bundle that was verified, read once more and held to the signed digests."""

    def __init__(self, bundle: Bundle, digests: Mapping[str, str]) -> None:
        self._bundle = bundle
        self._digests = digests

    def __getitem__(self, name: str) -> bytes:
        digest = self._digests[name]
        data = self._bundle.read(name)
        if hashlib.sha256(data).hexdigest() != digest:
            raise CertificateError("changed-file", f"{name} changed after it was verified")
        return data

    def __iter__(self) -> Iterator[str]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)


def evidence_files(evidence: RoundEvidence) -> Iterator[tuple[str, bytes]]:
    """Yield the evidence files but for the obligations, one by one: name and bytes."""
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
    yield ROUND, _line(round_record)
    yield TASKS, _lines(evidence.tasks, lambda t: t.id)
    yield SOURCES, _lines(evidence.sources, lambda s: s.id)
    yield ANSWERS, _lines(evidence.answers, lambda a: a.answer)
    yield VERDICTS, _lines(evidence.verdicts, lambda v: (v.task, v.candidate))
    yield POLICY, _line(evidence.selection)
    yield SELECTION, _lines(map(_choice, evidence.selected), lambda s: s.task)
    yield DATASET, evidence.dataset
    yield EXAMPLES, b"".join(b'{"answer":%d}\n' % number for number in evidence.examples)
    yield EVALUATION, _lines(evidence.evaluation, lambda e: e.task)
    if evidence.training is not None:
        yield TRAINING, _line(evidence.training)


def read_evidence(files: Mapping[str, bytes]) -> Evidence:
    """Read all evidence files but the training rows, at once and strictly."""
    for name in EVIDENCE_FILES:
        if name not in files:
            raise CertificateError("missing-file", f"{name} is missing")
    found = Evidence(files)
    for table, kind in vars(Evidence).items():
        if isinstance(kind, cached_property):
            getattr(found, table)
    return found


def _choice(record: SelectionRecord) -> ChoiceRecord:
    """Leave out what the rest of the evidence says anyway."""
    standing = (
        StandingRecord(
            all_right=c.all_right,
            all_wrong=c.all_wrong,
            answer=c.answer,
            others=c.others,
            rejected=c.rejected,
            right=c.right,
            same=c.same,
            size=c.size,
            wrong=c.wrong,
        )
        for c in record.candidates
    )
    return ChoiceRecord(candidates=tuple(standing), removed=record.removed, task=record.task)


def _table(
    files: Mapping[str, bytes], name: str, model: type[R], key: Callable[[R], Any]
) -> dict[Any, R]:
    rows, _ = read_rows(files[name], model, name)
    keys = [key(row) for row in rows]
    for number in range(1, len(keys)):
        if not keys[number - 1] < keys[number]:
            raise CertificateError(
                "not-sorted", f"{name}, line {number + 1} is out of order or appears twice"
            )
    return dict(zip(keys, rows, strict=True))


def one_record(files: Mapping[str, bytes], name: str, model: type[R]) -> R:
    """Read a file that holds one record."""
    return model_of(model, load_json(files[name], name, limit=_JSON_LIMIT), name)


def _line(record: Strict) -> bytes:
    return (canonical(record.model_dump(mode="json")) + "\n").encode("utf-8")


def _row(record: Strict) -> bytes:
    """Print a record that declares its fields in order; see ``Strict``."""
    if all(map(settled, record.loose())):
        return record.__pydantic_serializer__.to_json(record) + b"\n"
    return _line(record)


def _lines(records: Iterable[R], key: Callable[[R], Any]) -> bytes:
    return b"".join(_row(record) for record in sorted(records, key=key))
