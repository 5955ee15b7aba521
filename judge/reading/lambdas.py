"""Conditions of contract decorators as clause texts over the function's own names.

A lambda's parameters are renamed to what they stand for: by position in deal, by name in
icontract; ``_.x`` of deal and ``OLD.x`` of icontract are resolved.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence


class UnreadableError(Exception):
    """A contract that is no expression over names; the text says which and why."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class _Rename(ast.NodeTransformer):
    """Replace names by expressions, and ``holder.name`` by what the holder holds."""

    def __init__(
        self, names: Mapping[str, ast.expr], holders: Mapping[str, Mapping[str, ast.expr]]
    ) -> None:
        self.names = names
        self.holders = holders

    def visit_Name(self, node: ast.Name) -> ast.expr:
        replacement = self.names.get(node.id)
        return node if replacement is None else copy.deepcopy(replacement)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id in self.holders:
            held = self.holders[node.value.id].get(node.attr)
            if held is None:
                raise UnreadableError(f"`{ast.unparse(node)}` names nothing known.", node.lineno)
            return copy.deepcopy(held)
        return self.generic_visit(node)


def _name(text: str) -> ast.expr:
    return ast.Name(text, ast.Load())


def _old(text: str) -> ast.expr:
    return ast.Call(_name("old"), [_name(text)], [])


def clause_of(
    condition: ast.expr,
    scope: Sequence[str],
    functions: Mapping[str, ast.FunctionDef],
    library: str,
    snapshots: Mapping[str, tuple[ast.Lambda, str | None]] | None = None,
    parameters: Sequence[str] = (),
) -> str:
    """Return the clause that a decorator's condition states over the names in ``scope``.

    Raises ``UnreadableError`` for conditions whose meaning is not in the text of the file.
    """
    if isinstance(condition, ast.Name):
        function = functions.get(condition.id)
        if function is None:
            raise UnreadableError(
                f"the condition `{condition.id}` is not defined in this file; write a lambda.",
                condition.lineno,
            )
        count = len(function.args.args)
        given = [a.arg for a in function.args.args] if library == "icontract" else scope[:count]
        return f"{condition.id}({', '.join(given)})"
    if not isinstance(condition, ast.Lambda):
        raise UnreadableError("a condition that is neither lambda nor name cannot be read.",
                         condition.lineno)  # fmt: skip
    given = [a.arg for a in (*condition.args.posonlyargs, *condition.args.args)]
    if condition.args.vararg or condition.args.kwarg:
        raise UnreadableError("a condition over *args cannot be read; name the parameters.",
                         condition.lineno)  # fmt: skip
    names: dict[str, ast.expr] = {}
    holders: dict[str, Mapping[str, ast.expr]] = {}
    if library == "deal" and given == ["_"] and "_" not in scope and scope != ["result"]:
        holders["_"] = {name: _name(name) for name in scope}
    elif library == "deal":
        names = {mine: _name(theirs) for mine, theirs in zip(given, scope, strict=False)}
    elif "OLD" in given:
        holders["OLD"] = _snapshots(snapshots or {}, parameters)
    return ast.unparse(_Rename(names, holders).visit(copy.deepcopy(condition.body)))


def _snapshots(
    snapshots: Mapping[str, tuple[ast.Lambda, str | None]], parameters: Sequence[str]
) -> dict[str, ast.expr]:
    entry = {name: _old(name) for name in parameters}
    return {
        name: _Rename(entry, {}).visit(copy.deepcopy(capture.body))
        for name, (capture, _) in snapshots.items()
    }
