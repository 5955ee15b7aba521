"""Comprehensions and generator expressions: what they yield, and folds over them.

The element expression is evaluated once, for an index nobody knows; its value for a given index is
that value with the index put in.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from judge.symbolic import built_dicts, dicts, folds, iterators, sets
from judge.symbolic import term as T
from judge.symbolic.compare import as_seq, bounds_of
from judge.symbolic.forks import concrete
from judge.symbolic.keyed import any_key, code, places
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.merge import put
from judge.symbolic.seqs import element, tuple_items
from judge.symbolic.shapes import Shape
from judge.symbolic.term import Term
from judge.symbolic.values import (
    BoolV,
    Choice,
    DictV,
    DictViewV,
    FloatV,
    IntV,
    IterV,
    ListV,
    NoneV,
    Piece,
    RangeV,
    Ref,
    Seq,
    SetV,
    Single,
    TupleV,
    Unsupported,
    Value,
    View,
    origin,
)

MAX_SINGLES = 200


def iterate(
    m: Machine,
    value: Value,
    line: int,
    any_order: bool = False,
    repeats: bool = False,
    eager: bool = False,
) -> tuple[Value, Seq]:
    """The sequence that iterating over a value goes through.

    ``any_order`` is for what does not depend on the order; only that may go through a set.
    ``repeats`` is for what may meet a member of a set several times, such as ``any``. ``eager`` is
    for what takes all elements before it does anything else, such as ``list``.
    """
    plain = m.plain(value)
    if eager:
        iterators.taken_whole(plain)
    if isinstance(plain, Choice) and m.forks is not None:
        plain = m.each(plain, lambda v: v, line)
    seq = as_seq(plain)
    if isinstance(plain, DictV):
        seq = dicts.keys_seq(plain)
    elif isinstance(plain, DictViewV):
        seq = dicts.view_seq(m, plain)
    elif isinstance(plain, SetV) and any_order:
        seq = plain.source if repeats and plain.source else sets.members(plain, line)
    elif isinstance(plain, IntV | BoolV | FloatV | NoneV):
        raise m.type_error(line)
    if seq is None:
        raise Unsupported(
            f"iterating over a {type(plain).__name__.removesuffix('V').lower()}", line
        )
    return plain, concrete(m, seq, line)


def walked(source: Value, plain: Value) -> frozenset[int]:
    """The heap places that going through a value reads as it goes.

    ``INSIDE`` is among them where the value may be an object inside another one.
    """
    if isinstance(plain, IterV):
        return plain.walks
    if isinstance(plain, DictViewV):
        return walked(plain.of, plain.of)
    if isinstance(source, Ref):
        return frozenset((source.address,))
    return origin(plain)


def whole(m: Machine, seq: Seq, line: int) -> Seq:
    """The elements one by one, in a run of paths or where the number of elements is literal."""
    return concrete(m, seq, line) if m.forks is not None else seq


@contextmanager
def scope(m: Machine) -> Iterator[None]:
    """Names bound inside are forgotten outside, and where an exception inside is caught."""
    before = dict(m.state.env)
    known = len(m.pending)
    m.scopes += 1
    try:
        yield
    finally:
        m.scopes -= 1
        m.state.env = before
        for raised in m.pending[known:]:
            raised.state.env = dict(before)


def bind_target(m: Machine, target: ast.expr, value: Value) -> None:
    """Bind a comprehension's variable or tuple of variables (never a heap cell)."""
    if isinstance(target, ast.Name):
        m.state.env[target.id] = value
        return
    if isinstance(target, ast.Tuple | ast.List):
        items = tuple_items(m.plain(value))
        if items is None or len(items) != len(target.elts):
            raise Unsupported("unpacking of a value of unknown length", target.lineno)
        for part, item in zip(target.elts, items, strict=True):
            bind_target(m, part, item)
        return
    raise Unsupported("this kind of loop variable", target.lineno)


def _conditions(m: Machine, tests: list[ast.expr]) -> Term:
    from judge.symbolic.expr import condition

    result = T.true()
    for test in tests:
        try:
            with m.guarded(result):
                result = T.and_(result, condition(m, test))
        except Dead:
            return T.false()
    return result


Leaf = Callable[[], Term]
Whole = Callable[[Term, Term, Callable[[Term], Term]], Term]


