"""What a round is to do, decided before it starts and kept in its row as it was.

Read from a person's file or arguments (pydantic at the border); a resumed round uses the row's
copy, never today's settings file.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workbench.errors import InputError
from workbench.stages.filtering import STANDARD, parse_filters

__all__ = ["STUDENT", "FamilyChoice", "RoundConfig", "demo_config", "read_round_config"]


STUDENT = "student"
"""The teacher's name that means the student itself, as it is before the round."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FamilyChoice(_Frozen):
    """Tasks drawn from the generated family."""

    seed: int = Field(default=0, ge=0)
    train: int = Field(ge=1, le=100_000)
    held_out: int = Field(ge=1, le=100_000)


class RoundConfig(_Frozen):
    """One round, from its tasks to its gate."""

    family: FamilyChoice | None = None
    """Draw tasks from the family; None takes the store's tasks, by their split."""
    categories: tuple[str, ...] = ()
    """Only tasks of these categories from the store; empty takes all."""
    most_tasks: int | None = Field(default=None, ge=1)
    """At most so many training tasks from the store."""
    teachers: tuple[str, ...] = ("synthesis", "examples")
    """Names as for ``workbench ask``; ``student`` lets the student that the round starts from
    answer too, so that it learns from what it got right (expert iteration)."""
    samples: int = Field(default=1, ge=1, le=100)
    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    max_tokens: int = Field(default=1024, ge=1)
    repair: int = Field(default=2, ge=0, le=3)
    ask_hints: str | None = None
    """A teacher who is asked for the loop invariants of open proofs; what it says is checked."""
    minimum: Literal["proved", "bounded", "tested"] = "proved"
    weights: tuple[float, float, float] = (0.5, 0.3, 0.2)
    """Verification, agreement, history."""
    margin: float = Field(default=0.05, ge=0.0, le=1.0)
    """Scores this near to the best count as equal: then the simplest program wins."""
    filters: tuple[dict[str, Any], ...] = STANDARD
    """What the winners' rows go through to be a dataset; see ``distill.filter_config``."""
    base: str | None = None
    """The student's base model; None means the one in the settings, else the shipped one."""
    start: Literal["promoted", "base"] = "promoted"
    """Whom the new student is compared with: the student in use, or the plain base model, which
    begins a new line. Training always starts from the base model; a round over the store's tasks
    has the earlier rounds' tasks among them, so nothing that was learnt is left out."""
    student_tokens: int = Field(default=256, ge=1)
    training: dict[str, Any] = Field(default_factory=dict)
    """``distill.TrainingPlan`` as JSON: {"lora": {...}, "training": {...}}."""
    counts: tuple[Literal["proved", "bounded", "tested"], ...] = ("proved",)
    """Verdicts that count as right in the evaluation."""
    lift: float = Field(default=0.05, ge=0.0, le=1.0)
    seed: int = Field(default=0, ge=0)
    """Of sampled answers: sent to teachers that take a seed. 0 sends none."""

    @model_validator(mode="after")
    def _something_to_ask(self) -> RoundConfig:
        if not self.teachers:
            raise ValueError("a round needs at least one teacher")
        if len(set(self.teachers)) != len(self.teachers):
            raise ValueError("a teacher is named twice")
        if STUDENT in self.teachers and self.samples > 1 and self.temperature == 0:
            raise ValueError("several samples of the student need a temperature above 0")
        parse_filters(self.filters)
        return self

    @property
    def others(self) -> tuple[str, ...]:
        """The teachers but for the student itself."""
        return tuple(name for name in self.teachers if name != STUDENT)

    def as_json(self) -> dict[str, Any]:
        """Return it as its row holds it."""
        return self.model_dump(mode="json")


def demo_config(
    seed: int = 0, teachers: tuple[str, ...] = (), *, quick: bool = False
) -> RoundConfig:
    """Return the demonstration: family tasks, the two formal teachers, the measured recipe.

    ``quick`` takes an eighth of the training tasks and a quarter of the held-out ones.
    """
    from distill.family.plan import DemoPlan

    plan = DemoPlan()
    train, held_out = plan.train_tasks, plan.held_out_tasks
    if quick:
        train, held_out = train // 8, held_out // 4
    return RoundConfig(
        family=FamilyChoice(seed=seed, train=train, held_out=held_out),
        teachers=("synthesis", "examples", *teachers),
        start="base",
        student_tokens=plan.max_tokens,
        training={
            "lora": {"rank": plan.rank, "alpha": plan.alpha},
            "training": {
                "rate": plan.rate,
                "epochs": plan.epochs,
                "batch": plan.batch,
                "seed": seed,
            },
        },
        seed=seed,
    )


def read_round_config(path: Path) -> RoundConfig:
    """Read a round's configuration from a TOML file; every mistake is an ``InputError``."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text.", "Save it again as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not valid TOML: {error}.", "Mend that line.") from error
    return checked_config(table, str(path))


def checked_config(table: dict[str, Any], where: str) -> RoundConfig:
    """Return ``table`` as a configuration; raise ``InputError`` naming ``where`` and the field."""
    try:
        return RoundConfig.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(RoundConfig.model_fields)
            raise InputError(
                f"{where} has an unknown field {field!r}.", f"Known fields: {known}."
            ) from error
        said = f"{field} = {first['input']!r}: " if field else ""
        raise InputError(f"{where}: {said}{first['msg']}.", "Correct it.") from error
