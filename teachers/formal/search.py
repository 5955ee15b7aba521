"""Programming by example: the cheapest program of a small language that fits every example.

``solve`` runs in the child process. It knows nothing of prose except the numbers named in it, which
are cheap constants to try. It may fit the examples and still be wrong: that is for a judge to find.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from teachers.formal.bank import Leaf
from teachers.formal.lists import (
    ELEMENTS,
    Elements,
    Source,
    fold_leaves,
    solve_list,
    solve_quantified,
)
from teachers.formal.order import mention_order, tidy
from teachers.formal.read import OutsideError
from teachers.formal.scalar import Effort, solve_boolean, solve_integer
from teachers.formal.term import Term, evaluate, integer, price, var
from teachers.formal.tuples import joined, parts_of
from teachers.formal.write import function
from teachers.model import Specification

VERSION = "3"
"""Part of the teacher's identity: raise it when the language or the order of search changes."""

_WORKING = 14
_BOUND_NAMES = ("x", "value", "item", "element", "each")
_WORDS = {
    "zero": 0, "one": 1, "two": 2, "twice": 2, "double": 2, "doubled": 2, "half": 2, "halved": 2,
    "three": 3, "thrice": 3, "triple": 3, "tripled": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "even": 2, "odd": 2,
    "dozen": 12, "hundred": 100,
}  # fmt: skip

_BITS = re.compile(r"\b(bits?|bitwise|xor|mask(ed|s)?)\b|[&|^~]", re.IGNORECASE)
"""Words and signs of a task about bits: only there are ``& | ^`` tried."""

Example = tuple[tuple[object, ...], object]


class CannotError(Exception):
    """The task is outside the teacher; the message is the reason, for a person."""


def kind_of(annotation: str) -> str:
    """Return "int", "bool" or "list" (of int) for a type as it is written; or "" when neither."""
    text = annotation.replace(" ", "").replace("typing.", "")
    if text in ("int", "bool"):
        return text
    return "list" if text in ("list[int]", "List[int]", "Sequence[int]", "list") else ""


def solve(specification: Specification, hint: str = "") -> str:
    """Return the source of a function that fits all examples, or raise ``CannotError``."""
    try:
        parts = parts_of(replace(specification, ensures=()))
    except OutsideError as reason:
        raise CannotError(str(reason)) from None
    if parts is None:
        body = find(specification, hint)
    else:
        width = len(parts.types)
        for _, result in specification.examples:
            if not isinstance(result, tuple) or len(result) != width:
                raise CannotError(f"the result {result!r} is no tuple of {width}")
        # The contract's clauses stay for the numbers and the order of names in them; the right
        # result at a counterexample cannot be worked out part by part.
        own = [
            replace(parts.alone(part), ensures=specification.ensures, counterexamples=())
            for part in range(width)
        ]
        body = joined([find(each, hint) for each in own])
    returns = specification.returns
    return function(specification.entry_point, specification.parameters, returns, body)


def find(specification: Specification, hint: str = "") -> Term:
    """Return the body of a function with one result that fits all examples."""
    kinds = {name: kind_of(kind) for name, kind in specification.parameters}
    unknown = [f"{n}: {k}" for n, k in specification.parameters if not kinds[n]]
    if unknown:
        raise CannotError(f"the parameter {unknown[0]} is neither int, bool nor a list of int")
    examples = list(specification.examples) + _from_counterexamples(specification)
    if not examples:
        raise CannotError("there are no examples to learn from")
    _check(examples, specification, kinds)
    constants = mine(specification, hint)
    of_bits = _BITS.search(" ".join([hint, *specification.ensures])) is not None
    working = examples[:_WORKING]
    for _ in range(6):
        term = _propose(specification, kinds, working, constants, bits=of_bits)
        if term is None:
            raise CannotError(
                f"no program of the search language fits the {len(examples)} examples"
            )
        wrong = [each for each in examples if not fits(term, specification, each)]
        if not wrong:
            break
        working = working + wrong[:3]
    else:
        raise CannotError("every proposal fits some of the examples and fails others")
    names = [name for name, _ in specification.parameters]
    return tidy(term, mention_order(names, specification.ensures))


def fits(term: Term, specification: Specification, example: Example) -> bool:
    """Return whether ``term`` gives the example's result, of the same type."""
    args, expected = example
    names = [name for name, _ in specification.parameters]
    try:
        value = evaluate(term, dict(zip(names, args, strict=True)))
    except (ZeroDivisionError, IndexError, ValueError):
        return False
    return type(value) is type(expected) and value == expected


def _check(
    examples: Sequence[Example], specification: Specification, kinds: Mapping[str, str]
) -> None:
    wanted = {"int": int, "bool": bool, "list": list}
    for args, result in examples:
        if len(args) != len(kinds):
            raise CannotError(
                f"an example has {len(args)} arguments; {specification.entry_point} takes "
                f"{len(kinds)}"
            )
        for value, (name, kind) in zip(args, kinds.items(), strict=True):
            if type(value) is not wanted[kind] or (kind == "list" and not _integers(value)):
                raise CannotError(f"an example gives {name} the value {value!r}")
        if type(result) not in (int, bool, list) or (
            type(result) is list and not _integers(result)
        ):
            raise CannotError(
                f"the result {result!r} is neither an integer, a truth value nor a list of integers"
            )
    if len({type(result) for _, result in examples}) > 1:
        raise CannotError("the examples have results of different types")


