"""Guesses from how a variable moves: what turns over each round, and what held before the last.

``sign = -sign`` is known by the parity of the rounds; a loop that took a step had not met its end
before it, so ``n -= size`` leaves ``n`` above ``-size``, which a quotient that is rounded up needs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from judge.prove.exit_guesses import exits, negation
from judge.prove.syntax import replace

MAX_GUESSES = 12


def alternating(
    loop: ast.For | ast.While, starts: dict[str, str], rounds: list[str]
) -> Iterator[str]:
    """``v = -v``, ``v = not v`` and ``v = c - v``: two values in turn, by a count of rounds."""
    for statement in loop.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            continue
        name = statement.targets[0].id
        if name not in starts or not _turns(statement.value, name):
            continue
        other = ast.unparse(replace(statement.value, {name: f"({starts[name]})"}))
        for count in rounds:
            yield f"{name} == (({starts[name]}) if ({count}) % 2 == 0 else ({other}))"


def _turns(value: ast.expr, name: str) -> bool:
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub | ast.Not):
        return ast.unparse(value.operand) == name
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Sub):
        return ast.unparse(value.right) == name and name not in ast.unparse(value.left)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        sides = {ast.unparse(value.left), ast.unparse(value.right)}
        return sides == {name, "-1"}
    return False


def moves(loop: ast.While) -> dict[str, tuple[str, str]]:
    """Variables that only one statement changes, once a round, as (``+`` or ``-``, by what)."""
    found: dict[str, tuple[str, str]] = {}
    stored = [
        n.id for n in ast.walk(loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    ]
    for statement in loop.body:
        if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            name, op, by = statement.target.id, statement.op, statement.value
        elif (
            isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Name)
            and isinstance(statement.value, ast.BinOp)
            and ast.unparse(statement.value.left) == statement.targets[0].id
        ):
            name = statement.targets[0].id
            op, by = statement.value.op, statement.value.right
        else:
            continue
        fixed = all(n.id not in stored for n in ast.walk(by) if isinstance(n, ast.Name))
        if isinstance(op, ast.Add | ast.Sub) and stored.count(name) == 1 and fixed:
            found[name] = "+" if isinstance(op, ast.Add) else "-", ast.unparse(by)
    return found


def before_the_last(loop: ast.While, starts: dict[str, str]) -> Iterator[str]:
    """The loop's test, and the opposite of each exit's, one round ago, or nothing has moved yet."""
    steps = {n: step for n, step in moves(loop).items() if n in starts}
    if not steps:
        return
    back = {n: f"({n} {'-' if way == '+' else '+'} ({by}))" for n, (way, by) in steps.items()}
    stored = {
        n.id for n in ast.walk(loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    tests = [loop.test, *(ast.parse(negation(t), mode="eval").body for t in exits(loop))]
    found = []
    for test in tests:
        names = {n.id for n in ast.walk(test) if isinstance(n, ast.Name)}
        if not names & steps.keys() or names & stored - steps.keys():
            continue
        was = ast.unparse(replace(test, back))
        found += [f"{n} == {starts[n]} or {was}" for n in sorted(names & steps.keys())]
    yield from found[:MAX_GUESSES]
    yield from _paces(steps, starts)


def _paces(steps: dict[str, tuple[str, str]], starts: dict[str, str]) -> Iterator[str]:
    """What moved by so much each round, told by a counter of rounds."""
    counters = [n for n, step in steps.items() if step == ("+", "1")]
    for name, (way, by) in steps.items():
        for counter in counters:
            if counter != name:
                gone = f"({by}) * ({counter} - ({starts[counter]}))"
                yield f"{name} == {starts[name]} {way} {gone}"
