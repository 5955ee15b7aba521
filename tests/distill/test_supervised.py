"""The cheaper ways around TRL's numbers: the same tokens, the same masks, rows of like length."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from distill.batches import Alike
from distill.config import TrainConfig, TrainingPlan
from distill.errors import DistillError
from distill.example import Example
from distill.formats import prompt_completion
from distill.loading import load_tokenizer, quiet
from distill.supervised import Supervised, _left_out, tokenised
from distill.trainer import train


@pytest.mark.parametrize("length", [2048, 40])
def test_rows_become_the_tokens_and_labels_that_trl_makes(
    base: Path, rows: list[Example], tmp_path: Path, length: int
) -> None:
    import datasets
    from transformers import AutoModelForCausalLM
    from trl import SFTConfig, SFTTrainer

    tokenizer = load_tokenizer(base)
    given = [replace(rows[0], messages=(("user", "word " * 60),)), *rows]
    data = datasets.Dataset.from_list([next(prompt_completion(row)) for row in given])
    with quiet():
        theirs = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(base),
            args=SFTConfig(
                output_dir=str(tmp_path), max_length=length, completion_only_loss=True,
                use_cpu=True, report_to="none",
            ),
            train_dataset=data, processing_class=tokenizer,
        ).train_dataset  # fmt: skip
        ours = tokenised(data, tokenizer, length)
    assert ours["input_ids"] == theirs["input_ids"]
    assert ours["labels"] == theirs["labels"]
    # At forty tokens the long prompt fills its row, and nothing would be learnt from it.
    assert len(ours) == len(given) if length == 2048 else 0 < len(ours) < len(given)


def test_rows_of_which_no_answer_fits_are_a_sentence(
    base: Path, rows: list[Example], tmp_path: Path
) -> None:
    plan = TrainingPlan(training=TrainConfig(max_length=8))
    with pytest.raises(DistillError, match=r"of none of the 24 rows .* max_length 8; raise it"):
        train(rows, base, plan, tmp_path)


@pytest.mark.parametrize("count", [1, 5, 8, 96, 100, 700])
def test_every_row_comes_once_and_its_batch_is_of_like_length(count: int) -> None:
    torch.manual_seed(3)
    lengths = torch.randint(10, 200, (count,)).tolist()
    sampler = Alike(lengths, 8)
    order = list(sampler)
    assert sorted(order) == list(range(count)) == list(range(len(sampler)))
    batches = [[lengths[i] for i in order[n : n + 8]] for n in range(0, count, 8)]
    assert max(lengths) in batches[0]
    padded = sum(len(one) * max(one) for one in batches)
    assert padded <= sum(lengths) * (1.25 if count > 32 else 1.8)
    torch.manual_seed(3)
    torch.randint(10, 200, (count,))
    assert list(sampler) == order
    assert count < 16 or list(sampler) != order


def test_only_padding_on_the_right_needs_no_mask() -> None:
    right = {"attention_mask": torch.tensor([[1, 1, 0], [1, 1, 1]])}
    left = {"attention_mask": torch.tensor([[0, 1, 1], [1, 1, 1]])}
    assert _left_out(right) == ("labels", "attention_mask")
    assert _left_out(left) == ("labels",)
    assert _left_out({}) == ("labels",)


def test_without_its_mask_a_batch_has_the_same_loss(
    base: Path, rows: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distill import supervised

    plan = TrainingPlan(training=TrainConfig(epochs=1, batch=8))
    bare = train(rows, base, plan, tmp_path / "bare")
    monkeypatch.setattr(supervised, "_left_out", lambda inputs: ("labels",))
    masked = train(rows, base, plan, tmp_path / "masked")
    assert [loss for _, loss in bare.losses] == pytest.approx([x for _, x in masked.losses])


def test_other_shapes_of_rows_go_trls_own_way(base: Path, tmp_path: Path) -> None:
    seen: list[Any] = []

    class Spied(Supervised):
        def __init__(self) -> None:
            pass

    import datasets
    import trl

    data = datasets.Dataset.from_list([{"messages": [{"role": "user", "content": "hi"}]}])
    original = trl.SFTTrainer._prepare_dataset
    try:
        trl.SFTTrainer._prepare_dataset = lambda self, *given: seen.append(given) or "theirs"
        args = type("Arguments", (), {"max_length": 10})()
        assert Spied()._prepare_dataset(data, None, args, False, None, "train") == "theirs"
    finally:
        trl.SFTTrainer._prepare_dataset = original
    assert len(seen) == 1
