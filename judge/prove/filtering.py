"""Dropping guesses that a trace already falsifies.

Guesses are expressions of the judge's own making; they are evaluated here with a handful of pure
builtins over plain values, after a look at every node.
"""

from __future__ import annotations

import ast
from typing import Any

from judge.prove.traces import Snapshot

_BUILTINS = {
    "abs": abs,
    "all": all,
    "any": any,
    "enumerate": enumerate,
    "len": len,
    "max": max,
    "min": min,
    "range": range,
    "reversed": lambda xs: list(reversed(xs)),
    "sorted": sorted,
    "sum": sum,
    "zip": zip,
    "int": int,
    "bool": bool,
    "list": list,
    "ord": ord,
}
_NODES = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.Compare, ast.Eq, ast.NotEq,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot, ast.Call, ast.Name,
    ast.Load, ast.Store, ast.Constant, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.IfExp,
    ast.ListComp, ast.GeneratorExp, ast.comprehension,
)  # fmt: skip
MAX_SNAPSHOTS = 160
MAX_BITS = 256


class _Old(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "old" and len(node.args) == 1:
            return ast.copy_location(
                ast.Name(f"_old_{ast.unparse(node.args[0])}", ast.Load()), node
            )
        return self.generic_visit(node)


def survivors(texts: list[str], snapshots: list[Snapshot]) -> list[str]:
    """The guesses that hold in every snapshot; those that cannot be evaluated are kept."""
    chosen = _spread(snapshots)
    kept = []
    for text in texts:
        code = _compile(text)
        if code is None or all(_holds(code, s.env) for s in chosen):
            kept.append(text)
    return kept


def _spread(snapshots: list[Snapshot]) -> list[Snapshot]:
    small = [s for s in snapshots if all(_small(v) for v in s.env.values())]
    if len(small) <= MAX_SNAPSHOTS:
        return small
    step = len(small) / MAX_SNAPSHOTS
    return [small[int(k * step)] for k in range(MAX_SNAPSHOTS)]


def _small(value: object) -> bool:
    return not isinstance(value, int) or value.bit_length() <= MAX_BITS


def _compile(text: str) -> Any:
    tree = _Old().visit(ast.parse(text, mode="eval"))
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            return None
        if isinstance(node, ast.Call) and not (
            isinstance(node.func, ast.Name) and node.func.id in _BUILTINS
        ):
            return None
    return compile(ast.fix_missing_locations(tree), "<invariant>", "eval")


def _holds(code: Any, env: dict[str, object]) -> bool:
    """Whether a guess is true; one that raises is false, one without a value for a name is kept."""
    scope = {**env, "__builtins__": _BUILTINS}
    try:
        return bool(eval(code, scope))
    except NameError:
        return True
    except (TypeError, ValueError, IndexError, ZeroDivisionError, KeyError, OverflowError):
        return False
