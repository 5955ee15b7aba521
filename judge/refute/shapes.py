"""Which values a parameter's annotation stands for.

An annotation is read from its syntax, never evaluated. A ``Shape`` is the set of plain values it
names; what cannot be read, and what is not annotated, becomes a guess that says it is one, so that
an exception on a guessed input is not held against the code.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Sort = Literal[
    "int", "bool", "str", "float", "none", "bytes", "complex", "list", "tuple", "dict", "set",
    "frozenset", "union", "literal",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """A set of plain values.

    ``parts`` are the element shapes: one for list, set and frozenset, key and value for dict, one
    for each place of a tuple (``variadic``: one for all places), the alternatives of a union.
    ``values`` are the members of a literal. ``guessed`` marks what no annotation says.
    """

    sort: Sort
    parts: tuple[Shape, ...] = ()
    variadic: bool = False
    values: tuple[Any, ...] = ()
    guessed: bool = False
    text: str = ""

    @property
    def abstract(self) -> bool:
        """Whether the annotation names a protocol that other types fulfil too."""
        return self.text.partition("[")[0].rpartition(".")[2] in _ABSTRACT

    @property
    def uncertain(self) -> bool:
        """Whether any part of it was guessed."""
        return self.guessed or any(part.uncertain for part in self.parts)


INT, BOOL, STR = Shape("int", text="int"), Shape("bool", text="bool"), Shape("str", text="str")
FLOAT, NONE = Shape("float", text="float"), Shape("none", text="None")
_GUESS_INT = Shape("int", guessed=True)
ANYTHING = Shape(
    "union",
    (
        _GUESS_INT,
        Shape("list", (_GUESS_INT,), guessed=True),
        Shape("str", guessed=True),
        Shape("float", guessed=True),
    ),
    guessed=True,
)
"""What is tried where nothing is said."""

_SCALARS: dict[str, Sort] = {
    "int": "int", "bool": "bool", "str": "str", "float": "float", "bytes": "bytes",
    "complex": "complex", "None": "none", "NoneType": "none", "Text": "str", "AnyStr": "str",
}  # fmt: skip
_CONTAINERS: dict[str, Sort] = {
    "list": "list", "List": "list", "Sequence": "list", "MutableSequence": "list",
    "Iterable": "list", "Collection": "list", "tuple": "tuple", "Tuple": "tuple", "dict": "dict",
    "Dict": "dict", "Mapping": "dict", "MutableMapping": "dict", "set": "set", "Set": "set",
    "AbstractSet": "set", "MutableSet": "set", "frozenset": "frozenset", "FrozenSet": "frozenset",
}  # fmt: skip
_ABSTRACT = frozenset(
    (
        "Sequence",
        "MutableSequence",
        "Iterable",
        "Collection",
        "Mapping",
        "MutableMapping",
        "AbstractSet",
        "MutableSet",
        "Number",
        "Real",
        "Rational",
    )
)
_MAX_NESTING = 12


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads annotations; ``aliases`` are names that the code assigns annotations to."""

    aliases: dict[str, ast.expr]

    def read(self, node: ast.expr | None, depth: int = 0) -> Shape | None:
        """Return the shape of an annotation; ``ANYTHING`` where there is none, None where the
        annotation names values that are not plain (a callable, a class)."""
        if node is None:
            return ANYTHING
        if depth > _MAX_NESTING:
            return None
        if isinstance(node, ast.Constant):
            return self._constant(node, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._union((node.left, node.right), depth, node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node, depth)
        name = _last(node)
        if name in _SCALARS:
            return Shape(_SCALARS[name], text=name)
        if name in _CONTAINERS:
            return self._bare(_CONTAINERS[name], name)
        if name in ("Any", "object"):
            return ANYTHING
        if name in ("Number", "Real", "Rational"):
            return Shape("union", (INT, FLOAT), text=name)
        if isinstance(node, ast.Name) and name in self.aliases:
            return self.read(self.aliases[name], depth + 1)
        return None

    def _constant(self, node: ast.Constant, depth: int) -> Shape | None:
        if node.value is None:
            return NONE
        if isinstance(node.value, str):
            try:
                inner = ast.parse(node.value.strip(), mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return None
            return self.read(inner, depth + 1)
        return None

    def _bare(self, sort: Sort, name: str) -> Shape:
        parts = (_GUESS_INT, _GUESS_INT) if sort == "dict" else (_GUESS_INT,)
        return Shape(sort, parts, variadic=sort == "tuple", text=name)

    def _union(self, nodes: Iterable[ast.expr], depth: int, whole: ast.expr) -> Shape | None:
        parts = [part for node in nodes if (part := self.read(node, depth + 1)) is not None]
        if not parts:
            return None
        return Shape("union", tuple(parts), text=ast.unparse(whole))

    def _subscript(self, node: ast.Subscript, depth: int) -> Shape | None:
        name = _last(node.value)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        text = ast.unparse(node)
        if name in ("Annotated", "Final", "ClassVar"):
            return self.read(inner[0], depth + 1)
        if name == "Optional":
            part = self.read(inner[0], depth + 1)
            return None if part is None else Shape("union", (part, NONE), text=text)
        if name == "Union":
            return self._union(inner, depth, node)
        if name == "Literal":
            found = tuple(item.value for item in inner if isinstance(item, ast.Constant))
            return Shape("literal", values=found, text=text) if found else None
        sort = _CONTAINERS.get(name)
        if sort is None:
            return None
        variadic = (
            sort == "tuple"
            and len(inner) == 2
            and isinstance(inner[1], ast.Constant)
            and inner[1].value is Ellipsis
        )
        wanted = inner[:1] if variadic else inner
        parts = tuple(self.read(item, depth + 1) for item in wanted)
        whole = tuple(part for part in parts if part is not None)
        if len(whole) < len(parts) or (sort == "dict" and len(whole) != 2):
            return None
        return Shape(sort, whole, variadic=variadic, text=text)


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def of_values(values: Iterable[Any]) -> Shape:
    """Return a guessed shape that holds the given values, as tests show them."""
    found = list(dict.fromkeys(_of_value(value) for value in values))
    found = [shape for shape in found if shape.sort != "list" or shape.parts or len(found) == 1]
    if not found:
        return ANYTHING
    return found[0] if len(found) == 1 else Shape("union", tuple(found), guessed=True)


def _of_value(value: Any) -> Shape:
    kind = type(value)
    if value is None:
        return Shape("none", guessed=True)
    if kind is tuple:
        return Shape("tuple", tuple(_of_value(item) for item in value), guessed=True)
    if kind in (list, set, frozenset):
        parts = (of_values(value),) if value else (_GUESS_INT,)
        return Shape(_CONTAINERS[kind.__name__], parts, guessed=True)
    if kind is dict:
        return Shape("dict", (of_values(value), of_values(value.values())), guessed=True)
    return Shape(_SCALARS[kind.__name__], guessed=True)


def conforms(value: Any, shape: Shape) -> bool:
    """Tell whether a plain value is one that the shape names (an int is a float, as in typing)."""
    sort, kind = shape.sort, type(value)
    if sort == "union":
        return shape.guessed or any(conforms(value, part) for part in shape.parts)
    if sort == "literal":
        return any(type(v) is kind and v == value for v in shape.values)
    if sort == "none":
        return value is None
    if sort == "float":
        return kind in (float, int, bool)
    if sort == "int":
        return kind in (int, bool)
    if sort in ("list", "set", "frozenset"):
        right = kind.__name__ == sort or (shape.abstract and kind in (list, tuple, set, str, dict))
        return right and (shape.uncertain or all(conforms(item, shape.parts[0]) for item in value))
    if sort == "tuple":
        return kind is tuple and _tuple_conforms(value, shape)
    if sort == "dict":
        keys, values = shape.parts
        return kind is dict and all(
            (keys.guessed or conforms(k, keys)) and (values.guessed or conforms(v, values))
            for k, v in value.items()
        )
    return kind.__name__ == sort


def _tuple_conforms(value: tuple[Any, ...], shape: Shape) -> bool:
    if shape.uncertain:
        return True
    if shape.variadic:
        return all(conforms(item, shape.parts[0]) for item in value)
    return len(value) == len(shape.parts) and all(map(conforms, value, shape.parts))
