"""Statements: running a function's body symbolically, all paths at once.

Branches are merged where they meet again; loops are cut at their heads (see ``loops``); calls of
the candidate's own functions are run in place, except recursive ones, which stand for what the
contract says.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from judge.symbolic import closures, iterators, modules, recursive, seqs
from judge.symbolic import term as T
from judge.symbolic.calls import as_text
from judge.symbolic.expr import condition, evaluate, maybe_unbound, operate
from judge.symbolic.machine import VAGUE, Dead, Frame, Machine, Program, looks
from judge.symbolic.merge import same
from judge.symbolic.methods import delete, writable
from judge.symbolic.places import assign_item, locate, write
from judge.symbolic.plan import LoopInfo, Mode, Plan
from judge.symbolic.state import Outcome, State, merge_outcomes
from judge.symbolic.term import Term
from judge.symbolic.values import (
    BoolV,
    Choice,
    DictV,
    DictViewV,
    Forgotten,
    IntV,
    IterV,
    LambdaV,
    ListV,
    NoneV,
    Ref,
    SetV,
    Unbound,
    Unsupported,
    Value,
    mutable,
)

MAX_INLINE = 12
MAX_STEPS = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """One formula to be proved: under ``facts``, ``claim`` holds."""

    kind: str
    text: str
    line: int | None
    facts: tuple[Term, ...]
    claim: Term
    tag: tuple[str, int] | None = None
    """(loop, number of the candidate invariant) for initiation and consecution."""


@dataclass(slots=True)
class Trace:
    """What a run with literal inputs went through: loop heads with the values of the names."""

    heads: list[tuple[str, dict[str, Value], State]] = field(default_factory=list)


class Executor(Machine):
    """A machine that also runs statements and collects goals."""

    def __init__(self, program: Program, plan: Plan, mode: Mode) -> None:
        super().__init__(program)
        self.plan = plan
        self.mode = mode
        self.goals: list[Goal] = []
        self.loops: dict[str, LoopInfo] = {}
        self.loop_numbers: dict[str, int] = {}
        self.trial = 0
        self.steps = 0
        self.trace = Trace()
        self.on_recursion: Callable[[str, list[Value], int], Value] | None = None
        self.recursive = False
        self.partial: set[int] = set()
        """Lines of loops without a measure."""
        self.vague = False
        self.defining: list[recursive.Definition] = []
        """The recursive helpers whose bodies are being run, innermost last."""
        self.settled = False
        """Whether what the helpers owe is settled, so that no other may join them."""
        self.vague_conditions: set[int] = set()
        self.clause = False
        """Whether a postcondition is read: it raises where a helper in it never ends."""
        self.homes: list[ast.FunctionDef | None] = []
        """For each nested function being run, the function in which it was made."""

    # ------------------------------------------------------------ running

    def run(self, statements: list[ast.stmt], state: State) -> list[Outcome]:
        """Run statements one after the other from ``state``."""
        done: list[Outcome] = []
        current = state
        for statement in statements:
            results = self.step(statement, current)
            normal = [o for o in results if o.kind == "normal"]
            done += [o for o in results if o.kind != "normal"]
            if not normal:
                return done
            current = merge_outcomes(normal).state
        return [*done, Outcome("normal", current)]

    def step(self, statement: ast.stmt, state: State) -> list[Outcome]:
        """Run one statement."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Unsupported("a run of so many steps", statement.lineno)
        handler = _STATEMENTS.get(type(statement))
        if handler is None:
            raise Unsupported(f"{type(statement).__name__} statement", statement.lineno)
        self.state = state
        before, self.seen_here = self.seen_here, 0
        try:
            results = handler(self, statement)
        except Dead:
            results = []
        except Unsupported as problem:
            if problem.line is None:
                problem.line = statement.lineno
            raise
        finally:
            self.seen_here = before
        return [o for o in [*self.take_pending(), *results] if not o.state.dead]

    def normal(self) -> list[Outcome]:
        """The current state as the only outcome."""
        return [Outcome("normal", self.state)]

    def emit(
        self,
        kind: str,
        text: str,
        line: int | None,
        facts: list[Term],
        claim: Term,
        tag: tuple[str, int] | None = None,
    ) -> None:
        """Record a goal, unless it holds literally or the run is only a trial.

        A clause of the contract is recorded even then: its proof must leave a trace.
        """
        if self.trial or self.mode.concrete:
            return
        if kind != "safety" and (T.is_true(claim) or any(map(T.is_false, facts))):
            return
        self.goals.append(Goal(kind, text, line, tuple(facts), claim, tag))

    def beyond(self, facts: list[Term], line: int | None) -> None:
        """Leave runs out; a complete exploration owes that there are none."""
        if self.mode.complete:
            self.emit("bound", "no input goes further", line, facts, T.false())
        else:
            self.bounded = True

    # ------------------------------------------------------------ formulas

    def formula(self, text: str | ast.expr, state: State) -> Term:
        """A Python expression as a formula in ``state``: true means it is truthy and raises not."""
        node = ast.parse(text, mode="eval").body if isinstance(text, str) else text
        value, raised, extra = self.pure_value(node, state, True)
        if extra:
            raise Unsupported("sorted() or a call with a loop in an invariant")
        assert isinstance(value, Term)
        return T.and_(*(T.not_(r) for r in raised), value)

    def pure_value(
        self, node: ast.expr, state: State, as_truth: bool
    ) -> tuple[Value | Term | None, list[Term], list[Term]]:
        """Evaluate without effects: (value, conditions under which it raises, new facts)."""
        saved = (self.state, self.frames, self.pending, self.pure)
        self.state, self.frames, self.pending, self.pure = state.copy(), [Frame()], [], True
        before = len(state.facts)
        result: Value | Term | None
        try:
            try:
                result = condition(self, node) if as_truth else self.plain(evaluate(self, node))
            except Dead:
                result = T.false() if as_truth else None
            raised = [o.state.facts[-1] for o in self.pending]
            negated = {T.not_(r).id for r in raised}
            extra = [f for f in self.state.facts[before:] if f.id not in negated]
            vague = [o for o in self.pending if (o.exception or "").startswith(VAGUE)]
            self.vague, self.vague_conditions = bool(vague), {o.state.facts[-1].id for o in vague}
        finally:
            self.state, self.frames, self.pending, self.pure = saved
        return result, raised, extra

    # ------------------------------------------------------------ calls of own functions

    def call_function(self, name: str, node: ast.Call) -> Value:
        """Run a function of the candidate in place, or by contract when it is recursive."""
        function = self.program.functions[name]
        args = self._arguments(function, node)
        cut = not self.mode.concrete and self.mode.unroll is None
        entry = self.stack[0] if self.stack else None
        if cut and entry != name and recursive.recurs(function, self.program, entry):
            return recursive.apply(self, name, function, args, node.lineno)
        return self._enter(name, function, args, {}, node.lineno)

    def isolated(
        self,
        name: str,
        function: ast.FunctionDef,
        args: dict[str, Value],
        facts: Sequence[Term] = (),
    ) -> list[Outcome]:
        """How a call on these arguments ends when nothing else is known than ``facts``."""
        saved = (self.state, self.frames, self.pending, self.under_binder, self.pure)
        self.frames, self.pending = [Frame()], []
        self.under_binder, self.pure = False, False
        seen = (self.seen_around, self.seen_here)
        self.seen_around = self.seen_here = 0
        self.stack.append(name)
        self.code.append(function)
        try:
            start = State(env={**unbound(function), **args}, facts=list(facts))
            for parameter, value in args.items():
                if isinstance(value, ListV):
                    start.env[parameter] = start.allocate(value, frozen=True)
            return self.run(_body(function), start)
        finally:
            self.stack.pop()
            self.code.pop()
            self.state, self.frames, self.pending, self.under_binder, self.pure = saved
            self.seen_around, self.seen_here = seen

    def call_named(self, name: str, args: list[Value], line: int) -> Value:
        """Call a function of the program with values."""
        function = self.program.functions[name]
        return self._enter(name, function, self._positional(function, args, line), {}, line)

    def call_nested(self, function: LambdaV, args: list[Value], line: int) -> Value:
        """Call a nested function with values."""
        node = function.node
        assert isinstance(node, ast.FunctionDef)
        around = dict(function.closure)
        around.setdefault(node.name, function)
        if function.home is not None and self.code[-1:] != [function.home]:
            # A sibling called from a sibling: what it closes over may have been bound later.
            visible = function.home in self.homes
        else:
            visible = True
        if visible:
            for name in closures.free_names(node) - around.keys():
                if name in self.state.env:
                    around[name] = self.state.env[name]
        if any(maybe_unbound(around[n]) for n in closures.free_names(node) & around.keys()):
            # Reading it is a NameError there, not an UnboundLocalError.
            raise Unsupported("a name of the function around that may have no value yet", line)
        values = self._positional(node, args, line)
        self.homes.append(function.home)
        try:
            key = f"{node.name} (line {node.lineno})"
            cut = not self.mode.concrete and self.mode.unroll is None
            if cut and recursive.recurs(node):
                closed = recursive.closed_over(node, around, line)
                bare = replace(function, closure=closed.functions)
                given = {**values, **closed.values}
                return recursive.apply(self, key, node, given, line, bare)
            return self._enter(key, node, values, around, line)
        finally:
            self.homes.pop()

    def _enter(
        self,
        name: str,
        function: ast.FunctionDef,
        args: dict[str, Value],
        around: dict[str, Value],
        line: int,
    ) -> Value:
        if name in self.stack:
            self.recursive = True
            if self.mode.concrete or self.mode.unroll is not None:
                if len(self.stack) > self.mode.depth:
                    if self.mode.concrete or self.binding or self.under_binder:
                        raise Unsupported("a recursion this deep", line)
                    guard = self.guard()
                    self.beyond([*self.state.facts, guard], line)
                    self.state.facts.append(T.not_(guard))
                    raise Dead
            elif name == self.stack[0] and self.on_recursion is not None:
                if self.binding or self.under_binder:
                    raise Unsupported("a recursive call inside a comprehension", line)
                return self.on_recursion(name, list(args.values()), line)
            else:
                raise Unsupported(f"recursion of the helper {name!r}", line)
        elif len(self.stack) > MAX_INLINE:
            raise Unsupported("calls nested this deep", line)
        return self._inline(name, function, args, around, line)

    def _positional(
        self, function: ast.FunctionDef, given: list[Value], line: int
    ) -> dict[str, Value]:
        """Values for the parameters, with literal defaults for what is missing."""
        hidden = {f" {n}": v for n, v in enumerate(given)}
        node = ast.Call(ast.Name(function.name), [ast.Name(n) for n in hidden], [])
        for part in ast.walk(node):
            part.lineno = part.col_offset = line  # type: ignore[attr-defined]
        before = self.state.env
        self.state.env = {**before, **hidden}
        try:
            return self._arguments(function, node)
        finally:
            self.state.env = before

    def _arguments(self, function: ast.FunctionDef, node: ast.Call) -> dict[str, Value]:
        spec = function.args
        if spec.vararg or spec.kwarg or spec.kwonlyargs:
            raise Unsupported(f"the parameters of {function.name!r}", function.lineno)
        names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        given = [evaluate(self, a) for a in node.args]
        result = dict(zip(names, given, strict=False))
        if len(given) > len(names):
            raise self.type_error(node.lineno)
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg not in names or keyword.arg in result:
                raise self.type_error(node.lineno)
            if keyword.arg in {a.arg for a in spec.posonlyargs}:
                raise self.type_error(node.lineno)
            result[keyword.arg] = evaluate(self, keyword.value)
        for name, default in zip(names[::-1], spec.defaults[::-1], strict=False):
            if name not in result:
                if not harmless(default) or any(isinstance(n, ast.Name) for n in ast.walk(default)):
                    raise Unsupported("a default argument that is not a literal", default.lineno)
                result[name] = evaluate(self, default)
        if set(result) != set(names):
            raise self.type_error(node.lineno)
        return {n: result[n] for n in names}

    def _inline(
        self,
        name: str,
        function: ast.FunctionDef,
        args: dict[str, Value],
        around: dict[str, Value],
        line: int,
    ) -> Value:
        caller, guard = self.state, self.guard()
        conditional = self.binding or self.under_binder or not T.is_true(guard)
        callee = caller.copy()
        callee.env = {**around, **unbound(function)}
        if not T.is_true(guard):
            callee.facts.append(guard)
        base = len(callee.facts)
        saved = (self.frames, self.pending, self.under_binder, self.pure)
        self.under_binder = self.under_binder or self.binding
        self.frames, self.pending, self.pure = [Frame()], [], False
        self.stack.append(name)
        self.code.append(function)
        try:
            self.state = callee
            for parameter, value in args.items():
                self.bind(parameter, value)
            outcomes = self.run(_body(function), callee)
        finally:
            self.stack.pop()
            self.code.pop()
            self.frames, self.pending, self.under_binder, self.pure = saved
            self.state = caller
        return self._back(outcomes, base, guard, conditional, line)

    def _back(
        self, outcomes: list[Outcome], base: int, guard: Term, conditional: bool, line: int
    ) -> Value:
        """Join a callee's outcomes into the caller's state."""
        for raised in (o for o in outcomes if o.kind == "raise"):
            self._raised(raised, T.and_(*raised.state.facts[base:]), conditional, line)
        returns = [o for o in outcomes if o.kind in ("return", "normal")]
        for o in returns:
            o.kind, o.value = "return", o.value if o.value is not None else NoneV()
        if not returns:
            raise Dead
        merged = merge_outcomes(returns)
        caller = self.state
        learned = merged.state.facts[base:]
        caller.shared = caller.shared or (merged.state.shared and not self.pure)
        if conditional or self.pure:
            self._same_heap(merged.state, line)
        else:
            caller.heap = merged.state.heap
            caller.next_address = merged.state.next_address
        if not (self.binding or self.under_binder) and learned:
            caller.facts.append(T.implies(guard, T.and_(*learned)))
        assert merged.value is not None
        if isinstance(merged.value, Ref) and (conditional or self.pure):
            held = merged.state.heap[merged.value.address].value
            assert isinstance(held, ListV | DictV | SetV)
            known = merged.value.address in caller.heap
            return replace(held, homes=frozenset((merged.value.address,) if known else ()))
        return merged.value

    def _same_heap(self, after: State, line: int) -> None:
        """A call that may not have been made must leave every object as it is."""
        for address, cell in self.state.heap.items():
            other = after.heap[address]
            if not same(cell.value, other.value):
                raise Unsupported("a call that changes a list, not always evaluated", line)
            if not self.pure:
                cell.frozen = cell.frozen or other.frozen

    def _raised(self, ended: Outcome, condition: Term, conditional: bool, line: int) -> None:
        """An exception out of a callee: what the callee changed until then stays changed."""
        name, after = ended.exception or "", ended.state
        if not self.pure:
            self.state.shared = self.state.shared or after.shared
        changed = any(
            not same(cell.value, after.heap[address].value)
            for address, cell in self.state.heap.items()
        )
        if not changed:
            self.raise_if(condition, name, line)
            return
        if conditional or self.pure or T.is_false(condition):
            self._same_heap(after, line)
        settled = self.forks is not None and self.trying > 0
        if settled and self.settle(condition) is not True:
            return
        raised = self.state.copy()
        raised.heap = {a: replace(c) for a, c in after.heap.items()}
        raised.next_address = after.next_address
        raised.facts.append(condition)
        self.pending.append(Outcome("raise", raised, None, name, line))
        self.state.facts.append(T.false() if settled else T.not_(condition))


