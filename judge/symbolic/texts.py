"""Methods of strings.

On literals CPython's own method is asked. Character classes are formulas over any string, ``find``,
``strip``, ``split`` and their like are known by laws (``searches``), case is changed in ``casing``.
The rest needs to know where things are: it works where that is literal, and in runs of paths, where
each question is decided.
"""

from __future__ import annotations

from collections.abc import Callable

from judge.symbolic import casing, characters, searches, seqs
from judge.symbolic import term as T
from judge.symbolic.compare import equal, exists
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.merge import at
from judge.symbolic.numbers import as_int
from judge.symbolic.term import Term
from judge.symbolic.values import (
    BoolV,
    Filtered,
    IntV,
    ListV,
    NoneV,
    Piece,
    Seq,
    Single,
    StrV,
    TupleV,
    Unsupported,
    Value,
    View,
)

MAX_LITERAL = 2_000
_PURE = {
    "capitalize", "casefold", "center", "count", "endswith", "expandtabs", "find", "index",
    "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower",
    "isnumeric", "isprintable", "isspace", "istitle", "isupper", "join", "ljust", "lower",
    "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust",
    "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase",
    "title", "upper", "zfill",
}  # fmt: skip


def text_method(m: Machine, name: str, value: StrV, args: list[Value], line: int) -> Value:
    """``value.name(*args)``."""
    if name not in _PURE:
        raise Unsupported(f"str.{name}()", line)
    known = _literal_call(m, name, value, args, line)
    if known is not None:
        return known
    if name in casing.MAPPINGS:
        _no_arguments(m, args, line)
        return casing.changed(m, name, value, line)
    if m.forks is None and (run := searches.METHODS.get(name)) is not None:
        return run(m, value, args, line)
    run = _METHODS.get(name)
    if run is None:
        raise Unsupported(f"str.{name}() of an unknown string", line)
    return run(m, value, args, line)


# ---------------------------------------------------------------- literals


def plain_of(value: Value) -> object:
    """The plain value of a literal; raises ``LookupError`` for others."""
    if isinstance(value, StrV):
        word = seqs.literal_text(value)
        if word is not None and len(word) <= MAX_LITERAL:
            return word
    elif isinstance(value, IntV | BoolV):
        number = T.literal(value.term)
        if number is not None and abs(number) <= MAX_LITERAL:
            return number
    elif isinstance(value, NoneV):
        return None
    elif isinstance(value, TupleV):
        return tuple(map(plain_of, value.items))
    elif isinstance(value, ListV) and all(isinstance(p, Single) for p in value.seq.pieces):
        return [plain_of(p.value) for p in value.seq.pieces if isinstance(p, Single)]
    raise LookupError


def from_plain(thing: object) -> Value:
    """A literal as a value."""
    if isinstance(thing, bool):
        return BoolV(T.boolean(thing))
    if isinstance(thing, int):
        return IntV(T.num(thing))
    if isinstance(thing, str):
        return seqs.text(thing)
    if isinstance(thing, tuple):
        return TupleV(tuple(map(from_plain, thing)))
    assert isinstance(thing, list)
    return ListV(Seq(tuple(Single(from_plain(v)) for v in thing)), fresh=True)


def _literal_call(m: Machine, name: str, value: StrV, args: list[Value], line: int) -> Value | None:
    try:
        word = plain_of(value)
        given = [plain_of(m.plain(a)) for a in args]
    except LookupError:
        return None
    assert isinstance(word, str)
    if sum(len(a) for a in given if isinstance(a, str | list)) + len(word) > MAX_LITERAL:
        return None
    try:
        return from_plain(getattr(word, name)(*given))
    except (TypeError, ValueError) as raised:
        m.raise_if(T.true(), type(raised).__name__, line)
        raise Dead from None


# ---------------------------------------------------------------- classes


def _any_char(value: StrV, test: Callable[[Term], Term]) -> Term:
    parts = []
    for piece in value.seq.pieces:
        if isinstance(piece, View):
            parts.append(exists(piece, lambda v: test(_code(v))))
        else:
            parts.append(test(_code(piece.value)))
    return T.or_(*parts)


def _code(value: Value) -> Term:
    assert isinstance(value, IntV)
    return value.term


