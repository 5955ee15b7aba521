"""Runs with literal inputs, inside our own semantics: what the variables are at the loop heads.

No candidate code is executed: the symbolic machine runs on literals, and its terms fold to values.
Traces only filter guesses; nothing is believed because of them.
"""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass, field

from judge.prove.session import Session
from judge.symbolic import term as T
from judge.symbolic.dicts import of_entries
from judge.symbolic.function import derivation
from judge.symbolic.merge import at
from judge.symbolic.plan import Mode, Plan
from judge.symbolic.seqs import literal_text, text
from judge.symbolic.sets import of_distinct
from judge.symbolic.shapes import (
    ChoiceShape,
    DictShape,
    ListShape,
    Scalar,
    Shape,
    TupleShape,
)
from judge.symbolic.state import State
from judge.symbolic.values import (
    BoolV,
    DictV,
    FloatV,
    IntV,
    ListV,
    NoneV,
    Ref,
    Seq,
    SetV,
    Single,
    StrV,
    TupleV,
    Unsupported,
    Value,
)

ROUNDS = 24
RUNS = 28
TRIES = 120


class NotPlain(Exception):
    """A value that is not a literal."""


@dataclass(slots=True)
class Snapshot:
    """The names' values at one visit of a loop head, and the arguments of that run."""

    env: dict[str, object]
    run: int


@dataclass(slots=True)
class Traces:
    """Snapshots by loop key."""

    heads: dict[str, list[Snapshot]] = field(default_factory=dict)
    arguments: list[tuple[object, ...]] = field(default_factory=list)


def to_value(thing: object) -> Value:
    """A plain Python value as a literal symbolic one."""
    if isinstance(thing, bool):
        return BoolV(T.boolean(thing))
    if isinstance(thing, int):
        return IntV(T.num(thing))
    if isinstance(thing, float):
        from judge.symbolic.floats import constant

        return FloatV(constant(thing))
    if thing is None:
        return NoneV()
    if isinstance(thing, str):
        return text(thing)
    if isinstance(thing, tuple):
        return TupleV(tuple(map(to_value, thing)))
    if isinstance(thing, list):
        return ListV(Seq(tuple(Single(to_value(v)) for v in thing)))
    if isinstance(thing, dict):
        return of_entries(tuple((to_value(k), to_value(v)) for k, v in thing.items()))
    if isinstance(thing, set):
        return of_distinct(tuple(map(to_value, thing)))
    raise NotPlain


def from_value(value: Value, state: State | None = None) -> object:
    """A literal symbolic value as a plain Python one; raises ``NotPlain``."""
    if isinstance(value, Ref):
        if state is None:
            raise NotPlain
        value = state.heap[value.address].value
    if isinstance(value, IntV | BoolV):
        plain = T.literal(value.term)
        if plain is None:
            raise NotPlain
        return plain
    if isinstance(value, NoneV):
        return None
    if isinstance(value, StrV):
        word = literal_text(value)
        if word is None:
            raise NotPlain
        return word
    if isinstance(value, TupleV):
        return tuple(from_value(v, state) for v in value.items)
    if isinstance(value, ListV):
        length = T.literal(value.seq.length)
        if length is None or length > 200:
            raise NotPlain
        return [from_value(at(value.seq, T.num(k)), state) for k in range(length)]
    if isinstance(value, DictV) and value.entries is not None:
        return {from_value(k, state): from_value(v, state) for k, v in value.entries}
    if isinstance(value, SetV) and value.entries is not None:
        return {from_value(v, state) for v in value.entries}
    if isinstance(value, FloatV):
        from judge.symbolic.floats import literal

        number = literal(value.term)
        if number is not None:
            return number
    raise NotPlain


def constants_of(node: ast.AST) -> list[int]:
    """Integer literals in a piece of code, small ones only."""
    found = {
        n.value
        for n in ast.walk(node)
        if isinstance(n, ast.Constant) and isinstance(n.value, int) and abs(n.value) < 10**6
    }
    return sorted(int(v) for v in found)


def collect(session: Session, shapes: dict[str, Shape]) -> Traces:
    """Traces of runs on small inputs that meet the preconditions."""
    traces = Traces()
    rng = random.Random(session.budget.seed)
    numbers = constants_of(session.candidate.function)
    good = 0
    for attempt in range(TRIES):
        if good >= RUNS:
            break
        try:
            args = [_draw(rng, s, numbers, attempt) for s in shapes.values()]
        except NotPlain:
            return traces
        with T.fresh_table():
            good += _run(session, dict(zip(shapes, args, strict=True)), traces, good)
    return traces


def _run(session: Session, args: dict[str, object], traces: Traces, run: int) -> bool:
    """One run; whether it met the preconditions and left something behind."""
    mode = Mode(unroll=ROUNDS, concrete=True, depth=12)
    inputs = {n: to_value(a) for n, a in args.items()}
    heads: list[tuple[str, dict[str, object]]] = []
    try:
        derived = derivation(session.candidate, session.contract, Plan(), mode, inputs)
    except Unsupported:
        return False
    if any(T.is_false(f) for f in derived.preconditions) or derived.executor is None:
        return False
    for key, env, state in derived.executor.trace.heads:
        if state.dead:
            continue
        plain: dict[str, object] = {}
        for name, value in env.items():
            try:
                plain[name] = from_value(value, state)
            except NotPlain:
                continue
        heads.append((key, plain))
    for key, plain in heads:
        plain.update({f"_old_{n}": a for n, a in args.items()})
        traces.heads.setdefault(key, []).append(Snapshot(plain, run))
    traces.arguments.append(tuple(args.values()))
    return bool(heads)


def _draw(rng: random.Random, shape: Shape, numbers: list[int], attempt: int) -> object:
    if isinstance(shape, Scalar):
        return _draw_scalar(rng, shape.kind, numbers, attempt)
    if isinstance(shape, TupleShape):
        return tuple(_draw(rng, s, numbers, attempt) for s in shape.items)
    if isinstance(shape, ListShape):
        if shape.element is None:
            return []
        length = rng.choice([0, 1, 2, 3, 3, 4, 5])
        items = [_draw(rng, shape.element, numbers, attempt) for _ in range(length)]
        if attempt % 4 == 3 and shape.element == Scalar("int"):
            return sorted(items, key=lambda v: v if isinstance(v, int) else 0)
        return items
    if isinstance(shape, ChoiceShape):
        return _draw(rng, rng.choice(shape.options), numbers, attempt)
    if isinstance(shape, DictShape):
        raise NotPlain
    raise NotPlain


def _draw_scalar(rng: random.Random, kind: str, numbers: list[int], attempt: int) -> object:
    if kind == "int":
        if numbers and rng.random() < 0.2:
            return rng.choice(numbers) + rng.choice([-1, 0, 0, 1])
        if attempt % 5 == 4:
            return rng.randint(-12, 30)
        return rng.randint(-3, 7) if attempt % 2 else rng.randint(0, 6)
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "none":
        return None
    if kind == "float":
        return rng.choice([0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 7.5, 32.0, 99.0, -0.5, -3.0])
    if kind == "str" and attempt % 6 == 5:
        return "".join(rng.choice("0123456789") for _ in range(rng.randint(0, 4)))
    if kind == "str":
        return "".join(rng.choice("aab bcAe1.") for _ in range(rng.randint(0, 5)))
    raise NotPlain
