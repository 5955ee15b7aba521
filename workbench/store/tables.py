"""The tables of the store, and nothing else: reading is in ``queries``, writing in the stages.

Rows are append-only wherever they record something that happened. Large or shared texts (code,
SMT-LIB, snapshots) are blobs, named here by their SHA-256 hex digest; ``*_json`` columns hold
canonical JSON text. Money is a decimal string in US dollars. Times are UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Column, DateTime, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel


def now() -> datetime:
    """Return the present moment, in UTC, with its time zone."""
    return datetime.now(UTC)


def _text(*, nullable: bool = False) -> Column[str]:
    return Column(Text, nullable=nullable)


def _time() -> Column[datetime]:
    return Column(DateTime(timezone=True), nullable=False)


class TaskRow(SQLModel, table=True):
    """What is asked. Immutable: an edited task is a new row with another digest."""

    __tablename__ = "task"
    __table_args__ = (
        Index("ix_task_facts", "id", "category", "split"),
        Index("ix_task_digest_split", "digest", "split"),
    )
    id: str = Field(primary_key=True)
    digest: str = Field(index=True)
    prompt: str = Field(sa_column=_text())
    entry_point: str
    signature: str
    contract_json: str = Field(sa_column=_text())
    """{"requires": [...], "ensures": [...], "raises": [...], "helpers": ""}"""
    tests_json: str = Field(sa_column=_text())
    """[{"args": [...], "expected": ...}], values in the judge's plain encoding."""
    test_code: str | None = Field(default=None, sa_column=_text(nullable=True))
    category: str = Field(index=True)
    family: str | None = Field(default=None, index=True)
    """Shape within a generated family; the group by which splits are made."""
    split: str = Field(index=True)
    """Either "train", "eval" (held out, never exported) or "none"."""
    source: str
    licence: str
    reference: str | None = Field(default=None, sa_column=_text(nullable=True))
    """A reference solution, for measuring the contract only: never asked, judged or trained on."""
    adequacy_json: str | None = Field(default=None, sa_column=_text(nullable=True))
    images_json: str | None = Field(default=None, sa_column=_text(nullable=True))
    """[[media type, SHA-256 of the blob], ...]: pictures that belong to the prompt."""
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class SourceRow(SQLModel, table=True):
    """Who answers: a teacher, or a student at some round."""

    __tablename__ = "source"
    id: str = Field(primary_key=True)
    """The name a person types: "synthesis", "openai:gpt-5-mini", "student:base", "student:r1"."""
    kind: str
    """Either "teacher" or "student"."""
    provider: str
    model: str
    base_url: str | None = None
    local: bool = False
    training_policy: str = "unknown"
    """May answers be trained on: "allowed", "forbidden", "unknown" (= blocked)."""
    policy_basis: str = ""
    adapter_id: str | None = Field(default=None, foreign_key="adapter.id")
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class CandidateRow(SQLModel, table=True):
    """The code in an answer, content-addressed: its id is the SHA-256 of the code."""

    __tablename__ = "candidate"
    id: str = Field(primary_key=True)
    code: str = Field(sa_column=_text())
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class AnswerRow(SQLModel, table=True):
    """One answer of one source to one task; unique by what was asked and how it was drawn."""

    __tablename__ = "answer"
    __table_args__ = (
        UniqueConstraint("source_id", "task_id", "prompt_digest", "sampling_digest"),
        Index("ix_answer_source_seconds", "source_id", "seconds", "cost"),
    )
    id: int | None = Field(default=None, primary_key=True)
    task_id: str = Field(foreign_key="task.id", index=True)
    source_id: str = Field(foreign_key="source.id", index=True)
    round_id: str | None = Field(default=None, foreign_key="round.id", index=True)
    """The round it was first asked for; ``RoundAnswerRow`` knows every round that uses it."""
    prompt_digest: str
    """Names the whole question: who is asked, in which version, every message, the contract."""
    messages_digest: str = ""
    """The blob with the conversation as it was sent: a JSON list of role and content."""
    sampling_digest: str
    sampling_json: str = Field(sa_column=_text())
    attempt: int = 0
    """0 for the first answer; n for the n-th repair after a counterexample."""
    parent_id: int | None = Field(default=None, foreign_key="answer.id")
    text: str = Field(sa_column=_text())
    finish: str = Field(index=True)
    candidate_id: str | None = Field(default=None, foreign_key="candidate.id", index=True)
    no_code_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: str | None = None
    seconds: float = 0.0
    first_token_seconds: float | None = None
    request_id: str | None = None
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class CellRow(SQLModel, table=True):
    """The newest answer of a source to a task and its word: what the matrix counts.

    A copy of what ``answer`` and ``verdict`` say, kept by triggers in SQLite, so that counting a
    million answers reads one narrow index. Nobody writes it; a PostgreSQL database leaves it empty
    and its readers derive the same rows.
    """

    __tablename__ = "cell"
    __table_args__ = (
        Index("ix_cell_source_word", "source_id", "word", "task_id"),
        Index("ix_cell_word", "word", "task_id", "source_id"),
        Index("ix_cell_task", "task_id", "source_id", "word"),
    )
    task_id: str = Field(primary_key=True)
    source_id: str = Field(primary_key=True)
    answer_id: int
    candidate_id: str | None = None
    word: str


