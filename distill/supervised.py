"""TRL's supervised trainer with a cheaper loss where the logits are small; imported when training.

TRL computes log-probabilities in tiles that never hold all logits, which pays for vocabularies of a
hundred thousand tokens. Where the logits of a batch's completions fit a few dozen megabytes, one
plain cross-entropy over just those positions is the same number for less work. Which of the two is
used depends on shapes only, so that a resumed run takes the same path.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from trl import SFTTrainer

SMALL_LOGITS = 64 * 2**20
"""Bytes of single-precision logits up to which they are held at once."""


class Supervised(SFTTrainer):  # type: ignore[misc]
    """``trl.SFTTrainer``; everything but the loss of a small batch is TRL's."""

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the mean cross-entropy over completion tokens, as TRL defines it."""
        labels = inputs.get("labels")
        if return_outputs or labels is None or not self._small(labels):
            return super().compute_loss(
                model, inputs, return_outputs=return_outputs, num_items_in_batch=num_items_in_batch
            )
        targets = labels[:, 1:]
        columns = (targets != -100).any(0).nonzero().squeeze(1)
        targets = targets[:, columns]
        logits = model(
            **{k: v for k, v in inputs.items() if k != "labels"},
            use_cache=False,
            logits_to_keep=columns,
        ).logits.float()
        flat, wanted = logits.flatten(0, 1), targets.flatten()
        total = cross_entropy(flat, wanted, ignore_index=-100, reduction="sum")
        trained = wanted != -100
        count = trained.sum()
        with torch.no_grad():
            right = ((flat.argmax(-1) == wanted) & trained).sum()
        mode = "train" if self.model.training else "eval"
        self._metrics[mode]["mean_token_accuracy"].append((right / count.clamp(min=1)).item())
        items = count if num_items_in_batch is None else num_items_in_batch
        return total / torch.as_tensor(items).clamp(min=1)

    def _small(self, labels: Any) -> bool:
        if self.accelerator.num_processes > 1 or self.aux_loss_enabled:
            return False
        if self.args.loss_type != "nll" or self.label_smoother is not None:
            return False
        if not _takes_columns(self.model):
            return False
        size = int(self.model.config.vocab_size)
        return int(labels.numel()) * size * 4 <= SMALL_LOGITS


def _takes_columns(model: Any) -> bool:
    """Whether the model can be asked for the logits of some positions only."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "logits_to_keep" in inspect.signature(type(inner).forward).parameters
