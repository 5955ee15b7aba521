"""Guesses from a loop's exits and pointers: what an early return, a break, a moving pair of
indices, a halving or a doubling says about the rounds that are over.

A round that did not leave the loop failed the test before the ``return``; two indices that move
towards each other keep their sum; a variable that is divided keeps ``n * c ** k`` in its place.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from judge.prove.syntax import replace

MAX_TESTS = 6
Statements = tuple[type[ast.stmt], ...]


def returns(loop: ast.For | ast.While) -> list[ast.expr]:
    """The conditions under which the body leaves the function."""
    return exits(loop, (ast.Return, ast.Raise))


def exits(
    loop: ast.For | ast.While, kinds: Statements = (ast.Return, ast.Raise, ast.Break)
) -> list[ast.expr]:
    """The conditions under which the body itself leaves the loop, by one of these statements."""
    found: dict[str, ast.expr] = {}

    def visit(body: list[ast.stmt], tests: list[ast.expr]) -> None:
        for statement in body:
            if isinstance(statement, ast.If):
                negated = ast.UnaryOp(ast.Not(), statement.test)
                visit(statement.body, [*tests, statement.test])
                visit(statement.orelse, [*tests, negated])
            elif isinstance(statement, kinds) and tests:
                both = tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), list(tests))
                found.setdefault(ast.unparse(both), both)

    visit(loop.body, [])
    return list(found.values())[:MAX_TESTS]


def steps(loop: ast.While) -> dict[str, tuple[str, int]]:
    """Variables that the body changes in one way only: ``+`` or ``//`` or ``*`` by a literal."""
    found: dict[str, tuple[str, int]] = {}
    mixed: set[str] = set()
    for node in ast.walk(loop):
        change = _step(node)
        if change is None:
            continue
        name, step = change
        if step is None or found.get(name, step) != step:
            mixed.add(name)
        else:
            found[name] = step
    return {name: step for name, step in found.items() if name not in mixed}


_SIGNS = {ast.Add: ("+", 1), ast.Sub: ("+", -1), ast.FloorDiv: ("//", 1), ast.Mult: ("*", 1),
          ast.RShift: (">>", 1), ast.LShift: ("<<", 1)}  # fmt: skip


def _step(node: ast.AST) -> tuple[str, tuple[str, int] | None] | None:
    """(variable, its change) of an assignment; None as the change where it is of another form."""
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return node.target.id, _literal_step(node.op, node.value)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        name, value = node.targets[0].id, node.value
        if isinstance(value, ast.BinOp) and ast.unparse(value.left) == name:
            return name, _literal_step(value.op, value.right)
        return name, None
    return None


def _literal_step(op: ast.operator, value: ast.expr) -> tuple[str, int] | None:
    known = _SIGNS.get(type(op))
    if known is None or not isinstance(value, ast.Constant) or not isinstance(value.value, int):
        return None
    word, sign = known
    if word in (">>", "<<"):
        return ("//" if word == ">>" else "*"), 2 ** min(value.value, 30)
    return word, sign * value.value


_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE,
    ast.LtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


def negation(test: ast.expr) -> str:
    """The opposite of a test, as a person would write it."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return f"({ast.unparse(test.operand)})"
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in _OPPOSITE:
        turned = ast.Compare(test.left, [_OPPOSITE[type(test.ops[0])]()], test.comparators)
        return ast.unparse(turned)
    return f"not ({ast.unparse(test)})"


def _reads(test: ast.expr) -> bool:
    """Whether a test looks at an element or calls something; of mere indices bounds say enough."""
    return any(isinstance(n, ast.Subscript | ast.Call | ast.Mod) for n in ast.walk(test))


def from_for(loop: ast.For, prefix: str) -> Iterator[str]:
    """No round that is over met an exit's test."""
    target = ast.unparse(loop.target)
    for test in exits(loop):
        yield f"all({negation(test)} for {target} in {prefix})"
    for inner in loop.body:
        if isinstance(inner, ast.For) and not inner.orelse:
            rest = f"for {ast.unparse(inner.target)} in {ast.unparse(inner.iter)}"
            for test in returns(inner):
                yield f"all({negation(test)} for {target} in {prefix} {rest})"


def from_while(loop: ast.While, starts: dict[str, str]) -> Iterator[str]:
    """The same for indices that start somewhere and move by one a round."""
    moves = {n: s[1] for n, s in steps(loop).items() if s[0] == "+" and n in starts}
    rising = [n for n, by in moves.items() if by == 1]
    falling = [n for n, by in moves.items() if by == -1]
    tests = [t for t in (*exits(loop), ast.UnaryOp(ast.Not(), loop.test)) if _reads(t)]
    for up in rising:
        mapping = {up: "k_"}
        for down in falling:
            total = f"({starts[up]}) + ({starts[down]})"
            yield f"{up} + {down} == {total}"
            mapping[down] = f"({total} - k_)"
        for test in tests:
            body = negation(replace(test, mapping))
            yield f"all({body} for k_ in range({starts[up]}, {up}))"
    for down in falling:
        for test in tests:
            body = negation(replace(test, {down: "k_"}))
            yield f"all({body} for k_ in range({down} + 1, {starts[down]} + 1))"


def geometric(loop: ast.While, starts: dict[str, str]) -> Iterator[str]:
    """What repeated division or multiplication by a literal keeps."""
    moves = steps(loop)
    counters = [n for n, s in moves.items() if s == ("+", 1) and n in starts]
    for name, (word, by) in moves.items():
        if name not in starts or by < 2:
            continue
        for counter in counters:
            rounds = counter if starts[counter] == "0" else f"({counter} - ({starts[counter]}))"
            if word == "//":
                yield f"{name} * {by} ** {rounds} <= {starts[name]}"
                yield f"{starts[name]} < ({name} + 1) * {by} ** {rounds}"
            elif word == "*":
                yield f"{name} == ({starts[name]}) * {by} ** {rounds}"
    for name, (word, by) in moves.items():
        for other, (there, times) in moves.items():
            if word == "//" and there == "*" and name in starts and other in starts:
                yield f"{name} * {other} <= ({starts[name]}) * ({starts[other]})"
                if by == times:
                    yield f"({starts[name]}) * ({starts[other]}) < ({name} + 1) * {other}"


def compounds(loop: ast.While, changed: list[str], fixed: list[str]) -> list[str]:
    """What stands for the result while one variable is eaten: ``total + n``, ``acc * b ** e``."""
    moves = steps(loop)
    eaten = [n for n, (word, by) in moves.items() if word == "//" or (word == "+" and by < 0)]
    found = []
    for name in [n for n in eaten if n in changed][:2]:
        others = [c for c in changed if c != name]
        found += [f"({other} + {name})" for other in others[:3]]
        for other in others[:3]:
            bases = [b for b in [*others, *fixed] if b != other]
            found += [f"({other} * {base} ** {name})" for base in bases[:2]]
    return found
