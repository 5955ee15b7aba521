"""The one or two sentences that tell a person what was found; every fact in them was measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from judge.contract import Submission
from judge.verdict import Counterexample

if TYPE_CHECKING:
    from judge.prove import Proof

_LOOSE = re.compile(r"\b(or|if|lambda)\b")
"""Words of Python that bind looser than ``and``."""


def refutation(submission: Submission, found: Counterexample) -> str:
    """``clamp(0, 1, 1) returned 0; the contract asks lo <= result <= hi.``"""
    from judge.plain import call_text, value_text

    call = call_text(submission.entry_point, found.args)
    if found.raised is not None:
        what = f"{call} raised {found.raised}"
        if found.message:
            what += f": {found.message.splitlines()[0][:200]}" if found.message.strip() else ""
    else:
        what = f"{call} returned {value_text(found.result)}"
    return f"{what}; {_asked(submission, found)}."


def _asked(submission: Submission, found: Counterexample) -> str:
    from judge.plain import value_text

    if found.violates is not None:
        if found.violates in submission.contract.ensures:
            return f"the contract asks {found.violates}"
        return found.violates.rstrip(".")
    if found.raised is not None:
        allowed = submission.contract.raises
        if found.expected is not None:
            return f"the test expects {value_text(found.expected)}"
        if not allowed:
            return "no exception is allowed"
        return f"only {' and '.join(allowed)} may be raised"
    return f"the test expects {value_text(found.expected)}"


def conjunction(clauses: Sequence[str]) -> str:
    """All clauses as one Python condition, with parentheses where ``and`` would bind tighter."""
    if len(clauses) == 1:
        return clauses[0]
    return " and ".join(f"({c})" if _LOOSE.search(c) else c for c in clauses)


def claim(submission: Submission) -> str:
    """What was shown of the function, in the words of its contract."""
    contract = submission.contract
    if contract.ensures:
        return conjunction(contract.ensures)
    if contract.raises:
        return f"no exception but {' and '.join(contract.raises)} leaves it"
    return "no exception leaves it and no assert fails"


def proof(submission: Submission, found: Proof, recheck: str) -> str:
    """What was proved, by which method, and the invariants that carry a loop."""
    given = submission.contract.requires
    inputs = f"every input with {conjunction(given)}" if given else "every input"
    goals = sum(obligation.expected == "unsat" for obligation in found.obligations)
    text = (
        f"Proved for {inputs}: {claim(submission)} "
        f"({found.method}, {_count(goals, 'obligation')}, re-check {recheck})."
    )
    if found.invariants:
        text += f" {_found(found.invariants)}"
    return text


def _found(invariants: Sequence[str]) -> str:
    """The invariants that carry the proof, the telling ones first; k counts a loop's rounds."""
    from judge.prove.wording import telling

    told = telling(invariants)[:3]
    rounds = any(re.search(r"\bk\b", text) for text in told)
    counted = "after k rounds of a loop, " if rounds else "at the head of a loop, "
    measures = all(text.endswith(" decreases") or text.startswith("every call") for text in told)
    rest = len(invariants) - len(told)
    more = f" and {rest} more" if rest else ""
    return f"Found: {'' if measures else counted}{'; '.join(told)}{more}."


def bounded(submission: Submission, bound: str | None, reason: str | None) -> str:
    """What holds within which bound, and why no more is claimed."""
    text = f"Holds for every input within {bound or 'the bound'}: {claim(submission)}."
    return f"{text} Not proved beyond it: {reason}" if reason else text


def partial(submission: Submission) -> str:
    """What holds for the calls that return."""
    return (
        f"Proved for every call that returns: {claim(submission)}. "
        "That every call returns is not proved."
    )


def tested(tests: int, searched: int, reason: str | None) -> str:
    """How many cases found nothing, and why there is no proof."""
    parts = [_count(tests, "test")] if tests else []
    parts += [_count(searched, "searched input")] if searched else []
    text = f"Nothing wrong in {' and '.join(parts)}."
    return f"{text} Not proved: {reason}" if reason else text


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def joined(findings: Sequence[str], reason: object = None) -> tuple[str, ...]:
    """The findings in the order in which they were met, without what the reason says already."""
    return tuple(text for text in dict.fromkeys(findings) if text != reason)
