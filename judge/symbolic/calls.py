"""Calls: builtins, methods, and the candidate's own functions (by whoever runs the statements)."""

from __future__ import annotations

import ast
from collections.abc import Callable

from judge.symbolic import comprehension, folds, numbers, seqs
from judge.symbolic import term as T
from judge.symbolic.closures import call_value
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.merge import at, merge
from judge.symbolic.numbers import as_int
from judge.symbolic.term import Term
from judge.symbolic.values import (
    BoolV,
    Choice,
    DictV,
    FloatV,
    ImportedV,
    IntV,
    ListV,
    NoneV,
    Piece,
    RangeV,
    Seq,
    SetV,
    Single,
    StrV,
    TupleV,
    TypeV,
    Unsupported,
    Value,
    View,
)


def call(m: Machine, node: ast.Call) -> Value:
    """Any call the subset knows."""
    if isinstance(node.func, ast.Attribute):
        path = _path(m, node.func)
        if path is not None:
            return _imported(m, path, node)
        from judge.symbolic.methods import method

        return method(m, node, node.func)
    if not isinstance(node.func, ast.Name):
        return _computed(m, node)
    name = node.func.id
    alias = m.program.constants.get(name)
    if name in m.state.env:
        return _computed(m, node)
    if isinstance(alias, ast.Name):
        name = alias.id
    if name == "old" and name not in m.program.functions:
        return _old(m, node)
    if name in m.program.functions:
        return m.call_function(name, node)
    if name in m.program.imports:
        return _imported(m, m.program.imports[name], node)
    special = _SPECIAL.get(name)
    if special is not None:
        return special(m, node)
    builtin = _BUILTINS.get(name)
    if builtin is None:
        raise Unsupported(f"call of {name}()", node.lineno)
    if node.keywords:
        raise Unsupported(f"keyword arguments of {name}()", node.lineno)
    return builtin(m, _positional(m, node), node.lineno)


def _positional(m: Machine, node: ast.Call) -> list[Value]:
    """The values of the arguments; a starred one must have a known length."""
    args: list[Value] = []
    for part in node.args:
        if isinstance(part, ast.Starred):
            many = seqs.tuple_items(m.plain(_evaluate(m, part.value)))
            if many is None:
                raise Unsupported("a starred argument of unknown length", node.lineno)
            args += many
        else:
            args.append(_evaluate(m, part))
    return args


def _path(m: Machine, node: ast.Attribute) -> str | None:
    """The path of a call through a module, as in ``math.gcd(...)``."""
    root: ast.expr = node
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name):
        return None
    if not isinstance(m.state.env.get(root.id), ImportedV) and (
        root.id in m.state.env or root.id not in m.program.imports
    ):
        return None
    found = _evaluate(m, node)
    return found.path if isinstance(found, ImportedV) else None


def _imported(m: Machine, path: str, node: ast.Call) -> Value:
    from judge.symbolic.modules import module_call

    if path == "typing.cast" and len(node.args) == 2 and not node.keywords:
        return _evaluate(m, node.args[1])
    args = _positional(m, node)
    keywords = {k.arg: _evaluate(m, k.value) for k in node.keywords if k.arg is not None}
    if len(keywords) != len(node.keywords):
        raise Unsupported("** in a call", node.lineno)
    return module_call(m, path, args, keywords, node.lineno)


def _computed(m: Machine, node: ast.Call) -> Value:
    """A call of a variable, or of what an expression gives."""
    function = m.plain(_evaluate(m, node.func))
    if isinstance(function, ImportedV):
        return _imported(m, function.path, node)
    args = _positional(m, node)
    if node.keywords:
        raise Unsupported("keyword arguments of a function value", node.lineno)
    return call_value(m, function, args, node.lineno)


def builtin_call(m: Machine, name: str, args: list[Value], line: int) -> Value:
    """A builtin (or a method of a builtin type) applied to values."""
    hidden = {f" {n}": v for n, v in enumerate(args)}
    names: list[ast.expr] = [ast.Name(n, ast.Load()) for n in hidden]
    if "." in name:
        if not args:
            raise m.type_error(line)
        target = ast.Attribute(names.pop(0), name.partition(".")[2], ast.Load())
        node = ast.Call(target, names, [])
    else:
        node = ast.Call(ast.Name(name, ast.Load()), names, [])
    for part in ast.walk(node):
        part.lineno = part.col_offset = line  # type: ignore[attr-defined]
    with comprehension.scope(m):
        # Only the arguments are in sight, so that no variable can stand before the builtin.
        m.state.env = hidden
        return call(m, node)