class RoundTaskRow(SQLModel, table=True):
    """A task that a round works on, frozen when the round is planned."""

    __tablename__ = "round_task"
    round_id: str = Field(foreign_key="round.id", primary_key=True)
    task_id: str = Field(foreign_key="task.id", primary_key=True)
    role: str = Field(index=True)
    """Either "train" (teachers answer it) or "eval" (base and student answer it)."""
    position: int


class RoundAnswerRow(SQLModel, table=True):
    """An answer that a round uses. The same answer may serve several rounds."""

    __tablename__ = "round_answer"
    round_id: str = Field(foreign_key="round.id", primary_key=True)
    answer_id: int = Field(foreign_key="answer.id", primary_key=True)
    role: str = Field(index=True)
    """One of "teacher", "repair", "baseline" or "student"."""


class CachedAnswerRow(SQLModel, table=True):
    """The gateway's answer cache, keyed by everything that determines a request."""

    __tablename__ = "cached_answer"
    key: str = Field(primary_key=True)
    answer_json: str = Field(sa_column=_text())
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class LedgerRow(SQLModel, table=True):
    """One request that reached a provider, and what it cost."""

    __tablename__ = "ledger"
    id: int | None = Field(default=None, primary_key=True)
    run_id: str = Field(index=True)
    provider: str = Field(index=True)
    model: str
    key: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    written_tokens: int | None = None
    cost: str | None = None
    status: str
    """Either "ok" or a failure kind."""
    channel: str = "single"
    """Either "single" or "batch" (half price)."""
    request_id: str | None = None
    created_at: datetime = Field(
        default_factory=now, sa_column=Column(DateTime(timezone=True), nullable=False, index=True)
    )


class BatchJobRow(SQLModel, table=True):
    """One batch at one provider, stored before it leaves; entry n has the custom id ``ID-n``."""

    __tablename__ = "batch_job"
    id: str = Field(primary_key=True)
    run_id: str = Field(index=True)
    source_id: str = Field(index=True)
    """The name that opens the teacher again, to collect what came of it."""
    provider: str
    model: str
    keys_json: str = Field(sa_column=_text())
    """The request keys in order: where the answers go in the answer cache."""
    remote_id: str | None = None
    """The provider's name of the batch; None until the provider has told it."""
    done: bool = Field(default=False, index=True)
    message: str = Field(default="", sa_column=_text())
    created_at: datetime = Field(default_factory=now, sa_column=_time())
    updated_at: datetime = Field(default_factory=now, sa_column=_time())


class CircuitRow(SQLModel, table=True):
    """The circuit breaker of one provider and kind of failure, as it was left."""

    __tablename__ = "circuit"
    provider: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    failures: int
    """In a row, without an answer between them."""
    opened_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    """None while the circuit is closed."""
    message: str = Field(default="", sa_column=_text())
    updated_at: datetime = Field(default_factory=now, sa_column=_time())


class RouteRow(SQLModel, table=True):
    """One choice of whom to ask, with its reason and what came of it."""

    __tablename__ = "route"
    id: int | None = Field(default=None, primary_key=True)
    run_id: str = Field(index=True)
    policy: str = Field(index=True)
    """One of "fallback", "dataset" or "confidence"."""
    task_id: str = Field(index=True)
    category: str
    source_id: str = Field(index=True)
    wanted: str
    """The source that would have answered if nothing had stood against it."""
    chance: float | None = None
    """The calibrated chance of passing that the choice went by, where it went by one."""
    why: str = Field(sa_column=_text())
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class ReliabilityRow(SQLModel, table=True):
    """One bar of a reliability plot: predicted and observed pass rate of one source's answers."""

    __tablename__ = "reliability"
    id: int | None = Field(default=None, primary_key=True)
    fit_id: str = Field(index=True)
    """Names one calibration; its bars share it."""
    source_id: str = Field(index=True)
    category: str
    """A category, or "" for all of them together."""
    low: float
    high: float
    count: int
    predicted: float
    observed: float
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class AlertRow(SQLModel, table=True):
    """An objective that was missed: said once, kept until it is met again or dismissed."""

    __tablename__ = "alert"
    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(index=True)
    """One of "fallback-rate", "quality" or "circuit"."""
    subject: str
    """What it is about: a source, a provider or a policy."""
    message: str = Field(sa_column=_text())
    value: float
    objective: float
    created_at: datetime = Field(default_factory=now, sa_column=_time())
    cleared_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )


