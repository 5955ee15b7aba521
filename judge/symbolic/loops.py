"""Loops, cut at their heads by invariants, or unrolled up to a bound.

A cut loop is run once from a head in which everything the body changes is unknown but for the
invariants. What the body changes, and into which kinds of values, is found by trial runs until it
is stable. A ``for`` walks an index that nobody else can change; what it walks over must not change.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from judge.symbolic import dicts, iterators, seqs
from judge.symbolic import term as T
from judge.symbolic.closures import bound_names, names_read
from judge.symbolic.compare import range_length
from judge.symbolic.comprehension import iterate, walked
from judge.symbolic.execute import Executor, assign
from judge.symbolic.expr import condition, evaluate
from judge.symbolic.keyed import any_of
from judge.symbolic.measures import falls, parts
from judge.symbolic.merge import at, same
from judge.symbolic.plan import LoopInfo, LoopPlan
from judge.symbolic.shapes import Shape, facts_of, join, precise_shape
from judge.symbolic.state import Outcome, State, merge_outcomes
from judge.symbolic.term import Term
from judge.symbolic.values import (
    BoolV,
    BuiltinV,
    Choice,
    DictV,
    Forgotten,
    ImportedV,
    IntV,
    LambdaV,
    ListV,
    RangeV,
    Ref,
    Seq,
    SetV,
    StrV,
    TypeV,
    Unbound,
    Unsupported,
    Value,
)

FUNCTIONS = (LambdaV, BuiltinV, ImportedV, TypeV)
"""Functions and types: nothing is guessed about names that stand for them."""
MAX_TRIALS = 8
MAX_EXACT = 16
"""A loop with this many rounds at most, by its text, is run round by round instead of cut."""

MAX_WALK = 40
"""The same in a run of paths."""


@dataclass(slots=True)
class Loop:
    """One loop statement, with what differs between ``while`` and ``for``."""

    node: ast.While | ast.For
    key: str
    index: str | None
    sequence: str | None
    start: Term | None
    guard: Callable[[Executor], Term]
    enter: Callable[[Executor], None]
    advance: Callable[[State], None]
    structure: Callable[[State], list[tuple[str, Term]]]
    measure: Callable[[State], Term] | None
    watched: frozenset[int] = frozenset()
    """The heap addresses that a ``for`` walks over."""
    range_text: tuple[str, str, int] | None = None
    rounds: int | None = None
    """How many rounds there are at most, where that is a literal."""
    keys_only: bool = False
    """Whether it walks over the keys of a dict, whose values may change."""


def _key(x: Executor, node: ast.While | ast.For) -> str:
    """A loop's name: the function of the module it stands in, line and column."""
    owner = next((f for f in x.stack[::-1] if f in x.program.functions), "")
    return f"{owner}:{node.lineno}:{node.col_offset}"


def _number(x: Executor, key: str) -> int:
    return x.loop_numbers.setdefault(key, len(x.loop_numbers) + 1)


def while_loop(x: Executor, node: ast.While) -> list[Outcome]:
    """``while``."""

    def nothing(_: object) -> None:
        return None

    loop = Loop(
        node,
        _key(x, node),
        None,
        None,
        None,
        lambda e: condition(e, node.test),
        nothing,
        nothing,
        lambda s: [],
        None,
    )
    return _loop(x, loop)


def for_loop(x: Executor, node: ast.For) -> list[Outcome]:
    """``for`` over a range, list, string, tuple, or what enumerate, zip and reversed make."""
    source = evaluate(x, node.iter)
    raised = x.take_pending()
    plain = x.plain(source)
    key = _key(x, node)
    number = _number(x, key)
    if {f"_i{number}", f"_it{number}"} & {*x.state.env, *bound_names(node)}:
        raise Unsupported(f"a variable named _i{number} or _it{number}", node.lineno)
    if isinstance(plain, RangeV) and abs(plain.step) == 1:
        loop = _range_loop(x, node, key, f"_i{number}", plain)
    else:
        near = iterators.reads(x, names_read(node.iter))
        watched = iterators.places(x, walked(source, plain), near)
        if iterators.names_of([plain]) & set(bound_names(node)):
            raise Unsupported(iterators.CHANGED, node.lineno)
        keys_only = isinstance(plain, DictV)
        plain, seq = iterate(x, source, node.iter.lineno)
        loop = _sequence_loop(x, node, key, number, plain, seq, watched)
        loop.keys_only = keys_only
    loop.rounds = T.literal(range_length(plain) if isinstance(plain, RangeV) else seq.length)
    return [*raised, *_loop(x, loop)]


