"""Every figure of a statement, computed from the evidence and from nothing else.

Issuing writes what this returns; verifying computes it again and compares. So no count, root,
level or lift in a certificate is ever believed.
"""

from __future__ import annotations

import hashlib
from collections import Counter

from workbench.certificate.claims import LIMITS, claims
from workbench.certificate.files import (
    DATASET,
    POLICY,
    ROUND,
    TASKS,
    TRAINING,
    Evidence,
)
from workbench.certificate.levels import Lift, level_of, lift
from workbench.certificate.merkle import root
from workbench.certificate.statement import (
    BuildDefinition,
    Builder,
    Dataset,
    Dependency,
    DigestSet,
    Evaluation,
    ExternalParameters,
    Judge,
    Level,
    Metadata,
    Predicate,
    Round,
    RunDetails,
    SolverVersion,
    Tasks,
    Training,
    Verdicts,
)

__all__ = ["PASSING", "predicate"]

PASSING = "proved"
"""The verdict that counts as right on a held-out task."""


def predicate(evidence: Evidence, issued_at: str) -> Predicate:
    """Return the whole predicate that this evidence supports."""
    record = evidence.round
    evaluation = _evaluation(evidence)
    dataset = _dataset(evidence)
    proved = dataset.by_verdict.get("proved", 0)
    measured = Lift(evaluation.gain, evaluation.low, evaluation.high).measured
    return Predicate(
        format_version=1,
        round=Round(
            number=record.number,
            id=record.id,
            previous_certificate=record.previous,
            issued_at=issued_at,
        ),
        build_definition=_build_definition(evidence),
        run_details=_run_details(evidence),
        tasks=_tasks(evidence),
        judge=_judge(evidence),
        verdicts=_verdicts(evidence),
        dataset=dataset,
        training=_training(evidence),
        evaluation=evaluation,
        level=Level.model_validate({"name": level_of(proved), "proved": proved, "lift": measured}),
        promoted=record.promoted,
        decision=record.decision,
        claims=claims(
            trained=evidence.training is not None,
            evaluated=bool(evidence.evaluation),
            filtered=any(record.removed is not None for record in evidence.selected.values()),
        ),
        limits=(*LIMITS, *record.limits),
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _build_definition(evidence: Evidence) -> BuildDefinition:
    record = evidence.round
    used = {evidence.answers[n].source for n in evidence.examples if n in evidence.answers}
    teachers = tuple(
        Dependency(name=source.id, uri=f"{source.provider}:{source.model}")
        for source in evidence.sources.values()
        if source.id in used
    )
    base = Dependency(name=record.base_model, uri="", digest=DigestSet(sha256=record.base_digest))
    return BuildDefinition(
        build_type="urn:distillation-workbench:round:v1",
        external_parameters=ExternalParameters(
            selection_rule=evidence.selection.rule,
            selection_policy=_digest(evidence.raw[POLICY]),
            round_config=_digest(evidence.raw[ROUND]),
        ),
        resolved_dependencies=(base, *teachers),
    )


def _run_details(evidence: Evidence) -> RunDetails:
    record = evidence.round
    return RunDetails(
        builder=Builder(id="workbench", version=record.versions),
        metadata=Metadata(
            invocation_id=record.id, started_on=record.started, finished_on=record.finished
        ),
    )


def _tasks(evidence: Evidence) -> Tasks:
    splits = Counter(task.split for task in evidence.tasks.values())
    return Tasks(train=splits["train"], eval=splits["eval"], digest=_digest(evidence.raw[TASKS]))


def _judge(evidence: Evidence) -> Judge:
    verdicts = list(evidence.verdicts.values())
    solvers = sorted({pair for verdict in verdicts for pair in verdict.identity.solvers})
    return Judge(
        encoders=tuple(sorted({verdict.identity.encoder for verdict in verdicts})),
        solvers=tuple(SolverVersion(name=name, version=version) for name, version in solvers),
        rlimit=max((verdict.identity.rlimit for verdict in verdicts), default=0),
        non_vacuity_checked=all(
            any(o.expected == "sat" for o in verdict.obligations)
            for verdict in verdicts
            if verdict.verdict == "proved"
        ),
    )


def _verdicts(evidence: Evidence) -> Verdicts:
    counts = Counter(verdict.verdict for verdict in evidence.verdicts.values())
    distinct = {o.digest for verdict in evidence.verdicts.values() for o in verdict.obligations}
    return Verdicts(
        counts=dict(sorted(counts.items())),
        obligations=len(distinct),
        root=root(evidence.verdict_lines).hex(),
    )


def _dataset(evidence: Evidence) -> Dataset:
    counts: Counter[str] = Counter()
    for number in evidence.examples:
        answer = evidence.answers.get(number)
        if answer is not None:
            verdict = evidence.verdicts.get((answer.task, answer.candidate))
            counts[verdict.verdict if verdict is not None else "unknown"] += 1
    return Dataset(
        rows=len(evidence.row_lines),
        by_verdict=dict(sorted(counts.items())),
        digest=_digest(evidence.raw[DATASET]),
        root=root(evidence.row_lines).hex(),
        format="jsonl/v1",
    )


def _training(evidence: Evidence) -> Training | None:
    training = evidence.training
    if training is None:
        return None
    return Training(
        method=training.method,
        seed=training.seed,
        steps=training.steps,
        config_digest=_digest(evidence.raw[TRAINING]),
    )


def _evaluation(evidence: Evidence) -> Evaluation:
    rows = list(evidence.evaluation.values())
    before = [row.base_verdict == PASSING for row in rows]
    after = [row.student_verdict == PASSING for row in rows]
    fixed = sum(not b and a for b, a in zip(before, after, strict=True))
    broken = sum(b and not a for b, a in zip(before, after, strict=True))
    measured = lift(len(rows), fixed, broken)
    return Evaluation(
        total=len(rows),
        base_passed=sum(before),
        student_passed=sum(after),
        fixed=fixed,
        broken=broken,
        gain=measured.gain,
        low=measured.low,
        high=measured.high,
        root=root(evidence.evaluation_lines).hex(),
    )
