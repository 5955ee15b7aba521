"""A whole function against its contract: from the entry state to the goals.

This is the derivation that search and certificate share: the same code, contract and plan give the
same goals, with no solver and no clock involved.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field, replace

from judge.contract import Contract
from judge.subset import Candidate, Refusal
from judge.symbolic import recursive
from judge.symbolic import term as T
from judge.symbolic.execute import Executor, Goal, _body, exception_class, unbound
from judge.symbolic.forks import Script
from judge.symbolic.keyed import listed
from judge.symbolic.machine import VAGUE, Dead
from judge.symbolic.measures import falls, parts
from judge.symbolic.merge import same
from judge.symbolic.plan import LoopInfo, Mode, Plan
from judge.symbolic.shapes import (
    DictShape,
    ListShape,
    Shape,
    TupleShape,
    facts_of,
    shape_of_annotation,
    unknown,
)
from judge.symbolic.state import Outcome, State
from judge.symbolic.term import Term
from judge.symbolic.values import (
    INSIDE,
    DictV,
    ListV,
    NoneV,
    Ref,
    SetV,
    Unsupported,
    Value,
)

RESERVED = {"result", "old"}


@dataclass(slots=True)
class Derivation:
    """Goals of one function under one plan, and what the search needs to know about the run."""

    goals: list[Goal] = field(default_factory=list)
    preconditions: list[Term] = field(default_factory=list)
    arguments: dict[str, Value] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    loops: dict[str, LoopInfo] = field(default_factory=dict)
    partial: list[int] = field(default_factory=list)
    recursive: bool = False
    bounded: bool = False
    entered: bool = True
    """False where the run ended at the bound before it came to the preconditions."""
    assumptions: set[str] = field(default_factory=set)
    outcomes: list[Outcome] = field(default_factory=list)
    executor: Executor | None = None


def clause(text: str) -> ast.expr:
    """Parse one clause of a contract; raises ``Refusal`` with the clause."""
    try:
        tree = parse_expression(text)
    except SyntaxError as problem:
        raise Refusal(f"the contract clause {text!r} does not parse: {problem.msg}") from None
    return tree


def parse_expression(text: str) -> ast.expr:
    """One expression, possibly over several lines."""
    if len(text) > 20_000:
        raise Refusal("a contract clause is longer than 20,000 characters")
    return ast.parse(f"({text}\n)", mode="eval").body


def parameter_shapes(candidate: Candidate) -> dict[str, Shape]:
    """The shapes of the parameters, from their annotations."""
    result: dict[str, Shape] = {}
    for name, annotation in candidate.parameters:
        if annotation is None:
            raise Unsupported(
                f"parameter {name!r} without a type annotation", candidate.function.lineno
            )
        if name in RESERVED:
            raise Unsupported(f"a parameter named {name!r}", candidate.function.lineno)
        result[name] = shape_of_annotation(annotation)
    return result


def derivation(
    candidate: Candidate,
    contract: Contract,
    plan: Plan,
    mode: Mode,
    inputs: dict[str, Value] | None = None,
    forks: Script | None = None,
) -> Derivation:
    """Run the function symbolically (or on literal ``inputs``) and collect its goals.

    With ``forks`` it is the run of one path, whose decisions are taken from there.
    """
    run = _Run(candidate, contract, plan, mode)
    run.x.forks = forks
    if mode.unroll is not None:
        run.x.rounds = mode.unroll
    return run.run(inputs)


def violates(candidate: Candidate, contract: Contract, inputs: dict[str, Value]) -> bool | None:
    """Whether the contract is broken on literal inputs, by our own semantics; None: cannot say."""
    run = _Run(candidate, contract, Plan(), Mode(unroll=60, concrete=True, depth=60))
    derived = run.run(inputs)
    alive = [o for o in derived.outcomes if not o.state.dead]
    if any(map(T.is_false, derived.preconditions)):
        return False
    if len(alive) != 1 or not all(map(T.is_true, alive[0].state.facts)):
        return None
    return run.broken(alive[0])


def _gone_through(node: ast.expr) -> bool:
    """Whether an expression that is true has met every element it speaks of: ``all(...)``."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return all(map(_gone_through, node.values))
    parts: list[ast.expr] = [node]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "all":
        if len(node.args) != 1 or not isinstance(node.args[0], ast.GeneratorExp):
            return False
        made = node.args[0]
        parts = [made.elt, *(p for g in made.generators for p in (g.iter, *g.ifs))]
    return not any(_may_stop(n) for part in parts for n in ast.walk(part))


