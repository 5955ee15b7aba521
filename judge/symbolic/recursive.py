"""Helpers that call themselves, as functions of their own known by their defining equation.

A contract may say ``result == digits(n)`` where ``digits`` calls itself, and a candidate may have
such a function beside or inside the entry point. Such a call becomes an uninterpreted function,
and each of its occurrences brings one instance of the equation ``digits(n) = <body>``. That is
consistent only where the recursion ends: the equation is stated where an integer measure is not
negative (or nothing recurs), and the derivation owes a goal that the measure falls from there with
every call. Where the body may raise, the plan's ``requires`` say where it does not, and that is
owed too. What the plan's ``lemmas`` say of every value is shown by induction on the measure. What
it is not: the search for measure, domain and lemmas (``judge.prove.helper_contracts``).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from judge.symbolic import passing
from judge.symbolic import term as T
from judge.symbolic.closures import free_names
from judge.symbolic.machine import VAGUE
from judge.symbolic.merge import same
from judge.symbolic.plan import HelperPlan
from judge.symbolic.state import Outcome, State, merge_outcomes
from judge.symbolic.term import BOOL, INT, Term
from judge.symbolic.values import (
    BoolV,
    BuiltinV,
    ImportedV,
    IntV,
    LambdaV,
    TypeV,
    Unsupported,
    Value,
)

if TYPE_CHECKING:
    from judge.symbolic.execute import Executor
    from judge.symbolic.machine import Program

_PLAIN = {
    "int", "true", "false", "+", "*", "<=", "=", "div", "mod", "and", "or", "not", "ite", "select",
}  # fmt: skip
_FUNCTION_VALUES = (LambdaV, BuiltinV, ImportedV, TypeV)
_FUNCTIONS = ("rec ", "fold.power", "floor.div")
MAX_LITERAL_DEPTH = 40
BARE, NOTHING = "bare ", "any "
"""Before a function's name: known by its equation alone, without lemmas; not known at all."""
KNOWN = ("rec ", f"{BARE}rec ")

Claim = Callable[[tuple[Term, ...], Term], Term]
"""What a lemma says of arguments and their result."""


@dataclass(slots=True, eq=False)
class Call:
    """A call of a recursive helper in the body: whom, its arguments, and when it is made."""

    target: Definition
    args: tuple[Term, ...]
    when: Term


