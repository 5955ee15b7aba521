"""Symbolic Python values: one class a kind, each a handful of terms.

Strings are sequences of code points (so nothing stops at a solver's alphabet), lists are sequences
of pieces, and a value whose kind depends on a condition is a ``Choice``. Mutable lists live behind
a ``Ref`` in the state's heap, so that two names for one list stay one list. What it is not: the
operations; those are in the files of their sort.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from judge.symbolic import term as T
from judge.symbolic.term import Term


class Value:
    """Any symbolic value."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class IntV(Value):
    """An unbounded integer."""

    term: Term


@dataclass(frozen=True, slots=True, eq=False)
class BoolV(Value):
    """A truth value; where a number is wanted it counts as 0 or 1, as in Python."""

    term: Term


@dataclass(frozen=True, slots=True, eq=False)
class FloatV(Value):
    """An IEEE binary64 number (sort ``Float64``)."""

    term: Term


@dataclass(frozen=True, slots=True, eq=False)
class NoneV(Value):
    """``None``."""


@dataclass(frozen=True, slots=True, eq=False)
class Unbound(Value):
    """A name that has no value (yet)."""


@dataclass(frozen=True, slots=True, eq=False)
class Forgotten(Value):
    """A name that a loop may or may not have bound; reading it is refused."""


@dataclass(frozen=True, slots=True, eq=False)
class TypeV(Value):
    """A builtin type used as a value, for ``isinstance``."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class TupleV(Value):
    """A tuple of known length."""

    items: tuple[Value, ...]


Getter = Callable[[Term], Value]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The elements ``get(j)`` for ``lo <= j < hi``; empty when ``hi <= lo`` never happens
    (whoever builds a view sees to ``lo <= hi``)."""

    get: Getter
    lo: Term
    hi: Term

    @property
    def length(self) -> Term:
        return T.sub(self.hi, self.lo)

    def at(self, index: Term) -> Value:
        """Element number ``index`` counted from the start of this piece."""
        return self.get(T.add(self.lo, index))


@dataclass(frozen=True, slots=True, eq=False)
class Filtered(View):
    """A view over the kept elements of another: element ``value(j)`` where ``keep(j)`` holds."""

    value: Getter
    keep: Callable[[Term], Term]
    start: Term
    stop: Term


@dataclass(frozen=True, slots=True, eq=False)
class Single:
    """One element."""

    value: Value

    @property
    def length(self) -> Term:
        return T.num(1)

    def at(self, index: Term) -> Value:
        """The element, whatever the index."""
        return self.value


Piece = View | Single


@dataclass(frozen=True, slots=True, eq=False)
class Seq:
    """Pieces one after the other."""

    pieces: tuple[Piece, ...] = ()

    @property
    def length(self) -> Term:
        """Number of elements."""
        return T.add(T.num(0), *(p.length for p in self.pieces))


INSIDE = -1
"""Among ``homes``: the object may be inside another one."""


@dataclass(frozen=True, slots=True, eq=False)
class ListV(Value):
    """A list seen as a value (its contents at one moment).

    ``fresh`` says that nobody else holds it yet, so a name bound to it may change it; ``owned``
    that nobody else holds what is in it. ``homes`` are the heap places that it may be the object of
    (``INSIDE`` for an object inside another one); a fresh one has none.
    """

    seq: Seq
    fresh: bool = False
    owned: bool = False
    homes: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class IterV(Value):
    """What a generator expression, ``map``, ``zip`` and their like make: gone through once.

    It may be consumed where it is made; keeping one is refused. ``walks`` are the heap places that
    it reads while it is gone through, ``late`` the names, and ``raised`` what its elements may
    raise (see ``iterators``).
    """

    items: Seq
    walks: frozenset[int] = frozenset()
    late: frozenset[str] = frozenset()
    raised: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class StrV(Value):
    """A string: a sequence whose elements are ``IntV`` code points."""

    seq: Seq


