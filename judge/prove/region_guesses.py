"""Guesses about parts of a list: what holds of every place between two of the loop's marks.

A loop that swaps, partitions or fills keeps the list in regions: done from the left, done from
the right, not touched yet. What is said of one place comes from the contract, from the tests of
the body and from the list's own start; where it is said, from the indices at hand. It speaks of
single places only; order among several is in ``order_guesses``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import permutations

from judge.prove.syntax import conjuncts, replace

PLACE = "k_"
MAX_MARKS = 5
MAX_PROPERTIES = 14
MAX_GUESSES = 400


def of_clause(clause: ast.expr) -> Iterator[str]:
    """What ``all(... for ...)`` says of one place or element, anywhere in a clause."""
    for node in ast.walk(clause):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "all" and len(node.args) == 1:
            made = node.args[0]
            if isinstance(made, ast.GeneratorExp) and len(made.generators) == 1:
                yield from _of_generator(made.elt, made.generators[0])


def _of_generator(body: ast.expr, source: ast.comprehension) -> Iterator[str]:
    if not isinstance(source.target, ast.Name):
        return
    name = source.target.id
    if isinstance(source.iter, ast.Call) and ast.unparse(source.iter.func) == "range":
        here = PLACE
    else:
        given = source.iter
        while isinstance(given, ast.Subscript) and isinstance(given.slice, ast.Slice):
            given = given.value
        if not isinstance(given, ast.Name):
            return
        here = f"{given.id}[{PLACE}]"
    tests = [ast.unparse(replace(t, {name: here})) for t in source.ifs]
    text = ast.unparse(replace(body, {name: here}))
    yield " or ".join([*(f"not ({t})" for t in tests), f"({text})" if tests else text])


def of_tests(
    loop: ast.For | ast.While, places: Iterable[str], element: dict[str, str]
) -> list[str]:
    """The body's tests of an element, and their opposites, said of any place.

    ``places`` are the index names that count as a place; ``element`` maps a ``for``'s own variable
    to the list that it walks over.
    """
    marks = set(places)
    found: dict[str, None] = {}
    tests = [n.test for n in ast.walk(loop) if isinstance(n, ast.If | ast.While | ast.IfExp)]
    for test in (part for whole in tests for part in _parts(whole)):
        if len(list(ast.walk(test))) > 24:
            continue
        for mapping in _generalised(test, marks, element):
            text = ast.unparse(replace(test, mapping))
            found.setdefault(text, None)
            found.setdefault(f"not ({text})", None)
    return list(found)


def _parts(test: ast.expr) -> list[ast.expr]:
    if isinstance(test, ast.BoolOp):
        return [p for v in test.values for p in _parts(v)]
    return conjuncts(test)


def _generalised(
    test: ast.expr, marks: set[str], element: dict[str, str]
) -> Iterator[dict[str, str]]:
    for node in ast.walk(test):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            index = ast.unparse(node.slice)
            if index in marks:
                yield {ast.unparse(node): f"{node.value.id}[{PLACE}]"}
        elif isinstance(node, ast.Name) and node.id in element:
            yield {node.id: f"{element[node.id]}[{PLACE}]"}


def regions(marks: list[str], starts: list[str], ends: list[str]) -> list[tuple[str, str]]:
    """Pairs of places between which something may hold."""
    inner = [m for name in marks[:MAX_MARKS] for m in (name, f"{name} + 1")]
    found = [(start, m) for start in starts for m in inner]
    found += [(m, end) for m in inner for end in ends]
    found += [(a, b) for a, b in permutations(inner, 2) if a.split(" +")[0] != b.split(" +")[0]]
    return found


def guesses(properties: list[str], parts: list[tuple[str, str]]) -> list[str]:
    """Each property over each region."""
    found = [
        f"all({what} for {PLACE} in range({low}, {high}))"
        for what in list(dict.fromkeys(properties))[:MAX_PROPERTIES]
        for low, high in parts
    ]
    return list(dict.fromkeys(found))[:MAX_GUESSES]


__all__ = ["guesses", "of_clause", "of_tests", "regions"]
