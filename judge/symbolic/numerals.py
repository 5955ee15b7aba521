"""Integers written out and read back: ``str(n)``, ``bin(n)`` and ``int(text)``.

Exact on literals. A number of any size has the digits that ``decimals`` knows by their recursion,
and the value of a text of any length follows its prefixes (``readings``). A run of paths decides
sign, digits and blanks one by one; longer numbers, and digits beyond ASCII, it leaves out of its
bound. From 4,300 digits on CPython refuses to convert, unless it is told otherwise: in code that is
an exception like any other, so a proof must show that the number is far smaller; a clause that
cannot be evaluated for that reason says nothing, as one that runs out of memory. What it is not:
floats.
"""

from __future__ import annotations

from judge.symbolic import characters, decimals, readings, seqs
from judge.symbolic import term as T
from judge.symbolic.machine import VAGUE, Dead, Machine
from judge.symbolic.merge import at
from judge.symbolic.numbers import as_int
from judge.symbolic.term import Term
from judge.symbolic.texts import codes_of, from_codes
from judge.symbolic.values import IntV, StrV, Unsupported, Value

SURE_DIGITS = 300
"""Numbers of up to so many digits are written out in a proof; every setting of CPython's limit
allows 640, so those of one number and some more may be read back."""
SURE_READING = 340

DIGITS = 4
"""How many digits a number may have where a run of paths writes it out."""


def digits_of(m: Machine, number: Term, line: int) -> StrV:
    """``str`` of an integer; a run of paths leaves out numbers of more digits than the bound."""
    known = T.literal(number)
    if known is not None:
        if abs(known) >= 10**4000:
            raise Unsupported("the text of so large a number", line)
        return seqs.text(str(known))
    if m.forks is None:
        return _any_digits(m, number, line)
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


def _any_digits(m: Machine, number: Term, line: int) -> StrV:
    """The text of a number; in code it must be shown to be nowhere near 4,300 digits."""
    most = T.num(10**SURE_DIGITS)
    if not m.pure:
        for beyond in (T.le(most, number), T.le(number, T.neg(most))):
            m.raise_if(seqs.decide(m, beyond), f"{VAGUE}ValueError", line)
    return StrV(decimals.text_of(number, _negative(m, number)))


def _negative(m: Machine, number: Term) -> Term:
    """Whether a number is below zero, as far as its form and the facts at hand settle it."""
    return T.false() if _whole(m, number) else seqs.decide(m, T.lt(number, T.num(0)))


def _whole(m: Machine, t: Term) -> bool:
    """Whether a number is surely not negative."""
    known = T.literal(t)
    if known is not None:
        return known >= 0
    if t.op in ("+", "*") and all(_whole(m, k) for k in t.kids):
        return True
    if t.op == "ite" and all(_whole(m, k) for k in t.kids[1:]):
        return True
    divisor = T.literal(t.kids[1]) if t.op in ("div", "mod") else None
    if divisor is not None and divisor > 0 and (t.op == "mod" or _whole(m, t.kids[0])):
        return True
    return T.is_false(seqs.decide(m, T.lt(t, T.num(0))))


def in_base(m: Machine, number: Term, name: str, line: int) -> StrV:
    """``bin``, ``oct`` or ``hex`` of an integer; these have no limit on digits."""
    known = T.literal(number)
    if known is not None:
        return seqs.text({"bin": bin, "oct": oct, "hex": hex}[name](int(known)))
    if m.forks is not None:
        raise Unsupported(f"{name}() of an unknown integer", line)
    negative = _negative(m, number)
    return StrV(decimals.text_of(number, negative, name, f"0{name[0] if name != 'hex' else 'x'}"))


def _blank_of_number(code: Term) -> Term:
    """What ``int`` skips: not quite what ``isspace`` says (U+001C to U+001F are not skipped)."""
    beyond = T.and_(T.lt(T.num(127), code), characters.belongs("space", code))
    return T.or_(characters.within(code, 9, 13), T.eq(code, T.num(32)), beyond)


def _digit_of(m: Machine, value: StrV, line: int) -> Value:
    """``int`` of one letter: an ASCII digit; digits beyond ASCII are left open."""
    code = as_int(at(value.seq, T.num(0)))
    assert code is not None
    beyond = T.lt(T.num(127), code)
    wrong = T.and_(T.not_(characters.within(code, 48, 57)), T.not_(beyond))
    m.raise_if(wrong, "ValueError", line)
    m.raise_if(beyond, f"{VAGUE}ValueError", line)
    return IntV(T.sub(code, T.num(48)))


def _reading(m: Machine, value: StrV, line: int) -> Value:
    """``int`` of a text of any length: ASCII digits; blanks, signs and underscores are refused."""
    if (known := readings.written_back(value.seq)) is not None:
        return IntV(known)
    sign, seq = readings.signed(value.seq)
    m.raise_if(T.le(seq.length, T.num(0)), "ValueError", line)
    if not seq.pieces:
        raise Dead
    if not m.pure:
        many = T.lt(T.num(SURE_READING), readings.unknown_length(seq))
        m.raise_if(seqs.decide(m, many), f"{VAGUE}ValueError", line)
    m.raise_if(seqs.decide(m, readings.strange(seq)), f"{VAGUE}ValueError", line)
    return IntV(T.mul(T.num(sign), readings.value_of(seq)))


def number_of(m: Machine, value: StrV, line: int) -> Value:
    """``int(text)``: blanks around, a sign, decimal digits with single underscores between."""
    word = seqs.literal_text(value)
    if word is not None:
        try:
            return IntV(T.num(int(word)))
        except ValueError:
            m.raise_if(T.true(), "ValueError", line)
            raise Dead from None
    if m.forks is None and T.literal(value.seq.length) == 1:
        return _digit_of(m, value, line)
    if m.forks is None:
        return _reading(m, value, line)
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


__all__ = ["digits_of", "in_base", "number_of"]
