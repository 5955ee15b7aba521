"""Which rows a training sees, how often, and in which order; pure, and the same for the same seed.

Weights become repetitions, earlier rounds are replayed, whole groups are set aside to watch the
loss on, and a curriculum orders rows by how surely their task is solved. What it is not: a choice
of winners, which is made before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from distill.errors import DistillError
from distill.example import Example

PASS_RATE = "pass_rate"
"""The fact of a row that a curriculum reads: the share of its task's judged answers that pass."""


def share(text: str, seed: int) -> float:
    """Return a number from 0 to 1 that depends on ``text`` and ``seed`` alone."""
    number = hashlib.sha256(f"validation/{seed}/{text}".encode()).digest()
    return int.from_bytes(number[:4], "big") / 2**32


def repeats(example: Example, seed: int) -> int:
    """Return how often a row is seen in each pass: its weight, a fraction of it by a seeded draw.

    A weight of 2 is twice; of 0.5 once for half of such rows; of 0 never.
    """
    if example.weight < 0:
        raise DistillError(f"row {example.id} has weight {example.weight}; it cannot be negative")
    whole = int(example.weight)
    return whole + (share(f"weight/{example.id}", seed) < example.weight - whole)


def with_replay(
    examples: Sequence[Example], earlier: Sequence[Example], part: float, seed: int
) -> list[Example]:
    """Return ``examples`` and, after them, ``part`` times as many of the ``earlier`` rows.

    Earlier rows whose task is among ``examples`` are left out: this round has a newer answer.
    """
    present = {row.task_id for row in examples}
    known = {row.id for row in examples}
    old = {row.id: row for row in earlier if row.task_id not in present and row.id not in known}
    order = sorted(old.values(), key=lambda row: share(f"replay/{row.id}", seed))
    return [*examples, *order[: round(part * len(examples))]]


def split(
    examples: Sequence[Example], part: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """Set aside about ``part`` of the groups for watching the loss; (trained, watched).

    Nothing is set aside where that would leave one side empty.
    """
    held = [row for row in examples if share(row.group or row.task_id, seed) < part]
    chosen = {id(row) for row in held}
    rest = [row for row in examples if id(row) not in chosen]
    return (rest, held) if rest and held else (list(examples), [])


def easy_first(examples: Sequence[Example]) -> list[Example]:
    """Order rows by the measured pass rate of their task, the surest first, ties by length.

    Raises ``DistillError`` when a row carries no measured rate: a guess would be no curriculum.
    """
    without = [row.id for row in examples if not isinstance(row.facts.get(PASS_RATE), float | int)]
    if without:
        raise DistillError(
            f"row {without[0]} carries no measured pass rate ({len(without)} of {len(examples)} "
            "rows); a curriculum needs tasks with judged answers, else say curriculum: none"
        )
    return sorted(examples, key=lambda row: (-_rate(row), len(row.completion), row.id))


def _rate(row: Example) -> float:
    value = row.facts[PASS_RATE]
    assert isinstance(value, float | int)
    return float(value)
