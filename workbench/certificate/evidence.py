"""What a certificate rests on, as plain frozen records; each is one line of a file in the bundle.

The workbench fills ``RoundEvidence`` from its store and hands it to ``issue``; a verifier reads the
same records back from the files. Nothing here computes or believes anything. Digests are SHA-256
in lower-case hex. Values of test cases and counterexamples are in the judge's plain JSON encoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from workbench.certificate.strict import LARGEST, Strict

__all__ = [
    "AnswerRecord",
    "ChoiceRecord",
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
    "StandingRecord",
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

    category: Name = "general"
    digest: Digest
    """SHA-256 of the canonical JSON of prompt, entry_point, signature, contract, tests and
    test_code; ``contract`` has the keys requires, ensures, raises, helpers."""
    ensures: tuple[Text, ...] = ()
    entry_point: Name
    family: str | None = None
    helpers: Text = ""
    id: Name
    licence: str = "unknown"
    prompt: Text
    raises: tuple[Text, ...] = ()
    requires: tuple[Text, ...] = ()
    signature: Text
    source: str = "unknown"
    split: Literal["train", "eval"]
    test_code: Text | None = None
    tests: tuple[dict[str, Plain], ...] = ()
    """``{"args": [...], "expected": ...}`` or ``{"args": [...], "raises": "ValueError"}``."""

    def loose(self) -> Iterable[Any]:
        """Return the tests, whose values are any JSON."""
        return self.tests


class SourceRecord(Strict):
    """Who answered, and whether its terms allow training on the answers."""

    id: Name
    kind: Literal["teacher", "student"]
    local: bool = False
    model: str
    policy_basis: str = ""
    provider: str
    training_policy: Literal["allowed", "forbidden", "unknown"] = "unknown"


class AnswerRecord(Strict):
    """One answer that held code. ``candidate`` is the SHA-256 of the code's UTF-8 bytes."""

    answer: Count
    attempt: Count = 0
    candidate: Digest
    code: Text
    cost: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,18})?$")] | None = None
    """US dollars as an exact decimal; None when no price is known."""
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    seconds: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$")] | None = None
    source: Name
    task: Name


class ObligationRecord(Strict):
    """One formula of a verdict; its text is the file ``evidence/obligations/<digest>.smt2``."""

    digest: Digest
    expected: Literal["unsat", "sat"] = "unsat"
    kind: Name
    line: Count | None = None
    logic: Name
    text: Text


class CounterexampleRecord(Strict):
    """An input on which a candidate fails, as it was replayed."""

    args: tuple[Plain, ...]
    expected: Plain = None
    message: str | None = None
    raised: str | None = None
    result: Plain = None
    violates: str | None = None


class IdentityRecord(Strict):
    """What a verdict depends on besides code and contract."""

    encoder: str
    rlimit: Count = 0
    seed: Count = 0
    solvers: tuple[tuple[str, str], ...] = ()


VerdictWord = Literal[
    "proved", "bounded", "partial", "tested", "unknown", "error", "vacuous", "bad_contract",
    "refuted", "unsafe", "malformed",
]  # fmt: skip


class VerdictRecord(Strict):
    """What the judge found for one candidate against one task."""

    assumptions: tuple[Text, ...] = ()
    bound: str | None = None
    candidate: Digest
    cases: Count = 0
    counterexample: CounterexampleRecord | None = None
    explanation: Text = ""
    findings: tuple[Text, ...] = ()
    identity: IdentityRecord
    invariants: tuple[Text, ...] = ()
    method: str
    obligations: tuple[ObligationRecord, ...] = ()
    plan: Text = ""
    reason: Text | None = None
    recheck: Literal["confirmed", "single", "disputed", "none"] = "none"
    rlimit: Count = 0
    task: Name
    verdict: VerdictWord

    def loose(self) -> Iterable[Any]:
        """Return the counterexample's values, which are any JSON."""
        found = self.counterexample
        return () if found is None else (found.args, found.result, found.expected)


class SelectionPolicy(Strict):
    """The rule that chose winners, by name and version, and its policy as the rule reads it."""

    policy: dict[str, Any]
    rule: Name


class SelectionCandidate(Strict):
    """One candidate as the selection rule read it. A bundle holds the ``StandingRecord`` of it."""

    all_right: Count | None = None
    all_wrong: Count | None = None
    """Scored answers of its source over all categories; read from rule verified-first/2 on."""
    answer: Count
    attempt: Count
    basis: str
    candidate: Digest
    characters: Count
    others: Count
    rejected: str | None = None
    right: Count
    same: Count
    size: Count | None = None
    """Nodes of its syntax tree; read from rule verified-first/2 on."""
    source: Name
    training: str
    verdict: VerdictWord
    wrong: Count


class SelectionRecord(Strict):
    """One task as the selection rule read it. A bundle holds the ``ChoiceRecord`` of it."""

    candidates: tuple[SelectionCandidate, ...]
    category: Name
    removed: Text | None = None
    """The filter that took the winner's row out of the dataset, and why."""
    split: str
    task: Name


class StandingRecord(Strict):
    """What the rule read about one candidate and nothing else in the bundle says.

    Its verdict, source, terms, repairs and length are those of the evidence, so nobody can say
    others here.
    """

    all_right: Count | None = None
    all_wrong: Count | None = None
    answer: Count
    others: Count
    rejected: str | None = None
    right: Count
    same: Count
    size: Count | None = None
    wrong: Count


class ChoiceRecord(Strict):
    """One task of the selection: who stood, and whether a filter took the winner's row out."""

    candidates: tuple[StandingRecord, ...]
    removed: Text | None = None
    task: Name


class EvaluationRecord(Strict):
    """One held-out task before and after training. A candidate is absent when no code came."""

    base_candidate: Digest | None = None
    base_verdict: VerdictWord
    category: Name
    student_candidate: Digest | None = None
    student_verdict: VerdictWord
    task: Name


class TrainingRecord(Strict):
    """How the adapter was made, in the signer's words; numbers that are not counts are text."""

    adapter_digest: Digest | None = None
    base_digest: Digest
    config: dict[str, Any]
    dataset_digest: Digest
    device: str = "cpu"
    losses: tuple[str, ...] = ()
    method: Name
    seconds: str = "0"
    seed: Count
    steps: Count
    tokens: Count = 0
    versions: dict[str, str] = Field(default_factory=dict)


class ExampleRecord(Strict):
    """Which answer a dataset row came from; one a row, in the order of the rows."""

    answer: Count


class RoundRecord(Strict):
    """The round itself: what was decided, what ran, and how it ended."""

    base_digest: Digest
    base_model: Name
    config: dict[str, Any]
    decision: Text
    finished: Moment | None
    id: Name
    limits: tuple[Text, ...]
    number: Annotated[int, Field(ge=1, le=LARGEST)]
    previous: Digest | None
    promoted: bool | None
    started: Moment | None
    versions: dict[str, str]


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
