"""Makes a program that shows a disagreement smaller, by dropping statements and operands."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator


def shrunk(code: str, still: Callable[[str], bool], tries: int = 400) -> str:
    """The smallest program found that still shows it; ``still`` may be asked ``tries`` times."""
    best, asked = code, 0
    progress = True
    while progress and asked < tries:
        progress = False
        for smaller in _smaller(best):
            asked += 1
            if asked >= tries:
                break
            if still(smaller):
                best, progress = smaller, True
                break
    return best


def _smaller(code: str) -> Iterator[str]:
    count = sum(1 for _ in ast.walk(ast.parse(code)))
    for place in range(count):
        for way in range(4):
            tree = ast.parse(code)
            node = next(n for i, n in enumerate(ast.walk(tree)) if i == place)
            if _cut(node, way):
                text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
                if len(text) < len(code):
                    yield text


def _cut(node: ast.AST, way: int) -> bool:
    """Change one node: drop a statement of its body, open a block, or keep one operand."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and not isinstance(node, ast.Module) and way < 3:
        if len(body) > 1:
            del body[min(way, len(body) - 1)]
            return True
        return False
    if isinstance(body, list) and way == 3:
        for place, inner in enumerate(body):
            if isinstance(inner, ast.If | ast.For | ast.While | ast.Try):
                body[place : place + 1] = inner.body
                return True
        return False
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.expr) and not isinstance(value, ast.Name | ast.Constant):
            inner_parts = [n for n in ast.iter_child_nodes(value) if isinstance(n, ast.expr)]
            if way < len(inner_parts):
                setattr(node, name, inner_parts[way])
                return True
    return False