def fold(m: Machine, generators: list[ast.comprehension], leaf: Leaf, kind: str) -> Term:
    """``sum``, ``any`` or ``all`` of ``leaf`` over nested generators."""
    if not generators:
        return leaf()
    from judge.symbolic.expr import evaluate

    first, rest = generators[0], generators[1:]
    if first.is_async:
        raise Unsupported("an asynchronous comprehension", first.target.lineno)
    # any and all stop early, but whatever is raised on the way is kept apart as vague.
    around = m.plain(evaluate(m, first.iter))
    if isinstance(around, DictV | SetV) and kind != "sum" and _coded(around):
        return _fold_members(m, first, rest, leaf, kind, around)
    line = first.iter.lineno
    source, seq = iterate(m, around, line, any_order=True, repeats=kind != "sum")
    with iterators.unchanged(m, walked(around, source), line):
        parts = _fold_parts(m, first, rest, leaf, kind, source, seq)
    if kind == "sum":
        return T.add(T.num(0), *parts)
    return T.or_(*parts) if kind == "any" else T.and_(*parts)


def _fold_parts(
    m: Machine,
    first: ast.comprehension,
    rest: list[ast.comprehension],
    leaf: Leaf,
    kind: str,
    source: Value,
    seq: Seq,
) -> list[Term]:
    """What each piece of the sequence gives."""
    parts: list[Term] = []
    for piece in seq.pieces:
        go_on = {"sum": T.true(), "any": T.not_(T.or_(*parts)), "all": T.and_(*parts)}[kind]
        if T.is_false(go_on):
            break
        with m.guarded(go_on):
            if isinstance(piece, Single):
                before = _raised(m)
                with scope(m):
                    bind_target(m, first.target, element(source, piece.value))
                    parts.append(_leaf_under(m, first.ifs, rest, leaf, kind))
                if isinstance(source, SetV) and _raised(m) != before:
                    what = "an exception while a set is gone through"
                    raise Unsupported(what, first.target.lineno)
            else:
                parts.append(_fold_view(m, first, rest, leaf, kind, source, piece))
    return parts


def _coded(value: DictV | SetV) -> Shape | None:
    """The shape of members that are known by a formula about their codes alone."""
    if isinstance(value, DictV):
        by_code = value.entries is None and (value.by_code or value.listing is None)
        shape = value.key
    else:
        by_code, shape = value.entries is None and value.source is None, value.element
    return shape if by_code and places(shape) is not None else None  # type: ignore[return-value]


def _fold_members(
    m: Machine,
    first: ast.comprehension,
    rest: list[ast.comprehension],
    leaf: Leaf,
    kind: str,
    value: DictV | SetV,
) -> Term:
    """``any`` or ``all`` over the keys of a dict, or the members of a set, with codes."""
    shape = _coded(value)
    assert shape is not None
    holes, key = any_key(shape)
    inside = value.has(key)
    with scope(m), binders(m, holes, inside):
        bind_target(m, first.target, key)
        body = _leaf_under(m, first.ifs, rest, leaf, kind)
    if kind == "any":
        return T.quantify("exists", holes, T.and_(inside, body))
    return T.quantify("forall", holes, T.implies(inside, body))


@contextmanager
def binders(m: Machine, holes: list[Term], within: Term) -> Iterator[None]:
    """As ``Machine.binder`` for several variables; exceptions have no order, so they are vague."""
    with ExitStack() as stack:
        for hole in holes[:-1]:
            stack.enter_context(m.binder(hole, T.true(), lazy=True))
        stack.enter_context(m.binder(holes[-1], within, lazy=True))
        yield


def _raised(m: Machine) -> int:
    return len(m.pending) + sum(len(f.raises) for f in m.frames)


def _leaf_under(
    m: Machine, tests: list[ast.expr], rest: list[ast.comprehension], leaf: Leaf, kind: str
) -> Term:
    keep = _conditions(m, tests)
    try:
        with m.guarded(keep):
            inner = fold(m, rest, leaf, kind)
    except Dead:
        inner = {"sum": T.num(0), "any": T.false(), "all": T.true()}[kind]
    if kind == "sum":
        return T.ite(keep, inner, T.num(0))
    return T.and_(keep, inner) if kind == "any" else T.implies(keep, inner)


