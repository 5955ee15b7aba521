"""Evidence: a round as the certificate's plain records, read from the store and changed by nothing.

Numbers that are not counts leave here as text, because a signed document has one spelling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any, TypeVar

from sqlmodel import col, select

from workbench.certificate.evidence import (
    AnswerRecord,
    EvaluationRecord,
    RoundEvidence,
    SelectionPolicy,
    SelectionRecord,
    SourceRecord,
    TaskRecord,
    TrainingRecord,
    VerdictRecord,
)
from workbench.certificate.strict import Strict, model_of
from workbench.errors import StageError
from workbench.settings import Settings
from workbench.stages.judge import verdicts_of
from workbench.store.canonical import parse
from workbench.store.database import Store
from workbench.store.tables import (
    AdapterRow,
    AnswerRow,
    CandidateRow,
    CertificateRow,
    EvaluationRow,
    ExampleRow,
    ObligationRow,
    RoundAnswerRow,
    RoundRow,
    RoundTaskRow,
    SnapshotRow,
    SourceRow,
    TaskRow,
    VerdictRow,
)

__all__ = ["round_evidence"]

R = TypeVar("R", bound=Strict)

_PACKAGES = {
    "workbench": "distillation-workbench",
    "z3": "z3-solver",
    "cvc5": "cvc5",
    "torch": "torch",
    "transformers": "transformers",
    "peft": "peft",
    "trl": "trl",
}


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one round."""

    round: RoundRow
    tasks: Sequence[tuple[TaskRow, str]]
    answers: Sequence[AnswerRow]
    codes: Mapping[str, str]
    sources: Sequence[SourceRow]
    evaluations: Sequence[EvaluationRow]
    snapshot: SnapshotRow
    examples: Sequence[int]
    adapter: AdapterRow | None
    previous: str | None


def round_evidence(store: Store, settings: Settings, round_id: str) -> RoundEvidence:
    """Collect everything about a round that a certificate shows.

    Raises ``StageError`` when the round has not come far enough to be certified.
    """
    rows = _load(store, round_id)
    pairs = [(row.candidate_id or "", row.task_id) for row in rows.answers]
    found = verdicts_of(store, settings, pairs, or_latest=True)
    verdicts = [found[pair] for pair in dict.fromkeys(pairs) if pair in found]
    obligations = _obligations(store, verdicts)
    texts = {o.digest: store.blobs.text(o.digest) for group in obligations.values() for o in group}
    inputs = parse(store.blobs.text(rows.snapshot.inputs_digest))
    config = {**parse(rows.round.config_json)}
    config["base"] = _model_name(config.get("base") or "")
    return RoundEvidence(
        number=rows.round.number,
        round_id=round_id,
        config=_spelled(config),
        tasks=tuple(_task(row, role) for row, role in rows.tasks),
        sources=tuple(_source(row) for row in rows.sources),
        answers=tuple(_answer(row, rows.codes[row.candidate_id or ""]) for row in rows.answers),
        verdicts=tuple(_verdict(row, obligations.get(row.id or 0, [])) for row in verdicts),
        obligations=texts,
        selection=SelectionPolicy(rule=inputs["rule"], policy=inputs["policy"]),
        selected=_selected(inputs),
        dataset=store.blobs.get(rows.snapshot.digest),
        examples=tuple(rows.examples),
        evaluation=_evaluations(rows),
        base_model=_model_name(rows.adapter.base if rows.adapter else str(config["base"])),
        base_digest=rows.adapter.base_digest if rows.adapter else "0" * 64,
        versions=_versions(),
        training=_training(rows),
        adapter_dir=store.home / rows.adapter.path if rows.adapter else None,
        promoted=rows.round.promoted,
        decision=rows.round.decision or "",
        previous=rows.previous,
        started=_moment(rows.round.created_at),
        finished=_moment(rows.round.updated_at),
    )


