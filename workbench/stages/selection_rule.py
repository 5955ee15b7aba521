"""The rule that chooses winners: a pure function from plain records to plain records.

It reads no database, no clock and no file, so whoever has the recorded inputs can apply it again
and must get the same winners; a certificate does that. Verification gates first; the score only
orders what passed the gate. Scores that differ by less than the policy's margin say nothing about
which program is the better lesson, so among those near the best the simplest program wins, then
the source with the better record. A change of behaviour is a new version in ``RULE``; snapshots of
``verified-first/1``, where the highest score alone decided, are still read.

Inputs (all JSON values)::

    {"rule": RULE,
     "policy": {"accept": ["proved"], "weights": {"verification": .5, "agreement": .3,
                "history": .2}, "margin": .05},
     "tasks": [{"task": "t1", "category": "lists", "split": "train",
                "candidates": [{"answer": 7, "candidate": "<sha256>", "source": "synthesis",
                                "verdict": "proved", "training": "allowed", "basis": "...",
                                "same": 1, "others": 2, "right": 10, "wrong": 2,
                                "all_right": 60, "all_wrong": 4, "attempt": 0, "size": 9,
                                "characters": 61, "rejected": null}]}],
     "removed": [{"task": "t2", "rule": "licence", "reason": "..."}]}

``same`` of ``others`` counts the other sources whose answer is the same function; ``right`` and
``wrong`` are the source's scored candidates in this category, ``all_right`` and ``all_wrong`` those
in all; ``size`` is ``program_size`` of the code; ``rejected`` is a person's reason. ``removed``
names winners that a filter keeps out of the dataset; the choice itself does not depend on it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from judge.score import History, Weights, agreement, score_terms
from judge.verdict import Verdict

__all__ = ["MARGIN", "RULE", "RULES", "apply_rule", "funnel", "program_size"]

RULE = "verified-first/2"
RULES = ("verified-first/1", RULE)
MARGIN = 0.05
"""Scores this near to the best count as equal, unless a policy says otherwise."""

# What may be accepted at all: the gate of the verdict ladder, whatever a policy says.
_ACCEPTABLE = ("proved", "bounded", "tested")


def apply_rule(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one selection a task, in the order of the tasks.

    Each is ``{"task", "answer", "candidate", "source", "verdict", "score", "terms", "reason"}``;
    without a winner ``answer``, ``candidate``, ``source`` and ``verdict`` are None and ``reason``
    says why. Raises ``ValueError`` for another rule's inputs or a policy that cannot be.
    """
    if inputs["rule"] not in RULES:
        known = " and ".join(RULES)
        raise ValueError(f"these inputs are for rule {inputs['rule']!r}; known are {known}")
    policy = inputs["policy"]
    accept = tuple(policy["accept"])
    for word in accept:
        if word not in _ACCEPTABLE:
            raise ValueError(
                f"a policy cannot accept {word!r}; it may accept {', '.join(_ACCEPTABLE)}"
            )
    weights = Weights(**policy["weights"])
    margin = None if inputs["rule"] == RULES[0] else _margin(policy)
    return [_choose(task, accept, weights, margin) for task in inputs["tasks"]]


def program_size(code: str) -> int:
    """Return how much a program says: its statements, expressions and comprehension clauses.

    The function's own head, docstring, annotations and arguments count nothing, and neither do
    ``return`` and a bare expression, so that early returns weigh as much as one expression. Code
    that does not parse counts its characters.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return max(len(code), 1)
    return max(sum(1 for _ in _nodes(tree)), 1)


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that count, by a list instead of recursion: long sums nest deeply."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        counted = isinstance(node, ast.stmt | ast.expr | ast.comprehension)
        if counted and not isinstance(node, ast.Return | ast.Expr | ast.FunctionDef):
            yield node
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            parts = value if isinstance(value, list) else [value]
            if name == "body" and isinstance(node, ast.FunctionDef) and _documented(node):
                parts = parts[1:]
            waiting += [
                part
                for part in parts
                if isinstance(part, ast.AST) and not isinstance(part, ast.arguments)
            ]


def _documented(node: ast.FunctionDef) -> bool:
    return ast.get_docstring(node, clean=False) is not None


def _margin(policy: Mapping[str, Any]) -> float:
    margin = policy["margin"]
    if not isinstance(margin, int | float) or isinstance(margin, bool) or not margin >= 0:
        raise ValueError(f"the margin of a policy is a number from 0 on, not {margin!r}")
    return float(margin)


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
        "removed": len(inputs.get("removed", ())),
    }


def _choose(
    task: Mapping[str, Any], accept: Sequence[str], weights: Weights, margin: float | None
) -> dict[str, Any]:
    if task["split"] != "train":
        return _nobody(task, "The task is held out; nothing of it may be trained on.")
    if not task["candidates"]:
        return _nobody(task, "No source answered with code.")
    passed: list[tuple[Mapping[str, Any], dict[str, Any]]] = []
    obstacles: list[str] = []
    for candidate in task["candidates"]:
        obstacle = _obstacle(candidate, accept)
        if obstacle is None:
            passed.append((candidate, _scored(task, candidate, weights)))
        else:
            obstacles.append(f"{candidate['source']}: {obstacle}")
    if not passed:
        return _nobody(task, "Nobody passed: " + "; ".join(obstacles) + ".")
    if margin is None:
        return min(passed, key=lambda pair: _by_score(*pair))[1]
    best = max(scored["score"] for _, scored in passed)
    near = [pair for pair in passed if round(best - pair[1]["score"], 9) <= margin]
    chosen = min(near, key=lambda pair: _by_simplicity(pair[0]))
    return _explained(*chosen, near)


def _by_score(candidate: Mapping[str, Any], scored: Mapping[str, Any]) -> tuple[Any, ...]:
    """Highest score first; then what needed no repair, is shorter, and a fixed order."""
    return (
        -scored["score"],
        candidate["attempt"],
        candidate["characters"],
        candidate["candidate"],
        candidate["source"],
        candidate["answer"],
    )


def _by_simplicity(candidate: Mapping[str, Any]) -> tuple[Any, ...]:
    """Simplest first; then the source with the better record, fewer repairs, a fixed order."""
    right, wrong = candidate["all_right"], candidate["all_wrong"]
    return (
        candidate["size"],
        -round((right + 1) / (right + wrong + 2), 9),
        candidate["attempt"],
        candidate["characters"],
        candidate["source"],
        candidate["candidate"],
        candidate["answer"],
    )


def _explained(
    candidate: Mapping[str, Any],
    scored: dict[str, Any],
    near: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
) -> dict[str, Any]:
    """Say what decided where several scores were near the best."""
    if len(near) == 1:
        return scored
    smaller = all(other is candidate or other["size"] > candidate["size"] for other, _ in near)
    why = "the simplest" if smaller else "as simple as any, by the better record or a fixed order"
    size = f"size {candidate['size']}"
    return {**scored, "reason": f"{scored['reason'][:-1]}; {why} of {len(near)} near it ({size})."}


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
