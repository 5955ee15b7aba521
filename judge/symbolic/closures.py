"""Functions as values: lambdas, nested functions, builtins that are passed on.

A closure is modelled only over names that are bound exactly once, outside of loops and
comprehensions, so that binding late and binding early are the same; all others are refused. What
it is not: recursion, which is the executor's.
"""

from __future__ import annotations

import ast
import builtins

from judge.symbolic import term as T
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.values import (
    BuiltinV,
    ImportedV,
    LambdaV,
    TypeV,
    Unbound,
    Unsupported,
    Value,
)


def make(m: Machine, node: ast.Lambda | ast.FunctionDef, immediate: bool = False) -> LambdaV:
    """The function value of a lambda or nested ``def``; ``immediate`` when it cannot outlive us."""
    free = sorted(free_names(node))
    home = m.code[-1] if m.code else None
    if not immediate and not m.pure:
        for name in free:
            if home is not None and not bound_once(home, name):
                raise Unsupported(
                    f"a closure over {name!r}, which is not bound exactly once", node.lineno
                )
    _made_quietly(node)
    closure = {
        n: m.state.env[n]
        for n in free
        if n in m.state.env and not isinstance(m.state.env[n], Unbound)
    }
    if isinstance(node, ast.FunctionDef) and node.decorator_list:
        raise Unsupported("decorators", node.lineno)
    return LambdaV(node, closure, home)


_READ = (
    ast.Name, ast.Constant, ast.Subscript, ast.Tuple, ast.List, ast.Attribute, ast.BinOp,
    ast.BitOr, ast.expr_context,
)  # fmt: skip


def _made_quietly(node: ast.Lambda | ast.FunctionDef) -> None:
    """Refuse defaults and annotations that may raise or bind when the function is made."""
    spec = node.args
    for default in [*spec.defaults, *(d for d in spec.kw_defaults if d is not None)]:
        plain = default.operand if isinstance(default, ast.UnaryOp) else default
        if not isinstance(plain, ast.Constant):
            raise Unsupported("a default argument that is not a literal", node.lineno)
    if isinstance(node, ast.Lambda):
        return
    from judge.symbolic.shapes import shape_of_annotation

    given = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
    said = [a.annotation for a in given if a is not None] + [node.returns]
    for annotation in [a for a in said if a is not None]:
        if not all(isinstance(part, _READ) for part in ast.walk(annotation)):
            raise Unsupported("an annotation that is computed", node.lineno)
        for name in [n.id for n in ast.walk(annotation) if isinstance(n, ast.Name)]:
            if not hasattr(builtins, name) and name not in _KNOWN:
                shape_of_annotation(ast.Name(name, ast.Load(), lineno=node.lineno))


_KNOWN = frozenset((
    "Any", "Callable", "DefaultDict", "Dict", "FrozenSet", "Iterable", "Iterator", "List",
    "Mapping", "Optional", "Sequence", "Set", "Tuple", "Union",
))  # fmt: skip
"""Names of the module typing, which a module that uses them imports."""


def free_names(node: ast.Lambda | ast.FunctionDef) -> set[str]:
    """Names that the function reads and does not bind itself (those of nested ones included)."""
    spec = node.args
    own = {a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)}
    own |= {a.arg for a in (spec.vararg, spec.kwarg) if a is not None}
    body: list[ast.stmt] | list[ast.expr] = (
        node.body if isinstance(node, ast.FunctionDef) else [node.body]
    )
    read: set[str] = set()
    for part in body:
        own |= set(bound_names(part))
        read |= names_read(part)
    return read - own


