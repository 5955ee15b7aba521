"""Small wrong versions of a function, to ask whether a contract would notice.

Two kinds: one operator, constant, condition or statement of the code changed; and the right result
changed at the very end. A mutant may happen to mean the same; telling that apart is the caller's.
Deterministic: the same code gives the same mutants in the same order.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAX_MUTANTS = 40

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "sum": "len"}
_METHODS = {
    "upper": "lower", "lower": "upper", "startswith": "endswith", "endswith": "startswith",
    "lstrip": "rstrip", "rstrip": "lstrip", "strip": "lstrip", "keys": "values", "values": "keys",
    "append": "remove", "find": "rfind", "rfind": "find", "isdigit": "isalpha",
    "isalpha": "isdigit", "isupper": "islower", "islower": "isupper",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed function: whole source, what was changed, and on which line of the original."""

    code: str
    change: str
    line: int


def mutants(code: str, entry_point: str, *, limit: int = MAX_MUTANTS) -> tuple[Mutant, ...]:
    """Return up to ``limit`` mutants of parsable ``code``, spread evenly over all that exist."""
    tree = ast.parse(code)
    seen = {ast.unparse(tree)}
    found: list[Mutant] = []
    for mutant in (*_of_the_code(tree), *_of_the_result(tree, entry_point)):
        if mutant.code not in seen:
            seen.add(mutant.code)
            found.append(mutant)
    if len(found) <= limit:
        return tuple(found)
    return tuple(found[place * len(found) // limit] for place in range(limit))


def _of_the_code(tree: ast.Module) -> Iterator[Mutant]:
    """Change one node at a time; annotations and docstrings are left alone."""
    skipped = _not_behaviour(tree)
    for place, node in enumerate(ast.walk(tree)):
        if node in skipped:
            continue
        for change, edit in _edits(node):
            changed = copy.deepcopy(tree)
            target = next(n for p, n in enumerate(ast.walk(changed)) if p == place)
            edit(target)
            text = ast.unparse(ast.fix_missing_locations(changed))
            yield Mutant(text, change, getattr(node, "lineno", 1))


def _not_behaviour(tree: ast.Module) -> set[ast.AST]:
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef):
            parts = [node.returns, *(a.annotation for a in ast.walk(node.args) if _is_arg(a))]  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign):
            parts = [node.annotation]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts = [node, node.value]
        for part in parts:
            if part is not None:
                skipped.update(ast.walk(part))
    return skipped


def _is_arg(node: ast.AST) -> bool:
    return isinstance(node, ast.arg)


Edit = tuple[str, Callable[[ast.AST], None]]


def _edits(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            other = _COMPARISONS[type(operator)]
            yield _say(operator, other), _put("ops", place, other())
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _ARITHMETIC:
        other_op = _ARITHMETIC[type(node.op)]
        yield _say(node.op, other_op), _set("op", other_op())
    elif isinstance(node, ast.BoolOp):
        other_bool = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield _say(node.op, other_bool), _set("op", other_bool())
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        yield "condition negated", _negate
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id in _CALLS:
            name = _CALLS[node.func.id]
            yield f"{node.func.id} to {name}", _set("func", ast.Name(name, ast.Load()))
    elif isinstance(node, ast.Attribute) and node.attr in _METHODS:
        yield f".{node.attr} to .{_METHODS[node.attr]}", _set("attr", _METHODS[node.attr])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign dropped", _set("op", ast.UAdd())
    if isinstance(node, ast.AugAssign):
        yield "assignment undone", _undo
    if isinstance(node, ast.Break):
        yield "break to continue", _become(ast.Continue)


def _constants(node: ast.Constant) -> Iterator[Edit]:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} to {not value}", _set("value", not value)
    elif isinstance(value, int):
        yield f"{value} to {value + 1}", _set("value", value + 1)
        if value != 0:
            yield f"{value} to {value - 1}", _set("value", value - 1)
    elif isinstance(value, str):
        other = value + "x" if value else "x"
        yield f"{value!r} to {other!r}", _set("value", other)


def _say(old: ast.AST, new: type[ast.AST]) -> str:
    return f"{type(old).__name__} to {new.__name__}"


def _set(field: str, value: object) -> Callable[[ast.AST], None]:
    return lambda node: setattr(node, field, value)


def _put(field: str, place: int, value: object) -> Callable[[ast.AST], None]:
    return lambda node: getattr(node, field).__setitem__(place, value)


def _negate(node: ast.AST) -> None:
    assert isinstance(node, ast.If | ast.While | ast.IfExp)
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _undo(node: ast.AST) -> None:
    assert isinstance(node, ast.AugAssign)
    node.op, node.value = ast.Add(), ast.Constant(0)


def _become(kind: type[ast.stmt]) -> Callable[[ast.AST], None]:
    def edit(node: ast.AST) -> None:
        node.__class__ = kind  # both are statements without fields

    return edit


_RESULTS: dict[str, tuple[str, ...]] = {
    "int": ("r + 1", "r - 1", "-r", "0"),
    "bool": ("not r", "True", "False"),
    "str": ("r + 'x'", "r[1:]", "r[::-1]", "r.upper()", "''"),
    "list": ("r[1:]", "r[:-1]", "r[::-1]", "r + r[:1]", "[]"),
    "tuple": ("r[::-1]", "r[:1] + r[:1] + r[2:]"),
    "dict": ("dict(list(r.items())[1:])", "{}"),
    "set": ("set(list(r)[1:])", "set()"),
    "float": ("r + 1.0", "-r", "0.0"),
}


def _of_the_result(tree: ast.Module, entry_point: str) -> Iterator[Mutant]:
    """Keep the code and spoil what it returns, by the type that it says it returns."""
    node = next(
        (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == entry_point), None
    )
    if node is None or node.returns is None:
        return
    head = ast.unparse(node.returns).split("[")[0].split("|")[0].strip().lower()
    names = ", ".join(a.arg for a in node.args.args)
    for spoiled in _RESULTS.get(head, ()):
        if "|" in ast.unparse(node.returns) and "r" in spoiled:
            continue
        inner = f"_{entry_point}_right"
        wrapper = ast.parse(f"def {entry_point}({names}):\n    r = {inner}({names})\n"
                            f"    return {spoiled}")  # fmt: skip
        changed = copy.deepcopy(tree)
        _Renamed(entry_point, inner).visit(changed)
        assert isinstance(wrapper.body[0], ast.FunctionDef)
        wrapper.body[0].args = copy.deepcopy(node.args)
        wrapper.body[0].returns = node.returns
        changed.body += wrapper.body
        text = ast.unparse(ast.fix_missing_locations(changed))
        yield Mutant(text, f"result r to {spoiled}", node.lineno)


class _Renamed(ast.NodeTransformer):
    """Give one function another name, in its definition and in its calls."""

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id == self.old:
            node.id = self.new
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.name == self.old:
            node.name = self.new
        return self.generic_visit(node)


def renamed(code: str, old: str, new: str) -> str:
    """Return the code with the function ``old`` called ``new`` throughout."""
    return ast.unparse(_Renamed(old, new).visit(ast.parse(code)))
