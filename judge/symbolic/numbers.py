"""Integers and truth values: Python's arithmetic on them.

Division and modulo round towards minus infinity, ``bool`` is a number, ``/`` makes a float (and is
refused here unless both sides are literal), a negative exponent makes a float too.
"""

from __future__ import annotations

import ast

from judge.symbolic import floats, powers
from judge.symbolic import term as T
from judge.symbolic.machine import Machine
from judge.symbolic.term import Term
from judge.symbolic.values import BoolV, FloatV, IntV, Unsupported, Value

MAX_EXPONENT = 32
"""Constant exponents up to this are multiplied out."""

MAX_BITS = 4096
"""Literal results beyond this size are refused rather than computed."""


def as_int(value: Value) -> Term | None:
    """The integer that a number counts as, or None for what is not one."""
    if isinstance(value, IntV):
        return value.term
    if isinstance(value, BoolV):
        return T.ite(value.term, T.num(1), T.num(0))
    return None


def binary(m: Machine, op: ast.operator, left: Value, right: Value, line: int) -> Value | None:
    """Arithmetic on two numbers, or None when they are not both numbers."""
    if isinstance(left, FloatV) or isinstance(right, FloatV):
        return floats.binary(m, op, left, right, line)
    a, b = as_int(left), as_int(right)
    if a is None or b is None:
        return None
    if (
        isinstance(op, ast.BitAnd | ast.BitOr | ast.BitXor)
        and isinstance(left, BoolV)
        and isinstance(right, BoolV)
    ):
        return BoolV(_logic(op, left.term, right.term))
    if isinstance(op, ast.Add):
        return IntV(T.add(a, b))
    if isinstance(op, ast.Sub):
        return IntV(T.sub(a, b))
    if isinstance(op, ast.Mult):
        return IntV(T.mul(a, b))
    if isinstance(op, ast.FloorDiv | ast.Mod):
        m.raise_if(T.eq(b, T.num(0)), "ZeroDivisionError", line)
        return IntV(T.floordiv(a, b) if isinstance(op, ast.FloorDiv) else T.floormod(a, b))
    if isinstance(op, ast.Pow):
        return _power(m, a, b, line)
    if isinstance(op, ast.LShift | ast.RShift):
        return _shift(m, op, a, b, line)
    if isinstance(op, ast.BitAnd | ast.BitOr | ast.BitXor):
        return _bits(op, a, b, line)
    raise Unsupported(f"operator {type(op).__name__} on integers", line)


def _logic(op: ast.operator, a: Term, b: Term) -> Term:
    if isinstance(op, ast.BitAnd):
        return T.and_(a, b)
    if isinstance(op, ast.BitOr):
        return T.or_(a, b)
    return T.not_(T.iff(a, b))


def _power(m: Machine, a: Term, b: Term, line: int) -> Value:
    base, exponent = T.literal(a), T.literal(b)
    if exponent is None:
        return _unknown_power(m, a, b, line)
    if exponent < 0:
        raise Unsupported("a power with a negative exponent (a float)", line)
    if base is not None:
        if base.bit_length() * exponent > MAX_BITS:
            raise Unsupported("a very large power", line)
        return IntV(T.num(base**exponent))
    if exponent > MAX_EXPONENT:
        raise Unsupported(f"a power with exponent {exponent}", line)
    result = T.num(1)
    for _ in range(exponent):
        result = T.mul(result, a)
    return IntV(result)


def _unknown_power(m: Machine, base: Term, exponent: Term, line: int) -> Value:
    negative = T.lt(exponent, T.num(0))
    if m.pure or T.is_false(negative):
        m.raise_if(negative, "float result", line)
    else:
        m.raise_if(negative, "a float result of ** (not modelled)", line)
    return IntV(powers.power(base, exponent))


def modular_power(m: Machine, args: list[Value], line: int) -> Value:
    """``pow(b, e, n)``: an inverse for a negative exponent is not modelled."""
    terms = [as_int(m.plain(a)) for a in args]
    base, exponent, modulus = terms
    if base is None or exponent is None or modulus is None:
        raise Unsupported("pow() with three arguments that are not integers", line)
    negative = T.lt(exponent, T.num(0))
    m.raise_if(negative, "an inverse by pow() (not modelled)", line)
    m.raise_if(T.eq(modulus, T.num(0)), "ValueError", line)
    return IntV(T.floormod(powers.power(base, exponent), modulus))


def _shift(m: Machine, op: ast.operator, a: Term, b: Term, line: int) -> Value:
    amount = T.literal(b)
    if amount is None:
        m.raise_if(T.lt(b, T.num(0)), "ValueError", line)
        power = powers.power(T.num(2), b)
        return IntV(T.mul(a, power) if isinstance(op, ast.LShift) else T.floordiv(a, power))
    m.raise_if(T.boolean(amount < 0), "ValueError", line)
    if amount < 0 or amount > MAX_BITS:
        raise Unsupported(f"a shift by {amount}", line)
    factor = T.num(2**amount)
    return IntV(T.mul(a, factor) if isinstance(op, ast.LShift) else T.floordiv(a, factor))


def _bits(op: ast.operator, a: Term, b: Term, line: int) -> Value:
    x, y = T.literal(a), T.literal(b)
    if x is not None and y is not None:
        if isinstance(op, ast.BitAnd):
            return IntV(T.num(x & y))
        return IntV(T.num(x | y if isinstance(op, ast.BitOr) else x ^ y))
    for value, other in ((x, b), (y, a)):
        if value is not None and value >= 0 and (value & (value + 1)) == 0:
            low = T.floormod(other, T.num(value + 1))
            if isinstance(op, ast.BitAnd):
                return IntV(low)
            if isinstance(op, ast.BitOr):
                return IntV(T.add(other, T.sub(T.num(value), low)))
            return IntV(T.add(other, T.sub(T.num(value), T.mul(T.num(2), low))))
    both = T.app("bit.and", sorted((a, b), key=lambda t: t.id), T.INT)
    if isinstance(op, ast.BitAnd):
        return IntV(both)
    # In two's complement of any width: a | b = a + b - (a & b) and a ^ b = a + b - 2*(a & b).
    once = both if isinstance(op, ast.BitOr) else T.mul(T.num(2), both)
    return IntV(T.sub(T.add(a, b), once))


def negate(m: Machine, value: Value, line: int) -> Value:
    """Unary minus."""
    if isinstance(value, FloatV):
        return floats.negate(value)
    number = as_int(value)
    if number is None:
        raise m.type_error(line)
    return IntV(T.neg(number))


def invert(m: Machine, value: Value, line: int) -> Value:
    """Bitwise complement: ``~x`` is ``-x - 1``."""
    number = as_int(value)
    if number is None:
        raise m.type_error(line)
    return IntV(T.sub(T.neg(number), T.num(1)))


def absolute(m: Machine, value: Value, line: int) -> Value:
    """``abs``."""
    if isinstance(value, FloatV):
        return floats.absolute(value)
    number = as_int(value)
    if number is None:
        raise m.type_error(line)
    return IntV(T.ite(T.le(T.num(0), number), number, T.neg(number)))
