"""Of several bounds on the same thing the strongest, read off their texts.

What is left out follows from what is kept, so an inductive set stays inductive, and less text makes
every later question easier. It knows comparisons with literals and ``x < y``, ``x <= y + 1``; what
else there is, is kept.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable


def strongest(texts: Iterable[str]) -> list[str]:
    """The texts without those that another one of them implies by its form, in order."""
    best: dict[tuple[str, str, str], tuple[int, str]] = {}
    keys: dict[str, tuple[str, str, str]] = {}
    kept = list(texts)
    for text in kept:
        bound = _bound(text)
        if bound is None:
            continue
        key, strength = bound
        keys[text] = key
        if key not in best or strength > best[key][0]:
            best[key] = (strength, text)
    return [t for t in kept if t not in keys or best[keys[t]][1] == t]


def news(texts: Iterable[str], known: Iterable[str]) -> list[str]:
    """The texts that no known one implies by its form."""
    strength: dict[tuple[str, str, str], int] = {}
    for bound in map(_bound, known):
        if bound is not None:
            strength[bound[0]] = max(bound[1], strength.get(bound[0], bound[1]))
    kept = []
    for text in texts:
        bound = _bound(text)
        if bound is None or bound[0] not in strength or strength[bound[0]] < bound[1]:
            kept.append(text)
    return kept


def _bound(text: str) -> tuple[tuple[str, str, str], int] | None:
    """(what is bounded, by what, which way) and how strongly, of an integer comparison."""
    node = ast.parse(text, mode="eval").body
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        return None
    sign = {ast.LtE: (1, 0), ast.Lt: (1, 1), ast.GtE: (-1, 0), ast.Gt: (-1, 1)}.get(
        type(node.ops[0])
    )
    if sign is None:
        return None
    way, strict = sign
    limit, offset = _offset(node.comparators[0])
    # x <= y + c: the smaller c the stronger; x >= y + c: the larger.
    return (ast.unparse(node.left), limit, "<=" if way > 0 else ">="), strict - way * offset


def _offset(node: ast.expr) -> tuple[str, int]:
    """An expression as (the rest, a literal that is added to it)."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        value = None
    if type(value) is int:
        return "", value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        right = node.right
        if isinstance(right, ast.Constant) and type(right.value) is int:
            rest, more = _offset(node.left)
            return rest, more + (right.value if isinstance(node.op, ast.Add) else -right.value)
    return ast.unparse(node), 0
