"""Keep what is measured on out of what is trained on: overlap by words and by normalised code.

A row is contaminated when it shares a run of ``n`` words with a protected text, when a protected
text shorter than that occurs in it whole, or when its code is a protected solution under renaming.
What it is not: a judge of paraphrases; behaviour is compared where functions can be run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from distill.dedupe import normalised
from distill.example import Example


@dataclass(frozen=True, slots=True)
class Overlap:
    """A contaminated row: its place, which protected item it meets, and what they share."""

    index: int
    item: str
    kind: str
    """``words`` or ``code``."""
    shared: str


class Protected:
    """What must not be trained on: texts (prompts) and codes (solutions) under their names."""

    def __init__(self, *, n: int = 10) -> None:
        if n < 2:
            raise ValueError(f"runs of {n} words are too short to mean anything; use 8 to 13")
        self._n = n
        self._runs: dict[tuple[str, ...], str] = {}
        self._lengths: set[int] = set()
        self._codes: dict[str, str] = {}

    def add(self, name: str, *, text: str = "", code: str = "") -> None:
        """Protect ``text`` and ``code`` under ``name``; either may be empty."""
        words = _words(text)
        if words:
            size = min(self._n, len(words))
            self._lengths.add(size)
            for start in range(len(words) - size + 1):
                self._runs.setdefault(tuple(words[start : start + size]), name)
        if code.strip():
            self._codes.setdefault(normalised(code), name)

    def overlaps(self, examples: Sequence[Example]) -> list[Overlap]:
        """Return at most one overlap for each contaminated row, in order."""
        found = (self._overlap(index, row) for index, row in enumerate(examples))
        return [one for one in found if one is not None]

    def _overlap(self, index: int, row: Example) -> Overlap | None:
        name = self._codes.get(normalised(row.completion))
        if name is not None:
            return Overlap(index, name, "code", normalised(row.completion))
        for text in (*(text for _, text in row.messages), row.completion):
            words = _words(text)
            for size in sorted(self._lengths, reverse=True):
                for start in range(len(words) - size + 1):
                    run = tuple(words[start : start + size])
                    if run in self._runs:
                        return Overlap(index, self._runs[run], "words", " ".join(run))
        return None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def without(examples: Sequence[Example], removed: Iterable[int]) -> list[Example]:
    """Return ``examples`` without the rows at the places ``removed``."""
    gone = set(removed)
    return [row for index, row in enumerate(examples) if index not in gone]
