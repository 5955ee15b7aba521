"""Shapes: the kinds of values, from annotations, for fresh values and for joining two values.

A shape is what must be known of a value to make an unknown one like it. ``ListShape(None)`` is the
shape of a list that has never had an element.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Union

from judge.symbolic import term as T
from judge.symbolic.term import BOOL, INT, Term
from judge.symbolic.values import (
    BoolV,
    Choice,
    DictV,
    FloatV,
    IntV,
    ListV,
    NoneV,
    RangeV,
    Seq,
    SetV,
    Single,
    StrV,
    TupleV,
    Unsupported,
    Value,
    View,
)

FLOAT = "Float64"


@dataclass(frozen=True, slots=True)
class Scalar:
    """``int``, ``bool``, ``float``, ``str`` or ``none``."""

    kind: str


@dataclass(frozen=True, slots=True)
class ListShape:
    """A list; ``element`` is None while nothing was ever put in."""

    element: Shape | None


@dataclass(frozen=True, slots=True)
class TupleShape:
    """A tuple of known length."""

    items: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class DictShape:
    """A dict; both None while nothing was ever put in."""

    key: Shape | None
    value: Shape | None
    default: Value | None = None
    """What makes the value of a missing key, in a ``Counter`` or ``defaultdict``."""


@dataclass(frozen=True, slots=True)
class RecordShape:
    """A dict whose keys are known, in their order: ``{"even": [], "odd": []}``."""

    keys: tuple[int | str, ...]
    items: tuple[Shape, ...]

    def general(self) -> DictShape:
        """The shape of dicts with such keys and values."""
        key: Shape | None = None
        value: Shape | None = None
        for k, v in zip(self.keys, self.items, strict=True):
            key = join_optional(key, STR_SHAPE if isinstance(k, str) else INT_SHAPE)
            value = join_optional(value, v)
        return DictShape(key, value)


@dataclass(frozen=True, slots=True)
class SetShape:
    """A set; ``element`` is None while nothing was ever put in."""

    element: Shape | None


@dataclass(frozen=True, slots=True)
class VarTupleShape:
    """A tuple of unknown length, as in ``tuple[int, ...]``."""

    element: Shape


@dataclass(frozen=True, slots=True)
class ChoiceShape:
    """One of several kinds, as in ``Optional[int]``."""

    options: tuple[Shape, ...]


Shape = Union[  # noqa: UP007
    Scalar, ListShape, TupleShape, DictShape, RecordShape, SetShape, VarTupleShape, ChoiceShape
]

INT_SHAPE, BOOL_SHAPE, STR_SHAPE = Scalar("int"), Scalar("bool"), Scalar("str")
CHAR_SHAPE = Scalar("char")
"""A text of exactly one code point; never from an annotation, see ``precise_shape``."""
FLOAT_SHAPE, NONE_SHAPE = Scalar("float"), Scalar("none")

_NAMES = {
    "int": INT_SHAPE,
    "bool": BOOL_SHAPE,
    "str": STR_SHAPE,
    "float": FLOAT_SHAPE,
    "None": NONE_SHAPE,
}


def shape_of_annotation(node: ast.expr) -> Shape:
    """Read a type annotation; raises ``Unsupported`` with its text when it is not modelled."""
    if isinstance(node, ast.Constant):
        if node.value is None:
            return NONE_SHAPE
        if isinstance(node.value, str):
            try:
                return shape_of_annotation(ast.parse(node.value, mode="eval").body)
            except SyntaxError:
                raise Unsupported(f"annotation {node.value!r}", node.lineno) from None
    if isinstance(node, ast.Attribute):
        node = ast.copy_location(ast.Name(node.attr), node)
    if isinstance(node, ast.Name) and node.id in _NAMES:
        return _NAMES[node.id]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return join(shape_of_annotation(node.left), shape_of_annotation(node.right))
    if isinstance(node, ast.Subscript):
        return _generic(node)
    raise Unsupported(f"annotation {ast.unparse(node)}", node.lineno)


def _generic(node: ast.Subscript) -> Shape:
    head = node.value.attr if isinstance(node.value, ast.Attribute) else ast.unparse(node.value)
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if head in ("list", "List", "Sequence") and len(inner) == 1:
        return ListShape(shape_of_annotation(inner[0]))
    if head == "Optional" and len(inner) == 1:
        return join(shape_of_annotation(inner[0]), NONE_SHAPE)
    if head == "Union":
        shape = shape_of_annotation(inner[0])
        for other in inner[1:]:
            shape = join(shape, shape_of_annotation(other))
        return shape
    if head in ("tuple", "Tuple") and not any(
        isinstance(i, ast.Constant) and i.value is Ellipsis for i in inner
    ):
        return TupleShape(tuple(shape_of_annotation(i) for i in inner))
    if head in ("tuple", "Tuple") and len(inner) == 2:
        return VarTupleShape(shape_of_annotation(inner[0]))
    if head in ("set", "Set", "frozenset") and len(inner) == 1:
        return SetShape(shape_of_annotation(inner[0]))
    if head in ("dict", "Dict") and len(inner) == 2:
        return DictShape(shape_of_annotation(inner[0]), shape_of_annotation(inner[1]))
    raise Unsupported(f"annotation {ast.unparse(node)}", node.lineno)


def join(a: Shape, b: Shape) -> Shape:
    """The smallest shape that both fit."""
    if a == b:
        return a
    if {a, b} == {STR_SHAPE, CHAR_SHAPE}:
        return STR_SHAPE
    if isinstance(a, ListShape) and isinstance(b, ListShape):
        if a.element is None or b.element is None:
            return ListShape(b.element if a.element is None else a.element)
        return ListShape(join(a.element, b.element))
    if isinstance(a, RecordShape) and isinstance(b, RecordShape) and a.keys == b.keys:
        return RecordShape(a.keys, tuple(map(join, a.items, b.items)))
    if isinstance(a, RecordShape):
        return join(a.general(), b)
    if isinstance(b, RecordShape):
        return join(a, b.general())
    if isinstance(a, DictShape) and isinstance(b, DictShape):
        if not _one_default(a.default, b.default):
            raise Unsupported("a value that is a defaultdict on some paths")
        key, value = join_optional(a.key, b.key), join_optional(a.value, b.value)
        return DictShape(key, value, a.default)
    if isinstance(a, SetShape) and isinstance(b, SetShape):
        return SetShape(join_optional(a.element, b.element))
    if isinstance(a, TupleShape) and isinstance(b, TupleShape) and len(a.items) == len(b.items):
        return TupleShape(tuple(map(join, a.items, b.items)))
    options: list[Shape] = []
    for shape in (a, b):
        for option in shape.options if isinstance(shape, ChoiceShape) else (shape,):
            _join_into(options, option)
    return options[0] if len(options) == 1 else ChoiceShape(tuple(options))


def _one_default(a: Value | None, b: Value | None) -> bool:
    """Whether a missing key has the same value in both."""
    from judge.symbolic.merge import same

    return a is b or (a is not None and b is not None and same(a, b))


def join_optional(a: Shape | None, b: Shape | None) -> Shape | None:
    """The smallest shape that both fit, where there is one at all."""
    if a is None or b is None:
        return b if a is None else a
    return join(a, b)


def _join_into(options: list[Shape], new: Shape) -> None:
    for n, old in enumerate(options):
        if old == new:
            return
        if {old, new} == {STR_SHAPE, CHAR_SHAPE}:
            options[n] = STR_SHAPE
            return
        if type(old) is type(new) and not isinstance(old, Scalar):
            joined = join(old, new)
            if not isinstance(joined, ChoiceShape):
                options[n] = joined
                return
    options.append(new)


def shape_of(value: Value) -> Shape:
    """The shape of a value; lists must already be taken out of the heap."""
    if isinstance(value, IntV):
        return INT_SHAPE
    if isinstance(value, BoolV):
        return BOOL_SHAPE
    if isinstance(value, FloatV):
        return FLOAT_SHAPE
    if isinstance(value, NoneV):
        return NONE_SHAPE
    if isinstance(value, StrV):
        return STR_SHAPE
    if isinstance(value, TupleV):
        return TupleShape(tuple(map(shape_of, value.items)))
    if isinstance(value, ListV):
        return ListShape(element_shape(value.seq))
    if isinstance(value, RangeV):
        return ListShape(INT_SHAPE)
    if isinstance(value, Choice):
        shape = shape_of(value.options[0][1])
        for _, option in value.options[1:]:
            shape = join(shape, shape_of(option))
        return shape
    if isinstance(value, DictV):
        key, held = _shape_or_none(value.key), _shape_or_none(value.value)
        return DictShape(key, held, value.default)
    if isinstance(value, SetV):
        return SetShape(_shape_or_none(value.element))
    raise Unsupported(f"a {type(value).__name__.removesuffix('V').lower()} in this place")


MAX_RECORD = 12


def precise_shape(value: Value) -> Shape:
    """As ``shape_of``; a dict whose keys are literals keeps them, a list of letters has letters."""
    if isinstance(value, ListV):
        return ListShape(precise_element(value.seq))
    if not isinstance(value, DictV) or not value.entries or value.default is not None:
        return shape_of(value)
    keys = [_literal_key(k) for k, _ in value.entries]
    if len(keys) > MAX_RECORD or any(k is None for k in keys):
        return shape_of(value)
    known = tuple(k for k in keys if k is not None)
    return RecordShape(known, tuple(shape_of(v) for _, v in value.entries))


def precise_element(seq: Seq) -> Shape | None:
    """As ``element_shape``, but letters stay letters."""
    shape: Shape | None = None
    for piece in seq.pieces:
        value = piece.value if isinstance(piece, Single) else piece.get(T.bvar("shape"))
        shape = join_optional(shape, key_shape(value))
    return shape


def _is_letter(value: Value) -> bool:
    return (
        isinstance(value, StrV)
        and len(value.seq.pieces) == 1
        and isinstance(value.seq.pieces[0], Single)
    )


def _literal_key(value: Value) -> int | str | None:
    from judge.symbolic.seqs import literal_text

    if isinstance(value, IntV):
        known = T.literal(value.term)
        return None if known is None else int(known)
    return literal_text(value)


def _unknown_record(shape: RecordShape, name: str, indices: tuple[Term, ...]) -> Value:
    from judge.symbolic.dicts import of_entries
    from judge.symbolic.seqs import text

    pairs = []
    for n, (key, item) in enumerate(zip(shape.keys, shape.items, strict=True)):
        own = text(key) if isinstance(key, str) else IntV(T.num(key))
        pairs.append((own, unknown(item, f"{name}.{n}", indices)))
    return of_entries(tuple(pairs), fresh=False)


def _shape_or_none(thing: object) -> Shape | None:
    if isinstance(thing, Scalar | ListShape | TupleShape | DictShape | SetShape | ChoiceShape):
        return thing
    return None


def key_shape(value: Value) -> Shape:
    """As ``shape_of``, but letters stay letters: what a key or a member of a set is known as."""
    if _is_letter(value):
        return CHAR_SHAPE
    if isinstance(value, TupleV):
        return TupleShape(tuple(map(key_shape, value.items)))
    return shape_of(value)


def element_shape(seq: Seq) -> Shape | None:
    """The shape that all elements fit, or None for a literally empty sequence."""
    shape: Shape | None = None
    for piece in seq.pieces:
        if isinstance(piece, Single):
            one = shape_of(piece.value)
        else:
            one = shape_of(piece.get(T.bvar("shape")))
        shape = one if shape is None else join(shape, one)
    return shape


# ---------------------------------------------------------------- unknown values


def array_sort(depth: int, element: str) -> str:
    """``element`` indexed by ``depth`` integers."""
    for _ in range(depth):
        element = f"(Array Int {element})"
    return element


def leaf(name: str, sort: str, indices: tuple[Term, ...]) -> Term:
    """A variable, or the element of a family of them."""
    term = T.var(name, array_sort(len(indices), sort))
    for index in indices:
        term = T.select(term, index)
    return term


def unknown(shape: Shape, name: str, indices: tuple[Term, ...] = ()) -> Value:
    """Any value of ``shape``. With ``indices`` it is one element of a family of such values.

    Names of leaves are derived from ``name``, which the caller makes unique.
    """
    if isinstance(shape, Scalar):
        return _unknown_scalar(shape.kind, name, indices)
    if isinstance(shape, TupleShape):
        return TupleV(tuple(unknown(s, f"{name}.{n}", indices) for n, s in enumerate(shape.items)))
    if isinstance(shape, ListShape):
        if shape.element is None:
            return ListV(Seq())
        return ListV(unknown_seq(shape.element, name, indices))
    if isinstance(shape, ChoiceShape):
        tag = leaf(f"{name}.kind", INT, indices)
        options = []
        rest = T.true()
        for n, option in enumerate(shape.options[:-1]):
            here = T.eq(tag, T.num(n))
            options.append((T.and_(rest, here), unknown(option, f"{name}.{n}", indices)))
            rest = T.and_(rest, T.not_(here))
        options.append((rest, unknown(shape.options[-1], f"{name}.last", indices)))
        return Choice(tuple(options))
    if isinstance(shape, VarTupleShape):
        raise Unsupported("a tuple of unknown length")
    if isinstance(shape, RecordShape):
        return _unknown_record(shape, name, indices)
    from judge.symbolic import keyed

    if isinstance(shape, SetShape):
        return keyed.unknown_set(shape, name, indices)
    return keyed.unknown_dict(shape, name, indices)


def _unknown_scalar(kind: str, name: str, indices: tuple[Term, ...]) -> Value:
    if kind == "int":
        return IntV(leaf(name, INT, indices))
    if kind == "bool":
        return BoolV(leaf(name, BOOL, indices))
    if kind == "float":
        return FloatV(leaf(name, FLOAT, indices))
    if kind == "none":
        return NoneV()
    if kind == "char":
        return StrV(Seq((Single(IntV(leaf(f"{name}.code", INT, indices))),)))
    return StrV(unknown_seq(INT_SHAPE, name, indices))


def unknown_seq(element: Shape, name: str, indices: tuple[Term, ...]) -> Seq:
    """A sequence of unknown length; a negative unknown counts as length 0, so no fact is needed."""
    raw = leaf(f"{name}.len", INT, indices)
    length = T.maximum(raw, T.num(0)) if indices else raw

    def get(j: Term) -> Value:
        return unknown(element, f"{name}.at", (*indices, j))

    return Seq((View(get, T.num(0), length),))


def facts_of(shape: Shape, value: Value) -> list[Term]:
    """What always holds of an unknown value at top level: lengths are not negative."""
    if isinstance(value, ListV | StrV):
        return [T.le(T.num(0), value.seq.length)]
    if isinstance(value, DictV) and isinstance(shape, RecordShape) and value.entries is not None:
        pairs = zip(shape.items, value.entries, strict=True)
        return [f for item, (_, v) in pairs for f in facts_of(item, v)]
    if isinstance(value, TupleV) and isinstance(shape, TupleShape):
        return [f for s, v in zip(shape.items, value.items, strict=True) for f in facts_of(s, v)]
    if isinstance(value, Choice) and isinstance(shape, ChoiceShape):
        return [
            f
            for s, (_, v) in zip(shape.options, value.options, strict=True)
            for f in facts_of(s, v)
        ]
    return []
