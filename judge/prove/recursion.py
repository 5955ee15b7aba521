"""Recursion by induction on the contract: a recursive call may be assumed to keep it.

Sound because a measure falls with every call; without one the proof is partial. When the contract
is too weak to carry itself, guarantees guessed from templates are added to it the same way as
invariants: all assumed of the recursive calls, each shown of every return, dropped when not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations, permutations

from judge.prove.houdini import Houdini
from judge.prove.result import Proof
from judge.prove.session import Session, check_plan, finish
from judge.prove.traces import constants_of
from judge.symbolic import term as T
from judge.symbolic.function import Derivation
from judge.symbolic.plan import Plan
from judge.symbolic.shapes import ListShape, Scalar, shape_of_annotation
from judge.symbolic.values import Unsupported

MEASURES = 40
PROBE = 200_000


def prove(session: Session, first: Derivation) -> Proof | None:
    """Find a measure, then the goals as they are, then with loop invariants or guarantees."""
    measure = _measure(session, first)
    plan = Plan("recursion", measure=measure)
    if not first.loops:
        checked = check_plan(session, plan)
        if not checked.failed:
            return finish(session, plan, checked)
        stronger = _with_guarantees(session, first, measure)
        if stronger is not None:
            return stronger
        one = checked.failed[0][0]
        where = f" (line {one.line})" if one.line is not None else ""
        reason = f"the contract does not carry its own induction: '{one.text}'{where}"
    else:
        from judge.prove.invariants import search_tiers

        found = search_tiers(session, first, plan)
        if found.outcome in ("proved", "partial"):
            return found
        reason = found.reason or "no invariant was found"
    return Proof("unknown", "recursion", reason=reason, rlimit=session.z3.spent)


# ---------------------------------------------------------------- measures


def _measures(session: Session, first: Derivation) -> Iterator[str]:
    numbers = [n for n, s in first.shapes.items() if s == Scalar("int")]
    lists = [
        f"len({n})"
        for n, s in first.shapes.items()
        if isinstance(s, ListShape) or s == Scalar("str")
    ]
    yield from numbers
    yield from lists
    for a in numbers:
        for b in numbers:
            if a != b:
                yield f"{a} - {b}"
                yield f"{a} - {b} + 1"
        for b in lists:
            yield f"{b} - {a}"
    for a, b in combinations([*numbers, *lists], 2):
        yield f"{a} + {b}"
    for a, b in permutations([*numbers, *lists], 2):
        yield f"({a}, {b})"
    for a in numbers:
        yield f"abs({a})"
        for limit in constants_of(session.candidate.function):
            yield f"{limit} - {a}"


def _measure(session: Session, first: Derivation) -> str | None:
    """The first guess that falls with every recursive call and is not negative there."""
    for text in list(dict.fromkeys(_measures(session, first)))[:MEASURES]:
        with T.fresh_table():
            try:
                derived = session.derive(Plan("recursion", measure=text))
            except Unsupported:
                continue
            search = Houdini(session.z3, derived.goals, {})
            goals = [g for g in derived.goals if g.kind == "termination" and g.text == text]
            if goals and all(
                search.core([*g.facts, T.not_(g.claim)], PROBE) is not None for g in goals
            ):
                return text
        if not session.z3.left:
            break
    return None


# ---------------------------------------------------------------- guarantees


def _guarantees(session: Session, first: Derivation) -> Iterator[str]:
    """Guesses at what else a call returns, over its parameters and ``result``."""
    function = session.candidate.function
    if session.candidate.returns is None:
        return
    if shape_of_annotation(session.candidate.returns) != Scalar("int"):
        return
    numbers = [n for n, s in first.shapes.items() if s == Scalar("int")]
    lists = [f"len({n})" for n, s in first.shapes.items() if isinstance(s, ListShape)]
    tests = [ast.unparse(n.test) for n in ast.walk(function) if isinstance(n, ast.If | ast.IfExp)]
    plain = [f"result >= {c}" for c in (0, 1)]
    for name in [*numbers, *lists]:
        plain += [
            f"result >= {name} - 1",
            f"result <= {name}",
            f"result >= {name}",
            f"result == {name}",
        ]
        plain += [f"result <= {name} + 1", f"result > {name}"]
    yield from plain
    for test in tests[:4]:
        for text in plain[:24]:
            yield f"not ({test}) or {text}"
            yield f"({test}) or {text}"


def _with_guarantees(session: Session, first: Derivation, measure: str | None) -> Proof | None:
    """Drop guesses until the rest carries itself, then see whether it carries the contract."""
    guesses = list(dict.fromkeys(_guarantees(session, first)))
    for _ in range(len(guesses) + 1):
        plan = Plan("recursion", measure=measure, guarantees=tuple(guesses))
        with T.fresh_table():
            try:
                derived = session.derive(plan)
            except Unsupported:
                return None
            search = Houdini(session.z3, derived.goals, {})
            wrong = {
                g.text
                for g in derived.goals
                if g.text in guesses and search.core([*g.facts, T.not_(g.claim)], PROBE) is None
            }
        if not wrong:
            break
        guesses = [g for g in guesses if g not in wrong]
        if not session.z3.left:
            return None
    if not guesses:
        return None
    plan = Plan("recursion", {}, measure, tuple(guesses))
    checked = check_plan(session, plan)
    if checked.failed:
        return None
    return finish(session, plan, checked)
