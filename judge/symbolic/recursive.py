"""Recursive helpers over integers as functions of their own, known by their defining equation.

A contract may say ``result == digits(n)`` where ``digits`` calls itself. Such a call becomes an
uninterpreted function, and each of its occurrences brings one instance of the equation
``digits(n) = <body>``. That is consistent only where the recursion ends: the equation is stated
where an integer measure is not negative (or nothing recurs), and the derivation owes a goal that
the measure falls from there with every call. What it is not: induction about the helper.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from judge.symbolic import term as T
from judge.symbolic.state import merge_outcomes
from judge.symbolic.term import BOOL, INT, Term
from judge.symbolic.values import BoolV, IntV, Unsupported, Value

if TYPE_CHECKING:
    from judge.symbolic.execute import Executor

_PLAIN = {"int", "true", "false", "+", "*", "<=", "=", "div", "mod", "and", "or", "not", "ite"}
_FUNCTIONS = ("rec ", "fold.power", "floor.div")
MAX_LITERAL_DEPTH = 40


@dataclass(slots=True)
class Call:
    """A recursive call in the body: its arguments, and when it is made."""

    args: tuple[Term, ...]
    when: Term


@dataclass(slots=True)
class Definition:
    """``name(*parameters) = body`` wherever ``defined`` holds."""

    name: str
    line: int
    sort: str
    parameters: tuple[Term, ...]
    body: Term
    calls: list[Call] = field(default_factory=list)
    measure: Term = field(default_factory=lambda: T.num(0))
    measure_text: str = ""

    def at(self, what: Term, args: tuple[Term, ...]) -> Term:
        """``what`` for other arguments."""
        return T.substitute(what, {p.id: a for p, a in zip(self.parameters, args, strict=True)})

    def defined(self, args: tuple[Term, ...]) -> Term:
        """Whether the recursion is known to end on these arguments."""
        recurs = T.or_(*(self.at(c.when, args) for c in self.calls))
        return T.or_(T.le(T.num(0), self.at(self.measure, args)), T.not_(recurs))

    def goals(self) -> Iterator[tuple[list[Term], Term]]:
        """(facts, claim): every call is of a smaller measure, and defined."""
        for call in self.calls:
            smaller = T.lt(self.at(self.measure, call.args), self.measure)
            yield (
                [T.le(T.num(0), self.measure), call.when],
                T.and_(smaller, self.defined(call.args)),
            )


def recurs(function: ast.FunctionDef) -> bool:
    """Whether the function calls itself by name."""
    return any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == function.name
        for n in ast.walk(function)
    )


def apply(
    x: Executor, name: str, function: ast.FunctionDef, args: dict[str, Value], line: int
) -> Value:
    """The value of a call of a recursive helper."""
    plain = [x.plain(a) for a in args.values()]
    terms = tuple(a.term for a in plain if isinstance(a, IntV))
    if len(terms) != len(plain):
        raise Unsupported(f"recursion of the helper {name!r} over anything but int", line)
    found = T.definitions().get(_key(name))
    if found is None:
        found = _define(x, name, function)
    assert isinstance(found, Definition)
    term = T.app(_key(name), terms, found.sort)
    when = T.and_(*x.state.facts, x.guard())
    if found.body.op == "open":
        if x.stack[-1] != name:
            raise Unsupported(f"recursion of the helper {name!r} by way of another", line)
        found.calls.append(Call(terms, when))
    elif not x.pure:
        claim = found.defined(terms)
        x.emit("termination", f"{name} ends on these arguments", line, [when], claim)
    return IntV(term) if found.sort == INT else BoolV(term)


def _key(name: str) -> str:
    return f"rec {name}"


def _define(x: Executor, name: str, function: ast.FunctionDef) -> Definition:
    """Run the body once on unknown arguments."""
    line = function.lineno
    if not terms_of(function):
        raise Unsupported(f"recursion of the helper {name!r}", line)
    parameters = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    terms = tuple(T.var(f"rec {name} {p}") for p in parameters)
    sort = BOOL if function.returns is not None and ast.unparse(function.returns) == "bool" else INT
    found = Definition(name, line, sort, terms, T.node("open", (), sort))
    T.definitions()[_key(name)] = found
    values: dict[str, Value] = {p: IntV(t) for p, t in zip(parameters, terms, strict=True)}
    outcomes = x.isolated(name, function, values)
    if any(o.kind == "raise" and not o.state.dead for o in outcomes):
        raise Unsupported(f"a recursive helper that may raise: {name!r}", line)
    returns = [o for o in outcomes if o.kind == "return" and not o.state.dead]
    if not returns or len(returns) != len([o for o in outcomes if not o.state.dead]):
        raise Unsupported(f"a recursive helper that may return nothing: {name!r}", line)
    merged = merge_outcomes(returns)
    value = merged.value
    if not isinstance(value, IntV if sort == INT else BoolV):
        raise Unsupported(f"what the recursive helper {name!r} returns", line)
    assert isinstance(value, IntV | BoolV)
    _check(found, value.term)
    found.body = value.term
    _choose_measure(found, parameters)
    return found


def terms_of(function: ast.FunctionDef) -> bool:
    """Whether the body can be one term: no loops, nothing but plain parameters."""
    spec = function.args
    if spec.vararg or spec.kwarg or spec.kwonlyargs or spec.defaults:
        return False
    loops = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)
    return not any(isinstance(n, loops) for n in ast.walk(function))


def _check(found: Definition, body: Term) -> None:
    """Only what can be put over other arguments without losing its meaning."""
    parts = [body, *(c.when for c in found.calls), *(a for c in found.calls for a in c.args)]
    for t in T.subterms(parts):
        own = t.op == "var" and any(t is p for p in found.parameters)
        function = t.op == "app" and str(t.args[0]).startswith(_FUNCTIONS)
        if t.bound or not (own or function or t.op in _PLAIN):
            raise Unsupported(f"the body of the recursive helper {found.name!r}", found.line)


def _choose_measure(found: Definition, names: list[str]) -> None:
    """A measure that the calls suggest; whether it falls is a goal, not a belief."""
    for n, (name, p) in enumerate(zip(names, found.parameters, strict=True)):
        if all(_falls(c.args[n], p, found.parameters) for c in found.calls):
            found.measure, found.measure_text = p, name
            return
    for n, (name, p) in enumerate(zip(names, found.parameters, strict=True)):
        for m, (other, q) in enumerate(zip(names, found.parameters, strict=True)):
            steps = [T.literal(T.sub(c.args[n], p)) for c in found.calls]
            rises = all(step is not None and step > 0 for step in steps)
            if n != m and rises and all(c.args[m] is q for c in found.calls):
                found.measure = T.add(T.sub(q, p), T.num(1))
                found.measure_text = f"{other} - {name} + 1"
                return
    raise Unsupported(f"recursion of the helper {found.name!r} without a measure", found.line)


def _falls(arg: Term, parameter: Term, parameters: tuple[Term, ...]) -> bool:
    step = T.literal(T.sub(arg, parameter))
    if step is not None:
        return step < 0
    if arg.op == "div" and arg.kids[0] is parameter:
        return True
    return any(arg is T.floormod(q, parameter) for q in parameters if q is not parameter)


# ---------------------------------------------------------------- what is known of them


def instances(t: Term) -> list[Term]:
    """The defining equation for one occurrence; for literal arguments all the way down."""
    found = T.definitions().get(str(t.args[0]))
    if not isinstance(found, Definition) or t.bound:
        return []
    result: list[Term] = []
    todo, seen = [t], {t.id}
    while todo and len(result) < MAX_LITERAL_DEPTH:
        one = todo.pop()
        body = found.at(found.body, one.kids)
        equal = T.eq(one, body) if found.sort == INT else T.iff(one, body)
        result.append(T.implies(found.defined(one.kids), equal))
        if all(k.op == "int" for k in one.kids):
            for inner in T.subterms([body]):
                same = inner.op == "app" and inner.args[0] == t.args[0]
                if same and inner.id not in seen and all(k.op == "int" for k in inner.kids):
                    seen.add(inner.id)
                    todo.append(inner)
    return result


def owed(x: Executor) -> None:
    """Emit the goals on which the equations rest."""
    for found in list(T.definitions().values()):
        if isinstance(found, Definition):
            text = f"{found.name} ends: {found.measure_text} decreases"
            for facts, claim in found.goals():
                x.emit("definition", text, found.line, facts, claim)


__all__ = ["Definition", "apply", "instances", "owed", "recurs"]
