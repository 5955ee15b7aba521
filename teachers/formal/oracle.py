"""The right result of a function at one input, as far as its contract tells it.

A clause ``result == EXPR`` says it outright. Otherwise, over integers and truth values, the solver
is asked for some result that the postcondition allows there.
"""

from __future__ import annotations

from teachers.formal import smt
from teachers.formal.read import OutsideError, definition, read
from teachers.formal.term import evaluate
from teachers.model import Specification

_RLIMIT = 200_000


def expected(specification: Specification, args: tuple[object, ...]) -> object | None:
    """Return a right result at ``args``, or None when the contract does not tell one."""
    kinds = dict(specification.parameters)
    names = list(kinds)
    if len(args) != len(names):
        return None
    # Names are all that a definition needs; the kinds only matter to Python's idea of truth.
    scope = {name: _kind(value) for name, value in zip(names, args, strict=True)}
    for clause in specification.ensures:
        try:
            body = definition((read(clause, {**scope, "result": "int"}),))
            if body is not None:
                return evaluate(body, dict(zip(names, args, strict=True)))
        except (OutsideError, ZeroDivisionError, IndexError, ValueError, TypeError):
            continue
    return _witness(specification, args, scope)


def _kind(value: object) -> str:
    return {bool: "bool", int: "int"}.get(type(value), "list")


def _witness(
    specification: Specification, args: tuple[object, ...], scope: dict[str, str]
) -> int | bool | None:
    point = tuple(each for each in args if isinstance(each, int))
    returns = specification.returns
    if len(point) != len(args) or returns not in ("int", "bool") or not specification.ensures:
        return None
    try:
        clauses = tuple(read(each, {**scope, "result": returns}) for each in specification.ensures)
        problem = smt.Problem(tuple(scope.items()), returns, (), clauses)
        return smt.witness(problem, point, _RLIMIT)
    except OutsideError:
        return None