def _evaluate(m: Machine, node: ast.expr) -> Value:
    from judge.symbolic.expr import evaluate

    return evaluate(m, node)


def _truth(m: Machine, value: Value) -> Term:
    from judge.symbolic.expr import truth

    return truth(m, value)


def _old(m: Machine, node: ast.Call) -> Value:
    if len(node.args) != 1 or not isinstance(node.args[0], ast.Name) or node.keywords:
        raise Unsupported("old() of anything but a parameter", node.lineno)
    name = node.args[0].id
    if name not in m.old:
        raise Unsupported(f"old({name}): there is no such parameter", node.lineno)
    return m.old[name]


# ---------------------------------------------------------------- folds


def _generator(node: ast.Call) -> ast.GeneratorExp | ast.ListComp | None:
    if len(node.args) >= 1 and isinstance(node.args[0], ast.GeneratorExp | ast.ListComp):
        return node.args[0]
    return None


def _any_all(kind: str) -> Callable[[Machine, ast.Call], Value]:
    def run(m: Machine, node: ast.Call) -> Value:
        if len(node.args) != 1 or node.keywords:
            raise m.type_error(node.lineno)
        made = node.args[0]
        if isinstance(made, ast.GeneratorExp):
            from judge.symbolic.expr import condition

            return BoolV(
                comprehension.fold(m, made.generators, lambda: condition(m, made.elt), kind)
            )
        source, seq = comprehension.iterate(m, _evaluate(m, made), node.lineno)
        return BoolV(_over(m, seq, source, kind))

    return run


def _over(m: Machine, seq: Seq, source: Value, kind: str) -> Term:
    from judge.symbolic.compare import exists

    parts = []
    for piece in seq.pieces:

        def test(v: Value) -> Term:
            held = _truth(m, seqs.element(source, v))
            return held if kind == "any" else T.not_(held)

        parts.append(test(piece.value) if isinstance(piece, Single) else exists(piece, test))
    found = T.or_(*parts)
    return found if kind == "any" else T.not_(found)


def _sum(m: Machine, node: ast.Call) -> Value:
    line = node.lineno
    if node.keywords or not 1 <= len(node.args) <= 2:
        raise Unsupported("sum() with these arguments", line)
    made = _generator(node)

    def number(value: Value) -> Term:
        term = as_int(m.plain(value))
        if term is None:
            raise Unsupported("a sum of anything but integers", line)
        return term

    if made is not None:
        elt = made.elt
        total = comprehension.fold(m, made.generators, lambda: number(_evaluate(m, elt)), "sum")
    else:
        _, seq = comprehension.iterate(m, _evaluate(m, node.args[0]), line)
        total = folds.sum_of(seq, number)
    if len(node.args) == 2:
        total = T.add(total, number(_evaluate(m, node.args[1])))
    return IntV(total)


def _extreme(kind: str) -> Callable[[Machine, ast.Call], Value]:
    def run(m: Machine, node: ast.Call) -> Value:
        line = node.lineno
        keywords = {k.arg: k.value for k in node.keywords}
        if set(keywords) - {"default"}:
            raise Unsupported(f"{kind}() with key=", line)
        if any(isinstance(a, ast.Starred) for a in node.args):
            raise Unsupported("a starred argument", line)
        values = [_evaluate(m, a) for a in node.args]
        if len(values) > 1:
            return _pick(m, kind, values, line)
        if not values:
            raise m.type_error(line)
        source, seq = comprehension.iterate(m, values[0], line)
        default = keywords.get("default")
        if isinstance(source, StrV):
            raise Unsupported(f"{kind}() of a string", line)
        return _extreme_of(m, kind, seq, None if default is None else _evaluate(m, default), line)

    return run


def _extreme_of(m: Machine, kind: str, seq: Seq, default: Value | None, line: int) -> Value:
    if all(isinstance(p, Single) for p in seq.pieces) and seq.pieces:
        return _pick(m, kind, [p.value for p in seq.pieces if isinstance(p, Single)], line)
    booleans = False

    def number(value: Value) -> Term:
        nonlocal booleans
        booleans = booleans or isinstance(value, BoolV)
        term = as_int(value)
        if term is None:
            raise Unsupported(f"{kind}() of anything but integers", line)
        return term

    empty, best = folds.extreme(seq, kind, number)
    empty = seqs.decide(m, empty)
    result: Value = BoolV(T.eq(best, T.num(1))) if booleans else IntV(best)
    if default is not None:
        return merge(empty, m.plain(default), result)
    m.raise_if(empty, "ValueError", line)
    if T.is_true(empty):
        raise Dead
    return result


