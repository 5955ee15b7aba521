"""What a Horn solver answers, as Python expressions: its relations, conjunct by conjunct.

Only linear arithmetic and truth values are read; a relation with anything else in it is passed
over. The text comes from a solver: nothing in it is evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping

from judge.sexpr import Limits, Node, SmtError, forms

LIMITS = Limits(bytes=60_000, depth=200, atom=200)
MAX_LENGTH = 1_500
MAX_CONJUNCTS = 160
_INFIX = {"<=": "<=", "<": "<", ">=": ">=", ">": ">", "+": "+", "*": "*", "and": "and", "or": "or"}

_OPPOSITE = {"<=": ">", ">=": "<", "<": ">=", ">": "<="}


class _Unread(Exception):
    """A part of the answer that has no counterpart here."""


def expressions(model: str, variables: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Conjuncts by relation; ``variables`` are the expressions that its arguments stand for."""
    found: dict[str, list[str]] = {}
    try:
        read = [node for _, node in forms(model, LIMITS)]
    except SmtError:
        return {}
    for node in read:
        if not isinstance(node, tuple) or len(node) != 5 or node[0] != "define-fun":
            continue
        name, parameters, body = node[1], node[2], node[4]
        if not isinstance(name, str) or name.strip("|") not in variables:
            continue
        key = name.strip("|")
        texts = variables[key]
        names = [p[0] for p in parameters if isinstance(p, tuple) and isinstance(p[0], str)]
        if len(names) != len(texts):
            continue
        scope: dict[str, str] = {}
        for n, text in zip(names, texts, strict=True):
            if isinstance(n, str):
                scope[n] = f"({text})"
        found[key] = [t for t in _conjuncts(body, scope) if len(t) <= MAX_LENGTH][:MAX_CONJUNCTS]
    return found


def _conjuncts(node: Node, scope: Mapping[str, str]) -> list[str]:
    if isinstance(node, tuple) and node and node[0] == "let":
        try:
            return _conjuncts(node[2], _bound(node, scope))
        except _Unread:
            return []
    if isinstance(node, tuple) and node and node[0] == "and":
        return [t for part in node[1:] for t in _conjuncts(part, scope)]
    try:
        return [_text(node, scope)]
    except _Unread:
        return []


def _bound(node: tuple[Node, ...], scope: Mapping[str, str]) -> dict[str, str]:
    inner = dict(scope)
    for pair in node[1]:
        if not isinstance(pair, tuple) or not isinstance(pair[0], str):
            raise _Unread
        inner[pair[0]] = _text(pair[1], scope)
    return inner


def _text(node: Node, scope: Mapping[str, str]) -> str:
    if isinstance(node, str):
        return _atom(node, scope)
    if not node or not isinstance(node[0], str):
        raise _Unread
    op, rest = node[0], node[1:]
    if op == "let":
        return _text(node[2], _bound(node, scope))
    if op == "not" and isinstance(rest[0], tuple) and rest[0] and rest[0][0] in _OPPOSITE:
        left, right = (_text(part, scope) for part in rest[0][1:])
        return f"({left} {_OPPOSITE[str(rest[0][0])]} {right})"
    parts = [_text(part, scope) for part in rest]
    if sum(map(len, parts)) > 4 * MAX_LENGTH:
        raise _Unread
    return _applied(op, parts, rest)


def _applied(op: str, parts: list[str], rest: tuple[Node, ...]) -> str:
    if op in _INFIX and parts:
        return f"({f' {_INFIX[op]} '.join(parts)})"
    if op == "-" and len(parts) == 1:
        return f"(-{parts[0]})"
    if op == "-" and parts:
        return f"({' - '.join(parts)})"
    if op == "not" and len(parts) == 1:
        return f"(not {parts[0]})"
    if op == "=" and len(parts) == 2:
        return f"({parts[0]} == {parts[1]})"
    if op == "=>" and len(parts) == 2:
        return f"(not {parts[0]} or {parts[1]})"
    if op == "ite" and len(parts) == 3:
        return f"({parts[1]} if {parts[0]} else {parts[2]})"
    if op in ("div", "mod") and len(parts) == 2 and _positive(rest[1]):
        # Of a positive number both agree with Python's.
        return f"({parts[0]} {'//' if op == 'div' else '%'} {parts[1]})"
    raise _Unread


def _positive(node: Node) -> bool:
    return isinstance(node, str) and node.isascii() and node.isdecimal() and int(node) > 0


def _atom(node: str, scope: Mapping[str, str]) -> str:
    known = scope.get(node)
    if isinstance(known, str):
        return known
    if node in ("true", "false"):
        return node.capitalize()
    if node.isascii() and node.isdecimal():
        return node
    raise _Unread
