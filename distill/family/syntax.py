"""The abstract syntax of the task family: small functions over integers and lists of integers.

Every node is a frozen value. ``evaluate`` gives its meaning directly, so that the Python text and
the English text (other files) can both be tested against it. What it is not: a general language;
multiplication is by constants only, so that every integer task stays linear and provable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast

Value = int | bool | list[int]


@dataclass(frozen=True, slots=True)
class Var:
    """A parameter, a let-bound name or the element of a list."""

    name: str


@dataclass(frozen=True, slots=True)
class Const:
    """An integer constant."""

    value: int


@dataclass(frozen=True, slots=True)
class Binary:
    """``op`` is one of add, sub, mul, div, mod; the right side of mul, div, mod is a constant."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Square:
    """A value times itself; only over the element of a list."""

    body: Expr


@dataclass(frozen=True, slots=True)
class Negate:
    """The value with its sign changed; only over the element of a list."""

    body: Expr


@dataclass(frozen=True, slots=True)
class Pick:
    """The largest (``max``) or smallest (``min``) of two to five values."""

    kind: str
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Distance:
    """The absolute difference of two values."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Clamp:
    """``body`` limited to the closed range from ``low`` to ``high``, where ``low <= high``."""

    body: Expr
    low: Const
    high: Const


@dataclass(frozen=True, slots=True)
class Compare:
    """``op`` is one of gt, ge, lt, le, eq, ne."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Divides:
    """Whether ``body`` is (``holds``) or is not a multiple of ``divisor``; 2 reads as even/odd."""

    body: Expr
    divisor: int
    holds: bool


@dataclass(frozen=True, slots=True)
class Both:
    """``op`` is ``and`` or ``or`` over two simple guards."""

    op: str
    left: Guard
    right: Guard


@dataclass(frozen=True, slots=True)
class If:
    """``then`` where ``guard`` holds, otherwise ``other``."""

    guard: Guard
    then: Expr
    other: Expr


@dataclass(frozen=True, slots=True)
class Let:
    """``body`` in which ``name`` stands for ``value``."""

    name: str
    value: Expr
    body: Expr


@dataclass(frozen=True, slots=True)
class Fold:
    """``kind`` (sum, count, max, min) over the elements of a list that pass ``keep``, each mapped.

    ``element`` names the loop variable, ``each`` is the mapped element (``Var(element)`` for none).
    ``default`` is what max and min give when nothing passes; None needs a non-empty list.
    """

    kind: str
    source: Var
    element: str
    each: Expr
    keep: Guard | None = None
    default: int | None = None


@dataclass(frozen=True, slots=True)
class Collect:
    """The list of the mapped elements that pass ``keep``, in order."""

    source: Var
    element: str
    each: Expr
    keep: Guard | None = None


Guard = Compare | Divides | Both
Expr = Var | Const | Binary | Square | Negate | Pick | Distance | Clamp | If | Let | Fold | Collect
Node = Expr | Guard

_COMPARE = {
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
}
_BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a // b,
    "mod": lambda a, b: a % b,
}
Environment = Mapping[str, "int | list[int]"]


def number(node: Expr, env: Environment) -> int:
    """Return the integer that ``node`` means under ``env``; ``ValueError`` for a list."""
    value = evaluate(node, env)
    if not isinstance(value, int):
        raise ValueError(f"{type(node).__name__} is a list where a number is needed")
    return value


def holds(guard: Guard, env: Environment) -> bool:
    """Return whether ``guard`` is true under ``env``."""
    match guard:
        case Compare(op, left, right):
            return bool(_COMPARE[op](number(left, env), number(right, env)))
        case Divides(body, divisor, positive):
            return (number(body, env) % divisor == 0) == positive
        case Both(op, left, right):
            first, second = holds(left, env), holds(right, env)
            return (first and second) if op == "and" else (first or second)


