"""Plain data: the only values that cross the border between a candidate and the judge.

Plain are ``None``, ``bool``, ``int`` of any size, ``float``, ``complex``, ``str`` (lone surrogates
too), ``bytes``, and ``list``, ``tuple``, ``dict``, ``set``, ``frozenset`` of plain values, each of
exactly that type. An instance of a subclass is not plain, because its methods would be somebody
else's code; the exceptions are ``defaultdict``, ``OrderedDict`` and ``Counter``, which travel as
the ``dict`` they are equal to.

The written form is JSON. What JSON can say itself is written as itself; the rest is an object with
one key that starts with ``$``, for example ``{"$tuple": [1, 2]}``. JSON written by others is read
unchanged: an object without such a key is a dict with string keys. It is not pickle: reading never
runs anybody's code, and every defect of the text is a ``PlainError``.
"""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

MAX_DEPTH = 200
"""How deep containers may be nested."""
MAX_SIZE = 8_000_000
"""The default size budget of one value, in characters of its written form (roughly)."""

_BIG_INT_BITS = 12_000
_MAX_EQUAL_HASHES = 64
_DICTS = (dict, defaultdict, OrderedDict, Counter)


class PlainError(ValueError):
    """A value is not plain, or a text is not the written form of one; the message says where."""


class _Encoder:
    """Turns one value into its JSON tree within a size budget."""

    __slots__ = ("left",)

    def __init__(self, size: int) -> None:
        self.left = size

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise PlainError("the value is larger than the limit")

    def encode(self, value: object, depth: int) -> object:
        kind = type(value)
        if value is None or kind is bool:
            self.spend(4)
            return value
        if kind is int:
            return self._integer(value)  # type: ignore[arg-type]
        if kind is str:
            return self._text(value)  # type: ignore[arg-type]
        if kind is float:
            self.spend(16)
            return value if math.isfinite(value) else {"$float": repr(value)}  # type: ignore[arg-type]
        return self._container(kind, value, depth)

    def _integer(self, value: int) -> object:
        bits = value.bit_length()
        self.spend(2 + bits // 3)
        return value if bits <= _BIG_INT_BITS else {"$int": hex(value)}

    def _text(self, value: str) -> object:
        self.spend(2 + len(value))
        if value.isascii():
            return value
        self.spend(5 * len(value))
        try:
            value.encode()
        except UnicodeEncodeError:
            # two lone surrogates side by side would be read back as one character
            return {"$str": [ord(character) for character in value]}
        return value

    def _container(self, kind: type, value: Any, depth: int) -> object:
        if depth >= MAX_DEPTH:
            raise PlainError(f"the value is nested deeper than {MAX_DEPTH}")
        self.spend(2)
        if kind is list:
            return self._items(value, depth)
        if kind is tuple:
            return {"$tuple": self._items(value, depth)}
        if kind in _DICTS:
            return self._mapping(value, depth)
        if kind is set or kind is frozenset:
            items = self._items(value, depth)
            items.sort(key=_text_of)
            return {"$set" if kind is set else "$frozenset": items}
        if kind is bytes:
            self.spend(2 * len(value))
            return {"$bytes": value.hex()}
        if kind is complex:
            return {"$complex": [self.encode(value.real, depth), self.encode(value.imag, depth)]}
        where = " inside it" if depth else ""
        raise PlainError(f"a value of type {kind.__name__}{where} is not plain data")

    def _items(self, values: Iterable[object], depth: int) -> list[object]:
        encode, inner = self.encode, depth + 1
        return [encode(item, inner) for item in values]

    def _mapping(self, value: dict[Any, Any], depth: int) -> object:
        inner = depth + 1
        pairs = [(self.encode(k, inner), self.encode(v, inner)) for k, v in dict.items(value)]
        if all(type(k) is str and not k.startswith("$") for k, _ in pairs):
            return {str(key): item for key, item in pairs}
        return {"$dict": [[k, v] for k, v in pairs]}


_text_of: Callable[[object], str] = json.JSONEncoder(
    separators=(",", ":"), check_circular=False
).encode
"""The encoder, made once: ``json.dumps`` would make one for each value."""


def to_json(value: object, *, size: int = MAX_SIZE) -> object:
    """Return the JSON tree of a plain value; raises ``PlainError`` when it is not plain."""
    return _Encoder(size).encode(value, 0)


def from_json(tree: object) -> Any:
    """Return the value that a JSON tree stands for; raises ``PlainError`` on a malformed tag."""
    return _decode(tree, 0)


def _decode(tree: object, depth: int) -> Any:
    kind = type(tree)
    if kind is int or kind is str or kind is float or kind is bool or tree is None:
        return tree
    if depth > MAX_DEPTH:
        raise PlainError(f"the value is nested deeper than {MAX_DEPTH}")
    inner = depth + 1
    if kind is list:
        return [_decode(item, inner) for item in tree]  # type: ignore[attr-defined]
    if kind is not dict:
        raise PlainError(f"JSON has no value of type {kind.__name__}")
    assert isinstance(tree, dict)
    if len(tree) == 1:
        ((tag, body),) = tree.items()
        if type(tag) is str and tag.startswith("$"):
            reader = _READERS.get(tag)
            if reader is not None:
                return reader(body, inner)
    return {key: _decode(item, inner) for key, item in tree.items()}


def _list_of(body: object, depth: int) -> list[Any]:
    if type(body) is not list:
        raise PlainError("a tag of plain data must hold a JSON array")
    return [_decode(item, depth) for item in body]


def _hashable(keys: Sequence[Any]) -> Sequence[Any]:
    """Refuse keys that cannot be hashed or that were chosen to collide (quadratic tables)."""
    try:
        hashes = sorted(hash(key) for key in keys)
    except TypeError as error:
        raise PlainError(f"a set or dict holds an unhashable key: {error}") from None
    run = 1
    for before, after in pairwise(hashes):
        run = run + 1 if before == after else 1
        if run > _MAX_EQUAL_HASHES:
            raise PlainError("a set or dict holds too many keys of one hash")
    return keys


def _read_dict(body: object, depth: int) -> dict[Any, Any]:
    pairs = _list_of(body, depth)
    if not all(type(pair) is list and len(pair) == 2 for pair in pairs):
        raise PlainError("'$dict' must hold pairs of key and value")
    _hashable([pair[0] for pair in pairs])
    return dict(pairs)


def _read_int(body: object, depth: int) -> int:
    if type(body) is not str or not body.lstrip("-").startswith("0x"):
        raise PlainError("'$int' must hold a hexadecimal string")
    try:
        return int(body, 16)
    except ValueError:
        raise PlainError("'$int' must hold a hexadecimal string") from None


def _read_float(body: object, depth: int) -> float:
    if type(body) is not str or body not in ("nan", "inf", "-inf"):
        raise PlainError("'$float' must hold nan, inf or -inf")
    return float(body)


def _read_str(body: object, depth: int) -> str:
    try:
        return "".join(chr(point) for point in body)  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError):
        raise PlainError("'$str' must hold an array of code points") from None


