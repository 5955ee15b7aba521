"""When two tasks ask the same, whatever they are called: for keeping held-out tasks held out.

Two tasks are the same question when their prompts have the same words, or when they state the same
contract and tests about functions of the same shape. Names of the function and its parameters,
layout and punctuation do not count. Rewording *and* restating the contract is not seen: that takes
a proof of equivalence or an embedding, and is the business of whoever builds the dataset.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable
from typing import Protocol

from pydantic_core import to_json

from workbench.certificate.strict import canonical

__all__ = ["Asked", "Marks", "contract_mark", "same_question"]

_WORD = re.compile(r"\w+")
_ASCII_WORDS = {code: chr(code).lower() if _WORD.match(chr(code)) else " " for code in range(128)}
"""What casefolding and finding words comes to for plain text."""
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


class Asked(Protocol):
    """What is read of a task; a certificate's ``TaskRecord`` is one."""

    @property
    def id(self) -> str: ...
    @property
    def prompt(self) -> str: ...
    @property
    def entry_point(self) -> str: ...
    @property
    def signature(self) -> str: ...
    @property
    def requires(self) -> tuple[str, ...]: ...
    @property
    def ensures(self) -> tuple[str, ...]: ...
    @property
    def raises(self) -> tuple[str, ...]: ...
    @property
    def helpers(self) -> str: ...
    @property
    def tests(self) -> tuple[dict[str, object], ...]: ...


def same_question(held_out: Iterable[Asked], others: Iterable[Asked]) -> tuple[str, str] | None:
    """Return the ids of the first held-out task and of another task that ask the same, or None."""
    prompts: dict[str, str] = {}
    alike: dict[object, list[Asked]] = {}
    for other in others:
        prompts.setdefault(_words(other), other.id)
        if other.ensures:
            alike.setdefault(_coarse(other), []).append(other)
    for task in held_out:
        if (found := prompts.get(_words(task))) is not None:
            return task.id, found
        if task.ensures and (near := alike.get(_coarse(task))):
            # Spelling the contract out is dear, so it is done only where the rest is alike.
            mine = contract_mark(task)
            for other in near:
                if contract_mark(other) == mine:
                    return task.id, other.id
    return None


def contract_mark(task: Asked) -> str:
    """Return the contract and tests with the function's and parameters' names taken out."""
    names, shape = _shape(task.signature)
    places = {name: f"p{number}" for number, name in enumerate(names)}
    places[task.entry_point] = "f"

    def placed(text: str) -> str:
        return " ".join(_NAME.sub(lambda m: places.get(m[0], m[0]), text).split())

    contract = [
        sorted(map(placed, task.requires)),
        sorted(map(placed, task.ensures)),
        sorted(task.raises),
        placed(task.helpers),
        sorted(canonical(test) for test in task.tests),
    ]
    return f"{shape} {canonical(contract)}"


class Marks:
    """Which tasks could be the same question, by two numbers a task; collisions cost only time.

    Tasks that ``same_question`` calls the same have a mark in common.
    """

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._trained: set[int] = set()

    def add(self, task: Asked, train: bool) -> None:
        """Note a task's marks."""
        (self._trained if train else self._held).update(_marks(task))

    @property
    def meet(self) -> bool:
        """Whether any held-out task could be a training task."""
        return not self._held.isdisjoint(self._trained)

    def suspects(self, task: Asked) -> bool:
        """Whether the task has a mark that stands on both sides."""
        return any(mark in self._held and mark in self._trained for mark in _marks(task))


def _marks(task: Asked) -> tuple[int, ...]:
    words = hash(_words(task))
    return (words, hash(_coarse(task))) if task.ensures else (words,)


def _coarse(task: Asked) -> object:
    """Return what tasks of one contract have in common, as far as that is cheap to say."""
    # Cut between the tests and sorted, so that their order does not matter.
    tests = to_json(task.tests)[2:-2]
    if len(task.tests) > 1:
        tests = b"},{".join(sorted(tests.split(b"},{")))
    return len(task.requires), len(task.ensures), tests


def _words(task: Asked) -> str:
    """Return the prompt's words, with one for the function's own name."""
    name = task.entry_point.casefold()
    prompt = task.prompt
    if prompt.isascii():
        words = prompt.translate(_ASCII_WORDS).split()
    else:
        words = _WORD.findall(prompt.casefold())
    text = f" {' '.join(words)} "
    if name in words:
        # Twice, because a name that follows itself shares the space between.
        text = text.replace(f" {name} ", " f ").replace(f" {name} ", " f ")
    return text


def _shape(signature: str) -> tuple[list[str], str]:
    """Return the parameters' names, and their types with the result's, of a ``def`` line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first = ast.parse(signature.rstrip().rstrip(":") + ": ...").body[0]
    except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError):
        return [], signature
    if not isinstance(first, ast.FunctionDef):
        return [], signature
    asked = [*first.args.posonlyargs, *first.args.args, *first.args.kwonlyargs]
    types = [ast.dump(a.annotation) if a.annotation else "" for a in asked]
    result = ast.dump(first.returns) if first.returns else ""
    return [a.arg for a in asked], canonical([types, result])
