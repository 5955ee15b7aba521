"""Teachers: text to answers. Whoever answers a prompt, through one protocol and one gateway.

A library of its own: it knows no judge, no training and no database. Provider SDKs, solvers and
prices are imported when they are used, never by ``import teachers``.
"""

from teachers.batch import BatchJob, BatchStore, BatchTeacher, SqliteBatchStore, ask_batch
from teachers.budget import Budget
from teachers.cache import AnswerCache, MemoryCache, SqliteCache
from teachers.codec import prompt_digest, request_key, sampling_digest
from teachers.errors import PriceError, TeacherError
from teachers.extract import Extraction, extract_code
from teachers.gateway import Gateway, Retry
from teachers.ledger import Ledger, LedgerEntry, MemoryLedger, SqliteLedger
from teachers.limits import LimitBook, Limits
from teachers.model import (
    Answer,
    Failure,
    FailureKind,
    Finish,
    Identity,
    Image,
    Message,
    Prompt,
    Sampling,
    Specification,
    Usage,
)
from teachers.policy import TrainingPolicy, training_policy
from teachers.pricing import Estimate, Price, PriceBook, estimate
from teachers.private import RemoteSocketError, no_remote_sockets
from teachers.protocol import StreamingTeacher, Teacher
from teachers.providers import Provider, TeacherStatus, available, open_teacher

__all__ = [
    "Answer",
    "AnswerCache",
    "BatchJob",
    "BatchStore",
    "BatchTeacher",
    "Budget",
    "Estimate",
    "Extraction",
    "Failure",
    "FailureKind",
    "Finish",
    "Gateway",
    "Identity",
    "Image",
    "Ledger",
    "LedgerEntry",
    "LimitBook",
    "Limits",
    "MemoryCache",
    "MemoryLedger",
    "Message",
    "Price",
    "PriceBook",
    "PriceError",
    "Prompt",
    "Provider",
    "RemoteSocketError",
    "Retry",
    "Sampling",
    "Specification",
    "SqliteBatchStore",
    "SqliteCache",
    "SqliteLedger",
    "StreamingTeacher",
    "Teacher",
    "TeacherError",
    "TeacherStatus",
    "TrainingPolicy",
    "Usage",
    "ask_batch",
    "available",
    "estimate",
    "extract_code",
    "no_remote_sockets",
    "open_teacher",
    "prompt_digest",
    "request_key",
    "sampling_digest",
    "training_policy",
]