def _pick(m: Machine, kind: str, values: list[Value], line: int) -> Value:
    """The first largest (or smallest) of some values, as Python picks it."""
    import ast as syntax

    from judge.symbolic.expr import compare

    best = m.plain(values[0])
    op = syntax.Gt() if kind == "max" else syntax.Lt()
    for value in values[1:]:
        other = m.plain(value)
        best = merge(compare(m, op, other, best, line), other, best)
    return best


def _isinstance(m: Machine, node: ast.Call) -> Value:
    if len(node.args) != 2:
        raise m.type_error(node.lineno)
    value = m.plain(_evaluate(m, node.args[0]))
    wanted = _evaluate(m, node.args[1])
    types = wanted.items if isinstance(wanted, TupleV) else (wanted,)
    names = {t.name for t in types if isinstance(t, TypeV)}
    if len(names) != len(types):
        raise Unsupported("isinstance() with these types", node.lineno)
    options = value.options if isinstance(value, Choice) else ((T.true(), value),)
    return BoolV(T.or_(*(c for c, v in options if names & _type_names(v, node.lineno))))


def _type_names(value: Value, line: int) -> set[str]:
    table: list[tuple[type[Value], set[str]]] = [
        (BoolV, {"bool", "int"}),
        (IntV, {"int"}),
        (FloatV, {"float"}),
        (StrV, {"str"}),
        (ListV, {"list"}),
        (TupleV, {"tuple"}),
        (DictV, {"dict"}),
        (SetV, {"set"}),
        (NoneV, set()),
    ]
    for kind, names in table:
        if isinstance(value, kind):
            return names
    raise Unsupported("isinstance() of this value", line)


def _sorted(m: Machine, node: ast.Call) -> Value:
    line = node.lineno
    if node.keywords or len(node.args) != 1:
        raise Unsupported("sorted() with key= or reverse=", line)
    source, seq = comprehension.iterate(m, _evaluate(m, node.args[0]), line)
    if isinstance(source, StrV):
        raise Unsupported("sorted() of a string", line)
    from judge.symbolic.sorting import sorted_seq

    return ListV(sorted_seq(m, seq, line), fresh=True)


_SPECIAL: dict[str, Callable[[Machine, ast.Call], Value]] = {
    "any": _any_all("any"),
    "all": _any_all("all"),
    "sum": _sum,
    "max": _extreme("max"),
    "min": _extreme("min"),
    "isinstance": _isinstance,
    "sorted": _sorted,
}


# ---------------------------------------------------------------- plain builtins


def _arity(m: Machine, args: list[Value], low: int, high: int, line: int) -> None:
    if not low <= len(args) <= high:
        raise m.type_error(line)


def _len(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 1, 1, line)
    return m.each(args[0], lambda v: IntV(seqs.length_of(m, v, line)), line)


def _abs(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 1, 1, line)
    return m.each(args[0], lambda v: numbers.absolute(m, v, line), line)


def _range(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 1, 3, line)
    bounds = [seqs.index_term(m, m.plain(a), line) for a in args]
    if len(bounds) == 1:
        return RangeV(T.num(0), bounds[0], 1)
    step = T.literal(bounds[2]) if len(bounds) == 3 else 1
    if step is None:
        raise Unsupported("a range whose step is not a constant", line)
    if step == 0:
        m.raise_if(T.true(), "ValueError", line)
        raise Dead
    return RangeV(bounds[0], bounds[1], int(step))


def _bool(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 0, 1, line)
    return BoolV(_truth(m, args[0]) if args else T.false())


def _int(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 0, 1, line)
    if not args:
        return IntV(T.num(0))

    def convert(value: Value) -> Value:
        number = as_int(value)
        if number is None:
            raise Unsupported("int() of anything but an integer or a truth value", line)
        return IntV(number)

    return m.each(args[0], convert, line)


def _divmod(m: Machine, args: list[Value], line: int) -> Value:
    from judge.symbolic.expr import operate

    _arity(m, args, 2, 2, line)
    return TupleV(
        (
            operate(m, ast.FloorDiv(), args[0], args[1], line),
            operate(m, ast.Mod(), args[0], args[1], line),
        )
    )


def _pow(m: Machine, args: list[Value], line: int) -> Value:
    from judge.symbolic.expr import operate

    if len(args) != 2:
        raise Unsupported("pow() with three arguments", line)
    return operate(m, ast.Pow(), args[0], args[1], line)


def _list(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 0, 1, line)
    return ListV(_elements(m, args[0], line) if args else Seq(), fresh=True)


