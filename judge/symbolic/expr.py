"""Expressions of the subset, evaluated to symbolic values in Python's order and laziness.

``and``, ``or`` and conditional expressions give one of their operands and guard what they skip;
a chained comparison evaluates its middle once.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

from judge.symbolic import (
    bags,
    calls,
    closures,
    comprehension,
    dicts,
    formats,
    modules,
    numbers,
    seqs,
    sets,
)
from judge.symbolic import term as T
from judge.symbolic.compare import contains, equal, less
from judge.symbolic.floats import constant as float_constant
from judge.symbolic.floats import truth as float_truth
from judge.symbolic.machine import Dead, Machine, looks
from judge.symbolic.merge import merge
from judge.symbolic.numbers import as_int
from judge.symbolic.term import Term
from judge.symbolic.values import (
    BoolV,
    BuiltinV,
    Choice,
    DictV,
    DictViewV,
    FloatV,
    Forgotten,
    ImportedV,
    IntV,
    IterV,
    LambdaV,
    ListV,
    NoneV,
    RangeV,
    Seq,
    SetV,
    Single,
    StrV,
    TupleV,
    TypeV,
    Unbound,
    Unsupported,
    Value,
)

MAX_LITERAL_BITS = 4096


def evaluate(m: Machine, node: ast.expr) -> Value:
    """The value of an expression; raises ``Unsupported``, or ``Dead`` when it always raises."""
    handler = _HANDLERS.get(type(node))
    if handler is None:
        raise Unsupported(f"{_name(node)} expression", node.lineno)
    around, here = m.seen_around, m.seen_here
    m.seen_around, m.seen_here = max(around, here), 0
    try:
        value = handler(m, node)
    except Unsupported as problem:
        if problem.line is None:
            problem.line = node.lineno
        raise
    finally:
        m.seen_around, m.seen_here = around, here
    if looks(value):
        m.seen_here = max(here, m.state.next_address)
    return value


def _name(node: ast.AST) -> str:
    return type(node).__name__


def truth(m: Machine, value: Value) -> Term:
    """Python's ``bool(value)``."""
    value = m.plain(value)
    if isinstance(value, BoolV):
        return value.term
    if isinstance(value, IntV):
        return T.not_(T.eq(value.term, T.num(0)))
    if isinstance(value, NoneV):
        return T.false()
    if isinstance(value, ListV | StrV):
        return T.lt(T.num(0), value.seq.length)
    if isinstance(value, TupleV):
        return T.boolean(bool(value.items))
    if isinstance(value, FloatV):
        return float_truth(value)
    if isinstance(value, Choice):
        return T.or_(*(T.and_(c, truth(m, v)) for c, v in value.options))
    if isinstance(value, RangeV):
        return T.lt(T.num(0), seqs.length_of(m, value, 0))
    if isinstance(value, DictV) and value.entries is not None:
        return T.boolean(bool(value.entries))
    if isinstance(value, DictV) and value.listing is not None:
        return T.lt(T.num(0), value.listing[0].length)
    if isinstance(value, SetV):
        return T.lt(T.num(0), sets.size(m, value, 0))
    if isinstance(value, LambdaV | BuiltinV | TypeV | ImportedV | IterV):
        return T.true()
    raise Unsupported(f"the truth of a {type(value).__name__.removesuffix('V').lower()}")


def condition(m: Machine, node: ast.expr) -> Term:
    """The truth of an expression."""
    return truth(m, evaluate(m, node))


def _constant(m: Machine, node: ast.Constant) -> Value:
    value = node.value
    if isinstance(value, bool):
        return BoolV(T.boolean(value))
    if isinstance(value, int):
        if value.bit_length() > MAX_LITERAL_BITS:
            raise Unsupported("a very large literal", node.lineno)
        return IntV(T.num(value))
    if isinstance(value, float):
        return FloatV(float_constant(value))
    if isinstance(value, str):
        return seqs.text(value)
    if value is None:
        return NoneV()
    raise Unsupported(f"literal {value!r}", node.lineno)


