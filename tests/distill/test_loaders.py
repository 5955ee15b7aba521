"""Exported files go into TRL's own trainers unchanged: its own classes, one real step each.

Nothing of ours stands between the file and the trainer but ``datasets``; ``distill.methods`` is not
imported here on purpose.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distill.example import Example
from distill.exporting import export

pytestmark = pytest.mark.slow


def loaded(rows: list[Example], form: str, folder: Path) -> Any:
    """Export as a folder and read it as anybody would."""
    import datasets

    twins = [
        replace(row, rejected="def wrong() -> int:\n    return 0",
                facts={"refutation": "wrong() returned 0."})
        for row in rows[:8]
    ]  # fmt: skip
    export(twins, form, folder / form, container="folder")
    return datasets.load_dataset(str(folder / form), split="train", cache_dir=str(folder / "cache"))


def stepped(trainer_class: Any, config_class: Any, base: Path, data: Any, folder: Path,
            more: dict[str, Any], given: dict[str, Any] | None = None) -> float:  # fmt: skip
    """Let TRL's trainer take one step on ``data``; return its loss."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = trainer_class(
            model=str(base),
            args=config_class(
                output_dir=str(folder / "out"), max_steps=1, per_device_train_batch_size=4,
                use_cpu=True, report_to="none", save_strategy="no", logging_steps=1,
                disable_tqdm=True, gradient_checkpointing=False, bf16=False, **more,
            ),
            train_dataset=data,
            **(given or {}),
        )  # fmt: skip
        return float(trainer.train().training_loss)


@pytest.mark.parametrize("form", ["prompt-completion", "chat", "repair"])
def test_sft(form: str, rows: list[Example], base: Path, tmp_path: Path) -> None:
    from trl import SFTConfig, SFTTrainer

    data = loaded(rows, form, tmp_path)
    more = {} if form == "chat" else {"completion_only_loss": True}
    assert stepped(SFTTrainer, SFTConfig, base, data, tmp_path, more) > 0


def test_dpo(rows: list[Example], base: Path, tmp_path: Path) -> None:
    from trl import DPOConfig, DPOTrainer

    data = loaded(rows, "preference", tmp_path)
    loss = stepped(DPOTrainer, DPOConfig, base, data, tmp_path, {})
    assert loss == pytest.approx(0.693, abs=0.01)


def test_kto(rows: list[Example], base: Path, tmp_path: Path) -> None:
    from trl import KTOConfig, KTOTrainer

    data = loaded(rows, "kto", tmp_path)
    assert stepped(KTOTrainer, KTOConfig, base, data, tmp_path, {}) == pytest.approx(0.5, abs=0.05)


def test_grpo(rows: list[Example], base: Path, tmp_path: Path) -> None:
    from trl import GRPOConfig, GRPOTrainer

    seen: list[list[Any]] = []

    def reward(prompts: list[Any], completions: list[Any], **_: Any) -> list[float]:
        seen.append(prompts)
        return [float(len(one[-1]["content"]) % 5) for one in completions]

    data = loaded(rows, "prompt-completion", tmp_path)
    more = {"num_generations": 2, "max_completion_length": 8}
    given = {"reward_funcs": reward}
    stepped(GRPOTrainer, GRPOConfig, base, data, tmp_path, more, given)
    assert [turn["role"] for turn in seen[0][0]] == ["user"]
