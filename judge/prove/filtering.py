"""Dropping guesses that a trace already falsifies.

Guesses are the judge's own or hints from outside; they are evaluated here with a handful of pure
builtins over plain values, after a look at every node. What would grow beyond all measure
(``2 ** huge``, a range of a milliard) is not evaluated: such a guess is left to the solver.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from judge.prove.traces import Snapshot

MAX_RESULT_BITS = 4_096
MAX_ITEMS = 20_000
"""Elements that all ranges and repetitions of one evaluation may have together."""


class TooBig(Exception):
    """The evaluation would take more time or memory than a filter is worth."""


class _Meter:
    """What one evaluation has used."""

    def __init__(self) -> None:
        self.items = 0

    def use(self, items: int) -> None:
        self.items += max(items, 0)
        if self.items > MAX_ITEMS:
            raise TooBig


_meter = _Meter()


def _range(*bounds: int) -> range:
    made = range(*bounds)
    try:
        _meter.use(1 + len(made))  # an empty one counts too: a nest of them takes time
    except OverflowError:
        raise TooBig from None
    return made


def _times(a: Any, b: Any) -> Any:
    for whole, times in ((a, b), (b, a)):
        if isinstance(whole, str | list | tuple) and isinstance(times, int):
            _meter.use(len(whole) * times)
    if isinstance(a, int) and isinstance(b, int):
        _bits(a.bit_length() + b.bit_length())
    return a * b


def _power(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        if b < 0:
            raise ValueError
        _bits(a.bit_length() * b)
    return a**b


def _shift(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        _bits(a.bit_length() + b)
    return a << b


def _bits(bits: int) -> None:
    if bits > MAX_RESULT_BITS:
        raise TooBig


_GUARDED = {
    ast.Mult: ("_times", _times),
    ast.Pow: ("_power", _power),
    ast.LShift: ("_shift", _shift),
}
_BUILTINS = {
    "abs": abs,
    "all": all,
    "any": any,
    "enumerate": enumerate,
    "len": len,
    "max": max,
    "min": min,
    "range": _range,
    "divmod": divmod,
    "reversed": lambda xs: list(reversed(xs)),
    "sorted": sorted,
    "sum": sum,
    "zip": zip,
    "int": int,
    "bool": bool,
    "list": list,
    "ord": ord,
    "str": str,
    "bin": bin,
}
_METHODS = {
    "count", "endswith", "find", "isalnum", "isalpha", "isdecimal", "isdigit", "islower",
    "isspace", "isupper", "lower", "startswith", "upper",
}  # fmt: skip
"""Of strings and lists: they change nothing and make nothing long."""
_NODES = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Pow, ast.LShift, ast.FloorDiv,
    ast.Mod, ast.Compare, ast.Eq, ast.NotEq,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot, ast.Call, ast.Name,
    ast.Load, ast.Store, ast.Constant, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.IfExp,
    ast.ListComp, ast.GeneratorExp, ast.comprehension, ast.Attribute, ast.BitAnd,
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


class _Guard(ast.NodeTransformer):
    """Operations that can grow become calls that look first."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        guard = _GUARDED.get(type(node.op))
        if guard is None:
            return node
        call = ast.Call(ast.Name(guard[0], ast.Load()), [node.left, node.right], [])
        return ast.copy_location(call, node)


Functions = Mapping[str, Callable[..., object]]


def survivors(
    texts: list[str], snapshots: list[Snapshot], helpers: Functions | None = None
) -> list[str]:
    """The guesses that hold in every snapshot; those that cannot be evaluated are kept.

    ``helpers`` are the contract's own functions by name; they raise ``TooBig`` for no value.
    """
    chosen = _spread(snapshots)
    known: Functions = helpers or {}
    kept = []
    for text in texts:
        code = _compile(text, known)
        if code is None or all(_holds(code, s.env, known) for s in chosen):
            kept.append(text)
    return kept


def sensible(texts: Iterable[str], snapshots: list[Snapshot]) -> list[str]:
    """Of statements ``all(... for ...)`` those that hold in every snapshot, and not of nothing."""
    chosen = _spread(snapshots)
    kept = []
    for text in dict.fromkeys(texts):
        body = ast.parse(text, mode="eval").body
        assert isinstance(body, ast.Call)
        met = ast.GeneratorExp(ast.Constant(True), body.args[0].generators)  # type: ignore[attr-defined]
        some = ast.Call(ast.Name("any", ast.Load()), [met], [])
        codes = _compile(text, {}), _compile(ast.unparse(some), {})
        if None in codes or not all(_holds(codes[0], s.env, {}) for s in chosen):
            continue
        if any(_holds(codes[1], s.env, {}) for s in chosen):
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


def _compile(text: str, helpers: Functions) -> Any:
    tree = _Old().visit(ast.parse(text, mode="eval"))
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            return None
        if isinstance(node, ast.Call) and not (
            (
                isinstance(node.func, ast.Name)
                and (node.func.id in _BUILTINS or node.func.id in helpers)
            )
            or isinstance(node.func, ast.Attribute)
        ):
            return None
        if isinstance(node, ast.Attribute) and node.attr not in _METHODS:
            return None
    tree = ast.fix_missing_locations(_Guard().visit(tree))
    try:
        with warnings.catch_warnings():
            # A guess may be silly, as `None[0]` is: it is dropped, not complained about.
            warnings.simplefilter("ignore", SyntaxWarning)
            return compile(tree, "<invariant>", "eval")
    except (RecursionError, MemoryError, ValueError):
        return None


def _holds(code: Any, env: dict[str, object], helpers: Functions) -> bool:
    """Whether a guess is true; one that raises is false, one that has no value here is kept."""
    guards = dict(_GUARDED.values())
    scope = {**helpers, **env, **guards, "__builtins__": _BUILTINS}
    _meter.items = 0
    try:
        return bool(eval(code, scope))
    except (NameError, TooBig, RecursionError, MemoryError):
        return True
    except (
        TypeError,
        ValueError,
        IndexError,
        ZeroDivisionError,
        KeyError,
        OverflowError,
        AttributeError,
    ):
        return False
