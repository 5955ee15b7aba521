"""Format specifications of integers and texts: ``f"{n:02d}"``, ``f"{s:>10}"``.

Fill, alignment, width and the leading zero, with CPython's defaults: numbers to the right, texts to
the left, zeros behind the sign. On literals CPython itself is asked. What it is not: precision,
signs, thousands, other bases, floats.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from judge.symbolic import searches, seqs
from judge.symbolic import term as T
from judge.symbolic.machine import Machine
from judge.symbolic.texts import plain_of
from judge.symbolic.values import BoolV, Choice, FloatV, IntV, StrV, Unsupported, Value

_SPEC = re.compile(r"(?:(?P<fill>.)?(?P<side>[<>^]))?(?P<zero>0)?(?P<width>\d+)?(?P<kind>[ds])?")
MAX_WIDTH = 1_000


@dataclass(frozen=True, slots=True)
class _Spec:
    fill: int
    side: str
    zero: bool
    width: int


def formatted(m: Machine, value: Value, spec: str, line: int) -> StrV:
    """``format(value, spec)`` of an integer or a text."""
    from judge.symbolic import calls

    if isinstance(value, Choice):
        raise Unsupported("formatting a value of several kinds", line)
    if spec == "":
        return calls.as_text(m, value, line)
    try:
        plain = plain_of(value)
        if isinstance(plain, int | str):
            return seqs.text(format(plain, spec))
    except LookupError:
        pass
    except ValueError:
        raise Unsupported("a format specification that CPython refuses", line) from None
    if isinstance(value, FloatV | BoolV) or not isinstance(value, IntV | StrV):
        raise Unsupported("formatting in an f-string", line)
    wide = _read(spec, isinstance(value, IntV), line)
    text = calls.as_text(m, value, line)
    width = T.num(wide.width)
    if wide.zero and isinstance(value, IntV):
        filled = searches.METHODS["zfill"](m, text, [IntV(width)], line)
        assert isinstance(filled, StrV)
        return filled
    return StrV(searches.padded(text.seq, width, T.num(wide.fill), wide.side))


def _read(spec: str, number: bool, line: int) -> _Spec:
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise Unsupported("formatting in an f-string", line)
    width = int(found["width"] or 0)
    kind = "d" if number else "s"
    if width > MAX_WIDTH or (found["kind"] or kind) != kind:
        raise Unsupported("formatting in an f-string", line)
    zero = found["zero"] is not None
    if zero and (not number or found["side"] is not None):
        raise Unsupported("zeros in a format specification beside an alignment", line)
    fill = found["fill"] or ("0" if zero else " ")
    return _Spec(ord(fill), found["side"] or (">" if number else "<"), zero, width)


__all__ = ["formatted"]