def _body(function: ast.FunctionDef) -> list[ast.stmt]:
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return function.body[1:] or [ast.copy_location(ast.Pass(), first)]
    return function.body


# ---------------------------------------------------------------- statements


def _assign(x: Executor, node: ast.Assign) -> list[Outcome]:
    if len(node.targets) > 1:
        value = evaluate(x, node.value)
        if isinstance(value, ListV | DictV | SetV):
            value = x.named(value)
        for target in node.targets:
            assign(x, target, value)
        return x.normal()
    target = node.targets[0]
    if (
        isinstance(target, ast.Tuple)
        and isinstance(node.value, ast.Tuple)
        and len(target.elts) == len(node.value.elts)
        and not any(isinstance(e, ast.Starred) for e in [*target.elts, *node.value.elts])
    ):
        values = [evaluate(x, v) for v in node.value.elts]
        for part, value in zip(target.elts, values, strict=True):
            assign(x, part, value)
        return x.normal()
    assign(x, target, evaluate(x, node.value))
    return x.normal()


def assign(x: Executor, target: ast.expr, value: Value) -> None:
    """Bind a name, an element, or several from a tuple."""
    if isinstance(target, ast.Name):
        x.bind(target.id, value)
    elif isinstance(target, ast.Subscript):
        if isinstance(target.slice, ast.Slice):
            raise Unsupported("assignment to a slice", target.lineno)
        assign_item(x, target, value)
    elif isinstance(target, ast.Tuple | ast.List):
        items = seqs.tuple_items(x.plain(value))
        if items is None or any(isinstance(e, ast.Starred) for e in target.elts):
            raise Unsupported("unpacking of a value of unknown length", target.lineno)
        if len(items) != len(target.elts):
            x.raise_if(T.true(), "ValueError", target.lineno)
            raise Dead
        for part, item in zip(target.elts, items, strict=True):
            assign(x, part, x.held(item))
    else:
        raise Unsupported("this kind of assignment", target.lineno)