def names_read(node: ast.AST) -> set[str]:
    """Names of the scope around that the code reads."""
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    if isinstance(node, ast.Lambda | ast.FunctionDef):
        inner = free_names(node)
        for default in [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]:
            inner |= names_read(default)
        return inner
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        inside: set[str] = set()
        for child in ast.iter_child_nodes(node):
            inside |= names_read(child)
        targets = {
            n.id
            for g in node.generators
            for n in ast.walk(g.target)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        # The first iterable belongs to the scope outside.
        return (inside - targets) | names_read(node.generators[0].iter)
    names: set[str] = set()
    for child in ast.iter_child_nodes(node):
        names |= names_read(child)
    return names


def bound_names(node: ast.AST) -> list[str]:
    """Names that the code may bind in its own scope, in the order of first appearance."""
    names: dict[str, None] = {}

    def visit(n: ast.AST) -> None:
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
            names[n.id] = None
        elif isinstance(n, ast.FunctionDef | ast.ClassDef):
            names[n.name] = None
            return
        elif isinstance(n, ast.Lambda):
            return
        elif isinstance(n, ast.Import | ast.ImportFrom):
            for alias in n.names:
                names[(alias.asname or alias.name).split(".")[0]] = None
        elif isinstance(n, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and n.name:
            names[n.name] = None
        elif isinstance(n, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            for child in ast.walk(n):
                if isinstance(child, ast.NamedExpr):
                    names[child.target.id] = None
            return
        for child in ast.iter_child_nodes(n):
            visit(child)

    visit(node)
    return list(names)


_REPEATED = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


def bound_once(function: ast.FunctionDef, name: str) -> bool:
    """Whether a name keeps one value through a call: at most one binding, and not in a loop."""
    spec = function.args
    count = sum(a.arg == name for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs))
    looped = False

    def visit(n: ast.AST, inside: bool) -> None:
        nonlocal count, looped
        binds = (
            (isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load))
            or (isinstance(n, ast.FunctionDef) and n.name == name)
            or (isinstance(n, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and n.name == name)
            or (isinstance(n, ast.alias) and (n.asname or n.name).split(".")[0] == name)
        )
        if binds:
            count += 1
            looped = looped or inside
        if isinstance(n, ast.FunctionDef | ast.Lambda) and n is not function:
            return
        for child in ast.iter_child_nodes(n):
            visit(child, inside or isinstance(n, _REPEATED))

    for statement in function.body:
        visit(statement, False)
    return count <= 1 and not looped


def call_value(m: Machine, function: Value, args: list[Value], line: int) -> Value:
    """Call a function value with positional arguments."""
    from judge.symbolic import calls

    function = m.plain(function)
    if isinstance(function, LambdaV):
        return _call_closure(m, function, args, line)
    if isinstance(function, TypeV):
        return calls.builtin_call(m, function.name, args, line)
    if isinstance(function, BuiltinV):
        if function.name in m.program.functions:
            return m.call_named(function.name, args, line)
        return calls.builtin_call(m, function.name, args, line)
    if isinstance(function, ImportedV):
        from judge.symbolic.modules import module_call

        return module_call(m, function.path, args, {}, line)
    m.raise_if(T.true(), "TypeError", line)
    raise Dead


def _call_closure(m: Machine, function: LambdaV, args: list[Value], line: int) -> Value:
    from judge.symbolic.comprehension import scope
    from judge.symbolic.expr import evaluate

    node = function.node
    if isinstance(node, ast.FunctionDef):
        return m.call_nested(function, args, line)
    assert isinstance(node, ast.Lambda)
    spec = node.args
    if spec.vararg or spec.kwarg or spec.kwonlyargs or spec.defaults:
        raise Unsupported("a lambda with such parameters", line)
    names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    if len(names) != len(args):
        raise m.type_error(line)
    missing = free_names(node) - function.closure.keys()
    with scope(m):
        around = m.state.env
        inner = dict(function.closure)
        if m.code[-1:] == [function.home]:
            inner.update({n: around[n] for n in missing if n in around})
        inner.update(zip(names, args, strict=True))
        m.state.env = inner
        value = evaluate(m, node.body)
    return value


def named(m: Machine, name: str) -> Value | None:
    """What a name that no scope binds stands for when it is not called: a function or a type."""
    if name in m.program.functions or hasattr(builtins, name):
        return BuiltinV(name)
    return None


__all__ = ["bound_names", "bound_once", "call_value", "free_names", "make", "named", "names_read"]
