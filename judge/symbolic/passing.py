"""Arguments of a defined function as terms, and back: a list is an array with two bounds.

A helper that calls itself becomes a function symbol, and a symbol takes terms. Integers and truth
values are terms; a list or text of them is ``(array, lo, hi)``, so that a slice of a list is the
same array with other bounds. What it is not: a way to tell that two arrays hold equal elements.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING

from judge.symbolic import term as T
from judge.symbolic.merge import at
from judge.symbolic.shapes import STR_SHAPE, ListShape, shape_of_annotation
from judge.symbolic.term import BOOL, INT, Term
from judge.symbolic.values import (
    BoolV,
    Filtered,
    IntV,
    ListV,
    Seq,
    StrV,
    Unsupported,
    Value,
    View,
)

if TYPE_CHECKING:
    from judge.symbolic.execute import Executor

_ELEMENTS = {"list": INT, "str": INT, "bools": BOOL}


def kind_of(value: Value) -> str:
    """``int``, ``bool``, ``str``, ``list`` or ``bools``; refuses what is not modelled."""
    if isinstance(value, IntV):
        return "int"
    if isinstance(value, BoolV):
        return "bool"
    if isinstance(value, StrV):
        return "str"
    if isinstance(value, ListV):
        elements = {type(p.at(T.bvar("kind"))) for p in value.seq.pieces}
        if elements <= {IntV}:
            return "list"
        if elements == {BoolV}:
            return "bools"
    raise Unsupported("recursion over such a value")


def fit(function: ast.FunctionDef, names: Iterable[str], kinds: Iterable[str]) -> None:
    """Refuse arguments that are not what the annotations say: the body is not meant for them."""
    spec = function.args
    said = {a.arg: a.annotation for a in (*spec.posonlyargs, *spec.args)}
    for name, kind in zip(names, kinds, strict=True):
        annotation = said.get(name)
        if annotation is None:
            continue
        shape = shape_of_annotation(annotation)
        sequence = isinstance(shape, ListShape) or shape == STR_SHAPE
        if sequence != (kind in _ELEMENTS):
            raise Unsupported(f"recursion with another kind of {name!r}")


def terms_of(x: Executor, value: Value, kind: str) -> tuple[Term, ...]:
    """The terms of a value of that kind; facts about a list in several pieces join the state's."""
    if isinstance(value, IntV | BoolV):
        return (value.term,)
    assert isinstance(value, ListV | StrV)
    return _sliced(value.seq) or _written_out(x, value.seq, kind)


def _sliced(seq: Seq) -> tuple[Term, ...] | None:
    """The array and the bounds of one stretch of it."""
    if len(seq.pieces) != 1:
        return None
    piece = seq.pieces[0]
    if not isinstance(piece, View) or isinstance(piece, Filtered):
        return None
    hole = T.fresh_bvar()
    element = piece.get(hole)
    if not isinstance(element, IntV | BoolV) or element.term.op != "select":
        return None
    array, index = element.term.kids
    moved = T.sub(index, hole)
    if str(hole.args[0]) in array.bound | moved.bound:
        return None
    return array, T.add(piece.lo, moved), T.add(piece.hi, moved)


def _written_out(x: Executor, seq: Seq, kind: str) -> tuple[Term, ...]:
    """An array of the same elements: there is one, whatever they are."""
    if x.binding or x.under_binder:
        raise Unsupported("recursion over a list that is made inside a comprehension")
    sort = f"(Array Int {_ELEMENTS[kind]})"
    zero = T.num(0)
    if not seq.pieces:
        return T.var("rec.none", sort), zero, zero
    hole = T.bvar("@")
    element = at(seq, hole)
    assert isinstance(element, IntV | BoolV)
    key = f"rec list {element.term.id}"
    if key not in T.definitions():
        T.definitions()[key] = T.fresh_name("rec.list")
    array = T.var(str(T.definitions()[key]), sort)
    j = T.fresh_bvar()
    same = T.eq(T.select(array, j), T.substitute(element.term, {hole.id: j}))
    within = T.and_(T.le(zero, j), T.lt(j, seq.length))
    x.state.facts.append(T.quantify("forall", [j], T.implies(within, same)))
    return array, zero, seq.length


def value_of(kind: str, terms: tuple[Term, ...]) -> Value:
    """The value behind terms."""
    if kind == "int":
        return IntV(terms[0])
    if kind == "bool":
        return BoolV(terms[0])
    array, lo, hi = terms
    make = BoolV if kind == "bools" else IntV
    view = Seq((View(lambda j: make(T.select(array, j)), lo, hi),))
    return StrV(view) if kind == "str" else ListV(view)


def unknowns(name: str, kind: str) -> tuple[Term, ...]:
    """Terms for any value of that kind."""
    if kind in ("int", "bool"):
        return (T.var(name, INT if kind == "int" else BOOL),)
    array = T.var(f"{name}.at", f"(Array Int {_ELEMENTS[kind]})")
    return array, T.var(f"{name}.lo"), T.var(f"{name}.hi")


def split(kinds: Iterable[str], terms: tuple[Term, ...]) -> list[tuple[Term, ...]]:
    """The terms of all arguments, taken apart argument by argument."""
    parts, start = [], 0
    for kind in kinds:
        width = 1 if kind in ("int", "bool") else 3
        parts.append(terms[start : start + width])
        start += width
    return parts


def facts_of(kind: str, terms: tuple[Term, ...]) -> list[Term]:
    """What holds of a stretch of an array: it does not end before it starts, nor start below 0."""
    if kind in ("int", "bool"):
        return []
    return [T.le(T.num(0), terms[1]), T.le(terms[1], terms[2])]


def size_of(kind: str, terms: tuple[Term, ...]) -> Term:
    """The number itself, or the length."""
    return terms[0] if kind in ("int", "bool") else T.sub(terms[2], terms[1])