@dataclass(slots=True, eq=False)
class Definition:
    """``key(*parameters) = body`` wherever ``defined`` holds."""

    name: str
    key: str
    line: int
    sort: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    parameters: tuple[Term, ...]
    body: Term
    around: LambdaV | None = None
    calls: list[Call] = field(default_factory=list)
    raises: list[Term] = field(default_factory=list)
    measure: Term | None = None
    measure_text: str = ""
    domain: Term = field(default_factory=T.true)
    lemmas: dict[str, Claim] = field(default_factory=dict)
    complete: bool = False
    """Whether measure and domain are what they will be: only then is it told where it ends."""
    ended: Term | None = None
    """Where the recursion ends, over the parameters, once that is settled."""

    def at(self, what: Term, args: tuple[Term, ...]) -> Term:
        """``what`` for other arguments."""
        return T.substitute(what, {p.id: a for p, a in zip(self.parameters, args, strict=True)})

    def applied(self, args: tuple[Term, ...]) -> Term:
        """The function's value."""
        return T.app(self.key, args, self.sort)

    def values(self, args: tuple[Term, ...]) -> dict[str, Value]:
        """The arguments as the body sees them."""
        parts = zip(self.names, self.kinds, passing.split(self.kinds, args), strict=True)
        return {name: passing.value_of(kind, terms) for name, kind, terms in parts}

    def inner(self) -> list[Call]:
        """The calls that may come back to this function."""
        return [c for c in self.calls if self in _reached(c.target)]

    def whole(self, args: tuple[Term, ...]) -> Term:
        """What holds of all arguments of these kinds."""
        parts = zip(self.kinds, passing.split(self.kinds, args), strict=True)
        return T.and_(*(f for kind, terms in parts for f in passing.facts_of(kind, terms)))

    def defined(self, args: tuple[Term, ...]) -> Term:
        """Whether the recursion is known to end, without an exception, on these arguments."""
        if self.ended is None:
            ends = T.not_(T.or_(*(c.when for c in self.inner())))
            if self.measure is not None:
                ends = T.or_(T.le(T.num(0), self.measure), ends)
            self.ended = T.and_(self.whole(self.parameters), self.domain, ends)
        return self.at(self.ended, args)

    def ends(self) -> Iterator[tuple[str, list[Term], Term]]:
        """(what, facts, claim): every call is of a smaller measure, and defined.

        Nothing is known here of the functions' values: that they exist is what these goals show.
        """
        here = [self.whole(self.parameters), self.domain]
        inner = self.inner()
        for call in self.calls:
            claim = call.target.defined(call.args)
            facts = [*here, call.when]
            if call in inner:
                if self.measure is None:
                    continue  # it is defined only where it makes no such call
                facts = [*here, T.le(T.num(0), self.measure), call.when]
                # One without a measure is defined only where it calls nobody back.
                if call.target.measure is not None:
                    after = call.target.at(call.target.measure, call.args)
                    claim = T.and_(T.lt(after, self.measure), claim)
            yield f"ends: {self.measure_text} decreases", facts, claim

    def keeps(self) -> Iterator[tuple[str, list[Term], Term]]:
        """(what, facts, claim): nothing is raised, and the lemmas hold of the value.

        By induction: the lemmas are assumed of the calls that the body makes, and nowhere else.
        """
        ended = self.defined(self.parameters)
        for raised in self.raises:
            yield "raises nothing", [ended, raised], T.false()
        value = self.applied(self.parameters)
        given = [
            T.implies(c.when, claim(c.args, c.target.applied(c.args)))
            for c in self.calls
            for claim in c.target.lemmas.values()
        ]
        for text, claim in self.lemmas.items():
            facts = [ended, self.equation(self.parameters), *given]
            yield f"keeps {text}", facts, claim(self.parameters, value)

    def equation(self, args: tuple[Term, ...]) -> Term:
        """``key(*args) = body``."""
        one, body = self.applied(args), self.at(self.body, args)
        return T.eq(one, body) if self.sort == INT else T.iff(one, body)


def _reached(start: Definition) -> set[Definition]:
    """Whom calls lead to from a function, itself included."""
    seen, todo = {start}, [start]
    while todo:
        for call in todo.pop().calls:
            if call.target not in seen:
                seen.add(call.target)
                todo.append(call.target)
    return seen


def recurs(
    function: ast.FunctionDef, program: Program | None = None, without: str | None = None
) -> bool:
    """Whether the function calls itself by name, or by way of others of the program.

    ``without`` is the entry point, which is treated by its contract.
    """
    seen: set[str] = set()
    todo = [function]
    while todo:
        for node in ast.walk(todo.pop()):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if (name := node.func.id) == function.name:
                return True
            other = None if program is None else program.functions.get(name)
            if other is not None and name not in seen and name != without:
                seen.add(name)
                todo.append(other)
    return False


@dataclass(frozen=True, slots=True)
class Closed:
    """What a nested function closes over: values, which become arguments, and functions."""

    values: dict[str, Value]
    functions: dict[str, Value]


def closed_over(node: ast.FunctionDef, around: dict[str, Value], line: int) -> Closed:
    """Take the two apart; a function that closes over values itself is refused."""
    free = sorted((free_names(node) & around.keys()) - {node.name})
    functions = {n: around[n] for n in free if isinstance(around[n], _FUNCTION_VALUES)}
    for value in functions.values():
        if isinstance(value, LambdaV) and any(
            not isinstance(v, _FUNCTION_VALUES) or isinstance(v, LambdaV)
            for v in value.closure.values()
        ):
            raise Unsupported(f"recursion of {node.name!r} with another nested function", line)
    return Closed({n: around[n] for n in free if n not in functions}, functions)


