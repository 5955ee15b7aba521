"""May a new student take the old one's place: one decision, with its reason in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from distill.evaluate import Paired, regressions

Check = tuple[str, bool, str]
"""(name, passed, what was found)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to promote, why, and every check with its outcome."""

    promote: bool
    reason: str
    checks: tuple[Check, ...]
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


def soundness(base: str | Path, adapter: Path) -> tuple[Check, ...]:
    """Check that an adapter can be put to use at all: it acts, it ends, and it can be merged.

    Loads the model. Raises ``DistillError`` when the adapter does not belong to the base.
    """
    from distill.export import in_memory
    from distill.loading import end_tokens

    found = in_memory(base, adapter)
    text = found.tokenizer.apply_chat_template(
        [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}],
        tokenize=False,
    )
    after = found.tokenizer(text.split("two")[-1], add_special_tokens=False)["input_ids"]
    ends = end_tokens(found.model, found.tokenizer)
    trained = next((token for token in after if token in ends), None)
    said = "does not end an answer with" if trained is None else "ends an answer with"
    return (
        ("adapter acts", found.moved > 0, f"logits move by up to {found.moved:.3g}"),
        ("template and end token agree", trained is not None,
         f"the chat template {said} a token at which generation stops"),
        ("merged equals unmerged", found.same,
         f"logits differ by {found.difference:.3g} over {found.positions} positions"),
    )  # fmt: skip


def with_checks(decision: Decision, checks: tuple[Check, ...]) -> Decision:
    """Return the decision with more checks; one that failed turns it into a no, with its reason."""
    failed = [f"{name} failed ({found})" for name, passed, found in checks if not passed]
    every = (*decision.checks, *checks)
    if not failed:
        return Decision(decision.promote, decision.reason, every)
    reason = f"Not promoted: {'; '.join(failed)}."
    if not decision.promote:
        reason = f"{decision.reason} Also: {'; '.join(failed)}."
    return Decision(False, reason, every)
