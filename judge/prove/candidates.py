"""Guesses at loop invariants, as Python expressions over the loop's names.

A guess costs a little time and can do no harm: it is kept only when it is inductive. Sources are
the contract (its clauses with the result replaced by a variable and what is complete replaced by
its part so far), the loop's own body (accumulators as folds over the prefix), and templates.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress

from judge.prove import (
    exit_guesses,
    nested_guesses,
    part_guesses,
    table_guesses,
    turn_guesses,
)
from judge.prove.divisor_guesses import common_divisors
from judge.prove.filtering import sensible
from judge.prove.helper_guesses import guesses, helper_calls
from judge.prove.order_guesses import growing, in_order
from judge.prove.place_guesses import Places
from judge.prove.polynomials import polynomials, totals
from judge.prove.rest_guesses import from_rest, read_so_far
from judge.prove.syntax import (
    accumulators,
    conjuncts,
    cut,
    folded,
    ranges,
    replace,
)
from judge.prove.templates import Templates
from judge.symbolic.function import parse_expression
from judge.symbolic.shapes import DictShape, ListShape, Scalar, SetShape

_COSTLY = (" for ", ":", ".count(", "sum(", "max(", "min(", " in ")


class Guesses(Templates, Places):
    """The guesses for one loop, in order, without repeats."""

    # ------------------------------------------------------------ tiers

    def hinted(self) -> list[str]:
        """What somebody suggested, and nothing else."""
        self.add(self._hints(), trusted=True)
        return self._all()

    def lean(self) -> list[str]:
        """Hints, the body, the exits, and the contract about what this loop has done so far.

        A few guesses that fit are decided where the same ones among many are not.
        """
        self.add(self._hints(), trusted=True)
        self.add(self._from_body())
        self.add(self._from_exits())
        self.add(totals(self.info, self.snapshots))
        written = self.loops.written[self.info.key] & self.info.shapes.keys()
        for clause in self._clauses():
            self.add(self._kept(clause, written))
            self.add(self._nested(clause))
            self.add(self._named(clause))
        for result in self.loops.returned[:4]:
            for text in self.session.contract.ensures:
                self.add(self._so_far(text, result))
        return self._all()

    def plain(self) -> list[str]:
        """Of the first guesses those without elements and folds: cheap, and much rests on them."""
        cheap = [t for t in self.first() if not any(word in t for word in _COSTLY)]
        return [*self.lean(), *cheap]

    def _hints(self) -> Iterator[str]:
        """The hints as they are, and with ``k`` or the loop's own variable as its counter.

        At the head of ``for i in range(n)`` a person means by ``i`` the round that comes next.
        """
        names = {"k"}
        loop = self.node if self.info.range_text is not None else None
        if isinstance(loop, ast.For) and isinstance(loop.target, ast.Name):
            names.add(loop.target.id)
        for text in self.session.hints:
            yield text
            index = self.info.index
            here = sorted(names - self.shapes.keys())
            if index is not None and here:
                with suppress(SyntaxError, ValueError, RecursionError):
                    tree = ast.parse(text, mode="eval").body
                    yield ast.unparse(replace(tree, dict.fromkeys(here, index)))

    def _so_far(self, text: str, result: str) -> Iterator[str]:
        try:
            node = replace(parse_expression(text), {"result": result})
        except SyntaxError:
            return
        yield from self._parts(node)
        counters = [self.info.index] if self.info.index else self.changed[:3]
        for counter in counters:
            for known, start in ranges(node)[:1]:
                yield ast.unparse(replace(node, {known: f"range({start}{counter})"}))
            for name in self.sequences[:3]:
                if _as_a_whole(replace(node, {f"len({name})": "0"}), name):
                    yield ast.unparse(cut(node, name, f"{name}[:{counter}]"))

    def first(self) -> list[str]:
        """Hints, the contract, the body, and simple bounds."""
        if not self.firsts:
            self.add(self._hints(), trusted=True)
            self.add(self._from_body())
            self.add(self._from_exits())
            self.add(self._from_helpers())
            self.add(self._from_contract())
            self.add(self._requires())
            self.add(self._bounds())
            self.add(self._lists())
            self.firsts = self._all()
        return self.firsts

    def second(self) -> list[str]:
        """Pairs, differences, remainders, elementwise relations, flags."""
        self.found = dict.fromkeys(self.first())
        self.add(self._pairs())
        self.add(self._elements())
        self.add(self._flags())
        return self._all()

    def again(self) -> list[str]:
        """What may hold beside what was found since it was asked for."""
        return [*self.lean(), *self.regional()]

    def polynomial(self) -> list[str]:
        """Laws between numbers that the traces obey."""
        return [*polynomials(self.info, self.snapshots), *self.lean()]

    # ------------------------------------------------------------ from the code

    def _prefix(self) -> str | None:
        """The part of a ``for``'s iterable that is done, as an expression."""
        info = self.info
        if info.sequence and info.index:
            return f"{info.sequence}[:{info.index}]"
        if info.range_text and info.index and info.range_text[2] == 1:
            return f"range({info.range_text[0]}, {info.index})"
        return None

    def _from_body(self) -> Iterator[str]:
        if not isinstance(self.node, ast.For):
            return
        prefix = self._prefix()
        if prefix is None:
            return
        target = ast.unparse(self.node.target)
        sums: dict[str, str] = {}
        for kind, name, element, tests in accumulators(self.node):
            start = self.loops.initial(self.info.key, name)
            where = "".join(f" if {t}" for t in tests)
            generator = f"for {target} in {prefix}"
            test = " and ".join(tests) or "True"
            if kind == "sum" and start is not None:
                term = f"({element})" if test == "True" else f"(({element}) if {test} else 0)"
                sums[name] = f"{sums[name]} + {term}" if name in sums else term
                base = "" if start == "0" else f"{start} + "
                yield f"{name} == {base}sum({sums[name]} {generator})"
            elif kind == "append":
                base = f"{start} + " if start not in (None, "[]", "''", "list()") else ""
                yield f"{name} == {base}[({element}) {generator}{where}]"
            elif kind == "set":
                yield f"{name} == any({test} {generator})"
                yield f"{name} == all(not ({test}) {generator})"
        yield from self._tables(self.node, prefix)

    def _tables(self, node: ast.For, prefix: str) -> Iterator[str]:
        """What is in the dicts and sets that the loop fills."""
        dicts = [n for n, s in self.info.shapes.items() if isinstance(s, DictShape)]
        sets = [n for n, s in self.info.shapes.items() if isinstance(s, SetShape)]
        lists = [n for n, s in self.info.shapes.items() if isinstance(s, ListShape)]
        initial = {n: self.loops.initial(self.info.key, n) for n in [*dicts, *sets]}
        yield from table_guesses.from_for(node, prefix, dicts, sets, lists, initial)

    def _from_exits(self) -> Iterator[str]:
        node, prefix = self.node, self._prefix()
        if isinstance(node, ast.For) and prefix is not None:
            yield from exit_guesses.from_for(node, prefix)
        if self.info.index is not None:
            texts = [n for n in self.sequences if self.shapes.get(n) == Scalar("str")]
            yield from read_so_far(self._clauses(), self.changed, texts, self.info.index)
        if isinstance(node, ast.While):
            found = {n: self.loops.initial(self.info.key, n) for n in self.changed}
            starts = {n: text for n, text in found.items() if text is not None}
            yield from exit_guesses.from_while(node, starts)
            yield from exit_guesses.geometric(node, starts)
            yield from common_divisors(node, starts)
            yield from from_rest(node, self._clauses(), self.changed, found, self.parameters)

            yield from turn_guesses.before_the_last(node, starts)
        if node is not None:
            begun = {n: self.loops.initial(self.info.key, n) for n in self.info.shapes}
            known = {n: text for n, text in begun.items() if text is not None}
            yield from turn_guesses.alternating(node, known, self._rounds())

    def _rounds(self) -> list[str]:
        """Expressions that count the rounds of a ``for``, or may count those of a ``while``."""
        if self.info.index is None:
            return self.changed[:3]
        text = self.info.range_text
        if text is None or text[0] == "0":
            return [self.info.index]
        gone = f"{self.info.index} - ({text[0]})"
        return [gone if text[2] > 0 else f"({text[0]}) - {self.info.index}"]

    def _from_contract(self) -> Iterator[str]:
        ensures = [*self.session.contract.ensures, *self.session.hints]
        for text in ensures:
            try:
                parts = conjuncts(parse_expression(text))
            except SyntaxError:
                continue
            for part in parts:
                yield from self._nested(part)
                for result in self._results():
                    node = replace(part, {"result": result})
                    yield from self._partial(node)
                    for other in self.changed:
                        # A search between two bounds: what is to hold of lo + 1 holds of hi.
                        if result in self.changed and other != result:
                            yield ast.unparse(replace(node, {f"{result} + 1": other}))
                            yield ast.unparse(replace(node, {f"{result} + 1": f"{other} + 1"}))

    def _nested(self, part: ast.expr) -> Iterator[str]:
        prefix = self._prefix()
        outer = [n for n in self.fixed if re.fullmatch(r"_i\d+", n)]
        if outer and prefix is not None and isinstance(self.node, ast.For):
            yield from nested_guesses.guesses(
                part, self.node, prefix, outer, self.sequences, self._sizes()
            )

    def _kept(self, clause: ast.expr, written: set[str]) -> Iterator[str]:
        """A clause about all of a list that is changed in place, which may hold all along."""
        names = {n.id for n in ast.walk(clause) if isinstance(n, ast.Name)}
        if "result" in names:
            found = [replace(clause, {"result": r}) for r in self.loops.returned if r in written]
        else:
            found = [clause] if names & written else []
        for node in found:
            yield ast.unparse(node)
            for side in _sorted_sides(node):
                yield ast.unparse(side)

    def _named(self, clause: ast.expr) -> Iterator[str]:
        """A number of the loop is what a clause calls by a long name, of what is done so far."""
        index = self.info.index
        for name in folded(clause):
            for counter in self.changed[:3]:
                if index is not None:
                    whole = ast.parse(name, mode="eval").body
                    for seq in self.sequences[:3]:
                        if seq in name:
                            done = {f"old({seq})": f"old({seq})[:{index}]"}
                            so_far = cut(replace(whole, done), seq, f"{seq}[:{index}]")
                            yield f"{counter} == {ast.unparse(so_far)}"
        for name in folded(clause):
            for fixed in [*self.fixed, *self.changed[:3]]:
                if fixed not in self.parameters and not fixed.startswith("_"):
                    yield f"{fixed} == {name}"

    def _sizes(self) -> list[str]:
        """The parameters that are integers and stay as they are."""
        return [n for n in self.fixed if n in self.parameters][:3]

    def _from_helpers(self) -> Iterator[str]:
        clauses = []
        for text in self.session.contract.ensures:
            try:
                clauses.append(parse_expression(text))
            except SyntaxError:
                continue
        functions = self.session.candidate.program.functions
        calls = helper_calls(clauses, functions.keys() - {self.session.candidate.function.name})
        yield from guesses(calls, self.changed, self.counters, self.parameters, self.sequences)

    def _partial(self, node: ast.expr) -> Iterator[str]:
        """A complete statement, and the same about what is done so far."""
        yield ast.unparse(node)
        yield from self._parts(node)
        spans = ranges(node)
        for counter in self.counters:
            for text, start in spans:
                yield ast.unparse(replace(node, {text: f"range({start}{counter})"}))
            for name in self.sequences:
                sized = replace(node, {f"len({name})": counter})
                yield ast.unparse(sized)
                if _as_a_whole(sized, name):
                    yield ast.unparse(cut(node, name, f"{name}[:{counter}]"))
                    yield ast.unparse(cut(node, name, f"{name}[:{counter} + 1]"))
                    yield ast.unparse(cut(sized, name, f"{name}[:{counter}]"))
                if name in self.info.shapes:
                    continue
                yield ast.unparse(replace(node, {name: f"{name}[{counter}:]"}))
            for name in [*self.fixed, *self.loops.bounds]:
                yield ast.unparse(replace(node, {name: counter}))
                yield ast.unparse(replace(node, {name: f"{counter} - 1"}))
                yield ast.unparse(replace(node, {f"{name} + 1": counter}))
            for name in self.parameters:
                if name in self.changed:
                    yield ast.unparse(replace(node, {name: f"old({name}) - {name}"}))
                    yield ast.unparse(replace(node, {name: f"old({name})"}))

    def _parts(self, node: ast.expr) -> Iterator[str]:
        """What a clause says of the keys or rows that are done."""
        if any(isinstance(shape, DictShape | SetShape) for shape in self.info.shapes.values()):
            yield ast.unparse(node)  # what holds all the way, beside what the table remembers
        prefix = self._prefix()
        if isinstance(self.node, ast.For) and prefix is not None and self.info.sequence:
            yield from part_guesses.of_keys(self.node, prefix, node)
        if self.info.index is not None:
            yield from part_guesses.of_rows(node, self.info.index)

    def _requires(self) -> Iterator[str]:
        for text in self.session.contract.requires:
            try:
                parts = conjuncts(parse_expression(text))
            except SyntaxError:
                continue
            for part in parts:
                yield ast.unparse(part)
                yield ast.unparse(replace(part, {p: f"old({p})" for p in self.parameters}))

    def regional(self) -> list[str]:
        """What holds of parts of lists, and once more what there are few of."""
        return [*self.regions(), *self.lean()]

    def ordered(self) -> list[str]:
        """Order in the lists of integers that the function rearranges."""
        # Few statements about all elements: each one makes every query harder.
        written, steered = self.loops.written[self.info.key], self.loops.steered[self.info.key]
        lists = [s for s in self.sequences if self.shapes.get(s) == ListShape(Scalar("int"))]
        moving = [*([self.info.index] if self.info.index else []), *self.changed]
        resting = [n for n in self.fixed if n in steered]
        found = [*in_order([x for x in lists if x in written], moving, resting)]
        grown = [x for x in lists if x in self.loops.grown[self.info.key]]
        found = [*found, *growing(grown, [x for x in lists if x not in grown], moving)]
        self.add(sensible(found, self.snapshots))
        return self._all()


def _sorted_sides(node: ast.expr) -> Iterator[ast.expr]:
    """``a == sorted(b)`` weakened to the same elements in any order."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
        sides = [node.left, node.comparators[0]]
        calls = [s for s in sides if isinstance(s, ast.Call) and ast.unparse(s.func) == "sorted"]
        if len(calls) == 1:
            other = sides[1 - sides.index(calls[0])]
            again = ast.Call(ast.Name("sorted", ast.Load()), [other], [])
            yield ast.Compare(again, [ast.Eq()], [calls[0]])


def _as_a_whole(node: ast.expr, name: str) -> bool:
    """Whether more is said of a sequence than of elements at places."""
    return "_whole_" in ast.unparse(cut(node, name, "_whole_"))
