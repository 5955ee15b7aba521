"""Dicts over scalar keys: presence and value, no order, no size.

Reading, ``in``, ``get``, setting a key and counting are modelled; iterating, ``len``, ``keys`` and
deleting are refused.
"""

from __future__ import annotations

from judge.symbolic import term as T
from judge.symbolic.compare import equal
from judge.symbolic.merge import merge
from judge.symbolic.shapes import Shape, join, shape_of
from judge.symbolic.values import DictV, Unsupported, Value


def empty() -> DictV:
    """``{}``."""

    def nothing(key: Value) -> Value:
        raise Unsupported("a value from a dict that is literally empty")

    return DictV(lambda k: T.false(), nothing, None, None, fresh=True)


def literal_dict(pairs: list[tuple[Value, Value]]) -> DictV:
    """A dict display: a later pair wins over an earlier one with the same key."""
    result = empty()
    for key, value in pairs:
        result = with_item(result, key, value)
    return result


def with_item(old: DictV, key: Value, value: Value) -> DictV:
    """The dict after ``d[key] = value``."""

    def get(k: Value) -> Value:
        if old.key is None:
            return value
        return merge(equal(k, key), value, old.get(k))

    return DictV(
        lambda k: T.or_(equal(k, key), old.has(k)),
        get,
        _join(old.key, shape_of(key)),
        _join(old.value, shape_of(value)),
        fresh=old.fresh,
    )


def _join(old: object, new: Shape) -> Shape:
    return new if old is None else join(old, new)  # type: ignore[arg-type]
