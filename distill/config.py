"""How a student is trained: LoRA and training settings, checked field by field at the border.

``read_lora`` and ``read_training`` read ``lora_config.yaml`` and ``training_config.yaml``; a field
that is not known is refused by name, so that no setting is ever silently ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from distill.errors import DistillError
from distill.presets import PRESETS

Method = Literal["sft", "dpo", "kto", "grpo", "gkd", "gold"]

ONLY: dict[str, tuple[Method, ...]] = {
    "beta": ("dpo", "kto", "grpo", "gkd", "gold"),
    "generations": ("grpo",),
    "completion_tokens": ("grpo", "gkd", "gold"),
    "temperature": ("grpo", "gkd", "gold"),
    "teacher": ("gkd", "gold"),
    "curriculum": ("sft",),
    "validation": ("sft", "dpo", "kto"),
    "patience": ("sft", "dpo", "kto"),
}
"""Fields that only some methods read; set for another method they are refused, not ignored."""
BETAS: dict[Method, float] = {
    "sft": 0.0, "dpo": 0.1, "kto": 0.1, "grpo": 0.0, "gkd": 0.5, "gold": 0.5,
}  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _named(*names: str) -> AliasChoices:
    return AliasChoices(*names)


class LoraConfig(_Strict):
    """The low-rank adapter: its rank, scale and where it sits."""

    rank: int = Field(default=16, ge=1, le=1024, validation_alias=_named("rank", "r"))
    alpha: int = Field(default=32, ge=1, validation_alias=_named("alpha", "lora_alpha"))
    dropout: float = Field(
        default=0.0, ge=0, lt=1, validation_alias=_named("dropout", "lora_dropout")
    )
    target_modules: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    embeddings: bool | Literal["auto"] = "auto"
    """Also adapt the input embeddings; ``auto`` does for models of less than 20 M parameters, which
    have to learn new words as words."""


class TrainConfig(_Strict):
    """One training: its method, passes, batches, rates, limits and what is kept."""

    method: Method = "sft"
    """``sft`` on winners; ``dpo`` and ``kto`` on winners and losers; ``grpo`` with a reward such as
    the judge's; ``gkd`` and ``gold`` on the student's own words with a local teacher's logits
    (``gold`` when their tokenizers differ)."""
    preset: str | None = None
    """A named set of values for a size of memory; fields given beside it win over it."""
    epochs: float = Field(default=3.0, gt=0, validation_alias=_named("epochs", "num_train_epochs"))
    batch: int = Field(
        default=8,
        ge=1,
        validation_alias=_named("batch", "batch_size", "per_device_train_batch_size"),
    )
    accumulation: int = Field(
        default=1, ge=1, validation_alias=_named("accumulation", "gradient_accumulation_steps")
    )
    rate: float = Field(default=3e-4, gt=0, validation_alias=_named("rate", "learning_rate"))
    schedule: Literal["cosine", "linear", "constant"] = Field(
        default="cosine", validation_alias=_named("schedule", "lr_scheduler_type")
    )
    warmup: float = Field(
        default=0.03, ge=0, lt=1, validation_alias=_named("warmup", "warmup_ratio")
    )
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0, validation_alias=_named("clip", "max_grad_norm"))
    max_length: int = Field(
        default=2048, ge=8, validation_alias=_named("max_length", "max_seq_length")
    )
    seed: int = 0
    checkpoint: float = Field(default=0.1, gt=0, le=1)
    """Share of the steps between two checkpoints."""
    checkpoints_kept: int = Field(
        default=2, ge=1, validation_alias=_named("checkpoints_kept", "save_total_limit")
    )
    validation: float = Field(default=0.0, ge=0, lt=0.9)
    """Share of the groups that is set aside to watch the loss on."""
    patience: int = Field(
        default=0, ge=0, validation_alias=_named("patience", "early_stopping_patience")
    )
    """Stop after so many validations without a better loss; 0 never stops early."""
    gradient_checkpointing: bool = False
    adapter: str | None = None
    """An adapter folder of the same base to go on from; a preference method compares with it."""
    beta: float | None = Field(default=None, ge=0)
    """How strongly the start binds (dpo, kto 0.1; grpo 0), or for gkd and gold where between
    forward (0) and reverse (1) divergence the loss lies (0.5)."""
    generations: int = Field(
        default=4, ge=2, le=64, validation_alias=_named("generations", "num_generations")
    )
    """Answers that are compared with each other on one prompt (grpo)."""
    completion_tokens: int = Field(
        default=256,
        ge=1,
        validation_alias=_named("completion_tokens", "max_completion_length", "max_new_tokens"),
    )
    """How long an answer may get that the student writes while it trains."""
    temperature: float = Field(default=1.0, gt=0, le=2)
    teacher: str | None = None
    """Folder or hub id of the teacher whose logits are learnt from (gkd, gold)."""
    curriculum: Literal["none", "easy-first"] = "none"
    """``easy-first`` orders rows by the measured pass rate of their task, the surest first."""
    replay: float = Field(default=0.0, ge=0, le=1)
    """Rows of earlier rounds that are seen again, as a share of this round's rows."""
    quantize: Literal["none", "8bit", "4bit"] = "none"
    """Load the base in 8 or 4 bits (QLoRA); needs bitsandbytes."""
    report: tuple[Literal["tensorboard", "trackio"], ...] = Field(
        default=(), validation_alias=_named("report", "report_to")
    )
    """Where the losses go besides the events: TensorBoard files, a trackio project."""
    processes: int = Field(default=1, ge=1, validation_alias=_named("processes", "num_processes"))
    """Processes of ``accelerate launch`` (one a GPU) when run as a job folder."""
    threads: int = Field(default=0, ge=0)
    """CPU threads; 0 leaves the number to the process."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Which of several accelerators is CUDA's word: ``CUDA_VISIBLE_DEVICES``."""

    @model_validator(mode="before")
    @classmethod
    def _filled_from_preset(cls, data: Any) -> Any:
        """Put a preset's values under the fields that were given."""
        if not isinstance(data, dict) or data.get("preset") is None:
            return data
        if data["preset"] not in PRESETS:
            raise ValueError(
                f"there is no preset {data['preset']!r}; known are {', '.join(PRESETS)}"
            )
        given = {_field_named(cls, name) for name in data}
        filled = {k: v for k, v in PRESETS[data["preset"]].items() if k not in given}
        return {**filled, **data}

    @field_validator("report", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) and value != "none" else value or ()

    @model_validator(mode="after")
    def _fits_its_method(self) -> TrainConfig:
        """Refuse what the method would not read, and what it cannot do without."""
        for name, methods in ONLY.items():
            default = type(self).model_fields[name].default
            if self.method not in methods and getattr(self, name) != default:
                raise ValueError(
                    f"{name} is read by {', '.join(methods)} only; leave it out for {self.method}"
                )
        if self.method in ("gkd", "gold") and self.teacher is None:
            raise ValueError(f"{self.method} needs a teacher: the folder of a local model")
        if self.method in ("gkd", "gold") and (self.beta or 0) > 1:
            raise ValueError(f"beta is {self.beta}; for {self.method} it lies between 0 and 1")
        if self.method == "grpo" and (self.batch * self.accumulation) % self.generations:
            raise ValueError(
                f"batch {self.batch} times accumulation {self.accumulation} is not a multiple of "
                f"generations {self.generations}; grpo compares whole groups in a step"
            )
        if self.patience and not self.validation:
            raise ValueError("patience watches a held-out loss; set validation as well, say 0.05")
        return self

    @property
    def strength(self) -> float:
        """``beta``, or the method's own default."""
        return BETAS[self.method] if self.beta is None else self.beta


