"""Ranking functions for ``while`` loops: an integer that falls each round, never below zero."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import chain, combinations

from judge.prove.houdini import Houdini, Tag
from judge.prove.session import Session
from judge.subset import Candidate
from judge.symbolic import term as T
from judge.symbolic.function import Derivation
from judge.symbolic.measures import falls, parts
from judge.symbolic.plan import LoopInfo
from judge.symbolic.shapes import ListShape, Scalar
from judge.symbolic.term import Term
from judge.symbolic.values import Unsupported

MAX_TRIES = 60
MAX_PARTS = 16
"""Guesses that are tried as one part of a measure of two."""
PROBE = 100_000


def measures(
    session: Session, derived: Derivation, search: Houdini
) -> tuple[dict[str, str], set[Tag]]:
    """A measure for each loop that needs one, where found, and the invariants they rest on."""
    found: dict[str, str] = {}
    used: set[Tag] = set()
    for key, info in derived.loops.items():
        if info.has_measure:
            continue
        bounds = _from_bounds(info, search.active, key)
        texts = list(dict.fromkeys(_guesses(info, session.candidate)))[:MAX_TRIES]
        texts = list(dict.fromkeys([*texts, *bounds]))
        for text in chain(texts, _in_turn(derived, search, info, texts)):
            core = _holds(derived, search, info, text)
            if core is not None:
                found[key] = text
                used |= core
                break
            if not session.z3.left:
                break
    return found, used


def _from_bounds(info: LoopInfo, active: dict[Tag, str], key: str) -> list[str]:
    """What is left up to a bound that is known to hold: ``x <= E`` suggests ``E - x``."""
    found = []
    for (loop, _), text in active.items():
        node = ast.parse(text, mode="eval").body
        if loop != key or not isinstance(node, ast.Compare) or len(node.ops) != 1:
            continue
        name, limit = ast.unparse(node.left), ast.unparse(node.comparators[0])
        if info.shapes.get(name) != Scalar("int") or isinstance(node.comparators[0], ast.Constant):
            continue
        if isinstance(node.ops[0], ast.LtE | ast.Lt):
            found.append(f"({limit}) - {name}")
        elif isinstance(node.ops[0], ast.GtE | ast.Gt):
            found.append(f"{name} - ({limit})")
    return found[:MAX_PARTS]


def _in_turn(
    derived: Derivation, search: Houdini, info: LoopInfo, texts: list[str]
) -> Iterator[str]:
    """Pairs whose first part never rises: the second falls where the first stays."""
    for first in texts[:MAX_PARTS]:
        if _holds(derived, search, info, first, never_rises) is None:
            continue
        yield from (f"({first}, {second})" for second in texts[:MAX_PARTS] if second != first)


def _guesses(info: LoopInfo, candidate: Candidate) -> Iterator[str]:
    changed = [n for n, s in info.shapes.items() if s == Scalar("int")]
    fixed = [n for n, s in info.fixed.items() if s == Scalar("int")]
    lists = [
        f"len({n})"
        for n, s in {**info.shapes, **info.fixed}.items()
        if (isinstance(s, ListShape) or s == Scalar("str")) and not n.startswith("_")
    ]
    flags = [n for n, s in info.shapes.items() if s == Scalar("bool")]
    parameters = [p for p, _ in candidate.parameters if p in changed]
    if info.guard_text:
        yield from _from_guard(info.guard_text)
    moving = [f"len({n})" for n, s in info.shapes.items() if isinstance(s, ListShape)]
    yield from changed
    yield from moving
    for name in changed:
        for limit in [*fixed, *lists, *[c for c in changed if c != name]]:
            yield f"{limit} - {name}"
            yield f"{limit} - {name} + 1"
    for a in changed:
        for b in changed:
            if a < b:
                yield f"{a} + {b}"
                for limit in [*fixed, *lists]:
                    yield f"{limit} - {a} - {b}"
        yield f"-{a}"
        yield f"abs({a})"
    for a in lists:
        for b in lists:
            if a < b:
                for x in changed:
                    for y in changed:
                        if x < y:
                            yield f"{a} + {b} - {x} - {y}"
    for a, b in combinations(fixed[:3], 2):
        for name in changed[:2]:
            yield f"{a} * {b} - {name}"
    for name in parameters:
        for limit in fixed:
            yield f"old({name}) + {limit} - {name}"
            yield f"{name} - old({name}) + {limit}"
    for f in flags:
        for name in changed[:4]:
            for limit in [*fixed, *lists]:
                yield f"({limit} - {name}) * 2 + (0 if {f} else 1)"
                yield f"({limit} - {name}) * 2 + (1 if {f} else 0)"
        yield f"1 if {f} else 0"
        yield f"0 if {f} else 1"


def _from_guard(text: str) -> Iterator[str]:
    """``a < b`` suggests ``b - a``; ``a != b`` both ways; of several tests also their sum."""
    apart = []
    for node in ast.walk(ast.parse(text, mode="eval")):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            a, b = ast.unparse(node.left), ast.unparse(node.comparators[0])
            op = node.ops[0]
            if isinstance(op, ast.Lt | ast.LtE | ast.NotEq):
                apart.append(
                    f"({b}) - ({a})" if not isinstance(op, ast.LtE) else f"({b}) - ({a}) + 1"
                )
            if isinstance(op, ast.Gt | ast.GtE | ast.NotEq):
                apart.append(
                    f"({a}) - ({b})" if not isinstance(op, ast.GtE) else f"({a}) - ({b}) + 1"
                )
    if 1 < len(apart) < 4:
        yield " + ".join(apart)
    yield from apart


def never_rises(before: list[Term], after: list[Term]) -> Term:
    """Each part stays or falls."""
    return T.and_(*(T.le(new, old) for old, new in zip(before, after, strict=True)))


def _holds(
    derived: Derivation,
    search: Houdini,
    info: LoopInfo,
    text: str,
    moves: Callable[[list[Term], list[Term]], Term] = falls,
) -> set[Tag] | None:
    executor = derived.executor
    if executor is None or info.head is None:
        return None
    used: set[Tag] = set()
    node = ast.parse(text, mode="eval").body
    for state in info.backs:
        try:
            before = parts(executor, node, info.head)
            after = parts(executor, node, state)
        except Unsupported:
            return None
        core = search.core([*state.facts, T.not_(moves(before, after))], PROBE)
        if core is None:
            return None
        used |= core
    return used