def _int_of(state: State, name: str) -> Term:
    value = state.env[name]
    assert isinstance(value, IntV)
    return value.term


def _range_loop(x: Executor, node: ast.For, key: str, index: str, source: RangeV) -> Loop:
    start, stop, step = source.start, source.stop, source.step

    def order(a: Term, b: Term) -> Term:
        return T.le(a, b) if step > 0 else T.le(b, a)

    rises = seqs.decide(x, order(start, stop))

    def guard(e: Executor) -> Term:
        here = _int_of(e.state, index)
        return T.lt(here, stop) if step > 0 else T.lt(stop, here)

    def enter(e: Executor) -> None:
        assign(e, node.target, IntV(_int_of(e.state, index)))

    def advance(state: State) -> None:
        state.env[index] = IntV(T.add(_int_of(state, index), T.num(step)))

    def structure(state: State) -> list[tuple[str, Term]]:
        here = _int_of(state, index)
        within = T.or_(order(here, stop), T.and_(T.not_(rises), T.eq(here, start)))
        return [
            ("the counter starts at its start", order(start, here)),
            ("and ends at its stop", within),
        ]

    def measure(state: State) -> Term:
        here = _int_of(state, index)
        return T.sub(stop, here) if step > 0 else T.sub(here, stop)

    x.state.env[index] = IntV(start)
    return Loop(
        node,
        key,
        index,
        None,
        start,
        guard,
        enter,
        advance,
        structure,
        measure,
        frozenset(),
        _range_text(node),
    )


def _range_text(node: ast.For) -> tuple[str, str, int] | None:
    call = node.iter
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range":
        texts = [ast.unparse(a) for a in call.args]
        if len(texts) == 1:
            return "0", texts[0], 1
        if len(texts) >= 2:
            return texts[0], texts[1], -1 if len(texts) == 3 and texts[2] == "-1" else 1
    return None


def _sequence_loop(
    x: Executor,
    node: ast.For,
    key: str,
    number: int,
    source: Value,
    seq: Seq,
    watched: frozenset[int],
) -> Loop:
    length = range_length(source) if isinstance(source, RangeV) else seq.length
    index, name = f"_i{number}", f"_it{number}"

    def guard(e: Executor) -> Term:
        return T.lt(_int_of(e.state, index), length)

    def enter(e: Executor) -> None:
        if seq.pieces:
            assign(e, node.target, e.held(seqs.element(source, at(seq, _int_of(e.state, index)))))

    def advance(state: State) -> None:
        state.env[index] = IntV(T.add(_int_of(state, index), T.num(1)))

    def structure(state: State) -> list[tuple[str, Term]]:
        here = _int_of(state, index)
        return [
            ("the index is not negative", T.le(T.num(0), here)),
            ("the index stays within the sequence", T.le(here, length)),
        ]

    x.state.env[index] = IntV(T.num(0))
    x.state.env[name] = source if isinstance(source, StrV) else ListV(seq)
    indexed = isinstance(node.iter, ast.Name) and isinstance(source, ListV | StrV)
    text = ast.unparse(node.iter) if indexed else name
    return Loop(
        node,
        key,
        index,
        text,
        T.num(0),
        guard,
        enter,
        advance,
        structure,
        lambda s: T.sub(length, _int_of(s, index)),
        watched,
    )


def _loop(x: Executor, loop: Loop) -> list[Outcome]:
    if loop.rounds is not None and loop.rounds <= MAX_EXACT:
        return _unrolled(x, loop, loop.rounds)
    if x.forks is not None and loop.rounds is not None and loop.rounds <= MAX_WALK:
        return _unrolled(x, loop, loop.rounds)
    if x.mode.unroll is not None:
        return _unrolled(x, loop, x.mode.unroll)
    if x.under_binder or x.binding:
        raise Unsupported("a loop inside a comprehension", loop.node.lineno)
    return _Cut(x, loop).run()


# ---------------------------------------------------------------- cut at the head


