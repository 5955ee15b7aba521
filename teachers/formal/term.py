"""Programs as terms: what the search builds, the solver checks and the writer prints.

A term is an expression over integers, booleans and lists of integers, with Python's meaning.
``evaluate`` is that meaning; the vectorised search and the SMT translation must agree with it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """An operator over terms. ``value`` holds a literal, a variable's name or a bound variable.

    Operators: ``var int bool``; ``neg abs + - * // % min max``; ``< <= > >= == !=``; on bits
    ``& | ^ ~ << >>``; ``and or not if``; ``tuple`` for several results; on lists
    ``sum len maxof minof sorted reversed item any all``; ``gen`` is
    a comprehension with args (source, element[, condition]) binding ``value``.
    """

    op: str
    args: tuple[Term, ...] = ()
    value: int | bool | str | None = None


def var(name: str) -> Term:
    """Return the variable ``name``."""
    return Term("var", (), name)


def integer(value: int) -> Term:
    """Return an integer literal."""
    return Term("int", (), value)


def boolean(value: bool) -> Term:
    """Return a truth value."""
    return Term("bool", (), value)


COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def negate(term: Term) -> Term:
    """Return ``not term`` in the plainest words."""
    if term.op in _NEGATED:
        return Term(_NEGATED[term.op], term.args)
    if term.op == "not":
        return term.args[0]
    if term.op == "bool":
        return boolean(not term.value)
    return Term("not", (term,))


def size(term: Term) -> int:
    """Return the number of operators and leaves."""
    return 1 + sum(size(argument) for argument in term.args)


def price(term: Term) -> int:
    """Return how much a program says: its size, with a list's plain fold and filter cheap."""
    if term.op == "gen":
        element = term.args[1]
        own = 0 if element == var(str(term.value)) else price(element)
        return own + sum(price(each) for each in term.args[2:]) + 1
    return 1 + sum(price(each) for each in term.args)


def variables(term: Term) -> set[str]:
    """Return the names of the free variables."""
    if term.op == "var":
        return {str(term.value)}
    found: set[str] = set()
    for argument in term.args:
        found |= variables(argument)
    if term.op == "gen":
        found.discard(str(term.value))
    return found


ARITHMETIC: dict[str, Callable[..., object]] = {
    "neg": lambda a: -a,
    "abs": abs,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "min": min,
    "max": max,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "~": operator.invert,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "not": lambda a: not a,
    "sum": sum,
    "len": len,
    "sorted": sorted,
    "reversed": lambda a: a[::-1],
    "item": lambda a, b: a[b],
    "any": any,
    "all": all,
}


def evaluate(term: Term, env: Mapping[str, object]) -> object:
    """Return the value of ``term``; raises what Python would raise (ZeroDivisionError, ...)."""
    op = term.op
    if op == "var":
        return env[str(term.value)]
    if op in ("int", "bool"):
        return term.value
    if op == "and":
        return all(evaluate(argument, env) for argument in term.args)
    if op == "or":
        return any(evaluate(argument, env) for argument in term.args)
    if op == "if":
        chosen = term.args[1] if evaluate(term.args[0], env) else term.args[2]
        return evaluate(chosen, env)
    if op == "gen":
        return _comprehension(term, env)
    values = [evaluate(argument, env) for argument in term.args]
    if op in ("maxof", "minof"):
        fold = max if op == "maxof" else min
        if len(values) == 2 and not values[0]:
            return values[1]
        return fold(values[0])  # type: ignore[call-overload]
    return ARITHMETIC[op](*values)


def _comprehension(term: Term, env: Mapping[str, object]) -> list[object]:
    source = evaluate(term.args[0], env)
    assert isinstance(source, list)
    name = str(term.value)
    result: list[object] = []
    for item in source:
        inner = {**env, name: item}
        if len(term.args) < 3 or evaluate(term.args[2], inner):
            result.append(evaluate(term.args[1], inner))
    return result
