"""A student that needs no adapter any more: base and LoRA merged into one model folder.

The merged folder is an ordinary transformers model with its tokenizer and chat template. It is
written only when it computes what base plus adapter compute, checked on real prompts.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill.adapter import attach, read
from distill.errors import DistillError
from distill.loading import load_model, load_tokenizer, quiet
from distill.student import base_digest

PROBES = (
    "Write def double(n: int) -> int. It returns n times 2.",
    "Complete def pick(a: int, b: int) -> int. The answer is the larger one.",
    "For def keep(xs: list[int]) -> list[int], work out the entries of xs above 3.",
)
TOLERANCE = 2e-3
"""Largest difference of a logit that rounding in single precision may make."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged model: its folder, its digest, and how far its logits are from base plus adapter."""

    folder: Path
    digest: str
    difference: float
    tokens: int
    """Positions whose logits were compared; the likeliest token was the same at each."""


def merge(
    base: str | Path, adapter: Path, folder: Path, *, prompts: Sequence[str] = PROBES
) -> Merged:
    """Merge ``adapter`` into ``base`` and write the model to ``folder``, whole or not at all.

    Raises ``DistillError`` when the adapter does not belong to the base, ``folder`` exists, or the
    merged model would not answer as the adapted one does.
    """
    if folder.exists():
        raise DistillError(f"{folder} exists already; give a folder that does not")
    found = in_memory(base, adapter, prompts=prompts)
    if not found.same:
        raise DistillError(
            f"the merged model differs from base plus adapter by {found.difference:.3g} in a "
            "logit; nothing was written, deploy the adapter as it is"
        )
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with quiet():
            found.model.save_pretrained(part)
            found.tokenizer.save_pretrained(part)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise DistillError(f"{folder} cannot be written: {error.strerror or error}") from error
    os.replace(part, folder)
    return Merged(folder, base_digest(folder), found.difference, found.positions)


@dataclass(frozen=True, slots=True)
class MergedModel:
    """Base and adapter as one model in memory, and how it compares with the two apart."""

    model: Any
    tokenizer: Any
    difference: float
    """Largest difference of a logit between merged and adapted."""
    moved: float
    """Largest difference of a logit between adapted and plain base; 0 for an idle adapter."""
    positions: int
    same: bool
    """Within the tolerance, and with the same likeliest token everywhere."""


def in_memory(base: str | Path, adapter: Path, *, prompts: Sequence[str] = PROBES) -> MergedModel:
    """Merge ``adapter`` into ``base`` in memory and compare logits on ``prompts``; writes nothing.

    Raises ``DistillError`` when the adapter does not belong to the base.
    """
    import torch

    read(adapter, base_digest=base_digest(base))
    tokenizer = load_tokenizer(base)
    model, _ = attach(load_model(base, "cpu"), adapter)
    model.eval()
    with torch.inference_mode():
        before = [_logits(model, tokenizer, prompt) for prompt in prompts]
        with model.disable_adapter():
            plain = [_logits(model, tokenizer, prompt) for prompt in prompts]
    with quiet():
        _untie(model)
        merged = model.merge_and_unload()
    with torch.inference_mode():
        after = [_logits(merged, tokenizer, prompt) for prompt in prompts]
    difference = _furthest(before, after)
    same = all(
        bool((a.argmax(-1) == b.argmax(-1)).all()) for a, b in zip(before, after, strict=True)
    )
    return MergedModel(
        merged, tokenizer, difference, _furthest(before, plain),
        sum(len(one) for one in before), same and difference <= TOLERANCE,
    )  # fmt: skip


def _furthest(one: Sequence[Any], other: Sequence[Any]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))


def _logits(model: Any, tokenizer: Any, prompt: str) -> Any:
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
    )
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    return model(input_ids=ids).logits[0].float()


def _untie(model: Any) -> None:
    """Give the output layer weights of its own where the adapter changes the shared embeddings.

    Merged into tied weights, a change of the input embeddings would change the output layer too.
    """
    import torch

    inner = model.get_base_model()
    adapted = any(hasattr(module, "lora_embedding_A") and module.lora_embedding_A
                  for module in inner.modules())  # fmt: skip
    if not (adapted and inner.config.tie_word_embeddings):
        return
    head = inner.get_output_embeddings()
    head.weight = torch.nn.Parameter(head.weight.detach().clone())
    inner.config.tie_word_embeddings = False