def _load(store: Store, round_id: str) -> _Rows:
    with store.read() as session:
        this = session.get(RoundRow, round_id)
        snapshot = session.get(SnapshotRow, this.snapshot_id) if this and this.snapshot_id else None
        if this is None or snapshot is None:
            raise StageError(
                f"Round {round_id} has no frozen dataset yet, so there is nothing to certify.",
                f"Run: workbench rounds resume {round_id}",
            )
        tasks = session.exec(
            select(TaskRow, RoundTaskRow.role)
            .join(RoundTaskRow, col(RoundTaskRow.task_id) == col(TaskRow.id))
            .where(RoundTaskRow.round_id == round_id)
            .order_by(col(RoundTaskRow.role).desc(), col(RoundTaskRow.position))
        ).all()
        answers = session.exec(
            select(AnswerRow)
            .join(RoundAnswerRow, col(RoundAnswerRow.answer_id) == col(AnswerRow.id))
            .where(RoundAnswerRow.round_id == round_id, col(AnswerRow.candidate_id).is_not(None))
            .order_by(col(AnswerRow.id))
        ).all()
        wanted = {row.candidate_id for row in answers}
        codes = {r.id: r.code for r in session.exec(select(CandidateRow)) if r.id in wanted}
        names = {row.source_id for row in answers}
        sources = [
            r for r in session.exec(select(SourceRow).order_by(col(SourceRow.id))) if r.id in names
        ]
        evaluations = session.exec(
            select(EvaluationRow)
            .where(EvaluationRow.round_id == round_id)
            .order_by(col(EvaluationRow.task_id))
        ).all()
        examples = session.exec(
            select(ExampleRow.answer_id)
            .where(ExampleRow.snapshot_id == snapshot.id)
            .order_by(col(ExampleRow.position))
        ).all()
        adapter = session.get(AdapterRow, this.adapter_id) if this.adapter_id else None
        previous = session.exec(
            select(CertificateRow.id)
            .join(RoundRow, col(RoundRow.id) == col(CertificateRow.round_id))
            .where(RoundRow.number < this.number)
            .order_by(col(RoundRow.number).desc(), col(CertificateRow.created_at).desc())
        ).first()
    return _Rows(
        this,
        [(row, role) for row, role in tasks],
        answers,
        codes,
        sources,
        evaluations,
        snapshot,
        examples,
        adapter,
        previous,
    )


def _obligations(store: Store, verdicts: Sequence[VerdictRow]) -> dict[int, list[ObligationRow]]:
    """Return verdict id -> its obligations in their order."""
    ids = [row.id for row in verdicts if row.id is not None]
    found: dict[int, list[ObligationRow]] = {}
    with store.read() as session:
        for begin in range(0, len(ids), 500):
            query = (
                select(ObligationRow)
                .where(col(ObligationRow.verdict_id).in_(ids[begin : begin + 500]))
                .order_by(col(ObligationRow.verdict_id), col(ObligationRow.position))
            )
            for row in session.exec(query):
                found.setdefault(row.verdict_id, []).append(row)
    return found


def _made(model: type[R], value: Mapping[str, Any]) -> R:
    """Build a strict record from JSON values (a list becomes a tuple, nothing else bends)."""
    return model_of(model, dict(value), model.__name__)


def _selected(inputs: Mapping[str, Any]) -> tuple[SelectionRecord, ...]:
    """Return what the rule read, with what a filter took out of its winners."""
    removed = {r["task"]: f"{r['rule']}: {r['reason']}" for r in inputs.get("removed", ())}
    return tuple(
        _made(SelectionRecord, {**task, "removed": removed.get(task["task"])})
        for task in inputs["tasks"]
    )


def _task(row: TaskRow, role: str) -> TaskRecord:
    contract = parse(row.contract_json)
    return _made(
        TaskRecord,
        {
            "id": row.id,
            "digest": row.digest,
            "prompt": row.prompt,
            "entry_point": row.entry_point,
            "signature": row.signature,
            **contract,
            "tests": parse(row.tests_json),
            "test_code": row.test_code,
            "category": row.category,
            "family": row.family,
            "split": role,
            "source": row.source,
            "licence": row.licence,
        },
    )