def _annotated(x: Executor, node: ast.AnnAssign) -> list[Outcome]:
    if node.value is not None:
        assign(x, node.target, evaluate(x, node.value))
    elif not isinstance(node.target, ast.Name):
        raise Unsupported("an annotation of an element", node.lineno)
    return x.normal()


def _augmented(x: Executor, node: ast.AugAssign) -> list[Outcome]:
    line = node.lineno
    if isinstance(node.target, ast.Name):
        if node.target.id in closures.bound_names(node.value):
            raise Unsupported("':=' of the name that is being changed", line)
        name = ast.copy_location(ast.Name(node.target.id), node)
        old = evaluate(x, name)
        plain = x.plain(old)
        if isinstance(plain, ListV):
            if not isinstance(node.op, ast.Add):
                raise Unsupported("an augmented assignment to a list other than +=", line)
            from judge.symbolic.calls import _elements

            given = evaluate(x, node.value)
            added = _elements(x, given, line)
            place = writable(x, old, line)
            iterators.not_itself(x, given, place, line)
            now = x.plain(old)  # the right side may have changed it
            assert isinstance(now, ListV)
            x.copied(added)
            x.state.heap[place.address].value = ListV(seqs.concat(now.seq, added))
            return x.normal()
        if isinstance(plain, SetV):
            changed = operate(x, node.op, old, evaluate(x, node.value), line)
            place = writable(x, old, line)
            assert isinstance(changed, SetV)
            x.state.heap[place.address].value = replace(changed, fresh=False)
            return x.normal()
        if isinstance(plain, DictV) or (isinstance(plain, Choice) and mutable(plain)):
            raise Unsupported("an augmented assignment to a dict or a value of several kinds", line)
        x.bind(node.target.id, operate(x, node.op, old, evaluate(x, node.value), line))
        return x.normal()
    if isinstance(node.target, ast.Subscript) and not isinstance(node.target.slice, ast.Slice):
        old, spot = locate(x, node.target)
        if spot is None:
            raise Unsupported("changing a list that is part of another value", line)
        added_to = evaluate(x, node.value)
        iterators.not_itself(x, added_to, spot.root, line)
        new = _added(x, node.op, x.plain(old), added_to, line)
        write(x, spot, new, line)
        return x.normal()
    raise Unsupported("this kind of augmented assignment", line)


