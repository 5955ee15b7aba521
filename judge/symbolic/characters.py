"""Character classes and case of code points.

Up to U+00FF, where no edition of Unicode will change anything, a class is its exact ranges; beyond,
it is a function of the code point of which nothing is assumed. So what is proved holds for every
edition, and a counterexample beyond is a claim like any other. What it is not: case mapping beyond
ASCII, which may change the length of a text.
"""

from __future__ import annotations

from judge.symbolic import term as T
from judge.symbolic.term import BOOL, Term

KNOWN = 0xFF

BLANKS = (
    (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F),
    (0x3000, 0x3000),
)  # fmt: skip
"""The blanks beyond U+00FF, the same in every edition since 6.3: this class is exact."""

CLASSES = {
    "alnum": str.isalnum,
    "alpha": str.isalpha,
    "decimal": str.isdecimal,
    "digit": str.isdigit,
    "lower": str.islower,
    "numeric": str.isnumeric,
    "space": str.isspace,
    "upper": str.isupper,
}


def _ranges(name: str) -> list[tuple[int, int]]:
    test = CLASSES[name]
    ranges: list[tuple[int, int]] = []
    for code in range(KNOWN + 1):
        if test(chr(code)):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1] = (ranges[-1][0], code)
            else:
                ranges.append((code, code))
    return ranges


def within(code: Term, low: int, high: int) -> Term:
    """``low <= code <= high``."""
    return T.and_(T.le(T.num(low), code), T.le(code, T.num(high)))


def belongs(name: str, code: Term) -> Term:
    """Whether a code point is of a class: ``alpha``, ``digit``, ``space`` ..."""
    known = T.literal(code)
    if known is not None and 0 <= known <= 0x10FFFF:
        return T.boolean(CLASSES[name](chr(known)))
    inside = T.or_(*(within(code, low, high) for low, high in _ranges(name)))
    if name == "space":
        return T.or_(inside, *(within(code, low, high) for low, high in BLANKS))
    beyond = T.app(f"char.{name}", [code], BOOL)
    return T.or_(inside, T.and_(T.lt(T.num(KNOWN), code), beyond))


def titled(code: Term) -> Term:
    """Whether a code point is a letter in title case, such as U+01C5; none is up to U+00FF."""
    return T.and_(T.lt(T.num(KNOWN), code), T.app("char.titled", [code], BOOL))


def lowered(code: Term) -> Term:
    """The lower case of an ASCII code point."""
    return T.ite(within(code, 65, 90), T.add(code, T.num(32)), code)


def raised(code: Term) -> Term:
    """The upper case of an ASCII code point."""
    return T.ite(within(code, 97, 122), T.sub(code, T.num(32)), code)