def _field_named(model: type[BaseModel], name: str) -> str:
    """Return the field that ``name`` (a field or one of its other names) stands for."""
    for field, info in model.model_fields.items():
        alias = info.validation_alias
        if name == field or (isinstance(alias, AliasChoices) and name in alias.choices):
            return field
    return name


class TrainingPlan(_Strict):
    """Both halves together: what :func:`distill.train` takes."""

    lora: LoraConfig = LoraConfig()
    training: TrainConfig = TrainConfig()


_Model = TypeVar("_Model", bound=BaseModel)


def read_lora(path: Path) -> LoraConfig:
    """Read ``lora_config.yaml``; every mistake is a ``DistillError`` that names the field."""
    return _read(path, LoraConfig)


def read_training(path: Path) -> TrainConfig:
    """Read ``training_config.yaml``; every mistake is a ``DistillError`` that names the field."""
    return _read(path, TrainConfig)


def _read(path: Path, model: type[_Model]) -> _Model:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DistillError(f"{path.name} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise DistillError(
            f"{path.name}{where} is not YAML: {getattr(error, 'problem', error)}"
        ) from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise DistillError(f"{path.name} must hold fields with values, one a line")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise DistillError(f"{path.name}: {_sentence(error, model)}") from error


def _sentence(error: ValidationError, model: type[BaseModel]) -> str:
    parts = []
    for one in error.errors():
        name = str(one["loc"][0]) if one["loc"] else ""
        if one["type"] == "extra_forbidden":
            parts.append(f"unknown field {name!r}; known are {', '.join(model.model_fields)}")
        elif not name:
            parts.append(str(one["msg"]).removeprefix("Value error, "))
        else:
            parts.append(f"field {name!r}: {one['msg']} (given: {one['input']!r})")
    return "; ".join(dict.fromkeys(parts))
