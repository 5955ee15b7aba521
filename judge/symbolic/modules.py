"""The few functions and constants of the standard library that are modelled.

An import binds a name to a path; what the path means is looked up where it is used, so an import
that nothing modelled needs does no harm. What is not in the tables here is refused by its name.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import math
import string
import sys
from collections.abc import Callable

from judge.symbolic import divisors, floats, seqs
from judge.symbolic import term as T
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.numbers import as_int
from judge.symbolic.values import (
    DictV,
    FloatV,
    ImportedV,
    IntV,
    IterV,
    NoneV,
    Seq,
    Single,
    TupleV,
    Unsupported,
    Value,
)

Module = Callable[[Machine, list[Value], int], Value]

_CONSTANTS: dict[str, object] = {
    "math.pi": math.pi,
    "math.e": math.e,
    "math.tau": math.tau,
    "math.inf": math.inf,
    "math.nan": math.nan,
    "sys.maxsize": sys.maxsize,
    "string.ascii_lowercase": string.ascii_lowercase,
    "string.ascii_uppercase": string.ascii_uppercase,
    "string.ascii_letters": string.ascii_letters,
    "string.digits": string.digits,
    "string.hexdigits": string.hexdigits,
    "string.punctuation": string.punctuation,
    "string.whitespace": string.whitespace,
}


def attribute(value: ImportedV, name: str) -> Value:
    """``module.name``."""
    path = f"{value.path}.{name}"
    constant = _CONSTANTS.get(path)
    if isinstance(constant, float):
        return FloatV(floats.constant(constant))
    if isinstance(constant, int):
        return IntV(T.num(constant))
    if isinstance(constant, str):
        return seqs.text(constant)
    return ImportedV(path)


def constant(path: str) -> Value:
    """What ``from module import name`` binds."""
    module, _, name = path.rpartition(".")
    return attribute(ImportedV(module), name) if module else ImportedV(path)


def module_call(
    m: Machine, path: str, args: list[Value], keywords: dict[str, Value], line: int
) -> Value:
    """A call of an imported function."""
    run = _FUNCTIONS.get(path)
    if run is None or keywords:
        what = "keyword arguments of " if run is not None else ""
        raise Unsupported(f"{what}{path}()", line)
    return run(m, [m.plain(a) for a in args], line)


def imported(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """The names that an import binds, and what they stand for."""
    names: dict[str, str] = {}
    for alias in node.names:
        if alias.name == "*":
            if not isinstance(node, ast.ImportFrom) or node.module not in _STARRED:
                raise Unsupported("a starred import", node.lineno)
            module = importlib.import_module(node.module)
            public = getattr(module, "__all__", [n for n in vars(module) if n[0] != "_"])
            names.update({n: f"{node.module}.{n}" for n in public})
            continue
        if isinstance(node, ast.ImportFrom):
            names[alias.asname or alias.name] = f"{'.' * node.level}{node.module}.{alias.name}"
        elif alias.asname:
            names[alias.asname] = alias.name
        else:
            names[alias.name.split(".")[0]] = alias.name.split(".")[0]
    return names


_STARRED = {"bisect", "collections", "functools", "heapq", "itertools", "math", "string", "typing"}
"""Modules of which ``import *`` is read: what they bind is known, builtins' names included."""


def _integers(m: Machine, args: list[Value], line: int) -> list[T.Term]:
    numbers = [as_int(a) for a in args]
    if any(n is None for n in numbers):
        raise m.type_error(line)
    return [n for n in numbers if n is not None]


def _gcd(m: Machine, args: list[Value], line: int) -> Value:
    numbers = [T.literal(n) for n in _integers(m, args, line)]
    if any(n is None for n in numbers):
        terms = _integers(m, args, line)
        if m.forks is not None or len(terms) != 2:
            raise Unsupported("math.gcd() of unknown integers", line)
        return IntV(divisors.gcd(*terms))
    return IntV(T.num(math.gcd(*(int(n) for n in numbers if n is not None))))


def _lcm(m: Machine, args: list[Value], line: int) -> Value:
    terms = _integers(m, args, line)
    numbers = [T.literal(n) for n in terms]
    if None not in numbers:
        return IntV(T.num(math.lcm(*(int(n) for n in numbers if n is not None))))
    if m.forks is not None or len(terms) != 2:
        raise Unsupported("math.lcm() of unknown integers", line)
    return IntV(divisors.lcm(*terms))


def _isqrt(m: Machine, args: list[Value], line: int) -> Value:
    if len(args) != 1:
        raise m.type_error(line)
    (number,) = _integers(m, args, line)
    m.raise_if(T.lt(number, T.num(0)), "ValueError", line)
    known = T.literal(number)
    if known is not None:
        if known < 0:
            raise Dead
        return IntV(T.num(math.isqrt(known)))
    return IntV(T.app("math.isqrt", [number], T.INT))


def _sqrt(m: Machine, args: list[Value], line: int) -> Value:
    if len(args) != 1:
        raise m.type_error(line)
    (value,) = args
    number = floats.literal(value.term) if isinstance(value, FloatV) else None
    whole = as_int(value)
    if whole is not None:
        known = T.literal(whole)
        number = None if known is None or abs(known) > 2**53 else float(known)
    elif not isinstance(value, FloatV):
        raise m.type_error(line)
    if number is None:
        raise Unsupported("math.sqrt() of an unknown number", line)
    if number < 0:
        m.raise_if(T.true(), "ValueError", line)
        raise Dead
    return FloatV(floats.constant(math.sqrt(number)))


