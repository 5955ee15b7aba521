"""Reading a counterexample out of a model: the arguments as plain Python values.

A claim only: the caller replays it in CPython before anybody believes it.
"""

from __future__ import annotations

from typing import Any, Literal

from judge.contract import Contract
from judge.obligation import symbol
from judge.prove.solver import Z3
from judge.subset import Candidate
from judge.symbolic import term as T
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
)
from judge.symbolic.values import Unsupported

MAX_LENGTH = 200


class NoWitness(Exception):
    """The model gives no usable argument."""


class _Reader:
    def __init__(self, z3: Z3, model: Any) -> None:
        self.z = z3.z3
        self.ctx = z3.context
        self.model = model

    def sort(self, text: str) -> Any:
        if text == T.INT:
            return self.z.IntSort(self.ctx)
        if text == T.BOOL:
            return self.z.BoolSort(self.ctx)
        if text == FLOAT:
            return self.z.FPSort(11, 53, self.ctx)
        return self.z.ArraySort(self.z.IntSort(self.ctx), self.sort(text[len("(Array Int ") : -1]))

    def leaf(self, name: str, sort: str, indices: tuple[int, ...]) -> Any:
        for _ in indices:
            sort = f"(Array Int {sort})"
        term = self.z.Const(symbol(name), self.sort(sort))
        for index in indices:
            term = self.z.Select(term, self.z.IntVal(index, self.ctx))
        return self.model.eval(term, model_completion=True)

    def integer(self, name: str, indices: tuple[int, ...]) -> int:
        value = self.leaf(name, T.INT, indices)
        if not self.z.is_int_value(value):
            raise NoWitness
        return int(value.as_long())

    def value(self, shape: Shape, name: str, indices: tuple[int, ...] = ()) -> object:
        if isinstance(shape, Scalar):
            return self.scalar(shape.kind, name, indices)
        if isinstance(shape, TupleShape):
            return tuple(self.value(s, f"{name}.{n}", indices) for n, s in enumerate(shape.items))
        if isinstance(shape, ListShape) and shape.element is not None:
            return self.items(shape.element, name, indices)
        if isinstance(shape, ChoiceShape):
            tag = self.integer(f"{name}.kind", indices)
            last = len(shape.options) - 1
            if 0 <= tag < last:
                return self.value(shape.options[tag], f"{name}.{tag}", indices)
            return self.value(shape.options[last], f"{name}.last", indices)
        if isinstance(shape, DictShape):
            return self.table(shape, name)
        if isinstance(shape, VarTupleShape):
            return tuple(self.items(shape.element, name, indices))
        if isinstance(shape, SetShape):
            return self.members(shape, name)
        return []

    def table(self, shape: DictShape, name: str) -> object:
        """A dict, where its keys and values are sequences (see ``symbolic.forks``)."""
        if shape.key is None or shape.value is None or not self.named(f"{name}.key.len"):
            raise NoWitness
        keys = self.items(shape.key, f"{name}.key", ())
        by_key = shape.key == Scalar("int") and self.named(f"{name}.has")
        places = [k for k in keys if isinstance(k, int)] if by_key else list(range(len(keys)))
        part = f"{name}.value" if by_key else f"{name}.value.at"
        values = [self.value(shape.value, part, (k,)) for k in places]
        return dict(zip(keys, values, strict=True))

    def members(self, shape: SetShape, name: str) -> object:
        """A set, where its members are a sequence."""
        if shape.element is None or not self.named(f"{name}.len"):
            raise NoWitness
        return set(self.items(shape.element, name, ()))

    def named(self, name: str) -> bool:
        """Whether the model speaks of a constant."""
        wanted = symbol(name)
        return any(str(d.name()) == wanted for d in self.model.decls())

    def scalar(self, kind: str, name: str, indices: tuple[int, ...]) -> object:
        if kind == "int":
            return self.integer(name, indices)
        if kind == "bool":
            return bool(self.z.is_true(self.leaf(name, T.BOOL, indices)))
        if kind == "none":
            return None
        if kind == "float":
            return self.number(self.leaf(name, FLOAT, indices))
        codes = self.items(Scalar("int"), name, indices)
        if not all(isinstance(c, int) and 0 <= c <= 0x10FFFF for c in codes):
            raise NoWitness
        return "".join(chr(c) for c in codes if isinstance(c, int))

    def items(self, element: Shape, name: str, indices: tuple[int, ...]) -> list[object]:
        length = max(0, self.integer(f"{name}.len", indices))
        if length > MAX_LENGTH:
            raise NoWitness
        return [self.value(element, f"{name}.at", (*indices, k)) for k in range(length)]

    def number(self, value: Any) -> float:
        import struct

        if not self.z.is_fp_value(value):
            raise NoWitness
        if value.isNaN():
            return float("nan")
        sign = -1.0 if value.isNegative() else 1.0
        if value.isInf():
            return sign * float("inf")
        if value.isZero():
            return sign * 0.0
        exponent = int(value.exponent_as_long(biased=True))
        bits = (int(sign < 0) << 63) | (exponent << 52) | int(value.significand_as_long())
        (number,) = struct.unpack(">d", struct.pack(">Q", bits))
        assert isinstance(number, float)
        return number


Standing = Literal["certain", "possible", "none"]


def standing(candidate: Candidate, contract: Contract, args: tuple[object, ...] | None) -> Standing:
    """How a claimed counterexample fares when our own semantics is run on it.

    What a formula leaves open about a fold can give models of no real run; those are caught here
    (``none``). Where our semantics cannot be run to the end, the claim is ``possible``.
    """
    from judge.prove.traces import NotPlain, to_value
    from judge.symbolic.function import violates

    if args is None:
        return "none"
    try:
        with T.fresh_table():
            names = [n for n, _ in candidate.parameters]
            inputs = {n: to_value(a) for n, a in zip(names, args, strict=True)}
            broken = violates(candidate, contract, inputs)
    except (Unsupported, NotPlain, RecursionError):
        return "possible"
    if broken is None:
        return "possible"
    return "certain" if broken else "none"


def arguments(z3: Z3, model: Any, shapes: dict[str, Shape]) -> tuple[object, ...] | None:
    """The arguments that a model claims, in parameter order; None when it gives none."""
    reader = _Reader(z3, model)
    try:
        return tuple(reader.value(shape, name) for name, shape in shapes.items())
    except NoWitness:
        return None
