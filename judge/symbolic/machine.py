"""The machine that evaluates expressions symbolically: state, guards, and exceptions.

An operation that may raise says so with ``raise_if``; the machine splits off the state in which it
does and goes on in the one in which it does not. Inside a quantifier (a comprehension's body) such
conditions are collected and quantified when the binder is left.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from judge.symbolic import term as T
from judge.symbolic.domains import Domains
from judge.symbolic.merge import merge
from judge.symbolic.state import Outcome, State
from judge.symbolic.term import Term
from judge.symbolic.values import (
    INSIDE,
    Choice,
    DictV,
    DictViewV,
    Forgotten,
    IterV,
    LambdaV,
    ListV,
    Ref,
    Seq,
    SetV,
    TupleV,
    Unbound,
    Unsupported,
    Value,
    holds_mutable,
    origin,
)

if TYPE_CHECKING:
    from judge.symbolic.forks import Script

VAGUE = "perhaps "
"""Marks an exception whose condition is wider than the truth."""


@dataclass(slots=True)
class Frame:
    """What one binder (or the statement level) collects: guards and conditions of exceptions."""

    guards: list[Term] = field(default_factory=list)
    raises: list[tuple[Term, str, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Program:
    """The functions and constants of a candidate's module, by name."""

    functions: dict[str, ast.FunctionDef]
    constants: dict[str, ast.expr]
    imports: dict[str, str] = field(default_factory=dict)
    """What imported names stand for: ``m`` for ``math``, ``gcd`` for ``math.gcd``."""
    checks: tuple[int, ...] = ()
    """Lines of module-level asserts and prints, which run when the module is loaded."""


