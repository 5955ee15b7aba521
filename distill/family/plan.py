"""The figures of the demonstration round: how many tasks, and how the student is trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Measured to take two cores a few minutes; see the student's recipe in ``docs/log.md``."""

    train_tasks: int = 1000
    held_out_tasks: int = 160
    max_tokens: int = 96
    """New tokens of one answer of the tiny student."""
    rank: int = 32
    alpha: int = 64
    rate: float = 2e-3
    epochs: float = 8.0
    batch: int = 16
