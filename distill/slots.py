"""Several LoRA adapters over one base in memory: each is a slot, and each row names its own.

A slot holds an adapter's matrices as the lean decoder multiplies them: those of one input side by
side, scaled. Only plain LoRA on linear layers and the input embedding can share a base; what else
an adapter may be (DoRA, changed biases, whole layers saved beside it) raises ``UnshareableError``,
and the caller gives such an adapter a base of its own.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.errors import DistillError

if TYPE_CHECKING:
    import torch

    from distill.decoder import Decoder

    Pair = tuple[torch.Tensor, torch.Tensor]
    """What an input is multiplied by (inputs, rank), and that by (rank, outputs), scaled."""

__all__ = ["GROUPS", "Slot", "UnshareableError", "read_slot"]

GROUPS = (
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    ("self_attn.o_proj",),
    ("mlp.gate_proj", "mlp.up_proj"),
    ("mlp.down_proj",),
)
"""Linear layers of one decoder layer, those that read the same input together."""
_LINEAR = re.compile(
    r"(?:base_model\.model\.)?model\.layers\.(\d+)\.((?:self_attn|mlp)\.\w+)\.lora_([AB])\.weight"
)
_EMBEDDING = re.compile(r"(?:base_model\.model\.)?model\.embed_tokens\.lora_embedding_([AB])")
_EMPTY = ("rank_pattern", "alpha_pattern", "modules_to_save", "trainable_token_indices",
          "target_parameters", "layer_replication", "use_dora", "lora_bias", "fan_in_fan_out",
          "use_qalora", "alora_invocation_tokens")  # fmt: skip
"""Fields of peft's configuration that must say nothing for the adapter to be plain LoRA."""
_PLAIN_BEGINNINGS = (True, False, "gaussian")
"""Ways to begin training that leave the base's weights as they are."""


class UnshareableError(DistillError):
    """The adapter is sound, but not of a kind that can share its base."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One adapter's matrices. ``layers[n][g]`` belongs to group g of decoder layer n."""

    layers: tuple[tuple[Pair | None, ...], ...]
    embedding: Pair | None

    @property
    def bytes(self) -> int:
        """How much memory it holds."""
        pairs = [pair for layer in self.layers for pair in layer] + [self.embedding]
        return sum(t.numel() * t.element_size() for pair in pairs if pair for t in pair)


def read_slot(folder: Path, decoder: Decoder) -> Slot:
    """Read the adapter in ``folder``, which was checked, for ``decoder``.

    Raises ``UnshareableError``, and ``DistillError`` when it does not fit the model.
    """
    from safetensors.torch import load_file

    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    scale = _scale(config)
    linear: dict[tuple[int, str], dict[str, torch.Tensor]] = {}
    embedding: dict[str, torch.Tensor] = {}
    for name, tensor in load_file(folder / "adapter_model.safetensors").items():
        cast = tensor.to(decoder.device, decoder.dtype)
        if found := _LINEAR.fullmatch(name):
            linear.setdefault((int(found[1]), found[2]), {})[found[3]] = cast
        elif found := _EMBEDDING.fullmatch(name):
            embedding[found[1]] = cast
        else:
            raise UnshareableError(f"the adapter changes {name}, which cannot share a base")
    known = {name for group in GROUPS for name in group}
    for number, name in linear:
        if name not in known or number >= len(decoder.layers):
            raise UnshareableError(f"the adapter changes layer {number}'s {name}")
    layers = []
    for number in range(len(decoder.layers)):
        groups = []
        for place, group in enumerate(GROUPS):
            parts = [linear.get((number, name)) for name in group]
            groups.append(_together(parts, decoder.shapes(number)[place], scale))
        layers.append(tuple(groups))
    pair = None
    if embedding:
        pair = (embedding["A"].t().contiguous(), (embedding["B"].t() * scale).contiguous())
        _fits(pair, decoder.embedding.shape[0], decoder.embedding.shape[1])
    return Slot(tuple(layers), pair)


def _scale(config: dict[str, Any]) -> float:
    if config.get("peft_type") != "LORA":
        raise UnshareableError(f"the adapter is of kind {config.get('peft_type')}, not LoRA")
    for name in _EMPTY:
        if config.get(name):
            raise UnshareableError(f"the adapter uses {name}")
    if config.get("bias", "none") != "none":
        raise UnshareableError("the adapter changes biases")
    if config.get("init_lora_weights", True) not in _PLAIN_BEGINNINGS:
        raise UnshareableError(
            f"the adapter began with {config['init_lora_weights']}, which changes the base"
        )
    rank = int(config["r"])
    below = math.sqrt(rank) if config.get("use_rslora") else rank
    return float(config["lora_alpha"]) / below


def _together(
    parts: list[dict[str, torch.Tensor] | None], shape: tuple[int, tuple[int, ...]], scale: float
) -> Pair | None:
    """Lay the matrices of one input side by side; a layer that is not adapted adds nothing."""
    import torch

    there = [part for part in parts if part is not None]
    if not there:
        return None
    inputs, outputs = shape
    first = torch.cat([part["A"] for part in there]).t().contiguous()
    second = torch.zeros(first.shape[1], sum(outputs), dtype=first.dtype, device=first.device)
    rank, column = 0, 0
    for part, width in zip(parts, outputs, strict=True):
        if part is not None:
            own = part["B"].t() * scale
            _fits((first, own), inputs, width)
            second[rank : rank + own.shape[0], column : column + width] = own
            rank += own.shape[0]
        column += width
    return first, second


def _fits(pair: Pair, inputs: int, outputs: int) -> None:
    if pair[0].shape[0] != inputs or pair[1].shape[1] != outputs:
        raise DistillError(
            f"the adapter does not fit this base model: {pair[0].shape[0]} by {pair[1].shape[1]} "
            f"where the base has {inputs} by {outputs}"
        )