def evaluate(node: Expr, env: Environment) -> int | list[int]:
    """Return what ``node`` means under ``env`` (names to integers or lists of integers)."""
    match node:
        case Var(name):
            return env[name]
        case Const(value):
            return value
        case Binary(op, left, right):
            return int(_BINARY[op](number(left, env), number(right, env)))
        case Square(body):
            return number(body, env) ** 2
        case Negate(body):
            return -number(body, env)
        case Pick(kind, items):
            values = [number(item, env) for item in items]
            return max(values) if kind == "max" else min(values)
        case Distance(left, right):
            return abs(number(left, env) - number(right, env))
        case Clamp(body, low, high):
            return max(low.value, min(number(body, env), high.value))
        case If(guard, then, other):
            return evaluate(then if holds(guard, env) else other, env)
        case Let(name, value, body):
            return evaluate(body, {**env, name: number(value, env)})
        case Fold():
            return _fold(node, env)
        case Collect(source, element, each, keep):
            return _mapped(source, element, each, keep, env)


def _mapped(
    source: Var, element: str, each: Expr, keep: Guard | None, env: Environment
) -> list[int]:
    values = env[source.name]
    if isinstance(values, int):
        raise ValueError(f"{source.name} is a number where a list is needed")
    inner = [{**env, element: value} for value in values]
    return [number(each, one) for one in inner if keep is None or holds(keep, one)]


def _fold(node: Fold, env: Environment) -> int:
    values = _mapped(node.source, node.element, node.each, node.keep, env)
    if node.kind == "sum":
        return sum(values)
    if node.kind == "count":
        return len(values)
    if not values:
        if node.default is None:
            raise ValueError(f"{node.kind} of an empty list")
        return node.default
    return max(values) if node.kind == "max" else min(values)


def children(node: Node) -> Iterator[Node]:
    """Yield the direct sub-nodes of ``node`` in order."""
    for field in fields(node):
        value = getattr(node, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if is_dataclass(item):
                yield item  # type: ignore[misc]


def walk(node: Node) -> Iterator[Node]:
    """Yield ``node`` and everything below it, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def substitute(node: Node, name: str, value: Expr) -> Node:
    """Return ``node`` with every ``Var(name)`` replaced by ``value``."""
    if isinstance(node, Var):
        return value if node.name == name else node
    changes: dict[str, Any] = {}
    for field in fields(node):
        old = getattr(node, field.name)
        if isinstance(old, tuple):
            changes[field.name] = tuple(substitute(item, name, value) for item in old)
        elif is_dataclass(old):
            changes[field.name] = substitute(cast(Node, old), name, value)
    return _replaced(node, changes)


def _replaced(node: Node, changes: dict[str, Any]) -> Node:
    """``dataclasses.replace`` over the union of all nodes."""
    return cast(Node, replace(cast(Any, node), **changes))


_OTHER = {
    "add": "sub", "sub": "add", "max": "min", "min": "max", "gt": "ge", "ge": "gt", "lt": "le",
    "le": "lt", "eq": "ne", "ne": "eq", "and": "or", "or": "and", "sum": "max", "count": "sum",
    "div": "mod", "mod": "div", "mul": "add",
}  # fmt: skip


def mutants(node: Node) -> Iterator[Node]:
    """Yield close relatives of ``node``: one operator, constant or operand changed each."""
    match node:
        case Const(value):
            yield Const(value + 1)
            yield Const(value - 1)
        case Binary(op, left, right) | Compare(op, left, right):
            yield replace(node, op=_OTHER[op])
            if op != "add" and not isinstance(right, Const):
                yield replace(node, left=right, right=left)
        case Pick(kind) | Fold(kind):
            if not (isinstance(node, Fold) and _OTHER[kind] == "max"):
                yield replace(node, kind=_OTHER[kind])
            elif node.keep is not None:
                yield replace(node, keep=None)
        case Divides(_, divisor, positive):
            yield replace(node, holds=not positive)
            yield replace(node, divisor=divisor + 1)
        case Both(op):
            yield replace(node, op=_OTHER[op])
        case If(_, then, other):
            yield replace(node, then=other, other=then)
        case Collect(_, _, _, keep) if keep is not None:
            yield replace(node, keep=None)
    for field in fields(node):
        old = getattr(node, field.name)
        if isinstance(old, tuple):
            for index, item in enumerate(old):
                for changed in mutants(item):
                    items = (*old[:index], changed, *old[index + 1 :])
                    yield _replaced(node, {field.name: items})
        elif is_dataclass(old):
            for changed in mutants(cast(Node, old)):
                yield _replaced(node, {field.name: changed})
