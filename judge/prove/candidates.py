"""Guesses at loop invariants, as Python expressions over the loop's names.

A guess costs a little time and can do no harm: it is kept only when it is inductive. Sources are
the contract (its clauses with the result replaced by a variable and what is complete replaced by
its part so far), the loop's own body (accumulators as folds over the prefix), and templates.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterable, Iterator
from itertools import combinations

from judge.prove import exit_guesses, nested_guesses, table_guesses
from judge.prove.divisor_guesses import common_divisors
from judge.prove.filtering import sensible
from judge.prove.helper_guesses import guesses, helper_calls
from judge.prove.order_guesses import growing, in_order
from judge.prove.rest_guesses import from_rest, read_so_far
from judge.prove.session import Session
from judge.prove.syntax import Loops, accumulators, conjuncts, replace
from judge.prove.traces import Snapshot, constants_of
from judge.symbolic.function import parse_expression
from judge.symbolic.plan import LoopInfo
from judge.symbolic.shapes import ChoiceShape, DictShape, ListShape, Scalar, SetShape, Shape

MAX_CANDIDATES = 1500
_TWICE_CUT = re.compile(r"\[[^\[\]]*:[^\[\]]*\]\[[^\[\]]*:")
"""A slice of a slice says nothing that one slice does not, and makes every query harder."""


class Guesses:
    """The guesses for one loop, in order, without repeats."""

    def __init__(
        self, session: Session, info: LoopInfo, loops: Loops, snapshots: list[Snapshot]
    ) -> None:
        self.session = session
        self.snapshots = snapshots
        self.info = info
        self.loops = loops
        self.found: dict[str, None] = {}
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

    # ------------------------------------------------------------ tiers

    def lean(self) -> list[str]:
        """Hints, the body, the exits, and the contract about what this loop has done so far.

        A few guesses that fit are decided where the same ones among many are not.
        """
        self.add(self.session.hints, trusted=True)
        self.add(self._from_body())
        self.add(self._from_exits())
        for result in self.loops.returned[:4]:
            for text in self.session.contract.ensures:
                self.add(self._so_far(text, result))
        return list(self.found)

    def _so_far(self, text: str, result: str) -> Iterator[str]:
        try:
            node = replace(parse_expression(text), {"result": result})
        except SyntaxError:
            return
        counters = [self.info.index] if self.info.index else self.changed[:3]
        for counter in counters:
            for known, start in _ranges(node)[:1]:
                yield ast.unparse(replace(node, {known: f"range({start}{counter})"}))
            for name in self.sequences[:3]:
                yield ast.unparse(replace(node, {name: f"{name}[:{counter}]"}))

    def first(self) -> list[str]:
        """Hints, the contract, the body, and simple bounds."""
        self.add(self.session.hints, trusted=True)
        self.add(self._from_body())
        self.add(self._from_exits())
        self.add(self._from_helpers())
        self.add(self._from_contract())
        self.add(self._requires())
        self.add(self._bounds())
        self.add(self._lists())
        return list(self.found)

    def second(self) -> list[str]:
        """Pairs, differences, remainders, elementwise relations, flags."""
        self.first()
        self.add(self._pairs())
        self.add(self._elements())
        self.add(self._flags())
        return list(self.found)

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

    def _clauses(self) -> list[ast.expr]:
        """The postconditions, taken apart."""
        found = []
        for text in self.session.contract.ensures:
            with contextlib.suppress(SyntaxError):
                found += conjuncts(parse_expression(text))
        return found

    def _results(self) -> list[str]:
        """What may stand for the result: returned expressions, and what the loop changes."""
        results = [*self.loops.returned]
        results += [n for n in self.info.shapes if not n.startswith("_") and n not in results]
        if isinstance(self.node, ast.While):
            results += exit_guesses.compounds(self.node, self.changed, self.fixed)
        return results[:24]

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
            yield from nested_guesses.guesses(part, self.node, prefix, outer, self.sequences)

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
        ranges = _ranges(node)
        for counter in self.counters:
            for text, start in ranges:
                yield ast.unparse(replace(node, {text: f"range({start}{counter})"}))
            for name in self.sequences:
                shorter = replace(node, {name: f"{name}[:{counter}]"})
                yield ast.unparse(shorter)
                yield ast.unparse(replace(node, {name: f"{name}[:{counter} + 1]"}))
                yield ast.unparse(replace(node, {f"len({name})": counter}))
                yield ast.unparse(
                    replace(node, {f"len({name})": counter, name: f"{name}[:{counter}]"})
                )
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

    def _requires(self) -> Iterator[str]:
        for text in self.session.contract.requires:
            try:
                parts = conjuncts(parse_expression(text))
            except SyntaxError:
                continue
            for part in parts:
                yield ast.unparse(part)
                yield ast.unparse(replace(part, {p: f"old({p})" for p in self.parameters}))

    # ------------------------------------------------------------ templates

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

    def _bounds(self) -> Iterator[str]:
        for name in self.counters:
            for value in self._numbers():
                yield f"{name} >= {value}"
                yield f"{name} <= {value}"
            for limit in self._limits():
                if limit == name:
                    continue
                yield f"{name} <= {limit}"
                yield f"{name} >= {limit}"
                yield f"{name} < {limit}"
                yield f"{name} <= {limit} + 1"
        for a, b in combinations(self.counters, 2):
            yield f"{a} <= {b}"
            yield f"{b} <= {a}"
            yield f"{a} == {b}"
            yield f"{a} < {b}"
            yield f"{a} + {b} >= 0"
        if self.info.guard_text:
            yield self.info.guard_text.replace("<", "<=").replace("<==", "<=")
            yield self.info.guard_text.replace(">", ">=").replace(">==", ">=")
            yield self.info.guard_text.replace("!=", "<=")
            yield self.info.guard_text.replace("!=", ">=")

    def _lists(self) -> Iterator[str]:
        changed = [s for s in self.sequences if s in self.info.shapes]
        for name in changed:
            for counter in self.counters:
                yield f"len({name}) == {counter}"
                yield f"len({name}) <= {counter}"
                yield f"len({name}) == {counter} + 1"
            for a, b in combinations([*self.counters, *self.fixed], 2):
                if a in self.counters:
                    yield f"len({name}) == {a} + {b}"
            for other in self.sequences:
                if other != name:
                    yield f"len({name}) == len({other})"
            for p in self.parameters:
                if p == name:
                    yield f"len({name}) == len(old({name}))"
            if self.info.range_text and self.info.index:
                yield f"len({name}) + {self.info.index} == {self.info.range_text[0]}"
                yield f"len({name}) == {self.info.index} - ({self.info.range_text[0]})"
            for value in (0, 1):
                yield f"len({name}) >= {value}"
        for name in [*self.changed, *self.optional]:
            for seq in self.sequences:
                for counter in self.counters:
                    if counter == name:
                        continue
                    yield f"{name} == max({seq}[:{counter} + 1])"
                    yield f"{name} == min({seq}[:{counter} + 1])"
                    done = f"{seq}[:{counter}]"
                    yield f"all(x_ <= {name} for x_ in {done})"
                    yield f"all(x_ >= {name} for x_ in {done})"
                    yield f"{name} in {done}"
                    yield f"{name} == sum({done})"
                    yield f"{name} == max({done})"
                    yield f"{name} == min({done})"
                yield f"{name} in {seq}"
        for fixed in self.fixed:
            for seq in self.sequences:
                for counter in self.counters:
                    yield f"{fixed} not in {seq}[:{counter}]"
                    yield f"all(x_ < {fixed} for x_ in {seq}[:{counter}])"
                    yield f"all(x_ >= {fixed} for x_ in {seq}[{counter}:])"
                    yield f"all(x_ > {fixed} for x_ in {seq}[{counter}:])"
                    yield f"all(x_ > {fixed} for x_ in {seq}[{counter} + 1:])"
                    yield f"all(x_ <= {fixed} for x_ in {seq}[:{counter}])"

    def _pairs(self) -> Iterator[str]:
        limits = [*self._limits(), *map(str, self._numbers())]
        for a, b in combinations(self.counters, 2):
            for limit in limits:
                yield f"{a} + {b} == {limit}"
                yield f"{a} + {b} == {limit} - 1"
                yield f"{a} + {b} <= {limit}"
                yield f"{a} + {b} >= {limit}"
                yield f"{a} - {b} == {limit}"
                yield f"{a} - {b} <= {limit}"
                yield f"{b} - {a} <= {limit}"
            yield f"{a} == 2 * {b}"
            yield f"{b} == 2 * {a}"
            for f in self.fixed:
                yield f"{a} == {b} * {f}"
                yield f"{b} == {a} * {f}"
                yield f"{a} == ({b} - 1) * {f}"
                yield f"{a} == {b} ** 2"
        for a in self.counters:
            for value in self._numbers():
                if abs(value) > 1:
                    yield f"{a} % {abs(value)} == 0"
                    yield f"{a} % {abs(value)} == 1"
            for f, g in combinations([*self.fixed, *self.old], 2):
                yield f"{a} <= {f} + {g}"
                yield f"{a} == {f} * {g}"
        for a, b, c in list(combinations(self.counters, 3))[:4]:
            for limit in limits[:6]:
                yield f"{a} + {b} + {c} == {limit}"
                yield f"{a} * {b} + {c} == {limit}"

    def _elements(self) -> Iterator[str]:
        changed = [s for s in self.sequences if isinstance(self.info.shapes.get(s), ListShape)]
        for name in changed:
            for other in [s for s in self.sequences if s != name]:
                yield f"all({name}[k_] == {other}[k_] for k_ in range(len({name})))"
                mirror = f"{other}[len({other}) - 1 - k_]"
                yield f"all({name}[k_] == {mirror} for k_ in range(len({name})))"
                yield f"all(x_ in {other} for x_ in {name})"
                for counter in self.counters:
                    yield f"len({name}) + {counter} == len({other})"
                    yield f"len({name}) + {counter} == len({other}) - 1"
                for counter in self.counters:
                    yield f"all({name}[k_] == {other}[k_] for k_ in range({counter}))"
            for bound in [*self.fixed, *self.changed, "0"]:
                for op in ("<", "<=", ">=", ">", "!="):
                    yield f"all(x_ {op} {bound} for x_ in {name})"
            yield f"all({name}[k_] <= {name}[k_ + 1] for k_ in range(len({name}) - 1))"
            yield f"all(x_ >= 0 for x_ in {name})"

    def ordered(self) -> list[str]:
        """Simple bounds, and order in the lists of integers that the function rearranges."""
        # Few statements about all elements: each one makes every query harder.
        self.found = {t: None for t in self.first() if "all(" not in t and ":" not in t}
        written, steered = self.loops.written[self.info.key], self.loops.steered[self.info.key]
        lists = [s for s in self.sequences if self.shapes.get(s) == ListShape(Scalar("int"))]
        moving = [*([self.info.index] if self.info.index else []), *self.changed]
        resting = [n for n in self.fixed if n in steered]
        found = [*in_order([x for x in lists if x in written], moving, resting)]
        grown = [x for x in lists if x in self.loops.grown[self.info.key]]
        found = [*found, *growing(grown, [x for x in lists if x not in grown], moving)]
        self.add(sensible(found, self.snapshots))
        return list(self.found)

    def _flags(self) -> Iterator[str]:
        plain = [t for t in self.found if len(t) < 120]
        for flag in self.booleans:
            for text in plain[:80]:
                yield f"not {flag} or ({text})"
                yield f"{flag} or ({text})"
        for name in self.optional:
            yield f"{name} is None or {name} >= 0"
            for counter in self.counters[:2]:
                yield f"({name} is None) == ({counter} == 0)"
                yield f"{name} is not None or {counter} == 0"
            for text in [t for t in plain if name in t][:60]:
                yield f"{name} is None or ({text})"


def _ranges(node: ast.expr) -> list[tuple[str, str]]:
    """The ranges in an expression, as (text, start with a comma)."""
    found: dict[str, str] = {}
    for n in ast.walk(node):
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "range":
            found[ast.unparse(n)] = f"{ast.unparse(n.args[0])}, " if len(n.args) == 2 else ""
    return list(found.items())


def _is_sequence(shape: Shape) -> bool:
    return isinstance(shape, ListShape) or shape == Scalar("str")
