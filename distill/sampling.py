"""Choosing the next token of many rows at once: the likeliest, or one drawn by each row's own luck.

A row draws one uniform number a token from its own generator and looks it up in its cumulative
distribution, so a seed says the same whoever else is in the batch, and the whole batch is a handful
of tensor operations.
"""

from __future__ import annotations

import random
from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

COLDEST = 1e-4
"""A temperature at or below this is greedy choice: dividing by it would overflow."""


@dataclass(slots=True, eq=False)
class Sequence:
    """One row: its prompt, how tokens are drawn for it, and what was drawn so far."""

    prompt: list[int]
    temperature: float = 0.0
    top_p: float = 1.0
    random: random.Random | None = None
    """Where sampled tokens come from; None for greedy choice."""
    output: list[int] | None = None
    slot: int = 0
    """Which adapter computes it; 0 is the plain base. See ``distill.slots``."""

    @property
    def tokens(self) -> list[int]:
        """What was drawn so far."""
        if self.output is None:
            self.output = []
        return self.output

    @property
    def warm(self) -> bool:
        """Whether its tokens are drawn by chance."""
        return self.random is not None and self.temperature > COLDEST


def draw(logits: torch.Tensor, rows: Many[Sequence]) -> torch.Tensor:
    """Return a token a row, from its logits (rows, vocabulary)."""
    import torch

    chosen = logits.argmax(-1)
    warm = [index for index, row in enumerate(rows) if row.warm]
    if not warm:
        return chosen
    drawing = [rows[index] for index in warm]
    everyone = len(warm) == len(rows)
    part = logits if everyone else logits[torch.tensor(warm, device=logits.device)]
    heat = torch.tensor([row.temperature for row in drawing], device=part.device)
    chances = torch.softmax(part / heat.unsqueeze(1), -1)
    luck = torch.tensor(
        [row.random.random() for row in drawing if row.random is not None],
        dtype=torch.float64, device=part.device,
    ).unsqueeze(1)  # fmt: skip
    if all(row.top_p >= 1 for row in drawing):
        found = _from_all(chances, luck)
    else:
        shares = torch.tensor([row.top_p for row in drawing], dtype=torch.float64,
                              device=part.device)  # fmt: skip
        found = _from_the_likeliest(chances, luck, shares.unsqueeze(1))
    if everyone:
        return found
    chosen[torch.tensor(warm, device=chosen.device)] = found
    return chosen


def _from_all(chances: torch.Tensor, luck: torch.Tensor) -> torch.Tensor:
    import torch

    reached = chances.cumsum(-1, dtype=torch.float64)
    place = torch.searchsorted(reached, luck * reached[:, -1:], right=True)
    return place.clamp(max=chances.shape[-1] - 1).squeeze(1)


def _from_the_likeliest(
    chances: torch.Tensor, luck: torch.Tensor, shares: torch.Tensor
) -> torch.Tensor:
    """Draw from the smallest set of tokens that holds each row's share of the probability.

    Source: Holtzman et al., The Curious Case of Neural Text Degeneration, 2020.
    """
    import torch

    ordered, where = chances.sort(descending=True)
    reached = ordered.cumsum(-1, dtype=torch.float64)
    # How many stay: those before which less than the share was reached; the likeliest always does.
    kept = (reached - ordered < shares).sum(-1, keepdim=True).clamp(min=1)
    mass = reached.gather(1, kept - 1)
    place = torch.searchsorted(reached, luck * mass, right=True)
    return where.gather(1, torch.minimum(place, kept - 1)).squeeze(1)
