"""Guesses for a loop inside a loop: what the outer one had when this one began.

The inner loop adds to what the outer rounds left. Taking off again what this loop has added gives
that value an expression, and the contract about the outer loop's part done so far speaks of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from judge.prove.syntax import accumulators, ranges, replace

MAX_TOTALS = 3


def before_this_loop(loop: ast.For, prefix: str) -> Iterator[str]:
    """An expression for each total as it was when the loop began."""
    target = ast.unparse(loop.target)
    sums: dict[str, list[str]] = {}
    for kind, name, element, tests in accumulators(loop):
        if kind == "sum":
            test = " and ".join(tests)
            sums.setdefault(name, []).append(f"({element}) if {test} else 0" if test else element)
    for name, terms in list(sums.items())[:MAX_TOTALS]:
        added = " + ".join(f"({t})" for t in terms)
        yield f"({name} - sum({added} for {target} in {prefix}))"


def guesses(
    clause: ast.expr,
    loop: ast.For,
    prefix: str,
    outer: list[str],
    sequences: list[str],
    fixed: list[str],
) -> Iterator[str]:
    """The clause about the outer part done so far, of the totals as they were."""
    for total in before_this_loop(loop, prefix):
        node = replace(clause, {"result": total})
        for index in outer:
            for name in sequences:
                yield ast.unparse(replace(node, {name: f"{name}[:{index}]"}))
                yield ast.unparse(replace(node, {f"len({name})": index}))
            for name in fixed:
                yield ast.unparse(replace(node, {name: index}))
            for known, start in ranges(node)[:2]:
                yield ast.unparse(replace(node, {known: f"range({start}{index})"}))
