"""Configuration files are honoured field by field or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill.config import read_lora, read_training
from distill.errors import DistillError


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_names_of_other_tools_are_understood(tmp_path: Path) -> None:
    lora = read_lora(write(tmp_path, "r: 64\nlora_alpha: 128\ntarget_modules: [q_proj, v_proj]\n"))
    assert (lora.rank, lora.alpha, lora.target_modules) == (64, 128, ("q_proj", "v_proj"))
    text = (
        "num_train_epochs: 2\nlearning_rate: 0.001\nlr_scheduler_type: linear\nmax_grad_norm: 0.5"
    )
    training = read_training(write(tmp_path, text))
    assert (training.epochs, training.rate, training.schedule, training.clip) == (
        2.0, 0.001, "linear", 0.5,
    )  # fmt: skip


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert read_training(write(tmp_path, "")).epochs == 3.0


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("ranke: 3", "unknown field 'ranke'; known are rank"),
        ("rank: many", "field 'r"),
        ("rank: -1", "greater than or equal to 1"),
        ("- 1", "fields with values"),
        ("rank: [1", "line 1 is not YAML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(DistillError, match=r"config\.yaml") as caught:
        read_lora(write(tmp_path, text))
    assert word in str(caught.value)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DistillError, match="cannot be read"):
        read_lora(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("method: grpo\nbatch: 6\ngenerations: 4", "not a multiple of generations 4"),
        ("method: gkd", "gkd needs a teacher"),
        ("beta: 0.2", "beta is read by dpo, kto, grpo, gkd, gold only; leave it out for sft"),
        ("patience: 2", "set validation as well"),
        ("preset: mainframe", "no preset 'mainframe'; known are laptop"),
        ("report: wandb", "field 'report'"),
    ],
)
def test_a_field_that_its_method_would_not_read_is_refused(
    tmp_path: Path, text: str, word: str
) -> None:
    with pytest.raises(DistillError) as caught:
        read_training(write(tmp_path, text))
    assert word in str(caught.value)


def test_a_preset_fills_what_was_not_given(tmp_path: Path) -> None:
    found = read_training(write(tmp_path, "preset: 16gb\nper_device_train_batch_size: 1\n"))
    assert (found.batch, found.accumulation, found.quantize) == (1, 8, "4bit")
    assert read_training(write(tmp_path, "report: tensorboard")).report == ("tensorboard",)