class _Cut:
    """One cut loop: trial runs, then the run that counts."""

    def __init__(self, x: Executor, loop: Loop) -> None:
        self.x = x
        self.loop = loop
        self.entry = x.state
        self.names: dict[str, Shape | None] = dict.fromkeys(bound_names(loop.node))
        self.cells: dict[int, Shape] = {}
        self.frozen: set[int] = set()
        self.shared = False
        self.line = loop.node.lineno

    def run(self) -> list[Outcome]:
        """All outcomes of the loop."""
        x = self.x
        for name in list(self.names):
            value = self.entry.env.get(name)
            if _bound(value) and value is not None:
                self.names[name] = self._shape(self.entry, value)
        number = _number(x, self.loop.key)
        for _ in range(MAX_TRIALS):
            x.trial += 1
            try:
                head = self._head(number)
                head.facts += [t for _, t in self.loop.structure(head)]
                back, _ = self._round(head)
            finally:
                x.trial -= 1
            if self._stable(head, back):
                return self._final(number)
        raise Unsupported("a loop whose variables keep changing their kinds", self.line)

    def _shape(self, state: State, value: Value) -> Shape:
        if isinstance(value, Ref):
            value = state.heap[value.address].value
        return precise_shape(value)

    def _head(self, number: int) -> State:
        """The state at the loop's head: what the body changes is unknown."""
        head = self.entry.copy()
        for address, shape in self.cells.items():
            fresh = any_of(shape, T.fresh_name(f"cell{address}.{number}"))
            head.heap[address].value = fresh
            head.facts += facts_of(shape, fresh)
        for name, shape_or_none in self.names.items():
            old = self.entry.env.get(name)
            if not _bound(old) or shape_or_none is None:
                head.env[name] = Forgotten()
                continue
            fresh = any_of(shape_or_none, T.fresh_name(f"{name}.{number}"))
            head.facts += facts_of(shape_or_none, fresh)
            if isinstance(fresh, ListV | DictV | SetV):
                fresh = head.allocate(fresh, frozen=True)
            head.env[name] = fresh
        if self.loop.index is not None:
            head.env[self.loop.index] = IntV(T.var(T.fresh_name(f"{self.loop.index}.{number}")))
        for address in self.frozen:
            head.heap[address].frozen = True
        head.shared = head.shared or self.shared
        return head

    def _round(self, head: State) -> tuple[list[Outcome], list[Outcome]]:
        """Run guard and body once from ``head``: (back at the head, leaving the loop)."""
        x, loop = self.x, self.loop
        x.state = head.copy()
        guard = seqs.decide(x, loop.guard(x))
        raised = x.take_pending()
        state = x.state
        leaving: list[Outcome] = list(raised)
        if not T.is_true(guard):
            out = state.copy()
            out.facts.append(T.not_(guard))
            leaving += (
                x.run(loop.node.orelse, out) if loop.node.orelse else [Outcome("normal", out)]
            )
        self.guard_state = state
        if T.is_false(guard):
            return [], leaving
        inside = state.copy()
        inside.facts.append(guard)
        self.inside = inside.copy()
        x.state = inside
        loop.enter(x)
        raised = x.take_pending()
        back: list[Outcome] = []
        for outcome in [*raised, *x.run(loop.node.body, x.state)]:
            if outcome.kind in ("normal", "continue"):
                loop.advance(outcome.state)
                back.append(outcome)
            elif outcome.kind == "break":
                leaving.append(Outcome("normal", outcome.state))
            else:
                leaving.append(outcome)
        return back, leaving

    def _stable(self, head: State, back: list[Outcome]) -> bool:
        """Whether the body changes nothing beyond what the head left unknown; if not, widen."""
        stable = True
        for outcome in back:
            state = outcome.state
            if state.shared and not head.shared:
                self.shared, stable = True, False
            for address, cell in head.heap.items():
                now = state.heap[address]
                if cell.frozen != now.frozen and address not in self.frozen:
                    self.frozen.add(address)
                    stable = False
                if same(cell.value, now.value):
                    continue
                if address in self.loop.watched:
                    raise Unsupported("changing the list that is being walked over", self.line)
                shape = join(
                    self.cells.get(address, precise_shape(self.entry.heap[address].value))
                    if address in self.entry.heap
                    else precise_shape(cell.value),
                    precise_shape(now.value),
                )
                if address in self.entry.heap and self.cells.get(address) != shape:
                    self.cells[address] = shape
                    stable = False
            for name, value in head.env.items():
                stable = self._stable_name(head, state, name, value) and stable
        return stable

    def _stable_name(self, head: State, state: State, name: str, value: Value) -> bool:
        now = state.env.get(name, Forgotten())
        if name == self.loop.index or isinstance(value, Forgotten) or same(value, now):
            return True
        if not _bound(now):
            if name in self.names and self.names[name] is None:
                return True
            self.names[name] = None
            return False
        stable = True
        shared = isinstance(now, Ref) and now.address in self.entry.heap
        if isinstance(now, Ref) and shared and now.address not in self.frozen:
            self.frozen.add(now.address)
            stable = False
        entry_value = self.entry.env[name]
        known = self.names.get(name)
        if isinstance(entry_value, Ref) and entry_value.address not in self.frozen:
            self.frozen.add(entry_value.address)
            stable = False
        shape = self._shape(state, now)
        shape = join(known if known is not None else self._shape(self.entry, entry_value), shape)
        if name not in self.names or known != shape:
            self.names[name] = shape
            stable = False
        return stable

    # ------------------------------------------------------------ the run that counts

    def _final(self, number: int) -> list[Outcome]:
        x, loop = self.x, self.loop
        plan = x.plan.loops.get(loop.key, LoopPlan())
        info = self._info()
        for text, claim in loop.structure(self.entry):
            x.emit("initiation", text, self.line, self.entry.facts, claim)
        head = self._head(number)
        head.facts += [t for _, t in loop.structure(head)]
        nodes = [ast.parse(t, mode="eval").body for t in plan.invariants]
        for n, node in enumerate(nodes):
            claim = x.formula(node, self.entry)
            x.emit(
                "initiation", plan.invariants[n], self.line, self.entry.facts, claim, (loop.key, n)
            )
        for n, node in enumerate(nodes):
            term = x.formula(node, head)
            if x.mode.search:
                term = T.implies(indicator(loop.key, n), term)
            head.facts.append(term)
        texts = x.mode.unknowns.get(loop.key)
        if texts is not None:
            claim = relation(x, loop.key, texts, self.entry)
            x.emit("initiation", "the unknown relation", self.line, self.entry.facts, claim)
            head.facts.append(relation(x, loop.key, texts, head))
        info.head = head
        if not x.trial:
            x.loops[loop.key] = info
        back, leaving = self._round(head)
        info.backs = [o.state for o in back]
        for outcome in back:
            facts = outcome.state.facts
            for text, claim in loop.structure(outcome.state):
                x.emit("consecution", text, self.line, facts, claim)
            for n, node in enumerate(nodes):
                claim = x.formula(node, outcome.state)
                x.emit("consecution", plan.invariants[n], self.line, facts, claim, (loop.key, n))
            if texts is not None:
                claim = relation(x, loop.key, texts, outcome.state)
                x.emit("consecution", "the unknown relation", self.line, facts, claim)
        self._termination(head, back, plan)
        for outcome in leaving:
            for name in (loop.index, f"_it{number}"):
                if name is not None:
                    outcome.state.env.pop(name, None)
        normal = [o for o in leaving if o.kind == "normal"]
        rest = [o for o in leaving if o.kind != "normal"]
        return [*rest, *([merge_outcomes(normal)] if normal else [])]

    def _info(self) -> LoopInfo:
        loop = self.loop
        info = LoopInfo(loop.key, self.line, loop.index, loop.sequence)
        info.range_text = loop.range_text
        info.has_measure = loop.measure is not None
        if isinstance(loop.node, ast.While):
            info.guard_text = ast.unparse(loop.node.test)
        for name, value in self.entry.env.items():
            if not _bound(value) or name == loop.index or isinstance(value, FUNCTIONS):
                continue
            shape = self.names.get(name)
            changed = shape is not None
            if isinstance(value, Ref) and value.address in self.cells:
                shape, changed = self.cells[value.address], True
            if changed and shape is not None:
                info.shapes[name] = shape
            elif name not in self.names:
                info.fixed[name] = self._shape(self.entry, value)
        return info

    def _termination(self, head: State, back: list[Outcome], plan: LoopPlan) -> None:
        """The measure is not negative where the body runs, and smaller after it."""
        x, loop = self.x, self.loop
        text = plan.measure or "what is left of the sequence"
        if plan.measure is None and loop.measure is None:
            if back:
                x.partial.add(self.line)
            return
        for outcome in back:
            if loop.measure is not None:
                before, after = [loop.measure(head)], [loop.measure(outcome.state)]
            else:
                assert plan.measure is not None
                node = ast.parse(plan.measure, mode="eval").body
                before, after = (parts(x, node, s) for s in (head, outcome.state))
            claim = falls(before, after)
            x.emit("termination", text, self.line, outcome.state.facts, claim)