def _variable(m: Machine, node: ast.Name) -> Value:
    found = m.state.env.get(node.id)
    if found is not None:
        return m.each(found, lambda v: v, node.lineno) if maybe_unbound(found) else found
    constant = m.program.constants.get(node.id)
    if constant is not None:
        return evaluate(m, constant)
    path = m.program.imports.get(node.id)
    if path is not None:
        return modules.constant(path)
    if node.id in _TYPES:
        return TypeV(node.id)
    function = closures.named(m, node.id)
    if function is not None:
        return function
    m.raise_if(T.true(), "NameError", node.lineno)
    raise Dead


def maybe_unbound(value: Value) -> bool:
    """Whether a name with that value may have none."""
    return isinstance(value, Unbound | Forgotten) or (
        isinstance(value, Choice) and any(isinstance(v, Unbound) for _, v in value.options)
    )


_TYPES = {"int", "bool", "str", "float", "list", "tuple", "dict", "set"}


def _binary(m: Machine, node: ast.BinOp) -> Value:
    left = evaluate(m, node.left)
    right = evaluate(m, node.right)
    return operate(m, node.op, left, right, node.lineno)


def operate(m: Machine, op: ast.operator, left: Value, right: Value, line: int) -> Value:
    """A binary operator on two values of any kinds."""
    return m.each(left, lambda a: m.each(right, lambda b: _operate(m, op, a, b, line), line), line)


def _operate(m: Machine, op: ast.operator, a: Value, b: Value, line: int) -> Value:
    if isinstance(op, ast.Div):
        return _divide(m, a, b, line)
    result = numbers.binary(m, op, a, b, line)
    if result is not None:
        return result
    if isinstance(op, ast.Add):
        if isinstance(a, StrV) and isinstance(b, StrV):
            return StrV(seqs.concat(a.seq, b.seq))
        if isinstance(a, ListV) and isinstance(b, ListV):
            return ListV(seqs.concat(a.seq, b.seq), fresh=True)
        if isinstance(a, TupleV) and isinstance(b, TupleV):
            return TupleV(a.items + b.items)
    if isinstance(op, ast.Mult):
        for x, y in ((a, b), (b, a)):
            times = as_int(y)
            if isinstance(x, StrV | ListV) and times is not None:
                return seqs.slice_like(x, seqs.repeat(x.seq, times))
            if isinstance(x, TupleV) and times is not None:
                known = T.literal(times)
                if known is None or known * len(x.items) > seqs.MAX_REPEAT:
                    raise Unsupported("repeating a tuple", line)
                return TupleV(x.items * known)
    if isinstance(op, ast.Mod) and isinstance(a, StrV):
        raise Unsupported("string formatting with %", line)
    sign = _SET_SIGNS.get(type(op))
    if isinstance(a, SetV) and isinstance(b, SetV) and sign is not None:
        return sets.combine(m, sign, a, b)
    if isinstance(a, SetV | DictV) and isinstance(b, SetV | DictV):
        raise Unsupported(f"{_name(op)} on sets or dicts", line)
    raise m.type_error(line)


_SET_SIGNS: dict[type[ast.operator], str] = {
    ast.BitOr: "|",
    ast.BitAnd: "&",
    ast.Sub: "-",
    ast.BitXor: "^",
}


def _divide(m: Machine, a: Value, b: Value, line: int) -> Value:
    """``/`` makes a float even of two ints; of unknown ints it is refused (rounding, overflow)."""
    x, y = as_int(a), as_int(b)
    if x is None or y is None:
        result = numbers.binary(m, ast.Div(), a, b, line)
        if result is None:
            raise m.type_error(line)
        return result
    p, q = T.literal(x), T.literal(y)
    if q is not None and q == 0:
        m.raise_if(T.true(), "ZeroDivisionError", line)
        raise Dead
    if p is None or q is None:
        raise Unsupported("/ on unknown integers (its result is a rounded float)", line)
    try:
        return FloatV(float_constant(p / q))
    except OverflowError:
        m.raise_if(T.true(), "OverflowError", line)
        raise Dead from None


