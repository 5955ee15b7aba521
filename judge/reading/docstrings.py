"""Contracts in docstrings, as PEP 316 proposed them and CrossHair reads them.

``pre: x > 0``, ``post: __return__ > x``, ``post[xs]: len(xs) == len(__old__.xs)``,
``raises: A, B``; a keyword with nothing after the colon takes the more indented lines below it, one
clause a line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from judge.reading.lambdas import _old, _Rename

_LINE = re.compile(r"^(\s*)(pre|post|raises|inv)(\[[^\]]*\])?\s*::?(?=\s|$)(.*)$")


@dataclass(slots=True)
class Spoken:
    """The clauses of one docstring; ``found`` tells an empty contract from none."""

    requires: list[str] = field(default_factory=list)
    ensures: list[str] = field(default_factory=list)
    raises: list[str] = field(default_factory=list)
    found: bool = False


def docstring_clauses(text: str, parameters: Sequence[str]) -> Spoken:
    """Return the clauses written in a (cleaned) docstring; a text without any is no fault."""
    spoken = Spoken()
    rows = text.split("\n")
    place = 0
    while place < len(rows):
        match = _LINE.match(rows[place])
        place += 1
        if match is None or match[2] == "inv":
            continue
        indent, kind, rest = len(match[1]), match[2], match[4].strip()
        clauses = [rest] if rest else []
        while not rest and place < len(rows) and _deeper(rows[place], indent):
            if rows[place].strip():
                clauses.append(rows[place].strip())
            place += 1
        _add(spoken, kind, clauses, parameters)
    return spoken


def _deeper(row: str, indent: int) -> bool:
    return not row.strip() or len(row) - len(row.lstrip()) > indent


def _add(spoken: Spoken, kind: str, clauses: list[str], parameters: Sequence[str]) -> None:
    spoken.found = True
    if kind == "pre":
        spoken.requires += clauses
    elif kind == "raises":
        names = ",".join(clauses).split(",")
        spoken.raises += [name.strip() for name in names if name.strip()]
    else:
        spoken.ensures += [_resolve(clause, parameters) for clause in clauses]


def _resolve(clause: str, parameters: Sequence[str]) -> str:
    """Write ``result`` for ``__return__`` and ``old(x)`` for ``__old__.x``."""
    try:
        tree = ast.parse(clause, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return clause  # the contract check names the clause and what is wrong with it
    result = {"__return__": ast.Name("result", ast.Load())}
    if "_" not in parameters and not _binds_underscore(tree):
        result["_"] = ast.Name("result", ast.Load())
    old = {"__old__": {name: _old(name) for name in parameters}}
    return ast.unparse(_Rename(result, old).visit(tree))


def _binds_underscore(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == "_" and isinstance(node.ctx, ast.Store)
        for node in ast.walk(tree)
    )
