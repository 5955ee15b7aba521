"""Agreement: which answers to one task are the same function, whatever their text.

Two answers are the same when their code is the same up to layout and names of locals; when both are
proved against a contract that names the result outright; else when they do the same on every probe
(the task's own inputs and those on which any answer was refuted), run in the sandbox. A candidate
that could not be run agrees only with its own text.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.tasks import Task

if TYPE_CHECKING:
    from judge.sandbox import Sandbox

__all__ = ["Answerer", "agreement_of", "names_result", "normal_form"]

_MOST_PROBES = 40


@dataclass(frozen=True, slots=True)
class Answerer:
    """One source's answer to a task: its code and what the judge found."""

    source: str
    candidate: str
    code: str
    verdict: str


def agreement_of(
    task: Task,
    answers: Sequence[Answerer],
    probes: Sequence[tuple[object, ...]],
    sandbox: Sandbox | None,
) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (source, candidate) -> (other sources that agree, other sources).

    A source that answered more than once agrees when any of its answers does. Without a sandbox
    nothing is run, and only text and proof can agree.
    """
    classes = _classes(task, answers, probes, sandbox)
    sources = sorted({answer.source for answer in answers})
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for answer in answers:
        same = {a.source for a in answers if classes[a.candidate] == classes[answer.candidate]}
        others = len(sources) - 1
        found[(answer.source, answer.candidate)] = (len(same - {answer.source}), others)
    return found


def normal_form(code: str) -> str:
    """Return a digest of the code's syntax tree without names of locals, docstrings and hints.

    Code that does not parse stands for itself.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
    text = ast.dump(_Plainer().visit(tree))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def names_result(task: Task) -> bool:
    """Say whether some postcondition is ``result == E`` with no ``result`` in ``E``.

    Then any two answers that are proved against it are the same function.
    """
    return any(_names_result(clause) for clause in task.ensures)


def _names_result(clause: str) -> bool:
    try:
        node = ast.parse(clause.strip(), mode="eval").body
    except SyntaxError:
        return False
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        return False
    if not isinstance(node.ops[0], ast.Eq):
        return False
    sides = (node.left, node.comparators[0])
    bare = [isinstance(side, ast.Name) and side.id == "result" for side in sides]
    if bare == [True, False]:
        other = sides[1]
    elif bare == [False, True]:
        other = sides[0]
    else:
        return False
    return not any(isinstance(n, ast.Name) and n.id == "result" for n in ast.walk(other))


def _classes(
    task: Task,
    answers: Sequence[Answerer],
    probes: Sequence[tuple[object, ...]],
    sandbox: Sandbox | None,
) -> dict[str, str]:
    """Return candidate -> the name of its class of equal functions."""
    classes: dict[str, str] = {}
    forms: dict[str, str] = {}
    outright = names_result(task)
    for answer in answers:
        if answer.candidate in classes:
            continue
        form = normal_form(answer.code)
        if outright and answer.verdict == "proved":
            classes[answer.candidate] = "proved"
        elif form in forms:
            classes[answer.candidate] = forms[form]
        else:
            classes[answer.candidate] = f"form:{form}"
        forms.setdefault(form, classes[answer.candidate])
    if sandbox is None or len(set(classes.values())) == 1 or not probes:
        return classes
    return _merge_by_probes(task, answers, probes[:_MOST_PROBES], sandbox, classes)


def _merge_by_probes(
    task: Task,
    answers: Sequence[Answerer],
    probes: Sequence[tuple[object, ...]],
    sandbox: Sandbox,
    classes: Mapping[str, str],
) -> dict[str, str]:
    """Join classes whose members do the same on every probe; one member of each is run."""
    behaviour: dict[str, str] = {}
    for answer in answers:
        name = classes[answer.candidate]
        if name not in behaviour:
            seen = _behaviour(task, answer, probes, sandbox)
            behaviour[name] = name if seen is None else f"probes:{seen}"
    # A refuted answer differs from one that is not, however alike they look on the probes.
    wrong = {a.candidate for a in answers if a.verdict == "refuted"}
    return {
        candidate: f"{behaviour[name]}:wrong" if candidate in wrong else behaviour[name]
        for candidate, name in classes.items()
    }


def _behaviour(
    task: Task, answer: Answerer, probes: Sequence[tuple[object, ...]], sandbox: Sandbox
) -> str | None:
    """Return a digest of what the candidate does on the probes, or None if it cannot be run."""
    from judge.plain import dumps
    from judge.sandbox import Call, Limits

    calls = [Call(task.entry_point, args) for args in probes]
    if answer.verdict in ("malformed", "unsafe"):
        return None
    # One call that runs away is enough to give up on comparing.
    limits = Limits(cpu_seconds=0.5, wall_seconds=2.0, total_seconds=10.0, losses=1)
    run = sandbox.run(answer.code, calls, limits)
    parts: list[str] = []
    for outcome in run.outcomes:
        if outcome.kind == "returned":
            parts.append("returned " + dumps(outcome.value))
        elif outcome.kind == "raised":
            parts.append(f"raised {outcome.exception}")
        else:
            return None
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class _Plainer(ast.NodeTransformer):
    """Renames locals in order of appearance and drops docstrings and annotations."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Drop what does not run, then rename."""
        node.returns = None
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = node.body[1:] or [ast.Pass()]
        for arg in ast.walk(node.args):
            if isinstance(arg, ast.arg):
                self._names.setdefault(arg.arg, f"v{len(self._names)}")
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                self._names.setdefault(inner.id, f"v{len(self._names)}")
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Rename a parameter."""
        return ast.arg(arg=self._names.get(node.arg, node.arg), annotation=None)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Rename a local."""
        return ast.Name(id=self._names.get(node.id, node.id), ctx=node.ctx)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Make ``x: int = 1`` what it does: ``x = 1``."""
        self.generic_visit(node)
        if node.value is None:
            return ast.Pass()
        return ast.Assign(targets=[node.target], value=node.value, lineno=node.lineno)