def apply(
    x: Executor,
    name: str,
    function: ast.FunctionDef,
    args: dict[str, Value],
    line: int,
    around: LambdaV | None = None,
) -> Value:
    """The value of a call of a recursive helper; ``around`` is a nested one's own value."""
    plain = {n: x.plain(a) for n, a in args.items()}
    try:
        kinds = tuple(passing.kind_of(v) for v in plain.values())
        passing.fit(function, tuple(plain), kinds)
        parts = [passing.terms_of(x, v, k) for v, k in zip(plain.values(), kinds, strict=True)]
    except Unsupported as problem:
        raise Unsupported(f"{problem.what} (the helper {name!r})", line) from None
    terms = tuple(t for part in parts for t in part)
    key = f"rec {name}" if set(kinds) <= {"int"} else f"rec {name} {' '.join(kinds)}"
    found = T.definitions().get(key)
    if found is None:
        found = _define(x, key, name, function, tuple(plain), kinds, around)
    assert isinstance(found, Definition)
    if around is not None and (found.around is None or not same(found.around, around)):
        raise Unsupported(f"recursion of {name!r}, made more than once", line)
    term = found.applied(terms)
    if not x.defining and not found.complete:
        # Its own domain or measure speaks of it: where it ends is not said yet.
        raise Unsupported(f"where the helper {name!r} ends, told by itself", line)
    if x.defining:
        if x.binding or x.under_binder:
            raise Unsupported(f"recursion of the helper {name!r} inside a comprehension", line)
        when = T.and_(*x.state.facts, x.guard())
        x.defining[-1].calls.append(Call(found, terms, when))
    else:
        _entered(x, found, terms, line)
    return IntV(term) if found.sort == INT else BoolV(term)


def _entered(x: Executor, found: Definition, terms: tuple[Term, ...], line: int) -> None:
    """A call from outside must end, and raise nothing; a guess's own only the latter."""
    if x.pure and not found.raises and not x.clause:
        return
    defined = found.defined(terms)
    if x.binding or x.under_binder or x.pure:
        x.raise_if(T.not_(defined), f"{VAGUE}RecursionError", line)
    else:
        when = T.and_(*x.state.facts, x.guard())
        x.emit("termination", f"{found.name} ends on these arguments", line, [when], defined)


def _define(
    x: Executor,
    key: str,
    name: str,
    function: ast.FunctionDef,
    names: tuple[str, ...],
    kinds: tuple[str, ...],
    around: LambdaV | None,
) -> Definition:
    """Run the body once on unknown arguments."""
    line = function.lineno
    if x.settled:
        raise Unsupported(f"the helper {name!r}, which nothing else speaks of", line)
    if not plain_body(function):
        raise Unsupported(f"recursion of the helper {name!r}", line)
    unknown = [passing.unknowns(f"rec {name} {p}", k) for p, k in zip(names, kinds, strict=True)]
    terms = tuple(t for part in unknown for t in part)
    sort = BOOL if function.returns is not None and ast.unparse(function.returns) == "bool" else INT
    bare = T.node("open", (), sort)
    found = Definition(name, key, line, sort, names, kinds, terms, bare, around)
    T.definitions()[key] = found
    x.defining.append(found)
    try:
        values = found.values(terms)
        facts = [f for k, t in zip(kinds, unknown, strict=True) for f in passing.facts_of(k, t)]
        outcomes = [o for o in _run(x, found, function, values, facts, around) if not o.state.dead]
    finally:
        x.defining.pop()
    found.raises = [T.and_(*o.state.facts) for o in outcomes if o.kind == "raise"]
    returns = [o for o in outcomes if o.kind == "return"]
    if not returns or len(returns) + len(found.raises) != len(outcomes):
        raise Unsupported(f"a recursive helper that may return nothing: {name!r}", line)
    value = merge_outcomes(returns).value
    if not isinstance(value, IntV if sort == INT else BoolV):
        raise Unsupported(f"what the recursive helper {name!r} returns", line)
    assert isinstance(value, IntV | BoolV)
    found.body = value.term
    whens = [found.body, *found.raises, *(c.when for c in found.calls)]
    _check(found, [*whens, *(a for c in found.calls for a in c.args)])
    if not x.defining:
        _complete(x)
    return found


def _run(
    x: Executor,
    found: Definition,
    function: ast.FunctionDef,
    values: dict[str, Value],
    facts: list[Term],
    around: LambdaV | None,
) -> list[Outcome]:
    if around is None:
        return x.isolated(found.name, function, values, facts)
    # What it closes over is an argument here; the functions among that stay as they are.
    functions = around.closure
    own = LambdaV(around.node, {**functions, **values}, around.home)
    x.homes.append(around.home)
    try:
        scope = {**functions, function.name: own, **values}
        return x.isolated(found.name, function, scope, facts)
    finally:
        x.homes.pop()


