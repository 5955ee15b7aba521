"""Builtins that go through a sequence: ``any``, ``all``, ``sum``, ``max``, ``min``, ``sorted``."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence

from judge.symbolic import comprehension, folds, ordering, seqs
from judge.symbolic import term as T
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.merge import merge
from judge.symbolic.numbers import as_int
from judge.symbolic.shapes import INT_SHAPE
from judge.symbolic.term import Term
from judge.symbolic.values import (
    BoolV,
    DictV,
    FloatV,
    IntV,
    ListV,
    NoneV,
    Piece,
    Seq,
    SetV,
    Single,
    StrV,
    TupleV,
    Unbound,
    Unsupported,
    Value,
    View,
)


def evaluate(m: Machine, node: ast.expr) -> Value:
    """See ``expr.evaluate``."""
    from judge.symbolic.expr import evaluate as run

    return run(m, node)


def truth(m: Machine, value: Value) -> Term:
    """See ``expr.truth``."""
    from judge.symbolic.expr import truth as run

    return run(m, value)


def _generator(node: ast.Call) -> ast.GeneratorExp | ast.ListComp | None:
    if len(node.args) >= 1 and isinstance(node.args[0], ast.GeneratorExp | ast.ListComp):
        return node.args[0]
    return None


def any_all(kind: str) -> Callable[[Machine, ast.Call], Value]:
    """``any`` or ``all``."""

    def run(m: Machine, node: ast.Call) -> Value:
        if len(node.args) != 1 or node.keywords:
            raise m.type_error(node.lineno)
        made = node.args[0]
        if isinstance(made, ast.GeneratorExp):
            from judge.symbolic.expr import condition

            return BoolV(
                comprehension.fold(m, made.generators, lambda: condition(m, made.elt), kind)
            )
        given = evaluate(m, made)
        source, seq = comprehension.iterate(m, given, node.lineno, any_order=True, repeats=True)
        return BoolV(_over(m, seq, source, kind))

    return run


def _over(m: Machine, seq: Seq, source: Value, kind: str) -> Term:
    from judge.symbolic.compare import exists

    parts = []
    for piece in seq.pieces:

        def test(v: Value) -> Term:
            held = truth(m, seqs.element(source, v))
            return held if kind == "any" else T.not_(held)

        parts.append(test(piece.value) if isinstance(piece, Single) else exists(piece, test))
    found = T.or_(*parts)
    return found if kind == "any" else T.not_(found)


def total(m: Machine, node: ast.Call) -> Value:
    """``sum`` of integers, or of lists onto a list."""
    line = node.lineno
    if node.keywords or not 1 <= len(node.args) <= 2:
        raise Unsupported("sum() with these arguments", line)
    made = _generator(node)
    if len(node.args) == 2 and not _quiet(m, node.args[1]):
        # It is evaluated once, and before any element is.
        raise Unsupported("a start of sum() that is computed", line)

    def number(value: Value) -> Term:
        term = as_int(m.plain(value))
        if term is None:
            raise Unsupported("a sum of anything but integers", line)
        return term

    if made is not None:
        elt = made.elt
        result = comprehension.fold(m, made.generators, lambda: number(evaluate(m, elt)), "sum")
    else:
        if len(node.args) == 2 and not isinstance(
            start := m.plain(evaluate(m, node.args[1])), IntV
        ):
            return _concatenated(m, node, start, line)
        given = evaluate(m, node.args[0])
        _, seq = comprehension.iterate(m, given, line, any_order=True, eager=True)
        if any(isinstance(p, Single) and isinstance(m.plain(p.value), FloatV) for p in seq.pieces):
            start = evaluate(m, node.args[1]) if len(node.args) == 2 else IntV(T.num(0))
            return _float_sum(m, start, seq, line)
        result = folds.sum_of(seq, number)
    if len(node.args) == 2:
        result = T.add(result, number(evaluate(m, node.args[1])))
    return IntV(result)


def _quiet(m: Machine, node: ast.expr) -> bool:
    """Whether it is all the same when and how often an argument is evaluated."""
    from judge.symbolic.expr import maybe_unbound

    if isinstance(node, ast.Name):
        return not maybe_unbound(m.state.env.get(node.id, Unbound()))
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    if isinstance(node, ast.List | ast.Tuple):
        return all(_quiet(m, e) for e in node.elts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult):
        names = [n for n in (node.left, node.right) if isinstance(n, ast.Name)]
        numbers = all(isinstance(m.state.env.get(n.id), IntV) for n in names)
        return numbers and _quiet(m, node.left) and _quiet(m, node.right)
    return isinstance(node, ast.Constant)


def _float_sum(m: Machine, start: Value, seq: Seq, line: int) -> Value:
    """A sum with floats in it, added one after the other from the start."""
    if sys.version_info >= (3, 12):
        raise Unsupported("a sum of floats (compensated from Python 3.12 on)", line)
    from judge.symbolic.expr import operate

    for value in ordering.singles(seq, "a sum of floats", line):
        start = operate(m, ast.Add(), start, m.plain(value), line)
    return start


def _concatenated(m: Machine, node: ast.Call, start: Value, line: int) -> Value:
    """``sum(lists, [])``."""
    from judge.symbolic.expr import operate

    _, seq = comprehension.iterate(m, evaluate(m, node.args[0]), line)
    for value in ordering.singles(seq, "sum() of such values", line):
        start = operate(m, ast.Add(), start, value, line)
    return start


def extreme(kind: str) -> Callable[[Machine, ast.Call], Value]:
    """``max`` or ``min``."""

    def run(m: Machine, node: ast.Call) -> Value:
        line = node.lineno
        keywords = {k.arg: k.value for k in node.keywords}
        if set(keywords) - {"default", "key"}:
            raise m.type_error(line)
        values = [evaluate(m, a) for a in starred(m, node.args, line)]
        key = _key(m, keywords.get("key"), node.args)
        default = keywords.get("default")
        if default is not None and not _quiet(m, default):
            # It is evaluated always, once, and before any element is.
            raise Unsupported(f"a default of {kind}() that is computed", line)
        if not values:
            raise m.type_error(line)
        if len(values) == 1:
            source, seq = comprehension.iterate(
                m, values[0], line, key is None, repeats=key is None, eager=key is None
            )
            if default is not None and T.is_true(T.eq(seq.length, T.num(0))):
                return evaluate(m, default)
            if isinstance(source, StrV) or key is not None:
                seq = Seq(tuple(_char(source, p) for p in seq.pieces))
                if m.forks is None and T.literal(seq.length) is None:
                    return _first_extreme(m, kind, seq, key, default, line)
                parts = ordering.singles(seq, f"{kind}() with a key or of a string", line)
                return ordering.extreme_by(m, kind, parts, key, line)
            if m.forks is None and _texts_or_tuples(seq):
                return _first_extreme(m, kind, seq, None, default, line)
            other = None if default is None else evaluate(m, default)
            return _extreme_of(m, kind, seq, other, line)
        if key is not None:
            return ordering.extreme_by(m, kind, [m.plain(v) for v in values], key, line)
        return _pick(m, kind, values, line)

    return run


def _texts_or_tuples(seq: Seq) -> bool:
    """Whether there is an unknown number of them, and they are no plain numbers."""
    if len(seq.pieces) != 1 or isinstance(seq.pieces[0], Single):
        return False
    return isinstance(seq.pieces[0].at(T.bvar("probe")), StrV | TupleV)


def _first_extreme(
    m: Machine, kind: str, seq: Seq, key: Value | None, default: ast.expr | None, line: int
) -> Value:
    """The first largest or smallest of an unknown number of elements."""
    from judge.symbolic.key_order import extreme_by

    empty = seqs.decide(m, T.eq(seq.length, T.num(0)))
    if default is not None:
        other = m.plain(evaluate(m, default))
        with m.guarded(T.not_(empty)):
            found = extreme_by(m, kind, seq, key, line)
        return merge(empty, other, found)
    m.raise_if(empty, "ValueError", line)
    return extreme_by(m, kind, seq, key, line)


def starred(m: Machine, nodes: list[ast.expr], line: int) -> list[ast.expr]:
    """The arguments, of which none may be starred."""
    if any(isinstance(a, ast.Starred) for a in nodes):
        raise Unsupported("a starred argument", line)
    return nodes


def _char(source: Value, piece: Piece) -> Piece:
    if not isinstance(source, StrV):
        return piece
    if isinstance(piece, Single):
        return Single(seqs.char(piece.value))
    get = piece.get
    return View(lambda j: seqs.char(get(j)), piece.lo, piece.hi)


def _looks_up(m: Machine, node: ast.expr) -> bool:
    """Whether it is ``d.get`` of a dict."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return False
    held = m.state.env.get(node.value.id, Unbound())
    return node.attr == "get" and isinstance(m.plain(held), DictV)