class VerdictRow(SQLModel, table=True):
    """What the judge found for one candidate against one task under one identity."""

    __tablename__ = "verdict"
    __table_args__ = (
        UniqueConstraint("candidate_id", "task_id", "identity_digest"),
        Index("ix_verdict_recheck", "verdict", "recheck", "created_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    candidate_id: str = Field(foreign_key="candidate.id", index=True)
    task_id: str = Field(foreign_key="task.id", index=True)
    identity_digest: str
    identity_json: str = Field(sa_column=_text())
    """Encoder version, solvers and versions, rlimit, seed."""
    verdict: str = Field(index=True)
    method: str
    bound: str | None = None
    cases: int = 0
    explanation: str = Field(sa_column=_text())
    reason: str | None = Field(default=None, sa_column=_text(nullable=True))
    counterexample_json: str | None = Field(default=None, sa_column=_text(nullable=True))
    invariants_json: str = Field(default="[]", sa_column=_text())
    plan: str = Field(default="", sa_column=_text())
    """What re-deriving the obligations needs; see ``judge.verdict.Judgement.plan``."""
    assumptions_json: str = Field(default="[]", sa_column=_text())
    findings_json: str = Field(default="[]", sa_column=_text())
    recheck: str = "none"
    sandbox_json: str = Field(default="[]", sa_column=_text())
    terms_json: str = Field(default="[]", sa_column=_text())
    score: float = 0.0
    rlimit: int = 0
    seconds: float = 0.0
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class ObligationRow(SQLModel, table=True):
    """One obligation of one verdict; its SMT-LIB text is the blob ``digest``."""

    __tablename__ = "obligation"
    id: int | None = Field(default=None, primary_key=True)
    verdict_id: int = Field(foreign_key="verdict.id", index=True)
    position: int
    kind: str
    text: str = Field(sa_column=_text())
    digest: str = Field(index=True)
    logic: str
    expected: str = "unsat"
    line: int | None = None


class OverrideRow(SQLModel, table=True):
    """A person's word beside a verdict: append-only; clearing one is another row."""

    __tablename__ = "override"
    id: int | None = Field(default=None, primary_key=True)
    verdict_id: int = Field(foreign_key="verdict.id", index=True)
    decision: str
    """One of "accept", "reject" or "clear"."""
    reason: str
    author: str
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class RoundRow(SQLModel, table=True):
    """One distillation round and how far it got. ``number`` counts from 1 within a home."""

    __tablename__ = "round"
    id: str = Field(primary_key=True)
    number: int = Field(index=True, unique=True)
    stage: str = "planned"
    """The last finished stage: planned, baseline, asked, judged, repaired, selected, trained,
    evaluated, promoted, certified."""
    state: str = "open"
    """One of "open", "done" or "stopped"."""
    config_json: str = Field(sa_column=_text())
    parent_id: str | None = Field(default=None, foreign_key="round.id")
    base_source_id: str | None = None
    """The student that this round starts from."""
    student_source_id: str | None = None
    """The student that it made."""
    snapshot_id: str | None = None
    adapter_id: str | None = None
    promoted: bool | None = None
    decision: str | None = Field(default=None, sa_column=_text(nullable=True))
    """The gate's sentence."""
    created_at: datetime = Field(default_factory=now, sa_column=_time())
    updated_at: datetime = Field(default_factory=now, sa_column=_time())


class EventRow(SQLModel, table=True):
    """Progress and log of a round or job: what a screen polls while work runs elsewhere."""

    __tablename__ = "event"
    id: int | None = Field(default=None, primary_key=True)
    round_id: str | None = Field(default=None, index=True)
    stage: str
    kind: str
    """One of "start", "progress", "done", "note", "error", "loss"."""
    done: int | None = None
    total: int | None = None
    message: str = Field(default="", sa_column=_text())
    data_json: str = Field(default="{}", sa_column=_text())
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class SelectionRow(SQLModel, table=True):
    """The winner of one task in one round, or the reason why there is none."""

    __tablename__ = "selection"
    __table_args__ = (UniqueConstraint("round_id", "task_id"),)
    id: int | None = Field(default=None, primary_key=True)
    round_id: str = Field(foreign_key="round.id", index=True)
    task_id: str = Field(foreign_key="task.id", index=True)
    answer_id: int | None = Field(default=None, foreign_key="answer.id")
    verdict_id: int | None = Field(default=None, foreign_key="verdict.id")
    score: float = 0.0
    terms_json: str = Field(default="{}", sa_column=_text())
    """{"verification": 1.0, "agreement": ..., "history": ..., "weights": {...}}"""
    reason: str = Field(sa_column=_text())


class SnapshotRow(SQLModel, table=True):
    """An immutable dataset: its rows are the blob ``digest`` (JSON Lines)."""

    __tablename__ = "snapshot"
    id: str = Field(primary_key=True)
    round_id: str | None = Field(default=None, foreign_key="round.id", index=True)
    digest: str
    rows: int
    rule: str
    """Name and version of the selection rule."""
    inputs_digest: str = ""
    """The blob with everything the rule read, so that anybody can apply it again."""
    funnel_json: str = Field(sa_column=_text())
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class ExampleRow(SQLModel, table=True):
    """One training row of a snapshot, with the verdict that is its reason."""

    __tablename__ = "example"
    id: int | None = Field(default=None, primary_key=True)
    snapshot_id: str = Field(foreign_key="snapshot.id", index=True)
    position: int
    task_id: str = Field(foreign_key="task.id", index=True)
    source_id: str = Field(foreign_key="source.id", index=True)
    answer_id: int = Field(foreign_key="answer.id")
    verdict_id: int = Field(foreign_key="verdict.id", index=True)
    candidate_id: str = Field(foreign_key="candidate.id")


class AdapterRow(SQLModel, table=True):
    """LoRA weights in ``rounds/``, with where they came from and how they did."""

    __tablename__ = "adapter"
    id: str = Field(primary_key=True)
    round_id: str | None = Field(default=None, index=True)
    path: str
    """Relative to the home."""
    digest: str
    base: str
    base_digest: str
    snapshot_id: str | None = None
    config_json: str = Field(sa_column=_text())
    metrics_json: str = Field(default="{}", sa_column=_text())
    promoted_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class EvaluationRow(SQLModel, table=True):
    """One held-out task before and after: the paired figures that a gate reads."""

    __tablename__ = "evaluation"
    __table_args__ = (UniqueConstraint("round_id", "task_id"),)
    id: int | None = Field(default=None, primary_key=True)
    round_id: str = Field(foreign_key="round.id", index=True)
    task_id: str = Field(foreign_key="task.id", index=True)
    category: str
    base_answer_id: int = Field(foreign_key="answer.id")
    base_verdict: str
    student_answer_id: int = Field(foreign_key="answer.id")
    student_verdict: str


class CertificateRow(SQLModel, table=True):
    """An issued certificate: the bundle's folder under ``certificates/`` and its identity."""

    __tablename__ = "certificate"
    id: str = Field(primary_key=True)
    """SHA-256 hex of the signed payload."""
    round_id: str = Field(foreign_key="round.id", index=True)
    path: str
    keyid: str
    previous: str | None = None
    checks_json: str = Field(default="[]", sa_column=_text())
    """The latest verification: a list of checks."""
    verified_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class SettingRow(SQLModel, table=True):
    """Small state of a home: the promoted student, frozen split digest, and the like."""

    __tablename__ = "setting"
    key: str = Field(primary_key=True)
    value: str = Field(sa_column=_text())


class ServedRow(SQLModel, table=True):
    """A served request that its server and its client agreed to keep, with what was removed."""

    __tablename__ = "served"
    id: int | None = Field(default=None, primary_key=True)
    model: str = Field(index=True)
    version_digest: str = Field(index=True)
    """Digest of the adapter that answered, else of the base."""
    prompt: str = Field(sa_column=_text())
    removed_json: str = Field(default="[]", sa_column=_text())
    """Kinds of personal data and secrets that were taken out, with their lines."""
    contract_json: str | None = Field(default=None, sa_column=_text(nullable=True))
    category: str
    finish: str
    characters: int
    answered_by: str
    verdict: str | None = None
    task_id: str | None = None
    """The task that was made of it, once it was."""
    created_at: datetime = Field(
        default_factory=now, sa_column=Column(DateTime(timezone=True), nullable=False, index=True)
    )


class ScheduleRow(SQLModel, table=True):
    """A command that runs by itself at the times of a cron expression."""

    __tablename__ = "schedule"
    name: str = Field(primary_key=True)
    cron: str
    command_json: str = Field(sa_column=_text())
    attempts: int = 1
    """How often one run is tried, the first included."""
    enabled: bool = True
    due_at: datetime = Field(sa_column=_time())
    created_at: datetime = Field(default_factory=now, sa_column=_time())


class ScheduleRunRow(SQLModel, table=True):
    """One attempt at one run; ``status`` is None while it goes on or when its leader was killed."""

    __tablename__ = "schedule_run"
    __table_args__ = (UniqueConstraint("name", "due_at", "attempt"),)
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(index=True)
    attempt: int
    leader: str
    status: int | None = None
    output: str = Field(default="", sa_column=_text())
    """The last lines that it wrote."""
    due_at: datetime = Field(sa_column=_time())
    started_at: datetime = Field(default_factory=now, sa_column=_time())
    ended_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
