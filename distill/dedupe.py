"""Rows that say the same: exact duplicates by normalised syntax, near ones by MinHash.

Renaming variables, comments, docstrings and layout do not make a function another one. What this is
not: semantic equality; two texts for one function are told apart here (see ``semantic``).
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module

from distill.errors import DistillError
from distill.example import Example


class _Renamed(ast.NodeTransformer):
    """Gives every local name its number of first appearance and drops docstrings."""

    def __init__(self, bound: frozenset[str]) -> None:
        self._bound = bound
        self._names: dict[str, str] = {}

    def _name(self, name: str) -> str:
        if name not in self._bound:
            return name
        return self._names.setdefault(name, f"v{len(self._names)}")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._name(node.name)
        first = node.body[0]
        if ast.get_docstring(node, clean=False) is not None and isinstance(first, ast.Expr):
            node.body = node.body[1:] or [ast.Pass()]
        node.returns = None
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg, node.annotation = self._name(node.arg), None
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._name(node.id)
        return node


def normalised(code: str) -> str:
    """Return ``code`` with local names numbered and annotations, docstrings and layout dropped.

    Code that does not parse is returned with its white space squeezed.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return " ".join(code.split())
    bound = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    bound |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    bound |= {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    return ast.unparse(_Renamed(frozenset(bound)).visit(tree))


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A removed row: its place, the place of the row that stays, and how alike they are (0..1)."""

    index: int
    kept: int
    kind: str
    """One of ``exact``, ``near``, ``embedding`` or ``semantic``."""
    similarity: float
    basis: str = ""
    """For semantic ones: ``form`` (same normalised code), ``proved`` or ``probes``."""

    def sentence(self, kept: Example) -> str:
        """Say why the row goes, in view of the row that stays."""
        how = {"exact": "the same prompt and code as", "semantic": "the same function as"}
        alike = how.get(self.kind, f"{self.similarity:.2f} alike ({self.kind}) to")
        basis = f" ({self.basis})" if self.basis else ""
        return f"{alike} {kept.id} of task {kept.task_id}{basis}"


def exact(examples: Sequence[Example]) -> list[Duplicate]:
    """Find rows with the same conversation and the same normalised code as an earlier one."""
    first: dict[str, int] = {}
    found = []
    for index, row in enumerate(examples):
        text = repr((row.messages, normalised(row.completion)))
        key = hashlib.sha256(text.encode()).hexdigest()
        kept = first.setdefault(key, index)
        if kept != index:
            found.append(Duplicate(index, kept, "exact", 1.0))
    return found


def near(
    examples: Sequence[Example], *, threshold: float = 0.85, permutations: int = 128
) -> list[Duplicate]:
    """Find rows whose prompt and code share most of their token triples with an earlier row.

    Candidates come from MinHash buckets (Broder 1997); each is confirmed by its true Jaccard
    similarity, so that ``threshold`` means what it says. Needs ``datasketch``.
    """
    try:
        datasketch = import_module("datasketch")
    except ModuleNotFoundError as error:
        raise DistillError("near duplicates need datasketch: pip install datasketch") from error
    if not 0 < threshold < 1:
        raise DistillError(f"the threshold is {threshold}; it lies between 0 and 1")
    index = datasketch.MinHashLSH(threshold=threshold * 0.9, num_perm=permutations)
    kept: dict[int, frozenset[str]] = {}
    found = []
    for place, row in enumerate(examples):
        pieces = shingles(f"{row.messages[-1][1]}\n{row.completion}")
        sketch = datasketch.MinHash(num_perm=permutations, seed=1)
        sketch.update_batch([piece.encode() for piece in sorted(pieces)])
        best, score = _closest(pieces, (int(key) for key in index.query(sketch)), kept)
        if best is not None and score >= threshold:
            found.append(Duplicate(place, best, "near", score))
            continue
        index.insert(str(place), sketch)
        kept[place] = pieces
    return found


def _closest(
    pieces: frozenset[str], places: Iterable[int], kept: dict[int, frozenset[str]]
) -> tuple[int | None, float]:
    best, score = None, 0.0
    for place in sorted(places):
        other = kept[place]
        alike = len(pieces & other) / len(pieces | other)
        if alike > score:
            best, score = place, alike
    return best, score


def shingles(text: str, size: int = 3) -> frozenset[str]:
    """Return the runs of ``size`` tokens of ``text``; the whole text when it is shorter."""
    tokens = re.findall(r"\w+|[^\w\s]", text)
    if len(tokens) < size:
        return frozenset({" ".join(tokens)})
    return frozenset(" ".join(tokens[i : i + size]) for i in range(len(tokens) - size + 1))
