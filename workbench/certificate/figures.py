"""Every figure of a statement, computed from the evidence and from nothing else.

Issuing writes what this returns; verifying computes it again and compares. So no count, root,
level or lift in a certificate is ever believed.
"""

from __future__ import annotations

from workbench.certificate.claims import LIMITS, claims
from workbench.certificate.files import DATASET, POLICY, ROUND, TASKS, TRAINING
from workbench.certificate.levels import Lift, level_of, lift
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
from workbench.certificate.survey import Survey

__all__ = ["PASSING", "predicate"]

PASSING = "proved"
"""The verdict that counts as right on a held-out task."""


def predicate(found: Survey, issued_at: str) -> Predicate:
    """Return the whole predicate that this evidence supports."""
    record = found.round
    evaluation = _evaluation(found)
    dataset = _dataset(found)
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
        build_definition=_build_definition(found),
        run_details=_run_details(found),
        tasks=Tasks(
            train=found.splits["train"], eval=found.splits["eval"], digest=found.digests[TASKS]
        ),
        judge=_judge(found),
        verdicts=Verdicts(
            counts=dict(sorted(found.verdicts.counts.items())),
            obligations=found.verdicts.named,
            root=found.verdicts.root.hex(),
        ),
        dataset=dataset,
        training=_training(found),
        evaluation=evaluation,
        level=Level.model_validate({"name": level_of(proved), "proved": proved, "lift": measured}),
        promoted=record.promoted,
        decision=record.decision,
        claims=claims(
            trained=found.training is not None,
            evaluated=found.pairs.total > 0,
            filtered=found.removed > 0,
            first=record.previous is None,
        ),
        limits=(*LIMITS, *record.limits),
    )


def _build_definition(found: Survey) -> BuildDefinition:
    record = found.round
    used = {found.answers[n].source.id for n in found.examples if n in found.answers}
    teachers = tuple(
        Dependency(name=source.id, uri=f"{source.provider}:{source.model}")
        for source in found.sources.values()
        if source.id in used
    )
    base = Dependency(name=record.base_model, uri="", digest=DigestSet(sha256=record.base_digest))
    return BuildDefinition(
        build_type="urn:distillation-workbench:round:v1",
        external_parameters=ExternalParameters(
            selection_rule=found.selection.rule,
            selection_policy=found.digests[POLICY],
            round_config=found.digests[ROUND],
        ),
        resolved_dependencies=(base, *teachers),
    )


def _run_details(found: Survey) -> RunDetails:
    record = found.round
    return RunDetails(
        builder=Builder(id="workbench", version=record.versions),
        metadata=Metadata(
            invocation_id=record.id, started_on=record.started, finished_on=record.finished
        ),
    )


def _judge(found: Survey) -> Judge:
    verdicts = found.verdicts
    return Judge(
        encoders=tuple(sorted(verdicts.encoders)),
        solvers=tuple(
            SolverVersion(name=name, version=version) for name, version in sorted(verdicts.solvers)
        ),
        rlimit=verdicts.rlimit,
        non_vacuity_checked=verdicts.companions,
    )


def _dataset(found: Survey) -> Dataset:
    return Dataset(
        rows=found.rows,
        by_verdict=found.by_verdict(),
        digest=found.digests[DATASET],
        root=found.rows_root.hex(),
        format="jsonl/v1",
    )


def _training(found: Survey) -> Training | None:
    training = found.training
    if training is None:
        return None
    return Training(
        method=training.method,
        seed=training.seed,
        steps=training.steps,
        config_digest=found.digests[TRAINING],
    )


def _evaluation(found: Survey) -> Evaluation:
    pairs = found.pairs
    measured = lift(pairs.total, pairs.fixed, pairs.broken)
    return Evaluation(
        total=pairs.total,
        base_passed=pairs.base,
        student_passed=pairs.student,
        fixed=pairs.fixed,
        broken=pairs.broken,
        gain=measured.gain,
        low=measured.low,
        high=measured.high,
        root=pairs.root.hex(),
    )
