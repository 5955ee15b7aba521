"""Distillation certificates: signed claims about a round, with the evidence to check them again.

Imports nothing else of the workbench, so that a stranger can read and run this folder alone; the
re-check, which needs the judge, loads it only when asked for.
"""

from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import (
    AnswerRecord,
    CounterexampleRecord,
    EvaluationRecord,
    IdentityRecord,
    ObligationRecord,
    RoundEvidence,
    SelectionPolicy,
    SelectionRecord,
    SourceRecord,
    TaskRecord,
    TrainingRecord,
    VerdictRecord,
)

__all__ = [
    "AnswerRecord",
    "CertificateError",
    "CounterexampleRecord",
    "EvaluationRecord",
    "IdentityRecord",
    "ObligationRecord",
    "RoundEvidence",
    "SelectionPolicy",
    "SelectionRecord",
    "SourceRecord",
    "TaskRecord",
    "TrainingRecord",
    "VerdictRecord",
]
