"""Contract expressions (Python text) as terms; what is outside the language is said by name.

Nothing is executed: the text is parsed and translated operator by operator.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from teachers.formal.term import Term, boolean, integer, negate, var


class OutsideError(Exception):
    """The expression uses something that the formal teachers do not speak; the message names it."""


_BINARY = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
_COMPARE = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


def read(text: str, kinds: Mapping[str, str]) -> Term:
    """Return ``text`` as a term over the names of ``kinds`` (name -> "int", "bool", "list").

    Raises ``OutsideError`` with a sentence when it cannot be.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise OutsideError(f"{text!r} is not a Python expression ({error.msg})") from None
    return _Reader(text, dict(kinds)).term(tree.body)


class _Reader:
    def __init__(self, text: str, kinds: dict[str, str]) -> None:
        self._source = text
        self._kinds = kinds

    def term(self, node: ast.expr) -> Term:
        if isinstance(node, ast.Constant):
            return self._literal(node)
        if isinstance(node, ast.Name):
            if node.id not in self._kinds:
                raise self._outside(f"the name {node.id!r}")
            return var(node.id)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.BinOp):
            op = _BINARY.get(type(node.op))
            if op is None:
                raise self._outside(f"the operator {type(node.op).__name__}")
            return Term(op, (self.term(node.left), self.term(node.right)))
        if isinstance(node, ast.BoolOp):
            op = "and" if isinstance(node.op, ast.And) else "or"
            return Term(op, tuple(self.truth(each) for each in node.values))
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.IfExp):
            parts = (self.truth(node.test), self.term(node.body), self.term(node.orelse))
            return Term("if", parts)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            return self._comprehension(node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        raise self._outside(type(node).__name__)

    def truth(self, node: ast.expr) -> Term:
        """Read a condition; Python's truth of an integer or a list is made explicit."""
        term = self.term(node)
        if isinstance(node, ast.Name):
            kind = self._kinds[node.id]
            if kind == "int":
                return Term("!=", (term, integer(0)))
            if kind == "list":
                return Term(">", (Term("len", (term,)), integer(0)))
        return term

    def _literal(self, node: ast.Constant) -> Term:
        if isinstance(node.value, bool):
            return boolean(node.value)
        if isinstance(node.value, int):
            return integer(node.value)
        raise self._outside(f"the literal {node.value!r}")

    def _unary(self, node: ast.UnaryOp) -> Term:
        if isinstance(node.op, ast.Not):
            return negate(self.truth(node.operand))
        inner = self.term(node.operand)
        if isinstance(node.op, ast.USub):
            if inner.op == "int" and isinstance(inner.value, int):
                return integer(-inner.value)
            return Term("neg", (inner,))
        if isinstance(node.op, ast.UAdd):
            return inner
        return Term("~", (inner,))

    def _compare(self, node: ast.Compare) -> Term:
        parts: list[Term] = []
        left = self.term(node.left)
        for op, comparator in zip(node.ops, node.comparators, strict=True):
            word = _COMPARE.get(type(op))
            if word is None:
                raise self._outside(f"the comparison {type(op).__name__}")
            right = self.term(comparator)
            parts.append(Term(word, (left, right)))
            left = right
        return parts[0] if len(parts) == 1 else Term("and", tuple(parts))

    def _call(self, node: ast.Call) -> Term:
        if not isinstance(node.func, ast.Name):
            raise self._outside("a method call")
        name = node.func.id
        if name == "old" and len(node.args) == 1:
            return self.term(node.args[0])
        if name in ("any", "all") and len(node.args) == 1:
            return Term(name, (self.term(node.args[0]),))
        args = tuple(self.term(each) for each in node.args)
        if name == "abs" and len(args) == 1:
            return Term("abs", args)
        if name in ("min", "max"):
            return self._extreme(name, args, node)
        if name in ("sum", "len", "sorted") and len(args) == 1 and not node.keywords:
            return Term(name, args)
        raise self._outside(f"a call of {name}")

    def _extreme(self, name: str, args: tuple[Term, ...], node: ast.Call) -> Term:
        if len(args) >= 2 and not node.keywords:
            folded = args[0]
            for each in args[1:]:
                folded = Term(name, (folded, each))
            return folded
        keys = {each.arg for each in node.keywords}
        if len(args) == 1 and keys <= {"default"}:
            return Term(f"{name}of", (*args, *(self.term(each.value) for each in node.keywords)))
        raise self._outside(f"this call of {name}")

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp) -> Term:
        (clause, *others) = node.generators
        if others or clause.is_async or not isinstance(clause.target, ast.Name):
            raise self._outside("a comprehension with more than one plain loop")
        source = self.term(clause.iter)
        inner = _Reader(self._source, {**self._kinds, clause.target.id: "int"})
        parts = [source, inner.term(node.elt)]
        if clause.ifs:
            conditions = [inner.truth(each) for each in clause.ifs]
            joined = conditions[0] if len(conditions) == 1 else Term("and", tuple(conditions))
            parts.append(joined)
        return Term("gen", tuple(parts), clause.target.id)

    def _subscript(self, node: ast.Subscript) -> Term:
        step = node.slice
        if isinstance(step, ast.Slice):
            if step.lower is None and step.upper is None and ast.unparse(step) == "::-1":
                return Term("reversed", (self.term(node.value),))
            raise self._outside("a slice")
        return Term("item", (self.term(node.value), self.term(step)))

    def _outside(self, what: str) -> OutsideError:
        return OutsideError(f"{what} in {self._source!r} is outside the teacher's language")


def definition(ensures: tuple[Term, ...]) -> Term | None:
    """Return EXPR when a clause says ``result == EXPR`` with EXPR free of ``result``."""
    for clause in ensures:
        if clause.op != "==":
            continue
        for side, other in (clause.args, clause.args[::-1]):
            if side == var("result") and not _mentions(other):
                return other
    return None


def _mentions(term: Term) -> bool:
    return term == var("result") or any(_mentions(each) for each in term.args)
