"""TRL's GRPO trainer that lets a reward begin while answers are still being written.

A batch of answers takes as long as its longest one, and most end earlier. Each is handed to the
reward's ``begin`` at the token that ends it, so that what scores answers in processes of its own
works while the student writes on. Imported when training. What it is not: another algorithm; the
answers, their scores and the loss are TRL's, and a reward without ``begin`` is called as ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList
from trl import GRPOTrainer

from distill.example import Example
from distill.methods import Early


class Rewarded(GRPOTrainer):  # type: ignore[misc]
    """``trl.GRPOTrainer``; ``early`` hears of each answer of a row as it ends."""

    early: Early | None = None
    rows: list[Example]
    """The rows by the ``index`` of the dataset."""

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._asked = [self.rows[int(one["index"])] for one in inputs]
        found: dict[str, Any] = super()._generate_and_score_completions(inputs)
        return found

    def _generate_single_turn(self, *given: Any, **more: Any) -> Any:
        if self.early is None or self.use_vllm:
            return super()._generate_single_turn(*given, **more)
        model = self.accelerator.unwrap_model(self.model_wrapped)
        with _watched(model, _Ends(self.early, self._asked, self._tokenizer, self.eos_token_ids)):
            return super()._generate_single_turn(*given, **more)


class _Ends(StoppingCriteria):  # type: ignore[misc]
    """Stops nothing; tells ``early`` of every row at the token that ends it."""

    def __init__(self, early: Early, rows: list[Example], tokenizer: Any, ends: Any) -> None:
        self._early = early
        self._rows = rows
        self._tokenizer = tokenizer
        self._ends = frozenset(int(one) for one in ends)
        self._told: set[int] = set()
        self._start: int | None = None

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        if self._start is None:  # called first when there is one new token
            self._start = input_ids.shape[1] - 1
        for place, token in enumerate(input_ids[:, -1].tolist()):
            if token in self._ends and place not in self._told:
                self._told.add(place)
                text = self._tokenizer.decode(
                    input_ids[place, self._start :], skip_special_tokens=True
                )
                self._early.begin(self._rows[place], str(text))
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)


@contextmanager
def _watched(model: Any, criterion: StoppingCriteria) -> Iterator[None]:
    """Let ``model.generate`` show every token to ``criterion`` for a while."""
    plain = model.generate

    def generate(*given: Any, **more: Any) -> Any:
        return plain(*given, stopping_criteria=StoppingCriteriaList([criterion]), **more)

    model.generate = generate
    try:
        yield
    finally:
        del model.generate