def _read_bytes(body: object, depth: int) -> bytes:
    try:
        return bytes.fromhex(body)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise PlainError("'$bytes' must hold a hexadecimal string") from None


def _read_complex(body: object, depth: int) -> complex:
    parts = _list_of(body, depth)
    if len(parts) != 2 or not all(type(part) is float for part in parts):
        raise PlainError("'$complex' must hold two floats")
    # complex(re, im) loses no sign of zero, re + im * 1j does
    return complex(parts[0], parts[1])


_READERS: dict[str, Callable[[object, int], Any]] = {
    "$tuple": lambda body, depth: tuple(_list_of(body, depth)),
    "$set": lambda body, depth: set(_hashable(_list_of(body, depth))),
    "$frozenset": lambda body, depth: frozenset(_hashable(_list_of(body, depth))),
    "$dict": _read_dict,
    "$int": _read_int,
    "$float": _read_float,
    "$str": _read_str,
    "$bytes": _read_bytes,
    "$complex": _read_complex,
}


def dumps(value: object, *, size: int = MAX_SIZE) -> str:
    """Return the written form: one line of ASCII, the same for the same value.

    Sets are written in the order of their elements' texts; dicts keep their insertion order,
    which is part of a Python dict's behaviour.
    """
    text = _short(value, 0)
    if text is not None and len(text) < _SHORT and size > 4 * _SHORT:
        return text
    return _text_of(to_json(value, size=size))


_SHORT = 2_000


def _short(value: Any, depth: int) -> str | None:
    """The written form of what most values are, at once; None for everything else."""
    kind = type(value)
    if kind is int:
        return str(value) if -_WORD < value < _WORD else None
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        return "null"
    if kind is str:
        return _quoted(value) if len(value) < _SHORT and value.isascii() else None
    if (kind is list or kind is tuple) and depth < 3 and len(value) < _SHORT:
        parts = []
        for item in value:
            text = _short(item, depth + 1)
            if text is None:
                return None
            parts.append(text)
        body = f"[{','.join(parts)}]"
        return body if kind is list else f'{{"$tuple":{body}}}'
    return None


