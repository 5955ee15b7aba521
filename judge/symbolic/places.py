"""Objects inside objects that are changed in place: ``grid[i][j] = v``, ``groups[k].append(x)``.

A container holds the lists, dicts and sets inside it by value. Changing one of them is changing
the container's own value on the way down from its place in the heap. That is what CPython does
only where nobody else holds the inner object, so it is refused as soon as the state says that one
may be shared (see ``Machine.named`` and ``Machine.stored``). What it is not: aliasing of inner
objects; two names for one row are read, but the row is not changed after that.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from judge.symbolic import dicts, seqs
from judge.symbolic.machine import Machine
from judge.symbolic.merge import same
from judge.symbolic.tables import writable
from judge.symbolic.values import DictV, ListV, Ref, SetV, Unsupported, Value

ASSUMPTION = "lists, dicts and sets inside arguments are distinct objects"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an inner object is: the outermost one, and keys with the values on the way down."""

    root: Ref
    steps: tuple[tuple[Value, Value], ...]
    """(container, key), outermost first; each container as it was when the key was looked up."""


def locate(m: Machine, node: ast.expr) -> tuple[Value, Place | None]:
    """The value of an expression, and its place where it is an element of an element of a name.

    Everything is evaluated once and in Python's order; a missing key or index raises here.
    """
    from judge.symbolic.expr import evaluate, read_item

    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _made_by_default(m, node, node.func)
    if not isinstance(node, ast.Subscript) or isinstance(node.slice, ast.Slice):
        value = evaluate(m, node)
        return value, Place(value, ()) if isinstance(value, Ref) else None
    outer, place = locate(m, node.value)
    key = m.plain(evaluate(m, node.slice))
    if place is not None:
        _unchanged(m, place, node.lineno)
    value = read_item(m, outer, key, node.lineno)
    if place is None:
        return value, None
    container = m.plain(outer)  # looked at again: a defaultdict may have got the key just now
    return value, Place(place.root, (*place.steps, (container, key)))


def _made_by_default(
    m: Machine, node: ast.Call, attribute: ast.Attribute
) -> tuple[Value, Place | None]:
    """``d.setdefault(key, [])`` is an element of ``d``."""
    from judge.symbolic.calls import positional
    from judge.symbolic.expr import evaluate
    from judge.symbolic.tables import dict_method

    if attribute.attr != "setdefault" or node.keywords:
        return evaluate(m, node), None
    target = evaluate(m, attribute.value)
    args = positional(m, node)
    plain = m.plain(target)
    if not isinstance(plain, DictV) or not isinstance(target, Ref) or not args:
        raise Unsupported("setdefault() of this value", node.lineno)
    value = m.held(dict_method(m, "setdefault", target, plain, args, node.lineno))
    return value, Place(target, ((m.plain(target), m.plain(args[0])),))


def _unchanged(m: Machine, place: Place, line: int) -> None:
    """What lies on the way must not have changed while a key or an argument was evaluated."""
    if place.steps and not same(m.plain(place.root), place.steps[0][0]):
        raise Unsupported("a change of what is being changed", line)


def write(m: Machine, place: Place, value: Value, line: int) -> None:
    """Put ``value`` where an inner object was."""
    root = writable(m, place.root, line)
    if len(place.steps) > 1 or isinstance(value, ListV | DictV | SetV):
        refuse_shared(m, line)
    _unchanged(m, place, line)
    changed = m.held(value)
    for container, key in reversed(place.steps):
        changed = _with_item(m, container, key, changed, line)
    m.state.heap[root.address].value = m.held(changed)


def refuse_shared(m: Machine, line: int) -> None:
    """Refuse to change an inner object where one may have a second holder."""
    if m.state.shared:
        raise Unsupported("changing an inner list that may have a second holder", line)
    m.assumptions.add(ASSUMPTION)


def _with_item(m: Machine, container: Value, key: Value, value: Value, line: int) -> Value:
    if isinstance(container, DictV):
        return dicts.with_item(m, container, key, value, line)
    if isinstance(container, ListV):
        index = seqs.index_term(m, key, line)
        return ListV(seqs.replaced(m, container.seq, index, value))
    raise Unsupported("changing a list inside such a value", line)


def changed_in_place(
    m: Machine, place: Place, value: Value, change: Callable[[Ref], Value], line: int
) -> Value:
    """Run ``change`` on an inner object as if it had a name of its own, and put it back."""
    writable(m, place.root, line)
    refuse_shared(m, line)
    own = m.state.allocate(m.held(value))
    m.changing.append(place.root.address)
    try:
        result = change(own)
    finally:
        m.changing.pop()
    after = m.state.heap.pop(own.address).value
    write(m, place, after, line)
    return result


def assign_item(m: Machine, node: ast.Subscript, value: Value) -> None:
    """``target[index] = value``, where the target may itself be inside another object."""
    from judge.symbolic.expr import evaluate
    from judge.symbolic.methods import set_subscript

    container, place = locate(m, node.value)
    key = evaluate(m, node.slice)
    if place is None or not place.steps:
        set_subscript(m, container, key, value, node.lineno)
        return

    def change(own: Ref) -> Value:
        set_subscript(m, own, key, value, node.lineno)
        return own

    changed_in_place(m, place, container, change, node.lineno)


__all__ = ["Place", "assign_item", "changed_in_place", "locate", "refuse_shared", "write"]