def _unary(m: Machine, node: ast.UnaryOp) -> Value:
    value = evaluate(m, node.operand)
    line = node.lineno
    if isinstance(node.op, ast.Not):
        return BoolV(T.not_(truth(m, value)))
    if isinstance(node.op, ast.USub):
        return m.each(value, lambda v: numbers.negate(m, v, line), line)
    if isinstance(node.op, ast.Invert):
        return m.each(value, lambda v: numbers.invert(m, v, line), line)

    def plus(v: Value) -> Value:
        if isinstance(v, FloatV):
            return v
        number = as_int(v)
        if number is None:
            raise m.type_error(line)
        return IntV(number)

    return m.each(value, plus, line)


def _bool_op(m: Machine, node: ast.BoolOp) -> Value:
    return _junction(m, isinstance(node.op, ast.And), node.values)


def _junction(m: Machine, conjunction: bool, nodes: list[ast.expr]) -> Value:
    first = m.plain(evaluate(m, nodes[0]))
    if len(nodes) == 1:
        return first
    here = truth(m, first)
    go_on = here if conjunction else T.not_(here)
    if T.is_false(go_on):
        return first
    if _forks_first(m, nodes[1:]) and (taken := m.settle(go_on)) is not None:
        return m.plain(_junction(m, conjunction, nodes[1:])) if taken else first
    try:
        with m.guarded(go_on):
            rest = m.plain(_junction(m, conjunction, nodes[1:]))
    except Dead:
        return first
    if isinstance(first, BoolV) and isinstance(rest, BoolV):
        both = T.and_ if conjunction else T.or_
        return BoolV(both(first.term, rest.term))
    return merge(go_on, rest, first)


def _conditional(m: Machine, node: ast.IfExp) -> Value:
    test = seqs.decide(m, condition(m, node.test))
    if _forks_first(m, [node.body, node.orelse]) and (taken := m.settle(test)) is not None:
        return evaluate(m, node.body if taken else node.orelse)
    return choose(m, test, lambda: evaluate(m, node.body), lambda: evaluate(m, node.orelse))


_SIMPLE = (
    ast.BinOp, ast.BoolOp, ast.Compare, ast.Constant, ast.IfExp, ast.Name, ast.UnaryOp,
    ast.operator, ast.boolop, ast.cmpop, ast.unaryop, ast.expr_context,
)  # fmt: skip


def _forks_first(m: Machine, nodes: list[ast.expr]) -> bool:
    """In a run of paths: whether to decide before what is not plain arithmetic is evaluated."""
    if m.forks is None or m.binding:
        return False
    return not all(isinstance(n, _SIMPLE) for node in nodes for n in ast.walk(node))


def choose(m: Machine, test: Term, then: Callable[[], Value], other: Callable[[], Value]) -> Value:
    """Evaluate each side under its condition, and choose."""
    values: list[Value | None] = []
    for side, run in ((test, then), (T.not_(test), other)):
        if T.is_false(side):
            values.append(None)
            continue
        try:
            with m.guarded(side):
                values.append(m.plain(run()))
        except Dead:
            values.append(None)
    a, b = values
    if a is None and b is None:
        raise Dead
    if a is None or b is None:
        alive = b if a is None else a
        assert alive is not None
        return alive
    return merge(test, a, b)


def _comparison(m: Machine, node: ast.Compare) -> Value:
    if (known := bags.compared(m, node)) is not None:
        return BoolV(known)
    left = evaluate(m, node.left)
    return BoolV(_chain(m, left, list(zip(node.ops, node.comparators, strict=True)), node.lineno))