def _added(x: Executor, op: ast.operator, old: Value, value: Value, line: int) -> Value:
    """What an augmented assignment puts back; a list, dict or set is changed in place."""
    if isinstance(old, DictV) or (isinstance(old, Choice) and mutable(old)):
        raise Unsupported("an augmented assignment to a dict or a value of several kinds", line)
    if isinstance(old, ListV):
        if not isinstance(op, ast.Add):
            raise Unsupported("an augmented assignment to a list other than +=", line)
        from judge.symbolic.calls import _elements

        added = _elements(x, value, line)
        x.copied(added)
        return ListV(seqs.concat(old.seq, added))
    return operate(x, op, old, value, line)


def _expression(x: Executor, node: ast.Expr) -> list[Outcome]:
    evaluate(x, node.value)
    return x.normal()


def _return(x: Executor, node: ast.Return) -> list[Outcome]:
    value = NoneV() if node.value is None else evaluate(x, node.value)
    if isinstance(value, IterV | DictViewV):
        raise Unsupported("an iterator or a view that is returned", node.lineno)
    return [Outcome("return", x.state, value, None, node.lineno)]


def _if(x: Executor, node: ast.If) -> list[Outcome]:
    test = seqs.decide(x, condition(x, node.test))
    if x.forks is not None and not _joinable(x, node):
        settled = x.settle(test)
        test = test if settled is None else T.boolean(settled)
    raised = x.take_pending()
    state = x.state
    results: list[Outcome] = []
    for side, body in ((test, node.body), (T.not_(test), node.orelse)):
        if T.is_false(side):
            continue
        branch = state.copy()
        if not T.is_true(side):
            branch.facts.append(side)
        results += x.run(body, branch)
    return [*raised, *results]


