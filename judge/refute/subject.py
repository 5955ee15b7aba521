"""What a submission says about its inputs: parameters and their shapes, and words worth trying."""

from __future__ import annotations

import ast
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from judge.contract import Submission
from judge.refute.shapes import ANYTHING, Reader, Shape, of_values


@dataclass(frozen=True, slots=True)
class Subject:
    """The function under test as far as inputs are concerned.

    ``unreadable`` says why no inputs can be made (a parameter that takes a function, say); else
    None. ``result`` is the annotated shape of the result, None where there is none.
    """

    names: tuple[str, ...]
    shapes: tuple[Shape, ...]
    result: Shape | None
    unreadable: str | None = None

    @property
    def guessed(self) -> bool:
        """Whether any input is a guess, so that exceptions may be the input's fault."""
        return any(shape.uncertain for shape in self.shapes)


def parse(code: str) -> ast.Module | None:
    """Return the syntax tree, or None when the code is not fit to be parsed."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def read_subject(submission: Submission) -> Subject:
    """Find parameters and shapes: from the task's signature, else the code, else the tests."""
    tree = parse(submission.code)
    entry = unicodedata.normalize("NFKC", submission.entry_point)
    function = _function(tree, entry)
    asked = None
    if submission.signature:
        asked = _function(parse(f"{submission.signature.strip().rstrip(':')}:\n    pass\n"), entry)
    chosen = asked or function
    if chosen is None:
        return Subject((), (), None, f"no definition of {submission.entry_point} can be read")
    reader = Reader(_aliases(tree))
    places = [*chosen.args.posonlyargs, *chosen.args.args]
    shapes: list[Shape] = []
    for index, place in enumerate(places):
        shape = reader.read(place.annotation)
        if shape is None:
            said = ast.unparse(place.annotation) if place.annotation else ""
            return Subject((), (), None, f"inputs of type {said} for {place.arg} cannot be made")
        if shape is ANYTHING:
            shape = _from_tests(submission, index)
        shapes.append(shape)
    wanted = [
        a.arg
        for a, d in zip(chosen.args.kwonlyargs, chosen.args.kw_defaults, strict=True)
        if d is None
    ]
    if wanted:
        return Subject((), (), None, f"{wanted[0]} can be given by keyword only")
    result = reader.read(chosen.returns) if chosen.returns is not None else None
    return Subject(tuple(place.arg for place in places), tuple(shapes), result)


def _function(tree: ast.Module | None, name: str) -> ast.FunctionDef | None:
    found = None
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.FunctionDef) and node.name == name:
            found = node
    return found


def _aliases(tree: ast.Module | None) -> dict[str, ast.expr]:
    found: dict[str, ast.expr] = {}
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Name):
                found[target.id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            found[node.target.id] = node.value
    return found


def _from_tests(submission: Submission, index: int) -> Shape:
    values = [case.args[index] for case in submission.tests if len(case.args) > index]
    return of_values(values) if values else ANYTHING


@dataclass(frozen=True, slots=True)
class Words:
    """Constants of code and contract: where a branch turns, a value near them is worth trying."""

    ints: tuple[int, ...]
    floats: tuple[float, ...]
    strings: tuple[str, ...]


_MOST = 48


def read_words(submission: Submission) -> Words:
    """Collect constants, in the order of their first appearance."""
    contract = submission.contract
    said = _constants((*contract.requires, *contract.ensures))
    written = _constants_of(submission.code)
    help_ = _constants((contract.helpers,))
    found: tuple[dict[Any, None], ...] = ({}, {}, {})
    for value in (*said, *written, *help_):
        _sort_in(value, *found)
    ints, floats, strings = (tuple(part)[:_MOST] for part in found)
    return Words(ints, floats, strings)


@lru_cache(maxsize=256)  # the same for all candidates of a task
def _constants(texts: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(value for text in texts for value in _constants_of(text))


def _constants_of(text: str) -> list[Any]:
    tree = parse(text)
    nodes = ast.walk(tree) if tree is not None else ()
    return [n.value for n in nodes if isinstance(n, ast.Constant) and not _docstring(n, tree)]


def _docstring(node: ast.Constant, tree: ast.Module | None) -> bool:
    return isinstance(node.value, str) and ("\n" in node.value or len(node.value) > 60)


def _sort_in(
    value: Any, ints: dict[int, None], floats: dict[float, None], strings: dict[str, None]
) -> None:
    if type(value) is int:
        ints.setdefault(value)
    elif type(value) is float:
        floats.setdefault(value)
    elif type(value) is str and value:
        strings.setdefault(value)