def _fold_view(
    m: Machine,
    first: ast.comprehension,
    rest: list[ast.comprehension],
    leaf: Leaf,
    kind: str,
    source: Value,
    piece: View,
) -> Term:
    lo, hi, get, keep = bounds_of(piece)
    hole = T.fresh_bvar()
    inside = T.and_(_within(source, hole, lo, hi), keep(hole))
    # What of a set's members raises first is open: such an exception is vague.
    with scope(m), m.binder(hole, inside, lazy=kind != "sum" or isinstance(source, SetV)):
        bind_target(m, first.target, m.held(element(source, get(hole))))
        body = _leaf_under(m, first.ifs, rest, leaf, kind)
    if kind == "sum":
        summand = T.ite(keep(hole), body, T.num(0))
        return folds.span_sum(lo, hi, lambda j: T.substitute(summand, {hole.id: j}))
    bounds = [T.literal(b) for b in (lo, hi)]
    if bounds[0] is not None and bounds[1] is not None and bounds[1] - bounds[0] <= folds.UNROLL:
        cases = [
            T.substitute(
                T.and_(keep(hole), body) if kind == "any" else T.implies(keep(hole), body),
                {hole.id: T.num(j)},
            )
            for j in range(bounds[0], bounds[1])
        ]
        return T.or_(*cases) if kind == "any" else T.and_(*cases)
    if kind == "any":
        return T.quantify("exists", [hole], T.and_(inside, body))
    return T.quantify("forall", [hole], T.implies(inside, body))


def _within(source: Value, hole: Term, lo: Term, hi: Term) -> Term:
    """``lo <= hole < hi``; of a range by its own bounds, which say the same without a case."""
    if isinstance(source, RangeV) and source.step == 1:
        return T.and_(T.le(source.start, hole), T.lt(hole, source.stop))
    return T.and_(T.le(lo, hole), T.lt(hole, hi))


def transformed(
    m: Machine,
    seq: Seq,
    test: Callable[[Value], Term] | None,
    change: Callable[[Value], Value] | None,
) -> Seq:
    """What ``filter`` or ``map`` makes of a sequence of any length."""
    pieces: list[Piece] = []
    for piece in seq.pieces:
        if isinstance(piece, Single):
            if test is not None:
                raise Unsupported("filter() of a sequence in several pieces")
            value = piece.value if change is None else change(piece.value)
            pieces.append(Single(m.stored(value)))
            continue
        lo, hi, get, kept = bounds_of(piece)
        hole = T.fresh_bvar()
        inside = T.and_(T.le(lo, hole), T.lt(hole, hi), kept(hole))
        with scope(m), m.binder(hole, inside):
            value = m.held(get(hole))
            keep = T.and_(kept(hole), T.true() if test is None else test(value))
            if change is not None:
                value = m.stored(change(value))
        pieces.append(_over_hole(hole, value, keep, lo, hi))
    return Seq(tuple(pieces))


def _over_hole(hole: Term, value: Value, keep: Term, lo: Term, hi: Term) -> View:
    return folds.filtered(
        lambda j: put(value, {hole.id: j}),
        lambda j: T.substitute(keep, {hole.id: j}),
        lo,
        hi,
    )


