"""Methods of dicts and sets. One that changes its object works on the heap cell."""

from __future__ import annotations

from dataclasses import replace

from judge.symbolic import dicts, iterators, sets
from judge.symbolic import term as T
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.numbers import as_int
from judge.symbolic.values import (
    BoolV,
    DictV,
    DictViewV,
    IntV,
    ListV,
    NoneV,
    Ref,
    Seq,
    SetV,
    Single,
    TupleV,
    Unsupported,
    Value,
    holds_mutable,
)


def writable(m: Machine, target: Value, line: int) -> Ref:
    """The heap place of a list or dict that may be changed here."""
    if m.pure:
        raise Unsupported("a change inside a contract", line)
    if m.binding or not T.is_true(m.guard()):
        raise Unsupported("a change inside an expression that is not always evaluated", line)
    if not isinstance(target, Ref):
        raise Unsupported("changing a list that is part of another value", line)
    if target.address < m.seen_around:
        raise Unsupported("a change of what the same expression has read before", line)
    if m.state.heap[target.address].frozen:
        raise Unsupported("changing a list that has a second holder", line)
    return target


def put_back(m: Machine, place: Ref, value: Value, line: int) -> None:
    """Change the object there, unless the change has just given it a second holder: itself."""
    cell = m.state.heap[place.address]
    if cell.frozen:
        raise Unsupported("putting an object into itself", line)
    cell.value = value


def _arity(m: Machine, args: list[Value], low: int, high: int, line: int) -> None:
    if not low <= len(args) <= high:
        raise m.type_error(line)


# ---------------------------------------------------------------- dicts


def dict_method(
    m: Machine, name: str, target: Value, value: DictV, args: list[Value], line: int
) -> Value:
    """``d.name(*args)``."""
    if name in ("keys", "values", "items"):
        _arity(m, args, 0, 0, line)
        return DictViewV(target, name)
    if name == "get":
        _arity(m, args, 1, 2, line)
        default = m.stored(args[1]) if len(args) == 2 else NoneV()
        return dicts.get_or(m, value, m.plain(args[0]), default, line)
    if name == "copy":
        _arity(m, args, 0, 0, line)
        return replace(value, fresh=True)
    if name == "most_common" and isinstance(value.default, IntV):
        return _most_common(m, value, args, line)
    place = writable(m, target, line)
    if name == "clear":
        _arity(m, args, 0, 0, line)
        changed = dicts.of_entries((), default=value.default)
        result: Value = NoneV()
    elif name == "pop":
        changed, result = _dict_pop(m, value, args, line)
    elif name == "popitem":
        changed, result = _dict_popitem(m, value, args, line)
    elif name == "setdefault":
        _arity(m, args, 1, 2, line)
        changed, result = _set_default(m, value, args, line)
    elif name == "update":
        _arity(m, args, 1, 1, line)
        changed, result = _update(m, value, args[0], line), NoneV()
    else:
        raise Unsupported(f"dict.{name}()", line)
    put_back(m, place, replace(changed, fresh=False), line)
    return result


def _most_common(m: Machine, value: DictV, args: list[Value], line: int) -> Value:
    """By falling count, equal counts in the order of their keys' appearance."""
    from judge.symbolic import ordering

    _arity(m, args, 0, 1, line)
    pairs: list[Value] = [TupleV(e) for e in dicts.entries_of(value, line)]
    counts = {id(p): e[1] for p, e in zip(pairs, dicts.entries_of(value), strict=True)}
    placed: list[Value] = []
    for pair in pairs:
        place = len(placed)
        while place and m.sure(
            ordering.before(m, counts[id(placed[place - 1])], counts[id(pair)], line),
            "most_common() of unknown counts",
            line,
        ):
            place -= 1
        placed.insert(place, pair)
    if args and not isinstance(args[0], NoneV):
        number = as_int(m.plain(args[0]))
        known = None if number is None else T.literal(number)
        if known is None:
            raise Unsupported("most_common() of an unknown number", line)
        placed = placed[: max(0, int(known))]
    return ListV(Seq(tuple(map(Single, placed))), fresh=True)


