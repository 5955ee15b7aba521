"""Reading a candidate: its functions and constants, and the early refusals.

What is not accepted comes back as ``Refusal`` with construct and line. What it is not: the meaning
of the constructs (``judge.symbolic``), which may refuse more when it meets them.
"""

from __future__ import annotations

import ast
import builtins
import unicodedata
from dataclasses import dataclass
from types import BuiltinFunctionType

from judge.renaming import take_names
from judge.symbolic.closures import free_names
from judge.symbolic.machine import Program
from judge.symbolic.modules import imported
from judge.symbolic.values import Unsupported

MAX_SOURCE = 200_000
MAX_DEPTH = 120


class Refusal(Exception):
    """The text is not a program of the subset: construct and line, as a sentence."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A parsed candidate."""

    program: Program
    function: ast.FunctionDef
    parameters: tuple[tuple[str, ast.expr | None], ...]
    returns: ast.expr | None


def parse(code: str, what: str = "the code") -> ast.Module:
    """Parse Python source; every way in which it can fail becomes a ``Refusal``."""
    if len(code) > MAX_SOURCE:
        raise Refusal(f"{what} has {len(code)} characters; the prover reads up to {MAX_SOURCE}")
    try:
        tree = ast.parse(code)
    except SyntaxError as problem:
        raise Refusal(f"{what} does not parse: {problem.msg} (line {problem.lineno})") from None
    except (RecursionError, MemoryError, ValueError) as problem:
        raise Refusal(f"{what} cannot be parsed: {type(problem).__name__}") from None
    depth = _depth(tree)
    if depth > MAX_DEPTH:
        raise Refusal(f"{what} is nested {depth} deep; the prover reads up to {MAX_DEPTH}")
    return tree


def _depth(tree: ast.AST) -> int:
    deepest = 0
    stack: list[tuple[ast.AST, int]] = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        deepest = max(deepest, depth)
        stack.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
    return deepest


def read_program(code: str, helpers: str) -> Program:
    """The functions, constants and imports of a candidate and of the contract's helpers."""
    module = _Module()
    for source, what in ((helpers, "the contract's helpers"), (code, "the code")):
        module.read(parse(source, what))
    return module.program()