def _key(m: Machine, node: ast.expr | None, over: Sequence[ast.expr] = ()) -> Value | None:
    """The value of ``key=``; a lambda is called at once, so what it closes over cannot change."""
    if node is None:
        return None
    if isinstance(node, ast.Lambda):
        from judge.symbolic.closures import make

        return make(m, node, immediate=True)
    if isinstance(node, ast.Attribute) and _looks_up(m, node):
        # key=counts.get: what the dict holds for each.
        name = ast.arg("k_")
        wanted = ast.Name("k_", ast.Load())
        call: ast.expr = ast.Call(node, [wanted], [])
        if len(over) == 1 and ast.dump(over[0]) == ast.dump(node.value):
            call = ast.Subscript(node.value, wanted, ast.Load())  # every key of a dict is there
        wrapped = ast.Lambda(ast.arguments([], [name], None, [], [], None, []), call)
        return _key(m, ast.fix_missing_locations(ast.copy_location(wrapped, node)))
    value = m.plain(evaluate(m, node))
    return None if isinstance(value, NoneV) else value


def sort(m: Machine, node: ast.Call) -> Value:
    """``sorted``."""
    if len(node.args) != 1:
        raise m.type_error(node.lineno)
    value = evaluate(m, _unlisted(m, node.args[0]))
    return ListV(sort_by(m, value, node.keywords, node.lineno, node.args), fresh=True)


