"""What the guesses about one loop speak of: its variables by kind, the contract's clauses, bounds.

It makes no guess itself; the classes that do are built on it.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterable

from judge.prove import exit_guesses
from judge.prove.session import Session
from judge.prove.syntax import Loops, conjuncts
from judge.prove.traces import Snapshot, constants_of
from judge.symbolic.function import parse_expression
from judge.symbolic.plan import LoopInfo
from judge.symbolic.shapes import ChoiceShape, ListShape, Scalar, Shape

MAX_CANDIDATES = 1500
_TWICE_CUT = re.compile(r"\[[^\[\]]*:[^\[\]]*\]\[[^\[\]]*:")
"""A slice of a slice says nothing that one slice does not, and makes every query harder."""


class LoopNames:
    """One loop's names, and the guesses gathered so far without repeats."""

    def __init__(
        self, session: Session, info: LoopInfo, loops: Loops, snapshots: list[Snapshot]
    ) -> None:
        self.session = session
        self.snapshots = snapshots
        self.info = info
        self.loops = loops
        self.found: dict[str, None] = {}
        self.firsts: list[str] = []
        node = loops.nodes.get(info.key)
        self.node = node
        both = {**info.fixed, **info.shapes}
        self.changed = [n for n, s in info.shapes.items() if s == Scalar("int")]
        self.counters = [*([info.index] if info.index else []), *self.changed]
        self.fixed = [n for n, s in info.fixed.items() if s == Scalar("int")]
        self.sequences = [n for n, s in both.items() if _is_sequence(s) and not n.startswith("_")]
        if info.sequence and info.sequence.startswith("_"):
            self.sequences.append(info.sequence)
        self.parameters = [p for p, _ in session.candidate.parameters]
        self.old = [f"old({p})" for p in self.parameters if info.shapes.get(p) == Scalar("int")]
        self.booleans = [n for n, s in info.shapes.items() if s == Scalar("bool")]
        self.optional = [n for n, s in info.shapes.items() if isinstance(s, ChoiceShape)]
        self.shapes = both

    def add(self, texts: Iterable[str], trusted: bool = False) -> None:
        """Add guesses, normalised; those that a person or a teacher wrote as they are."""
        for text in texts:
            if len(self.found) >= MAX_CANDIDATES:
                return
            try:
                clean = ast.unparse(ast.parse(text, mode="eval").body)
            except SyntaxError:
                continue
            if trusted or not _TWICE_CUT.search(clean):
                self.found.setdefault(clean, None)

    def _all(self) -> list[str]:
        """Everything that is guessed so far; the next tier starts anew."""
        texts, self.found = list(self.found), {}
        return texts

    def _results(self) -> list[str]:
        """What may stand for the result: returned expressions, and what the loop changes."""
        results = [*self.loops.returned]
        results += [n for n in self.info.shapes if not n.startswith("_") and n not in results]
        if isinstance(self.node, ast.While):
            results += exit_guesses.compounds(self.node, self.changed, self.fixed)
        return results[:24]

    def _clauses(self) -> list[ast.expr]:
        """The postconditions and hints, taken apart."""
        found = []
        for text in (*self.session.contract.ensures, *self.session.hints):
            with contextlib.suppress(SyntaxError):
                found += conjuncts(parse_expression(text))
        return found

    def _limits(self) -> list[str]:
        lengths = [f"len({s})" for s in self.sequences]
        texts = [*self.fixed, *self.old, *lengths, *self.loops.bounds]
        return list(dict.fromkeys(texts))[:16]

    def _numbers(self) -> list[int]:
        node = self.session.candidate.function
        found = {0, 1, *constants_of(node)}
        for text in (*self.session.contract.requires, *self.session.contract.ensures):
            try:
                found |= {v for n in constants_of(parse_expression(text)) for v in (n, -n)}
            except SyntaxError:
                continue
        return sorted(found, key=lambda n: (abs(n), n))[:10]


def _is_sequence(shape: Shape) -> bool:
    return isinstance(shape, ListShape) or shape == Scalar("str")
