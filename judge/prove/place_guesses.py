"""Guesses about the places of a list: regions between marks, and pairs of which some are done."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from judge.prove import pair_guesses, region_guesses
from judge.prove.filtering import sensible
from judge.prove.loop_names import LoopNames
from judge.prove.syntax import copied, replace, stepped
from judge.symbolic.function import parse_expression
from judge.symbolic.shapes import ListShape


class Places(LoopNames):
    """What holds of each place in a part of a list; see ``region_guesses``."""

    def regions(self) -> list[str]:
        """Every such guess that holds in the traces, and not of nothing."""
        written = self.loops.written[self.info.key] & self.info.shapes.keys()
        lists = [s for s in self.sequences if isinstance(self.shapes.get(s), ListShape)]
        changed = [s for s in lists if s in written]
        found = [f"{s}[k_] == {o}[k_]" for s in changed for o in self._origins(s)]
        for clause in self._clauses():
            results = [r for r in self._results() if r in lists or r in self.changed][:3]
            for what in region_guesses.of_clause(clause):
                node = parse_expression(what)
                found += [ast.unparse(replace(node, {"result": r})) for r in results or ["result"]]
        marks = self._marks(lists)
        if self.node is not None:
            found += region_guesses.of_tests(self.node, self._places(), self._element())
        ends = list(dict.fromkeys([*(f"len({s})" for s in changed or lists[:1]), *self._stops()]))
        starts = [f"old({n})" for n in self.changed if n in self.parameters]
        parts = region_guesses.regions(marks, ["0", *starts[:2]], ends[:3])
        texts = [*self._pairs_done(marks), *region_guesses.guesses(found, parts)]
        self.add(sensible(texts, self.snapshots))
        return self._all()

    def _marks(self, lists: list[str]) -> list[str]:
        """Where one part of a list may end and another begin."""
        index, node = self.info.index, self.node
        marks = [*self.changed, *([index] if index else [])]
        marks += [f"len({s})" for s in lists if s in self.loops.grown[self.info.key]]
        steered = self.loops.steered[self.info.key]
        marks += [n for n in self.fixed if n in steered and n not in self.parameters]
        if index and isinstance(node, ast.For):
            size = f"len({lists[0]})" if lists else "0"
            marks += [f"min({place}, {size})" for place in stepped(node.iter, index)]
        return marks

    def _pairs_done(self, marks: list[str]) -> Iterator[str]:
        results = [r for r in self._results() if r in self.changed][:2]
        for clause in self._clauses():
            for text in pair_guesses.guesses(clause, marks):
                node = parse_expression(text)
                yield from (
                    ast.unparse(replace(node, {"result": r})) for r in results or ["result"]
                )

    def _origins(self, name: str) -> list[str]:
        """The lists that a changed one may still agree with where it was not touched."""
        source = copied(self.loops.initial(self.info.key, name))
        return [f"old({name})" if name in self.parameters else name] if source is None else [source]

    def _places(self) -> list[str]:
        """The names that stand for a place in a list."""
        names = [*self.changed, *([self.info.index] if self.info.index else [])]
        if (
            isinstance(self.node, ast.For)
            and self.info.range_text
            and isinstance(self.node.target, ast.Name)
        ):
            names.append(self.node.target.id)
        return names

    def _element(self) -> dict[str, str]:
        """The variable of a ``for`` over a list, and that list."""
        node, sequence = self.node, self.info.sequence
        if isinstance(node, ast.For) and sequence and isinstance(node.target, ast.Name):
            return {node.target.id: sequence}
        return {}

    def _stops(self) -> list[str]:
        if self.info.range_text:
            return [self.info.range_text[1]]
        return [f"old({n}) + 1" for n in self.changed if n in self.parameters]
