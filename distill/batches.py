"""Which rows share a batch: those of like length, so that little of it is padding.

Transformers' own grouping sorts within windows of a quarter of the rows at most, which for a few
hundred rows is a window of one or two batches and groups nothing. Here a window has at least eight
batches, and their order is drawn again; from thirty-two batches on it is what Transformers does.
All draws come from torch's generator, which a checkpoint restores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

LEAST = 8
"""Batches of a window, at least."""
_MOST = 50


class Alike(Sampler[int]):
    """Yields places of rows; each ``batch`` consecutive ones are of like length."""

    def __init__(self, lengths: Sequence[int], batch: int) -> None:
        self._lengths = list(lengths)
        self._batch = batch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        window = min(len(self._lengths) // (4 * self._batch), _MOST)
        if window >= LEAST:
            return iter(get_length_grouped_indices(self._lengths, self._batch, window))
        return iter(self._few())

    def _few(self) -> list[int]:
        """Return all places in batches of like length, the longest first, the others shuffled."""
        places = get_length_grouped_indices(self._lengths, self._batch, LEAST)
        batches = [places[i : i + self._batch] for i in range(0, len(places), self._batch)]
        whole = [one for one in batches[1:] if len(one) == self._batch]
        short = [one for one in batches[1:] if len(one) < self._batch]
        order = torch.randperm(len(whole)).tolist()
        return [i for one in (batches[0], *(whole[n] for n in order), *short) for i in one]
