"""The part of a module that one function needs; the rest is blanked, so that line numbers stay.

Dropped are definitions that the function cannot reach, and the block under ``if __name__ ==``. Kept
is whatever binds a name that it reaches, and whatever is no definition: a statement that only does
something may change what the rest means. A module that speaks of the machinery by which a
definition can change another (``setattr``, ``exec``, ``builtins``) is left whole.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

_MACHINERY = frozenset(
    "setattr delattr exec eval globals locals vars builtins __builtins__ sys compile".split()  # noqa: SIM905
)


def sliced(source: str, tree: ast.Module, entry_point: str, clauses: Iterable[str]) -> str:
    """Return the source with the top-level statements blanked that the entry point cannot reach."""
    if _MACHINERY & set(_names(tree)):
        return source
    needed = {entry_point}
    try:
        for clause in clauses:
            needed |= set(_names(ast.parse(clause.strip(), mode="eval")))
    except SyntaxError:
        return source  # whoever checks the contract names the clause
    kept: set[int] = set()
    progress = True
    while progress:
        progress = False
        for place, node in enumerate(tree.body):
            if place not in kept and not _droppable(node, needed):
                kept.add(place)
                needed |= set(_names(node))
                progress = True
    rows = source.split("\n")
    for place, node in enumerate(tree.body):
        if place not in kept and _alone(node, tree.body):
            for line in range(_first_line(node), (node.end_lineno or node.lineno) + 1):
                rows[line - 1] = ""
    return "\n".join(rows)


def _droppable(node: ast.stmt, needed: set[str]) -> bool:
    """Whether a statement only defines what is not needed."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name not in needed
    if isinstance(node, ast.ClassDef):
        return node.name not in needed and all(_defines(inner) for inner in node.body)
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        return not names & needed and "*" not in names
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return all(isinstance(t, ast.Name) and t.id not in needed for t in targets)
    return isinstance(node, ast.If) and _is_main(node.test)


def _defines(node: ast.stmt) -> bool:
    """Whether a statement of a class body does no more than define."""
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Name) for target in node.targets)
    if isinstance(node, ast.ClassDef):
        return all(_defines(inner) for inner in node.body)
    documents = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    plain = ast.FunctionDef | ast.AsyncFunctionDef | ast.AnnAssign | ast.Pass
    return documents or isinstance(node, plain)


def _is_main(test: ast.expr) -> bool:
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
        and isinstance(test.comparators[0], ast.Constant)
        and test.comparators[0].value == "__main__"
    )


def _names(tree: ast.AST) -> Iterator[str]:
    """Every name that a tree reads or binds, those inside annotations in quotes as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.name.partition(".")[0]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _alone(node: ast.stmt, body: list[ast.stmt]) -> bool:
    """Whether no other statement stands on the lines of this one."""
    first, last = _first_line(node), node.end_lineno or node.lineno
    return not any(
        other is not node and _first_line(other) <= last and first <= (other.end_lineno or 0)
        for other in body
    )


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])
