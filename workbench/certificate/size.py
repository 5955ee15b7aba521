"""How much a program says, as rule ``verified-first/2`` counts it; independent of the workbench's.

One for each statement, expression and comprehension clause. Not counted: the ``def`` itself,
``return`` and a bare expression (what stands in them is), a function's docstring, and everything
within arguments, annotations and decorators. At least 1; code that does not parse counts its
characters. The tree is that of the Python that runs.
"""

from __future__ import annotations

import ast
import warnings

__all__ = ["program_size"]

_COUNTED = (ast.stmt, ast.expr, ast.comprehension)
_FREE = (ast.Return, ast.Expr, ast.FunctionDef)
_SKIPPED = ("annotation", "returns", "decorator_list")


def program_size(code: str) -> int:
    """Return the size of ``code``."""
    try:
        with warnings.catch_warnings():
            # An odd escape in a stranger's string is no news here.
            warnings.simplefilter("ignore")
            pending: list[ast.AST] = list(ast.parse(code).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return max(len(code), 1)
    total = 0
    while pending:
        node = pending.pop()
        if isinstance(node, ast.arguments):
            continue
        total += isinstance(node, _COUNTED) and not isinstance(node, _FREE)
        for name, value in ast.iter_fields(node):
            if name in _SKIPPED:
                continue
            parts = value if isinstance(value, list) else [value]
            if name == "body" and isinstance(node, ast.FunctionDef) and _is_text(parts):
                parts = parts[1:]
            pending += [part for part in parts if isinstance(part, ast.AST)]
    return max(total, 1)


def _is_text(body: list[ast.stmt]) -> bool:
    first = body[0] if body else None
    return (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
