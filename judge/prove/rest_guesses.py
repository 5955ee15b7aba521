"""Guesses for loops that eat a number up: what is done so far and what is left make the whole.

``while n: count += 1; n //= 10`` counts the digits of ``n``, so ``count`` and the digits that are
left make those of the number it began with. From a clause ``result == F(old(n))`` come
``count + F(n) == F(old(n))``, with nothing left where ``n`` is zero, the same with a product, and
for a number that is turned round ``int(str(acc) + str(n)[::-1])``. What it is not: knowledge of
what ``F`` is; a guess that is not inductive is dropped.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from judge.prove.exit_guesses import steps
from judge.prove.syntax import replace

MAX_GUESSES = 60


def from_rest(
    loop: ast.While,
    clauses: list[ast.expr],
    changed: list[str],
    starts: Mapping[str, str | None],
    parameters: list[str],
) -> list[str]:
    """Guesses for one loop; ``starts`` are the variables' values before it, as expressions."""
    found: dict[str, None] = {}
    eaten = [n for n in changed if _is_eaten(loop, n)]
    wholes = [side for clause in clauses for side in _sides(clause)]
    for name in eaten:
        others = [n for n in changed if n != name]
        for whole in wholes:
            for text in _relations(whole, name, others, starts, parameters):
                found.setdefault(text, None)
        for text in _turned(loop, name, others, starts):
            found.setdefault(text, None)
    return list(found)[:MAX_GUESSES]


def _is_eaten(loop: ast.While, name: str) -> bool:
    """Whether the body divides the variable, takes a bit of it, or makes it smaller."""
    made = steps(loop).get(name)
    if made is not None:
        return made[0] in ("//", ">>") or (made[0] == "+" and made[1] < 0)
    for node in ast.walk(loop):
        if isinstance(node, ast.AugAssign) and isinstance(
            node.op, ast.BitAnd | ast.FloorDiv | ast.RShift
        ):
            if ast.unparse(node.target) == name:
                return True
        elif isinstance(node, ast.Assign) and name in {ast.unparse(t) for t in _targets(node)}:
            return True
    return False


def _targets(node: ast.Assign) -> Iterator[ast.expr]:
    for target in node.targets:
        yield from target.elts if isinstance(target, ast.Tuple) else [target]


def _sides(clause: ast.expr) -> Iterator[ast.expr]:
    """What the result is said to be."""
    if isinstance(clause, ast.Compare) and len(clause.ops) == 1:
        sides = [clause.left, clause.comparators[0]]
        if isinstance(clause.ops[0], ast.Eq):
            for side, other in (sides, sides[::-1]):
                if ast.unparse(side) == "result":
                    yield other


def _relations(
    whole: ast.expr,
    name: str,
    others: list[str],
    starts: Mapping[str, str | None],
    parameters: list[str],
) -> Iterator[str]:
    text = ast.unparse(whole)
    pairs = _named(whole, parameters)
    if not pairs:
        return
    now = {p: p.removeprefix("old(").removesuffix(")") for p in pairs}
    yield f"({ast.unparse(replace(whole, now))}) == {text}"
    firsts = [p for p in pairs if p == f"old({name})"] or pairs
    for first in firsts:
        rest = ast.unparse(replace(whole, {first: name}))
        for done in others:
            start = starts.get(done) or "0"
            yield f"{done} + (({rest}) if {name} > 0 else 0) == {text}"
            yield f"{done} + ({rest}) == {text} + ({start})"
            yield f"{done} * ({rest}) == {text}"
            for base in [p for p in pairs if p != first]:
                plain = base.removeprefix("old(").removesuffix(")")
                both = ast.unparse(replace(whole, {first: name, base: plain}))
                yield f"{done} * ({both}) == {text}"
                for other in [o for o in others if o != done]:
                    both = ast.unparse(replace(whole, {first: name, base: other}))
                    yield f"{done} * ({both}) == {text}"


def _named(whole: ast.expr, parameters: list[str]) -> list[str]:
    """The parameters that it speaks of, as ``old(n)`` or by name."""
    found: dict[str, None] = {}
    inside: set[int] = set()
    for node in ast.walk(whole):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "old":
            found[ast.unparse(node)] = None
            inside.update(id(n) for n in ast.walk(node))
    for node in ast.walk(whole):
        if isinstance(node, ast.Name) and node.id in parameters and id(node) not in inside:
            found[node.id] = None
    return list(found)


def _turned(
    loop: ast.While, name: str, others: list[str], starts: Mapping[str, str | None]
) -> Iterator[str]:
    """The digits taken off one number are put behind another."""
    tens = [n for n in ast.walk(loop) if isinstance(n, ast.Constant) and n.value == 10]
    if not tens:
        return
    multiplied = {
        ast.unparse(n.left)
        for n in ast.walk(loop)
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult)
    } | {
        ast.unparse(n.right)
        for n in ast.walk(loop)
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult)
    }
    for done in [o for o in others if o in multiplied]:
        for start in dict.fromkeys((f"old({name})", starts.get(name) or f"old({name})")):
            left = f"int(str({done}) + str({name})[::-1]) if {name} > 0 else {done}"
            yield f"({left}) == int(str({start})[::-1])"
            yield f"{done} >= 0"


def read_so_far(
    clauses: list[ast.expr], changed: list[str], texts: list[str], counter: str
) -> Iterator[str]:
    """What a loop over a text has read of the number that the text stands for.

    Nothing read is no number; with a zero before it, it is zero.
    """
    for whole in {ast.unparse(s): s for c in clauses for s in _sides(c)}.values():
        for name in texts:
            for form in (name, f"old({name})"):
                so_far = ast.unparse(
                    replace(whole, {f"int({form})": f"int('0' + {name}[:{counter}])"})
                )
                if so_far != ast.unparse(whole):
                    for done in changed:
                        yield f"{done} == {so_far}"
                        yield f"-{done} == {so_far}"


__all__ = ["from_rest", "read_so_far"]