def _dict_pop(m: Machine, value: DictV, args: list[Value], line: int) -> tuple[DictV, Value]:
    _arity(m, args, 1, 2, line)
    key = m.plain(args[0])
    if len(args) == 2:
        sets.hashable(m, key, line)
        there = m.sure(value.has(key), "pop() of an unknown key with a default", line)
        if not there:
            return value, args[1]
    found = dicts.look_up(m, value, key, line)
    return dicts.without(m, value, key), found


def _dict_popitem(m: Machine, value: DictV, args: list[Value], line: int) -> tuple[DictV, Value]:
    _arity(m, args, 0, 0, line)
    entries = dicts.entries_of(value, line)
    if not entries:
        m.raise_if(T.true(), "KeyError", line)
        raise Dead
    rest = dicts.of_entries(entries[:-1], default=value.default)
    return rest, TupleV(entries[-1])


def _set_default(m: Machine, value: DictV, args: list[Value], line: int) -> tuple[DictV, Value]:
    key = m.plain(args[0])
    default = m.stored(args[1]) if len(args) == 2 else NoneV()
    sets.hashable(m, key, line)
    if m.sure(value.has(key), "setdefault() of an unknown key", line):
        return value, dicts.look_up(m, value, key, line)
    return dicts.with_item(m, value, key, default, line), default


def _update(m: Machine, value: DictV, other: Value, line: int) -> DictV:
    given = m.plain(other)
    if not isinstance(given, DictV):
        raise Unsupported("dict.update() with anything but a dict", line)
    if holds_mutable(given):
        m.state.shared = True
    for k, v in dicts.entries_of(given, line):
        value = dicts.with_item(m, value, k, v, line)
    return value


# ---------------------------------------------------------------- sets

_SIGNS = {
    "union": "|",
    "intersection": "&",
    "difference": "-",
    "symmetric_difference": "^",
    "update": "|",
    "intersection_update": "&",
    "difference_update": "-",
}


def set_method(
    m: Machine, name: str, target: Value, value: SetV, args: list[Value], line: int
) -> Value:
    """``s.name(*args)``."""
    if name == "copy":
        _arity(m, args, 0, 0, line)
        return replace(value, fresh=True)
    if name in ("issubset", "issuperset", "isdisjoint"):
        _arity(m, args, 1, 1, line)
        other = _as_set(m, args[0], line)
        if name == "isdisjoint":
            both = sets.combine(m, "&", value, other)
            return BoolV(T.eq(sets.size(m, both, line), T.num(0)))
        inside = (value, other) if name == "issubset" else (other, value)
        return BoolV(sets.subset(*inside))
    if name in _SIGNS:
        changed = value
        for arg in args:
            changed = sets.combine(m, _SIGNS[name], changed, _as_set(m, arg, line))
        if not name.endswith("update"):
            return replace(changed, fresh=True)
        place = writable(m, target, line)
        for arg in args:
            iterators.not_itself(m, arg, place, line)
        m.state.heap[place.address].value = replace(changed, fresh=False)
        return NoneV()
    place = writable(m, target, line)
    if name == "clear":
        _arity(m, args, 0, 0, line)
        changed = sets.of_distinct(())
    else:
        if name not in ("add", "discard", "remove"):
            raise Unsupported(f"set.{name}()", line)
        _arity(m, args, 1, 1, line)
        changed = _changed(m, name, value, m.plain(args[0]), line)
    m.state.heap[place.address].value = replace(changed, fresh=False)
    return NoneV()


def _changed(m: Machine, name: str, value: SetV, member: Value, line: int) -> SetV:
    if name == "add":
        return sets.with_member(m, value, member, line)
    sets.hashable(m, member, line)
    if name == "remove":
        m.raise_if(T.not_(value.has(member)), "KeyError", line)
    return sets.without(m, value, member)


def _as_set(m: Machine, other: Value, line: int) -> SetV:
    from judge.symbolic.calls import _elements

    plain = m.plain(other)
    if isinstance(plain, SetV):
        return plain
    return sets.of_seq(m, _elements(m, plain, line), line)


__all__ = ["dict_method", "put_back", "set_method", "writable"]