def _chain(m: Machine, left: Value, rest: list[tuple[ast.cmpop, ast.expr]], line: int) -> Term:
    op, comparator = rest[0]
    right = evaluate(m, comparator)
    here = compare(m, op, left, right, line)
    if len(rest) == 1 or T.is_false(here):
        return here
    try:
        with m.guarded(here):
            return T.and_(here, _chain(m, right, rest[1:], line))
    except Dead:
        return T.false()


def compare(m: Machine, op: ast.cmpop, left: Value, right: Value, line: int) -> Term:
    """One comparison."""
    if isinstance(op, ast.In | ast.NotIn):
        inside = _membership(m, m.plain(left), m.plain(right), line)
        return inside if isinstance(op, ast.In) else T.not_(inside)
    a, b = m.plain(left), m.plain(right)
    if isinstance(op, ast.Is | ast.IsNot):
        same = _identity(a, b, line)
        return same if isinstance(op, ast.Is) else T.not_(same)
    if isinstance(op, ast.Eq | ast.NotEq):
        alike = equal(a, b)
        return alike if isinstance(op, ast.Eq) else T.not_(alike)
    out = m.each(a, lambda x: m.each(b, lambda y: BoolV(_order(m, op, x, y, line)), line), line)
    return truth(m, out)


def _order(m: Machine, op: ast.cmpop, a: Value, b: Value, line: int) -> Term:
    if isinstance(op, ast.Gt | ast.GtE):
        a, b = b, a
    strict = isinstance(op, ast.Lt | ast.Gt)
    result = less(a, b, strict)
    if result is None:
        if isinstance(a, SetV) and isinstance(b, SetV):
            inside = sets.subset(a, b)
            return T.and_(inside, T.not_(sets.subset(b, a))) if strict else inside
        if isinstance(a, SetV | DictViewV) or isinstance(b, SetV | DictViewV):
            raise Unsupported("an order between sets and other values", line)
        raise m.type_error(line)
    return result


def _identity(a: Value, b: Value, line: int) -> Term:
    """``is``, only against None, True and False: the identity of other values is accidental."""
    for x, y in ((a, b), (b, a)):
        if isinstance(x, NoneV):
            if isinstance(y, Choice):
                return T.or_(*(c for c, v in y.options if isinstance(v, NoneV)))
            return T.boolean(isinstance(y, NoneV))
    if isinstance(a, BoolV) and isinstance(b, BoolV):
        return T.iff(a.term, b.term)
    for x, y in ((a, b), (b, a)):
        if isinstance(x, BoolV) and isinstance(y, IntV | StrV | ListV | TupleV | FloatV):
            return T.false()
    raise Unsupported("'is' between values other than None and truth values", line)


def _membership(m: Machine, needle: Value, hay: Value, line: int) -> Term:
    def test(a: Value, b: Value) -> Value:
        if isinstance(b, StrV):
            if not isinstance(a, StrV):
                raise m.type_error(line)
            return BoolV(seqs.substring(a.seq, b.seq))
        if isinstance(b, RangeV):
            return BoolV(_in_range(a, b))
        if isinstance(b, ListV):
            return BoolV(contains(a, b.seq))
        if isinstance(b, TupleV):
            return BoolV(contains(a, Seq(tuple(Single(v) for v in b.items))))
        if isinstance(b, DictV | SetV):
            sets.hashable(m, a, line)
            return BoolV(b.has(a))
        if isinstance(b, DictViewV):
            return BoolV(contains(a, dicts.view_seq(m, b)))
        if isinstance(b, IterV):
            return BoolV(contains(a, b.items))
        raise m.type_error(line)

    return truth(m, m.each(needle, lambda a: m.each(hay, lambda b: test(a, b), line), line))


def _in_range(a: Value, r: RangeV) -> Term:
    number = as_int(a)
    if number is None:
        raise Unsupported("membership of a non-integer in a range")
    if r.stride is not None:
        raise Unsupported("membership in a range whose step is not a constant")
    if r.step > 0:
        inside = T.and_(T.le(r.start, number), T.lt(number, r.stop))
    else:
        inside = T.and_(T.lt(r.stop, number), T.le(number, r.start))
    step = T.num(abs(r.step))
    return T.and_(inside, T.eq(T.floormod(T.sub(number, r.start), step), T.num(0)))


