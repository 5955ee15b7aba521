"""Contracts and discriminating examples for the functions of the family.

A contract is relational where that is natural (the largest value is at least each and equals one),
else it states the result. Examples are chosen to tell the function from its mutants: enumeration
from examples can only be as right as the examples are telling.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from distill.family.python import operand
from distill.family.shapes import Shape
from distill.family.syntax import (
    Binary,
    Clamp,
    Const,
    Distance,
    Expr,
    Fold,
    If,
    Let,
    Pick,
    Var,
    evaluate,
    holds,
    mutants,
    walk,
)

Examples = tuple[tuple[tuple[object, ...], object], ...]
_POOL = 48
_COUNT = 10


def conditions(drawn: Shape) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (requires, ensures) for a function of the family."""
    needs = [
        f"len({node.source.name}) > 0"
        for node in walk(drawn.body)
        if isinstance(node, Fold) and node.kind in ("max", "min") and node.default is None
    ]
    return tuple(needs), _ensures(drawn.body)


def _ensures(body: Expr) -> tuple[str, ...]:
    match body:
        case Pick(kind, items):
            texts = [operand(item) for item in items]
            sign = ">=" if kind == "max" else "<="
            bounds = tuple(f"result {sign} {text}" for text in texts)
            return (*bounds, " or ".join(f"result == {text}" for text in texts))
        case Distance(left, right):
            one, two = Binary("sub", left, right), Binary("sub", right, left)
            return ("result >= 0", f"result == {operand(one)} or result == {operand(two)}")
        case Clamp(Var(name), low, high):
            inside, below, above = (
                f"result == {name}",
                f"(result == {low.value} and {name} < {low.value})",
                f"(result == {high.value} and {name} > {high.value})",
            )
            return (f"{low.value} <= result <= {high.value}", f"{inside} or {below} or {above}")
        case Binary("mod", Var(name), Const(divisor)):
            return (f"0 <= result < {divisor}", f"({name} - result) % {divisor} == 0")
        case _:
            return (f"result == {operand(body)}",)


def examples(drawn: Shape, random: Random) -> Examples | None:
    """Return about ten telling (arguments, result) pairs, or None for a degenerate function.

    Degenerate is a function whose result, or whose choice of a branch, never changes over the pool.
    """
    constants = sorted({node.value for node in walk(drawn.body) if isinstance(node, Const)})
    needs_entry = bool(conditions(drawn)[0])
    pool: list[dict[str, int | list[int]]] = [
        {
            name: _number(random, constants)
            if kind == "int"
            else _list(random, constants, needs_entry)
            for name, kind in drawn.parameters
        }
        for _ in range(_POOL)
    ]
    results = [evaluate(drawn.body, env) for env in pool]
    if len({repr(result) for result in results}) < 3 or not _branches(drawn.body, pool):
        return None
    chosen = _telling(drawn.body, pool, results)
    rest = [index for index in range(_POOL) if index not in chosen]
    order = (chosen + rest)[: max(_COUNT, min(len(chosen), _COUNT + 2))]
    names = [name for name, _ in drawn.parameters]
    return tuple((tuple(pool[i][name] for name in names), results[i]) for i in order)


def _number(random: Random, constants: list[int]) -> int:
    if constants and random.random() < 0.45:
        return random.choice(constants) + random.choice((-1, 0, 1))
    return random.randint(-9, 9) if random.random() < 0.4 else random.randint(-40, 40)


def _list(random: Random, constants: list[int], needs_entry: bool) -> list[int]:
    length = random.choice((1, 2, 3, 4, 5, 6) if needs_entry else (0, 1, 2, 3, 4, 5, 6))
    return [_number(random, constants) for _ in range(length)]


def _branches(body: Expr, pool: list[dict[str, int | list[int]]]) -> bool:
    """Whether every rule of a piecewise function is the one that decides, for some input."""
    return len({_path(body, env) for env in pool}) == _paths(body)


def _path(node: Expr, env: Mapping[str, int | list[int]]) -> tuple[bool, ...]:
    if isinstance(node, Let):
        return _path(node.body, {**env, node.name: evaluate(node.value, env)})
    if isinstance(node, If):
        taken = holds(node.guard, env)
        return (taken, *_path(node.then if taken else node.other, env))
    return ()


def _paths(node: Expr) -> int:
    if isinstance(node, Let):
        return _paths(node.body)
    return _paths(node.then) + _paths(node.other) if isinstance(node, If) else 1


def _telling(
    body: Expr, pool: list[dict[str, int | list[int]]], results: list[int | list[int]]
) -> list[int]:
    """Return indices of inputs that together tell ``body`` from its mutants, greedily."""
    caught: list[set[int]] = [set() for _ in pool]
    for number, mutant in enumerate(mutants(body)):
        for index, env in enumerate(pool):
            if _differs(mutant, env, results[index]):  # type: ignore[arg-type]
                caught[index].add(number)
    chosen: list[int] = []
    left = set().union(*caught)
    while left and len(chosen) < _COUNT + 2:
        best = max(range(len(pool)), key=lambda index: (len(caught[index] & left), -index))
        chosen.append(best)
        left -= caught[best]
    return chosen


def _differs(mutant: Expr, env: dict[str, int | list[int]], result: int | list[int]) -> bool:
    try:
        return evaluate(mutant, env) != result
    except (ValueError, ZeroDivisionError):  # a mutant may be undefined where the function is not
        return True
