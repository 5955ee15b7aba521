"""Rows that lie near each other in a local model's space: mean-pooled last hidden states, cosine.

Any encoder or decoder that ``transformers`` loads from a folder or hub id will do. What it is not:
a measure of sameness; two opposite functions can be worded almost alike, so the threshold is high.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from distill.dedupe import Duplicate
from distill.errors import DistillError
from distill.example import Example

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

_BLOCK = 512
"""Rows compared with all earlier ones at a time: memory stays at a block times the rows."""


def alike(examples: Sequence[Example], model: str, *, threshold: float = 0.97) -> list[Duplicate]:
    """Find rows whose prompt and code embed at cosine ``threshold`` or more to an earlier kept row.

    Raises ``DistillError`` when the model cannot be loaded.
    """
    texts = [f"{row.messages[-1][1]}\n{row.completion}" for row in examples]
    return nearest(embed(texts, model), threshold) if texts else []


def embed(texts: Sequence[str], model: str, *, batch: int = 32, tokens: int = 512) -> Vectors:
    """Return one unit vector for each text, as (texts, width) float32."""
    try:
        torch, transformers = import_module("torch"), import_module("transformers")
    except ModuleNotFoundError as error:
        raise DistillError(
            'embeddings need the extra train: pip install "distillation-workbench[train]"'
        ) from error
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(model)
        network = transformers.AutoModel.from_pretrained(model, use_safetensors=True).eval()
    except (OSError, ValueError) as error:
        raise DistillError(f"the embedding model {model!r} cannot be loaded: {error}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    return _pooled(torch, tokenizer, network, texts, order, batch, tokens)


def _pooled(
    torch: Any,
    tokenizer: Any,
    network: Any,
    texts: Sequence[str],
    order: Sequence[int],
    batch: int,
    tokens: int,
) -> Vectors:
    import numpy as np

    found: list[Any] = [None] * len(texts)
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            places = order[start : start + batch]
            given = tokenizer(
                [texts[place] for place in places],
                padding=True, truncation=True, max_length=tokens, return_tensors="pt",
                return_token_type_ids=False,
            )  # fmt: skip
            hidden = network(**given).last_hidden_state.float()
            mask = given["attention_mask"].unsqueeze(-1)
            mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
            for place, vector in zip(places, torch.nn.functional.normalize(mean), strict=True):
                found[place] = vector.numpy()
    return np.stack(found).astype(np.float32)


def nearest(vectors: Vectors, threshold: float) -> list[Duplicate]:
    """Return the rows of ``vectors`` (unit length) that are near an earlier row that stays."""
    import numpy as np

    found: list[Duplicate] = []
    stays = np.ones(len(vectors), dtype=bool)
    for start in range(0, len(vectors), _BLOCK):
        cosines = vectors[start : start + _BLOCK] @ vectors[: start + _BLOCK].T
        for offset, row in enumerate(cosines):
            place = start + offset
            scores = np.where(stays[:place], row[:place], -1.0)
            if place and scores.max() >= threshold:
                kept = int(scores.argmax())
                stays[place] = False
                found.append(Duplicate(place, kept, "embedding", float(scores[kept])))
    return found
