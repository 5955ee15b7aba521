"""Methods of strings, lists and dicts. A method that changes its list works on the heap cell."""

from __future__ import annotations

import ast
from collections.abc import Callable

from judge.symbolic import folds, seqs
from judge.symbolic import term as T
from judge.symbolic.compare import element_equal
from judge.symbolic.dicts import with_item
from judge.symbolic.machine import Machine
from judge.symbolic.merge import at, merge
from judge.symbolic.values import (
    BoolV,
    DictV,
    IntV,
    ListV,
    NoneV,
    Ref,
    Seq,
    Single,
    StrV,
    TupleV,
    Unsupported,
    Value,
)


def method(m: Machine, node: ast.Call, attribute: ast.Attribute) -> Value:
    """``target.name(args)``."""
    from judge.symbolic.expr import evaluate

    line = node.lineno
    if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
        raise Unsupported(f"keyword or starred arguments of .{attribute.attr}()", line)
    target = evaluate(m, attribute.value)
    args = [evaluate(m, a) for a in node.args]
    plain = m.plain(target)
    table = (
        _STR if isinstance(plain, StrV) else _LIST if isinstance(plain, ListV | TupleV) else None
    )
    if isinstance(plain, DictV):
        table = _DICT
    run = table.get(attribute.attr) if table is not None else None
    if run is not None:
        return run(m, plain, args, line)
    change = _CHANGES.get(attribute.attr)
    if change is not None and isinstance(plain, ListV):
        return _change(m, target, change, args, line)
    kind = type(plain).__name__.removesuffix("V").lower()
    raise Unsupported(f"{kind}.{attribute.attr}()", line)


Change = Callable[[Machine, Seq, list[Value], int], tuple[Seq, Value]]


def writable(m: Machine, target: Value, line: int) -> Ref:
    """The heap place of a list or dict that may be changed here."""
    if m.pure:
        raise Unsupported("a change inside a contract", line)
    if m.binding or not T.is_true(m.guard()):
        raise Unsupported("a change inside an expression that is not always evaluated", line)
    if not isinstance(target, Ref):
        raise Unsupported("changing a list that is part of another value", line)
    if m.state.heap[target.address].frozen:
        raise Unsupported("changing a list that has a second holder", line)
    return target


def _change(m: Machine, target: Value, change: Change, args: list[Value], line: int) -> Value:
    place = writable(m, target, line)
    value = m.plain(place)
    assert isinstance(value, ListV)
    seq, result = change(m, value.seq, args, line)
    m.state.heap[place.address].value = ListV(seq)
    return result


def _append(m: Machine, seq: Seq, args: list[Value], line: int) -> tuple[Seq, Value]:
    (value,) = _exactly(m, args, 1, line)
    return Seq((*seq.pieces, Single(m.stored(value)))), NoneV()


def _extend(m: Machine, seq: Seq, args: list[Value], line: int) -> tuple[Seq, Value]:
    from judge.symbolic.calls import _elements

    (value,) = _exactly(m, args, 1, line)
    return seqs.concat(seq, _elements(m, value, line)), NoneV()


def _insert(m: Machine, seq: Seq, args: list[Value], line: int) -> tuple[Seq, Value]:
    place, value = _exactly(m, args, 2, line)
    bound = seqs.clamp_bound(m, seqs.index_term(m, m.plain(place), line), seq.length)
    head = seqs.cut(m, seq, T.num(0), bound)
    tail = seqs.cut(m, seq, bound, seq.length)
    return Seq((*head.pieces, Single(m.stored(value)), *tail.pieces)), NoneV()


def _pop(m: Machine, seq: Seq, args: list[Value], line: int) -> tuple[Seq, Value]:
    if len(args) > 1:
        raise m.type_error(line)
    index = seqs.index_term(m, m.plain(args[0]), line) if args else T.num(-1)
    value = seqs.item(m, seq, index, line)
    negative = T.lt(index, T.num(0))
    place = seqs.choose(m, negative, T.add(index, seq.length), index)
    if seq.pieces and not args and isinstance(seq.pieces[-1], Single):
        return Seq(seq.pieces[:-1]), value
    head = seqs.cut(m, seq, T.num(0), place)
    tail = seqs.cut(m, seq, T.add(place, T.num(1)), seq.length)
    return Seq((*head.pieces, *tail.pieces)), value