class _Module:
    """Collects what the modules bind; a later definition in the same source takes over."""

    def __init__(self) -> None:
        self.functions: dict[str, ast.FunctionDef] = {}
        self.constants: dict[str, ast.expr] = {}
        self.imports: dict[str, str] = {}
        self.checks: list[ast.stmt] = []
        self.starred: dict[str, str] = {}
        self.before: set[str] = set()
        self.trees: list[ast.Module] = []

    def read(self, tree: ast.Module) -> None:
        """One source; its names must not meet those of the sources before it."""
        self.before = self.functions.keys() | self.constants.keys()
        self.trees.append(tree)
        for node in tree.body:
            _refuse_rebinding(node)
            self._statement(node)

    def program(self) -> Program:
        """All of it; refuses a name that means two things."""
        for name in self.starred.keys() & (self.functions.keys() | self.constants.keys()):
            del self.imports[name]  # defined after the import, so the definition counts
        twice = sorted(self.imports.keys() & (self.functions.keys() | self.constants.keys()))
        if twice:
            raise Refusal(f"not modelled: {twice[0]!r} is both imported and defined")
        self._refuse_borrowing()
        if self.checks:
            for tree in self.trees:
                _refuse_meddling(tree, self.checks[0].lineno)
        lines = tuple(sorted({c.lineno for c in self.checks}))
        return Program(self.functions, self.constants, self.imports, lines)

    def _refuse_borrowing(self) -> None:
        """The contract's helpers are not there when the code runs: it has to bring its own."""
        helpers, code = map(_bound, self.trees)
        for function in [n for n in self.trees[1].body if isinstance(n, ast.FunctionDef)]:
            for name in sorted(free_names(function) & (helpers - code)):
                raise Refusal(
                    f"not modelled: {name!r}, which only the contract defines "
                    f"(line {function.lineno})"
                )

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.FunctionDef):
            self._function(node)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            self._constant(node.targets[0], node.value, node.lineno)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._constant(node.target, node.value, node.lineno)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.Assert) or _is_print(node):
            self.checks.append(node)
        elif not (
            isinstance(node, ast.Pass)
            or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            or _only_as_script(node)
        ):
            raise Refusal(
                f"not modelled: module-level {type(node).__name__} statement (line {node.lineno})"
            )

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        starred = any(a.name == "*" for a in node.names)
        for name, path in _imported(node).items():
            if starred and (name in self.functions or name in self.constants):
                raise Refusal(f"not modelled: a starred import (line {node.lineno}) over {name!r}")
            if starred:
                self.starred.setdefault(name, path)
            else:
                _refuse_shadow(name, node.lineno)
            if self.imports.setdefault(name, path) != path:
                raise Refusal(f"not modelled: {name!r} is imported twice (line {node.lineno})")

    def _function(self, node: ast.FunctionDef) -> None:
        if node.decorator_list:
            raise Refusal(f"not modelled: decorators (line {node.lineno})")
        known = self.functions.get(node.name)
        if known is not None and ast.dump(known) == ast.dump(node):
            return  # a helper of the contract that the candidate brings along
        if node.name in self.before or node.name in self.constants:
            raise Refusal(
                f"not modelled: a second definition of {node.name!r} (line {node.lineno})"
            )
        if not self._may_shadow(node.name):
            _refuse_shadow(node.name, node.lineno)
        self.functions[node.name] = node

    def _may_shadow(self, name: str) -> bool:
        """Whether a candidate may have a function of a builtin's name: no helper speaks of it.

        The clauses of the contract must not either; that is seen to where they are read.
        """
        if len(self.trees) < 2 or not isinstance(
            getattr(builtins, name, None), BuiltinFunctionType
        ):
            return False
        return not any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(self.trees[0]))

    def _constant(self, target: ast.expr, value: ast.expr, line: int) -> None:
        alias = isinstance(value, ast.Name) and value.id in _PLAIN_TYPES
        if not isinstance(target, ast.Name) or not (alias or _is_plain(value)):
            raise Refusal(f"not modelled: this module-level assignment (line {line})")
        if target.id in self.constants or target.id in self.functions:
            raise Refusal(f"not modelled: a constant assigned twice (line {line})")
        _refuse_shadow(target.id, line)
        self.constants[target.id] = value


def _bound(tree: ast.Module) -> set[str]:
    """The names that a module binds."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= _imported(node).keys()
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {t.id for t in targets if isinstance(t, ast.Name)}
    return names


def _refuse_rebinding(node: ast.stmt) -> None:
    """What is evaluated when the module is loaded may not give its names another meaning."""
    defaults: list[ast.expr | None] = []
    notes: list[ast.expr | None] = []
    if isinstance(node, ast.FunctionDef):
        spec = node.args
        everyone = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
        defaults = [*spec.defaults, *spec.kw_defaults]
        notes = [node.returns, *(a.annotation for a in everyone if a is not None)]
    elif isinstance(node, ast.AnnAssign):
        notes = [node.annotation]
    parts = [p for p in (*defaults, *notes) if p is not None]
    walked = parts if not isinstance(node, ast.Assert | ast.Expr) else [node]
    for inner in (n for part in walked for n in ast.walk(part)):
        if isinstance(inner, ast.NamedExpr):
            raise Refusal(f"not modelled: ':=' where the module is loaded (line {node.lineno})")
    for inner in (n for part in parts for n in ast.walk(part)):
        if isinstance(inner, ast.Call) and not _makes_plain(inner):
            raise Refusal(f"not modelled: a call where the module is loaded (line {node.lineno})")


def _makes_plain(node: ast.Call) -> bool:
    """``float("inf")``, ``set()`` and the like: a builtin type called with literals."""
    return (
        isinstance(node.func, ast.Name)
        and node.func.id in {*_PLAIN_TYPES, "frozenset"}
        and not node.keywords
        and all(map(_is_plain, node.args))
    )


_PLAIN_TYPES = {"int", "bool", "str", "float", "list", "tuple", "dict", "set"}
_MEDDLERS = {
    "__builtins__", "__import__", "breakpoint", "compile", "delattr", "eval", "exec", "exit",
    "getattr", "globals", "input", "locals", "object", "open", "quit", "setattr", "super", "type",
    "vars",
}  # fmt: skip


def _refuse_meddling(tree: ast.Module, line: int) -> None:
    """Statements that run at loading are passed over only if they cannot change the module."""
    for node in ast.walk(tree):
        meddles = (
            (isinstance(node, ast.Name) and node.id in _MEDDLERS)
            or (isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load))
            or (isinstance(node, ast.Attribute) and node.attr.startswith("__"))
        )
        if meddles:
            raise Refusal(f"not modelled: module-level statements (line {line}) of such a module")


def _is_print(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "print"
    )


def _only_as_script(node: ast.stmt) -> bool:
    """``if __name__ == "__main__":``, which does not run when the module is imported."""
    return (
        isinstance(node, ast.If)
        and not node.orelse
        and (ast.unparse(node.test) in ("__name__ == '__main__'", "'__main__' == __name__"))
    )


def _imported(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    try:
        return imported(node)
    except Unsupported as problem:
        raise Refusal(problem.sentence()) from None


def _refuse_shadow(name: str, line: int) -> None:
    """A module that gives a builtin another meaning could change what a contract says."""
    if hasattr(builtins, name) or name in ("old", "__builtins__"):
        raise Refusal(f"not modelled: {name!r} is given a new meaning (line {line})")


def _is_plain(node: ast.expr) -> bool:
    """A literal that cannot change: numbers, strings, tuples of them."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.UnaryOp):
        return _is_plain(node.operand)
    if isinstance(node, ast.BinOp):
        return _is_plain(node.left) and _is_plain(node.right)
    return isinstance(node, ast.Tuple) and all(map(_is_plain, node.elts))