def _subscript(m: Machine, node: ast.Subscript) -> Value:
    value = evaluate(m, node.value)
    line = node.lineno
    if isinstance(node.slice, ast.Slice):
        bounds = [_bound(m, b) for b in (node.slice.lower, node.slice.upper, node.slice.step)]
        step = 1 if bounds[2] is None else T.literal(bounds[2])
        if step is None and (stride := bounds[2]) is not None:
            return m.each(
                value, lambda v: _strided(m, v, (bounds[0], bounds[1]), stride, line), line
            )
        assert step is not None
        return m.each(value, lambda v: _slice(m, v, bounds[0], bounds[1], int(step), line), line)
    return read_item(m, value, evaluate(m, node.slice), line)


def read_item(m: Machine, target: Value, index: Value, line: int) -> Value:
    """``target[index]``, which puts a missing key into a ``defaultdict``."""
    plain = m.plain(target)
    if isinstance(plain, DictV) and plain.default is not None:
        return m.held(dicts.look_up_default(m, target, plain, m.plain(index), line))
    return m.each(target, lambda v: m.each(index, lambda i: subscript(m, v, i, line), line), line)


def _bound(m: Machine, node: ast.expr | None) -> Term | None:
    if node is None:
        return None
    value = m.plain(evaluate(m, node))
    return None if isinstance(value, NoneV) else seqs.index_term(m, value, node.lineno)


def _strided(
    m: Machine, value: Value, bounds: tuple[Term | None, Term | None], stride: Term, line: int
) -> Value:
    if not isinstance(value, StrV | ListV):
        raise Unsupported("a slice step that is not a constant", line)
    seqs.positive(m, stride, "a slice", line)
    part = seqs.slice_of(m, value.seq, *bounds, 1, line)
    return seqs.slice_like(value, seqs.every(part, stride))


def _slice(
    m: Machine, value: Value, lower: Term | None, upper: Term | None, step: int, line: int
) -> Value:
    if isinstance(value, TupleV):
        known = [None if b is None else T.literal(b) for b in (lower, upper)]
        if (lower is not None and known[0] is None) or (upper is not None and known[1] is None):
            raise Unsupported("a slice of a tuple with unknown bounds", line)
        return TupleV(value.items[slice(known[0], known[1], step)])
    if not isinstance(value, StrV | ListV):
        if isinstance(value, RangeV):
            raise Unsupported("a slice of a range", line)
        raise m.type_error(line)
    return seqs.slice_like(value, seqs.slice_of(m, value.seq, lower, upper, step, line))


def subscript(m: Machine, value: Value, index: Value, line: int) -> Value:
    """``value[index]``."""
    if isinstance(value, DictV):
        return m.held(dicts.look_up(m, value, index, line))
    if isinstance(value, TupleV):
        place = T.literal(seqs.index_term(m, index, line))
        if place is None:
            return m.held(
                seqs.item(
                    m, Seq(tuple(map(Single, value.items))), seqs.index_term(m, index, line), line
                )
            )
        if not -len(value.items) <= place < len(value.items):
            m.raise_if(T.true(), "IndexError", line)
            raise Dead
        return value.items[place]
    if isinstance(value, StrV | ListV):
        found = seqs.item(m, value.seq, seqs.index_term(m, index, line), line)
        return m.held(seqs.element(value, found))
    if isinstance(value, RangeV):
        from judge.symbolic.compare import range_seq

        return seqs.item(m, range_seq(value), seqs.index_term(m, index, line), line)
    raise m.type_error(line)


def _tuple(m: Machine, node: ast.Tuple) -> Value:
    return TupleV(tuple(m.stored(v) for v in _items(m, node.elts)))


