"""Results of several parts: a contract over a tuple as one contract a part, where that is possible.

``result[0]`` and ``result == (a, b)`` become the names of the parts. Clauses that speak of one part
each leave independent problems; clauses that tie parts together are solved together, by the solver.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from teachers.formal.read import OutsideError
from teachers.formal.term import Term, negate
from teachers.model import Specification


@dataclass(frozen=True, slots=True)
class Parts:
    """A specification over a tuple: names and types of its parts, and clauses over those names."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    ensures: tuple[str, ...]
    specification: Specification

    def groups(self) -> list[list[int]]:
        """Return the parts by who is tied to whom through a clause, each group in order."""
        group = list(range(len(self.names)))
        for clause in self.ensures:
            mentioned = self.mentioned(clause)
            for each in mentioned[1:]:
                old, new = group[each], group[mentioned[0]]
                group = [new if one == old else one for one in group]
        return [[i for i, g in enumerate(group) if g == one] for one in sorted(set(group))]

    def mentioned(self, clause: str) -> list[int]:
        """Return the parts that a clause speaks of."""
        words = set(re.findall(r"\w+", clause))
        return [i for i, name in enumerate(self.names) if name in words]

    def alone(self, part: int) -> Specification:
        """Return the specification of one part that no clause ties to another."""
        name = self.names[part]
        own = [each for each in self.ensures if part in self.mentioned(each)]
        renamed = tuple(re.sub(rf"\b{name}\b", "result", each) for each in own)
        return replace(
            self.specification,
            returns=self.types[part],
            ensures=renamed,
            examples=tuple(
                (args, result[part])
                for args, result in self.specification.examples
                if isinstance(result, tuple)
            ),
        )


def parts_of(specification: Specification) -> Parts | None:
    """Return the parts of a specification whose result is a tuple; None for any other result.

    Raises ``OutsideError`` for a clause that speaks of the tuple as a whole.
    """
    types = tuple_types(specification.returns or "")
    if types is None:
        return None
    taken = {name for name, _ in specification.parameters}
    stem = "result"
    while any(f"{stem}_{i}" in taken for i in range(len(types))):
        stem += "_part"
    names = tuple(f"{stem}_{i}" for i in range(len(types)))
    clauses: list[str] = []
    for text in specification.ensures:
        clauses += _rewritten(text, names)
    return Parts(names, types, tuple(clauses), specification)


def tuple_types(annotation: str) -> tuple[str, ...] | None:
    """Return the parts of ``tuple[int, bool]`` as they are written; None for anything else."""
    found = re.fullmatch(r"(?:typing\.)?[Tt]uple\[(.+)\]", annotation.strip())
    if found is None:
        return None
    try:
        inner = ast.parse(f"({found[1]},)", mode="eval").body
    except SyntaxError:
        return None
    assert isinstance(inner, ast.Tuple)
    types = tuple(ast.unparse(each) for each in inner.elts)
    return None if "..." in types else types


def _rewritten(text: str, names: Sequence[str]) -> list[str]:
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise OutsideError(f"{text!r} is not a Python expression ({error.msg})") from None
    changed = _Renamer(names).visit(tree)
    for node in ast.walk(changed):
        if isinstance(node, ast.Name) and node.id == "result":
            raise OutsideError(f"{text!r} speaks of the tuple as a whole")
    both = isinstance(changed, ast.BoolOp) and isinstance(changed.op, ast.And)
    clauses = changed.values if both else [changed]
    return [ast.unparse(ast.fix_missing_locations(each)) for each in clauses]


class _Renamer(ast.NodeTransformer):
    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if _is_result(node.value) and isinstance(node.slice, ast.Constant | ast.UnaryOp):
            place = ast.literal_eval(node.slice)
            if type(place) is int and -len(self._names) <= place < len(self._names):
                return ast.Name(self._names[place], ast.Load())
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        named = isinstance(node.func, ast.Name) and node.func.id == "len"
        if named and len(node.args) == 1 and _is_result(node.args[0]):
            return ast.Constant(len(self._names))
        return self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        sides = [node.left, *node.comparators]
        tuples = [each for each in sides if isinstance(each, ast.Tuple)]
        whole = len(sides) == 2 and isinstance(node.ops[0], ast.Eq) and len(tuples) == 1
        if whole and any(_is_result(each) for each in sides):
            if len(tuples[0].elts) != len(self._names):
                return ast.Constant(False)
            pairs = zip(self._names, tuples[0].elts, strict=True)
            parts: list[ast.expr] = [
                ast.Compare(ast.Name(name, ast.Load()), [ast.Eq()], [value])
                for name, value in pairs
            ]
            return ast.BoolOp(ast.And(), parts)
        return self.generic_visit(node)


def _is_result(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "result"


def joined(parts: Sequence[Term]) -> Term:
    """Return the parts as one result; a condition that all of them turn on is asked once."""
    choices = [each.args[0] for each in parts if each.op == "if"]
    if not choices:
        return Term("tuple", tuple(parts))
    condition = choices[0]
    if any(each not in (condition, negate(condition)) for each in choices):
        return Term("tuple", tuple(parts))
    yes = [_under(each, condition, True) for each in parts]
    no = [_under(each, condition, False) for each in parts]
    return Term("if", (condition, joined(yes), joined(no)))


def _under(part: Term, condition: Term, holds: bool) -> Term:
    if part.op != "if":
        return part
    same = part.args[0] == condition
    return part.args[1] if same == holds else part.args[2]
