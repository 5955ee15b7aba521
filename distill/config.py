"""How a student is trained: LoRA and training settings, checked field by field at the border.

``read_lora`` and ``read_training`` read ``lora_config.yaml`` and ``training_config.yaml``; a field
that is not known is refused by name, so that no setting is ever silently ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

import yaml
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from distill.errors import DistillError


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
    """One supervised training: passes, batches, rates, limits and what is kept."""

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
    threads: int = Field(default=0, ge=0)
    """CPU threads; 0 leaves the number to the process."""
    device: str = "auto"


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
        name = str(one["loc"][0]) if one["loc"] else "the file"
        if one["type"] == "extra_forbidden":
            parts.append(f"unknown field {name!r}; known are {', '.join(model.model_fields)}")
        else:
            parts.append(f"field {name!r}: {one['msg']} (given: {one['input']!r})")
    return "; ".join(dict.fromkeys(parts))