def _integers(value: object) -> bool:
    return isinstance(value, list) and all(type(each) is int for each in value)


def _from_counterexamples(specification: Specification) -> list[Example]:
    """Work out right results for refuted inputs, where the contract tells them."""
    if not specification.counterexamples:
        return []
    from teachers.formal.oracle import expected

    found = [(args, expected(specification, args)) for args in specification.counterexamples]
    return [(args, result) for args, result in found if result is not None]


def mine(specification: Specification, hint: str) -> dict[int, int]:
    """Return constants worth trying, with their costs: those that the task names are cheapest."""
    texts = [hint, *specification.requires, *specification.ensures]
    named: set[int] = set()
    for text in texts:
        # A sign may belong to the number or to the expression, so both are tried.
        for found in re.findall(r"(?<![\w.])-?\d{1,6}(?![\w.]*\w)", text):
            named |= {int(found), abs(int(found))}
        named |= {_WORDS[w] for w in re.findall(r"[a-z]+", text.lower()) if w in _WORDS}
    constants = {0: 1, 1: 1, 2: 1}
    for value in sorted(named, key=lambda n: (abs(n), n))[:14]:
        constants.setdefault(value, 1)
    results = [result for _, result in specification.examples if type(result) is int]
    for value in sorted(set(results), key=lambda n: (abs(n), n)):
        if results.count(value) >= 2 and len(constants) < 20:
            constants.setdefault(value, 2)
    for value in (-1, 3, 4, 5, 10):
        constants.setdefault(value, 2)
    return constants


def _propose(
    specification: Specification,
    kinds: Mapping[str, str],
    examples: Sequence[Example],
    constants: Mapping[int, int],
    *,
    bits: bool = False,
) -> Term | None:
    scalars = [name for name, kind in kinds.items() if kind == "int"]
    truths = [name for name, kind in kinds.items() if kind == "bool"]
    lists = [name for name, kind in kinds.items() if kind == "list"]
    names = list(kinds)
    column = {name: tuple(args[i] for args, _ in examples) for i, name in enumerate(names)}
    leaves = [Leaf(var(name), tuple(_whole(v) for v in column[name]), 1) for name in scalars]
    leaves += [Leaf(var(name), tuple(_whole(v) for v in column[name]), 1) for name in truths]
    count = len(examples)
    leaves += [Leaf(integer(value), (value,) * count, cost) for value, cost in constants.items()]
    target = [result for _, result in examples]
    sources = [_source(name, column[name], names) for name in lists]
    tables = [Elements(each, leaves) for each in sources if any(each.lists)]
    if isinstance(target[0], list):
        return _list(tables, target)
    if isinstance(target[0], bool):
        return _truth(tables, leaves, target)
    wanted = [_whole(value) for value in target]
    folds = [leaf for table in tables for leaf in fold_leaves(table, wanted)]
    return _integer(leaves, folds, wanted, bits=bits)


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return int(value)


def _source(name: str, column: Sequence[object], names: Sequence[str]) -> Source:
    lists: list[tuple[int, ...]] = []
    room = ELEMENTS
    for each in column:
        assert isinstance(each, list)
        lists.append(tuple(each))
        room -= len(each)
    bound = next(each for each in _BOUND_NAMES if each not in names)
    return Source(name, tuple(lists), bound)


def _integer(
    leaves: list[Leaf], folds: list[Leaf], target: list[int], *, bits: bool
) -> Term | None:
    exact = [leaf for leaf in folds if list(leaf.values) == target]
    best = min(exact, key=lambda leaf: leaf.cost) if exact else None
    if best is not None and best.cost <= 7:
        return best.term
    if not folds:
        found = solve_integer(leaves, target, Effort(bits=bits))
        return None if found is None else found[1]
    cheap = sorted(folds, key=lambda leaf: leaf.cost)
    proposals = [] if best is None else [best.term]
    for width, effort in ((12, Effort(terms=25_000)), (600, Effort(depths=(1, 2, 3, 4, 5)))):
        # Inside a larger program a fold counts about half, else none would be reached in time.
        some = [Leaf(leaf.term, leaf.values, (leaf.cost + 1) // 2) for leaf in cheap[:width]]
        found = solve_integer([*leaves, *some], target, effort)
        if found is not None:
            proposals.append(found[1])
            if price(found[1]) <= 8:
                break
    return min(proposals, key=price) if proposals else None


def _list(tables: list[Elements], target: Sequence[object]) -> Term | None:
    goal = [tuple(each) for each in target if isinstance(each, list)]
    found = [solve_list(table, goal, Effort()) for table in tables]
    known = [each for each in found if each is not None]
    return min(known, key=lambda each: each[0])[1] if known else None


def _truth(tables: list[Elements], leaves: list[Leaf], target: Sequence[object]) -> Term | None:
    goal = [bool(each) for each in target]
    proposals = [each for table in tables if (each := solve_quantified(table, goal)) is not None]
    folds = [leaf for table in tables for leaf in fold_leaves(table, [0] * len(goal), 40)[:12]]
    found = solve_boolean([*leaves, *folds], goal)
    if found is not None:
        proposals.append(found)
    return min(proposals, key=lambda each: each[0])[1] if proposals else None
