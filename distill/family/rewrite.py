"""Other ways to say the same function: equal in value for every input, different in text.

Teachers differ in taste (which branch first, strict or weak comparisons, the order of operands).
Pretraining shows the student every taste, so that learning one is a choice and not a new skill.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, cast

from distill.family.syntax import (
    Binary,
    Both,
    Clamp,
    Collect,
    Compare,
    Const,
    Distance,
    Divides,
    Expr,
    Fold,
    Guard,
    If,
    Let,
    Pick,
    Var,
    substitute,
    walk,
)

_OPPOSITE = {"gt": "le", "le": "gt", "lt": "ge", "ge": "lt", "eq": "ne", "ne": "eq"}
_STRICT = {"ge": ("gt", -1), "le": ("lt", 1)}


def negate(guard: Guard) -> Guard:
    """Return the guard that holds exactly where ``guard`` does not."""
    match guard:
        case Compare(op):
            return replace(guard, op=_OPPOSITE[op])
        case Divides(_, _, positive):
            return replace(guard, holds=not positive)
        case Both(op, left, right):
            return Both("or" if op == "and" else "and", negate(left), negate(right))


_SWAPPED = {"lt": "gt", "le": "ge"}
_WEAK = ("lt", "le", "ne")


def tidy(node: Expr, order: Mapping[str, int]) -> Expr:
    """Return an equal function in one settled form.

    Shorter operands come first, then those that come first in the signature (``order``); names are
    replaced by what they stand for; the test that is not negative goes first.
    """
    match node:
        case Binary("add", left, right):
            one, two = _ordered((tidy(left, order), tidy(right, order)), order)
            return Binary("add", one, two)
        case Binary(op, left, right):
            return Binary(op, tidy(left, order), tidy(right, order))
        case Pick(kind, items):
            return Pick(kind, _ordered(tuple(tidy(item, order) for item in items), order))
        case Distance(left, right):
            one, two = tidy(left, order), tidy(right, order)
            if _leaf(one) and _leaf(two):
                one, two = _ordered((one, two), order)
            return Distance(one, two)
        case Clamp(body):
            return replace(node, body=tidy(body, order))
        case Let(name, value, body):
            return tidy(cast(Expr, substitute(body, name, value)), order)
        case If(guard, then, other):
            first = guard.left if isinstance(guard, Both) else guard
            one, two = tidy(then, order), tidy(other, order)
            weak = isinstance(first, Compare) and first.op in _WEAK
            if weak and not isinstance(other, If):
                return If(_facing(negate(guard)), two, one)
            return If(_facing(guard), one, two)
        case Fold() | Collect() if node.keep is not None:
            return cast(Expr, replace(cast(Any, node), keep=_facing(node.keep)))
        case _:
            return node


def _leaf(node: Expr) -> bool:
    return isinstance(node, Var | Const)


def _ordered(items: tuple[Expr, ...], order: Mapping[str, int]) -> tuple[Expr, ...]:
    def rank(item: Expr) -> tuple[int, int]:
        if isinstance(item, Const):
            # Before a quotient, a remainder or a list; behind everything else.
            late = any(_leaf(one) for one in items if one is not item)
            late = late or any(isinstance(one, Clamp | Pick | Distance) for one in items)
            return (99 if late else 0, 0)
        place = order.get(item.name, 50) if isinstance(item, Var) else 0
        return (sum(1 for _ in walk(item)), place)

    return tuple(sorted(items, key=rank))


def _facing(guard: Guard) -> Guard:
    """Turn a comparison of two names so that it reads greater, as in ``limit > x``."""
    match guard:
        case Compare(op, Var() as left, Var() as right) if op in _SWAPPED:
            return Compare(_SWAPPED[op], right, left)
        case Both(_, left, right):
            return replace(guard, left=_facing(left), right=_facing(right))
        case _:
            return guard


def vary(node: Expr, random: Random) -> Expr:
    """Return an equal function, drawn at random from the ways to write it."""
    match node:
        case Binary(op, left, right):
            one, two = vary(left, random), vary(right, random)
            if op == "add" and random.random() < 0.4:
                one, two = two, one
            return Binary(op, one, two)
        case Pick(kind, items):
            varied = [vary(item, random) for item in items]
            if random.random() < 0.4:
                random.shuffle(varied)
            return Pick(kind, tuple(varied))
        case Distance(left, right):
            one, two = vary(left, random), vary(right, random)
            return Distance(two, one) if random.random() < 0.4 else Distance(one, two)
        case Clamp(body):
            return replace(node, body=vary(body, random))
        case Let(name, value, body):
            if random.random() < 0.7:
                return vary(cast(Expr, substitute(body, name, value)), random)
            return Let(name, vary(value, random), vary(body, random))
        case If(guard, then, other):
            return _if(_guard(guard, random), vary(then, random), vary(other, random), random)
        case Fold() | Collect() if node.keep is not None:
            return cast(Expr, replace(cast(Any, node), keep=_guard(node.keep, random)))
        case _:
            return node


def _if(guard: Guard, then: Expr, other: Expr, random: Random) -> If:
    """Put the positive test first most of the time, as careful writers do."""
    first = guard.left if isinstance(guard, Both) else guard
    weak = isinstance(first, Compare) and first.op in ("lt", "le", "ne")
    if isinstance(other, If):
        return If(guard, then, other)
    if random.random() < (0.7 if weak else 0.1):
        return If(negate(guard), other, then)
    return If(guard, then, other)


def _guard(guard: Guard, random: Random) -> Guard:
    match guard:
        case Compare(op, left, Const(value)) if op in _STRICT and random.random() < 0.5:
            strict, shift = _STRICT[op]
            return Compare(strict, left, Const(value + shift))
        case Both(_, left, right):
            one, two = _guard(left, random), _guard(right, random)
            return replace(guard, left=one, right=two)
        case _:
            return guard