def _list(m: Machine, node: ast.List) -> Value:
    seq = Seq(tuple(Single(m.stored(v)) for v in _items(m, node.elts)))
    return ListV(seq, fresh=True, owned=True)


def _items(m: Machine, nodes: list[ast.expr]) -> list[Value]:
    values: list[Value] = []
    for item in nodes:
        if isinstance(item, ast.Starred):
            many = seqs.tuple_items(m.plain(evaluate(m, item.value)))
            if many is None:
                raise Unsupported("a starred expression of unknown length", item.lineno)
            values += many
        else:
            values.append(evaluate(m, item))
    return values


def _set(m: Machine, node: ast.Set) -> Value:
    seq = Seq(tuple(Single(m.stored(v)) for v in _items(m, node.elts)))
    return sets.of_seq(m, seq, node.lineno)


def _dict(m: Machine, node: ast.Dict) -> Value:
    pairs = []
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            raise Unsupported("** in a dict", node.lineno)
        pairs.append((m.plain(evaluate(m, key)), m.stored(evaluate(m, value))))
    return replace(dicts.literal_dict(m, pairs, node.lineno), owned=True)


def _walrus(m: Machine, node: ast.NamedExpr) -> Value:
    if m.binding or m.scopes or not T.is_true(m.guard()):
        raise Unsupported("':=' in a place that is not always evaluated", node.lineno)
    value = evaluate(m, node.value)
    m.bind(node.target.id, value)
    return m.state.env[node.target.id]


def _joined(m: Machine, node: ast.JoinedStr) -> Value:
    seq = Seq()
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            value = m.plain(evaluate(m, part.value))
            spec = "" if part.format_spec is None else _spec(part.format_spec)
            if part.conversion != -1 or spec is None:
                raise Unsupported("formatting in an f-string", node.lineno)
            seq = seqs.concat(seq, formats.formatted(m, value, spec, node.lineno).seq)
        else:
            piece = evaluate(m, part)
            assert isinstance(piece, StrV)
            seq = seqs.concat(seq, piece.seq)
    return StrV(seq)


def _spec(node: ast.expr) -> str | None:
    """A format specification that is written out."""
    if isinstance(node, ast.JoinedStr) and all(isinstance(v, ast.Constant) for v in node.values):
        return "".join(str(v.value) for v in node.values if isinstance(v, ast.Constant))
    return None


def _lambda(m: Machine, node: ast.Lambda) -> Value:
    return closures.make(m, node)


def _attribute(m: Machine, node: ast.Attribute) -> Value:
    value = m.plain(evaluate(m, node.value))
    if isinstance(value, ImportedV):
        return modules.attribute(value, node.attr)
    if isinstance(value, TypeV):
        return BuiltinV(f"{value.name}.{node.attr}")
    kind = _KINDS.get(type(value))
    if kind is not None and not node.attr.startswith("_") and hasattr(kind, node.attr):
        return BuiltinV(f"bound method {node.attr}")  # true, and refused where it is called
    raise Unsupported(f"the attribute .{node.attr}", node.lineno)


_KINDS: dict[type[Value], type] = {
    DictV: dict,
    ListV: list,
    SetV: set,
    StrV: str,
    TupleV: tuple,
}

_HANDLERS: dict[type[ast.expr], Callable[..., Value]] = {
    ast.Constant: _constant,
    ast.Name: _variable,
    ast.Attribute: _attribute,
    ast.Lambda: _lambda,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _bool_op,
    ast.IfExp: _conditional,
    ast.Compare: _comparison,
    ast.Subscript: _subscript,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.Set: _set,
    ast.Dict: _dict,
    ast.NamedExpr: _walrus,
    ast.JoinedStr: _joined,
    ast.Call: calls.call,
    ast.ListComp: comprehension.list_comp,
    ast.GeneratorExp: comprehension.generator,
    ast.DictComp: comprehension.dict_comp,
    ast.SetComp: comprehension.set_comp,
}