def _source(row: SourceRow) -> SourceRecord:
    return _made(
        SourceRecord,
        {
            "id": row.id,
            "kind": row.kind,
            "provider": row.provider,
            "model": row.model,
            "local": row.local,
            "training_policy": row.training_policy,
            "policy_basis": row.policy_basis,
        },
    )


def _answer(row: AnswerRow, code: str) -> AnswerRecord:
    return _made(
        AnswerRecord,
        {
            "answer": row.id,
            "task": row.task_id,
            "source": row.source_id,
            "candidate": row.candidate_id,
            "code": code,
            "attempt": row.attempt,
            "input_tokens": row.input_tokens,
            "output_tokens": row.output_tokens,
            "cost": None if row.cost is None else f"{Decimal(row.cost):f}",
            "seconds": f"{row.seconds:.6f}",
        },
    )


def _verdict(row: VerdictRow, obligations: Sequence[ObligationRow]) -> VerdictRecord:
    identity = parse(row.identity_json)
    return _made(
        VerdictRecord,
        {
            "candidate": row.candidate_id,
            "task": row.task_id,
            "verdict": row.verdict,
            "method": row.method,
            "explanation": row.explanation,
            "reason": row.reason,
            "bound": row.bound,
            "cases": row.cases,
            "counterexample": parse(row.counterexample_json),
            "obligations": [
                {
                    "digest": o.digest,
                    "kind": o.kind,
                    "text": o.text,
                    "logic": o.logic,
                    "expected": o.expected,
                    "line": o.line,
                }
                for o in obligations
            ],
            "invariants": parse(row.invariants_json),
            "plan": row.plan,
            "assumptions": parse(row.assumptions_json),
            "findings": parse(row.findings_json),
            "recheck": row.recheck,
            "identity": {k: identity[k] for k in ("encoder", "solvers", "rlimit", "seed")},
            "rlimit": row.rlimit,
        },
    )


def _evaluations(rows: _Rows) -> tuple[EvaluationRecord, ...]:
    candidates = {row.id: row.candidate_id for row in rows.answers}
    return tuple(
        _made(
            EvaluationRecord,
            {
                "task": row.task_id,
                "category": row.category,
                "base_candidate": candidates.get(row.base_answer_id),
                "base_verdict": row.base_verdict,
                "student_candidate": candidates.get(row.student_answer_id),
                "student_verdict": row.student_verdict,
            },
        )
        for row in rows.evaluations
    )


def _training(rows: _Rows) -> TrainingRecord | None:
    if rows.adapter is None:
        return None
    metrics = parse(rows.adapter.metrics_json)
    return _made(
        TrainingRecord,
        {
            "method": "lora-sft",
            "seed": metrics["seed"],
            "steps": metrics["steps"],
            "tokens": metrics["tokens"],
            "seconds": f"{metrics['seconds']:.3f}",
            "dataset_digest": rows.snapshot.digest,
            "base_digest": rows.adapter.base_digest,
            "adapter_digest": rows.adapter.digest,
            "config": _spelled(parse(rows.adapter.config_json)),
            "losses": [f"{loss:.6f}" for _, loss in metrics["losses"]],
            "versions": metrics["versions"],
        },
    )


def _spelled(value: Any) -> Any:
    """Return JSON values with every float as text, so that there is one spelling of it."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    return value


def _model_name(base: str) -> str:
    """Return a model's name without the place on this machine where it lies."""
    return Path(base).name if Path(base).is_dir() else base


def _versions() -> dict[str, str]:
    found = {"python": python_version()}
    for name, package in _PACKAGES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            # Not installed here, so it had no part in this round.
            continue
    return found


def _moment(when: datetime) -> str:
    """Return RFC 3339 in UTC; SQLite gives times back without their zone, which is UTC."""
    aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