UNKNOWN = "unknown relation "
"""Before the key of a loop: the name of a relation between its variables that is to be found."""


def relation(x: Executor, key: str, texts: tuple[str, ...], state: State) -> Term:
    """The unknown relation of a loop, between what the texts mean in a state."""
    values = [x.pure_value(ast.parse(t, mode="eval").body, state, False)[0] for t in texts]
    terms = [v.term for v in values if isinstance(v, IntV | BoolV)]
    if len(terms) != len(texts):
        raise Unsupported("a relation between anything but numbers and truth values")
    return T.app(f"{UNKNOWN}{key}", terms, T.BOOL)


def indicator(key: str, number: int) -> Term:
    """The switch of a candidate invariant during a search."""
    return T.var(f"use {key} {number}", T.BOOL)


def _bound(value: Value | None) -> bool:
    if value is None or isinstance(value, Unbound | Forgotten):
        return False
    return not (isinstance(value, Choice) and any(isinstance(v, Unbound) for _, v in value.options))


# ---------------------------------------------------------------- unrolled


def _untouched(before: Value, now: Value, keys_only: bool, line: int) -> None:
    if keys_only and isinstance(before, DictV) and isinstance(now, DictV):
        before, now = (ListV(dicts.keys_seq(d)) for d in (before, now))
    if not same(before, now):
        raise Unsupported("changing the list that is being walked over", line)


