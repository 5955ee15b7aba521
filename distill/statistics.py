"""What a dataset is made of, counted while its rows pass by: memory does not grow with the rows.

Lengths are characters; tokens where a tokenizer is given, by training method, since each method
shows the model other text (DPO a pair, KTO both halves, repair the broken code too).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from distill.example import Example
from distill.formats import FORMATS

Tokens = Callable[[str], int]
METHODS: Mapping[str, str] = {
    "sft": "prompt-completion",
    "dpo": "preference",
    "kto": "kto",
    "repair": "repair",
}
"""Training method -> the format it reads."""


@dataclass(slots=True)
class Statistics:
    """Counts over rows; fill it by iterating over ``watching`` or with ``add``."""

    tokens: Tokens | None = None
    rows: int = 0
    by: dict[str, Counter[str]] = field(default_factory=dict)
    lengths: dict[str, Counter[int]] = field(default_factory=dict)
    spent: dict[str, Counter[str]] = field(default_factory=dict)
    """Method -> rows, tokens shown and tokens trained on."""

    def watching(self, examples: Iterable[Example]) -> Iterator[Example]:
        """Yield ``examples`` unchanged and count them."""
        for example in examples:
            self.add(example)
            yield example

    def add(self, example: Example) -> None:
        """Count one row."""
        self.rows += 1
        named = {"category": example.category or "none", "source": example.source}
        for name in ("verdict", "method", "licence", "training_policy"):
            named[name] = str(example.facts.get(name, "unknown"))
        for name, value in named.items():
            self.by.setdefault(name, Counter())[value] += 1
        prompt = sum(len(text) for _, text in example.messages)
        for name, length in (("prompt", prompt), ("completion", len(example.completion))):
            self.lengths.setdefault(name, Counter())[length] += 1
        for method, form in METHODS.items():
            for row in FORMATS[form](example):
                self._spend(method, row)

    def _spend(self, method: str, row: Mapping[str, Any]) -> None:
        counted = self.spent.setdefault(method, Counter())
        counted["rows"] += 1
        if self.tokens is None:
            return
        for name, turns in row.items():
            if not isinstance(turns, list):
                continue
            size = sum(self.tokens(turn["content"]) for turn in turns)
            counted["tokens"] += size
            if name != "prompt":
                counted["trained"] += size

    def as_json(self) -> dict[str, Any]:
        """Return the counts as plain JSON values."""
        return {
            "rows": self.rows,
            **{name: dict(sorted(counts.items())) for name, counts in sorted(self.by.items())},
            "characters": {name: _spread(counts) for name, counts in self.lengths.items()},
            "methods": {name: dict(counts) for name, counts in self.spent.items()},
        }


def _spread(counts: Counter[int]) -> dict[str, float]:
    total = sum(counts.values())
    ordered = sorted(counts.items())

    def quantile(share: float) -> int:
        seen = 0
        for value, count in ordered:
            seen += count
            if seen >= share * total:
                return value
        return ordered[-1][0]

    mean = sum(value * count for value, count in ordered) / total
    return {
        "least": ordered[0][0],
        "median": quantile(0.5),
        "p95": quantile(0.95),
        "most": ordered[-1][0],
        "mean": round(mean, 1),
    }
