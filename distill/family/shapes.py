"""Draws functions of the family: which shapes there are and how their slots are filled.

A shape is a pattern such as "an operation on the largest of some values" or "the sum of the mapped
elements that pass a test". ``family`` names shape and operators without names and constants: tasks
of one family share everything but those, and no family is on both sides of a split.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from distill.family.syntax import (
    Binary,
    Both,
    Clamp,
    Collect,
    Compare,
    Const,
    Distance,
    Divides,
    Expr,
    Fold,
    Guard,
    If,
    Let,
    Negate,
    Node,
    Pick,
    Square,
    Var,
    children,
    walk,
)

_NUMBERS = tuple("abcdhjkmnpqrtuwyz")
_LISTS = ("xs", "nums", "values", "items", "data")
_LOCALS = ("base", "part", "mid")


@dataclass(frozen=True, slots=True)
class Shape:
    """One drawn function: its category, its body, and its parameters with their types."""

    category: str
    body: Expr
    parameters: tuple[tuple[str, str], ...]
    returns: str


class _Draw:
    """Random choices over one task's own names."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.names = [Var(name) for name in random.sample(_NUMBERS, 5)]
        self.list = Var(random.choice(_LISTS))
        self.element = "x"
        self.local = random.choice(_LOCALS)

    def constant(self, low: int = 1, high: int = 20) -> Const:
        return Const(self.random.randint(low, high))

    def divisor(self) -> Const:
        return self.constant(2, 9)

    def atom(self, count: int = 3) -> Expr:
        """A parameter, or now and then a constant."""
        if self.random.random() < 0.25:
            return self.constant()
        return self.random.choice(self.names[:count])

    def variable(self, count: int = 2) -> Var:
        return self.random.choice(self.names[:count])

    def simple(self, count: int = 2) -> Expr:
        """One operation on atoms."""
        op = self.random.choice(("add", "sub", "mul", "add", "sub"))
        left = self.variable(count)
        if op == "mul":
            return Binary("mul", left, self.constant(2, 9))
        others = [name for name in self.names[:count] if name != left]
        right: Expr = self.random.choice(others) if others else self.constant()
        return Binary(op, left, right if self.random.random() < 0.5 else self.constant())

    def shifted(self) -> Expr:
        """A parameter plus or minus something: what a later operation does not swallow."""
        right: Expr = self.names[1] if self.random.random() < 0.5 else self.constant()
        return Binary(self.random.choice(("add", "sub")), self.names[0], right)

    def value(self, count: int = 2) -> Expr:
        """A branch of a piecewise rule: an atom or one operation."""
        return self.simple(count) if self.random.random() < 0.6 else self.atom(count)

    def outer(self, inner: Expr) -> Expr:
        """One more operation on ``inner``."""
        return self.apply(self.random.choice(("add", "sub", "mul", "div", "mod")), inner)

    def apply(self, op: str, inner: Expr) -> Expr:
        if op == "clamp":
            low = self.constant(0, 9)
            return Clamp(inner, low, Const(low.value + self.random.randint(2, 30)))
        return Binary(op, inner, self.constant() if op in ("add", "sub") else self.divisor())

    def compare(self, left: Expr, right: Expr) -> Compare:
        return Compare(self.random.choice(("gt", "ge", "lt", "le", "eq", "ne")), left, right)

    def guard(self, count: int = 2) -> Guard:
        """A simple test of one parameter against a constant, another, or a divisor."""
        left = self.variable(count)
        if self.random.random() < 0.25:
            return self.divides(left)
        others = [name for name in self.names[:count] if name != left]
        if others and self.random.random() < 0.3:
            return self.above(left, self.random.choice(others))
        return self.above(left, self.constant())

    def above(self, left: Expr, right: Expr) -> Compare:
        """A rule's test: rules are told by what is reached, lists by any comparison."""
        return Compare(self.random.choice(("gt", "ge", "gt", "ge", "eq")), left, right)

    def divides(self, body: Expr) -> Divides:
        divisor = 2 if self.random.random() < 0.6 else self.random.randint(3, 9)
        return Divides(body, divisor, self.random.random() < 0.6)

    def mapped(self, *, plain: float) -> Expr:
        """The mapped element; ``plain`` is the probability of the element itself."""
        element = Var(self.element)
        if self.random.random() < plain:
            return element
        op = self.random.choice(("add", "sub", "mul", "square", "negate"))
        if op == "square":
            return Square(element)
        if op == "negate":
            return Negate(element)
        return Binary(op, element, self.constant(3, 9))

    def keep(self, *, double: float = 0.0) -> Guard:
        element = Var(self.element)
        if self.random.random() < double:
            op = self.random.choice(("and", "or"))
            bound = Compare(self.random.choice(("gt", "ge", "lt", "le")), element, self.constant())
            return Both(op, bound, self.divides(element))
        if self.random.random() < 0.3:
            return self.divides(element)
        right: Expr = self.names[0] if self.random.random() < 0.2 else self.constant()
        return self.compare(element, right)