def plain_body(function: ast.FunctionDef) -> bool:
    """Whether the body can be one term: no loops, nothing but plain parameters."""
    spec = function.args
    if spec.vararg or spec.kwarg or spec.kwonlyargs:
        return False
    loops = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)
    return not any(isinstance(n, loops) for n in ast.walk(function))


def _check(found: Definition, parts: list[Term], functions: tuple[str, ...] = _FUNCTIONS) -> None:
    """Only what can be put over other arguments without losing its meaning."""
    own = {p.id for p in found.parameters}
    for t in T.subterms(parts):
        function = t.op == "app" and str(t.args[0]).startswith(functions or ("\0",))
        known = t.id in own if t.op == "var" else function or t.op in _PLAIN
        if t.bound or not (known or (t.op == "var" and t.args[0] == "rec.none")):
            raise Unsupported(f"the body of the recursive helper {found.name!r}", found.line)


# ---------------------------------------------------------------- measure, domain, lemmas


def _complete(x: Executor) -> None:
    """Take from the plan what a search found of the new functions, else what the calls suggest."""
    new = [d for d in T.definitions().values() if isinstance(d, Definition) and not d.measure_text]
    for found in new:
        plan = x.plan.helpers.get(found.name, HelperPlan())
        found.measure_text = plan.measure or ""
        if plan.measure is not None:
            found.measure = number(x, found, plan.measure)
        for text in plan.requires:
            found.domain = T.and_(found.domain, says(x, found, text)(found.parameters, T.num(0)))
        _check(found, [found.domain, found.measure or T.num(0)], ())
        found.lemmas = {text: says(x, found, text) for text in plan.lemmas}
    for found in new:
        if found.measure is None:
            _choose_measure(found, [d for d in new if d.measure is None])
    for found in new:
        found.complete = True


def number(x: Executor, found: Definition, text: str) -> Term:
    """An integer over the parameters; raises ``Unsupported`` for anything else."""
    node = ast.parse(text, mode="eval").body
    value, raised, extra = x.pure_value(node, State(env=found.values(found.parameters)), False)
    if not isinstance(value, IntV) or raised or extra:
        raise Unsupported(f"a measure such as {text}", found.line)
    return value.term


def says(x: Executor, found: Definition, text: str) -> Claim:
    """A clause over the parameters and ``result``, to be said of any arguments."""

    def claim(args: tuple[Term, ...], value: Term) -> Term:
        result = IntV(value) if value.sort == INT else BoolV(value)
        return x.formula(text, State(env={**found.values(args), "result": result}))

    return claim


def _choose_measure(found: Definition, group: list[Definition]) -> None:
    """A measure that the calls suggest; whether it falls is a goal, not a belief."""
    found.measure_text = "nothing"
    inner = found.inner()
    members = [d for d in group if any(c.target is d for c in inner)] or [found]
    if found in members and len(members) == 1 and members[0] is found:
        _choose_alone(found, inner)
        return
    members = [d for d in group if d in _reached(found) and found in _reached(d)]
    for place in range(min(len(d.kinds) for d in members)):
        sizes = {d: _size(d, d.parameters, place) for d in members}
        calls = [(d, c) for d in members for c in d.inner()]
        if all(_falls(_size(c.target, c.args, place), sizes[d], d.parameters) for d, c in calls):
            for d in members:
                d.measure, d.measure_text = sizes[d], _named(d, place)
            return


def _choose_alone(found: Definition, calls: list[Call]) -> None:
    places = range(len(found.kinds))
    sizes = [_size(found, found.parameters, n) for n in places]
    for n in places:
        if all(_falls(_size(found, c.args, n), sizes[n], found.parameters) for c in calls):
            found.measure, found.measure_text = sizes[n], _named(found, n)
            return
    for n in places:
        for m in places:
            steps = [T.literal(T.sub(_size(found, c.args, n), sizes[n])) for c in calls]
            rises = all(step is not None and step > 0 for step in steps)
            if n != m and rises and all(_size(found, c.args, m) is sizes[m] for c in calls):
                found.measure = T.add(T.sub(sizes[m], sizes[n]), T.num(1))
                found.measure_text = f"{_named(found, m)} - {_named(found, n)} + 1"
                return


