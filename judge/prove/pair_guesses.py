"""Guesses about pairs of places of which only some are done: the contract's own statement about all
pairs, held to those where one place lies before or behind one of the loop's marks.

Two pointers that move towards each other over a sorted list need this, and every search over pairs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

MAX_MARKS = 4


def guesses(clause: ast.expr, marks: list[str]) -> Iterator[str]:
    """``all(... for a in ... for b in ...)`` of a clause, each restricted by one mark."""
    for node in ast.walk(clause):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        made = node.args[0] if len(node.args) == 1 else None
        if node.func.id not in ("all", "any") or not isinstance(made, ast.GeneratorExp):
            continue
        targets = [g.target.id for g in made.generators if isinstance(g.target, ast.Name)]
        if len(made.generators) != 2 or len(targets) != 2:
            continue
        body = ast.unparse(made.elt) if node.func.id == "all" else f"not ({ast.unparse(made.elt)})"
        rest = ast.unparse(made)[1 + len(ast.unparse(made.elt)) : -1]
        for name in targets:
            for mark in marks[:MAX_MARKS]:
                for test in (f"{name} < {mark}", f"{name} > {mark}", f"{name} >= {mark}"):
                    if made.generators[-1].ifs:
                        yield f"all(({body}) or not ({test}){rest})"
                    else:
                        yield f"all({body}{rest} if {test})"
