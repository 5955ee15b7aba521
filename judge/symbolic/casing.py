"""Changing the case of letters: exact for ASCII, left open beyond.

A text of any length is mapped letter by letter where all of it is ASCII. Where it is not, the
result is a text of which only the length is known a little: no letter vanishes (the case mappings
of Unicode make one to three code points of one). A run of paths leaves such texts out, and says so
in its bound.
"""

from __future__ import annotations

from collections.abc import Callable

from judge.symbolic import characters, laws, seqs
from judge.symbolic import term as T
from judge.symbolic.compare import exists
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.merge import at
from judge.symbolic.term import BOOL, INT, Term
from judge.symbolic.values import Choice, IntV, Seq, Single, StrV, Value, View

ASCII_ONLY = "letters are ASCII where their case is changed"

Mapping = Callable[[Term, Term, Term], Term]
"""(code point, is it the first, does a cased letter come before it) -> code point."""


def _title(code: Term, first: Term, after: Term) -> Term:
    return T.ite(after, characters.lowered(code), characters.raised(code))


def _swapped(code: Term, first: Term, after: Term) -> Term:
    upper = characters.within(code, 65, 90)
    return T.ite(upper, characters.lowered(code), characters.raised(code))


MAPPINGS: dict[str, Mapping] = {
    "capitalize": lambda c, first, after: T.ite(first, characters.raised(c), characters.lowered(c)),
    "casefold": lambda c, first, after: characters.lowered(c),
    "lower": lambda c, first, after: characters.lowered(c),
    "swapcase": _swapped,
    "title": _title,
    "upper": lambda c, first, after: characters.raised(c),
}


def changed(m: Machine, name: str, value: StrV, line: int) -> Value:
    """``value.lower()`` and its like."""
    mapping = MAPPINGS[name]
    if m.forks is not None:
        return _decided(m, mapping, value, line)
    if all(isinstance(p, Single) for p in value.seq.pieces):
        return _letters(m, name, mapping, value, line)
    mapped = StrV(_mapped(mapping, value.seq))
    beyond = seqs.decide(m, _beyond(value.seq))
    return mapped if T.is_false(beyond) else _either(name, beyond, value, mapped, line)


def _code(value: Value) -> Term:
    assert isinstance(value, IntV)
    return value.term


def _decided(m: Machine, mapping: Mapping, value: StrV, line: int) -> StrV:
    from judge.symbolic.texts import codes_of, from_codes

    codes = codes_of(m, value, "changing the case", line)
    for code in codes:
        if not m.sure(T.le(code, T.num(127)), "changing the case of unknown letters", line):
            m.limits.add(ASCII_ONLY)
            m.cut(line)
            raise Dead
    out = []
    for place, code in enumerate(codes):
        after = _cased(codes[place - 1]) if place else T.false()
        out.append(mapping(code, T.boolean(place == 0), after))
    return from_codes(out)


def _cased(code: Term) -> Term:
    return T.or_(characters.within(code, 65, 90), characters.within(code, 97, 122))


def _beyond(seq: Seq) -> Term:
    """Whether some letter is not ASCII, in the words of ``isascii``."""
    parts = []
    for piece in seq.pieces:
        if isinstance(piece, View):
            parts.append(exists(piece, lambda v: T.lt(T.num(127), _code(v))))
        else:
            parts.append(T.lt(T.num(127), _code(piece.value)))
    return T.or_(*parts)


def _mapped(mapping: Mapping, seq: Seq) -> Seq:
    """The text with every letter changed, as if all were ASCII."""
    probe = T.bvar("probe")
    plain = mapping(probe, T.true(), T.false()) is mapping(probe, T.false(), T.true())
    if plain:
        return Seq(tuple(_plain_piece(mapping, p) for p in seq.pieces))

    def get(j: Term) -> Value:
        before = _cased(_code(at(seq, T.sub(j, T.num(1)))))
        first = T.eq(j, T.num(0))
        after = T.and_(T.not_(first), before)
        return IntV(mapping(_code(at(seq, j)), first, after))

    return Seq((View(get, T.num(0), seq.length),))


def _plain_piece(mapping: Mapping, piece: View | Single) -> View | Single:
    def one(value: Value) -> Value:
        return IntV(mapping(_code(value), T.false(), T.false()))

    if isinstance(piece, Single):
        return Single(one(piece.value))
    return View(lambda j: one(piece.get(j)), piece.lo, piece.hi)


def _letters(m: Machine, name: str, mapping: Mapping, value: StrV, line: int) -> Value:
    """A text of a known length: letter by letter, one of which may become several."""
    mapped = _mapped(mapping, value.seq)
    beyond = seqs.decide(m, _beyond(value.seq))
    if T.is_false(beyond):
        return StrV(Seq(tuple(Single(at(mapped, T.num(k))) for k in range(len(mapped.pieces)))))
    if len(value.seq.pieces) != 1:
        return _either(name, beyond, value, StrV(mapped), line)
    code, letter = _code(at(value.seq, T.num(0))), _code(at(mapped, T.num(0)))
    return _one_letter(name, code, letter, beyond)


def _one_letter(name: str, code: Term, letter: Term, beyond: Term) -> Value:
    """One letter stays one where it is ASCII, and becomes one, two or three beyond."""

    def part(place: int) -> Term:
        return T.app(f"char.{name}.{place}", [code], INT)

    two, three = (T.app(f"char.{name}.to{n}", [code], BOOL) for n in (2, 3))
    more = T.and_(beyond, T.or_(two, three))
    options: list[tuple[Term, Value]] = [
        (T.not_(more), StrV(Seq((Single(IntV(T.ite(beyond, part(0), letter))),)))),
        (T.and_(more, two), _of([part(0), part(1)])),
        (T.and_(more, T.not_(two)), _of([part(0), part(1), part(2)])),
    ]
    return Choice(tuple(options))


def _of(codes: list[Term]) -> StrV:
    return StrV(Seq(tuple(Single(IntV(c)) for c in codes)))


def _either(name: str, beyond: Term, value: StrV, mapped: StrV, line: int) -> StrV:
    """The mapped text, or beyond ASCII one of which only the length is bounded."""
    size = value.seq.length
    bound = T.mul(T.num(3), size)

    def say(t: Term) -> list[Term]:
        return [T.and_(T.le(size, t), T.le(t, bound))]

    tokens = [laws.token(value)]
    length = laws.number(f"{name}.length", tokens, size, say, line)
    letters = laws.named(f"{name}.letters", tokens, lambda t: [], line)

    def get(j: Term) -> Value:
        return IntV(T.ite(beyond, T.app(letters, [j], INT), _code(at(mapped.seq, j))))

    return StrV(Seq((View(get, T.num(0), T.ite(beyond, length, size)),)))


__all__ = ["MAPPINGS", "changed"]