def _rounded(kind: str) -> Module:
    table: dict[str, Callable[[float], int]] = {
        "floor": math.floor,
        "ceil": math.ceil,
        "trunc": math.trunc,
    }
    run = table[kind]

    def convert(m: Machine, args: list[Value], line: int) -> Value:
        if len(args) != 1:
            raise m.type_error(line)
        whole = as_int(args[0])
        if whole is not None:
            return IntV(whole)
        if not isinstance(args[0], FloatV):
            raise m.type_error(line)
        number = floats.literal(args[0].term)
        if number is None:
            raise Unsupported(f"math.{kind}() of an unknown float", line)
        if not math.isfinite(number):
            m.raise_if(T.true(), "ValueError" if math.isnan(number) else "OverflowError", line)
            raise Dead
        return IntV(T.num(run(number)))

    return convert


def _factorial(m: Machine, args: list[Value], line: int) -> Value:
    if len(args) != 1:
        raise m.type_error(line)
    (number,) = _integers(m, args, line)
    m.raise_if(T.lt(number, T.num(0)), "ValueError", line)
    known = T.literal(number)
    if known is None and m.forks is None:
        return IntV(divisors.factorial(number))
    if known is None or known > 200:
        raise Unsupported("math.factorial() of an unknown or large integer", line)
    if known < 0:
        raise Dead
    return IntV(T.num(math.factorial(known)))


def _counter(m: Machine, args: list[Value], line: int) -> Value:
    """``Counter(iterable)``: keys in the order of their first appearance."""
    from judge.symbolic import dicts
    from judge.symbolic.calls import _elements
    from judge.symbolic.ordering import singles

    if len(args) > 1:
        raise m.type_error(line)
    result = dicts.of_entries((), default=IntV(T.num(0)))
    if args and isinstance(args[0], DictV):
        raise Unsupported("Counter() of a dict", line)
    items = singles(_elements(m, args[0], line, eager=True), "Counter()", line) if args else []
    for item in items:
        before = as_int(dicts.get_or(m, result, item, IntV(T.num(0)), line))
        assert before is not None
        result = dicts.with_item(m, result, item, IntV(T.add(before, T.num(1))), line)
    return result


def _defaultdict(m: Machine, args: list[Value], line: int) -> Value:
    from judge.symbolic import dicts

    if len(args) != 1 or isinstance(args[0], NoneV):
        raise Unsupported("defaultdict() with these arguments", line)
    return dicts.of_entries((), default=args[0])


def _reduce(m: Machine, args: list[Value], line: int) -> Value:
    from judge.symbolic.calls import _elements
    from judge.symbolic.closures import call_value
    from judge.symbolic.ordering import singles

    if len(args) not in (2, 3):
        raise m.type_error(line)
    items = singles(_elements(m, args[1], line), "reduce()", line)
    if len(args) == 3:
        items = [args[2], *items]
    if not items:
        raise m.type_error(line)
    value = items[0]
    for item in items[1:]:
        value = call_value(m, args[0], [value, item], line)
    return value


def _prod(m: Machine, args: list[Value], line: int) -> Value:
    from judge.symbolic.calls import _elements
    from judge.symbolic.ordering import singles

    if len(args) != 1:
        raise m.type_error(line)
    product = T.num(1)
    for item in singles(_elements(m, args[0], line, any_order=True), "math.prod()", line):
        number = as_int(m.plain(item))
        if number is None:
            raise Unsupported("math.prod() of anything but integers", line)
        product = T.mul(product, number)
    return IntV(product)


def _combinations(kind: str) -> Module:
    """``itertools``: combinations, permutations or product, of few elements."""

    def run(m: Machine, args: list[Value], line: int) -> Value:
        from judge.symbolic.calls import _elements
        from judge.symbolic.ordering import singles

        what = f"itertools.{kind}()"
        pools = args if kind == "product" else args[:1]
        columns = [singles(_elements(m, a, line), what, line) for a in pools]
        size = T.literal(_integers(m, args[1:], line)[0]) if len(args) == 2 else None
        if kind != "product" and (not args or len(args) > 2):
            raise m.type_error(line)
        if kind != "product" and len(args) == 2 and size is None:
            raise Unsupported(f"{what} of unknown size", line)
        if kind == "combinations" and size is None:
            raise m.type_error(line)
        if size is not None and size < 0:
            m.raise_if(T.true(), "ValueError", line)
            raise Dead
        made = (
            itertools.product(*columns)
            if kind == "product"
            else itertools.combinations(columns[0], int(size or 0))
            if kind == "combinations"
            else itertools.permutations(columns[0], None if size is None else int(size))
        )
        rows = list(itertools.islice(made, 501))
        if len(rows) > 500:
            raise Unsupported(f"{what} of so many elements", line)
        return IterV(Seq(tuple(Single(TupleV(tuple(map(m.stored, r)))) for r in rows)))

    return run


_FUNCTIONS: dict[str, Module] = {
    "collections.Counter": _counter,
    "collections.defaultdict": _defaultdict,
    "functools.reduce": _reduce,
    "itertools.combinations": _combinations("combinations"),
    "itertools.permutations": _combinations("permutations"),
    "itertools.product": _combinations("product"),
    "math.prod": _prod,
    "math.gcd": _gcd,
    "math.isqrt": _isqrt,
    "math.lcm": _lcm,
    "math.sqrt": _sqrt,
    "math.floor": _rounded("floor"),
    "math.ceil": _rounded("ceil"),
    "math.trunc": _rounded("trunc"),
    "math.factorial": _factorial,
}


__all__ = ["attribute", "constant", "imported", "module_call"]