_WORD = 1 << 64
_quoted: Callable[[str], str] = json.encoder.encode_basestring_ascii


def loads(text: str | bytes) -> Any:
    """Return the value of a written form; raises ``PlainError`` on anything else."""
    try:
        return from_json(json.loads(text))
    except PlainError:
        raise
    except RecursionError:
        raise PlainError(f"the value is nested deeper than {MAX_DEPTH}") from None
    except ValueError as error:
        raise PlainError(f"the text is not JSON: {error}") from None


def same(a: object, b: object) -> bool:
    """Tell whether two plain values are the same in type and value.

    ``nan`` is the same as ``nan``; ``0.0`` and ``-0.0`` differ, as do ``1``, ``1.0`` and ``True``.
    Dicts are the same when their items are, in whatever order; so are sets.
    """
    kind = type(a)
    if kind is not type(b):
        return False
    if kind is float:
        x, y = float(a), float(b)  # type: ignore[arg-type]
        return (x == y and math.copysign(1, x) == math.copysign(1, y)) or (x != x and y != y)
    if kind is list or kind is tuple:
        return len(a) == len(b) and all(map(same, a, b))  # type: ignore[arg-type, call-overload]
    if kind in (set, frozenset):
        return len(a) == len(b) and _texts(a) == _texts(b)  # type: ignore[arg-type]
    if kind is dict:
        return _same_dicts(a, b)  # type: ignore[arg-type]
    if kind is complex:
        return repr(a) == repr(b)
    return a == b


def _texts(values: Any) -> list[str]:
    return sorted(dumps(value) for value in values)


def _same_dicts(a: dict[Any, Any], b: dict[Any, Any]) -> bool:
    if len(a) != len(b):
        return False
    theirs = {dumps(key): value for key, value in b.items()}
    return all(
        (text := dumps(key)) in theirs and same(value, theirs[text]) for key, value in a.items()
    )


def equal(actual: object, expected: object, *, tolerance: float = 0.0) -> bool:
    """Tell whether a test that expects ``expected`` accepts ``actual``.

    This is Python's ``==`` on plain data, as the field's harnesses use it: ``1 == 1.0 == True``,
    a list never equals a tuple. Beyond ``==``, ``nan`` equals ``nan``, and where ``expected`` holds
    a finite float, a number within ``tolerance + tolerance / 10 * |expected|`` is equal.
    """
    if isinstance(expected, float) and isinstance(actual, (int, float)):
        return _close(actual, expected, tolerance)
    if type(actual) is type(expected):
        if isinstance(actual, (list, tuple)) and isinstance(expected, (list, tuple)):
            return len(actual) == len(expected) and all(
                equal(a, e, tolerance=tolerance) for a, e in zip(actual, expected, strict=True)
            )
        if isinstance(actual, dict) and isinstance(expected, dict):
            return actual.keys() == expected.keys() and all(
                equal(actual[key], value, tolerance=tolerance) for key, value in expected.items()
            )
    return actual == expected


def _close(actual: float, expected: float, tolerance: float) -> bool:
    if actual == expected:
        return True
    if expected != expected:
        return actual != actual
    if not tolerance or not math.isfinite(expected):
        return False
    try:
        return abs(actual - expected) <= tolerance + tolerance / 10 * abs(expected)
    except OverflowError:
        return False


def call_text(name: str, args: Sequence[object]) -> str:
    """Return the call as a person would write it, for example ``clamp(0, 1, 1)``."""
    return f"{name}({', '.join(value_text(arg) for arg in args)})"


def value_text(value: object, *, limit: int = 400) -> str:
    """Return a value as Python source, cut in the middle when longer than ``limit``.

    Integers too long for decimal conversion are written in hexadecimal; ``nan`` and the
    infinities are written as ``float('nan')``, so the text can be pasted into Python.
    """
    text = _source(value)
    if len(text) <= limit:
        return text
    half = (limit - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def _source(value: object) -> str:
    if (
        isinstance(value, int)
        and not isinstance(value, bool)
        and value.bit_length() > _BIG_INT_BITS
    ):
        return hex(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value!r}')"
    if type(value) is list:
        return f"[{', '.join(map(_source, value))}]"
    if type(value) is tuple:
        comma = "," if len(value) == 1 else ""
        return f"({', '.join(map(_source, value))}{comma})"
    if type(value) is dict:
        return "{" + ", ".join(f"{_source(k)}: {_source(v)}" for k, v in value.items()) + "}"
    if type(value) is set and value:
        return "{" + ", ".join(sorted(map(_source, value))) + "}"
    return repr(value)
