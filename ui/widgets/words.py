"""How each word looks: a glyph, a label, a tone, and the sentence behind it.

Colour never speaks alone: the glyph and the word say the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["green", "blue", "orange", "gray", "red", "violet"]


@dataclass(frozen=True, slots=True)
class Look:
    """The appearance of one word."""

    glyph: str
    label: str
    tone: Tone
    sentence: str

    @property
    def text(self) -> str:
        """Glyph and label."""
        return f"{self.glyph} {self.label}"


LOOKS: dict[str, Look] = {
    "proved": Look("✓", "proved", "green", "Proved for every input, with termination."),
    "bounded": Look("◕", "bounded", "blue", "Holds for every input within the stated bound."),
    "partial": Look("◑", "partial", "blue", "Proved for calls that return; may not terminate."),
    "tested": Look("◔", "tested", "blue", "Tests and search found nothing wrong."),
    "unknown": Look("?", "unknown", "gray", "The judge could not tell. Neither right nor wrong."),
    "error": Look("!", "judge error", "orange", "The judge itself failed; unscored."),
    "vacuous": Look("∅", "vacuous", "orange", "No input satisfies the precondition."),
    "bad_contract": Look("∅", "bad contract", "orange", "The task's contract is unusable."),
    "refuted": Look("✗", "refuted", "red", "An input on which it is wrong, replayed."),
    "unsafe": Look("⚠", "unsafe", "violet", "It tried something that the sandbox forbids."),
    "malformed": Look("▢", "malformed", "violet", "It does not parse or lacks the function."),
    "pending": Look("…", "not judged", "gray", "An answer that was not judged yet."),
    "no_code": Look("▢", "no code", "violet", "The answer holds no code."),
    "length": Look("✂", "cut off", "orange", "The answer hit the token limit."),
    "refusal": Look("–", "refused", "gray", "The source declined to answer."),
    "filtered": Look("–", "filtered", "gray", "The provider withheld the answer."),
    "cannot": Look("–", "cannot", "gray", "A formal teacher's honest no: out of its reach."),
    "failed": Look("!", "failed", "orange", "The request failed; there is no answer."),
}
"""Every word a cell can hold, in the order of the ladder."""

ABSENT = Look("·", "not asked", "gray", "This source was not asked.")


def look(word: str) -> Look:
    """Return how ``word`` looks; an unheard-of word is shown as it is, in gray."""
    return LOOKS.get(word) or Look("•", word, "gray", word)


CHANGES: dict[str, Look] = {
    "fixed": Look("▲", "fixed", "green", "Not proved before, proved after."),
    "broken": Look("▼", "broken", "red", "Proved before, not proved after."),
    "kept": Look("=", "kept", "gray", "Proved before and after."),
    "still wrong": Look("·", "still wrong", "gray", "Not proved before or after."),
}

CERTIFICATE: dict[str, Look] = {
    "verified": Look("✓", "verified", "green", "Every check passed."),
    "intact": Look("◔", "intact", "blue", "Everything holds; its proofs were not solved again."),
    "incomplete": Look("◔", "checked in part", "blue", "What was checked holds; some was skipped."),
    "issued": Look("…", "not verified here", "orange", "Issued; nobody checked it here yet."),
    "failed": Look("✗", "failed", "red", "At least one check failed."),
}

RECHECK: dict[str, Look] = {
    "confirmed": Look("✓✓", "confirmed by two solvers", "green", "Z3 and cvc5 agree."),
    "single": Look("✓", "one solver", "blue", "The second solver could not tell."),
    "disputed": Look("!", "disputed", "red", "The solvers disagree."),
    "none": Look("·", "nothing to re-check", "gray", "No obligations."),
}

CONTRACT: dict[str, Look] = {
    "ok": Look("✓", "strong", "green", "It notices wrong versions of the reference."),
    "weak": Look("~", "weak", "orange", "It accepts wrong versions, or promises nothing."),
    "vacuous": Look("∅", "vacuous", "red", "No input satisfies the precondition."),
    "bad": Look("✗", "unusable", "red", "It cannot be read, or the reference breaks it."),
    "unknown": Look("?", "not known", "gray", "Usable; without a reference nobody knows more."),
    "not assessed": Look("·", "not assessed", "gray", "Nobody has tried it yet."),
}
