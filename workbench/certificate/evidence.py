"""What a certificate rests on, as plain frozen records; each is one line of a file in the bundle.

The workbench fills ``RoundEvidence`` from its store and hands it to ``issue``; a verifier reads the
same records back from the files. Nothing here computes or believes anything. Digests are SHA-256
in lower-case hex. Values of test cases and counterexamples are in the judge's plain JSON encoding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from workbench.certificate.strict import LARGEST, Strict

__all__ = [
    "AnswerRecord",
    "CounterexampleRecord",
    "EvaluationRecord",
    "ExampleRecord",
    "IdentityRecord",
    "ObligationRecord",
    "RoundEvidence",
    "RoundRecord",
    "SelectionCandidate",
    "SelectionPolicy",
    "SelectionRecord",
    "SourceRecord",
    "TaskRecord",
    "TrainingRecord",
    "VerdictRecord",
]

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Text = Annotated[str, StringConstraints(max_length=2_000_000)]
Moment = Annotated[
    str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$")
]
Plain = Any
"""A value in the judge's plain JSON encoding."""


class TaskRecord(Strict):
    """What was asked and what was checked."""

    id: Name
    digest: Digest
    """SHA-256 of the canonical JSON of prompt, entry_point, signature, contract, tests and
    test_code; ``contract`` has the keys requires, ensures, raises, helpers."""
    prompt: Text
    entry_point: Name
    signature: Text
    requires: tuple[Text, ...] = ()
    ensures: tuple[Text, ...] = ()
    raises: tuple[Text, ...] = ()
    helpers: Text = ""
    tests: tuple[dict[str, Plain], ...] = ()
    """``{"args": [...], "expected": ...}`` or ``{"args": [...], "raises": "ValueError"}``."""
    test_code: Text | None = None
    category: Name = "general"
    family: str | None = None
    split: Literal["train", "eval"]
    source: str = "unknown"
    licence: str = "unknown"


class SourceRecord(Strict):
    """Who answered, and whether its terms allow training on the answers."""

    id: Name
    kind: Literal["teacher", "student"]
    provider: str
    model: str
    local: bool = False
    training_policy: Literal["allowed", "forbidden", "unknown"] = "unknown"
    policy_basis: str = ""


class AnswerRecord(Strict):
    """One answer that held code. ``candidate`` is the SHA-256 of the code's UTF-8 bytes."""

    answer: Count
    task: Name
    source: Name
    candidate: Digest
    code: Text
    attempt: Count = 0
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cost: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,18})?$")] | None = None
    """US dollars as an exact decimal; None when no price is known."""
    seconds: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$")] | None = None


class ObligationRecord(Strict):
    """One formula of a verdict; its text is the file ``evidence/obligations/<digest>.smt2``."""

    digest: Digest
    kind: Name
    text: Text
    logic: Name
    expected: Literal["unsat", "sat"] = "unsat"
    line: Count | None = None


class CounterexampleRecord(Strict):
    """An input on which a candidate fails, as it was replayed."""

    args: tuple[Plain, ...]
    result: Plain = None
    raised: str | None = None
    message: str | None = None
    violates: str | None = None
    expected: Plain = None


class IdentityRecord(Strict):
    """What a verdict depends on besides code and contract."""

    encoder: str
    solvers: tuple[tuple[str, str], ...] = ()
    rlimit: Count = 0
    seed: Count = 0


VerdictWord = Literal[
    "proved", "bounded", "partial", "tested", "unknown", "error", "vacuous", "bad_contract",
    "refuted", "unsafe", "malformed",
]  # fmt: skip


class VerdictRecord(Strict):
    """What the judge found for one candidate against one task."""

    candidate: Digest
    task: Name
    verdict: VerdictWord
    method: str
    explanation: Text = ""
    reason: Text | None = None
    bound: str | None = None
    cases: Count = 0
    counterexample: CounterexampleRecord | None = None
    obligations: tuple[ObligationRecord, ...] = ()
    invariants: tuple[Text, ...] = ()
    plan: Text = ""
    assumptions: tuple[Text, ...] = ()
    findings: tuple[Text, ...] = ()
    recheck: Literal["confirmed", "single", "disputed", "none"] = "none"
    identity: IdentityRecord
    rlimit: Count = 0


class SelectionPolicy(Strict):
    """The rule that chose winners, by name and version, and its policy as the rule reads it."""

    rule: Name
    policy: dict[str, Any]


class SelectionCandidate(Strict):
    """One candidate as the selection rule read it."""

    answer: Count
    candidate: Digest
    source: Name
    verdict: VerdictWord
    training: str
    basis: str
    same: Count
    others: Count
    right: Count
    wrong: Count
    attempt: Count
    characters: Count
    rejected: str | None = None


class SelectionRecord(Strict):
    """One task as the selection rule read it."""

    task: Name
    category: Name
    split: str
    candidates: tuple[SelectionCandidate, ...]


class EvaluationRecord(Strict):
    """One held-out task before and after training. A candidate is absent when no code came."""

    task: Name
    category: Name
    base_candidate: Digest | None = None
    base_verdict: VerdictWord
    student_candidate: Digest | None = None
    student_verdict: VerdictWord


class TrainingRecord(Strict):
    """How the adapter was made, in the signer's words; numbers that are not counts are text."""

    method: Name
    seed: Count
    steps: Count
    tokens: Count = 0
    seconds: str = "0"
    dataset_digest: Digest
    base_digest: Digest
    adapter_digest: Digest | None = None
    config: dict[str, Any]
    losses: tuple[str, ...] = ()
    device: str = "cpu"
    versions: dict[str, str] = Field(default_factory=dict)


class ExampleRecord(Strict):
    """Which answer a dataset row came from; one a row, in the order of the rows."""

    answer: Count


class RoundRecord(Strict):
    """The round itself: what was decided, what ran, and how it ended."""

    number: Annotated[int, Field(ge=1, le=LARGEST)]
    id: Name
    previous: Digest | None
    config: dict[str, Any]
    base_model: Name
    base_digest: Digest
    versions: dict[str, str]
    promoted: bool | None
    decision: Text
    started: Moment | None
    finished: Moment | None
    limits: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class RoundEvidence:
    """Everything about one round that a certificate shows. Filled by the workbench.

    ``dataset`` holds the exported rows byte for byte, one JSON object a line, and ``examples``
    names, row by row, the answer that each came from. ``obligations`` maps digest to SMT-LIB text.
    """

    number: int
    round_id: str
    config: Mapping[str, Any]
    tasks: tuple[TaskRecord, ...]
    sources: tuple[SourceRecord, ...]
    answers: tuple[AnswerRecord, ...]
    verdicts: tuple[VerdictRecord, ...]
    obligations: Mapping[str, str]
    selection: SelectionPolicy
    selected: tuple[SelectionRecord, ...]
    dataset: bytes
    examples: tuple[int, ...]
    """For each dataset row, the ``answer`` number that it came from."""
    evaluation: tuple[EvaluationRecord, ...]
    base_model: str
    base_digest: str
    versions: Mapping[str, str]
    """What ran: python, workbench, z3, cvc5, torch, transformers, peft, trl."""
    training: TrainingRecord | None = None
    adapter_dir: Path | None = None
    promoted: bool | None = None
    decision: str = ""
    """The gate's sentence."""
    previous: str | None = None
    """SHA-256 of the previous round's certificate payload, or None for the first."""
    started: str | None = None
    finished: str | None = None
    """RFC 3339 moments in UTC, ending in Z."""
    limits: tuple[str, ...] = field(default=())
    """Further sentences about what this certificate does not say."""
