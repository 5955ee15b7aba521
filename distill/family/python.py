"""The family's functions as Python text, in two styles.

``expression`` is what contracts and one-line answers use; ``function`` writes a whole function,
as one expression (``concise``), with early returns (``guards``), or also with loops (``steps``).
"""

from __future__ import annotations

from collections.abc import Sequence

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
    substitute,
)

_SYMBOL = {
    "add": "+", "sub": "-", "mul": "*", "div": "//", "mod": "%",
    "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!=",
}  # fmt: skip
# Binding strength, loosest first; an operand that binds looser than its place gets parentheses.
_TERNARY, _OR, _AND, _COMPARE, _SUM, _PRODUCT, _UNARY, _ATOM = range(8)


def expression(node: Node) -> str:
    """Return ``node`` as one Python expression with as few parentheses as it needs."""
    return _write(node, _TERNARY)


def operand(node: Node) -> str:
    """Return ``node`` as an expression that may stand beside ``==``."""
    return _write(node, _SUM)


def _write(node: Node, place: int) -> str:
    text, strength = _text(node)
    return f"({text})" if strength < place else text


def _text(node: Node) -> tuple[str, int]:
    match node:
        case Var(name):
            return name, _ATOM
        case Const(value):
            return str(value), _ATOM if value >= 0 else _UNARY
        case Binary(op, left, right):
            strength = _SUM if op in ("add", "sub") else _PRODUCT
            return f"{_write(left, strength)} {_SYMBOL[op]} {_write(right, strength + 1)}", strength
        case Square(body):
            inner = _write(body, _PRODUCT + 1)
            return f"{inner} * {inner}", _PRODUCT
        case Negate(body):
            return f"-{_write(body, _ATOM)}", _UNARY
        case Pick(kind, items):
            return f"{kind}({', '.join(expression(item) for item in items)})", _ATOM
        case Distance(left, right):
            return f"abs({expression(Binary('sub', left, right))})", _ATOM
        case Clamp(body, low, high):
            return f"max(min({expression(body)}, {high.value}), {low.value})", _ATOM
        case Let(name, value, body):
            return _text(substitute(body, name, value))
        case If(guard, then, other):
            words = _write(then, _OR), _write(guard, _OR), _write(other, _TERNARY)
            return "{} if {} else {}".format(*words), _TERNARY
        case Fold():
            return _fold(node), _ATOM
        case Collect():
            return f"[{_clause(node)}]", _ATOM
        case _:
            return _guard(node)


def _guard(node: Guard) -> tuple[str, int]:
    match node:
        case Compare(op, left, right):
            return f"{_write(left, _SUM)} {_SYMBOL[op]} {_write(right, _SUM)}", _COMPARE
        case Divides(body, divisor, positive):
            if divisor == 2 and not positive:
                return f"{_write(body, _PRODUCT)} % 2 == 1", _COMPARE
            sign = "==" if positive else "!="
            return f"{_write(body, _PRODUCT)} % {divisor} {sign} 0", _COMPARE
        case Both(op, left, right):
            strength = _AND if op == "and" else _OR
            return f"{_write(left, strength)} {op} {_write(right, strength + 1)}", strength


def _clause(node: Fold | Collect) -> str:
    text = f"{expression(node.each)} for {node.element} in {node.source.name}"
    return text if node.keep is None else f"{text} if {expression(node.keep)}"


def _fold(node: Fold) -> str:
    plain = node.each == Var(node.element) and node.keep is None
    if node.kind == "count":
        return f"len({node.source.name})" if plain else f"len([{_clause(node)}])"
    body = node.source.name if plain else _clause(node)
    if node.default is None:
        return f"{node.kind}({body})"
    inner = body if plain else f"({body})"
    return f"{node.kind}({inner}, default={node.default})"


def signature(name: str, parameters: Sequence[tuple[str, str]], returns: str) -> str:
    """Return ``def name(a: int, xs: list[int]) -> int`` (no colon at the end)."""
    inside = ", ".join(f"{parameter}: {kind}" for parameter, kind in parameters)
    return f"def {name}({inside}) -> {returns}"


def function(head: str, body: Expr, style: str) -> str:
    """Return the function with signature ``head``.

    ``style`` is ``concise`` (one expression), ``guards`` (rules as early returns) or ``steps``
    (early returns and loops).
    """
    lines = {"concise": _concise, "guards": _guards, "steps": _steps}[style](body)
    return "\n".join([f"{head}:", *(f"    {line}" for line in lines)]) + "\n"


def _concise(node: Expr) -> list[str]:
    if isinstance(node, Let):
        return [f"{node.name} = {expression(node.value)}", *_concise(node.body)]
    return [f"return {expression(node)}"]


def _guards(node: Expr) -> list[str]:
    match node:
        case Let(name, value, body):
            return [f"{name} = {expression(value)}", *_guards(body)]
        case If(guard, then, other):
            return [f"if {expression(guard)}:", *_indent(_guards(then)), *_guards(other)]
        case _:
            return _concise(node)


def _steps(node: Expr) -> list[str]:
    match node:
        case Let(name, value, body):
            return [f"{name} = {expression(value)}", *_steps(body)]
        case If(guard, then, other):
            return [f"if {expression(guard)}:", *_indent(_steps(then)), *_steps(other)]
        case Pick(kind, (left, right)):
            sign = ">=" if kind == "max" else "<="
            test = f"if {_write(left, _SUM)} {sign} {_write(right, _SUM)}:"
            return [test, *_indent(_concise(left)), *_concise(right)]
        case Clamp(body, low, high):
            text = _write(body, _SUM)
            return [
                f"if {text} < {low.value}:", f"    return {low.value}",
                f"if {text} > {high.value}:", f"    return {high.value}",
                f"return {text}",
            ]  # fmt: skip
        case Fold("sum" | "count"):
            step = expression(node.each) if node.kind == "sum" else "1"
            return ["total = 0", *_loop(node, f"total += {step}"), "return total"]
        case Collect():
            return ["out = []", *_loop(node, f"out.append({expression(node.each)})"), "return out"]
        case _:
            return _concise(node)


def _loop(node: Fold | Collect, action: str) -> list[str]:
    lines = [action] if node.keep is None else [f"if {expression(node.keep)}:", f"    {action}"]
    return [f"for {node.element} in {node.source.name}:", *_indent(lines)]


def _indent(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