@dataclass(frozen=True, slots=True, eq=False)
class RangeV(Value):
    """``range(start, stop, step)``: with a literal step that is not zero, or with one that is
    known to be positive, the ``stride``; the literal is 0 then."""

    start: Term
    stop: Term
    step: int
    stride: Term | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DictV(Value):
    """A dict: which keys are there, and what each maps to.

    Where it is known which keys are the same, ``entries`` has them in the order of insertion; else
    it is None, and whatever asks for order or size is refused.
    """

    has: Callable[[Value], Term]
    get: Callable[[Value], Value]
    key: object
    """Shape of the keys."""
    value: object
    """Shape of the values."""
    fresh: bool = False
    entries: tuple[tuple[Value, Value], ...] | None = None
    listing: tuple[Seq, Seq] | None = None
    """Keys and values in order, where the dict is an unknown one."""
    default: Value | None = None
    """What makes the value of a missing key, in a ``defaultdict``."""
    by_code: bool = False
    """Whether statements about all keys are best made about their codes, not about the listing."""
    owned: bool = False
    homes: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class SetV(Value):
    """A set: membership of a value, and the sequence it was made of where that is known.

    ``entries`` are its members, each once, in no order that means anything; None where it is not
    known which are the same.
    """

    has: Callable[[Value], Term]
    source: Seq | None = None
    entries: tuple[Value, ...] | None = None
    element: object = None
    """Shape of the members."""
    fresh: bool = False
    homes: frozenset[int] = frozenset()


def mutable(value: Value) -> bool:
    """Whether a value is a list, dict or set, or may have one inside."""
    if isinstance(value, ListV | DictV | SetV | Ref):
        return True
    if isinstance(value, TupleV):
        return any(map(mutable, value.items))
    return isinstance(value, Choice) and any(mutable(v) for _, v in value.options)


def holds_mutable(value: Value) -> bool:
    """Whether a list or dict has lists, dicts or sets inside."""
    if isinstance(value, ListV):
        probe = T.bvar("shape")
        return any(
            mutable(p.value if isinstance(p, Single) else p.get(probe)) for p in value.seq.pieces
        )
    if isinstance(value, DictV):
        if value.entries is not None:
            return any(mutable(v) for _, v in value.entries)
        return value.value is not None and getattr(value.value, "kind", None) is None
    return False


def origin(value: Value) -> frozenset[int]:
    """The places that a list, dict or set may be the object of."""
    if not isinstance(value, ListV | DictV | SetV) or value.fresh:
        return frozenset()
    return value.homes or frozenset((INSIDE,))


@dataclass(frozen=True, slots=True, eq=False)
class DictViewV(Value):
    """``d.keys()``, ``d.values()`` or ``d.items()``: what the dict holds when it is looked at."""

    of: Value
    """The dict, or its place in the heap."""
    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class Ref(Value):
    """A mutable list, dict or set, by its place in the heap."""

    address: int


@dataclass(frozen=True, slots=True, eq=False)
class Choice(Value):
    """One of several values of different kinds; the conditions exclude each other and one holds."""

    options: tuple[tuple[Term, Value], ...]


@dataclass(frozen=True, slots=True, eq=False)
class LambdaV(Value):
    """A lambda or a nested function, with the values of the names that it closes over."""

    node: ast.Lambda | ast.FunctionDef
    closure: dict[str, Value] = field(default_factory=dict)
    home: ast.FunctionDef | None = None
    """The function in which it was made."""


@dataclass(frozen=True, slots=True, eq=False)
class BuiltinV(Value):
    """A builtin, or a function of the program, used as a value."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class ImportedV(Value):
    """What an import bound, by its path: ``math``, ``math.gcd``."""

    path: str


class Unsupported(Exception):
    """A construct outside the modelled subset: what it is and where; becomes UNKNOWN."""

    def __init__(self, what: str, line: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.line = line

    def sentence(self) -> str:
        """The reason as a person reads it."""
        where = f" (line {self.line})" if self.line is not None else ""
        return f"not modelled: {self.what}{where}"
