"""May a new student take the old one's place: one decision, with its reason in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from distill.evaluate import Paired, regressions


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to promote, why, and every check with its outcome."""

    promote: bool
    reason: str
    checks: tuple[tuple[str, bool, str], ...]
    """(name, passed, what was found), in the order they were made."""


def gate(
    figures: Paired,
    categories: Mapping[str, Paired],
    *,
    outputs_changed: int,
    lift: float = 0.05,
) -> Decision:
    """Decide on a round. ``lift`` is the least gain (share, 0.05 = five points) to promote.

    ``outputs_changed`` counts held-out tasks whose answer text differs from before: an adapter that
    changes nothing is not an adapter.
    """
    worse = regressions(categories)
    checks = (
        ("changes outputs", outputs_changed > 0,
         f"{outputs_changed} of {figures.n} answers differ from before"),
        ("gain beyond its interval", figures.low > 0,
         f"the 95 % interval is {figures.low * 100:+.1f} to {figures.high * 100:+.1f} points"),
        ("enough gain", figures.gain >= lift,
         f"the gain is {figures.gain * 100:+.1f} points, {lift * 100:.1f} are asked"),
        ("no category is worse", not worse,
         f"worse beyond their interval: {', '.join(worse) if worse else 'none'}"),
    )  # fmt: skip
    failed = [f"{name} failed ({found})" for name, passed, found in checks if not passed]
    if failed:
        return Decision(False, f"Not promoted: {'; '.join(failed)}.", checks)
    return Decision(True, f"Promoted: {figures.sentence}.", checks)
