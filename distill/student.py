"""The student: a local causal language model with a chat template, and batch generation from it.

Works for every transformers causal model with a chat template, by folder or hub id, with or
without a LoRA adapter. What it is not: a server, or a trainer. Greedy generation of a prompt is the
same whatever other prompts share its batch, up to floating-point rounding; sampled rows draw from
their own generator, seeded by ``seed`` and their position.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from distill.digests import folder_digest
from distill.errors import DistillError

if TYPE_CHECKING:
    import torch

Conversation = Sequence[tuple[str, str]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer. ``finish`` is ``length`` when ``max_tokens`` cut it; ``seconds`` is its share."""

    text: str
    finish: Literal["stop", "length"]
    input_tokens: int
    output_tokens: int
    seconds: float


@dataclass(slots=True)
class _Row:
    """A prompt on its way: where it came from, its tokens, and what was generated so far."""

    index: int
    prompt: list[int]
    random: torch.Generator | None
    output: list[int]
    text: str = ""
    finish: Literal["stop", "length"] | None = None


def render(tokenizer: Any, conversation: Conversation) -> str:
    """Return the prompt text that a tokenizer's chat template makes of ``conversation``.

    Raises ``DistillError`` when the template refuses it, or when it holds half of a character.
    """
    from jinja2.exceptions import TemplateError

    messages = [{"role": role, "content": content} for role, content in conversation]
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        raise DistillError(
            f"the model's chat template refuses this conversation: {error}"
        ) from error
    return whole(str(text))


