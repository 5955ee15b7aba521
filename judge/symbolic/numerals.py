"""Integers written out and read back: ``str(n)`` and ``int(text)``.

Exact on literals. A run of paths decides sign, digits and blanks one by one; longer numbers, and
digits beyond ASCII, it leaves out of its bound. What it is not: floats, or other bases.
"""

from __future__ import annotations

from judge.symbolic import characters, seqs
from judge.symbolic import term as T
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.term import Term
from judge.symbolic.texts import codes_of, from_codes
from judge.symbolic.values import IntV, StrV, Unsupported, Value

DIGITS = 4
"""How many digits a number may have where a run of paths writes it out."""


def digits_of(m: Machine, number: Term, line: int) -> StrV:
    """``str`` of an integer; a run of paths leaves out numbers of more digits than the bound."""
    known = T.literal(number)
    if known is not None:
        if abs(known) >= 10**4000:
            raise Unsupported("the text of so large a number", line)
        return seqs.text(str(known))
    negative = m.sure(T.lt(number, T.num(0)), "the decimal text of an unknown integer", line)
    size = T.neg(number) if negative else number
    for count in range(1, DIGITS + 1):
        if m.sure(T.lt(size, T.num(10**count)), "the decimal text of an unknown integer", line):
            codes = [
                T.add(
                    T.num(48),
                    T.floormod(T.floordiv(size, T.num(10**place)), T.num(10)),
                )
                for place in range(count - 1, -1, -1)
            ]
            return from_codes([T.num(45), *codes] if negative else codes)
    m.limits.add(f"integers have at most {DIGITS} digits where they are written out")
    m.cut(line)
    raise Dead


def _blank_of_number(code: Term) -> Term:
    """What ``int`` skips: not quite what ``isspace`` says (U+001C to U+001F are not skipped)."""
    beyond = T.and_(T.lt(T.num(127), code), characters.belongs("space", code))
    return T.or_(characters.within(code, 9, 13), T.eq(code, T.num(32)), beyond)


def number_of(m: Machine, value: StrV, line: int) -> Value:
    """``int(text)``: blanks around, a sign, decimal digits with single underscores between."""
    word = seqs.literal_text(value)
    if word is not None:
        try:
            return IntV(T.num(int(word)))
        except ValueError:
            m.raise_if(T.true(), "ValueError", line)
            raise Dead from None
    codes = codes_of(m, value, "int()", line)
    what = "int() of an unknown string"
    while codes and m.sure(_blank_of_number(codes[0]), what, line):
        codes = codes[1:]
    while codes and m.sure(_blank_of_number(codes[-1]), what, line):
        codes = codes[:-1]
    sign = 1
    if codes and m.sure(T.eq(codes[0], T.num(45)), what, line):
        sign, codes = -1, codes[1:]
    elif codes and m.sure(T.eq(codes[0], T.num(43)), what, line):
        codes = codes[1:]
    total, after_digit = T.num(0), False
    for place, code in enumerate(codes):
        if m.sure(characters.within(code, 48, 57), what, line):
            total = T.add(T.mul(T.num(10), total), T.sub(code, T.num(48)))
            after_digit = True
        elif after_digit and place + 1 < len(codes) and m.sure(T.eq(code, T.num(95)), what, line):
            after_digit = False
        else:
            if m.sure(T.lt(T.num(127), code), what, line):
                m.limits.add("digits are ASCII where a text is read as a number")
                m.cut(line)
                raise Dead
            after_digit = False
            break
    if not after_digit:
        m.raise_if(T.true(), "ValueError", line)
        raise Dead
    return IntV(total if sign > 0 else T.neg(total))


__all__ = ["digits_of", "number_of"]
