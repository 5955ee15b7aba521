"""The rule that chooses winners: a pure function from plain records to plain records.

It reads no database, no clock and no file, so whoever has the recorded inputs can apply it again
and must get the same winners; a certificate does that. Verification gates first; the score only
orders what passed the gate. A change of behaviour is a new version in ``RULE``.

Inputs (all JSON values)::

    {"rule": RULE,
     "policy": {"accept": ["proved"], "weights": {"verification": .5, "agreement": .3,
                "history": .2}},
     "tasks": [{"task": "t1", "category": "lists", "split": "train",
                "candidates": [{"answer": 7, "candidate": "<sha256>", "source": "synthesis",
                                "verdict": "proved", "training": "allowed", "basis": "...",
                                "same": 1, "others": 2, "right": 10, "wrong": 2,
                                "attempt": 0, "characters": 61, "rejected": null}]}]}

``same`` of ``others`` counts the other sources whose answer is the same function; ``right`` and
``wrong`` are the source's scored candidates in this category; ``rejected`` is a person's reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from judge.score import History, Weights, agreement, score_terms
from judge.verdict import Verdict

__all__ = ["RULE", "apply_rule", "funnel"]

RULE = "verified-first/1"

# What may be accepted at all: the gate of the verdict ladder, whatever a policy says.
_ACCEPTABLE = ("proved", "bounded", "tested")


def apply_rule(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one selection a task, in the order of the tasks.

    Each is ``{"task", "answer", "candidate", "source", "verdict", "score", "terms", "reason"}``;
    without a winner ``answer``, ``candidate``, ``source`` and ``verdict`` are None and ``reason``
    says why. Raises ``ValueError`` for another rule's inputs or a policy that cannot be.
    """
    if inputs["rule"] != RULE:
        raise ValueError(f"these inputs are for rule {inputs['rule']!r}; this is {RULE!r}")
    policy = inputs["policy"]
    accept = tuple(policy["accept"])
    for word in accept:
        if word not in _ACCEPTABLE:
            raise ValueError(
                f"a policy cannot accept {word!r}; it may accept {', '.join(_ACCEPTABLE)}"
            )
    weights = Weights(**policy["weights"])
    return [_choose(task, accept, weights) for task in inputs["tasks"]]


def funnel(inputs: Mapping[str, Any]) -> dict[str, int]:
    """Count what is left after each gate: candidates, verified, trainable, tasks, winners."""
    accept = tuple(inputs["policy"]["accept"])
    candidates = [c for task in inputs["tasks"] for c in task["candidates"]]
    verified = [c for c in candidates if c["verdict"] in accept]
    trainable = [c for c in verified if _obstacle(c, accept) is None]
    selections = apply_rule(inputs)
    return {
        "tasks": len(inputs["tasks"]),
        "candidates": len(candidates),
        "verified": len(verified),
        "trainable": len(trainable),
        "winners": sum(s["answer"] is not None for s in selections),
    }


def _choose(task: Mapping[str, Any], accept: Sequence[str], weights: Weights) -> dict[str, Any]:
    if task["split"] != "train":
        return _nobody(task, "The task is held out; nothing of it may be trained on.")
    if not task["candidates"]:
        return _nobody(task, "No source answered with code.")
    passed: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    obstacles: list[str] = []
    for candidate in task["candidates"]:
        obstacle = _obstacle(candidate, accept)
        if obstacle is not None:
            obstacles.append(f"{candidate['source']}: {obstacle}")
            continue
        scored = _scored(task, candidate, weights)
        # Highest score first; then what needed no repair, is shorter, and a fixed order.
        order = (
            -scored["score"],
            candidate["attempt"],
            candidate["characters"],
            candidate["candidate"],
            candidate["source"],
            candidate["answer"],
        )
        passed.append((order, scored))
    if not passed:
        return _nobody(task, "Nobody passed: " + "; ".join(obstacles) + ".")
    return min(passed, key=lambda pair: pair[0])[1]


def _obstacle(candidate: Mapping[str, Any], accept: Sequence[str]) -> str | None:
    """Return why the candidate may not win, or None."""
    verdict = Verdict.of(candidate["verdict"])
    if verdict.word not in accept:
        return f"{verdict.word} (accepted: {', '.join(accept)})"
    if candidate["training"] != "allowed":
        return f"training on its answers is {candidate['training']} ({candidate['basis']})"
    if candidate["rejected"]:
        return f"rejected by a person ({candidate['rejected']})"
    return None


def _scored(
    task: Mapping[str, Any], candidate: Mapping[str, Any], weights: Weights
) -> dict[str, Any]:
    history = History(right=candidate["right"], wrong=candidate["wrong"]).mean
    same = agreement(candidate["same"], candidate["others"])
    score = score_terms(Verdict.of(candidate["verdict"]), same, history, weights)
    assert score.total is not None  # every acceptable verdict is scored
    # Rounded, so that the text is the same wherever it is computed.
    total = round(score.total, 9)
    terms = {
        term.name: {"value": round(term.value, 9), "weight": round(term.weight, 9)}
        for term in score.terms
    }
    reason = (
        f"{candidate['source']} won with {candidate['verdict']}: score {total:.3f} = "
        + " + ".join(f"{t.weight:.2f} x {t.value:.2f} {t.name}" for t in score.terms)
        + "."
    )
    return {
        "task": task["task"],
        "answer": candidate["answer"],
        "candidate": candidate["candidate"],
        "source": candidate["source"],
        "verdict": candidate["verdict"],
        "score": total,
        "terms": terms,
        "reason": reason,
    }


def _nobody(task: Mapping[str, Any], reason: str) -> dict[str, Any]:
    return {
        "task": task["task"],
        "answer": None,
        "candidate": None,
        "source": None,
        "verdict": None,
        "score": 0.0,
        "terms": {},
        "reason": reason,
    }
