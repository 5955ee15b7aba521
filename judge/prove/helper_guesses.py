"""Guesses that relate a loop's variables to a recursive helper of the contract.

``result == digits(n)`` over a loop that eats ``n`` suggests ``t + digits(n) == digits(old(n))``;
over one that counts up to ``n`` it suggests ``a == fib(k)`` and ``b == fib(k + 1)``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from judge.prove.syntax import replace

MAX_CALLS = 4


def helper_calls(clauses: Iterable[ast.expr], helpers: Iterable[str]) -> list[ast.Call]:
    """The calls of helpers in a contract, each once."""
    known = set(helpers)
    found: dict[str, ast.Call] = {}
    for clause in clauses:
        for node in ast.walk(clause):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in known and not node.keywords:
                found.setdefault(ast.unparse(node), node)
    return list(found.values())[:MAX_CALLS]


def guesses(
    calls: list[ast.Call],
    changed: list[str],
    counters: list[str],
    parameters: list[str],
    sequences: Sequence[str] = (),
    flags: Sequence[str] = (),
) -> Iterator[str]:
    """Relations of each changed variable to each call, as it is and moved along."""
    moved = {p: f"old({p})" for p in parameters if p in changed}
    back = {f"old({p})": p for p in parameters}
    for call in [_replaced(c, back) for c in calls]:
        now, old = ast.unparse(call), ast.unparse(_replaced(call, moved))
        if now != old:
            yield f"{now} == {old}"
        shifted = list(
            dict.fromkeys([*_shifted(call, counters, sequences), *_cut(call, counters, sequences)])
        )
        for name in flags:
            yield from (f"{name} == {other}" for other in shifted)
        for name in changed:
            if now != old:
                yield f"{name} + {now} == {old}"
                yield f"{name} * {now} == {old}"
            for other in shifted:
                yield f"{name} == {other}"
            for other in shifted:
                yield f"{name} + {other} == {old}"
                yield f"{name} * {other} == {old}"


def _replaced(call: ast.Call, mapping: dict[str, str]) -> ast.Call:
    args = [replace(a, mapping) for a in call.args]
    return ast.Call(call.func, args, [])


def _cut(call: ast.Call, counters: list[str], sequences: Sequence[str]) -> Iterator[str]:
    """The call about the part of a list that is done, or is left."""
    for n, arg in enumerate(call.args):
        if not isinstance(arg, ast.Name) or arg.id not in sequences:
            continue
        for counter in counters:
            for text in (f"{arg.id}[:{counter}]", f"{arg.id}[{counter}:]"):
                args = list(call.args)
                args[n] = ast.parse(text, mode="eval").body
                yield ast.unparse(ast.Call(call.func, args, []))


def _shifted(call: ast.Call, counters: list[str], sequences: Sequence[str]) -> Iterator[str]:
    """The call with one argument replaced by a counter or its neighbours."""
    for n, arg in enumerate(call.args):
        if isinstance(arg, ast.Name) and arg.id in sequences:
            continue
        for counter in counters:
            for text in (counter, f"{counter} + 1", f"{counter} - 1"):
                args = list(call.args)
                args[n] = ast.parse(text, mode="eval").body
                yield ast.unparse(ast.Call(call.func, args, []))