def list_comp(m: Machine, node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> ListV:
    """The list that a comprehension makes (a generator is treated as the list it would yield)."""
    return ListV(_build(m, node.generators, node.elt), fresh=True, owned=True)


def generator(m: Machine, node: ast.GeneratorExp) -> IterV:
    """A generator expression, to be consumed where it stands."""
    with iterators.elements(m) as raised:
        seq = _build(m, node.generators, node.elt)
    walks, late = iterators.of_code(m, node)
    return IterV(seq, walks, late, tuple(raised))


def set_comp(m: Machine, node: ast.SetComp) -> SetV:
    """A set by its members."""
    if (chosen := _chosen_members(m, node)) is not None:
        return chosen
    seq = _build(m, node.generators, node.elt, any_order=True)
    return sets.of_seq(m, seq, node.lineno)


def _chosen_members(m: Machine, node: ast.SetComp) -> SetV | None:
    """``{x for x in s if test}`` of a set or dict of integers that nobody can list."""
    from judge.symbolic.expr import evaluate

    first = node.generators[0]
    if len(node.generators) != 1 or first.is_async or not isinstance(first.iter, ast.Name):
        return None
    around = evaluate(m, first.iter)
    plain = m.plain(around)
    shape = _coded(plain) if isinstance(plain, DictV | SetV) else None
    if not isinstance(plain, DictV | SetV) or shape is None:
        return None
    if not (isinstance(node.elt, ast.Name) and isinstance(first.target, ast.Name)):
        raise Unsupported("a set made of the members of an unknown set", node.lineno)
    if node.elt.id != first.target.id:
        raise Unsupported("a set made of the members of an unknown set", node.lineno)
    holes, key = any_key(shape)
    with scope(m), binders(m, holes, plain.has(key)):
        bind_target(m, first.target, key)
        keep = _conditions(m, first.ifs)

    def has(value: Value) -> Term:
        there = plain.has(value)
        if T.is_false(there):
            return there  # refused, or false of every other kind
        integers = code(shape, value)[1]
        mapping = {h.id: i for h, i in zip(holes, integers, strict=True)}
        return T.and_(there, T.substitute(keep, mapping))

    return SetV(has, None, None, shape, True)


def dict_comp(m: Machine, node: ast.DictComp) -> DictV:
    """A dict from pairs in order; the last of equal keys counts, the first keeps its place."""
    pair = ast.copy_location(ast.Tuple([node.key, node.value], ast.Load()), node)
    pieces = _build(m, node.generators, pair).pieces
    if len(pieces) == 1 and isinstance(pieces[0], View):
        return built_dicts.of_pairs(m, pieces[0], node.lineno)
    pairs = []
    for piece in pieces:
        if not isinstance(piece, Single) or not isinstance(piece.value, TupleV):
            raise Unsupported("a dict comprehension of unknown length", node.lineno)
        key, value = piece.value.items
        pairs.append((key, value))
    return replace(dicts.literal_dict(m, pairs, node.lineno), owned=True)


def _build(
    m: Machine, generators: list[ast.comprehension], elt: ast.expr, any_order: bool = False
) -> Seq:
    from judge.symbolic.expr import evaluate

    first, rest = generators[0], generators[1:]
    if first.is_async:
        raise Unsupported("an asynchronous comprehension", first.target.lineno)
    around = evaluate(m, first.iter)
    source, seq = iterate(m, around, first.iter.lineno, any_order)
    if len(seq.pieces) > MAX_SINGLES:
        raise Unsupported("a comprehension over a very long literal", elt.lineno)
    pieces: list[Piece] = []
    with iterators.unchanged(m, walked(around, source), elt.lineno):
        for piece in seq.pieces:
            if isinstance(piece, Single):
                before = _raised(m)
                pieces += _build_single(m, first, rest, elt, element(source, piece.value))
                if isinstance(source, SetV) and _raised(m) != before:
                    raise Unsupported("an exception while a set is gone through", elt.lineno)
            elif rest:
                raise Unsupported("a comprehension with two 'for's that makes a list", elt.lineno)
            else:
                pieces.append(_build_view(m, first, elt, source, piece))
    return Seq(tuple(pieces))


def _build_single(
    m: Machine,
    first: ast.comprehension,
    rest: list[ast.comprehension],
    elt: ast.expr,
    value: Value,
) -> list[Piece]:
    from judge.symbolic.expr import evaluate

    with scope(m):
        bind_target(m, first.target, value)
        keep = _conditions(m, first.ifs)
        taken = m.settle(keep)
        if taken is not None:
            keep = T.boolean(taken)
        if T.is_false(keep):
            return []
        try:
            with m.guarded(keep):
                if rest:
                    inner: Seq = _build(m, rest, elt)
                else:
                    inner = Seq((Single(m.stored(evaluate(m, elt))),))
        except Dead:
            if T.is_true(keep):
                raise
            return []  # from here on the element is left out: where it is not, it raised
    if T.is_true(keep):
        return list(inner.pieces)
    if len(inner.pieces) == 1 and isinstance(inner.pieces[0], Single):
        result = inner.pieces[0].value
        return [View(lambda j: result, T.num(0), T.ite(keep, T.num(1), T.num(0)))]
    raise Unsupported("a nested comprehension with a condition", elt.lineno)


def _build_view(
    m: Machine, first: ast.comprehension, elt: ast.expr, source: Value, piece: View
) -> View:
    from judge.symbolic.expr import evaluate

    lo, hi, get, kept = bounds_of(piece)
    hole = T.fresh_bvar()
    inside = T.and_(_within(source, hole, lo, hi), kept(hole))
    with scope(m), m.binder(hole, inside, lazy=isinstance(source, SetV)):
        bind_target(m, first.target, m.held(element(source, get(hole))))
        keep = T.and_(kept(hole), _conditions(m, first.ifs))
        with m.guarded(keep):
            value = m.stored(evaluate(m, elt))
    return _over_hole(hole, value, keep, lo, hi)
