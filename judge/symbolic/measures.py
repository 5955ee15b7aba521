"""Measures: integers that fall with every round or call, alone or in turn.

A measure is a Python expression; a tuple of them falls when its first part that changes falls, and
was not negative. No sequence of such steps is endless: the first part falls finitely often, from
then on it stays, and so does the next one.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from judge.symbolic import term as T
from judge.symbolic.state import State
from judge.symbolic.term import Term
from judge.symbolic.values import BoolV, IntV, Unsupported

if TYPE_CHECKING:
    from judge.symbolic.execute import Executor


def parts(x: Executor, node: ast.expr, state: State, strict: bool = True) -> list[Term]:
    """The measure's parts in a state; with ``strict`` they may need no facts of their own."""
    nodes = node.elts if isinstance(node, ast.Tuple) else [node]
    return [_part(x, one, state, strict) for one in nodes]


def _part(x: Executor, node: ast.expr, state: State, strict: bool) -> Term:
    value, raised, extra = x.pure_value(node, state, False)
    if raised or (strict and extra):
        raise Unsupported("a measure that may raise")
    if isinstance(value, IntV):
        return value.term
    if isinstance(value, BoolV):
        return T.ite(value.term, T.num(1), T.num(0))
    raise Unsupported("a measure that is not an integer")


def falls(before: list[Term], after: list[Term]) -> Term:
    """The first part that changes is smaller, and was not negative."""
    claim = T.false()
    for old, new in list(zip(before, after, strict=True))[::-1]:
        here = T.and_(T.le(T.num(0), old), T.lt(new, old))
        claim = T.or_(here, T.and_(T.eq(new, old), claim))
    return claim
