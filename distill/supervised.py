"""TRL's supervised trainer with less work around the same numbers; imported when training.

* TRL computes log-probabilities in tiles that never hold all logits, which pays for vocabularies of
  a hundred thousand tokens. Where the logits of a batch's completions fit a few dozen megabytes,
  one plain cross-entropy over just those positions is the same number for less work. Which of the
  two is used depends on shapes only, so that a resumed run takes the same path.
* Rows are tokenised a thousand at a time, in one pass, as TRL does it one by one in four.
* Batches are of like lengths however few they are; see ``distill.batches``.
* Padding on the right of a causal model needs no mask: nothing looks at it, and no loss is on it.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from trl import SFTTrainer
from trl.data_utils import common_prefix_length

from distill.batches import Alike
from distill.errors import DistillError

SMALL_LOGITS = 64 * 2**20
"""Bytes of single-precision logits up to which they are held at once."""
_PIECE = 1_000
_UNSEEN = -100


class Supervised(SFTTrainer):  # type: ignore[misc]
    """``trl.SFTTrainer``; what it computes is TRL's."""

    def _prepare_dataset(
        self, dataset: Any, processing_class: Any, args: Any, packing: Any, formatting_func: Any,
        dataset_name: str,
    ) -> Any:  # fmt: skip
        ours = set(dataset.column_names) == {"prompt", "completion"} and args.max_length
        if packing or formatting_func is not None or not ours:
            return super()._prepare_dataset(
                dataset, processing_class, args, packing, formatting_func, dataset_name
            )
        return tokenised(dataset, processing_class, args.max_length)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows = self.train_dataset if train_dataset is None else train_dataset
        grouped = self.args.train_sampling_strategy == "group_by_length"
        if not grouped or self.accelerator.num_processes > 1:
            return super()._get_train_sampler(train_dataset)
        lengths = [len(ids) for ids in rows["input_ids"]]
        return Alike(lengths, self.args.train_batch_size * self.args.gradient_accumulation_steps)

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
        columns = (targets != _UNSEEN).any(0).nonzero().squeeze(1)
        targets = targets[:, columns]
        logits = model(
            **{name: value for name, value in inputs.items() if name not in _left_out(inputs)},
            use_cache=False,
            logits_to_keep=columns,
        ).logits.float()
        flat, wanted = logits.flatten(0, 1), targets.flatten()
        total = cross_entropy(flat, wanted, ignore_index=_UNSEEN, reduction="sum")
        trained = wanted != _UNSEEN
        count = trained.sum()
        with torch.no_grad():
            right = ((flat.argmax(-1) == wanted) & trained).sum()
        mode = "train" if self.model.training else "eval"
        self._metrics[mode]["mean_token_accuracy"].append((right / count.clamp(min=1)).item())
        items = count if num_items_in_batch is None else num_items_in_batch
        return total / torch.as_tensor(items).clamp(min=1)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Return nothing: the count is shown nowhere, and making it walks over every layer."""
        return 0

    def _small(self, labels: Any) -> bool:
        if self.accelerator.num_processes > 1 or self.aux_loss_enabled:
            return False
        if self.args.loss_type != "nll" or self.label_smoother is not None:
            return False
        if not _takes_columns(self.model):
            return False
        size = int(self.model.config.vocab_size)
        return int(labels.numel()) * size * 4 <= SMALL_LOGITS


def tokenised(dataset: Any, tokenizer: Any, max_length: int) -> Any:
    """Return a conversational prompt-completion dataset as ``input_ids`` and ``labels``.

    The same tokens and masks as TRL's preparation gives, rows cut at ``max_length`` and those left
    out of which nothing of the answer remains. Raises ``DistillError`` when none remains.
    """

    def text(turns: Any, ask: bool) -> str:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=ask))

    def piece(rows: dict[str, list[Any]]) -> dict[str, list[list[int]]]:
        pairs = list(zip(rows["prompt"], rows["completion"], strict=True))
        asked = tokenizer([text(a, True) for a, _ in pairs], add_special_tokens=False)["input_ids"]
        whole = tokenizer(
            [text(a + b, False) for a, b in pairs], add_special_tokens=False
        )["input_ids"]  # fmt: skip
        starts = [common_prefix_length(a, b) for a, b in zip(asked, whole, strict=True)]
        kept = [(at, ids[:max_length]) for at, ids in zip(starts, whole, strict=True)]
        kept = [(at, ids) for at, ids in kept if at < len(ids)]
        return {
            "input_ids": [ids for _, ids in kept],
            "labels": [[_UNSEEN] * at + ids[at:] for at, ids in kept],
        }

    found = dataset.map(
        piece, batched=True, batch_size=_PIECE, remove_columns=dataset.column_names,
        load_from_cache_file=False, new_fingerprint="tokenised",
    )  # fmt: skip
    if not len(found):
        raise DistillError(
            f"of none of the {len(dataset)} rows does any of the answer fit max_length "
            f"{max_length}; raise it"
        )
    return found


def _left_out(inputs: dict[str, Any]) -> tuple[str, ...]:
    """Name the inputs that the model is not given: labels, and the mask of padding on the right."""
    mask = inputs.get("attention_mask")
    # Its padding is on the right when no row goes from 0 back to 1.
    if mask is not None and mask.ndim == 2 and bool((mask[:, 1:] <= mask[:, :-1]).all()):
        return "labels", "attention_mask"
    return ("labels",)


def _takes_columns(model: Any) -> bool:
    """Whether the model can be asked for the logits of some positions only."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "logits_to_keep" in inspect.signature(type(inner).forward).parameters
