"""Methods of strings, lists and dicts. A method that changes its list works on the heap cell."""

from __future__ import annotations

import ast
from collections.abc import Callable

from judge.symbolic import dicts, folds, iterators, seqs
from judge.symbolic import term as T
from judge.symbolic.closures import call_value, names_read
from judge.symbolic.compare import element_equal
from judge.symbolic.forks import concrete
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.merge import at
from judge.symbolic.ordering import singles
from judge.symbolic.places import changed_in_place, locate
from judge.symbolic.tables import dict_method, put_back, set_method, writable
from judge.symbolic.texts import text_method
from judge.symbolic.values import (
    BuiltinV,
    Choice,
    DictV,
    IntV,
    ListV,
    NoneV,
    Ref,
    Seq,
    SetV,
    Single,
    StrV,
    TupleV,
    TypeV,
    Unsupported,
    Value,
)


def method(m: Machine, node: ast.Call, attribute: ast.Attribute) -> Value:
    """``target.name(args)``."""
    from judge.symbolic.expr import evaluate

    line, name = node.lineno, attribute.attr
    if isinstance(attribute.value, ast.Subscript | ast.Call) and name in CHANGING and not m.pure:
        target, place = locate(m, attribute.value)
        if place is not None and place.steps and isinstance(target, ListV | DictV | SetV):
            return changed_in_place(
                m, place, target, lambda own: _method(m, node, name, own, line), line
            )
    else:
        target = evaluate(m, attribute.value)
    return _method(m, node, name, target, line)


def _method(m: Machine, node: ast.Call, name: str, target: Value, line: int) -> Value:
    from judge.symbolic.calls import positional

    plain = m.plain(target)
    if isinstance(plain, Choice) and m.forks is not None:
        plain = m.each(plain, lambda v: v, line)
    if isinstance(plain, TypeV):
        return call_value(m, BuiltinV(f"{plain.name}.{name}"), positional(m, node), line)
    if name == "sort" and isinstance(plain, ListV):
        return _sort(m, target, node, line)
    args = positional(m, node)
    if isinstance(target, Ref):
        plain = m.plain(target)  # an argument may have changed it
    if isinstance(plain, StrV):
        args += _named(m, node, name, len(args))
        word = plain
        return m.of_one_kind(args, lambda given: text_method(m, name, word, given, line), line)
    if node.keywords:
        raise Unsupported(f"keyword arguments of .{name}()", line)
    if isinstance(plain, DictV):
        return dict_method(m, name, target, plain, args, line)
    if isinstance(plain, SetV):
        return set_method(m, name, target, plain, args, line)
    run = _LIST.get(name) if isinstance(plain, ListV | TupleV) else None
    if run is not None:
        return run(m, plain, args, line)
    change = _CHANGES.get(name)
    if change is not None and isinstance(plain, ListV):
        return _change(m, target, change, args, line)
    kind = type(plain).__name__.removesuffix("V").lower()
    raise Unsupported(f"{kind}.{name}()", line)


CHANGING = frozenset((
    "add", "append", "clear", "difference_update", "discard", "extend", "insert",
    "intersection_update", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update",
))  # fmt: skip
"""Methods that change their object."""

_KEYWORDS = {
    "split": ["sep", "maxsplit"],
    "rsplit": ["sep", "maxsplit"],
    "splitlines": ["keepends"],
}


def _named(m: Machine, node: ast.Call, name: str, given: int) -> list[Value]:
    """Keyword arguments of a string's method, put in their places."""
    from judge.symbolic.expr import evaluate

    found = {k.arg: evaluate(m, k.value) for k in node.keywords}
    order = _KEYWORDS.get(name, [])[given:]
    if set(found) - set(order):
        raise Unsupported(f"keyword arguments of .{name}()", node.lineno)
    values: list[Value] = []
    for place, word in enumerate(order):
        if any(w in found for w in order[place:]):
            values.append(found.get(word, NoneV()))
    return values


Change = Callable[[Machine, Seq, list[Value], int], tuple[Seq, Value]]


def _change(m: Machine, target: Value, change: Change, args: list[Value], line: int) -> Value:
    place = writable(m, target, line)
    value = m.plain(place)
    assert isinstance(value, ListV)
    for arg in args:
        iterators.not_itself(m, arg, place, line)
    seq, result = change(m, value.seq, args, line)
    put_back(m, place, ListV(seq), line)
    return result


def _append(m: Machine, seq: Seq, args: list[Value], line: int) -> tuple[Seq, Value]:
    (value,) = _exactly(m, args, 1, line)
    return Seq((*seq.pieces, Single(m.stored(value)))), NoneV()


def _extend(m: Machine, seq: Seq, args: list[Value], line: int) -> tuple[Seq, Value]:
    from judge.symbolic.calls import _elements

    (value,) = _exactly(m, args, 1, line)
    added = _elements(m, value, line)
    m.copied(added)
    return seqs.concat(seq, added), NoneV()


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