class Machine:
    """Evaluation state shared by the expression and statement files."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.state = State()
        self.frames: list[Frame] = [Frame()]
        self.pending: list[Outcome] = []
        self.old: dict[str, Value] = {}
        self.stack: list[str] = []
        self.code: list[ast.FunctionDef] = []
        """The functions being run, innermost last."""
        self.assumptions: set[str] = set()
        self.domains = Domains()
        """What the preconditions bound, in a run that takes small domains case by case."""
        self.forks: Script | None = None
        """The decisions of this run, when it is one of many paths."""
        self.rounds = 3
        """How long unknown lists and loops may be in a run of paths."""
        self.under_binder = False
        """Whether a function is run for an element nobody knows."""
        self.trying = 0
        """How many ``try`` bodies are open."""
        self.bounded = False
        """Whether some path was cut at the bound."""
        self.limits: set[str] = set()
        """What the bound leaves out beside long loops, in words."""
        self.scopes = 0
        """How many scopes of comprehensions or lambdas are open."""
        self.changing: list[int] = []
        """The places of the objects whose inner ones are being changed."""
        self.seen_here = 0
        """Objects at lower places may be among what an expression has read but not used yet."""
        self.seen_around = 0
        """The same for the expressions around it: nothing below that place may change."""
        self.pure = False
        """In a contract or an invariant: nothing may be assigned or changed."""

    # ------------------------------------------------------------ guards and exceptions

    @property
    def binding(self) -> bool:
        """Whether a bound variable is in scope."""
        return len(self.frames) > 1

    @contextmanager
    def guarded(self, condition: Term) -> Iterator[None]:
        """Evaluate where ``condition`` is known to hold."""
        frame = self.frames[-1]
        frame.guards.append(condition)
        try:
            yield
        finally:
            frame.guards.pop()

    def guard(self) -> Term:
        """All that is known to hold here beyond the state's facts."""
        return T.and_(*(g for f in self.frames for g in f.guards))

    def raise_if(self, condition: Term, exception: str, line: int) -> None:
        """Split off the runs in which ``exception`` is raised here."""
        frame = self.frames[-1]
        condition = T.and_(*frame.guards, condition)
        if T.is_false(condition):
            return
        if self.binding:
            frame.raises.append((condition, exception, line))
            return
        if self.forks is not None and self.trying:
            if self.settle(condition) is True:
                self.pending.append(Outcome("raise", self.state.copy(), None, exception, line))
                self.state.facts.append(T.false())
            return
        raised = self.state.copy()
        raised.facts.append(condition)
        self.pending.append(Outcome("raise", raised, None, exception, line))
        self.state.facts.append(T.not_(condition))

    @contextmanager
    def binder(self, variable: Term, within: Term, lazy: bool = False) -> Iterator[None]:
        """Evaluate under a bound variable; exceptions for some value of it happen outside.

        ``any`` and ``all`` stop early (``lazy``), and of two kinds of exceptions the first met
        wins: such conditions are wider than the truth, so the exception is named in a way that
        nothing catches or allows, and must be proved absent.
        """
        frame = Frame([within])
        self.frames.append(frame)
        try:
            yield
        except Dead:
            # Every element raises; where there is none, nothing does, and the run goes on.
            raise Unsupported("an element whose evaluation always raises") from None
        finally:
            self.frames.pop()
            vague = lazy or len({name for _, name, _ in frame.raises}) > 1
            for condition, exception, line in frame.raises:
                name = f"{VAGUE}{exception.removeprefix(VAGUE)}" if vague else exception
                self.raise_if(T.quantify("exists", [variable], condition), name, line)

    def take_pending(self) -> list[Outcome]:
        """The exceptional outcomes since the last call."""
        taken, self.pending = self.pending, []
        return [o for o in taken if not o.state.dead]

    # ------------------------------------------------------------ decisions

    def settle(self, condition: Term) -> bool | None:
        """Whether a condition holds: by what is known, or decided by this path; None: unknown."""
        known = self._known(condition)
        if known is not None:
            return known
        if self.forks is None or self.binding or self.under_binder or condition.bound:
            return None
        answer = self.forks.decide(condition)
        self.state.facts.append(condition if answer else T.not_(condition))
        return answer

    def sure(self, condition: Term, what: str, line: int | None) -> bool:
        """As ``settle``; refuses ``what`` where nobody knows."""
        answer = self.settle(condition)
        if answer is None:
            raise Unsupported(what, line)
        return answer

    def _known(self, condition: Term) -> bool | None:
        if condition.op in ("and", "or"):
            ends = condition.op == "or"
            parts = [self._known(k) for k in condition.kids]
            if any(p is ends for p in parts):
                return ends
            return None if any(p is None for p in parts) else not ends
        if condition.op == "not":
            inner = self._known(condition.kids[0])
            return None if inner is None else not inner
        return T.decide(condition, [*self.state.facts, *(g for f in self.frames for g in f.guards)])

    def cut(self, line: int) -> None:
        """Leave out the runs that get here: they are beyond the bound of a run of paths.

        Any other run has no bound, so there this is refused.
        """
        if self.forks is None or self.binding or self.under_binder:
            raise Unsupported("a value beyond the bound", line)
        guard = self.guard()
        self.beyond([*self.state.facts, guard], line)
        self.state.facts.append(T.not_(guard))

    def beyond(self, facts: list[Term], line: int | None) -> None:
        """Note that the runs in which ``facts`` hold are beyond the bound and left out."""
        self.bounded = True

    # ------------------------------------------------------------ values

    def plain(self, value: Value) -> Value:
        """Look through a heap reference; the value remembers which object it is."""
        if not isinstance(value, Ref):
            return value
        held = self.state.heap[value.address].value
        if isinstance(held, ListV | DictV | SetV):
            return replace(held, homes=frozenset((value.address,)))
        return held

    def stored(self, value: Value) -> Value:
        """The value as a new container holds it: a list with a name may not change later."""
        if isinstance(value, TupleV):
            return TupleV(tuple(self.stored(v) for v in value.items))
        if not self.pure:
            self._shared(self.plain(value))
            if isinstance(value, Ref):
                self.state.shared = True
        return self.held(value)

    def held(self, value: Value) -> Value:
        """The value as it stands in a container that holds it already."""
        value = self.plain(value)
        if isinstance(value, ListV):
            return ListV(value.seq)
        if isinstance(value, DictV):
            return replace(value, fresh=False, owned=False, homes=frozenset())
        if isinstance(value, SetV):
            return replace(value, fresh=False, homes=frozenset())
        if isinstance(value, IterV | DictViewV):
            raise Unsupported("an iterator or a view that is kept")
        if isinstance(value, TupleV):
            return TupleV(tuple(self.held(v) for v in value.items))
        return value

    def copied(self, seq: Seq) -> None:
        """The elements of a sequence go into another container as they are."""
        if not self.pure and holds_mutable(ListV(seq)):
            self.state.shared = True

    def _shared(self, value: Value) -> None:
        """A value gets a holder: where it is an object that has one already, that is noted.

        The places of the heap that it may be are frozen. Where it may be inside another object,
        nothing inside any object is changed from here on.
        """
        if isinstance(value, Choice):
            for _, option in value.options:
                self._shared(option)
        if not isinstance(value, ListV | DictV | SetV):
            return
        if not value.fresh:
            for address in origin(value):
                if address == INSIDE:
                    self.state.shared = True
                elif address in self.state.heap:
                    self.state.heap[address].frozen = True
        elif not isinstance(value, SetV) and not value.owned and holds_mutable(value):
            self.state.shared = True

    def each(self, value: Value, operation: Callable[[Value], Value], line: int) -> Value:
        """Apply an operation to every alternative of a value, under its condition."""
        value = self.plain(value)
        if not isinstance(value, Choice):
            return self._bound(value, operation, line)
        if self.forks is not None and not self.binding:
            for condition, option in value.options[:-1]:
                if self.settle(condition):
                    return self._bound(option, operation, line)
            return self._bound(value.options[-1][1], operation, line)
        result: Value | None = None
        for condition, option in value.options:
            try:
                with self.guarded(condition):
                    out = self.plain(self._bound(option, operation, line))
            except Dead:
                continue
            result = out if result is None else merge(condition, out, result)
        if result is None:
            raise Dead
        return result

    def _bound(self, value: Value, operation: Callable[[Value], Value], line: int) -> Value:
        """Apply an operation to what a name holds, if it holds anything."""
        if isinstance(value, Forgotten):
            raise Unsupported("a variable that may be unbound after a loop", line)
        if isinstance(value, Unbound):
            # Inside a comprehension it is a NameError before Python 3.12.
            kind = f"{VAGUE}NameError" if self.scopes else "UnboundLocalError"
            self.raise_if(T.true(), kind, line)
            raise Dead
        return operation(value)

    def of_one_kind(
        self, args: list[Value], operation: Callable[[list[Value]], Value], line: int
    ) -> Value:
        """Apply an operation to arguments of one kind each, for every alternative of theirs."""

        def settled(done: list[Value], rest: list[Value]) -> Value:
            if not rest:
                return operation(done)
            plain = self.plain(rest[0])
            if not isinstance(plain, Choice):
                return settled([*done, rest[0]], rest[1:])
            return self.each(plain, lambda v: settled([*done, v], rest[1:]), line)

        return settled([], args)

    def call_function(self, name: str, node: ast.Call) -> Value:
        """Call a function of the program; only a machine that runs statements can."""
        raise Unsupported(f"a call of {name}()", node.lineno)

    def call_named(self, name: str, args: list[Value], line: int) -> Value:
        """Call a function of the program with values."""
        raise Unsupported(f"a call of {name}()", line)

    def call_nested(self, function: LambdaV, args: list[Value], line: int) -> Value:
        """Call a nested function with values."""
        raise Unsupported("a call of a nested function", line)

    def type_error(self, line: int) -> Dead:
        """Raise ``TypeError`` here in every run; the expression has no value."""
        self.raise_if(T.true(), "TypeError", line)
        return Dead()

    def bind(self, name: str, value: Value) -> None:
        """Give ``name`` a value in the current state."""
        if self.pure:
            raise Unsupported("an assignment inside a contract")
        self.state.env[name] = self.named(value)

    def named(self, value: Value) -> Value:
        """The value as a name holds it: a list, dict or set gets a place in the heap."""
        self._shared(value)
        if isinstance(value, ListV):
            return self.state.allocate(ListV(value.seq), frozen=not value.fresh)
        if isinstance(value, DictV | SetV):
            return self.state.allocate(self.held(value), frozen=not value.fresh)
        if isinstance(value, IterV):
            raise Unsupported("an iterator kept in a variable")
        return value


def looks(value: Value) -> bool:
    """Whether a value is a picture of an object that somebody else holds too."""
    if isinstance(value, ListV | DictV):
        return not value.fresh or (not value.owned and holds_mutable(value))
    if isinstance(value, SetV):
        return not value.fresh
    if isinstance(value, DictViewV):
        return looks(value.of)
    if isinstance(value, IterV):
        return bool(value.walks)
    if isinstance(value, TupleV):
        return any(map(looks, value.items))
    return isinstance(value, Choice) and any(looks(v) for _, v in value.options)


class Dead(Exception):
    """Evaluation cannot go on: this expression always raises here (already recorded)."""
