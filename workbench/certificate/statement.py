"""The statement that is signed: an in-toto Statement v1 with this project's predicate, version 1.

Strict both ways: unknown fields, floats, and other types than declared are refused, and reading
gives back exactly what was written. It holds counts, digests and sentences; the rows they are
about lie beside it in files. Fields are described in docs/certificate-format.md.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import Count, Digest, Moment, Name
from workbench.certificate.strict import LARGEST, Strict, load_json, model_of

__all__ = ["PREDICATE_TYPE", "STATEMENT_TYPE", "Claim", "Statement", "read_statement"]

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:distillation-workbench:distillation-certificate:v1"
_LIMIT = 3 * 1024 * 1024

Signed = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Sentence = Annotated[str, StringConstraints(max_length=10_000)]


class Camel(Strict):
    """A strict record whose JSON names are in lowerCamelCase, as in-toto asks."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class DigestSet(Camel):
    """in-toto's digest set, with the one algorithm that is used here."""

    sha256: Digest


class Subject(Camel):
    """A file that the statement is about."""

    name: Name
    digest: DigestSet


class Round(Camel):
    """Which round, and the certificate of the one before."""

    number: Annotated[int, Field(ge=1, le=LARGEST)]
    id: Name
    previous_certificate: Digest | None
    issued_at: Moment


class Dependency(Camel):
    """What went in: the base model by digest, a teacher by name."""

    name: Name
    uri: str
    digest: DigestSet | None = None


class ExternalParameters(Camel):
    """What a person decided: the selection rule with the digest of its policy, and the config."""

    selection_rule: Name
    selection_policy: Digest
    round_config: Digest


class BuildDefinition(Camel):
    """SLSA's name for how it was meant to be made."""

    build_type: Literal["urn:distillation-workbench:round:v1"]
    external_parameters: ExternalParameters
    resolved_dependencies: tuple[Dependency, ...]


class Builder(Camel):
    """What made it, with versions."""

    id: Name
    version: dict[str, str]


class Metadata(Camel):
    """When it ran, in the signer's words."""

    invocation_id: Name
    started_on: Moment | None
    finished_on: Moment | None


class RunDetails(Camel):
    """SLSA's name for how it was made."""

    builder: Builder
    metadata: Metadata


class Tasks(Camel):
    """How many tasks, and the digest of their file."""

    train: Count
    eval: Count
    digest: Digest


class SolverVersion(Camel):
    """A solver that the verdicts name."""

    name: Name
    version: str


class Judge(Camel):
    """The judge's identity over all verdicts, and whether preconditions were shown satisfiable."""

    encoders: tuple[str, ...]
    solvers: tuple[SolverVersion, ...]
    rlimit: Count
    non_vacuity_checked: bool


class Verdicts(Camel):
    """How many verdicts of each word, and the root over their lines."""

    counts: dict[str, Count]
    obligations: Count
    root: Digest


class Dataset(Camel):
    """The training rows: how many, by the verdict that let them in, digest and root."""

    rows: Count
    by_verdict: dict[str, Count]
    digest: Digest
    root: Digest
    format: Literal["jsonl/v1"]


class Training(Camel):
    """How the adapter was made; details are in evidence/training.json."""

    method: Name
    seed: Count
    steps: Count
    config_digest: Digest


class Evaluation(Camel):
    """Paired figures over the held-out tasks; the lift is in millionths."""

    total: Count
    base_passed: Count
    student_passed: Count
    fixed: Count
    broken: Count
    gain: Signed
    low: Signed
    high: Signed
    root: Digest


class Level(Camel):
    """What the figures amount to."""

    name: Literal["none", "bronze", "silver", "gold", "platinum"]
    proved: Count
    lift: bool


class Claim(Camel):
    """One sentence, what it rests on, and the verifier's check behind it."""

    id: Name
    text: Sentence
    basis: Literal["recheckable", "reproducible", "asserted"]
    check: Name | None


class Predicate(Camel):
    """Everything that is claimed about one distillation round."""

    format_version: Literal[1]
    round: Round
    build_definition: BuildDefinition
    run_details: RunDetails
    tasks: Tasks
    judge: Judge
    verdicts: Verdicts
    dataset: Dataset
    training: Training | None
    evaluation: Evaluation
    level: Level
    promoted: bool | None
    decision: Sentence
    claims: tuple[Claim, ...]
    limits: tuple[Sentence, ...]


class Statement(Strict):
    """An in-toto Statement v1 with this project's predicate."""

    model_config = ConfigDict(validate_by_name=True)

    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[tuple[Subject, ...], Field(min_length=1, max_length=64)]
    predicate_type: Literal["urn:distillation-workbench:distillation-certificate:v1"] = Field(
        alias="predicateType"
    )
    predicate: Predicate

    def to_json(self) -> dict[str, Any]:
        """Return the statement as it is written."""
        return self.model_dump(mode="json", by_alias=True)


def read_statement(payload: bytes) -> Statement:
    """Read a statement from verified payload bytes; ``CertificateError`` for anything else."""
    value = load_json(payload, "the statement", limit=_LIMIT)
    if not isinstance(value, dict):
        raise CertificateError("malformed", "the statement is not a JSON object")
    if value.get("_type") != STATEMENT_TYPE:
        raise CertificateError("statement-type", f"the payload is not an {STATEMENT_TYPE}")
    if value.get("predicateType") != PREDICATE_TYPE:
        raise CertificateError("predicate-type", f"the predicate is not {PREDICATE_TYPE}")
    statement = model_of(Statement, value, "the statement")
    if statement.to_json() != value:
        raise CertificateError("malformed", "the statement has a field under another name")
    return statement
