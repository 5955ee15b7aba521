"""The rules of a filter pipeline as a person writes them, in TOML or YAML.

::

    [[filter]]
    rule = "score"
    above = 0.8

    [[filter]]
    rule = "secrets"

An unknown rule or field is refused by name; what is left out has the default written here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from distill.errors import DistillError


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str

    @property
    def settings(self) -> dict[str, Any]:
        """The rule's fields as plain JSON values, its name left out."""
        return self.model_dump(mode="json", exclude={"rule"})


class RungRule(_Rule):
    """Only rows with one of these verdicts."""

    rule: Literal["rung"] = "rung"
    accept: tuple[Literal["proved", "bounded", "tested"], ...] = ("proved",)


class ScoreRule(_Rule):
    """Only rows whose score is above a threshold."""

    rule: Literal["score"] = "score"
    above: float = Field(default=0.8, ge=0, le=1)


class TruncationRule(_Rule):
    """No answer that was cut, and none that does not parse."""

    rule: Literal["truncation"] = "truncation"


class SecretsRule(_Rule):
    """No keys, tokens and passwords."""

    rule: Literal["secrets"] = "secrets"


class PersonalRule(_Rule):
    """No addresses, telephone numbers, accounts, cards and names of people."""

    rule: Literal["personal"] = "personal"
    names: str | None = None
    """A local token-classification model that marks persons; without it only authors are found."""


class LicenceRule(_Rule):
    """Only tasks under one of these licences, by their SPDX names."""

    rule: Literal["licence"] = "licence"
    allow: tuple[str, ...] = Field(min_length=1)


class LengthRule(_Rule):
    """Only answers and prompts of such lengths, in characters."""

    rule: Literal["length"] = "length"
    least: int = Field(default=1, ge=0)
    most: int = Field(default=8_000, ge=1)
    most_prompt: int = Field(default=32_000, ge=1)


class ExactRule(_Rule):
    """No second row with the same conversation and the same normalised code."""

    rule: Literal["exact"] = "exact"


class NearRule(_Rule):
    """No row that shares most token triples with an earlier one (MinHash, confirmed)."""

    rule: Literal["near"] = "near"
    threshold: float = Field(default=0.85, gt=0, lt=1)


class EmbeddingRule(_Rule):
    """No row whose embedding by a local model lies this near to an earlier one's (cosine)."""

    rule: Literal["embedding"] = "embedding"
    model: str
    threshold: float = Field(default=0.97, gt=0, lt=1)


class SemanticRule(_Rule):
    """No row that teaches the same function as an earlier one: proved, or alike on all probes."""

    rule: Literal["semantic"] = "semantic"


class ContaminationRule(_Rule):
    """No row that meets a protected item: by words, by normalised code, or by behaviour."""

    rule: Literal["contamination"] = "contamination"
    files: tuple[str, ...] = ()
    """Benchmarks and held-out files; the home's own held-out tasks are always protected."""
    n: int = Field(default=10, ge=5, le=50)
    behaviour: bool = True


Rule = Annotated[
    RungRule
    | ScoreRule
    | TruncationRule
    | SecretsRule
    | PersonalRule
    | LicenceRule
    | LengthRule
    | ExactRule
    | NearRule
    | EmbeddingRule
    | SemanticRule
    | ContaminationRule,
    Field(discriminator="rule"),
]

RULES = (
    "rung", "score", "truncation", "secrets", "personal", "licence", "length",
    "exact", "near", "embedding", "semantic", "contamination",
)  # fmt: skip


class Filters(BaseModel):
    """A pipeline: rules in the order in which they are applied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filter: tuple[Rule, ...] = ()


def read_filters(path: Path) -> Filters:
    """Read a pipeline from a TOML or YAML file; every mistake is a ``DistillError`` sentence."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DistillError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DistillError(f"{path} is not UTF-8 text") from error
    try:
        given = yaml.safe_load(text) if path.suffix in (".yaml", ".yml") else tomllib.loads(text)
    except (yaml.YAMLError, tomllib.TOMLDecodeError) as error:
        first = " ".join(str(error).split())
        raise DistillError(f"{path} cannot be understood: {first}") from error
    return checked_filters(given if given is not None else {}, str(path))


def checked_filters(given: object, where: str) -> Filters:
    """Return ``given`` as a pipeline, or raise ``DistillError`` that names rule and field."""
    try:
        return Filters.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "union_tag_invalid":
            tag = first["ctx"]["tag"]
            raise DistillError(
                f"{where}: there is no rule {tag!r} ({place}); known are {', '.join(RULES)}"
            ) from error
        if first["type"] == "union_tag_not_found":
            raise DistillError(f"{where}: {place} does not say which rule it is") from error
        if first["type"] == "extra_forbidden":
            raise DistillError(f"{where}: there is no field {place!r}") from error
        raise DistillError(f"{where}: {place} = {first['input']!r}: {first['msg']}") from error
