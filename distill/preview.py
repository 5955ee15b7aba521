"""What is trained on, for the eye: a row as the trainer sees it, token by token, with its mask.

The split is TRL's own for prompt-completion rows: the prompt rendered with the template's opening
of the answer is masked, what follows it is trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from distill.errors import DistillError
from distill.example import Example


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of tokens under one mask, decoded."""

    text: str
    tokens: int
    trained: bool


def mask_preview(example: Example, tokenizer: Any) -> list[Piece]:
    """Return the row as runs of masked and trained tokens, in order.

    Raises ``DistillError`` when the template renders the prompt otherwise once an answer follows:
    then no mask can be right.
    """
    asked = [{"role": role, "content": text} for role, text in example.messages]
    answer = [{"role": "assistant", "content": example.completion}]
    prompt = _ids(tokenizer, asked, True)
    whole = _ids(tokenizer, [*asked, *answer], False)
    if whole[: len(prompt)] != prompt:
        raise DistillError(
            "the chat template renders the prompt otherwise once an answer follows it, so that "
            "prompt and answer cannot be told apart; use a template that only appends"
        )
    pieces = [_piece(tokenizer, prompt, False), _piece(tokenizer, whole[len(prompt) :], True)]
    return [piece for piece in pieces if piece.tokens]


def _ids(tokenizer: Any, turns: Sequence[dict[str, str]], ask: bool) -> list[int]:
    found = tokenizer.apply_chat_template(
        turns, tokenize=True, add_generation_prompt=ask, return_dict=True
    )
    return [int(one) for one in found["input_ids"]]


def _piece(tokenizer: Any, ids: list[int], trained: bool) -> Piece:
    return Piece(tokenizer.decode(ids, skip_special_tokens=False), len(ids), trained)
