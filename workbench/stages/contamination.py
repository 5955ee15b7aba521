"""Rows that meet what must not be trained on: held-out tasks and benchmarks named by a person.

Three ways to meet: a run of words (n-grams), the same code under renaming, and the same behaviour
on the protected item's own inputs. What it is not: a judge of intent. A function that everybody
writes is flagged when a benchmark asks for it too; the finding says what was compared.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import InputError
from workbench.stages.behaviour import (
    Args,
    Subject,
    constants_of,
    in_sandbox,
    probe_inputs,
    spread,
    subject_of,
)
from workbench.stages.behaviour import behaviour as _behaviour
from workbench.stages.input_domain import ANYTHING, Domain, domain_of

if TYPE_CHECKING:
    from distill.example import Example
    from judge.sandbox import Sandbox
    from workbench.tasks import Task

__all__ = ["Meeting", "meetings", "read_protected", "reasons"]

_SCREEN = 3
"""Inputs of a protected item on which a row is tried first."""
_MOST = 40
_DRAWN = 4 * _MOST
"""Inputs drawn of which those are kept that look like the item's own."""
_LEAST = 4
"""With fewer inputs, or fewer than two different results, behaviour says too little."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """A row and the protected item that it meets. ``kind`` is words, code or behaviour."""

    index: int
    item: str
    kind: str
    shared: str

    @property
    def sentence(self) -> str:
        """Say it."""
        if self.kind == "behaviour":
            return f"does what {self.item} asks ({self.shared})"
        what = "shares the code of" if self.kind == "code" else "shares words with"
        return f"{what} {self.item}: {self.shared[:120]}"


@dataclass(frozen=True, slots=True)
class _Item:
    """A protected task's behaviour: inputs, what the right answer does, as text."""

    name: str
    inputs: tuple[Args, ...]
    expected: tuple[str, ...]
    reference: Subject | None
    """The right answer as code, where the item has one that can be run."""
    domain: Domain = ANYTHING
    """What the item's own inputs look like; ours keep to it."""


def read_protected(files: Sequence[str]) -> list[Task]:
    """Read benchmark and held-out files (ours, HumanEval, EvalPlus, MBPP, JSON Lines)."""
    from workbench.task_files import read_task_file

    found: list[Task] = []
    for name in files:
        read = read_task_file(Path(name).expanduser(), split="eval")
        if not read.tasks:
            raise InputError(f"{name} holds no task that can be protected.", "Check the file.")
        found += read.tasks
    return found


def meetings(
    examples: Sequence[Example],
    protected: Sequence[Task],
    subjects: Mapping[int, Subject | None] | None = None,
    *,
    n: int = 10,
    by_behaviour: bool = True,
    jobs: int = 1,
) -> list[Meeting]:
    """Return at most one meeting for each row, in order; words and code are looked at first.

    Rows are run in ``jobs`` processes when there are many.
    """
    from distill.decontaminate import Protected

    guard = Protected(n=n)
    for task in protected:
        guard.add(task.id, text=task.prompt, code=task.reference or "")
    found = {one.index: Meeting(one.index, one.item, one.kind, one.shared)
             for one in guard.overlaps(examples)}  # fmt: skip
    if by_behaviour:
        left = [place for place in range(len(examples)) if place not in found]
        given = subjects or {}
        of_row = {p: given.get(p) or subject_of(examples[p].completion) for p in left}
        runnable = {place: one for place, one in of_row.items() if one is not None}
        with in_sandbox() as sandbox:
            items = _items(protected, sandbox)
        met = spread(partial(_met_chunk, items), list(runnable.values()), jobs)
        for place, item in zip(runnable, met, strict=True):
            if item is not None:
                name, width = item
                found[place] = Meeting(place, name, "behaviour", f"{width} inputs")
    return [found[place] for place in sorted(found)]


def _items(protected: Sequence[Task], sandbox: Sandbox) -> dict[int, list[_Item]]:
    """Return by number of arguments what the protected tasks do, from tests or the reference."""
    by_arity: dict[int, list[_Item]] = defaultdict(list)
    for task in protected:
        right = _reference(task)
        item = (
            _from_tests(task, right)
            or _from_reference(task, right, sandbox)
            or _from_asserts(task, right)
        )
        if item is not None and len(item.inputs) >= _LEAST and len(set(item.expected)) >= 2:
            by_arity[len(item.inputs[0])].append(item)
    return dict(by_arity)


def _reference(task: Task) -> Subject | None:
    if not task.reference:
        return None
    return subject_of(task.reference, task.entry_point, task.signature)


def _from_tests(task: Task, right: Subject | None) -> _Item | None:
    from judge.plain import dumps, from_json

    tests = [test for test in task.tests if "expected" in test][:_MOST]
    if len(tests) < _LEAST:
        return None
    inputs = tuple(tuple(from_json(arg) for arg in test["args"]) for test in tests)
    expected = tuple(f"returned {dumps(from_json(test['expected']))}" for test in tests)
    return _Item(task.id, inputs, expected, right)