def _sort(m: Machine, target: Value, node: ast.Call, line: int) -> Value:
    """``xs.sort()``: in place."""
    from judge.symbolic.aggregates import sort_by

    if node.args:
        raise m.type_error(line)
    place = writable(m, target, line)
    for word in node.keywords:
        # While it is sorted a list looks empty.
        if {place.address, *m.changing} & iterators.reads(m, names_read(word.value)):
            raise Unsupported("a sort key that reads the list that is sorted", line)
    done = sort_by(m, m.plain(target), node.keywords, line)
    m.state.heap[place.address].value = ListV(done)
    return NoneV()


def _remove(m: Machine, seq: Seq, args: list[Value], line: int) -> tuple[Seq, Value]:
    found = _index(m, ListV(seq), _exactly(m, args, 1, line), line)
    changed, _ = _pop(m, seq, [found], line)
    return changed, NoneV()


def _place_of(m: Machine, seq: Seq, wanted: Value, line: int) -> int:
    """Where the first equal element is; ValueError where there is none."""
    for place, value in enumerate(singles(seq, "index() or remove() in a list", line)):
        if m.sure(element_equal(value, wanted), "index() or remove() of unknown values", line):
            return place
    m.raise_if(T.true(), "ValueError", line)
    raise Dead


def _index(m: Machine, value: Value, args: list[Value], line: int) -> Value:
    if len(args) != 1:
        raise Unsupported("index() in a part of a list", line)
    seq = value.seq if isinstance(value, ListV) else Seq()
    if isinstance(value, TupleV):
        seq = Seq(tuple(map(Single, value.items)))
    wanted = m.plain(args[0])
    if m.forks is not None or all(isinstance(p, Single) for p in seq.pieces):
        try:
            return IntV(T.num(_place_of(m, concrete(m, seq, line), wanted, line)))
        except Unsupported:
            if m.forks is not None:
                raise
    return _unknown_index(m, seq, wanted, line)


def _unknown_index(m: Machine, seq: Seq, wanted: Value, line: int) -> Value:
    """The first place of an element, by what that means."""
    from judge.symbolic.compare import contains

    if m.binding or m.under_binder:
        raise Unsupported("index() inside a comprehension", line)
    m.raise_if(T.not_(contains(wanted, seq)), "ValueError", line)
    place = T.var(T.fresh_name("index"))
    hole = T.fresh_bvar()
    before = T.and_(T.le(T.num(0), hole), T.lt(hole, place))
    other = T.implies(before, T.not_(element_equal(at(seq, hole), wanted)))
    inside = T.and_(T.le(T.num(0), place), T.lt(place, seq.length))
    found = T.and_(
        inside, element_equal(at(seq, place), wanted), T.quantify("forall", [hole], other)
    )
    m.state.facts.append(T.implies(m.guard(), found))
    return IntV(place)


_CHANGES: dict[str, Change] = {
    "append": _append,
    "clear": _clear,
    "extend": _extend,
    "insert": _insert,
    "pop": _pop,
    "remove": _remove,
    "reverse": _reverse,
}


def _exactly(m: Machine, args: list[Value], number: int, line: int) -> list[Value]:
    if len(args) != number:
        raise m.type_error(line)
    return args


def _count(m: Machine, value: Value, args: list[Value], line: int) -> Value:
    (needle,) = _exactly(m, args, 1, line)
    wanted = m.plain(needle)
    seq = value.seq if isinstance(value, ListV) else Seq()
    if isinstance(value, TupleV):
        seq = Seq(tuple(map(Single, value.items)))
    return IntV(folds.sum_of(seq, lambda v: T.ite(element_equal(v, wanted), T.num(1), T.num(0))))


def _copy(m: Machine, value: Value, args: list[Value], line: int) -> Value:
    _exactly(m, args, 0, line)
    if not isinstance(value, ListV):
        raise Unsupported("copy() of a tuple", line)
    return ListV(value.seq, fresh=True)


Method = Callable[[Machine, Value, list[Value], int], Value]
_LIST: dict[str, Method] = {"count": _count, "copy": _copy, "index": _index}


def delete(m: Machine, target: Value, index: Value, line: int) -> None:
    """``del target[index]``."""
    plain = m.plain(target)
    place = writable(m, target, line)
    if isinstance(plain, DictV):
        key = m.plain(index)
        dicts.look_up(m, plain, key, line)
        m.state.heap[place.address].value = dicts.without(m, plain, key)
    elif isinstance(plain, ListV):
        changed, _ = _pop(m, plain.seq, [index], line)
        m.state.heap[place.address].value = ListV(changed)
    elif isinstance(plain, Choice):
        raise Unsupported("changing a value of several kinds", line)
    else:
        raise m.type_error(line)


def set_subscript(m: Machine, target: Value, index: Value, value: Value, line: int) -> None:
    """``target[index] = value``."""
    plain = m.plain(target)
    if not isinstance(plain, ListV | DictV):
        if isinstance(plain, Choice):
            raise Unsupported("changing a value of several kinds", line)
        raise m.type_error(line)
    place = writable(m, target, line)
    stored = m.stored(value)
    if isinstance(plain, DictV):
        put_back(m, place, dicts.with_item(m, plain, m.plain(index), stored, line), line)
        return
    number = seqs.index_term(m, m.plain(index), line)
    changed = seqs.set_item(m, plain.seq, number, stored, line)
    put_back(m, place, ListV(changed), line)


__all__ = ["delete", "method", "set_subscript", "writable"]