_PLAIN_PARTS = (
    ast.Assign, ast.AugAssign, ast.BinOp, ast.BoolOp, ast.Compare, ast.Constant, ast.If, ast.Name,
    ast.Pass, ast.UnaryOp, ast.operator, ast.boolop, ast.cmpop, ast.unaryop, ast.expr_context,
)  # fmt: skip


def _joinable(x: Executor, node: ast.If) -> bool:
    """In a run of paths: whether both branches only compute numbers, so that they can meet."""
    for part in [*node.body, *node.orelse]:
        for inner in ast.walk(part):
            if not isinstance(inner, _PLAIN_PARTS):
                return False
            if isinstance(inner, ast.Name):
                known = x.state.env.get(inner.id)
                if not isinstance(known, IntV | BoolV):
                    return False
    return True


def _delete(x: Executor, node: ast.Delete) -> list[Outcome]:
    for target in node.targets:
        if isinstance(target, ast.Name):
            evaluate(x, ast.copy_location(ast.Name(target.id, ast.Load()), target))
            x.bind(target.id, Unbound())
        elif isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
            container = evaluate(x, target.value)
            delete(x, container, evaluate(x, target.slice), target.lineno)
        else:
            raise Unsupported("this kind of del", target.lineno)
    return x.normal()


def _pass(x: Executor, node: ast.Pass) -> list[Outcome]:
    return x.normal()