def _unrolled(x: Executor, loop: Loop, rounds: int) -> list[Outcome]:
    """Run round after round; a path that is still looping at the bound is cut and remembered."""
    state = x.state
    number = _number(x, loop.key)
    before = {a: state.heap[a].value for a in loop.watched}
    leaving: list[Outcome] = []
    for turn in range(rounds + 1):
        if x.mode.concrete:
            x.trace.heads.append((loop.key, dict(state.env), state.copy()))
        x.state = state
        guard = seqs.decide(x, loop.guard(x))
        if x.forks is not None and (settled := x.settle(guard)) is not None:
            guard = T.boolean(settled)
        leaving += x.take_pending()
        state = x.state
        if not T.is_true(guard):
            out = state.copy()
            out.facts.append(T.not_(guard))
            leaving += (
                x.run(loop.node.orelse, out) if loop.node.orelse else [Outcome("normal", out)]
            )
        if T.is_false(guard):
            break
        if turn == rounds:
            if x.mode.concrete:
                raise Unsupported("a loop of so many rounds", loop.node.lineno)
            x.beyond([*state.facts, guard], loop.node.lineno)
            break
        state = state.copy()
        state.facts.append(guard)
        x.state = state
        loop.enter(x)
        back: list[Outcome] = []
        for outcome in [*x.take_pending(), *x.run(loop.node.body, x.state)]:
            if outcome.kind in ("normal", "continue"):
                for address, value in before.items():
                    now = outcome.state.heap[address].value
                    _untouched(value, now, loop.keys_only, loop.node.lineno)
            if outcome.kind in ("normal", "continue"):
                loop.advance(outcome.state)
                outcome.kind = "normal"
                back.append(outcome)
            elif outcome.kind == "break":
                leaving.append(Outcome("normal", outcome.state))
            else:
                leaving.append(outcome)
        if not back:
            break
        state = merge_outcomes(back).state
    for outcome in leaving:
        for name in (loop.index, f"_it{number}"):
            if name is not None:
                outcome.state.env.pop(name, None)
    normal = [o for o in leaving if o.kind == "normal" and not o.state.dead]
    rest = [o for o in leaving if o.kind != "normal" and not o.state.dead]
    return [*rest, *([merge_outcomes(normal)] if normal else [])]