def _clear(m: Machine, seq: Seq, args: list[Value], line: int) -> tuple[Seq, Value]:
    _exactly(m, args, 0, line)
    return Seq(), NoneV()


def _reverse(m: Machine, seq: Seq, args: list[Value], line: int) -> tuple[Seq, Value]:
    _exactly(m, args, 0, line)
    return seqs.reverse(seq), NoneV()


def _sort(m: Machine, seq: Seq, args: list[Value], line: int) -> tuple[Seq, Value]:
    from judge.symbolic.sorting import sorted_seq

    _exactly(m, args, 0, line)
    return sorted_seq(m, seq, line), NoneV()


_CHANGES: dict[str, Change] = {
    "append": _append,
    "clear": _clear,
    "extend": _extend,
    "insert": _insert,
    "pop": _pop,
    "reverse": _reverse,
    "sort": _sort,
}


def _exactly(m: Machine, args: list[Value], number: int, line: int) -> list[Value]:
    if len(args) != number:
        raise m.type_error(line)
    return args


def _count(m: Machine, value: Value, args: list[Value], line: int) -> Value:
    (needle,) = _exactly(m, args, 1, line)
    wanted = m.plain(needle)
    if isinstance(value, StrV):
        if not isinstance(wanted, StrV):
            raise m.type_error(line)
        if T.literal(wanted.seq.length) != 1:
            raise Unsupported("str.count() of more than one character", line)
        wanted = at(wanted.seq, T.num(0))
    seq = value.seq if isinstance(value, ListV | StrV) else Seq(())
    if isinstance(value, TupleV):
        seq = Seq(tuple(map(Single, value.items)))
    return IntV(folds.sum_of(seq, lambda v: T.ite(element_equal(v, wanted), T.num(1), T.num(0))))


def _copy(m: Machine, value: Value, args: list[Value], line: int) -> Value:
    _exactly(m, args, 0, line)
    if not isinstance(value, ListV):
        raise Unsupported("copy() of a tuple", line)
    return ListV(value.seq, fresh=True)


def _affix(end: bool) -> Callable[[Machine, Value, list[Value], int], Value]:
    def run(m: Machine, value: Value, args: list[Value], line: int) -> Value:
        (part,) = _exactly(m, args, 1, line)
        wanted = m.plain(part)
        if not isinstance(wanted, StrV) or not isinstance(value, StrV):
            raise Unsupported("startswith() or endswith() of anything but a string", line)
        test = seqs.ends_with if end else seqs.starts_with
        return BoolV(test(value.seq, wanted.seq))

    return run


def _dict_get(m: Machine, value: Value, args: list[Value], line: int) -> Value:
    assert isinstance(value, DictV)
    if not 1 <= len(args) <= 2:
        raise m.type_error(line)
    key = m.plain(args[0])
    default = m.stored(args[1]) if len(args) == 2 else NoneV()
    if value.key is None:
        return default
    return merge(value.has(key), value.get(key), default)


Method = Callable[[Machine, Value, list[Value], int], Value]
_STR: dict[str, Method] = {"count": _count, "startswith": _affix(False), "endswith": _affix(True)}
_LIST: dict[str, Method] = {"count": _count, "copy": _copy}
_DICT: dict[str, Method] = {"get": _dict_get}


def set_subscript(m: Machine, target: Value, index: Value, value: Value, line: int) -> None:
    """``target[index] = value``."""
    plain = m.plain(target)
    if not isinstance(plain, ListV | DictV):
        raise m.type_error(line)
    place = writable(m, target, line)
    stored = m.stored(value)
    cell = m.state.heap[place.address]
    if isinstance(plain, DictV):
        cell.value = with_item(plain, m.plain(index), stored)
        return
    number = seqs.index_term(m, m.plain(index), line)
    changed = seqs.set_item(m, plain.seq, number, stored, line)
    # raise_if may have moved on to a state of its own; the cell is looked up again.
    m.state.heap[place.address].value = ListV(changed)


__all__ = ["method", "set_subscript", "writable"]