def _break(x: Executor, node: ast.Break) -> list[Outcome]:
    return [Outcome("break", x.state, None, None, node.lineno)]


def _continue(x: Executor, node: ast.Continue) -> list[Outcome]:
    return [Outcome("continue", x.state, None, None, node.lineno)]


def _assert(x: Executor, node: ast.Assert) -> list[Outcome]:
    test = condition(x, node.test)
    if node.msg is not None and not T.is_true(test):
        try:
            with x.guarded(T.not_(test)):
                _message(x, node.msg, "AssertionError")
        except Dead:  # where the test fails; the run goes on where it holds
            if T.is_false(test):
                raise
            return x.normal()
    x.raise_if(T.not_(test), "AssertionError", node.lineno)
    return x.normal()


def _raise(x: Executor, node: ast.Raise) -> list[Outcome]:
    target = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    thrown = _meant(x, target)
    if not isinstance(target, ast.Name) or thrown is None:
        raise Unsupported("raising anything but a builtin exception", node.lineno)
    given = len(node.exc.args) if isinstance(node.exc, ast.Call) else 0
    if issubclass(thrown, _CHOOSY) or (given > 1 and issubclass(thrown, OSError | SyntaxError)):
        raise Unsupported(f"raising {target.id} with these arguments", node.lineno)
    if node.cause is not None and not _is_exception(x, node.cause):
        raise Unsupported("raising from this cause", node.lineno)
    if isinstance(node.exc, ast.Call):
        if node.exc.keywords:
            raise Unsupported("keyword arguments of an exception", node.lineno)
        for part in node.exc.args:
            _message(x, part, target.id)
    return [*x.take_pending(), Outcome("raise", x.state, None, target.id, node.lineno)]