def _arithmetic(draw: _Draw) -> Expr:
    inner = draw.simple()
    op = draw.random.choice(("add", "sub", "mul"))
    folded = isinstance(inner, Binary) and isinstance(inner.right, Const)
    if op != "mul" and (folded or draw.random.random() < 0.5):
        return Binary(op, inner, draw.names[2])
    return draw.apply(op, inner)


def _choice(draw: _Draw) -> Expr:
    count = draw.random.choice((2, 2, 2, 2, 3, 3, 4, 5))
    items: list[Expr] = list(draw.names[:count])
    inner = count == 2 or (count == 3 and draw.random.random() < 0.5)
    if inner and draw.random.random() < 0.6:
        op = draw.random.choice(("add", "sub"))
        items[-1] = Binary(op, items[-1], draw.constant())
    pick = Pick(draw.random.choice(("max", "min")), tuple(items))
    plain = all(isinstance(item, Var) for item in items)
    again = count == 2 or (count == 3 and plain)
    return draw.outer(pick) if again and draw.random.random() < 0.6 else pick


def _clamp(draw: _Draw) -> Expr:
    if draw.random.random() < 0.6:
        return draw.apply("clamp", draw.shifted())
    body = draw.apply("clamp", draw.names[0])
    again = draw.random.random() < 0.5
    return draw.apply(draw.random.choice(("add", "sub")), body) if again else body


def _distance(draw: _Draw) -> Expr:
    left: Expr = draw.names[0] if draw.random.random() < 0.6 else draw.simple(1)
    body = Distance(left, draw.names[1])
    return draw.outer(body) if draw.random.random() < 0.7 else body


def _modulus(draw: _Draw) -> Expr:
    inner = draw.shifted() if draw.random.random() < 0.7 else draw.names[0]
    body = draw.apply("mod", inner)
    if draw.random.random() < 0.5:
        return draw.apply(draw.random.choice(("add", "sub", "mul")), body)
    return body


def _division(draw: _Draw) -> Expr:
    inner = draw.shifted() if draw.random.random() < 0.7 else draw.names[0]
    body = draw.apply("div", inner)
    return (
        draw.apply(draw.random.choice(("add", "sub")), body) if draw.random.random() < 0.5 else body
    )


def _distinct(draw: _Draw, taken: tuple[Expr, ...], make: Callable[[], Expr]) -> Expr:
    value = make()
    while value in taken:
        value = make()
    return value


def _piecewise(draw: _Draw) -> Expr:
    guard = draw.guard()
    if draw.random.random() < 0.25:
        second = draw.above(draw.names[1], draw.constant())
        op = draw.random.choice(("and", "or"))
        guard = Both(op, draw.above(draw.names[0], draw.constant()), second)
    then = draw.value()
    while _settled(guard, then):
        then = draw.value()
    other = _distinct(draw, (then,), draw.value)
    return If(guard, then, other)


def _settled(guard: Guard, then: Expr) -> bool:
    """Whether ``guard`` says what a parameter is that ``then`` computes with: a hidden constant."""
    parts = (guard.left, guard.right) if isinstance(guard, Both) else (guard,)
    known = [part.left for part in parts if isinstance(part, Compare) and part.op in ("eq", "ne")]
    return any(node in known for node in walk(then))


def _rules(draw: _Draw) -> Expr:
    first = draw.above(draw.names[0], draw.constant(11, 20))
    second = draw.above(draw.names[0], draw.constant(1, 9))
    one = draw.atom(2)
    while _settled(first, one):
        one = draw.atom(2)
    two = _distinct(draw, (one,), draw.value)
    while _settled(second, two):
        two = _distinct(draw, (one,), draw.value)
    return If(first, one, If(second, two, _distinct(draw, (one, two), lambda: draw.atom(2))))


