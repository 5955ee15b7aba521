"""Invariants as a person wants to read them: tidied, and the telling ones first.

For display only: a plan keeps its texts as they were checked.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable

_COMPARE: dict[type[ast.cmpop], Callable[[object, object], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class _Tidy(ast.NodeTransformer):
    """Compare what is literal, and leave out what that decides."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if len(node.ops) != 1:
            return node
        left, right = _literal(node.left), _literal(node.comparators[0])
        compare = _COMPARE.get(type(node.ops[0]))
        if compare is None or left is None or right is None or type(left) is not type(right):
            return self._truth(node)
        return ast.copy_location(ast.Constant(bool(compare(left, right))), node)

    def _truth(self, node: ast.Compare) -> ast.AST:
        """``False == x`` is ``not x``, where ``x`` is a quantifier and so a truth value."""
        for one, other in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
            known = _literal(one)
            if isinstance(known, bool) and isinstance(node.ops[0], ast.Eq) and _is_truth(other):
                return other if known else ast.UnaryOp(ast.Not(), other)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        ending = isinstance(node.op, ast.Or)
        parts = []
        for value in node.values:
            known = _literal(value)
            if isinstance(known, bool):
                if known is ending:
                    return ast.Constant(ending)
                continue
            parts.append(value)
        if not parts:
            return ast.Constant(not ending)
        return parts[0] if len(parts) == 1 else ast.BoolOp(node.op, parts)


def _literal(node: ast.expr) -> object:
    try:
        value: object = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return value


def _is_truth(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("all", "any", "bool")


def tidy(text: str) -> str:
    """The same statement, shorter where parts of it are decided."""
    try:
        tree = _Tidy().visit(ast.parse(text, mode="eval"))
        return ast.unparse(ast.fix_missing_locations(tree))
    except (SyntaxError, ValueError, RecursionError):
        return text


def telling(invariants: Iterable[str]) -> list[str]:
    """Equations and statements about all elements before bounds, each group in its order."""
    words = ("==", "all(", "any(", "sum(", " in ")
    return sorted(invariants, key=lambda text: not any(word in text for word in words))
