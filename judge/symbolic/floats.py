"""Floats: IEEE binary64 as the floating-point theory has it, never reals in disguise.

A literal int meets a float only where the conversion is exact; an unknown int does not (its
rounding and its overflow are refused, not approximated).
"""

from __future__ import annotations

import ast
import math
import struct

from judge.symbolic import term as T
from judge.symbolic.machine import Machine
from judge.symbolic.term import BOOL, Term
from judge.symbolic.values import BoolV, FloatV, IntV, Unsupported, Value

SORT = "Float64"


def constant(value: float) -> Term:
    """A float literal, by its bits."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", value))
    return T.node("fp", (bits,), SORT)


def literal(term: Term) -> float | None:
    """The float behind a literal."""
    if term.op != "fp" or not isinstance(term.args[0], int):
        return None
    (value,) = struct.unpack(">d", struct.pack(">Q", term.args[0]))
    assert isinstance(value, float)
    return value


def as_float(value: Value) -> Term:
    """The float that a number converts to; refused when that might round or overflow."""
    if isinstance(value, FloatV):
        return value.term
    number = None
    if isinstance(value, IntV):
        number = T.literal(value.term)
    elif isinstance(value, BoolV):
        return T.ite(value.term, constant(1.0), constant(0.0))
    if number is not None and abs(number) <= 2**53:
        return constant(float(number))
    raise Unsupported("an unknown int that meets a float")


def binary(m: Machine, op: ast.operator, left: Value, right: Value, line: int) -> Value | None:
    """Arithmetic where at least one side is a float, rounding to nearest even."""
    if not isinstance(left, IntV | BoolV | FloatV) or not isinstance(right, IntV | BoolV | FloatV):
        return None
    names = {ast.Add: "fp.add", ast.Sub: "fp.sub", ast.Mult: "fp.mul", ast.Div: "fp.div"}
    name = names.get(type(op))
    if name is None:
        raise Unsupported(f"operator {type(op).__name__} on floats", line)
    a, b = as_float(left), as_float(right)
    if name == "fp.div":
        m.raise_if(T.node("fp.isZero", (b,), BOOL), "ZeroDivisionError", line)
    x, y = literal(a), literal(b)
    if x is not None and y is not None and not (name == "fp.div" and y == 0):
        plain = {"fp.add": x + y, "fp.sub": x - y, "fp.mul": x * y}
        return FloatV(constant(x / y if name == "fp.div" else plain[name]))
    return FloatV(T.node(name, (a, b), SORT))


def negate(value: FloatV) -> Value:
    """Unary minus: also turns 0.0 into -0.0."""
    known = literal(value.term)
    return FloatV(T.node("fp.neg", (value.term,), SORT) if known is None else constant(-known))


def absolute(value: FloatV) -> Value:
    """``abs``."""
    known = literal(value.term)
    return FloatV(T.node("fp.abs", (value.term,), SORT) if known is None else constant(abs(known)))


def _mixed_order(a: Value, b: Value) -> tuple[Term, Term] | None:
    """(``a < b``, ``a == b``) of an unknown int and a literal float; None for others.

    Python compares the two exactly, without making a float of the int.
    """
    if isinstance(a, IntV) and isinstance(b, FloatV):
        whole, number = a.term, literal(b.term)
    elif isinstance(a, FloatV) and isinstance(b, IntV):
        whole, number = b.term, literal(a.term)
    else:
        return None
    if number is None:
        return None
    if math.isnan(number):
        return T.false(), T.false()
    if math.isinf(number):
        return T.boolean((number > 0) is isinstance(a, IntV)), T.false()
    same = T.eq(whole, T.num(int(number))) if number.is_integer() else T.false()
    if isinstance(a, IntV):
        return T.lt(whole, T.num(math.ceil(number))), same
    return T.lt(T.num(math.floor(number)), whole), same


def equal(a: Value, b: Value) -> Term:
    """``==``: NaN equals nothing, 0.0 equals -0.0."""
    if not isinstance(a, IntV | BoolV | FloatV) or not isinstance(b, IntV | BoolV | FloatV):
        return T.false()
    exact = _mixed_order(a, b)
    if exact is not None:
        return exact[1]
    x, y = as_float(a), as_float(b)
    p, q = literal(x), literal(y)
    if p is not None and q is not None:
        return T.boolean(p == q)
    return T.node("fp.eq", (x, y), BOOL)


def one_object(term: Term) -> bool:
    """Whether the same term is the same object: what is read is, what is computed is made anew."""
    if term.op == "ite":
        return all(map(one_object, term.kids[1:]))
    number = literal(term)
    return term.op in ("var", "select") or (number is not None and not math.isnan(number))


def equal_or_identical(a: FloatV, b: FloatV) -> Term:
    """``a is b or a == b``: of two NaN nobody knows whether they are one object.

    That is a function of nothing but the elements' places, another one at every comparison.
    """
    x, y = a.term, b.term
    if x is y and one_object(x):
        return T.true()
    alike = equal(a, b)
    if any(literal(t) is not None and not math.isnan(literal(t) or 0.0) for t in (x, y)):
        return alike
    places = {
        v.id: v for v in T.subterms([x, y]) if v.op == "bvar" and v.args[0] in x.bound | y.bound
    }
    one = T.app(T.fresh_name("nan.same"), [places[k] for k in sorted(places)], BOOL)
    if x.op == y.op == "select" and x.kids[0] is y.kids[0]:
        one = T.or_(T.eq(x.kids[1], y.kids[1]), one)
    both = [T.node("fp.isNaN", (t,), BOOL) for t in (x, y)]
    return T.or_(alike, T.and_(*both, one))


def less(a: Value, b: Value, strict: bool) -> Term | None:
    """``<`` or ``<=``; false as soon as one side is NaN."""
    if not isinstance(a, IntV | BoolV | FloatV) or not isinstance(b, IntV | BoolV | FloatV):
        return None
    exact = _mixed_order(a, b)
    if exact is not None:
        return exact[0] if strict else T.or_(exact[0], exact[1])
    x, y = as_float(a), as_float(b)
    p, q = literal(x), literal(y)
    if p is not None and q is not None:
        return T.boolean(p < q if strict else p <= q)
    return T.node("fp.lt" if strict else "fp.leq", (x, y), BOOL)


def truth(value: FloatV) -> Term:
    """Whether a float is not zero (NaN is true)."""
    known = literal(value.term)
    if known is not None:
        return T.boolean(bool(known))
    return T.not_(T.node("fp.isZero", (value.term,), BOOL))
