"""Giving a candidate's parameters the names that the task uses, where that changes nothing.

Calls are positional, so ``def f(a, b)`` answers a task about ``f(x, y)``; the contract speaks of
``x`` and ``y``. Every occurrence of ``a`` inside the function becomes ``x``, provided that ``x``
did not occur there and nothing else depends on either name. Where that is not plain the names stay
as they are, and the prover then refuses the mismatch. Line numbers stay.
"""

from __future__ import annotations

import ast

from judge.symbolic.machine import Program


def take_names(program: Program, function: ast.FunctionDef, signature: str) -> None:
    """Rename the parameters of ``function`` in place to those of ``signature``, if that is safe."""
    wanted = _wanted(signature)
    arguments = [*function.args.posonlyargs, *function.args.args]
    if wanted is None or len(wanted) != len(arguments):
        return
    names = {a.arg: new for a, new in zip(arguments, wanted, strict=True) if a.arg != new}
    if not names or not _safe(program, function, names):
        return
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg = names.get(node.arg, node.arg)


def _wanted(signature: str) -> list[str] | None:
    try:
        body = ast.parse(f"{signature.strip().rstrip(':')}: ...").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef):
        return None
    return [a.arg for a in (*body[0].args.posonlyargs, *body[0].args.args)]


def _safe(program: Program, function: ast.FunctionDef, names: dict[str, str]) -> bool:
    """Whether no new name is in use, and no name is bound or passed in any but the plain ways."""
    new, touched = set(names.values()), set(names) | set(names.values())
    if len(new) != len(names):
        return False
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in new:
            return False
        if isinstance(node, ast.arg) and node.arg in new:
            return False
        if not isinstance(node, ast.Name | ast.arg | ast.Attribute | ast.Constant | ast.keyword):
            for _, value in ast.iter_fields(node):
                bound = value if isinstance(value, list) else [value]
                if any(isinstance(text, str) and text in touched for text in bound):
                    return False
    calls = (n for f in program.functions.values() for n in ast.walk(f) if isinstance(n, ast.Call))
    return not any(
        call.keywords and isinstance(call.func, ast.Name) and call.func.id == function.name
        for call in calls
    )
