"""Reading a candidate: its functions and constants, and the early refusals.

What is not accepted comes back as ``Refusal`` with construct and line. What it is not: the meaning
of the constructs (``judge.symbolic``), which may refuse more when it meets them.
"""

from __future__ import annotations

import ast
import builtins
import unicodedata
from dataclasses import dataclass

from judge.renaming import take_names
from judge.symbolic.machine import Program

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
    """The functions and constants of a candidate and of the contract's helpers."""
    functions: dict[str, ast.FunctionDef] = {}
    constants: dict[str, ast.expr] = {}
    imported: set[str] = set()
    for source, what in ((helpers, "the contract's helpers"), (code, "the code")):
        for node in parse(source, what).body:
            _read_statement(node, functions, constants)
            if isinstance(node, ast.Import | ast.ImportFrom):
                imported |= {(a.asname or a.name).split(".")[0] for a in node.names}
    twice = sorted(imported & (functions.keys() | constants.keys()))
    if twice:
        raise Refusal(f"not modelled: {twice[0]!r} is both imported and defined")
    return Program(functions, constants)


def _read_statement(
    node: ast.stmt, functions: dict[str, ast.FunctionDef], constants: dict[str, ast.expr]
) -> None:
    if isinstance(node, ast.FunctionDef):
        if node.decorator_list:
            raise Refusal(f"not modelled: decorators (line {node.lineno})")
        if node.name in functions:
            raise Refusal(
                f"not modelled: a second definition of {node.name!r} (line {node.lineno})"
            )
        _refuse_shadow(node.name, node.lineno)
        functions[node.name] = node
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        if not isinstance(target, ast.Name) or not _is_plain(node.value):
            raise Refusal(f"not modelled: this module-level assignment (line {node.lineno})")
        if target.id in constants:
            raise Refusal(f"not modelled: a constant assigned twice (line {node.lineno})")
        _refuse_shadow(target.id, node.lineno)
        constants[target.id] = node.value
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            _refuse_shadow((alias.asname or alias.name).split(".")[0], node.lineno)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    elif not isinstance(node, ast.Pass):
        raise Refusal(
            f"not modelled: module-level {type(node).__name__} statement (line {node.lineno})"
        )


def _refuse_shadow(name: str, line: int) -> None:
    """A module that gives a builtin another meaning could change what a contract says."""
    if hasattr(builtins, name) or name == "old":
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
                ast.FunctionDef
                | ast.AsyncFunctionDef
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
