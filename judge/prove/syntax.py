"""Reading hints off the candidate's text: what is returned, accumulated, bounded. Guesses only."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from judge.subset import Candidate


class Loops:
    """The loops of a candidate by key, and what its text suggests about them."""

    def __init__(self, candidate: Candidate) -> None:
        self.nodes: dict[str, ast.For | ast.While] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.written: dict[str, set[str]] = {}
        """Names whose items the function assigns, and names that some loop of it assigns."""
        self.steered: dict[str, set[str]] = {}
        self.grown: dict[str, set[str]] = {}
        """Names of lists that the function appends to."""
        for name, function in candidate.program.functions.items():
            for node in ast.walk(function):
                if isinstance(node, ast.For | ast.While):
                    key = f"{name}:{node.lineno}:{node.col_offset}"
                    self.nodes[key] = node
                    self.functions[key] = function
                    self.written[key] = _written(function)
                    self.steered[key] = _steered(function)
                    self.grown[key] = _grown(function)
        self.returned = _returned(candidate.function)
        self.bounds = list(dict.fromkeys(_bounds(candidate.function)))[:6]

    def initial(self, key: str, name: str) -> str | None:
        """The text of the last plain assignment to ``name`` before the loop."""
        loop, function = self.nodes[key], self.functions[key]
        best: tuple[int, str] | None = None
        for node in ast.walk(function):
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.lineno >= loop.lineno:
                continue
            for target, value in _pairs(node):
                if target == name and (best is None or node.lineno >= best[0]):
                    best = (node.lineno, ast.unparse(value))
        parameters = {a.arg for a in function.args.args}
        if best is not None:
            changed = {n.id for n in ast.walk(loop) if isinstance(n, ast.Name) and _stored(n)}
            entry = {p: f"old({p})" for p in parameters & {*changed, name}}
            return ast.unparse(replace(ast.parse(best[1], mode="eval").body, entry))
        return f"old({name})" if name in parameters else None


def _written(function: ast.FunctionDef) -> set[str]:
    places = [n for n in ast.walk(function) if isinstance(n, ast.Subscript)]
    stored = [p.value for p in places if isinstance(p.ctx, ast.Store)]
    return {name.id for name in stored if isinstance(name, ast.Name)}


def _grown(function: ast.FunctionDef) -> set[str]:
    methods = [n for n in ast.walk(function) if isinstance(n, ast.Attribute)]
    owners = [m.value for m in methods if m.attr == "append"]
    return {name.id for name in owners if isinstance(name, ast.Name)}


def _steered(function: ast.FunctionDef) -> set[str]:
    loops = [n for n in ast.walk(function) if isinstance(n, ast.For | ast.While)]
    inner = [n for loop in loops for n in ast.walk(loop)]
    return {n.id for n in inner if isinstance(n, ast.Name) and _stored(n)}


def _stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _pairs(node: ast.Assign | ast.AnnAssign) -> Iterator[tuple[str, ast.expr]]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if isinstance(target, ast.Name) and node.value is not None:
            yield target.id, node.value
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for part, value in zip(target.elts, node.value.elts, strict=False):
                if isinstance(part, ast.Name):
                    yield part.id, value


def _returned(function: ast.FunctionDef) -> list[str]:
    texts: dict[str, None] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            texts[ast.unparse(node.value)] = None
    return [t for t in texts if len(t) < 200]


def _bounds(function: ast.FunctionDef) -> Iterator[str]:
    """Bounds of ranges and of loop conditions."""
    for node in ast.walk(function):
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Call):
            call = node.iter
            if isinstance(call.func, ast.Name) and call.func.id == "range":
                for arg in call.args[:2]:
                    if not isinstance(arg, ast.Constant):
                        yield ast.unparse(arg)


class _Replacer(ast.NodeTransformer):
    def __init__(self, mapping: dict[str, ast.expr]) -> None:
        self.mapping = mapping

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.expr) and not isinstance(getattr(node, "ctx", None), ast.Store):
            new = self.mapping.get(ast.unparse(node))
            if new is not None:
                return copy.deepcopy(new)
            if isinstance(node, ast.Call):
                # old(x) names the entry value; its argument is not a variable to replace.
                if isinstance(node.func, ast.Name) and node.func.id == "old":
                    return node
                node.args = [self.visit(a) for a in node.args]  # type: ignore[misc]
                if isinstance(node.func, ast.Attribute):
                    node.func.value = self.visit(node.func.value)  # type: ignore[assignment]
                return node
        return self.generic_visit(node)


def replace(node: ast.expr, mapping: dict[str, str]) -> ast.expr:
    """Replace subexpressions, found by their text, largest first."""
    parsed = {k: ast.parse(v, mode="eval").body for k, v in mapping.items()}
    out = _Replacer(parsed).visit(copy.deepcopy(node))
    assert isinstance(out, ast.expr)
    return out


class _Cutter(ast.NodeTransformer):
    def __init__(self, name: str, part: str) -> None:
        self.name = name
        self.part = ast.parse(part, mode="eval").body

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "old":
            return node
        node.args = [self.visit(a) for a in node.args]
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        node.slice = self.visit(node.slice)
        from_end = isinstance(node.slice, ast.UnaryOp) and isinstance(node.slice.op, ast.USub)
        if isinstance(node.slice, ast.Slice) or from_end or not isinstance(node.value, ast.Name):
            node.value = self.visit(node.value)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == self.name and isinstance(node.ctx, ast.Load):
            return copy.deepcopy(self.part)
        return node


def cut(node: ast.expr, name: str, part: str) -> ast.expr:
    """A sequence replaced by a part of it from its start, but where an element of it is read.

    ``xs[best]`` stays: that place is one of the part, or the statement has no value either way.
    """
    out = _Cutter(name, part).visit(copy.deepcopy(node))
    assert isinstance(out, ast.expr)
    return out


def conjuncts(node: ast.expr) -> list[ast.expr]:
    """``a and b`` and ``a < b < c`` taken apart."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return [c for v in node.values for c in conjuncts(v)]
    if isinstance(node, ast.Compare) and len(node.ops) > 1:
        sides = [node.left, *node.comparators]
        return [
            ast.copy_location(ast.Compare(a, [op], [b]), node)
            for a, op, b in zip(sides, node.ops, sides[1:], strict=False)
        ]
    return [node]


