"""``sorted(a) == sorted(b)`` and ``a == sorted(b)`` of unknown length, by counts.

Two lists of integers sort to the same list exactly when they hold every number equally often; one
is the sorted form of another exactly when it rises and holds every number as often. Written so, a
loop that swaps elements can keep it. It speaks of integers and of the letters of strings, and only
where what is sorted is written plainly, since it is looked at before it is evaluated.
"""

from __future__ import annotations

import ast

from judge.symbolic import folds
from judge.symbolic import term as T
from judge.symbolic.machine import Machine
from judge.symbolic.merge import at
from judge.symbolic.numbers import as_int
from judge.symbolic.sorting import is_sorted_form
from judge.symbolic.term import Term
from judge.symbolic.values import IntV, ListV, Seq, StrV, Value


def compared(m: Machine, node: ast.Compare) -> Term | None:
    """The comparison as a formula about counts, or None where it is not of this form."""
    if m.forks is not None or len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return None
    sides = [node.left, node.comparators[0]]
    inner = [_argument(m, side) for side in sides]
    plain = [side if arg is None else arg for side, arg in zip(sides, inner, strict=True)]
    if inner == [None, None] or not all(_simple(p) for p in plain):
        return None
    from judge.symbolic.expr import evaluate

    values: list[Value] = []
    for side in plain:
        # One after the other: what cannot be sorted raises before the other side is looked at.
        values.append(m.plain(evaluate(m, side)))
        if not (all(map(_integers, values)) or (None not in inner and all(map(_text, values)))):
            return None
    a, b = (v.seq for v in values if isinstance(v, ListV | StrV))
    if T.literal(a.length) is not None and T.literal(b.length) is not None:
        return None
    known = T.and_(T.eq(a.length, b.length), _as_often(a, b))
    for seq, arg in ((a, inner[0]), (b, inner[1])):
        if arg is None:
            if is_sorted_form(seq):
                return None
            known = T.and_(_rises(seq), known)
    return known if isinstance(node.ops[0], ast.Eq) else T.not_(known)


def _argument(m: Machine, node: ast.expr) -> ast.expr | None:
    """What a plain call of ``sorted`` sorts."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return None
    if node.func.id != "sorted" or len(node.args) != 1 or node.keywords:
        return None
    known = (m.state.env, m.program.imports, m.program.functions)
    return None if any("sorted" in names for names in known) else node.args[0]


def _simple(node: ast.expr) -> bool:
    """Whether evaluating an expression twice does no more than once, and raises nothing."""
    if isinstance(node, ast.Name):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        return node.func.id == "old" and isinstance(node.args[0], ast.Name)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _simple(node.left) and _simple(node.right)
    return False


def _integers(value: Value) -> bool:
    if not isinstance(value, ListV) or not value.seq.pieces:
        return False
    return isinstance(at(value.seq, T.bvar("probe")), IntV)


def _text(value: Value) -> bool:
    return isinstance(value, StrV) and bool(value.seq.pieces)


def _as_often(a: Seq, b: Seq) -> Term:
    """Every number occurs as often in the one as in the other."""
    number = T.fresh_bvar()

    def one(value: Value) -> Term:
        term = as_int(value)
        assert term is not None
        return T.ite(T.eq(term, number), T.num(1), T.num(0))

    counts = T.eq(folds.sum_of(a, one), folds.sum_of(b, one))
    return T.quantify("forall", [number], counts)


def _rises(seq: Seq) -> Term:
    k = T.fresh_bvar()
    after = T.add(k, T.num(1))
    here, there = as_int(at(seq, k)), as_int(at(seq, after))
    assert here is not None
    assert there is not None
    inside = T.and_(T.le(T.num(0), k), T.lt(after, seq.length))
    return T.quantify("forall", [k], T.implies(inside, T.le(here, there)))
