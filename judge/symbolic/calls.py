"""Calls: builtins, methods, and the candidate's own functions (by whoever runs the statements)."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import replace

from judge.symbolic import (
    aggregates,
    comprehension,
    dicts,
    iterators,
    numbers,
    ordering,
    seqs,
    sets,
)
from judge.symbolic import term as T
from judge.symbolic.closures import call_value
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.merge import at, merge
from judge.symbolic.numbers import as_int
from judge.symbolic.term import Term
from judge.symbolic.values import (
    BoolV,
    BuiltinV,
    Choice,
    DictV,
    FloatV,
    ImportedV,
    IntV,
    IterV,
    LambdaV,
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
    if name == "old" and m.pure:
        return _old(m, node)  # in a clause or an invariant; code has no such function
    if name in m.program.functions:
        return m.call_function(name, node)
    if name in m.program.imports:
        return _imported(m, m.program.imports[name], node)
    special = _SPECIAL.get(name)
    if special is not None:
        return special(m, node)
    if name == "enumerate" and [k.arg for k in node.keywords] == ["start"]:
        node = ast.copy_location(
            ast.Call(node.func, [*node.args, node.keywords[0].value], []), node
        )
    builtin = _BUILTINS.get(name)
    if builtin is None:
        raise Unsupported(f"call of {name}()", node.lineno)
    if node.keywords:
        raise Unsupported(f"keyword arguments of {name}()", node.lineno)
    line = node.lineno
    return m.of_one_kind(positional(m, node), lambda args: builtin(m, args, line), line)


def positional(m: Machine, node: ast.Call) -> list[Value]:
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
    args = positional(m, node)
    keywords = {k.arg: _evaluate(m, k.value) for k in node.keywords if k.arg is not None}
    if len(keywords) != len(node.keywords):
        raise Unsupported("** in a call", node.lineno)
    return m.of_one_kind(
        args, lambda given: module_call(m, path, given, keywords, node.lineno), node.lineno
    )


def _computed(m: Machine, node: ast.Call) -> Value:
    """A call of a variable, or of what an expression gives."""
    function = m.plain(_evaluate(m, node.func))
    if isinstance(function, ImportedV):
        return _imported(m, function.path, node)
    args = positional(m, node)
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


_SPECIAL: dict[str, Callable[[Machine, ast.Call], Value]] = {
    "any": aggregates.any_all("any"),
    "all": aggregates.any_all("all"),
    "sum": aggregates.total,
    "max": aggregates.extreme("max"),
    "min": aggregates.extreme("min"),
    "isinstance": _isinstance,
    "sorted": aggregates.sort,
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
        seqs.positive(m, bounds[2], "a range", line)
        return RangeV(bounds[0], bounds[1], 0, bounds[2])
    if step == 0:
        m.raise_if(T.true(), "ValueError", line)
        raise Dead
    return RangeV(bounds[0], bounds[1], int(step))


def _bool(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 0, 1, line)
    return BoolV(_truth(m, args[0]) if args else T.false())


def _int(m: Machine, args: list[Value], line: int) -> Value:
    from judge.symbolic import floats
    from judge.symbolic.numerals import number_of

    if len(args) == 2:
        return _int_of_base(m, args, line)
    _arity(m, args, 0, 1, line)
    if not args:
        return IntV(T.num(0))

    def convert(value: Value) -> Value:
        number = as_int(value)
        if number is not None:
            return IntV(number)
        if isinstance(value, StrV):
            return number_of(m, value, line)
        if isinstance(value, FloatV):
            known = floats.literal(value.term)
            if known is None:
                raise Unsupported("int() of an unknown float", line)
            if not math.isfinite(known):
                m.raise_if(T.true(), "ValueError" if math.isnan(known) else "OverflowError", line)
                raise Dead
            return IntV(T.num(int(known)))
        raise m.type_error(line)

    return m.each(args[0], convert, line)


def _int_of_base(m: Machine, args: list[Value], line: int) -> Value:
    word, base = seqs.literal_text(m.plain(args[0])), as_int(m.plain(args[1]))
    known = None if base is None else T.literal(base)
    if word is None or known is None:
        raise Unsupported("int() of an unknown string in a base", line)
    try:
        return IntV(T.num(int(word, int(known))))
    except ValueError:
        m.raise_if(T.true(), "ValueError", line)
        raise Dead from None


def _float(m: Machine, args: list[Value], line: int) -> Value:
    from judge.symbolic import floats

    _arity(m, args, 0, 1, line)
    if not args:
        return FloatV(floats.constant(0.0))

    def convert(value: Value) -> Value:
        if isinstance(value, StrV):
            word = seqs.literal_text(value)
            if word is None:
                raise Unsupported("float() of an unknown string", line)
            try:
                return FloatV(floats.constant(float(word)))
            except ValueError:
                m.raise_if(T.true(), "ValueError", line)
                raise Dead from None
        if not isinstance(value, IntV | BoolV | FloatV):
            raise m.type_error(line)
        return FloatV(floats.as_float(value))

    return m.each(args[0], convert, line)


def _base(name: str) -> Callable[[Machine, list[Value], int], Value]:
    def run(m: Machine, args: list[Value], line: int) -> Value:
        from judge.symbolic.numerals import in_base

        _arity(m, args, 1, 1, line)
        return in_base(m, seqs.index_term(m, m.plain(args[0]), line), name, line)

    return run


def _callable(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 1, 1, line)
    return BoolV(T.boolean(isinstance(args[0], LambdaV | BuiltinV | ImportedV | TypeV)))


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

    _arity(m, args, 2, 3, line)
    if len(args) == 3:
        return numbers.modular_power(m, args, line)
    return operate(m, ast.Pow(), args[0], args[1], line)


def _list(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 0, 1, line)
    seq = _elements(m, args[0], line, eager=True) if args else Seq()
    return ListV(Seq(tuple(_stored_piece(m, p) for p in seq.pieces)), fresh=True)


def _elements(
    m: Machine, value: Value, line: int, any_order: bool = False, eager: bool = False
) -> Seq:
    """The elements as the program sees them (the characters of a string as strings)."""
    source, seq = comprehension.iterate(m, value, line, any_order, eager=eager)
    if not isinstance(source, StrV):
        return seq
    return Seq(tuple(_as_chars(p) for p in seq.pieces))


def _stored_piece(m: Machine, piece: Piece) -> Piece:
    return Single(m.held(piece.value)) if isinstance(piece, Single) else piece


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
        items = tuple(ordering.singles(_elements(m, args[0], line, eager=True), "a tuple", line))
    return TupleV(tuple(m.stored(v) for v in items))


def _set(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 0, 1, line)
    if args and isinstance(plain := m.plain(args[0]), SetV):
        return replace(plain, fresh=True)
    return sets.of_seq(m, _elements(m, args[0], line, eager=True) if args else Seq(), line)


def _dict(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 0, 1, line)
    if not args:
        return dicts.empty()
    plain = m.plain(args[0])
    if isinstance(plain, DictV):
        return replace(plain, fresh=True, default=None)
    listed = _elements(m, plain, line, eager=True)
    if m.forks is None and len(listed.pieces) == 1 and isinstance(listed.pieces[0], View):
        from judge.symbolic.built_dicts import of_pairs

        m.copied(listed)
        return replace(of_pairs(m, listed.pieces[0], line), owned=False)
    pairs = []
    for item in ordering.singles(listed, "dict() of pairs", line):
        both = seqs.tuple_items(m.plain(item))
        if both is None or len(both) != 2:
            raise Unsupported("dict() of anything but pairs", line)
        pairs.append((both[0], m.stored(both[1])))
    return dicts.literal_dict(m, pairs, line)


def _map(m: Machine, args: list[Value], line: int) -> Value:
    """``map``: the function is called as the result is gone through, which is where it is made."""
    if len(args) < 2:
        raise m.type_error(line)
    sources = [_elements(m, a, line) for a in args[1:]]
    walks, call = _walks(m, args[1:]) | iterators.held_by(args[0]), args[0]
    with iterators.elements(m) as raised, iterators.unchanged(m, walks, line):
        if len(sources) == 1 and not _few(sources[0]):
            mapped = comprehension.transformed(
                m, sources[0], None, lambda v: call_value(m, call, [v], line)
            )
        else:
            columns = [ordering.singles(s, "map()", line) for s in sources]
            rows = zip(*columns, strict=False)
            values = [m.stored(call_value(m, call, list(row), line)) for row in rows]
            mapped = Seq(ordering.as_pieces(values))
    return IterV(mapped, walks, iterators.names_of(args), tuple(raised))


def _filter(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 2, 2, line)
    plain = isinstance(args[0], NoneV)

    def passes(value: Value) -> Term:
        return _truth(m, value if plain else call_value(m, args[0], [value], line))

    source = _elements(m, args[1], line)
    walks = _walks(m, args[1:]) | iterators.held_by(args[0])
    with iterators.elements(m) as raised, iterators.unchanged(m, walks, line):
        if not _few(source):
            kept = comprehension.transformed(m, source, passes, None)
        else:
            values = [
                m.held(item)
                for item in ordering.singles(source, "filter()", line)
                if m.sure(passes(item), "filter() by an unknown condition", line)
            ]
            kept = Seq(ordering.as_pieces(values))
    return IterV(kept, walks, iterators.names_of(args), tuple(raised))


def _few(seq: Seq) -> bool:
    """Whether the elements can be taken one by one."""
    length = T.literal(seq.length)
    return length is not None and length <= 64


def _walks(m: Machine, args: list[Value]) -> frozenset[int]:
    return frozenset(a for v in args for a in comprehension.walked(v, m.plain(v)))


def _enumerate(m: Machine, args: list[Value], line: int) -> Value:
    _arity(m, args, 1, 2, line)
    seq = _elements(m, args[0], line)
    start = seqs.index_term(m, m.plain(args[1]), line) if len(args) == 2 else T.num(0)
    pairs = _pairs([_counting(start), lambda j: at(seq, j)], seq.length)
    whole = comprehension.whole(m, Seq((pairs,)), line)
    raised = args[0].raised if isinstance(args[0], IterV) else ()
    return IterV(whole, _walks(m, args[:1]), iterators.names_of(args), raised)


def _counting(start: Term) -> Callable[[Term], Value]:
    return lambda j: IntV(T.add(start, j))


def _zip(m: Machine, args: list[Value], line: int) -> Value:
    sequences = [_elements(m, a, line) for a in args]
    if not sequences:
        return IterV(Seq())
    length = sequences[0].length
    for other in sequences[1:]:
        length = seqs.choose(m, T.le(length, other.length), length, other.length)
    pairs = _pairs([_element_of(s) for s in sequences], length)
    # Where it ends, what its longer parts would have raised is never met: that stays vague.
    whole = comprehension.whole(m, Seq((pairs,)), line)
    return IterV(whole, _walks(m, args), iterators.names_of(args))


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
    if isinstance(m.plain(args[0]), SetV | IterV):
        raise m.type_error(line)
    return IterV(seqs.reverse(_elements(m, args[0], line)), _walks(m, args))


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
    """``str(value)`` of strings, integers, truth values and None."""
    from judge.symbolic.numerals import digits_of

    if isinstance(value, StrV):
        return value
    if isinstance(value, BoolV):
        settled = m.settle(value.term) if m.forks is not None else None
        if settled is not None:
            return seqs.text(str(settled))
        chosen = merge(value.term, seqs.text("True"), seqs.text("False"))
        assert isinstance(chosen, StrV)
        return chosen
    if isinstance(value, NoneV):
        return seqs.text("None")
    if isinstance(value, IntV):
        return digits_of(m, value.term, line)
    if isinstance(value, Choice) and m.forks is not None:
        return as_text(m, m.each(value, lambda v: v, line), line)
    kind = type(value).__name__.removesuffix("V").lower()
    raise Unsupported(f"the text of a {kind}", line)


_BUILTINS: dict[str, Callable[[Machine, list[Value], int], Value]] = {
    "abs": _abs,
    "bin": _base("bin"),
    "bool": _bool,
    "callable": _callable,
    "chr": _chr,
    "dict": _dict,
    "divmod": _divmod,
    "enumerate": _enumerate,
    "filter": _filter,
    "float": _float,
    "hex": _base("hex"),
    "int": _int,
    "len": _len,
    "list": _list,
    "map": _map,
    "oct": _base("oct"),
    "ord": _ord,
    "pow": _pow,
    "range": _range,
    "reversed": _reversed,
    "set": _set,
    "str": _str,
    "tuple": _tuple,
    "zip": _zip,
}
