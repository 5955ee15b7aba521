"""S-expressions of SMT-LIB: the reader of tokens and the printer. Knows no command and no theory.

Both work without recursion, so that text from a stranger can neither exhaust the stack nor take
more memory than its own size suggests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Limits", "Node", "SmtError", "forms", "print_node"]

Node: TypeAlias = "str | tuple[Node, ...]"
"""An s-expression: an atom as it was spelled, or a tuple of s-expressions."""

_TOKEN = re.compile(r'[ \t\n]+|;[^\n]*|(\(|\)|"(?:[^"]|"")*"|[^ \t\n()";|]+)')


class SmtError(ValueError):
    """The text is not an obligation; the message says what is wrong and on which line."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on an obligation, each generous beside what the prover writes."""

    bytes: int = 2_000_000
    depth: int = 2_000
    atom: int = 50_000


def print_node(node: Node) -> str:
    """Print one s-expression with single spaces; needs no recursion."""
    pieces: list[str] = []
    stack: list[Node | None] = [node]
    glued = True
    while stack:
        top = stack.pop()
        if top is None:
            pieces.append(")")
            glued = False
            continue
        if not glued:
            pieces.append(" ")
        if isinstance(top, str):
            pieces.append(top)
            glued = False
        else:
            pieces.append("(")
            stack.append(None)
            stack.extend(reversed(top))
            glued = True
    return "".join(pieces)


def forms(text: str, limits: Limits) -> Iterator[tuple[int, Node]]:
    """Yield the top-level s-expressions with the line on which each begins."""
    open_lists: list[list[Node]] = []
    position = line = start = 0
    for match in _TOKEN.finditer(text):
        if match.start() != position:
            break
        position = match.end()
        token = match.group(1)
        if token is None:
            continue
        if token == "(":
            if not open_lists:
                line += text.count("\n", start, match.start())
                start = match.start()
            open_lists.append([])
            if len(open_lists) > limits.depth:
                raise SmtError(f"line {line + 1}: nested deeper than {limits.depth}")
        elif not open_lists:
            here = text.count("\n", 0, match.start()) + 1
            raise SmtError(f"line {here}: {token[:40]!r} stands outside of every command")
        elif token == ")":
            done = tuple(open_lists.pop())
            if open_lists:
                open_lists[-1].append(done)
            else:
                yield line + 1, done
        elif len(token) > limits.atom:
            raise SmtError(f"line {line + 1}: an atom is longer than {limits.atom} characters")
        else:
            open_lists[-1].append(token)
    if position != len(text):
        here = text.count("\n", 0, position) + 1
        raise SmtError(f"line {here}: cannot read {text[position : position + 20]!r}")
    if open_lists:
        raise SmtError(f"line {line + 1}: a parenthesis is never closed")