def _elements(m: Machine, value: Value, line: int) -> Seq:
    """The elements as the program sees them (the characters of a string as strings)."""
    source, seq = comprehension.iterate(m, value, line)
    if not isinstance(source, StrV):
        return seq
    return Seq(tuple(_as_chars(p) for p in seq.pieces))


def _as_chars(piece: Piece) -> Piece:
    if isinstance(piece, Single):
        return Single(seqs.char(piece.value))
    get = piece.get
    return View(lambda j: seqs.char(get(j)), piece.lo, piece.hi)


def _tuple(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 0, 1, line)
    if not args:
        return TupleV(())
    items = seqs.tuple_items(m.plain(args[0]))
    if items is None:
        raise Unsupported("a tuple of unknown length", line)
    return TupleV(items)


def _set(m: Machine, args: list[Value], line: int) -> Value:
    from judge.symbolic.compare import contains

    _arity(m, args, 0, 1, line)
    seq = _elements(m, args[0], line) if args else Seq()
    return SetV(lambda v: contains(v, seq), seq)


def _dict(m: Machine, args: list[Value], line: int) -> Value:
    from judge.symbolic.dicts import empty

    if args:
        raise Unsupported("dict() of something", line)
    return empty()


def _enumerate(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 1, 2, line)
    seq = _elements(m, args[0], line)
    start = seqs.index_term(m, m.plain(args[1]), line) if len(args) == 2 else T.num(0)
    return ListV(Seq((_pairs([_counting(start), lambda j: at(seq, j)], seq.length),)))


def _counting(start: Term) -> Callable[[Term], Value]:
    return lambda j: IntV(T.add(start, j))


def _zip(m: Machine, args: list[Value], line: int) -> Value:
    sequences = [_elements(m, a, line) for a in args]
    if not sequences:
        return ListV(Seq())
    length = sequences[0].length
    for other in sequences[1:]:
        length = seqs.choose(m, T.le(length, other.length), length, other.length)
    return ListV(Seq((_pairs([_element_of(s) for s in sequences], length),)))


def _element_of(seq: Seq) -> Callable[[Term], Value]:
    if len(seq.pieces) == 1 and isinstance(seq.pieces[0], View):
        return seq.pieces[0].at
    return lambda j: at(seq, j)


def _pairs(parts: list[Callable[[Term], Value]], length: Term) -> Piece:
    known = T.literal(length)
    if known == 0:
        return View(lambda j: TupleV(()), T.num(0), T.num(0))
    return View(lambda j: TupleV(tuple(p(j) for p in parts)), T.num(0), length)


def _reversed(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 1, 1, line)
    return ListV(seqs.reverse(_elements(m, args[0], line)))


def _ord(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 1, 1, line)
    value = m.plain(args[0])
    if not isinstance(value, StrV):
        raise m.type_error(line)
    m.raise_if(T.not_(T.eq(value.seq.length, T.num(1))), "TypeError", line)
    if not value.seq.pieces:
        raise Dead
    return at(value.seq, T.num(0))


def _chr(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 1, 1, line)
    number = seqs.index_term(m, m.plain(args[0]), line)
    outside = T.or_(T.lt(number, T.num(0)), T.lt(T.num(0x10FFFF), number))
    m.raise_if(outside, "ValueError", line)
    return seqs.char(IntV(number))


def _str(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 0, 1, line)
    return as_text(m, m.plain(args[0]), line) if args else seqs.text("")


def as_text(m: Machine, value: Value, line: int) -> StrV:
    """``str(value)`` for strings and literals."""
    if isinstance(value, StrV):
        return value
    if isinstance(value, BoolV):
        chosen = merge(value.term, seqs.text("True"), seqs.text("False"))
        assert isinstance(chosen, StrV)
        return chosen
    if isinstance(value, NoneV):
        return seqs.text("None")
    number = T.literal(value.term) if isinstance(value, IntV) else None
    if number is None:
        raise Unsupported("the decimal text of an unknown integer", line)
    return seqs.text(str(number))


_BUILTINS: dict[str, Callable[[Machine, list[Value], int], Value]] = {
    "abs": _abs,
    "bool": _bool,
    "chr": _chr,
    "dict": _dict,
    "divmod": _divmod,
    "enumerate": _enumerate,
    "int": _int,
    "len": _len,
    "list": _list,
    "ord": _ord,
    "pow": _pow,
    "range": _range,
    "reversed": _reversed,
    "set": _set,
    "str": _str,
    "tuple": _tuple,
    "zip": _zip,
}