def read(code: str, entry_point: str, helpers: str, signature: str | None) -> Candidate:
    """Read a candidate; annotations come from the code, or from ``signature`` where it has none."""
    program = read_program(code, helpers)
    function = program.functions.get(unicodedata.normalize("NFKC", entry_point))
    if function is None:
        raise Refusal(f"the code does not define a function {entry_point!r}")
    if function.name in program.constants:
        raise Refusal(f"{entry_point!r} is also assigned at module level")
    spec = function.args
    if spec.vararg or spec.kwarg or spec.kwonlyargs:
        raise Refusal(f"not modelled: starred or keyword-only parameters (line {function.lineno})")
    _refuse_nested(program)
    if signature is not None:
        take_names(program, function, signature)
    params = [(a.arg, a.annotation) for a in (*spec.posonlyargs, *spec.args)]
    returns = function.returns
    if signature is not None:
        params, returns = _with_signature(params, returns, signature)
    return Candidate(program, function, tuple(params), returns)


def _refuse_nested(program: Program) -> None:
    for function in program.functions.values():
        for node in ast.walk(function):
            if node is function:
                continue
            if isinstance(
                node,
                ast.AsyncFunctionDef
                | ast.ClassDef
                | ast.Global
                | ast.Nonlocal
                | ast.Yield
                | ast.YieldFrom
                | ast.Await
                | ast.With,
            ):
                raise Refusal(f"not modelled: {type(node).__name__} (line {node.lineno})")


def _with_signature(
    params: list[tuple[str, ast.expr | None]], returns: ast.expr | None, signature: str
) -> tuple[list[tuple[str, ast.expr | None]], ast.expr | None]:
    text = signature.strip().rstrip(":")
    if not text.startswith("def "):
        raise Refusal(f"the signature {signature!r} should read 'def name(x: int) -> int'")
    node = parse(f"{text}: ...", "the signature").body[0]
    if not isinstance(node, ast.FunctionDef):
        raise Refusal(f"the signature {signature!r} is not a function's")
    theirs = [(a.arg, a.annotation) for a in (*node.args.posonlyargs, *node.args.args)]
    if [n for n, _ in theirs] != [n for n, _ in params]:
        if len(theirs) != len(params):
            raise Refusal(
                f"the code takes {len(params)} parameters and the signature {len(theirs)}"
            )
        raise Refusal(
            "the code's parameters "
            f"({', '.join(n for n, _ in params)}) differ from the signature's "
            f"({', '.join(n for n, _ in theirs)})"
        )
    # The task's signature is what the inputs are drawn from; the code's own words come second.
    merged = [(n, t if t is not None else c) for (n, c), (_, t) in zip(params, theirs, strict=True)]
    return merged, node.returns if node.returns is not None else returns
