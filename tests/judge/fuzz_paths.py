"""Runs of paths against CPython: every decision is taken as a given input takes it.

The run of one path on unknown arguments must then end as CPython ends on that input: the facts of
the path hold of it, and its value, with the input put in, is CPython's. No solver is asked.

    python -m tests.judge.fuzz_paths --seconds 60 --seed 1
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

from judge.contract import Contract
from judge.prove.traces import NotPlain, from_value
from judge.subset import read
from judge.symbolic import term as T
from judge.symbolic.floats import constant
from judge.symbolic.forks import Script
from judge.symbolic.function import derivation
from judge.symbolic.merge import put
from judge.symbolic.plan import Mode, Plan
from judge.symbolic.shapes import (
    FLOAT,
    ChoiceShape,
    DictShape,
    ListShape,
    Scalar,
    SetShape,
    Shape,
    TupleShape,
    VarTupleShape,
    array_sort,
    shape_of_annotation,
)
from judge.symbolic.state import State
from judge.symbolic.term import BOOL, INT, Term
from judge.symbolic.values import DictV, Ref, SetV, TupleV, Unsupported, Value
from tests.judge.attack import Claim, Inputs, Target, limit_memory
from tests.judge.fuzz import RESOURCES, Finding, agree, python_says
from tests.judge.grammar import Grammar

ROUNDS = 4


class NoInputError(Exception):
    """The input is of another shape than the parameter says."""


@dataclass
class Input:
    """The terms of unknown arguments, each with its value on one input."""

    values: dict[int, Term] = field(default_factory=dict)

    def leaf(self, name: str, sort: str, indices: tuple[Term, ...], value: Term) -> None:
        term = T.var(name, array_sort(len(indices), sort))
        for index in indices:
            term = T.select(term, index)
        self.values[term.id] = value

    def bind(self, shape: Shape, name: str, thing: object, at: tuple[Term, ...] = ()) -> None:
        """Say what the leaves of one argument are."""
        if isinstance(shape, Scalar):
            self.scalar(shape.kind, name, thing, at)
        elif isinstance(shape, ListShape | VarTupleShape | SetShape) and shape.element is not None:
            if not isinstance(thing, list | tuple | set):
                raise NoInputError
            self.items(shape.element, name, list(thing), at)
        elif isinstance(shape, TupleShape) and isinstance(thing, tuple):
            for n, (part, item) in enumerate(zip(shape.items, thing, strict=True)):
                self.bind(part, f"{name}.{n}", item, at)
        elif isinstance(shape, DictShape) and isinstance(thing, dict):
            assert shape.key is not None
            assert shape.value is not None
            self.items(shape.key, f"{name}.key", list(thing), at)
            self.items(shape.value, f"{name}.value", list(thing.values()), at)
        elif isinstance(shape, ChoiceShape):
            place = 1 if thing is None and shape.options[0] != Scalar("none") else 0
            last = len(shape.options) - 1
            self.leaf(f"{name}.kind", INT, at, T.num(place))
            inner = "last" if place == last else str(place)
            self.bind(shape.options[place], f"{name}.{inner}", thing, at)
        else:
            raise NoInputError

    def items(self, element: Shape, name: str, things: list[object], at: tuple[Term, ...]) -> None:
        self.leaf(f"{name}.len", INT, at, T.num(len(things)))
        for k, thing in enumerate(things):
            self.bind(element, f"{name}.at", thing, (*at, T.num(k)))

    def scalar(self, kind: str, name: str, thing: object, at: tuple[Term, ...]) -> None:
        if kind == "int" and isinstance(thing, int):
            self.leaf(name, INT, at, T.num(int(thing)))
        elif kind == "bool" and isinstance(thing, bool):
            self.leaf(name, BOOL, at, T.boolean(thing))
        elif kind == "float" and isinstance(thing, float):
            self.leaf(name, FLOAT, at, constant(thing))
        elif kind == "str" and isinstance(thing, str):
            self.items(Scalar("int"), name, [ord(c) for c in thing], at)
        elif kind != "none":
            raise NoInputError

    def of(self, term: Term) -> Term:
        """The term's value on the input."""
        return T.substitute(term, self.values)

    def inside(self, value: Value, state: State) -> Value:
        """A value with the input put in, taken out of the heap."""
        if isinstance(value, Ref):
            return self.inside(state.heap[value.address].value, state)
        if isinstance(value, TupleV):
            return TupleV(tuple(self.inside(v, state) for v in value.items))
        if isinstance(value, DictV) and value.entries is not None:
            from judge.symbolic.dicts import of_entries

            return of_entries(
                tuple((self.inside(k, state), self.inside(v, state)) for k, v in value.entries)
            )
        if isinstance(value, SetV) and value.entries is not None:
            from judge.symbolic.sets import of_distinct

            return of_distinct(tuple(self.inside(v, state) for v in value.entries))
        return put(value, self.values)