def _from_reference(task: Task, right: Subject | None, sandbox: Sandbox) -> _Item | None:
    """Run the right answer on the inputs that the test code writes out, and on probes."""
    if right is None:
        return None
    width = len(right.kinds)
    inputs = [args for args, _ in _written(task) if len(args) == width][:_MOST]
    domain = domain_of(inputs)
    near = sorted(constants_of(right.code))
    probes = probe_inputs(right.kinds, count=_DRAWN, near=near)
    if probes is None:
        probes = [tuple(map(_varied, args)) for args in inputs]
    inputs += domain.of(probes, _MOST - len(inputs))
    seen = _results(right, inputs, sandbox, losses=6) if inputs else []
    useful = [place for place, text in enumerate(seen or ()) if text.startswith("returned")]
    if not useful or seen is None:
        return None
    return _Item(
        task.id, tuple(inputs[p] for p in useful), tuple(seen[p] for p in useful), right, domain
    )


def _from_asserts(task: Task, right: Subject | None) -> _Item | None:
    """Take inputs and results as the test code writes them out."""
    from judge.plain import dumps

    pairs = [(args, value[0]) for args, value in _written(task) if value is not None]
    if not pairs or len({len(args) for args, _ in pairs}) > 1:
        return None
    return _Item(
        task.id,
        tuple(args for args, _ in pairs),
        tuple(f"returned {dumps(value)}" for _, value in pairs),
        right,
    )


def _written(task: Task) -> list[tuple[Args, tuple[object] | None]]:
    """Return literal calls in a task's test code, each with its literal result where it has one.

    The code is read, never run: ``assert candidate([1, 2]) == 3`` gives ``([1, 2],)`` and ``(3,)``.
    """
    try:
        tree = ast.parse(task.test_code or "")
    except (SyntaxError, ValueError):
        return []
    results = {
        id(node.left): node.comparators[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq)
    }
    found: list[tuple[Args, tuple[object] | None]] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in ("candidate", task.entry_point) and not node.keywords:
            args = [_literal(arg) for arg in node.args]
            if args and all(arg is not None for arg in args):
                said = results.get(id(node))
                value = None if said is None else _literal(said)
                found.append((tuple(arg[0] for arg in args if arg is not None), value))
    return found


def _varied(value: object) -> object:
    """Return another value of the same shape, for items whose types nobody wrote down."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value[::-1] + value[:1]
    if isinstance(value, list):
        return [_varied(one) for one in value[::-1]]
    if isinstance(value, tuple):
        return tuple(_varied(one) for one in value)
    return value


def _literal(node: ast.expr) -> tuple[object] | None:
    try:
        return (ast.literal_eval(node),)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _met_chunk(
    items: Mapping[int, Sequence[_Item]], subjects: Sequence[Subject]
) -> list[tuple[str, int] | None]:
    """Return for each subject the item it meets, and on how many inputs."""
    with in_sandbox() as sandbox:
        met = [_met(subject, items, sandbox) for subject in subjects]
    return [None if item is None else (item.name, len(item.inputs)) for item in met]


def _met(subject: Subject, items: Mapping[int, Sequence[_Item]], sandbox: Sandbox) -> _Item | None:
    """Return the first item whose every input the subject treats as the right answer does."""
    rivals = [one for one in items.get(len(subject.kinds), ()) if _may_meet(subject, one)]
    if not rivals:
        return None
    inputs = [args for item in rivals for args in item.inputs[:_SCREEN]]
    seen = _results(subject, inputs, sandbox, losses=6)
    if seen is None:
        return None
    place = 0
    for item in rivals:
        width = len(item.inputs[:_SCREEN])
        same = tuple(seen[place : place + width]) == item.expected[:width]
        place += width
        same = same and _results(subject, item.inputs, sandbox) == list(item.expected)
        if same and not _told_apart(subject, item, sandbox):
            return item
    return None


def _may_meet(subject: Subject, item: _Item) -> bool:
    """Whether the parameters' outer types agree, as far as both sides write them down."""
    if item.reference is None:
        return True
    pairs = zip(subject.kinds, item.reference.kinds, strict=True)
    outer = [tuple(kind.split("[")[0].lower() for kind in pair) for pair in pairs]
    return all(one == other or not (one in _PLAIN and other in _PLAIN) for one, other in outer)


_PLAIN = ("int", "bool", "str", "float", "list", "dict", "set", "tuple")


def _told_apart(subject: Subject, item: _Item, sandbox: Sandbox) -> bool:
    """Whether inputs near both codes' own numbers tell the row from the right answer.

    Only inputs count to which the right answer says something: elsewhere nothing is asked.
    """
    right = item.reference
    if right is None:
        return False
    near = sorted(constants_of(subject.code) | constants_of(right.code))
    inputs = item.domain.of(probe_inputs(right.kinds, count=_DRAWN, near=near), _MOST)
    said = _results(right, inputs, sandbox, losses=6) if inputs else None
    asked = [place for place, text in enumerate(said or ()) if text.startswith("returned")]
    if said is None or not asked:
        return False
    seen = _results(subject, [inputs[place] for place in asked], sandbox, losses=6)
    return seen is not None and seen != [said[place] for place in asked]


def _results(
    subject: Subject, inputs: Sequence[Args], sandbox: Sandbox, *, losses: int = 1
) -> list[str] | None:
    """Return what the subject returns; benchmarks do not look at what becomes of the arguments."""
    return _behaviour(subject, inputs, sandbox, losses=losses, changes=False)


def reasons(found: Sequence[Meeting]) -> dict[int, str]:
    """Return place -> sentence, as the filter pipeline wants it."""
    return {one.index: one.sentence for one in found}
