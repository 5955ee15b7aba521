"""The forward pass of Llama-shaped models in few operations, for many rows and several adapters.

Between two tokens of a small model most of the time is Python's and the dispatcher's, not
arithmetic. Here a layer is a dozen operations: the three inputs of attention are one matrix, turned
in place, and sums are part of the products. Built from a loaded transformers model, whose weights
it shares, and used only where its logits agree with that model's on a probe. Llama, Qwen2, Qwen3
and Mistral without a window are of this shape; for others ``lean_decoder`` says why not.
What it is not: a place for keys and values (see ``distill.lean``) or a trainer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distill.slots import GROUPS, Slot

if TYPE_CHECKING:
    import torch

    Attend = Callable[[int, torch.Tensor], torch.Tensor]
    """Takes a layer's number and its turned heads (tokens, heads, width); returns what attention
    made of them (tokens, query heads times width)."""

__all__ = ["Decoder", "Run", "lean_decoder"]

Run = tuple[int, int, int]
"""An adapter's slot and the rows, from and to, that it computes."""
_MODELS = ("LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "MistralForCausalLM")
_TURNS = ("default", "linear", "llama3", "yarn")
"""Ways of telling positions that do not depend on how long the text has become."""
_PROBE = 24


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one decoder layer, those that read the same input as one matrix."""

    norm_in: torch.Tensor
    joined: tuple[torch.Tensor, torch.Tensor | None]
    head_norm: torch.Tensor | None
    """Weights over (query and key heads, width) where the model normalises them."""
    out: tuple[torch.Tensor, torch.Tensor | None]
    norm_mid: torch.Tensor
    gate_up: tuple[torch.Tensor, torch.Tensor | None]
    down: tuple[torch.Tensor, torch.Tensor | None]


class Decoder:
    """The model's weights, ready. ``slots`` maps an adapter's number to its matrices."""

    def __init__(self, model: Any) -> None:
        config, inner = model.config, model.model
        self.queries = int(config.num_attention_heads)
        self.keys = int(config.num_key_value_heads)
        self.width = int(
            getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        )
        self.epsilon = float(config.rms_norm_eps)
        self.embedding: torch.Tensor = inner.embed_tokens.weight
        self.device, self.dtype = self.embedding.device, self.embedding.dtype
        self.layers = [self._layer(each) for each in inner.layers]
        self.norm: torch.Tensor = inner.norm.weight
        self.head: torch.Tensor = model.lm_head.weight
        self.slots: dict[int, Slot] = {}
        self._rotary = inner.rotary_emb
        self._mean, self._least = self._for_norms()
        self._turns: torch.Tensor | None = None

    def shapes(self, number: int) -> list[tuple[int, tuple[int, ...]]]:
        """Return (inputs, outputs of each part) for every group of ``distill.slots.GROUPS``."""
        layer = self.layers[number]
        hidden, inner = layer.out[0].shape[1], layer.down[0].shape[0]
        mixed = self.queries * self.width
        return [
            (hidden, (mixed, self.keys * self.width, self.keys * self.width)),
            (mixed, (hidden,)),
            (hidden, (inner, inner)),
            (inner, (hidden,)),
        ]

    def logits(
        self, ids: torch.Tensor, positions: torch.Tensor, runs: Sequence[Run], attend: Attend
    ) -> torch.Tensor:
        """Return the logits (rows, vocabulary) after each row's last token.

        ``ids`` and ``positions`` are (rows, tokens); rows that are shorter are padded on the left.
        """
        from torch.nn import functional

        rows, length = ids.shape
        hidden = self._hidden(ids, positions, runs, attend)
        last = hidden.view(rows, length, -1)[:, -1] if length > 1 else hidden
        return functional.linear(self._normed(last, self.norm), self.head)

    def _hidden(
        self, ids: torch.Tensor, positions: torch.Tensor, runs: Sequence[Run], attend: Attend
    ) -> torch.Tensor:
        from torch.nn import functional

        flat = ids.reshape(-1)
        x = functional.embedding(flat, self.embedding)
        adapted = self._adapted(runs, ids.shape[1])
        for slot, begin, end in adapted:
            if slot.embedding is not None:
                first, second = slot.embedding
                x[begin:end].addmm_(functional.embedding(flat[begin:end], first), second)
        cosines, sines = self._turn(positions)
        turned, half = self.queries + self.keys, self.width // 2
        tokens = flat.shape[0]
        for number, layer in enumerate(self.layers):
            normed = self._normed(x, layer.norm_in)
            joined = functional.linear(normed, *layer.joined)
            _adapt(joined, normed, adapted, number, 0)
            heads = joined.view(tokens, -1, self.width)
            moving = heads[:, :turned]
            if layer.head_norm is not None:
                moving.copy_(
                    functional.rms_norm(moving, (self.width,), None, self.epsilon) * layer.head_norm
                )
            other = moving.roll(half, -1)
            moving.mul_(cosines).addcmul_(other, sines)
            mixed = attend(number, heads)
            x = _onto(x, mixed, layer.out)
            _adapt(x, mixed, adapted, number, 1)
            normed = self._normed(x, layer.norm_mid)
            both = functional.linear(normed, *layer.gate_up)
            _adapt(both, normed, adapted, number, 2)
            gate, up = both.chunk(2, -1)
            opened = functional.silu(gate) * up
            x = _onto(x, opened, layer.down)
            _adapt(x, opened, adapted, number, 3)
        return x

    def _normed(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Return the root-mean-square norm; in single precision the mean is one small product."""
        import torch
        from torch.nn import functional

        if self._mean is None or self._least is None:
            return functional.rms_norm(x, weight.shape, weight, self.epsilon)
        return torch.addmm(self._least, x * x, self._mean).rsqrt_().mul(x).mul_(weight)

    def _adapted(self, runs: Sequence[Run], length: int) -> list[tuple[Slot, int, int]]:
        """Return the runs whose rows an adapter computes, in tokens."""
        return [
            (self.slots[slot], begin * length, end * length)
            for slot, begin, end in runs
            if slot in self.slots
        ]

    def _turn(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cosines and signed sines (tokens, 1, width) for the positions."""
        flat = positions.reshape(-1)
        # The caller grows the table beforehand (``reach``): asking the tensor would wait for it.
        assert self._turns is not None
        found = self._turns[flat]
        return found[:, 0], found[:, 1]

    def reach(self, length: int) -> None:
        """Make ready for texts of up to ``length`` tokens."""
        import torch

        known = 0 if self._turns is None else self._turns.shape[0]
        if length <= known:
            return
        size = max(length, 2 * known, 256)
        places = torch.arange(size, device=self.device).unsqueeze(0)
        like = torch.zeros(1, dtype=self.dtype, device=self.device)
        cosines, sines = self._rotary(like, places)
        signed = sines[0].clone()
        # x2 and x1 change places below, so the sign of the first half goes into the sines.
        signed[:, : self.width // 2] *= -1
        self._turns = torch.stack([cosines[0], signed], 1).unsqueeze(2)

    def _for_norms(self) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Return what a mean of squares is made with; None where it needs a wider type."""
        import torch

        if self.dtype != torch.float32:
            return None, None
        size = self.norm.shape[0]
        like = {"device": self.device, "dtype": self.dtype}
        return torch.full((size, 1), 1 / size, **like), torch.full((1, 1), self.epsilon, **like)

    def _layer(self, layer: Any) -> Layer:
        attention, mlp = layer.self_attn, layer.mlp
        return Layer(
            layer.input_layernorm.weight,
            _joined([attention.q_proj, attention.k_proj, attention.v_proj]),
            self._head_norm(attention),
            (attention.o_proj.weight.t(), attention.o_proj.bias),
            layer.post_attention_layernorm.weight,
            _joined([mlp.gate_proj, mlp.up_proj]),
            (mlp.down_proj.weight.t(), mlp.down_proj.bias),
        )

    def _head_norm(self, attention: Any) -> torch.Tensor | None:
        import torch

        if getattr(attention, "q_norm", None) is None:
            return None
        each = [attention.q_norm.weight] * self.queries + [attention.k_norm.weight] * self.keys
        return torch.stack(each)


def lean_decoder(model: Any) -> tuple[Decoder | None, str]:
    """Return the decoder for ``model``, or None and the reason in words."""
    reason = _reason(model)
    if reason:
        return None, reason
    decoder = Decoder(model)
    difference = _difference(model, decoder)
    allowed = 1e-3 if str(decoder.dtype) == "torch.float32" else 5e-2
    if not difference <= allowed:
        return None, f"its logits differ from the model's by {difference:.3g} on a probe"
    return decoder, ""


def _reason(model: Any) -> str:
    config = model.config
    if type(model).__name__ not in _MODELS:
        return f"{type(model).__name__} is not of Llama's shape"
    if getattr(config, "quantization_config", None):
        return "the model is quantised"
    if getattr(config, "hidden_act", "") not in ("silu", "swish"):
        return f"its activation is {config.hidden_act}"
    windowed = [kind for kind in getattr(config, "layer_types", None) or () if "full" not in kind]
    uses = getattr(config, "use_sliding_window", type(model).__name__.startswith("Mistral"))
    if windowed or (uses and getattr(config, "sliding_window", None)):
        return "it attends within a window"
    kind = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    if kind not in _TURNS:
        return f"its positions are told by {kind}"
    if len({(one.device, one.dtype) for one in model.parameters()}) != 1:
        return "its weights are of several kinds or on several devices"
    names = {name for group in GROUPS for name in group}
    layer = model.model.layers[0]
    if not all(_plain(layer, name) for name in names):
        return "its linear layers are not plain"
    return ""


def _plain(layer: Any, name: str) -> bool:
    import torch

    return type(layer.get_submodule(name)) is torch.nn.Linear


def _difference(model: Any, decoder: Decoder) -> float:
    """Return the largest difference of logits on a probe, relative to the largest logit."""
    import torch

    vocabulary = decoder.embedding.shape[0]
    places = torch.arange(_PROBE, device=decoder.device).unsqueeze(0)
    ids = (places * 7919 + 13) % vocabulary
    with torch.inference_mode():
        decoder.reach(_PROBE)
        wanted = model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[:, -1]
        found = decoder.logits(ids, places, [], _attend_alone(decoder, 1))
        most = wanted.abs().max().clamp(min=1)
        return float(((found - wanted).abs().max() / most).float())


def _attend_alone(decoder: Decoder, rows: int) -> Attend:
    """Return causal attention of whole rows over themselves."""
    import torch
    from torch.nn import functional

    def attend(_: int, heads: torch.Tensor) -> torch.Tensor:
        each = heads.view(rows, -1, heads.shape[1], decoder.width).transpose(1, 2)
        sizes = [decoder.queries, decoder.keys, decoder.keys]
        query, key, value = torch.split(each, sizes, 1)
        again = decoder.queries // decoder.keys
        key, value = (one.repeat_interleave(again, 1) for one in (key, value))
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return mixed.transpose(1, 2).reshape(heads.shape[0], -1)

    return attend


def _joined(parts: Sequence[Any]) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return one matrix over the parts' outputs; the parts become views of it, so it costs nothing.

    A part without a bias beside one that has it counts as zero.
    """
    import torch

    with torch.no_grad():
        whole = torch.cat([part.weight for part in parts])
        row = 0
        for part in parts:
            size = part.weight.shape[0]
            part.weight = torch.nn.Parameter(whole[row : row + size], requires_grad=False)
            row += size
        if all(part.bias is None for part in parts):
            return whole, None
        biases = [
            part.weight.new_zeros(part.weight.shape[0]) if part.bias is None else part.bias
            for part in parts
        ]
        return whole, torch.cat(biases)


def _onto(
    x: torch.Tensor, y: torch.Tensor, linear: tuple[torch.Tensor, torch.Tensor | None]
) -> torch.Tensor:
    """Return x plus the linear layer of y; its weight is (inputs, outputs)."""
    import torch

    weight, bias = linear
    found = torch.addmm(x, y, weight)
    return found if bias is None else found.add_(bias)


def _adapt(
    out: torch.Tensor, x: torch.Tensor, adapted: Sequence[tuple[Slot, int, int]], layer: int,
    group: int,
) -> None:  # fmt: skip
    """Add to ``out`` what each run's adapter makes of ``x``."""
    for slot, begin, end in adapted:
        pair = slot.layers[layer][group]
        if pair is not None:
            out[begin:end].addmm_(x[begin:end] @ pair[0], pair[1])