@dataclass
class Guided(Script):
    """Decisions as an input takes them."""

    input: Input = field(default_factory=Input)
    vague: bool = False

    def decide(self, condition: Term) -> bool:
        answer = T.literal(self.input.of(condition))
        if answer is None:
            self.vague = True
            answer = True
        return bool(answer)


def path_says(code: str, args: tuple[object, ...]) -> tuple[str, object] | None:
    """The end of the one path that the input takes; None where it is not modelled."""
    with T.fresh_table():
        try:
            candidate = read(code, "f", "", None)
            given = Input()
            for (name, annotation), thing in zip(candidate.parameters, args, strict=True):
                assert annotation is not None
                given.bind(shape_of_annotation(annotation), name, thing)
            script = Guided(input=given)
            mode = Mode(unroll=ROUNDS, depth=ROUNDS)
            derived = derivation(candidate, Contract(), Plan("paths"), mode, None, script)
            if script.vague:
                return None
            ends = []
            for outcome in derived.outcomes:
                held = [T.literal(given.of(f)) for f in outcome.state.facts]
                if any(h is None for h in held):
                    return None
                if all(held):
                    ends.append(outcome)
            if len(ends) != 1:
                cut = derived.executor is not None and derived.executor.bounded
                return None if cut and not ends else ("ends", len(ends))
            (end,) = ends
            if end.kind == "raise":
                name = end.exception or ""
                return None if " " in name else ("raises", name)  # perhaps it is not met
            if end.value is None:
                return "value", None
            return "value", from_value(given.inside(end.value, end.state))
        except (Unsupported, NotPlain, NoInputError):
            return None


def one(seed: int) -> tuple[Finding | None, Counter[str]]:
    """One random program on a few inputs: (a disagreement, what became of each input)."""
    words: Counter[str] = Counter()
    grammar = Grammar(random.Random(seed))
    code, _ = grammar.program()
    for args in islice(Inputs(Target(Claim("f", code)), seed), 6):
        try:
            theirs = python_says(code, args)
        except RESOURCES:
            continue
        ours = path_says(code, args)
        words["not modelled or beyond the bound" if ours is None else "modelled"] += 1
        if ours is not None and not agree(ours, theirs):
            return Finding(f"CPython: {theirs!r}; path: {ours!r}", code, args), words
    return None, words


def main() -> int:
    """Fuzz for a given time; exit 1 when there was a disagreement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    limit_memory(1)  # a program may ask CPython for more than there is
    end = time.monotonic() + options.seconds
    words: Counter[str] = Counter()
    count = disagreements = 0
    while time.monotonic() < end:
        found, became = one(options.seed * 1_000_000_007 + count)
        words += became
        count += 1
        if found is not None:
            disagreements += 1
            sys.stdout.write(f"DISAGREEMENT (program {count})\n{found}\n")
    told = ", ".join(f"{n} {word}" for word, n in words.most_common())
    sys.stdout.write(f"{count} programs, {disagreements} disagreements; inputs: {told}\n")
    return 1 if disagreements else 0


if __name__ == "__main__":
    raise SystemExit(main())