def whole(text: str) -> str:
    """Return ``text``; raises ``DistillError`` when it holds a lone surrogate."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise DistillError("the prompt holds half of a character (a lone surrogate)")
    return text


class Student:
    """A loaded model. Make one with :meth:`load`; not safe to use from two threads at once."""

    def __init__(self, model: Any, tokenizer: Any, digest: str, adapter_digest: str | None) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.digest = digest
        """SHA-256 over the base model's weight, config and tokenizer files."""
        self.adapter_digest = adapter_digest
        """SHA-256 over the adapter's files, or None without one."""

    @classmethod
    def load(cls, base: str | Path, adapter: Path | None = None, device: str = "cpu") -> Student:
        """Load ``base`` (a folder or a hub id) and, on top of it, the LoRA ``adapter`` folder.

        Raises ``DistillError`` with the mend when either is missing, does not fit, or is unsafe.
        """
        from distill.loading import load_model, load_tokenizer

        digest = base_digest(base)
        tokenizer = load_tokenizer(base)
        model = load_model(base, device)
        found = None
        if adapter is not None:
            from distill.adapter import attach, read

            read(adapter, base_digest=digest)
            model, found = attach(model, adapter)
        model.eval()
        return cls(model, tokenizer, digest, found)

    def render(self, conversation: Conversation) -> str:
        """Return the prompt text that the chat template makes of ``conversation``."""
        return render(self.tokenizer, conversation)

    def generate(
        self,
        conversations: Sequence[Conversation],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
        batch_size: int = 32,
        on_progress: Progress | None = None,
    ) -> list[Generation]:
        """Answer every conversation, in the order given.

        ``max_tokens`` bounds new tokens; a ``stop`` text ends an answer and is not part of it.
        ``on_progress(done, total)`` is called after every batch. An empty list gives an empty list.
        """
        import torch

        if max_tokens < 1:
            raise DistillError(f"max_tokens is {max_tokens}; an answer needs at least 1 token")
        rows = [self._row(i, c, temperature, seed) for i, c in enumerate(conversations)]
        answers: dict[int, Generation] = {}
        for batch in _batches(rows, batch_size):
            begun = time.perf_counter()
            with torch.inference_mode():
                self._run(batch, max_tokens, temperature, tuple(stop))
            share = (time.perf_counter() - begun) / len(batch)
            for row in batch:
                answers[row.index] = Generation(
                    row.text, row.finish or "length", len(row.prompt), len(row.output), share
                )
            if on_progress is not None:
                on_progress(len(answers), len(rows))
        return [answers[i] for i in range(len(rows))]

    def _row(self, index: int, conversation: Conversation, temperature: float, seed: int) -> _Row:
        import torch

        if not conversation:
            raise DistillError(f"conversation {index} is empty; it needs at least one message")
        prompt = self.tokenizer(self.render(conversation), add_special_tokens=False)["input_ids"]
        random = None
        if temperature > 0:
            random = torch.Generator().manual_seed(seed * 1_000_003 + index)
        return _Row(index, list(prompt), random, [])

    def _run(
        self, batch: list[_Row], max_tokens: int, temperature: float, stop: tuple[str, ...]
    ) -> None:
        import torch

        device = next(self.model.parameters()).device
        ids, mask = self._left_padded(batch)
        ids, mask = ids.to(device), mask.to(device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        out = self.model(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True,
            logits_to_keep=1,
        )  # fmt: skip
        cache, position = out.past_key_values, positions[:, -1:]
        live = list(batch)
        for count in range(1, max_tokens + 1):
            chosen = _choose(out.logits[:, -1, :].float(), live, temperature)
            for row, token in zip(live, chosen.tolist(), strict=True):
                self._accept(row, token, stop)
            going = [i for i, row in enumerate(live) if row.finish is None]
            if not going or count == max_tokens:
                break
            if len(going) < len(live):
                # Finished rows leave the batch, so that its cost follows the work that is left.
                kept = torch.tensor(going, device=device)
                cache.batch_select_indices(kept)
                mask, position, chosen = mask[kept], position[kept], chosen[kept.cpu()]
                live = [live[i] for i in going]
            mask = torch.cat([mask, mask.new_ones(len(live), 1)], dim=1)
            position = position + 1
            out = self.model(
                input_ids=chosen.to(device).unsqueeze(1), attention_mask=mask,
                position_ids=position, past_key_values=cache, use_cache=True,
            )  # fmt: skip
            cache = out.past_key_values
        for row in batch:
            row.text = row.text if row.finish else self.decode(row.output)

    def _left_padded(self, batch: list[_Row]) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        width = max(len(row.prompt) for row in batch)
        pad = self.tokenizer.pad_token_id
        ids = [[pad] * (width - len(row.prompt)) + row.prompt for row in batch]
        mask = [[0] * (width - len(row.prompt)) + [1] * len(row.prompt) for row in batch]
        return torch.tensor(ids), torch.tensor(mask)

    def _accept(self, row: _Row, token: int, stop: tuple[str, ...]) -> None:
        ends = self.ends
        if token in ends:
            row.text, row.finish = self.decode(row.output), "stop"
            return
        row.output.append(token)
        if stop:
            text = self.decode(row.output)
            cut = min((text.find(one) for one in stop if one in text), default=-1)
            if cut >= 0:
                row.text, row.finish = text[:cut], "stop"

    @property
    def parameters(self) -> int:
        """How many weights the model has, the adapter's included."""
        return sum(int(one.numel()) for one in self.model.parameters())

    @property
    def ends(self) -> frozenset[int]:
        """The tokens that end an answer."""
        configured = getattr(self.model.generation_config, "eos_token_id", None)
        many = configured if isinstance(configured, list) else [configured]
        return frozenset(i for i in (*many, self.tokenizer.eos_token_id) if i is not None)

    def decode(self, tokens: list[int]) -> str:
        """Return the text of ``tokens``, special ones left out."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))


def _choose(logits: torch.Tensor, rows: list[_Row], temperature: float) -> torch.Tensor:
    import torch

    logits = logits.cpu()
    if temperature <= 0:
        return logits.argmax(-1)
    chances = torch.softmax(logits / temperature, -1)
    drawn = [
        torch.multinomial(chance, 1, generator=row.random)
        for chance, row in zip(chances, rows, strict=True)
    ]
    return torch.cat(drawn)


def _batches(rows: list[_Row], size: int) -> Iterator[list[_Row]]:
    ordered = sorted(rows, key=lambda row: (-len(row.prompt), row.index))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def base_digest(base: str | Path) -> str:
    """Return the digest of a base model: over its files, or over its name for a hub id."""
    path = Path(base)
    if path.is_dir():
        return folder_digest(path)
    from distill.loading import hub_folder

    return folder_digest(hub_folder(str(base)))