def _size(found: Definition, args: tuple[Term, ...], place: int) -> Term:
    return passing.size_of(found.kinds[place], passing.split(found.kinds, args)[place])


def _named(found: Definition, place: int) -> str:
    name = found.names[place]
    return name if found.kinds[place] in ("int", "bool") else f"len({name})"


def _falls(arg: Term, parameter: Term, parameters: tuple[Term, ...]) -> bool:
    if arg.sort != INT:
        return False
    step = T.literal(T.sub(arg, parameter))
    if step is not None:
        return step < 0
    if arg.op == "div" and arg.kids[0] is parameter:
        return True
    others = [q for q in parameters if q.sort == INT and q is not parameter]
    return any(arg is T.floormod(q, parameter) for q in others)


# ---------------------------------------------------------------- what is known of them


def instances(t: Term, lemmas: bool) -> list[Term]:
    """The defining equation for one occurrence; for literal arguments all the way down."""
    name = str(t.args[0])
    bare = name.startswith(BARE)
    lemmas = lemmas and not bare
    found = T.definitions().get(name.removeprefix(BARE))
    if not isinstance(found, Definition) or found.body.op == "open":
        return []
    if t.bound:
        known = _general(found, t, lemmas)
    else:
        known = [f for args in _down(found, t) for f in _known(found, args, lemmas)]
    return [_bare(f, BARE) for f in known] if bare else known


def _down(found: Definition, t: Term) -> list[tuple[Term, ...]]:
    """The arguments of one occurrence; where they are literals those of the calls below too."""
    result: list[tuple[Term, ...]] = []
    todo, seen = [found.applied(t.kids)], {t.kids}
    while todo and len(result) < MAX_LITERAL_DEPTH:
        one = todo.pop()
        result.append(one.kids)
        if not all(k.op == "int" for k in one.kids):
            continue
        for inner in T.subterms([found.at(found.body, one.kids)]):
            again = inner.op == "app" and inner.args[0] == found.key
            if again and inner.kids not in seen and all(k.op == "int" for k in inner.kids):
                seen.add(inner.kids)
                todo.append(inner)
    return result


def _known(found: Definition, args: tuple[Term, ...], lemmas: bool) -> list[Term]:
    """The equation and the lemmas for these arguments."""
    value = found.applied(args)
    said = [found.equation(args)]
    if lemmas:
        said += [claim(args, value) for claim in found.lemmas.values()]
    return [T.implies(found.defined(args), s) for s in said]


def _general(found: Definition, t: Term, lemmas: bool) -> list[Term]:
    """Under a quantifier: the same for all values of the arguments that vary there."""
    if any(k.bound and k.sort not in (INT, BOOL) for k in t.kids):
        return []
    own = [T.bvar(f"@{n}", k.sort) if k.bound else k for n, k in enumerate(t.kids)]
    names = [k for k in own if k.op == "bvar"]
    return [T.quantify("forall", names, f) for f in _known(found, tuple(own), lemmas)]


def _bare(term: Term, prefix: str) -> Term:
    """The same formula about functions of which less is known."""
    mapping: dict[int, Term] = {}
    for t in T.subterms([term]):
        if t.op == "app" and str(t.args[0]).startswith("rec "):
            kids = [T.substitute(k, mapping) for k in t.kids]
            mapping[t.id] = T.app(f"{prefix}{t.args[0]}", kids, t.sort)
    return T.substitute(term, mapping)


def owed(x: Executor) -> None:
    """Emit the goals on which the equations rest; none is added after that."""
    done: set[str] = set()
    while True:
        # A lemma may speak of a helper that nobody spoke of before: it owes its goals too.
        found = [d for d in T.definitions().values() if isinstance(d, Definition)]
        todo = [d for d in found if d.key not in done]
        if not todo:
            break
        for one in todo:
            done.add(one.key)
            for prefix, goals in ((NOTHING, one.ends()), (BARE, one.keeps())):
                for what, facts, claim in goals:
                    known = [_bare(f, prefix) for f in facts]
                    text = f"{one.name} {what}"
                    x.emit("definition", text, one.line, known, _bare(claim, prefix))
    x.settled = True


__all__ = [
    "Call", "Definition", "apply", "closed_over", "instances", "number", "owed", "recurs", "says",
]  # fmt: skip
