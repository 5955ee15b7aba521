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
    SelectionCandidate,
    SelectionPolicy,
    SelectionRecord,
    SourceRecord,
    TaskRecord,
    TrainingRecord,
    VerdictRecord,
)
from workbench.certificate.issue import issue
from workbench.certificate.keys import (
    PublicKey,
    SigningKey,
    load_public_key,
    load_signing_key,
    trusted_keys,
)
from workbench.certificate.policy import Policy, read_policy
from workbench.certificate.report import Check, Report
from workbench.certificate.verify import verify

__all__ = [
    "AnswerRecord",
    "CertificateError",
    "Check",
    "CounterexampleRecord",
    "EvaluationRecord",
    "IdentityRecord",
    "ObligationRecord",
    "Policy",
    "PublicKey",
    "Report",
    "RoundEvidence",
    "SelectionCandidate",
    "SelectionPolicy",
    "SelectionRecord",
    "SigningKey",
    "SourceRecord",
    "TaskRecord",
    "TrainingRecord",
    "VerdictRecord",
    "issue",
    "load_public_key",
    "load_signing_key",
    "read_policy",
    "trusted_keys",
    "verify",
]
