"""The quick forward pass says what the model says, for each family and each adapter of a batch."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from distill.decoder import Decoder, lean_decoder
from distill.errors import DistillError
from distill.lean import LeanBatch, runs_of
from distill.loading import quiet
from distill.running import RunningBatch
from distill.sampling import Sequence, draw
from distill.slots import UnshareableError, read_slot

SHAPE = {
    "vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
    "pad_token_id": 0, "tie_word_embeddings": False,
}  # fmt: skip
PROMPTS = [[3, 4, 5], [7] * 11, [9, 8], list(range(20, 60)), [2]]


def model(family: str, **changed: Any) -> Any:
    import transformers

    config = getattr(transformers, f"{family}Config")(**{**SHAPE, **changed})
    torch.manual_seed(1)
    made = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    for name, weight in made.named_parameters():
        if "norm" in name or name.endswith("bias"):
            torch.nn.init.normal_(weight, 1.0, 0.2)
        else:
            torch.nn.init.normal_(weight, 0.0, 0.3)
    return made


def decoder(made: Any) -> Decoder:
    found, reason = lean_decoder(made)
    assert found is not None, reason
    return found


def play(batch: Any, slots: list[int] | None = None) -> list[list[int]]:
    """Let rows join and leave at odd moments; return what each drew."""
    rows = [Sequence(list(p), slot=s) for p, s in zip(PROMPTS, slots or [0] * 5, strict=True)]
    wanted = [12, 5, 20, 9, 80]
    coming = list(rows)
    with torch.inference_mode():
        while coming or batch.rows:
            if batch.rows:
                batch.step()
            if coming and len(batch.rows) < 3:
                batch.join([coming.pop(0) for _ in range(min(2, len(coming)))])
            over = {
                place
                for place, row in enumerate(batch.rows)
                if len(row.tokens) >= wanted[rows.index(row)]
            }
            if over:
                batch.leave(over)
    return [row.tokens for row in rows]


@pytest.mark.parametrize(
    ("family", "changed"),
    [
        ("Llama", {}),
        ("Llama", {"tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True}),
        ("Llama", {"num_key_value_heads": 4, "rope_parameters": {"rope_type": "linear",
                                                                 "factor": 2.0,
                                                                 "rope_theta": 500.0}}),
        ("Qwen2", {}),
        ("Qwen3", {"head_dim": 16}),
        ("Mistral", {"sliding_window": None}),
    ],
)  # fmt: skip
def test_rows_that_join_and_leave_say_what_the_model_says(
    family: str, changed: dict[str, Any]
) -> None:
    made = model(family, **changed)
    plain = play(RunningBatch(made, 0))
    lean = play(LeanBatch(decoder(made), 0))
    assert lean == plain
    # the model still says the same: its weights are views of the joined ones
    assert play(RunningBatch(made, 0)) == plain


@pytest.mark.parametrize(
    ("family", "changed", "says"),
    [
        ("Gemma", {}, "not of Llama's shape"),
        ("Llama", {"hidden_act": "gelu"}, "activation is gelu"),
        ("Mistral", {"sliding_window": 8}, "within a window"),
        ("Llama", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0,
                                       "rope_theta": 1e4}}, "told by dynamic"),
    ],
)  # fmt: skip
def test_other_shapes_are_left_to_the_model(
    family: str, changed: dict[str, Any], says: str
) -> None:
    found, reason = lean_decoder(model(family, **changed))
    assert found is None
    assert says in reason


def test_a_model_of_the_shape_that_computes_something_else_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = model("Llama")
    whole = made.model.norm.forward
    monkeypatch.setattr(made.model.norm, "forward", lambda x: whole(x) * 1.1)
    found, reason = lean_decoder(made)
    assert found is None
    assert "differ" in reason


def adapter(made: Any, folder: Path, seed: int, **changed: Any) -> Any:
    """Train nothing, but save a peft adapter that changes much; return the adapted model."""
    from peft import LoraConfig, get_peft_model

    options = {
        "r": 4, "lora_alpha": 8, "task_type": "CAUSAL_LM",
        "target_modules": ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj", "embed_tokens"],
        **changed,
    }  # fmt: skip
    with quiet():
        adapted = get_peft_model(made, LoraConfig(**options))
    torch.manual_seed(seed)
    for name, weight in adapted.named_parameters():
        if "lora_" in name and "magnitude" not in name:
            torch.nn.init.normal_(weight, 0.0, 0.3)
    with quiet():
        adapted.save_pretrained(str(folder), save_embedding_layers=False)
    return adapted.eval()


@pytest.mark.parametrize("family", ["Llama", "Qwen2"])
def test_adapters_share_a_base_and_each_row_hears_its_own(family: str, tmp_path: Path) -> None:
    base = play(RunningBatch(model(family), 0))
    alone = []
    for seed, changed in ((5, {}), (6, {"r": 2, "use_rslora": True})):
        adapted = adapter(model(family), tmp_path / str(seed), seed, **changed)
        alone.append(play(RunningBatch(adapted, 0)))
    assert base != alone[0] != alone[1]
    shared = decoder(model(family))
    shared.slots = {1: read_slot(tmp_path / "5", shared), 2: read_slot(tmp_path / "6", shared)}
    assert shared.slots[1].bytes > 0
    for slots in ([1, 1, 1, 1, 1], [2, 1, 0, 2, 1], [0, 1, 0, 1, 0], [1, 2, 2, 0, 1]):
        wanted = [[base, *alone][slot][place] for place, slot in enumerate(slots)]
        assert play(LeanBatch(shared, 0), slots) == wanted


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"use_dora": True, "target_modules": ["q_proj"]}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "lora_only"}, "biases"),
        ({"target_modules": ["lm_head"]}, "lm_head"),
        ({"init_lora_weights": "pissa", "target_modules": ["q_proj"]}, "began with pissa"),
    ],
)
def test_an_adapter_of_another_kind_cannot_share(
    tmp_path: Path, changed: dict[str, Any], says: str
) -> None:
    adapter(model("Llama", attention_bias=True), tmp_path, 5, **changed)
    with pytest.raises(UnshareableError, match=says):
        read_slot(tmp_path, decoder(model("Llama", attention_bias=True)))


def test_an_adapter_of_another_size_does_not_fit(tmp_path: Path) -> None:
    adapter(model("Llama"), tmp_path, 5)
    with pytest.raises(DistillError, match="does not fit"):
        read_slot(tmp_path, decoder(model("Llama", hidden_size=64)))


def test_scattered_rows_are_brought_together() -> None:
    rows = [Sequence([1], slot=slot) for slot in (1, 1, 0, 2, 2)]
    assert runs_of(rows) == [(1, 0, 2), (0, 2, 3), (2, 3, 5)]


def test_a_draw_keeps_to_its_chances_and_to_its_share() -> None:
    chances = torch.tensor([0.5, 0.3, 0.15, 0.05])
    logits = chances.log().repeat(2000, 1)

    def counts(top_p: float, temperature: float = 1.0) -> list[float]:
        rows = [Sequence([1], temperature, top_p, random.Random(n)) for n in range(2000)]
        return (torch.bincount(draw(logits, rows), minlength=4) / 2000).tolist()

    assert counts(1.0) == pytest.approx(chances.tolist(), abs=0.04)
    assert counts(0.8) == pytest.approx([0.625, 0.375, 0, 0], abs=0.04)
    assert counts(0.81)[2] > 0
    assert counts(1e-9) == [1, 0, 0, 0]
    assert counts(1.0, 1e-9) == [1, 0, 0, 0]
    mixed = [Sequence([1]), Sequence([1], 1.0, 0.5, random.Random(1)),
             Sequence([1], 2.0, 1.0, random.Random(3))]  # fmt: skip
    assert draw(logits[:3], mixed).tolist()[:2] == [0, 0]