_CHOOSY = (UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError, BaseExceptionGroup)
"""They look at their arguments: most calls of theirs raise TypeError. OSError and SyntaxError do so
with two arguments or more, and an OSError may then be one of its subclasses."""


def _meant(x: Executor, node: ast.expr | None) -> type[BaseException] | None:
    """The builtin exception that a name means here, where no variable stands before it."""
    if not isinstance(node, ast.Name) or node.id in x.state.env:
        return None
    return exception_class(node.id)


def _is_exception(x: Executor, cause: ast.expr) -> bool:
    """Whether ``raise ... from cause`` surely has a cause: None, a type, what a handler caught."""
    if isinstance(cause, ast.Constant):
        return cause.value is None
    if _meant(x, cause) is not None:
        return not issubclass(_meant(x, cause) or BaseException, _CHOOSY)
    if not isinstance(cause, ast.Name) or not x.code:
        return False
    for handler in ast.walk(x.code[-1]):
        if isinstance(handler, ast.ExceptHandler) and handler.name == cause.id:
            inside = [n for statement in handler.body for n in ast.walk(statement)]
            again = any(
                isinstance(n, ast.Name) and n.id == cause.id and not isinstance(n.ctx, ast.Load)
                for n in inside
            ) or any(cause.id in closures.bound_names(s) for s in handler.body)
            if not again and any(n is cause for n in inside):
                return True
    return False


def _message(x: Executor, node: ast.expr, raised: str) -> None:
    """The message of an exception is evaluated first, and may raise one of its own."""
    if not harmless(node):
        raise Unsupported("a message that is computed", node.lineno)
    formatted = [n.value for n in ast.walk(node) if isinstance(n, ast.FormattedValue)]
    for name in [n for n in ast.walk(node) if isinstance(n, ast.Name)]:
        value = x.each(evaluate(x, name), lambda v: v, node.lineno)
        # Beyond 4,300 digits the text of a number is a ValueError, here in place of another one.
        if any(name is f for f in formatted) and raised != "ValueError":
            as_text(x, value, node.lineno)


def harmless(node: ast.expr) -> bool:
    """Whether a message is made of nothing but literals and names."""
    if isinstance(node, ast.Constant | ast.Name):
        return True
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    if isinstance(node, ast.FormattedValue):
        return harmless(node.value) and node.format_spec is None
    if isinstance(node, ast.Tuple):
        return all(map(harmless, node.elts))
    return isinstance(node, ast.JoinedStr) and all(map(harmless, node.values))


