"""A batch that sequences join and leave between two tokens, over one key-value cache.

Rows are left-padded to the longest; a row that joins is computed alone first and then laid beside
the others, one that leaves is cut out. It knows tokens and tensors, not texts, threads or requests.
Works for every model whose cache is transformers' plain ``DynamicCache``; for others ``joinable``
is False and the caller waits until the batch is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distill.sampling import Sequence, draw

if TYPE_CHECKING:
    import torch

_TRIM = 64
"""How many columns that only pad must there be before the cache is cut: cutting copies it."""


class RunningBatch:
    """The rows under way. ``step`` gives every row one more token."""

    def __init__(self, model: Any, pad: int) -> None:
        self._model = model
        self._pad = pad
        self.rows: list[Sequence] = []
        self._cache: Any = None
        self._mask: Any = None
        self._position: Any = None
        self._next: Any = None

    @property
    def joinable(self) -> bool:
        """Whether rows may join now."""
        from transformers.cache_utils import DynamicLayer

        return not self.rows or all(type(layer) is DynamicLayer for layer in self._cache.layers)

    def join(self, rows: list[Sequence]) -> None:
        """Compute the prompts of ``rows`` and draw the first token of each."""
        import torch

        width = max(len(row.prompt) for row in rows)
        device = next(self._model.parameters()).device
        ids = [[self._pad] * (width - len(row.prompt)) + row.prompt for row in rows]
        ones = [[0] * (width - len(row.prompt)) + [1] * len(row.prompt) for row in rows]
        mask = torch.tensor(ones, device=device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        out = self._model(
            input_ids=torch.tensor(ids, device=device), attention_mask=mask,
            position_ids=positions, use_cache=True, logits_to_keep=1,
        )  # fmt: skip
        drawn = draw(out.logits[:, -1, :].float(), rows)
        if self.rows:
            _lay_beside(self._cache, out.past_key_values)
            wide = max(self._mask.shape[1], width)
            mask = torch.cat([_widen(self._mask, wide), _widen(mask, wide)])
            last = torch.cat([self._position, positions[:, -1:]])
            drawn = torch.cat([self._next, drawn])
        else:
            self._cache, last = out.past_key_values, positions[:, -1:]
        self._mask, self._position, self._next = mask, last, drawn
        self.rows = [*self.rows, *rows]
        for row, token in zip(rows, drawn[-len(rows) :].tolist(), strict=True):
            row.tokens.append(token)

    def step(self) -> None:
        """Draw the next token of every row."""
        import torch

        self._mask = torch.cat([self._mask, self._mask.new_ones(len(self.rows), 1)], dim=1)
        self._position = self._position + 1
        out = self._model(
            input_ids=self._next.unsqueeze(1), attention_mask=self._mask,
            position_ids=self._position, past_key_values=self._cache, use_cache=True,
        )  # fmt: skip
        self._cache = out.past_key_values
        self._next = draw(out.logits[:, -1, :].float(), self.rows)
        for row, token in zip(self.rows, self._next.tolist(), strict=True):
            row.tokens.append(token)

    def leave(self, gone: set[int]) -> None:
        """Take out the rows with these indices, and padding that no row needs any more."""
        import torch

        kept = [index for index in range(len(self.rows)) if index not in gone]
        self.rows = [self.rows[index] for index in kept]
        if not self.rows:
            self._cache = self._mask = self._position = self._next = None
            return
        if gone:
            chosen = torch.tensor(kept, device=self._mask.device)
            self._cache.batch_select_indices(chosen)
            self._mask, self._position = self._mask[chosen], self._position[chosen]
            self._next = self._next[chosen]
            self._trim()

    def _trim(self) -> None:
        empty = int(self._mask.any(0).int().argmax())
        if empty < _TRIM or not self.joinable:
            return
        self._mask = self._mask[:, empty:]
        for layer in self._cache.layers:
            layer.keys, layer.values = layer.keys[..., empty:, :], layer.values[..., empty:, :]


def _lay_beside(cache: Any, more: Any) -> None:
    """Append the rows of ``more`` to ``cache``; the shorter of the two is padded on the left."""
    import torch

    for mine, theirs in zip(cache.layers, more.layers, strict=True):
        wide = max(mine.keys.shape[-2], theirs.keys.shape[-2])
        for name in ("keys", "values"):
            both = [_deepen(getattr(layer, name), wide) for layer in (mine, theirs)]
            setattr(mine, name, torch.cat(both))


def _deepen(states: torch.Tensor, wide: int) -> torch.Tensor:
    import torch

    return torch.nn.functional.pad(states, (0, 0, wide - states.shape[-2], 0))


def _widen(mask: torch.Tensor, wide: int) -> torch.Tensor:
    import torch

    return torch.nn.functional.pad(mask, (wide - mask.shape[1], 0))