_WHOLE = ("len", "abs", "range", "ord", "sum", "min", "max", "enumerate", "zip", "isinstance")
_INNER = (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp, ast.Lambda)


def _may_stop(node: ast.AST) -> bool:
    """Whether something may be left out inside: all but operators and a few plain calls."""
    if isinstance(node, ast.Call):
        return not (isinstance(node.func, ast.Name) and node.func.id in _WHOLE)
    return isinstance(node, _INNER)


class _Run:
    def __init__(self, candidate: Candidate, contract: Contract, plan: Plan, mode: Mode) -> None:
        self.candidate = candidate
        self.contract = contract
        self.plan = plan
        self.mode = mode
        self.x = Executor(candidate.program, plan, mode)
        self.result = Derivation(executor=self.x)
        self.requires = [(t, clause(t)) for t in contract.requires]
        self.ensures = [(t, clause(t)) for t in (*contract.ensures, *plan.guarantees)]
        self.calls = 0
        self._refuse_hidden_builtins()

    def _refuse_hidden_builtins(self) -> None:
        """A clause that names a builtin must mean the builtin, not the candidate's function."""
        hidden = {n for n in self.candidate.program.functions if hasattr(builtins, n)}
        for text, node in [*self.requires, *self.ensures] if hidden else []:
            for name in ast.walk(node):
                if isinstance(name, ast.Name) and name.id in hidden:
                    raise Unsupported(
                        f"{name.id!r} is given a new meaning, and the clause {text!r} uses it"
                    )

    def run(self, inputs: dict[str, Value] | None) -> Derivation:
        """Everything from the parameters to the goals."""
        x, result = self.x, self.result
        name = self.candidate.function.name
        state = State()
        if inputs is None:
            result.shapes = parameter_shapes(self.candidate)
            if self.mode.complete:
                self._narrow(state)
        for parameter, _ in self.candidate.parameters:
            if inputs is None:
                value = self._unknown(result.shapes[parameter], parameter, state)
            else:
                value = inputs[parameter]
            result.arguments[parameter] = value
            state.env[parameter] = (
                state.allocate(value) if isinstance(value, ListV | DictV | SetV) else value
            )
            if state.dead:
                result.entered, result.goals = False, x.goals
                return result
        self.entry = dict(state.env)
        x.old = dict(result.arguments)
        for text, node in self.requires:
            self._assume(text, node, state)
        result.preconditions = list(state.facts)
        if self.mode.concrete and state.dead:
            return result
        x.stack.append(name)
        x.code.append(self.candidate.function)
        x.on_recursion = self._recursion
        self.initial = state.copy()
        start = state.copy()
        start.env = {**unbound(self.candidate.function), **start.env}
        result.outcomes = x.run(_body(self.candidate.function), start)
        if self.mode.concrete:
            return result
        for outcome in result.outcomes:
            self._check(outcome)
        recursive.owed(x)
        result.goals, result.loops = x.goals, x.loops
        result.partial = sorted(x.partial)
        result.recursive, result.bounded = x.recursive, x.bounded
        if x.recursive and self.plan.measure is None and self.mode.unroll is None:
            result.partial.append(self.candidate.function.lineno)
        self._assumptions()
        return result

    def _unknown(self, shape: Shape, name: str, state: State) -> Value:
        """Any argument of that shape; in a run of paths its structure is decided."""
        if self.x.forks is None:
            value = unknown(shape, name)
            state.facts += facts_of(shape, value)
            if isinstance(value, DictV):
                value, facts = listed(name, value)
                state.facts += facts
            return value
        from judge.symbolic.forks import instance

        self.x.state = state
        try:
            return instance(self.x, shape, name)
        except Dead:
            return NoneV()  # beyond the bound: the state is dead

    def _narrow(self, state: State) -> None:
        """Assume the preconditions before the structure of the arguments is decided.

        They speak of the same unknowns, so what they bound need not be left out as beyond a bound.
        """
        from judge.symbolic.domains import domains_of

        x = self.x
        scratch = State()
        for name, shape in self.result.shapes.items():
            if not _flat(shape):
                return
            value = unknown(shape, name)
            scratch.facts += facts_of(shape, value)
            scratch.env[name] = (
                scratch.allocate(value, frozen=True) if isinstance(value, ListV) else value
            )
        forks, x.forks = x.forks, None
        try:
            for text, node in self.requires:
                try:
                    self._assume(text, node, scratch)
                except Unsupported:
                    continue  # assumed less; the path itself assumes it again
        finally:
            x.forks = forks
        state.facts += scratch.facts
        x.domains = domains_of(state.facts)

    def _assumptions(self) -> None:
        notes = self.result.assumptions
        notes.add("resources: enough time, memory and stack for every call")
        for line in self.candidate.program.checks:
            notes.add(f"the module's own check in line {line} passes when it is loaded")
        lists = [s for s in self.result.shapes.values() if not _scalar(s)]
        if any(not _scalar(inner) for s in lists for inner in _inside(s)):
            notes |= self.x.assumptions
        held = [v for v in self.result.arguments.values() if isinstance(v, ListV | DictV | SetV)]
        if len(held) > 1:
            notes.add("list arguments are distinct objects")
        if lists:
            notes.add("arguments have the annotated types, all through their elements")
        elif self.result.shapes:
            notes.add("arguments have the annotated types")

    def _assume(self, text: str, node: ast.expr, state: State) -> None:
        """A precondition restricts the inputs to those on which it is true and does not raise."""
        try:
            value, raised, extra = self.x.pure_value(node, state, True)
        except Unsupported as problem:
            raise Unsupported(f"{problem.what} in the precondition {text!r}") from None
        assert isinstance(value, Term)
        # Where any() or all() may stop before something raises, its value stands all the same
        # whenever there is one; that nothing raised is known of what was gone through wholly.
        if self.x.vague and not _gone_through(node):
            raised = [r for r in raised if r.id not in self.x.vague_conditions]
        state.facts += [*extra, *(T.not_(r) for r in raised), value]

    # ------------------------------------------------------------ ends

    def _check(self, outcome: Outcome) -> None:
        """What an end of the function has to satisfy."""
        x = self.x
        if x.recursive:
            self._unchanged(outcome.state)
        if outcome.kind == "raise":
            if not self._allowed(outcome.exception or ""):
                name = (outcome.exception or "").removeprefix(VAGUE)
                x.emit("exception", f"no {name}", outcome.line, outcome.state.facts, T.false())
            return
        value = outcome.value if outcome.value is not None else NoneV()
        final = outcome.state.copy()
        if x.recursive:
            self._fits(outcome.state, value, outcome.line)
        final.env = {**self.entry, "result": value}
        for text, node in self.ensures:
            final = self._ensure(text, node, final, outcome.line)

    def _ensure(self, text: str, node: ast.expr, state: State, line: int | None) -> State:
        x = self.x
        x.clause = True
        try:
            value, raised, extra = x.pure_value(node, state, True)
        except Unsupported as problem:
            raise Unsupported(f"{problem.what} in the postcondition {text!r}") from None
        finally:
            x.clause = False
        assert isinstance(value, Term)
        state.facts += extra
        if raised:
            claim = T.and_(*(T.not_(r) for r in raised))
            x.emit("contract", f"the clause {text} does not raise", line, state.facts, claim)
            state.facts.append(claim)
        x.emit("safety", text, line, state.facts, value)
        return state

    def broken(self, outcome: Outcome) -> bool | None:
        """Whether a literal outcome breaks the contract."""
        if outcome.kind == "raise":
            unclear = (outcome.exception or "").startswith(VAGUE)
            return None if unclear or self._allowed(outcome.exception or "") else True
        state = outcome.state.copy()
        value = outcome.value if outcome.value is not None else NoneV()
        state.env = {**self.entry, "result": value}
        for _, node in self.ensures:
            held, raised, _ = self.x.pure_value(node, state, True)
            assert isinstance(held, Term)
            if T.is_false(held) or any(map(T.is_true, raised)):
                return True
            if not T.is_true(held) or not all(map(T.is_false, raised)):
                return None
        return False

    def _allowed(self, exception: str) -> bool:
        thrown = exception_class(exception)
        for name in self.contract.raises:
            allowed = exception_class(name)
            if thrown is not None and allowed is not None and issubclass(thrown, allowed):
                return True
        return False

    def _unchanged(self, state: State) -> None:
        for name, value in self.entry.items():
            if isinstance(value, Ref) and not same(
                state.heap[value.address].value, self.result.arguments[name]
            ):
                raise Unsupported(f"a recursive function that changes its argument {name!r}")

    def _fits(self, state: State, value: Value, line: int | None) -> None:
        """What a recursive function returns has the kind that its callers assume."""
        from judge.symbolic.shapes import join, shape_of

        if self.candidate.returns is None or self.mode.unroll is not None:
            return
        wanted = shape_of_annotation(self.candidate.returns)
        plain = state.heap[value.address].value if isinstance(value, Ref) else value
        if join(wanted, shape_of(plain)) != wanted:
            raise Unsupported("a return value of another kind than annotated", line)

    # ------------------------------------------------------------ recursion

    def _recursion(self, name: str, args: list[Value], line: int) -> Value:
        """A recursive call: its precondition is owed, its postcondition is given."""
        x = self.x
        guard = x.guard()
        plain = [x.plain(a) for a in args]
        names = [p for p, _ in self.candidate.parameters]
        callee = x.state.copy()
        callee.facts.append(guard)
        callee.env = dict(zip(names, plain, strict=True))
        self._kinds(names, plain, line)
        old, x.old = x.old, dict(zip(names, plain, strict=True))
        try:
            for text, node in self.requires:
                value, raised, extra = x.pure_value(node, callee, True)
                assert isinstance(value, Term)
                callee.facts += extra
                claim = T.and_(*(T.not_(r) for r in raised), value)
                x.emit("precondition", f"of the recursive call: {text}", line, callee.facts, claim)
            self._decreases(callee, line)
            return self._promise(callee, guard, name, args, line)
        finally:
            x.old = old

    def _kinds(self, names: list[str], args: list[Value], line: int) -> None:
        from judge.symbolic.shapes import join, shape_of

        for name, value in zip(names, args, strict=True):
            wanted = self.result.shapes[name]
            if join(wanted, shape_of(value)) != wanted:
                raise Unsupported(f"a recursive call with another kind of {name!r}", line)

    def _decreases(self, callee: State, line: int) -> None:
        if self.plan.measure is None:
            return
        x = self.x
        node = parse_expression(self.plan.measure)
        start = self.initial.copy()
        before, after = (parts(x, node, s, strict=False) for s in (start, callee))
        x.emit("termination", self.plan.measure, line, callee.facts, falls(before, after))

    def _promise(
        self, callee: State, guard: Term, name: str, args: list[Value], line: int
    ) -> Value:
        x = self.x
        if self.candidate.returns is None:
            raise Unsupported(f"recursion of {name!r} without a return annotation", line)
        shape = shape_of_annotation(self.candidate.returns)
        if isinstance(shape, DictShape):
            raise Unsupported("recursion that returns a dict", line)
        for exception in self.contract.raises:
            if x.trying and _has_kinds(exception):
                raise Unsupported(f"a recursive call that may raise a kind of {exception}", line)
            x.raise_if(T.var(T.fresh_name(f"raises.{exception}"), T.BOOL), exception, line)
        self.calls += 1
        value = unknown(shape, T.fresh_name(f"{name}.result"))
        if isinstance(value, ListV | DictV | SetV):
            # It may be one of the arguments, or be inside one.
            given_places = frozenset(a.address for a in args if isinstance(a, Ref))
            value = replace(value, homes=given_places | {INSIDE})
        after = x.state.copy()
        after.env = {**callee.env, "result": value}
        after.facts.append(guard)
        given = facts_of(shape, value)
        for text, node in self.ensures:
            term, raised, extra = x.pure_value(node, after, True)
            assert isinstance(term, Term)
            if extra:
                raise Unsupported(f"such a postcondition of a recursive function: {text!r}", line)
            given += [T.not_(r) for r in raised] + [term]
        x.state.facts += [T.implies(guard, g) for g in given if not T.is_true(g)]
        return value


def _has_kinds(exception: str) -> bool:
    """Whether it has builtin subclasses: a handler may catch some of them and not the others."""
    whole = exception_class(exception)
    kinds = (exception_class(name) for name in dir(builtins))
    return whole is None or any(k is not whole and issubclass(k, whole) for k in kinds if k)


def _flat(shape: Shape) -> bool:
    """Whether unknown values of the shape are the same terms in a run of paths and elsewhere."""
    if isinstance(shape, ListShape):
        return shape.element is not None and _flat(shape.element)
    if isinstance(shape, TupleShape):
        return all(map(_flat, shape.items))
    return _scalar(shape)


def _inside(shape: Shape) -> list[Shape]:
    """The shapes of what a list, dict, tuple or choice holds."""
    parts = [getattr(shape, n, None) for n in ("element", "key", "value")]
    parts += [*getattr(shape, "items", ()), *getattr(shape, "options", ())]
    return [p for p in parts if p is not None]


def _scalar(shape: Shape) -> bool:
    from judge.symbolic.shapes import Scalar

    return isinstance(shape, Scalar)


__all__ = ["Derivation", "clause", "derivation", "parameter_shapes"]
