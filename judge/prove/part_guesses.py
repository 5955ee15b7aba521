"""Guesses that a clause of the contract holds of the part of a table or grid that is done.

A clause that goes through a dict is said of the keys that were met; one that goes through two
ranges is said of the rows that are done. Guesses only, kept when inductive.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator


def of_keys(node: ast.For, prefix: str, clause: ast.expr) -> Iterator[str]:
    """The clause with what goes through the dict of a ``for`` cut to what was met of it."""
    walked = _dict_of(node.iter)
    if walked is None:
        return
    name, kind = walked
    for place in _places(clause, name):
        changed = copy.deepcopy(clause)
        made = list(_generators(changed))[place]
        asked = _dict_of(made.iter)
        if asked is not None and _cut(made, asked[1], kind, prefix):
            yield ast.unparse(changed)


def _cut(made: ast.comprehension, asked: str, kind: str, part: str) -> bool:
    """Let a generator go through what a ``for`` over keys, values or items has met."""
    source = ast.parse(part, mode="eval").body
    if asked == kind:
        made.iter = source
    elif kind == "items" and asked in ("keys", "values"):
        spare = ast.Name("_v", ast.Store())
        pair = [made.target, spare] if asked == "keys" else [spare, made.target]
        made.target, made.iter = ast.Tuple(pair, ast.Store()), source
    else:
        return False
    return True


def _generators(node: ast.AST) -> Iterator[ast.comprehension]:
    return (n for n in ast.walk(node) if isinstance(n, ast.comprehension))


def _places(clause: ast.expr, name: str) -> list[int]:
    return [
        n
        for n, made in enumerate(_generators(clause))
        if (found := _dict_of(made.iter)) is not None and found[0] == name
    ]


def _dict_of(node: ast.expr) -> tuple[str, str] | None:
    """(the name, what of it) of ``d``, ``d.keys()``, ``d.values()`` or ``d.items()``."""
    if isinstance(node, ast.Name):
        return node.id, "keys"
    if isinstance(node, ast.Call) and not node.args and isinstance(node.func, ast.Attribute):
        owner, what = node.func.value, node.func.attr
        if isinstance(owner, ast.Name) and what in ("keys", "values", "items"):
            return owner.id, what
    return None


def of_rows(clause: ast.expr, counter: str) -> Iterator[str]:
    """The clause with one of several like ranges cut short, the others whole."""
    ranges = [
        n
        for n, made in enumerate(_generators(clause))
        if isinstance(made.iter, ast.Call)
        and isinstance(made.iter.func, ast.Name)
        and made.iter.func.id == "range"
        and len(made.iter.args) == 1
    ]
    if len(ranges) < 2:
        return
    for place in ranges:
        changed = copy.deepcopy(clause)
        made = list(_generators(changed))[place]
        made.iter = ast.parse(f"range({counter})", mode="eval").body
        yield ast.unparse(changed)
