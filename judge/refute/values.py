"""Inputs: the small ones in order, the boundaries, and chance steered by the code's own constants.

Everything is a function of the shapes, the constants and a seed, so the same submission is searched
with the same inputs everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

from judge.refute.shapes import Shape
from judge.refute.subject import Words

_BIG_INTS = (2**31, -(2**31) - 1, 2**53 + 1, 2**63, -(2**63) - 1, 10**18, 10**30)
_FLOATS = (
    0.0, 1.0, -1.0, 0.5, 2.0, -0.5, 3.0, 1.5, 0.1, -2.0, 10.0, 0.3, -0.0, 100.0, 1e-9, 1e9,
    math.inf, -math.inf, math.nan, 1e16, 1e308, -1e308, 5e-324, 2.5, 1e-300,
)  # fmt: skip
_STRINGS = (
    "", "a", "b", "ab", "A", "0", " ", "aa", "ba", "aba", "1", "abc", "Ab", "a b", "-1", "aab",
    "abba", ".", "12", "()", ")(", "\n", "é", "ß", "²", "😀", "z", "_", "10", "  a",
)  # fmt: skip
_LETTERS = "ab cAB01z.,-()[]e\n_é"
_POOL, _INNER = 40, 4
_ENUMERATED = 4_000


class Values:
    """Makes argument tuples for one list of shapes."""

    def __init__(self, shapes: tuple[Shape, ...], words: Words, seed: int) -> None:
        self.shapes, self.words = shapes, words
        self.rng = Random(f"inputs {seed}")
        self.bold = False
        """Whether huge integers are tried too; late, because loops over them cost a process."""
        self._pools: dict[Shape, list[Any]] = {}
        self._lengths = tuple(n for w in words.ints for n in (w, w + 1, w - 1) if 2 < n <= 40)

    def finite(self) -> bool:
        """Whether the small ones are all there are (bools, None, literals, tuples of them)."""
        return all(_finite(shape) for shape in self.shapes)

    def small(self) -> Iterator[tuple[Any, ...]]:
        """Yield tuples of pool values, simplest first: by the sum of their places in the pools."""
        pools = [self.pool(shape) for shape in self.shapes]
        if not pools:
            yield ()
            return
        made = 0
        for total in range(sum(len(pool) - 1 for pool in pools) + 1):
            for places in _splits(total, [len(pool) - 1 for pool in pools]):
                yield tuple(_fresh(pool[place]) for pool, place in zip(pools, places, strict=True))
                made += 1
                if made >= _ENUMERATED and not self.finite():
                    return

    def pool(self, shape: Shape) -> list[Any]:
        """Return the values of a shape worth trying first, simplest first, without repeats."""
        if shape not in self._pools:
            self._pools[shape] = self._make_pool(shape)
        return self._pools[shape]

    def _make_pool(self, shape: Shape) -> list[Any]:
        sort = shape.sort
        if sort == "bool":
            return [False, True]
        if sort == "none":
            return [None]
        if sort == "literal":
            return list(shape.values)
        if sort == "int":
            return self._ints()
        if sort == "float":
            near = [float(w) for w in self.words.ints if abs(w) < 2**53]
            return _distinct([*_FLOATS[:8], *self.words.floats, *near, *_FLOATS[8:]])[:_POOL]
        if sort == "str":
            return self._strings()
        if sort == "bytes":
            return [b"", b"a", b"\x00", b"ab", b"\xff\x00"]
        if sort == "complex":
            return [0j, 1j, 1 + 0j, 1 - 2j, complex("inf")]
        if sort == "union":
            pools = [self.pool(part) for part in shape.parts]
            longest = max(map(len, pools))
            return _distinct([p[i] for i in range(longest) for p in pools if i < len(p)])[
                : 2 * _POOL
            ]
        return self._containers(shape)

    def _ints(self) -> list[int]:
        near = [n for w in self.words.ints for n in (w, w + 1, w - 1, -w)]
        first, more = [0, 1, -1, 2, -2, 3], [-3, 4, 5, 7, 10, -10, 16, 100, -100, 1000]
        return _distinct([*first, *near, *more])[: _POOL + 30]

    def _strings(self) -> list[str]:
        words = self.words.strings
        derived = [d for w in words for d in (w, w + "a", w[:-1], w * 2, w.upper()) if len(d) < 60]
        return _distinct([*_STRINGS[:6], *derived, *_STRINGS[6:]])[: _POOL + 20]

    def _containers(self, shape: Shape) -> list[Any]:
        sort = shape.sort
        if sort == "tuple" and not shape.variadic:
            inner = [
                self.pool(part)[: max(2, 2 * _INNER // len(shape.parts))] for part in shape.parts
            ]
            return [tuple(map(_fresh, items)) for items in _capped(product(*inner), 2 * _POOL)]
        if sort == "dict":
            return self._dicts(shape)
        pool = self.pool(shape.parts[0])
        rows: list[list[Any]] = [[], *([item] for item in pool[:_INNER])]
        rows += [list(pair) for pair in product(pool[:_INNER], repeat=2)]
        rows += [[item] for item in pool[_INNER : _POOL // 2]]
        rows += [list(row) for row in _capped(product(pool[:3], repeat=3), 27)]
        rows += [pool[:n] for n in (4, 6) if len(pool) >= n]
        rows += [list(reversed(pool[:5])), [pool[0]] * 5]
        if sort in ("set", "frozenset"):
            build = set if sort == "set" else frozenset
            return _distinct([build(_hashable(row)) for row in rows])
        return _distinct([tuple(row) if sort == "tuple" else row for row in rows])

    def _dicts(self, shape: Shape) -> list[Any]:
        keys = _hashable(self.pool(shape.parts[0]))[:_INNER]
        values = self.pool(shape.parts[1])[:_INNER]
        found: list[dict[Any, Any]] = [{}]
        found += [{key: value} for key, value in product(keys, values)]
        found += [dict(zip(keys[:2], pair, strict=False)) for pair in product(values, repeat=2)]
        found.append(dict(zip(keys, values, strict=False)))
        return _distinct([_fresh(item) for item in found])

    def random(self, accepted: list[tuple[Any, ...]]) -> tuple[Any, ...]:
        """Return a tuple by chance; often a neighbour of one that met the precondition."""
        rng = self.rng
        if accepted and rng.random() < 0.4:
            return self._neighbour(rng.choice(accepted[-64:]))
        args: list[Any] = []
        for shape in self.shapes:
            twins = [a for a, s in zip(args, self.shapes, strict=False) if s == shape]
            if twins and rng.random() < 0.2:
                args.append(
                    self._change(rng.choice(twins), shape)
                    if rng.random() < 0.5
                    else _fresh(rng.choice(twins))
                )
            else:
                args.append(
                    self._relative(args)
                    if rng.random() < 0.1 and shape.sort == "int"
                    else self.value(shape, 0)
                )
        return tuple(args)

    def _relative(self, args: list[Any]) -> int:
        """An int that means something to the other arguments: a length, an index, an element."""
        rng = self.rng
        near = [0]
        for arg in args:
            if isinstance(arg, (list, str, tuple)):
                near += [len(arg), len(arg) - 1, len(arg) + 1]
                near += [item for item in arg if type(item) is int]
            elif type(arg) is int:
                near += [arg, arg + 1, arg - 1, -arg, 2 * arg]
        return int(rng.choice(near))

    def value(self, shape: Shape, depth: int) -> Any:
        """Return one value of a shape by chance."""
        rng, sort = self.rng, shape.sort
        if sort in ("bool", "none", "literal", "bytes", "complex"):
            return rng.choice(self.pool(shape))
        if sort == "int":
            return self._int()
        if sort == "float":
            return self._float(shape)
        if sort == "str":
            return self._str(shape)
        if sort == "union":
            return self.value(rng.choice(shape.parts), depth)
        if sort == "tuple" and not shape.variadic:
            return tuple(self.value(part, depth + 1) for part in shape.parts)
        return self._container(shape, depth)

    def _int(self) -> int:
        rng = self.rng
        pick = rng.random()
        if pick < 0.45:
            return rng.randint(-10, 10)
        if pick < 0.65 and self.words.ints:
            return rng.choice(self.words.ints) + rng.randint(-2, 2)
        if pick < 0.7 and self.words.ints:
            return rng.choice(self.words.ints) * rng.choice((-1, 2, 3)) + rng.choice((0, 0, 1, -1))
        if pick < 0.9:
            return rng.randint(-200, 200)
        if self.bold and pick < 0.96:
            return rng.choice((rng.choice(_BIG_INTS), rng.getrandbits(40), -rng.getrandbits(34)))
        return rng.randint(-9, 9) * int(10 ** rng.randint(0, 6)) + rng.randint(-9, 9)

    def _float(self, shape: Shape) -> float:
        rng = self.rng
        pick = rng.random()
        if pick < 0.06:
            return rng.choice((math.inf, -math.inf, math.nan, -0.0))
        if pick < 0.35:
            return float(rng.choice(self.pool(shape)))
        if pick < 0.6:
            return float(rng.randint(-20, 20))
        if pick < 0.8:
            return round(rng.uniform(-100, 100), rng.randint(1, 4))
        return rng.uniform(-1, 1) * 10.0 ** rng.randint(-8, 12)

    def _str(self, shape: Shape) -> str:
        rng = self.rng
        pick = rng.random()
        if pick < 0.25:
            return str(rng.choice(self.pool(shape)))
        letters = (
            _LETTERS
            if pick < 0.5
            else rng.choice(
                ("ab", "abc", "01", "0123456789", "aAbB ", "()", "()[]{}", "abcdefghij", "a b c d ")
            )
        )
        if self.words.strings and rng.random() < 0.5:
            letters += "".join(rng.choice(self.words.strings)[:12])
        text = "".join(rng.choice(letters) for _ in range(self._length()))
        if rng.random() < 0.12:
            text += text[::-1]
        if self.words.strings and rng.random() < 0.2:
            at = rng.randint(0, len(text))
            text = text[:at] + rng.choice(self.words.strings) + text[at:]
        return text

    def _length(self) -> int:
        rng = self.rng
        if self._lengths and rng.random() < 0.1:
            return rng.choice(self._lengths)
        return min(int(rng.expovariate(0.25)), 30)

    def _container(self, shape: Shape, depth: int) -> Any:
        rng, sort = self.rng, shape.sort
        size = self._length() if depth == 0 else rng.randint(0, 4)
        if sort == "dict":
            keys = _hashable([self.value(shape.parts[0], depth + 1) for _ in range(min(size, 6))])
            return {key: self.value(shape.parts[1], depth + 1) for key in keys}
        row = [self.value(shape.parts[0], depth + 1) for _ in range(size)]
        if len(row) > 3 and rng.random() < 0.2:
            row = [_fresh(rng.choice(row[:3])) for _ in row]
        if sort == "set":
            return set(_hashable(row))
        if sort == "frozenset":
            return frozenset(_hashable(row))
        row = self._arrange(row)
        return tuple(row) if sort == "tuple" else row

    def _arrange(self, row: list[Any]) -> list[Any]:
        """Give a row one of the forms that contracts ask for: sorted, distinct, repeated."""
        rng = self.rng
        pick = rng.random()
        try:
            if pick < 0.25:
                row.sort()
            elif pick < 0.3:
                row.sort(reverse=True)
        except TypeError:
            return row
        if 0.3 <= pick < 0.4 and row:
            row = [rng.choice(row[:3]) for _ in row]
        if (pick < 0.1 or 0.4 <= pick < 0.5) and row:
            row = _distinct(row)
        return row

    def _neighbour(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        place = self.rng.randrange(len(args)) if args else 0
        return tuple(
            self._change(arg, shape) if index == place else _fresh(arg)
            for index, (arg, shape) in enumerate(zip(args, self.shapes, strict=True))
        )

    def _change(self, value: Any, shape: Shape) -> Any:
        """Return a value near ``value``."""
        rng = self.rng
        if shape.sort == "literal":
            return self.value(shape, 0)
        if type(value) is int:
            return value + rng.choice((-1, 1, -2, 2, -value, 10, -10))
        if type(value) is str and value:
            at = rng.randrange(len(value))
            return rng.choice(
                (
                    value[:at] + value[at + 1 :],
                    value[:at] + rng.choice(_LETTERS) + value[at:],
                    value + value[at],
                    value[::-1],
                )
            )
        if type(value) is list and shape.sort == "list" and value:
            row, at = list(map(_fresh, value)), rng.randrange(len(value))
            pick = rng.randrange(4)
            if pick == 0:
                del row[at]
            elif pick == 1:
                row.insert(at, _fresh(row[at]))
            elif pick == 2:
                row[at] = self._change(row[at], shape.parts[0])
            else:
                row.append(self.value(shape.parts[0], 1))
            return row
        return self.value(shape, 0)


def _finite(shape: Shape) -> bool:
    if shape.guessed:
        return False
    if shape.sort in ("bool", "none", "literal"):
        return True
    if shape.sort == "union":
        return all(map(_finite, shape.parts))
    return False


def _splits(total: int, tops: list[int]) -> Iterator[tuple[int, ...]]:
    """Yield every way to write ``total`` as places no higher than ``tops``."""
    if len(tops) == 1:
        if total <= tops[0]:
            yield (total,)
        return
    rest = sum(tops[1:])
    for first in range(max(0, total - rest), min(total, tops[0]) + 1):
        for others in _splits(total - first, tops[1:]):
            yield (first, *others)


def _capped(rows: Iterator[Any], most: int) -> list[Any]:
    return [row for _, row in zip(range(most), rows, strict=False)]


def _distinct(values: list[Any]) -> list[Any]:
    """Drop repeats, by type and value; keeps the order."""
    seen: set[str] = set()
    kept = []
    for value in values:
        key = f"{type(value).__name__} {value!r}"
        if key not in seen:
            seen.add(key)
            kept.append(value)
    return kept


def _hashable(values: list[Any]) -> list[Any]:
    kept = []
    for value in values:
        try:
            hash(value)
        except TypeError:
            continue
        kept.append(value)
    return kept


def _fresh(value: Any) -> Any:
    """Return a copy whose containers are its own."""
    kind = type(value)
    if kind is list:
        return [_fresh(item) for item in value]
    if kind is dict:
        return {key: _fresh(item) for key, item in value.items()}
    if kind is set:
        return set(value)
    return tuple(map(_fresh, value)) if kind is tuple else value
