"""Invariant hints from a teacher: asked for where a proof is missing, checked like any guess.

A hint is a Python expression over the names at the head of a loop. It can only help: the judge
keeps what it can show to be inductive and drops the rest, so a wrong hint costs time and nothing
else. What it is not: a vote, or any part of a verdict.
"""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.settings import Settings
from workbench.stages.ask import open_teachers
from workbench.stages.door import Door
from workbench.stages.sources import register_teacher
from workbench.store.database import Store

if TYPE_CHECKING:
    from judge import Judgement, Submission
    from teachers.model import Prompt

__all__ = [
    "ask_hints",
    "hint_prompt",
    "hints_in",
    "lacks_invariant",
    "read_hint_file",
    "with_hints",
]

MAX_HINTS = 24
MAX_LENGTH = 400
_OPEN = ("bounded", "partial", "tested", "unknown")
_SYSTEM = (
    "You help a program verifier. You are given a Python function with its contract, and the "
    "reason why the proof is missing. Answer with loop invariants only: a JSON list of strings, "
    "each one Python boolean expression that holds whenever the head of a loop is reached. Use "
    "the function's own names, old(x) for a parameter's value on entry, and only pure builtins. "
    "In a for loop k is the index of the element that comes next; in one over a range it is the "
    "number that comes next, and so is the loop's own variable. "
    "Every expression is checked; a wrong one does no harm, a missing one does."
)


def lacks_invariant(submission: Submission, judgement: Judgement) -> bool:
    """Whether a hint could help: it is not decided, and there is a loop to reason about."""
    if judgement.verdict.word not in _OPEN:
        return False
    try:
        nodes = list(ast.walk(ast.parse(submission.code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(n, ast.For | ast.While) for n in nodes)


def hint_prompt(submission: Submission, judgement: Judgement) -> Prompt:
    """The question: the code with its line numbers, its contract, and what is missing."""
    from teachers.model import Prompt

    lines = submission.code.rstrip().splitlines()
    contract = submission.contract
    parts = ["Function:", *(f"{n:3} {line}" for n, line in enumerate(lines, 1)), ""]
    parts += [f"requires {text}" for text in contract.requires]
    parts += [f"ensures {text}" for text in contract.ensures]
    if contract.helpers:
        parts += ["", "Helpers of the contract:", contract.helpers.rstrip()]
    parts += ["", f"Missing: {judgement.reason or judgement.explanation}"]
    if judgement.invariants:
        parts += ["Known already: " + "; ".join(judgement.invariants)]
    return Prompt.of("\n".join(parts), system=_SYSTEM)


def hints_in(text: str) -> tuple[str, ...]:
    """The Python expressions in a reply: of a JSON list, else of its lines."""
    found: dict[str, None] = {}
    for candidate in _candidates(text):
        clean = candidate.strip().strip("`").rstrip(",;").strip()
        if not clean or len(clean) > MAX_LENGTH:
            continue
        try:
            tree = ast.parse(clean, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if not isinstance(tree.body, ast.Constant | ast.Name):
            found.setdefault(clean, None)
    return tuple(found)[:MAX_HINTS]


def _candidates(text: str) -> Iterable[str]:
    for match in re.finditer(r"\[.*\]", text, re.DOTALL):
        try:
            items: Any = json.loads(match.group())
        except (json.JSONDecodeError, RecursionError):
            continue
        if isinstance(items, list) and items and all(isinstance(i, str) for i in items):
            return items
    bullets = re.compile(r"^\s*(?:[-*]|\d+[.)])\s+")
    return [bullets.sub("", line) for line in text.splitlines()]


def ask_hints(
    store: Store,
    settings: Settings,
    teacher: str,
    items: Sequence[tuple[Submission, Judgement]],
    *,
    door: Door | None = None,
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Ask ``teacher`` about each item: (hints by submission id, sentences about what failed).

    Requests go through the same door as all others: cache, caps, limits, private mode.
    """
    return asyncio.run(_ask(store, settings, teacher, items, door or Door()))


async def _ask(
    store: Store,
    settings: Settings,
    name: str,
    items: Sequence[tuple[Submission, Judgement]],
    door: Door,
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    from teachers.errors import TeacherError
    from teachers.model import Finish, Sampling

    (teacher,) = open_teachers([name])
    register_teacher(store, settings, teacher)
    gateway = door.gateway(store, settings, f"hints:{name}")
    found: dict[str, tuple[str, ...]] = {}
    failed: list[str] = []
    try:
        for submission, judgement in items:
            prompt = hint_prompt(submission, judgement)
            try:
                answer = await gateway.ask(teacher, prompt, Sampling())
            except TeacherError as error:
                # Refused before it was sent (a cap, private mode): so would be all the others.
                failed.append(f"{name} was not asked: {error}")
                break
            if answer.finish in (Finish.FAILED, Finish.CANNOT):
                said = answer.failure.message if answer.failure is not None else answer.text
                failed.append(f"{submission.id}: {name} gave no hints: {said}")
                continue
            hints = hints_in(answer.text)
            if hints:
                found[submission.id] = hints
            else:
                failed.append(f"{submission.id}: no Python expression in what {name} answered")
    finally:
        await teacher.close()
    return found, failed


def with_hints(
    submissions: Iterable[Submission], hints: dict[str, tuple[str, ...]]
) -> list[Submission]:
    """The submissions with the hints of their ids added to what they carry themselves."""
    return [replace(s, hints=(*s.hints, *hints.get(s.id, ()))) for s in submissions]


def read_hint_file(lines: Iterable[str], name: str) -> dict[str, tuple[str, ...]]:
    """Read JSON Lines of ``{"id": ..., "hints": [...]}``; a bad line is told with its mend."""
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        mend = 'A line is {"id": "ID OF A CANDIDATE", "hints": ["x >= 0", ...]}.'
        try:
            row: Any = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            raise InputError(f"{name}, line {number}: not JSON.", mend) from None
        fine = isinstance(row, dict) and isinstance(row.get("hints"), list)
        if not fine or "id" not in row or not all(isinstance(h, str) for h in row["hints"]):
            raise InputError(f"{name}, line {number}: no id with a list of hints.", mend)
        key = str(row["id"])
        found[key] = (*found.get(key, ()), *row["hints"])
    return found
