"""Which contracts are mere formulas: evaluating one leaves nothing behind in its process.

Such a contract computes with numbers, texts and containers that it is given, by operators, by
methods of the builtin types and by functions of its own made of the same. Nothing else can be
named in it: no other builtin, no module but ``math``, no attribute that leads from a value to its
class, its frame or its code. So one process may rule on many contracts, one after the other. It is
a list of what is let through; whatever is not on it makes the contract one with a process of its
own. Not here: whether the contract makes sense (``judge.contract_check``).
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Sequence

__all__ = ["leaves_nothing"]

_BUILTINS = frozenset(
    """
    abs all any bin bool bytes chr complex dict divmod enumerate filter float frozenset hex int
    isinstance iter len list map max min next oct ord pow range repr reversed round set sorted str
    sum tuple zip True False None ArithmeticError AssertionError Exception IndexError KeyError
    LookupError OverflowError TypeError ValueError ZeroDivisionError
    """.split()  # noqa: SIM905 a page of commas would say no more
)
_TYPES = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)
_METHODS = frozenset(name for kind in _TYPES for name in dir(kind) if not name.startswith("_")) - {
    "format",
    "format_map",
    "encode",
    "decode",
}
"""A format string may walk from a value to its class, a codec's name to a module."""
_MATH = frozenset(name for name in dir(math) if not name.startswith("_"))
_LISTED = (
    ast.Assert, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Break, ast.Continue, ast.Expr,
    ast.For, ast.If, ast.Pass, ast.Raise, ast.Return, ast.While,
    ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.comprehension,
    ast.arguments, ast.arg, ast.keyword,
    ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.Constant, ast.Subscript,
    ast.Slice, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.GeneratorExp, ast.Starred, ast.Lambda, ast.JoinedStr, ast.FormattedValue, ast.Call,
    ast.NamedExpr,
)  # fmt: skip


def leaves_nothing(
    helpers: Sequence[ast.stmt], clauses: Iterable[ast.expr], names: Iterable[str]
) -> bool:
    """Whether helpers and clauses over the parameters ``names`` are formulas and nothing else."""
    bodies = [node for node in helpers if isinstance(node, ast.FunctionDef)]
    imports = [node for node in helpers if isinstance(node, ast.Import)]
    if len(bodies) + len(imports) < len(helpers):
        return False
    modules = {a.asname or a.name for node in imports for a in node.names}
    if any(alias.name != "math" for node in imports for alias in node.names):
        return False
    known = {body.name for body in bodies} | set(names) | {"result"} | _BUILTINS
    if known & modules or any(name.startswith("__") for name in known | modules):
        return False
    return all(_fine([clause], known, modules) for clause in clauses) and all(
        _fine_function(body, known, modules) for body in bodies
    )


def _fine_function(node: ast.FunctionDef, known: set[str], modules: set[str]) -> bool:
    """A function of statements that bind names of its own. Its annotations are never evaluated."""
    arguments = node.args
    if node.decorator_list or arguments.vararg or arguments.kwarg or arguments.kw_defaults:
        return False
    if not all(isinstance(default, ast.Constant) for default in arguments.defaults):
        return False
    own = {arg.arg for arg in (*arguments.posonlyargs, *arguments.args)}
    return not own & modules and _fine(node.body, known | own, modules)


def _fine(nodes: Iterable[ast.AST], known: set[str], modules: set[str]) -> bool:
    """Whether everything below is on the list; a name must be known or bound somewhere below."""
    pending = list(nodes)
    bound: set[str] = set()
    used: set[str] = set()
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.Attribute):
            if not isinstance(node.ctx, ast.Load):
                return False
            if _of_module(node, modules):
                continue
            if node.attr not in _METHODS:
                return False
            pending.append(node.value)
        elif isinstance(node, _LISTED):
            bound |= {node.arg} if isinstance(node, ast.arg) else set()
            pending.extend(ast.iter_child_nodes(node))
        else:
            return False
    return used <= known | bound and not bound & modules


def _of_module(node: ast.Attribute, modules: set[str]) -> bool:
    """``math.gcd``: a function of a module that is nothing but functions and numbers."""
    place = node.value
    return isinstance(place, ast.Name) and place.id in modules and node.attr in _MATH