def accumulators(loop: ast.For) -> Iterator[tuple[str, str, str, list[str]]]:
    """(kind, variable, element, conditions) for what the body adds up or appends."""
    yield from _accumulate(loop.body, [])


def _accumulate(
    body: list[ast.stmt], tests: list[str]
) -> Iterator[tuple[str, str, str, list[str]]]:
    for statement in body:
        if isinstance(statement, ast.If):
            test = ast.unparse(statement.test)
            yield from _accumulate(statement.body, [*tests, f"({test})"])
            yield from _accumulate(statement.orelse, [*tests, f"(not ({test}))"])
            if statement.body and isinstance(statement.body[-1], ast.Continue):
                tests = [*tests, f"(not ({test}))"]
        elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            if isinstance(statement.op, ast.Add | ast.Sub):
                sign = "" if isinstance(statement.op, ast.Add) else "-"
                element = f"{sign}({ast.unparse(statement.value)})"
                yield "sum", statement.target.id, element, tests
                if not sign:
                    yield "append", statement.target.id, ast.unparse(statement.value), tests
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield from _assigned(statement, statement.targets[0].id, tests)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            call = statement.value
            if (
                isinstance(call.func, ast.Attribute)
                and call.func.attr == "append"
                and isinstance(call.func.value, ast.Name)
                and len(call.args) == 1
            ):
                yield "append", call.func.value.id, ast.unparse(call.args[0]), tests


def _assigned(
    statement: ast.Assign, name: str, tests: list[str]
) -> Iterator[tuple[str, str, str, list[str]]]:
    value = statement.value
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        if isinstance(value.left, ast.Name) and value.left.id == name:
            yield "sum", name, ast.unparse(value.right), tests
        elif isinstance(value.right, ast.Name) and value.right.id == name:
            yield "sum", name, ast.unparse(value.left), tests
    if isinstance(value, ast.Constant) and isinstance(value.value, bool):
        yield "set", name, str(value.value), tests


def copied(text: str | None) -> str | None:
    """The list that an initial value is a copy of, where its text shows that."""
    if text is None:
        return None
    node = ast.parse(text, mode="eval").body
    if isinstance(node, ast.Subscript) and ast.unparse(node.slice) == ":":
        node = node.value
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "list" and len(node.args) == 1:
        node = node.args[0]
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "copy"
        and not node.args
    ):
        node = node.func.value
    whole = ast.unparse(node)
    return whole if isinstance(node, ast.Name) or whole.startswith("old(") else None


def stepped(source: ast.expr, index: str) -> list[str]:
    """Where a walk over ``range(start, stop, step)`` stands, for a step other than one."""
    if not (isinstance(source, ast.Call) and ast.unparse(source.func) == "range"):
        return []
    if len(source.args) != 3 or ast.unparse(source.args[2]) in ("1", "-1"):
        return []
    start, _, step = map(ast.unparse, source.args)
    return [f"{start} + {index} * ({step})"]


def ranges(node: ast.expr) -> list[tuple[str, str]]:
    """The ranges in an expression, as (text, start with a comma)."""
    found: dict[str, str] = {}
    for n in ast.walk(node):
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "range":
            found[ast.unparse(n)] = f"{ast.unparse(n.args[0])}, " if len(n.args) == 2 else ""
    return list(found.items())


def folded(clause: ast.expr) -> list[str]:
    """The sums, counts and extremes that a clause speaks of where nothing is bound, as texts."""
    bound = {
        n.id
        for made in ast.walk(clause)
        if isinstance(made, ast.comprehension)
        for n in ast.walk(made.target)
        if isinstance(n, ast.Name)
    }
    found: dict[str, None] = {}

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Call) and _is_fold(node):
            inside = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            own = {
                n.id
                for made in ast.walk(node)
                if isinstance(made, ast.comprehension)
                for n in ast.walk(made.target)
                if isinstance(n, ast.Name)
            }
            if not (inside & bound) - own and "result" not in inside:
                found[ast.unparse(node)] = None
                return
        for kid in ast.iter_child_nodes(node):
            visit(kid)

    visit(clause)
    return list(found)[:4]


def _is_fold(node: ast.Call) -> bool:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr == "count"
    made = node.args and isinstance(node.args[0], ast.GeneratorExp | ast.ListComp)
    name = ast.unparse(node.func)
    return name in ("sum", "max", "min") or (name == "len" and bool(made))
