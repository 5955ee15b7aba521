"""What a training would take, before it starts: steps, tokens, memory, and time by trying a step.

Steps and tokens are counted on the real rows with the real tokenizer. Memory is arithmetic:
weights, the adapter with its gradients and two moments, and activations. Time is measured: one step
of average length on the real device, times the steps; only a run itself knows better.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill.config import TrainingPlan
from distill.example import Example
from distill.rows import repeats, with_replay

_WEIGHT_BYTES = {"none": {"cpu": 4.0, "cuda": 2.0}, "8bit": {"cpu": 1.0, "cuda": 1.0},
                 "4bit": {"cpu": 0.55, "cuda": 0.55}}  # fmt: skip
# Per token and layer, in units of the hidden width: what a Llama-like block keeps for its backward
# pass (attention about 8, feed-forward about 3 times the wider inner width), or one input each.
_KEPT, _CHECKPOINTED = 20, 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """A training before it starts. ``seconds`` is None when no step was tried."""

    rows: int
    steps: int
    tokens: int
    """Tokens of all passes, without padding."""
    longest: int
    parameters: int
    trainable: int
    memory: int
    """Bytes at the fullest moment."""
    seconds: float | None
    device: str
    preset: str
    """The preset that fits the memory of this device."""


def estimate(
    examples: Sequence[Example],
    base: str | Path,
    plan: TrainingPlan,
    *,
    earlier: Sequence[Example] = (),
    try_step: bool = True,
) -> Estimate:
    """Estimate ``distill.train`` with the same arguments; raises ``DistillError`` as it would."""
    from distill.devices import device_of
    from distill.loading import load_tokenizer
    from distill.lora import trainable
    from distill.methods import usable
    from distill.presets import preset_for
    from distill.student import base_digest

    settings = plan.training
    rows = usable(with_replay(examples, earlier, settings.replay, settings.seed), settings)
    device = device_of(settings.device)
    tokenizer = load_tokenizer(base)
    model, peft = trainable(base, base_digest(base), plan.lora, settings, device)
    lengths = sorted(min(n, settings.max_length) for n in row_lengths(tokenizer, rows))
    seen = sum(repeats(row, settings.seed) for row in rows)
    answers = {"grpo": settings.generations, "dpo": 1, "kto": 2}.get(settings.method, 1)
    steps = -(-seen * answers // (settings.batch * settings.accumulation))
    total = max(1, round(steps * settings.epochs))
    parameters = int(model.num_parameters())
    if peft is not None:
        from peft import get_peft_model

        model = get_peft_model(model, peft)
    adapted = sum(p.numel() for p in model.parameters() if p.requires_grad)
    seconds = None
    if try_step and settings.method == "sft":
        middle = max(8, lengths[len(lengths) // 2])
        seconds = total * settings.accumulation * _step_seconds(model, settings.batch, middle)
    kind = "cuda" if device.startswith("cuda") else "cpu"
    return Estimate(
        rows=seen,
        steps=total,
        tokens=round(sum(lengths) / len(lengths) * seen * settings.epochs),
        longest=lengths[-1],
        parameters=parameters,
        trainable=adapted,
        memory=round(parameters * _WEIGHT_BYTES[settings.quantize][kind])
        + adapted * 16
        + _activations(model.config, plan, lengths[-1], kind),
        seconds=seconds,
        device=device,
        preset=preset_for(_memory(kind) / 1e9, accelerator=kind == "cuda"),
    )


def row_lengths(tokenizer: Any, rows: Sequence[Example]) -> list[int]:
    """Return each row's tokens, prompt and completion, as the chat template renders them."""
    texts = [
        tokenizer.apply_chat_template(
            [*({"role": role, "content": text} for role, text in row.messages),
             {"role": "assistant", "content": row.completion}],
            tokenize=False,
        )
        for row in rows
    ]  # fmt: skip
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]


def _step_seconds(model: Any, batch: int, length: int) -> float:
    """Return the seconds of one forward and backward pass, the second of two tried."""
    import torch

    device = next(model.parameters()).device
    tokens = torch.randint(1, int(model.config.vocab_size), (batch, length), device=device)
    model.train()
    spent = 0.0
    for _ in range(2):
        begun = time.perf_counter()
        model(input_ids=tokens, labels=tokens).loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        spent = time.perf_counter() - begun
        model.zero_grad(set_to_none=True)
    return spent


def _activations(config: Any, plan: TrainingPlan, longest: int, kind: str) -> int:
    """Return the bytes kept for the backward pass, and of the logits, at the longest row."""
    settings = plan.training
    tokens = settings.batch * longest
    kept = _CHECKPOINTED if settings.gradient_checkpointing else _KEPT
    width = 2 if kind == "cuda" else 4
    layers = int(config.num_hidden_layers) * int(config.hidden_size) * kept * width
    logits = min(tokens, 4096) * int(config.vocab_size) * 4 * 2
    return tokens * layers + logits


def _memory(kind: str) -> int:
    """Return the bytes of memory of the accelerator, or of this machine."""
    if kind == "cuda":
        import torch

        return int(torch.cuda.get_device_properties(0).total_memory)
    import os

    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
