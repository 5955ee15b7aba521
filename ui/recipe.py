"""From the Train screen's form to a round's configuration file, checked before it is written.

What the file may hold is decided by ``workbench.stages``, which knows every field; here
stands only which fields the form offers, and how the file is spelt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from workbench.stages.round_config import RoundConfig, checked_config
from workbench.stages.train import training_fields, training_plan
from workbench.store.canonical import canonical, digest

FIELDS: tuple[tuple[str, str, str], ...] = (
    ("lora", "rank", "LoRA rank: how much the adapter can hold."),
    ("lora", "alpha", "LoRA scale; twice the rank is common."),
    ("lora", "dropout", "Share of the adapter's inputs that is dropped while training."),
    ("training", "epochs", "Passes over the rows."),
    ("training", "rate", "Learning rate at its highest."),
    ("training", "batch", "Rows a step; less needs less memory."),
    ("training", "accumulation", "Steps that are added up before the weights move."),
    ("training", "max_length", "Longest row in tokens; longer ones are left out."),
    (
        "training",
        "method",
        "What is learnt from: winners (sft), pairs (dpo, kto), the judge (grpo).",
    ),
    ("training", "gradient_checkpointing", "Less memory, about a third more time."),
    ("training", "quantize", "Load the base in 8 or 4 bits (QLoRA)."),
    ("training", "seed", "Order of the rows and the adapter's first weights."),
)
"""(half of the plan, field, what it does): what the form offers."""


def settled(training: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a training configuration with every default filled in; bad fields are a sentence."""
    plan = training_plan(dict(training)).model_dump(mode="json")
    return {half: dict(plan[half]) for half in ("lora", "training")}


WORDS = {"quantize": ("none", "8bit", "4bit")}


def choices(half: str, name: str) -> tuple[str, ...]:
    """Return the words that a field may hold, or nothing when it is a number or a switch."""
    if (half, name) == ("training", "method"):
        return tuple(training_fields()["methods"])
    return WORDS.get(name, ())


def preset(name: str) -> dict[str, Any]:
    """Return the training settings of a preset by memory; an unknown one changes nothing."""
    return dict(training_fields()["presets"].get(name, {}))


def presets() -> tuple[str, ...]:
    """Return the names of the presets by memory."""
    return tuple(training_fields()["presets"])


def changed(
    config: Mapping[str, Any], values: Mapping[tuple[str, str], Any], base: str
) -> RoundConfig:
    """Return a round's configuration with another recipe; raises ``InputError`` for a bad one.

    The tasks, teachers and rule stay: what was asked and judged is in the store, so a round with
    another recipe asks and pays for nothing again.
    """
    table = json.loads(json.dumps(dict(config)))
    training = table.setdefault("training", {})
    for (half, name), value in values.items():
        training.setdefault(half, {})[name] = value
    if base:
        table["base"] = base
    training_plan(training)
    return checked_config(table, "The form")


def toml(config: RoundConfig) -> str:
    """Return the configuration as a TOML file that ``workbench rounds run --config`` reads."""
    lines: list[str] = []
    _table(config.as_json(), (), lines)
    return "\n".join(lines).strip() + "\n"


def file_name(config: RoundConfig) -> str:
    """Return a name that is the same for the same configuration."""
    return f"round-{digest(canonical(config.as_json()))[:10]}.toml"


def _table(values: Mapping[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    if path:
        lines += ["", f"[{'.'.join(path)}]"]
    lines += [
        f"{name} = {_value(value)}"
        for name, value in values.items()
        if value is not None and not isinstance(value, Mapping)
    ]
    for name, value in values.items():
        if isinstance(value, Mapping):
            _table(value, (*path, name), lines)


def _value(value: object) -> str:
    """Return one TOML value; a table within a list is written in line."""
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(k)} = {_value(v)}" for k, v in value.items() if v is not None)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)
