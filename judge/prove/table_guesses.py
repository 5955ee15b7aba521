"""Guesses about dicts and sets that a loop fills: what is in them after so many elements.

They say where each member comes from, that what was met is in, and what each key maps to: how often
it was met, what was added up for it, or what was stored last. Guesses only, kept when inductive.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from judge.prove.syntax import replace

Put = tuple[str, str, ast.expr, "ast.expr | None", list[str]]
"""(kind, container, key or member, value, conditions)."""


def from_for(
    node: ast.For,
    prefix: str,
    dicts: list[str],
    sets: list[str],
    lists: list[str],
    initial: dict[str, str | None],
) -> Iterator[str]:
    """Guesses for what the body of a ``for`` puts into dicts and sets."""
    target = ast.unparse(node.target)
    each = f"for {target} in {prefix}"
    whole = f"for {target} in {ast.unparse(node.iter)}"
    names = {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
    copies = {n: f"{n}_" for n in names}
    other = ast.unparse(replace(ast.parse(target, mode="eval").body, copies))
    for kind, name, key, value, tests in _puts(node.body, []):
        plain = [t for t in tests if not _mentions(t, {*dicts, *sets, *lists})]
        where = "".join(f" if {t}" for t in plain)
        text = ast.unparse(key)
        fixed = initial.get(name)
        if name in sets or name in dicts:
            yield f"all({text} in {name} {each}{where})"
            if text == target and not plain:
                yield f"all(k_ in {prefix} for k_ in {name})"
            yield f"all(any({text} == k_ {each}{where}) for k_ in {name})"
            if fixed is not None and fixed not in ("set()", "{}", "dict()"):
                yield f"all(any({text} == k_ {each}{where}) or k_ in {fixed} for k_ in {name})"
                yield f"all(k_ in {name} for k_ in {fixed})"
        base = _copied(fixed)
        if name in dicts and value is not None and base is not None:
            rest = (
                f"for {target} in {prefix.rsplit('[:', 1)[0]}[{prefix.rsplit('[:', 1)[-1][:-1]}:]"
            )
            yield from _upon(kind, name, text, ast.unparse(value), base, each, rest)
        if name in dicts and value is not None:
            yield from _values(kind, name, text, value, (each, where, whole, other), copies)
    for name in sets:
        for filled in lists:
            yield f"all(x_ in {name} for x_ in {filled})"
            yield f"all(x_ in {filled} for x_ in {name})"


def _copied(start: str | None) -> str | None:
    """The dict that another one starts as a copy of."""
    if start is None or start in ("{}", "dict()"):
        return None
    node = ast.parse(start, mode="eval").body
    if isinstance(node, ast.Call) and not node.keywords:
        if isinstance(node.func, ast.Name) and node.func.id == "dict" and len(node.args) == 1:
            return ast.unparse(node.args[0])
        if isinstance(node.func, ast.Attribute) and node.func.attr == "copy" and not node.args:
            return ast.unparse(node.func.value)
    return start if isinstance(node, ast.Name) else None


def _upon(
    kind: str, name: str, key: str, value: str, base: str, each: str, rest: str
) -> Iterator[str]:
    """A dict that starts as another one: changed at what was met, as before elsewhere."""
    more = f"{base}.get({key}, 0) + ({value})" if kind == "add" else value
    yield f"all({key} in {name} and {name}[{key}] == {more} {each})"
    yield f"all({name}.get({key}, 0) == {base}.get({key}, 0) {rest})"
    yield f"all(any({key} == k_ {each}) or k_ in {base} for k_ in {name})"
    yield f"all(any({key} == k_ {each}) or {name}[k_] == {base}[k_] for k_ in {name})"
    yield f"all(k_ in {name} for k_ in {base})"


def _values(
    kind: str,
    name: str,
    key: str,
    value: ast.expr,
    parts: tuple[str, str, str, str],
    copies: dict[str, str],
) -> Iterator[str]:
    each, where, whole, other = parts
    # The same about a second element, so that one can be held against all the others.
    mine = ast.unparse(replace(ast.parse(key, mode="eval").body, copies))
    around = whole.replace(whole.split(" in ", 1)[0], f"for {other}", 1)
    if kind == "add":
        summand = ast.unparse(value)
        both = f"{where} and {key} == {{}}" if where else f" if {key} == {{}}"
        total = f"sum({summand} {each}{both})"
        if summand == "1" and not where and key == whole.split(" in ", 1)[0][4:]:
            prefix = each.split(" in ", 1)[1]
            everything = whole.split(" in ", 1)[1]
            yield f"all({name}.get(k_, 0) == {prefix}.count(k_) for k_ in {everything})"
        yield f"all({name}.get({mine}, 0) == {total.format(mine)} {around})"
        yield f"all({name}[k_] == {total.format('k_')} for k_ in {name})"
        return
    stored = ast.unparse(value)
    yield f"all(any({key} == k_ and {name}[k_] == {stored} {each}{where}) for k_ in {name})"
    yield f"all({name}[{key}] == {stored} {each}{where})"
    yield f"all({name}[k_] == {ast.unparse(replace(value, {key: 'k_'}))} for k_ in {name})"


def _mentions(text: str, names: Iterable[str]) -> bool:
    found = {n.id for n in ast.walk(ast.parse(text, mode="eval")) if isinstance(n, ast.Name)}
    return bool(found & set(names))


def _puts(body: list[ast.stmt], tests: list[str]) -> Iterator[Put]:
    for statement in body:
        if isinstance(statement, ast.If):
            test = ast.unparse(statement.test)
            yield from _puts(statement.body, [*tests, f"({test})"])
            yield from _puts(statement.orelse, [*tests, f"(not ({test}))"])
            if statement.body and isinstance(statement.body[-1], ast.Continue):
                tests = [*tests, f"(not ({test}))"]
        elif isinstance(statement, ast.AugAssign):
            if isinstance(statement.op, ast.Add) and (item := _item(statement.target)):
                yield "add", *item, statement.value, tests
        elif isinstance(statement, ast.Assign) and (item := _item(statement.targets[0])):
            yield from _stored(item, statement, tests)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            yield from _called(statement.value, tests)


def _called(call: ast.Call, tests: list[str]) -> Iterator[Put]:
    method = call.func
    if not isinstance(method, ast.Attribute) or not isinstance(method.value, ast.Name):
        return
    if method.attr in ("add", "setdefault") and call.args:
        value = call.args[1] if len(call.args) > 1 else None
        yield "put", method.value.id, call.args[0], value, tests


def _item(target: ast.expr) -> tuple[str, ast.expr] | None:
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
        return target.value.id, target.slice
    return None


def _stored(item: tuple[str, ast.expr], statement: ast.Assign, tests: list[str]) -> Iterator[Put]:
    name, key = item
    value = statement.value
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        text = ast.unparse(key)
        held = (f"{name}.get({text}, 0)", f"{name}[{text}]")
        for mine, rest in ((value.left, value.right), (value.right, value.left)):
            if ast.unparse(mine) in held:
                yield "add", name, key, rest, tests
                return
    yield "put", name, key, value, tests
