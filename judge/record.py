"""A judgement as the plain record that ``workbench judge`` prints; the format is public.

The first keys are those that strangers may rely on, in their order; the later ones add detail and
may grow. It is one-way: a record has digests of obligations, not their texts.
"""

from __future__ import annotations

from judge.verdict import Counterexample, Judgement


def counterexample_record(found: Counterexample) -> dict[str, object]:
    """Return a counterexample with its values in the judge's plain encoding."""
    from judge.plain import to_json

    record: dict[str, object] = {
        "args": [to_json(arg) for arg in found.args],
        "result": to_json(found.result),
        "raised": found.raised,
        "violates": found.violates,
    }
    if found.message is not None:
        record["message"] = found.message
    if found.violates is None and found.raised is None:
        record["expected"] = to_json(found.expected)
    return record


def to_record(judgement: Judgement) -> dict[str, object]:
    """Return the output line of one judgement; ``score`` is None when it is unscored."""
    example = judgement.counterexample
    record: dict[str, object] = {
        "id": judgement.id,
        "verdict": judgement.verdict.word,
        "method": judgement.method,
        "bound": judgement.bound,
        "cases": judgement.cases,
        "counterexample": None if example is None else counterexample_record(example),
        "obligations": len(judgement.obligations),
        "recheck": judgement.recheck.value,
        "score": judgement.score if judgement.verdict.scored else None,
        "rlimit": judgement.rlimit,
        "seconds": round(judgement.seconds, 6),
        "explanation": judgement.explanation,
        "reason": judgement.reason,
        "invariants": list(judgement.invariants),
        "assumptions": list(judgement.assumptions),
        "findings": list(judgement.findings),
        "terms": dict(judgement.terms),
        "sandbox": list(judgement.sandbox),
    }
    return record