def _unlisted(m: Machine, node: ast.expr) -> ast.expr:
    """``list(...)`` of one thing, which makes no difference to what is sorted, taken off."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "list"
        and "list" not in m.state.env
        and "list" not in m.program.imports
        and len(node.args) == 1
        and not node.keywords
        and not isinstance(node.args[0], ast.Starred)
    ):
        return node.args[0]
    return node


def sort_by(
    m: Machine,
    value: Value,
    keywords: list[ast.keyword],
    line: int,
    over: Sequence[ast.expr] = (),
) -> Seq:
    """The sorted elements, by the keywords of ``sorted`` and ``sort``."""
    named = {k.arg: k.value for k in keywords}
    if set(named) - {"key", "reverse"}:
        raise m.type_error(line)
    key = _key(m, named.get("key"), over)
    reverse = False
    if "reverse" in named:
        test = truth(m, evaluate(m, named["reverse"]))
        reverse = m.sure(test, "an unknown reverse=", line)
    plain = m.plain(value)
    numbers = isinstance(plain, SetV) and (plain.source is None or plain.element == INT_SHAPE)
    if isinstance(plain, SetV) and plain.entries is None and key is None and numbers:
        from judge.symbolic.sorting import sorted_members

        rising = sorted_members(m, plain, line)
        return seqs.reverse(rising) if reverse else rising
    source, seq = comprehension.iterate(m, value, line, any_order=key is None, eager=True)
    seq = Seq(tuple(_char(source, p) for p in seq.pieces))
    parts = [p.value for p in seq.pieces if isinstance(p, Single)]
    if len(parts) == len(seq.pieces) and (m.forks is not None or _plain_order(parts, key)):
        values = ordering.ordered(m, parts, key, reverse, line)
        return Seq(ordering.as_pieces([m.held(v) for v in values]))
    if m.forks is None and (key is not None or _texts_or_tuples(seq)):
        from judge.symbolic.key_order import sorted_by

        m.copied(seq)
        return sorted_by(m, seq, key, reverse, line)
    from judge.symbolic.sorting import sorted_seq

    done = sorted_seq(m, seq, line)
    return seqs.reverse(done) if reverse else done


def _plain_order(parts: list[Value], key: Value | None) -> bool:
    """Whether the elements are other than unknown integers, which ``sorting`` knows better."""
    return key is not None or not all(
        isinstance(v, IntV) and T.literal(v.term) is None for v in parts
    )


def _extreme_of(m: Machine, kind: str, seq: Seq, default: Value | None, line: int) -> Value:
    if all(isinstance(p, Single) for p in seq.pieces) and seq.pieces:
        return _pick(m, kind, [p.value for p in seq.pieces if isinstance(p, Single)], line)
    kinds: set[bool] = set()

    def number(value: Value) -> Term:
        kinds.add(isinstance(value, BoolV))
        term = as_int(value)
        if term is None:
            raise Unsupported(f"{kind}() of anything but integers", line)
        return term

    empty, best = folds.extreme(seq, kind, number)
    if len(kinds) > 1:
        raise Unsupported(f"{kind}() of integers and truth values together", line)
    empty = seqs.decide(m, empty)
    result: Value = BoolV(T.eq(best, T.num(1))) if True in kinds else IntV(best)
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
