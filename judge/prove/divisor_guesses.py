"""Guesses about loops that keep the common divisors of two numbers, as Euclid's does.

The divisor is not known before the loop ends, so what is kept speaks of all of them: every common
divisor of the two variables divides the numbers that they started from, and the other way round.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations

MAX_PAIRS = 3


def common_divisors(loop: ast.While, starts: dict[str, str]) -> Iterator[str]:
    """What a loop keeps that replaces numbers by remainders or differences of each other."""
    pairs = [p for p in combinations(starts, 2) if _mixed(loop, *p)]
    for a, b in pairs[:MAX_PAIRS]:
        first, second = starts[a], starts[b]
        limit = f"abs({first}) + abs({second})"
        now = f"{a} % d_ == 0 and {b} % d_ == 0"
        then = f"({first}) % d_ == 0 and ({second}) % d_ == 0"
        yield f"all({then} for d_ in range(1, {limit} + 1) if {now})"
        yield f"all({now} for d_ in range(1, {limit} + 1) if {then})"
        for name in (a, b):
            yield f"{name} <= {limit}"
            yield f"{name} >= 0"
            yield f"{name} > 0"
        yield f"{a} + {b} > 0"


def _mixed(loop: ast.While, a: str, b: str) -> bool:
    """Whether the body takes a remainder or difference of the two."""
    for node in ast.walk(loop):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Sub):
            sides = {ast.unparse(node.left), ast.unparse(node.right)}
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Mod | ast.Sub):
            sides = {ast.unparse(node.target), ast.unparse(node.value)}
        else:
            continue
        if sides == {a, b}:
            return True
    return False