def _let(draw: _Draw) -> Expr:
    name = Var(draw.local)
    inner = Distance(*draw.names[:2]) if draw.random.random() < 0.3 else draw.simple()
    body: Expr
    if draw.random.random() < 0.5:
        body = Pick(draw.random.choice(("max", "min")), (draw.names[2], name))
    else:
        body = Binary(draw.random.choice(("add", "sub")), name, draw.names[2])
    return Let(draw.local, inner, body)


def _fold(draw: _Draw) -> Expr:
    kind = draw.random.choice(("sum", "sum", "count", "max", "min"))
    keep = draw.keep(double=0.15) if kind == "count" or draw.random.random() < 0.75 else None
    each = Var(draw.element) if kind == "count" else draw.mapped(plain=0.3 if keep else 0.0)
    default = None
    if kind in ("max", "min") and (keep is not None or draw.random.random() < 0.5):
        default = draw.random.randint(0, 9)
    return Fold(kind, draw.list, draw.element, each, keep, default)


def _fold_then(draw: _Draw) -> Expr:
    kind = draw.random.choice(("sum", "count"))
    fold = Fold(kind, draw.list, draw.element, Var(draw.element), draw.keep())
    ops = ("add", "sub", "mul") if kind == "sum" else ("add", "sub")
    return draw.apply(draw.random.choice(ops), fold)


def _collect(draw: _Draw) -> Expr:
    keep = draw.keep(double=0.15) if draw.random.random() < 0.8 else None
    return Collect(draw.list, draw.element, draw.mapped(plain=0.35 if keep else 0.0), keep)


_SHAPES: dict[str, tuple[int, Callable[[_Draw], Expr]]] = {
    "arithmetic": (8, _arithmetic),
    "choice": (12, _choice),
    "clamp": (8, _clamp),
    "distance": (8, _distance),
    "modulus": (7, _modulus),
    "division": (7, _division),
    "piecewise": (12, _piecewise),
    "rules": (8, _rules),
    "let": (8, _let),
    "fold": (16, _fold),
    "fold_then": (8, _fold_then),
    "collect": (12, _collect),
}
CATEGORIES = tuple(_SHAPES)


def draw(random: Random, category: str | None = None) -> Shape:
    """Draw one function; ``category`` (one of ``CATEGORIES``) is drawn by weight when None."""
    if category is None:
        weights = [weight for weight, _ in _SHAPES.values()]
        category = random.choices(CATEGORIES, weights)[0]
    choices = _Draw(random)
    return shape(category, _SHAPES[category][1](choices))


def shape(category: str, body: Expr) -> Shape:
    """Wrap ``body`` with the parameters it uses, in order of use."""
    names: dict[str, str] = {}
    _parameters(body, frozenset(), names)
    returns = "list[int]" if isinstance(body, Collect) else "int"
    return Shape(category, body, tuple(names.items()), returns)


def _parameters(node: Node, bound: frozenset[str], names: dict[str, str]) -> None:
    match node:
        case Var(name):
            if name not in bound:
                names.setdefault(name, "int")
        case Fold() | Collect():
            names.setdefault(node.source.name, "list[int]")
            for part in (node.each, node.keep):
                if part is not None:
                    _parameters(part, bound | {node.element}, names)
        case Let(name, value, body):
            _parameters(value, bound, names)
            _parameters(body, bound | {name}, names)
        case _:
            for child in children(node):
                _parameters(child, bound, names)


def family(node: Node) -> str:
    """Return shape and operators of ``node`` without names and constants."""
    match node:
        case Var():
            return "v"
        case Const():
            return "k"
    word = type(node).__name__.lower()
    for attribute in ("op", "kind"):
        word = getattr(node, attribute, word)
    if isinstance(node, Divides):
        word = (
            ("even" if node.holds else "odd")
            if node.divisor == 2
            else ("divides" if node.holds else "leaves")
        )
    if isinstance(node, Fold):
        below = [family(node.each), family(node.keep) if node.keep else "all"]
        below += ["default"] if node.default is not None else []
    elif isinstance(node, Collect):
        below = [family(node.each), family(node.keep) if node.keep else "all"]
    else:
        below = [family(child) for child in children(node)]
    return f"{word}({','.join(below)})"
