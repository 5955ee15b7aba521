"""Guesses by form: bounds, differences, remainders, relations between elements, flags."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from judge.prove.loop_names import LoopNames
from judge.symbolic.shapes import ListShape


class Templates(LoopNames):
    """What is often true of loops, whatever this one computes."""

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
                for number in self.changed:
                    yield f"{self.info.index} < {self.info.range_text[1]} or {number} == 0"
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
                    yield f"{name} in {seq}[:{counter} + 1]"
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
                yield f"{a} <= {f} * {g}"
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