def _all_of(name: str) -> Method:
    def run(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
        _no_arguments(m, args, line)
        some = T.lt(T.num(0), value.seq.length)
        return BoolV(
            T.and_(some, T.not_(_any_char(value, lambda c: T.not_(characters.belongs(name, c)))))
        )

    return run


def _is_ascii(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
    _no_arguments(m, args, line)
    return BoolV(T.not_(_any_char(value, lambda c: T.lt(T.num(127), c))))


def _of_case(wanted: str, other: str) -> Method:
    """Some character of that case, and none of the other or in title case."""

    def run(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
        _no_arguments(m, args, line)
        some = _any_char(value, lambda c: characters.belongs(wanted, c))
        wrong = _any_char(
            value, lambda c: T.or_(characters.belongs(other, c), characters.titled(c))
        )
        return BoolV(T.and_(some, T.not_(wrong)))

    return run


def _no_arguments(m: Machine, args: list[Value], line: int) -> None:
    if args:
        raise m.type_error(line)


# ---------------------------------------------------------------- places


def codes_of(m: Machine, value: StrV, what: str, line: int) -> list[Term]:
    """The code points one by one; refuses ``what`` where the length is unknown."""
    from judge.symbolic.forks import concrete

    seq = concrete(m, value.seq, line)
    if not all(isinstance(p, Single) for p in seq.pieces):
        raise Unsupported(f"{what} of a string of unknown length", line)
    return [_code(p.value) for p in seq.pieces if isinstance(p, Single)]


def from_codes(codes: list[Term]) -> StrV:
    """A string of code points."""
    return StrV(Seq(tuple(Single(IntV(c)) for c in codes)))


def _text_argument(m: Machine, value: Value, line: int) -> StrV:
    plain = m.plain(value)
    if not isinstance(plain, StrV):
        raise m.type_error(line)
    return plain


def _strip(left: bool, right: bool) -> Method:
    def run(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
        what = "str.strip()"
        codes = codes_of(m, value, what, line)
        given = m.plain(args[0]) if args else NoneV()
        drop = None if isinstance(given, NoneV) else codes_of(
            m, _text_argument(m, given, line), what, line
        )  # fmt: skip
        if len(args) > 1:
            raise m.type_error(line)

        def goes(code: Term) -> bool:
            test = (
                characters.belongs("space", code)
                if drop is None
                else T.or_(*(T.eq(code, d) for d in drop))
            )
            return m.sure(test, f"{what} of unknown characters", line)

        while left and codes and goes(codes[0]):
            codes = codes[1:]
        while right and codes and goes(codes[-1]):
            codes = codes[:-1]
        return from_codes(codes)

    return run


def _matches(m: Machine, codes: list[Term], start: int, part: list[Term], line: int) -> bool:
    if start + len(part) > len(codes):
        return False
    alike = T.and_(*(T.eq(a, b) for a, b in zip(codes[start:], part, strict=False)))
    return m.sure(alike, "a search in an unknown string", line)


def _cut_at(
    m: Machine, codes: list[Term], part: list[Term], times: int, line: int
) -> list[list[Term]]:
    """The text between the occurrences of ``part``, from the left, at most ``times`` of them."""
    pieces: list[list[Term]] = [[]]
    place = 0
    while place < len(codes):
        if times != len(pieces) - 1 and _matches(m, codes, place, part, line):
            pieces.append([])
            place += len(part)
        else:
            pieces[-1].append(codes[place])
            place += 1
    return pieces


def _split(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
    codes = codes_of(m, value, "str.split()", line)
    if len(args) > 2:
        raise m.type_error(line)
    times = _times(m, args[1], line) if len(args) == 2 else -1
    given = m.plain(args[0]) if args else NoneV()
    if isinstance(given, NoneV):
        words = _words(m, codes, times, line)
    else:
        part = codes_of(m, _text_argument(m, given, line), "str.split()", line)
        if not part:
            m.raise_if(T.true(), "ValueError", line)
            raise Dead
        words = _cut_at(m, codes, part, times, line)
    return ListV(Seq(tuple(Single(from_codes(w)) for w in words)), fresh=True)


def _times(m: Machine, value: Value, line: int) -> int:
    number = as_int(m.plain(value))
    known = None if number is None else T.literal(number)
    if known is None:
        raise Unsupported("an unknown number of replacements or splits", line)
    return int(known)


def _words(m: Machine, codes: list[Term], times: int, line: int) -> list[list[Term]]:
    words: list[list[Term]] = []
    inside = False
    for place, code in enumerate(codes):
        blank = m.sure(characters.belongs("space", code), "str.split() of unknown characters", line)
        if blank:
            inside = False
        elif inside:
            words[-1].append(code)
        elif len(words) == times:
            return [*words, codes[place:]]
        else:
            words.append([code])
            inside = True
    return words


def _replace(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
    if len(args) not in (2, 3):
        raise m.type_error(line)
    old, new = (_text_argument(m, a, line) for a in args[:2])
    if len(args) == 2 and (changed := _letter_replaced(m, value, old, new)) is not None:
        return changed
    what = "str.replace()"
    codes, part = codes_of(m, value, what, line), codes_of(m, old, what, line)
    if not part:
        raise Unsupported("str.replace() of an empty string", line)
    times = _times(m, args[2], line) if len(args) == 3 else -1
    pieces = _cut_at(m, codes, part, times, line)
    put = codes_of(m, new, what, line)
    out = pieces[0]
    for piece in pieces[1:]:
        out = [*out, *put, *piece]
    return from_codes(out)


def _known_letter(m: Machine, value: StrV) -> Term | None:
    """The code point of a text that is known to have exactly one."""
    if not value.seq.pieces:
        return None
    one = seqs.decide(m, T.eq(value.seq.length, T.num(1)))
    return _code(at(value.seq, T.num(0))) if T.is_true(one) else None


def _letter_replaced(m: Machine, value: StrV, old: StrV, new: StrV) -> StrV | None:
    """One letter replaced by another, or left out, in a text of any length."""
    code, put = _known_letter(m, old), _known_letter(m, new)
    if code is None or (put is None and new.seq.pieces):
        return None
    if all(isinstance(p, Single) for p in value.seq.pieces):
        return None
    pieces: list[Piece] = []
    for piece in value.seq.pieces:
        if isinstance(piece, Filtered):
            return None
        if put is None:
            if isinstance(piece, Single):
                return None
            pieces.append(_without_letter(piece, old))
        elif isinstance(piece, Single):
            pieces.append(Single(_letter_changed(piece.value, old, put)))
        else:
            pieces.append(_letters_changed(piece, old, put))
    return StrV(Seq(tuple(pieces)))


def _is_letter(code: Value, word: StrV) -> Term:
    """Whether a text is this one letter, in the words of a comparison of two texts."""
    return equal(StrV(Seq((Single(code),))), word)


def _letter(value: StrV) -> Term | None:
    """The code point of a text that has exactly one."""
    if len(value.seq.pieces) == 1 and isinstance(piece := value.seq.pieces[0], Single):
        return as_int(piece.value)
    return None


def _letter_changed(value: Value, old: StrV, new: Term) -> Value:
    return IntV(T.ite(_is_letter(value, old), new, _code(value)))


def _letters_changed(piece: View, old: StrV, new: Term) -> View:
    return View(lambda j: _letter_changed(piece.get(j), old, new), piece.lo, piece.hi)


def _without_letter(piece: View, old: StrV) -> View:
    from judge.symbolic.folds import filtered

    def keep(j: Term) -> Term:
        return T.not_(_is_letter(piece.get(j), old))

    return filtered(piece.get, keep, piece.lo, piece.hi)


def _find(last: bool, error: bool) -> Method:
    def run(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
        if len(args) != 1:
            raise Unsupported("a search in a part of an unknown string", line)
        what = "a search"
        codes = codes_of(m, value, what, line)
        part = codes_of(m, _text_argument(m, args[0], line), what, line)
        places = range(len(codes) - len(part) + 1)
        for place in places[::-1] if last else places:
            if _matches(m, codes, place, part, line):
                return IntV(T.num(place))
        if error:
            m.raise_if(T.true(), "ValueError", line)
            raise Dead
        return IntV(T.num(-1))

    return run


def _count(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
    if len(args) != 1:
        raise Unsupported("str.count() in a part of an unknown string", line)
    wanted = _text_argument(m, args[0], line)
    if _known_letter(m, wanted) is not None:
        from judge.symbolic import folds

        return IntV(
            folds.sum_of(value.seq, lambda v: T.ite(_is_letter(v, wanted), T.num(1), T.num(0)))
        )
    part = codes_of(m, wanted, "str.count()", line)
    codes = codes_of(m, value, "str.count() of more than one character", line)
    if not part:
        return IntV(T.num(len(codes) + 1))
    return IntV(T.num(len(_cut_at(m, codes, part, -1, line)) - 1))


def _join(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
    from judge.symbolic import ordering
    from judge.symbolic.calls import _elements

    if len(args) != 1:
        raise m.type_error(line)
    out = Seq()
    elements = _elements(m, args[0], line, eager=True)
    if not value.seq.pieces and (letters := _joined_letters(elements)) is not None:
        return letters
    parts = ordering.singles(elements, "str.join()", line)
    for place, part in enumerate(parts):
        word = m.each(part, lambda v: v, line)
        if not isinstance(word, StrV):
            raise m.type_error(line)
        out = seqs.concat(out, seqs.concat(value.seq, word.seq) if place else word.seq)
    return StrV(out)


def _joined_letters(elements: Seq) -> StrV | None:
    """``"".join`` of any number of texts of one letter each."""
    if all(isinstance(p, Single) for p in elements.pieces):
        return None
    pieces: list[Piece] = []
    for piece in elements.pieces:
        probe = _sample(piece)
        if not isinstance(probe, StrV) or _letter(probe) is None:
            return None
        pieces.append(_letters_of(piece))
    return StrV(Seq(tuple(pieces)))


def _sample(piece: Piece) -> Value:
    if isinstance(piece, Single):
        return piece.value
    hole = T.bvar("probe")
    return piece.value(hole) if isinstance(piece, Filtered) else piece.get(hole)


def _letters_of(piece: Piece) -> Piece:
    from judge.symbolic.folds import filtered

    def code(value: Value) -> Value:
        assert isinstance(value, StrV)
        letter = _letter(value)
        assert letter is not None
        return IntV(letter)

    if isinstance(piece, Single):
        return Single(code(piece.value))
    if isinstance(piece, Filtered):
        source = piece.value
        return filtered(lambda j: code(source(j)), piece.keep, piece.start, piece.stop)
    return View(lambda j: code(piece.get(j)), piece.lo, piece.hi)


def _affix(end: bool) -> Method:
    test = seqs.ends_with if end else seqs.starts_with

    def run(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
        if len(args) != 1:
            raise Unsupported("startswith() or endswith() of a part", line)
        part = m.plain(args[0])
        options = part.items if isinstance(part, TupleV) else (part,)
        wanted = [_text_argument(m, o, line) for o in options]
        return BoolV(T.or_(*(test(value.seq, w.seq) for w in wanted)))

    return run


def _without_affix(end: bool) -> Method:
    def run(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
        if len(args) != 1:
            raise m.type_error(line)
        codes = codes_of(m, value, "removing a prefix or suffix", line)
        part = codes_of(m, _text_argument(m, args[0], line), "removing a prefix or suffix", line)
        start = len(codes) - len(part) if end else 0
        if not part or start < 0 or not _matches(m, codes, start, part, line):
            return from_codes(codes)
        return from_codes(codes[:start] if end else codes[len(part) :])

    return run


def _partition(m: Machine, value: StrV, args: list[Value], line: int) -> Value:
    if len(args) != 1:
        raise m.type_error(line)
    codes = codes_of(m, value, "str.partition()", line)
    part = codes_of(m, _text_argument(m, args[0], line), "str.partition()", line)
    if not part:
        m.raise_if(T.true(), "ValueError", line)
        raise Dead
    for place in range(len(codes) - len(part) + 1):
        if _matches(m, codes, place, part, line):
            rest = codes[place + len(part) :]
            return TupleV((from_codes(codes[:place]), from_codes(part), from_codes(rest)))
    return TupleV((from_codes(codes), seqs.text(""), seqs.text("")))


# ---------------------------------------------------------------- width


def _padded(m: Machine, value: StrV, args: list[Value], line: int, right: bool) -> Value:
    codes = codes_of(m, value, "padding", line)
    width = _times(m, args[0], line)
    fill = _text_argument(m, args[1], line) if len(args) == 2 else seqs.text(" ")
    if len(args) > 2 or T.literal(fill.seq.length) != 1:
        raise m.type_error(line)
    if width > MAX_LITERAL:
        raise Unsupported("padding to such a width", line)
    more = [_code(at(fill.seq, T.num(0)))] * max(0, width - len(codes))
    return from_codes(more + codes if right else codes + more)


Method = Callable[[Machine, StrV, list[Value], int], Value]
_METHODS: dict[str, Method] = {
    "count": _count,
    "endswith": _affix(True),
    "find": _find(False, False),
    "index": _find(False, True),
    "isalnum": _all_of("alnum"),
    "isalpha": _all_of("alpha"),
    "isascii": _is_ascii,
    "isdecimal": _all_of("decimal"),
    "isdigit": _all_of("digit"),
    "islower": _of_case("lower", "upper"),
    "isnumeric": _all_of("numeric"),
    "isspace": _all_of("space"),
    "isupper": _of_case("upper", "lower"),
    "join": _join,
    "ljust": lambda m, v, a, n: _padded(m, v, a, n, False),
    "lstrip": _strip(True, False),
    "partition": _partition,
    "removeprefix": _without_affix(False),
    "removesuffix": _without_affix(True),
    "replace": _replace,
    "rfind": _find(True, False),
    "rindex": _find(True, True),
    "rjust": lambda m, v, a, n: _padded(m, v, a, n, True),
    "rstrip": _strip(False, True),
    "split": _split,
    "startswith": _affix(False),
    "strip": _strip(True, True),
}


__all__ = ["codes_of", "from_codes", "text_method"]
