"""A batch that sequences join and leave between two tokens, for the lean decoder.

All keys and values lie in one block of memory with room to grow: a token writes its own column and
copies nothing else. Every row ends at the same column; one that joins is laid so that its prompt
ends there, one that leaves is replaced by the last. Calls and results are those of
``distill.running.RunningBatch``, which runs every other model.
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from typing import TYPE_CHECKING

from distill.sampling import Sequence, draw

if TYPE_CHECKING:
    import torch

    from distill.decoder import Attend, Decoder, Run

_ROOM = 64
"""Columns are added this many at a time, or a quarter of those in use where that is more."""
_KEEP_BYTES = 256 * 1024 * 1024
"""An empty batch lets go of a block that is larger."""


class LeanBatch:
    """The rows under way. ``step`` gives every row one more token."""

    joinable = True
    """Whether rows may join now: always."""

    def __init__(self, decoder: Decoder, pad: int) -> None:
        self._decoder = decoder
        self._pad = pad
        self.rows: list[Sequence] = []
        self._starts: list[int] = []
        """Each row's first column."""
        self._end = 0
        """The column after the newest token, the same for all rows."""
        self._block: torch.Tensor | None = None
        """(layers, rows, key heads then value heads, columns, width)."""
        self._bias: torch.Tensor | None = None
        """(rows, 1, 1, columns): nothing where a row may look, minus infinity before its start."""
        self._position: torch.Tensor | None = None
        self._next: torch.Tensor | None = None
        self._runs: list[Run] = []

    def join(self, rows: list[Sequence]) -> None:
        """Compute the prompts of ``rows`` and draw the first token of each."""
        import torch

        decoder, count = self._decoder, len(self.rows)
        rows = sorted(rows, key=lambda row: row.slot)
        lengths = [len(row.prompt) for row in rows]
        width = max(lengths)
        self._reserve(count + len(rows), width)
        ids = torch.tensor(
            [[self._pad] * (width - len(row.prompt)) + row.prompt for row in rows],
            device=decoder.device,
        )
        first = torch.tensor([width - length for length in lengths], device=decoder.device)
        columns = torch.arange(width, device=decoder.device)
        positions = (columns - first.unsqueeze(1)).clamp(min=0)
        decoder.reach(self._end + 1)
        mask = None if min(lengths) == width else _prompt_mask(columns, first, decoder.dtype)
        joining = slice(count, count + len(rows))
        attend = self._attend_prompt(joining, width, mask)
        logits = decoder.logits(ids, positions, runs_of(rows), attend)
        drawn = draw(logits.float(), rows)
        self._starts += [self._end - length for length in lengths]
        _, bias = self._memory()
        bias[joining] = 0
        for place, start in enumerate(self._starts[count:], count):
            bias[place, :, :, :start] = float("-inf")
        last = positions[:, -1] + 1
        if self._position is not None and self._next is not None:
            last, after = torch.cat([self._position, last]), torch.cat([self._next, drawn])
        else:
            after = drawn
        self._position, self._next = last, after
        self.rows = [*self.rows, *rows]
        self._settle()
        for row, token in zip(rows, drawn.tolist(), strict=True):
            row.tokens.append(token)

    def step(self) -> None:
        """Draw the next token of every row."""
        assert self._next is not None
        assert self._position is not None
        decoder = self._decoder
        self._reserve(len(self.rows))
        decoder.reach(self._end + 1)
        logits = decoder.logits(
            self._next.unsqueeze(1), self._position.unsqueeze(1), self._runs, self._attend_step()
        )
        self._next = draw(logits.float(), self.rows)
        self._position += 1
        self._end += 1
        for row, token in zip(self.rows, self._next.tolist(), strict=True):
            row.tokens.append(token)

    def leave(self, gone: set[int]) -> None:
        """Take out the rows with these indices; the last ones take their places."""
        if not gone:
            return
        order = list(range(len(self.rows)))
        for index in sorted(gone, reverse=True):
            last = order.pop()
            if index < len(order):
                order[index] = last
        if not order:
            self.rows, self._starts, self._end, self._runs = [], [], 0, []
            self._position = self._next = None
            if self._block is not None and self._block.nbytes > _KEEP_BYTES:
                self._block = self._bias = None
            return
        for place, source in enumerate(order):
            if place != source:
                self._move(source, place)
        self._take(order)
        self._settle()

    def _attend_step(self) -> Attend:
        from torch.nn import functional

        decoder, count = self._decoder, len(self.rows)
        block, bias = self._memory()
        queries, keys, width = decoder.queries, decoder.keys, decoder.width
        begin, end = min(self._starts), self._end + 1
        new = block[:, :count, :, self._end].unbind(0)
        held = block[:, :count, :, begin:end]
        all_keys, all_values = held[:, :, :keys].unbind(0), held[:, :, keys:].unbind(0)
        mask = None if max(self._starts) == begin else bias[:count, :, :, begin:end]

        def attend(number: int, heads: torch.Tensor) -> torch.Tensor:
            new[number].copy_(heads[:, queries:])
            # Query heads that share a key head stand together as if they were several tokens.
            query = heads[:, :queries].reshape(count, keys, -1, width)
            mixed = functional.scaled_dot_product_attention(
                query, all_keys[number], all_values[number], attn_mask=mask
            )
            return mixed.reshape(count, -1)

        return attend

    def _attend_prompt(self, rows: slice, width: int, mask: torch.Tensor | None) -> Attend:
        import torch
        from torch.nn import functional

        decoder = self._decoder
        block, _ = self._memory()
        count = rows.stop - rows.start
        place = block[:, rows, :, self._end - width : self._end]
        again = decoder.queries // decoder.keys
        sizes = [decoder.queries, decoder.keys, decoder.keys]

        def attend(number: int, heads: torch.Tensor) -> torch.Tensor:
            each = heads.view(count, width, -1, decoder.width).transpose(1, 2)
            place[number].copy_(each[:, decoder.queries :])
            query, key, value = torch.split(each, sizes, 1)
            if again > 1:
                key, value = (one.repeat_interleave(again, 1) for one in (key, value))
            mixed = functional.scaled_dot_product_attention(
                query, key, value, attn_mask=mask, is_causal=mask is None
            )
            return mixed.transpose(1, 2).reshape(count * width, -1)

        return attend

    def _reserve(self, rows: int, width: int = 0) -> None:
        """See that ``rows`` fit, that a prompt of ``width`` can end where they do, and one more.

        What nobody needs any more at the left goes first; where that is not enough, memory grows.
        """
        block = self._block
        if block is not None and rows <= block.shape[1] and width <= self._end < block.shape[3]:
            return
        begin = min(self._starts, default=self._end)
        used, count = self._end - begin, len(self._starts)
        end = max(used, width)
        kept = None
        if block is not None and count:
            kept = block[:, :count, :, begin : self._end].clone()
        self._allocate(rows, end)
        block, bias = self._memory()
        if kept is not None:
            block[:, :count, :, end - used : end] = kept
        self._starts = [start - begin + end - used for start in self._starts]
        self._end = end
        bias.zero_()
        for place, start in enumerate(self._starts):
            bias[place, :, :, :start] = float("-inf")

    def _allocate(self, rows: int, end: int) -> None:
        """Get memory for ``rows`` that end at column ``end``, with room to grow."""
        import torch

        decoder, room = self._decoder, max(_ROOM, end // 4)
        have = (0, 0) if self._block is None else (self._block.shape[1], self._block.shape[3])
        if rows <= have[0] and end + room <= have[1]:
            return
        columns = max(end + room, have[1])
        most = rows if rows <= have[0] else max(rows, 2 * have[0])
        self._block = self._bias = None
        like = {"device": decoder.device, "dtype": decoder.dtype}
        # Zeros: what padding leaves behind is multiplied by nothing, but must be a number.
        self._block = torch.zeros(
            len(decoder.layers), most, 2 * decoder.keys, columns, decoder.width, **like
        )
        self._bias = torch.zeros(most, 1, 1, columns, **like)

    def _move(self, source: int, place: int) -> None:
        """Lay a row over another one that has left."""
        block, bias = self._memory()
        begin = min(self._starts)
        held = slice(begin, self._end)
        block[:, place, :, held] = block[:, source, :, held]
        bias[place] = bias[source]

    def _take(self, order: list[int]) -> None:
        """Bring everything that is kept for each row into ``order``."""
        import torch

        assert self._position is not None
        assert self._next is not None
        chosen = torch.tensor(order, device=self._decoder.device)
        self._position, self._next = self._position[chosen], self._next[chosen]
        self._starts = [self._starts[index] for index in order]
        self.rows = [self.rows[index] for index in order]

    def _settle(self) -> None:
        """Find the runs of rows of one adapter; bring rows together when they are too scattered."""
        self._runs = runs_of(self.rows)
        if len(self._runs) <= 2 * len({slot for slot, _, _ in self._runs}):
            return
        block, bias = self._memory()
        count = len(self.rows)
        order = sorted(range(count), key=lambda index: self.rows[index].slot)
        block[:, :count] = block[:, order]
        bias[:count] = bias[order]
        self._take(order)
        self._runs = runs_of(self.rows)

    def _memory(self) -> tuple[torch.Tensor, torch.Tensor]:
        assert self._block is not None
        assert self._bias is not None
        return self._block, self._bias


def runs_of(rows: Many[Sequence]) -> list[Run]:
    """Return the stretches of rows that the same adapter computes, in order."""
    runs: list[Run] = []
    for place, row in enumerate(rows):
        if runs and runs[-1][0] == row.slot:
            runs[-1] = (row.slot, runs[-1][1], place + 1)
        else:
            runs.append((row.slot, place, place + 1))
    return runs


def _prompt_mask(columns: torch.Tensor, first: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return (rows, 1, tokens, tokens): each token sees those before it from its row's first on.

    A token of the padding sees itself, since attention over nothing is no number.
    """
    before = columns.unsqueeze(0) <= columns.unsqueeze(1)
    within = columns.view(1, 1, -1) >= first.view(-1, 1, 1)
    itself = columns.unsqueeze(0) == columns.unsqueeze(1)
    seen = ((before & within) | itself).unsqueeze(1)
    return seen.to(dtype).log()