def unbound(function: ast.FunctionDef) -> dict[str, Value]:
    """Every name that the body binds is a local one without a value, until it is bound."""
    names = [n for statement in function.body for n in closures.bound_names(statement)]
    return {n: Unbound() for n in names}


def exception_class(name: str) -> type[BaseException] | None:
    """The builtin exception of that name, or None."""
    found = getattr(builtins, name, None)
    if isinstance(found, type) and issubclass(found, BaseException):
        return found
    return None


def _try(x: Executor, node: ast.Try) -> list[Outcome]:
    results: list[Outcome] = []
    x.trying += 1
    try:
        tried = x.run(node.body, x.state)
    finally:
        x.trying -= 1
    for outcome in tried:
        if outcome.kind == "raise":
            results += _handle(x, node, outcome)
        elif outcome.kind == "normal" and node.orelse:
            results += x.run(node.orelse, outcome.state)
        else:
            results.append(outcome)
    if not node.finalbody:
        return results
    return [done for outcome in results for done in _finally(x, node, outcome)]


def _finally(x: Executor, node: ast.Try, outcome: Outcome) -> list[Outcome]:
    """The last part runs whatever happened; what it returns or raises takes over."""
    if outcome.value is not None and (isinstance(outcome.value, Ref) or looks(outcome.value)):
        raise Unsupported("try … finally around a value that may still change", node.lineno)
    done: list[Outcome] = []
    for end in x.run(node.finalbody, outcome.state):
        if end.kind == "normal":
            end = replace(outcome, state=end.state)
        done.append(end)
    return done


def _handle(x: Executor, node: ast.Try, raised: Outcome) -> list[Outcome]:
    thrown = exception_class(raised.exception or "")
    for handler in node.handlers:
        names = (
            handler.type.elts
            if isinstance(handler.type, ast.Tuple)
            else [handler.type]
            if handler.type is not None
            else []
        )
        caught = [
            exception_class(n.id)
            if isinstance(n, ast.Name) and n.id not in raised.state.env
            else None
            for n in names
        ]
        if any(c is None for c in caught):
            raise Unsupported("catching anything but builtin exceptions", handler.lineno)
        # ``except ():`` catches nothing.
        if thrown is not None and (
            handler.type is None or any(c is not None and issubclass(thrown, c) for c in caught)
        ):
            state = raised.state
            if not handler.name:
                return x.run(handler.body, state)
            state.env[handler.name] = Forgotten()
            done = x.run(handler.body, state)
            for outcome in done:  # however it is left, and whatever the body gave that name
                outcome.state.env[handler.name] = Unbound()
            return done
    return [raised]


def _nested(x: Executor, node: ast.FunctionDef) -> list[Outcome]:
    x.bind(node.name, closures.make(x, node))
    return x.normal()


def _import(x: Executor, node: ast.Import | ast.ImportFrom) -> list[Outcome]:
    for name, path in modules.imported(node).items():
        x.bind(name, modules.constant(path))
    return x.normal()


def _while(x: Executor, node: ast.While) -> list[Outcome]:
    from judge.symbolic.loops import while_loop

    return while_loop(x, node)


def _for(x: Executor, node: ast.For) -> list[Outcome]:
    from judge.symbolic.loops import for_loop

    return for_loop(x, node)


_STATEMENTS: dict[type[ast.stmt], Callable[..., list[Outcome]]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Expr: _expression,
    ast.Return: _return,
    ast.If: _if,
    ast.Pass: _pass,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Assert: _assert,
    ast.Raise: _raise,
    ast.Try: _try,
    ast.While: _while,
    ast.For: _for,
    ast.Delete: _delete,
    ast.FunctionDef: _nested,
    ast.Import: _import,
    ast.ImportFrom: _import,
}

__all__ = ["Executor", "Goal", "Trace", "assign", "exception_class", "unbound"]
