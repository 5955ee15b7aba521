"""Contracts over bits: Python's integers as bit-vectors that are wide enough to lose nothing.

``& | ^ ~ << >>`` are taken where the precondition bounds every integer parameter. The range of each
subexpression is worked out first, and the vectors are made wide enough for the widest; so a proof
over them is one over Python's unbounded integers. What would need more than 64 bits is outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cvc5
from cvc5 import Kind

from teachers.formal.read import OutsideError
from teachers.formal.smt import Point, Problem, new_solver
from teachers.formal.term import COMPARISONS, Term, integer, var

Range = tuple[int, int]

OPERATORS = frozenset({"&", "|", "^", "~", "<<", ">>"})
WIDEST = 64
_TRUTH = frozenset({*COMPARISONS, "and", "or", "not", "bool"})


def has_bits(terms: Sequence[Term]) -> bool:
    """Return whether any of ``terms`` speaks of bits."""
    return any(each.op in OPERATORS or has_bits(each.args) for each in terms)


def bounds(problem: Problem) -> dict[str, Range]:
    """Return the range of each parameter; raises ``OutsideError`` for one without both bounds."""
    low: dict[str, int] = {}
    high: dict[str, int] = {}
    for clause in problem.requires:
        for part in clause.args if clause.op == "and" else (clause,):
            _note_bound(part, low, high)
    found: dict[str, Range] = {}
    for name, kind in problem.parameters:
        if kind == "bool":
            found[name] = (0, 1)
        elif name in low and name in high:
            found[name] = (low[name], high[name])
        else:
            raise OutsideError(
                f"a contract over bits needs bounds for {name} in its precondition, as in "
                f"0 <= {name} < 256"
            )
    return found


_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}


def _note_bound(term: Term, low: dict[str, int], high: dict[str, int]) -> None:
    if term.op not in _FLIPPED:
        return
    op, (left, right) = term.op, term.args
    if left.op == "int":
        op, left, right = _FLIPPED[op], right, left
    if left.op != "var" or right.op != "int":
        return
    name, value = str(left.value), int(right.value or 0)
    if op in ("<", "<=", "=="):
        most = value - 1 if op == "<" else value
        high[name] = min(high.get(name, most), most)
    if op in (">", ">=", "=="):
        least = value + 1 if op == ">" else value
        low[name] = max(low.get(name, least), least)


def mask(*ranges: Range) -> Range:
    """Return the range of all numbers of as many bits as those of ``ranges`` have."""
    bits = max(max(abs(lo), abs(hi)).bit_length() for lo, hi in ranges)
    return (-(1 << bits), (1 << bits) - 1)


def _corners(one: Range, other: Range, do: Callable[[int, int], int]) -> Range:
    found = [do(a, b) for a in one for b in other]
    return min(found), max(found)


def reach(term: Term, env: Mapping[str, Range], seen: list[Range]) -> Range:
    """Return the range of ``term`` and note the range of every part of it in ``seen``."""
    found = _reach(term, env, seen)
    seen.append(found)
    return found


def _reach(term: Term, env: Mapping[str, Range], seen: list[Range]) -> Range:
    op = term.op
    if op == "var":
        return env[str(term.value)]
    if op in ("int", "bool"):
        return int(term.value or 0), int(term.value or 0)
    parts = [reach(each, env, seen) for each in term.args]
    if op in _TRUTH:
        return 0, 1
    one = parts[0]
    if op == "if":
        return min(parts[1][0], parts[2][0]), max(parts[1][1], parts[2][1])
    if op == "neg":
        return -one[1], -one[0]
    if op == "~":
        return ~one[1], ~one[0]
    if op == "abs":
        return 0, max(abs(one[0]), abs(one[1]))
    other = parts[1] if len(parts) > 1 else one
    if op in ("<<", ">>"):
        return _shift(term, one)
    if op in ("//", "%"):
        return _quotient(term, one)
    if op in ("&", "|", "^"):
        both = one[0] >= 0 and other[0] >= 0
        wide = mask(one, other)
        if not both:
            return wide
        return (0, min(one[1], other[1])) if op == "&" else (0, wide[1])
    if op in ("min", "max"):
        pick = min if op == "min" else max
        return pick(one[0], other[0]), pick(one[1], other[1])
    if op == "+":
        return one[0] + other[0], one[1] + other[1]
    if op == "-":
        return one[0] - other[1], one[1] - other[0]
    if op == "*":
        return _corners(one, other, lambda a, b: a * b)
    raise OutsideError(f"the operator {op} is outside what is asked about bits")


def _shift(term: Term, one: Range) -> Range:
    by = term.args[1]
    if by.op != "int" or not 0 <= int(by.value or 0) < WIDEST:
        raise OutsideError(f"the shift of {term.op} is no literal between 0 and {WIDEST - 1}")
    places = int(by.value or 0)
    if term.op == "<<":
        return one[0] << places, one[1] << places
    return one[0] >> places, one[1] >> places


def _quotient(term: Term, one: Range) -> Range:
    by = term.args[1]
    if by.op != "int" or int(by.value or 0) <= 0:
        raise OutsideError(f"the divisor of {term.op} is not a positive literal")
    divisor = int(by.value or 0)
    return (0, divisor - 1) if term.op == "%" else (one[0] // divisor, one[1] // divisor)


def width_for(terms: Sequence[Term], env: Mapping[str, Range]) -> int:
    """Return how many bits hold every part of ``terms`` with its sign."""
    seen: list[Range] = list(env.values())
    for term in terms:
        reach(term, env, seen)
    # One bit for the sign, and one more for the steps of a division.
    width = max(max(abs(lo), abs(hi)) for lo, hi in seen).bit_length() + 2
    if width > WIDEST:
        raise OutsideError(f"the contract needs more than {WIDEST} bits")
    return width


_PLAIN = {
    "+": Kind.BITVECTOR_ADD, "-": Kind.BITVECTOR_SUB, "*": Kind.BITVECTOR_MULT,
    "neg": Kind.BITVECTOR_NEG, "&": Kind.BITVECTOR_AND, "|": Kind.BITVECTOR_OR,
    "^": Kind.BITVECTOR_XOR, "~": Kind.BITVECTOR_NOT, "<<": Kind.BITVECTOR_SHL,
    ">>": Kind.BITVECTOR_ASHR, "<": Kind.BITVECTOR_SLT, "<=": Kind.BITVECTOR_SLE,
    ">": Kind.BITVECTOR_SGT, ">=": Kind.BITVECTOR_SGE, "==": Kind.EQUAL, "not": Kind.NOT,
    "and": Kind.AND, "or": Kind.OR, "if": Kind.ITE,
}  # fmt: skip


class Vectors:
    """The translation into vectors of ``width`` bits; the sign is the first of them."""

    def __init__(self, manager: Any, width: int) -> None:
        self.manager, self.width = manager, width
        self.sort = manager.mkBitVectorSort(width)

    def number(self, value: int) -> Any:
        """Return a literal."""
        return self.manager.mkBitVector(self.width, value % (1 << self.width))

    def make(self, name: str, kind: str) -> Any:
        """Return a constant of the solver for a name of the contract."""
        sort = self.manager.getBooleanSort() if kind == "bool" else self.sort
        return self.manager.mkConst(sort, name)

    def term(self, term: Term, env: Mapping[str, Any]) -> Any:
        """Return ``term`` over vectors; ``env`` gives the variables."""
        op, mk = term.op, self.manager.mkTerm
        if op == "var":
            return env[str(term.value)]
        if op == "int":
            return self.number(int(term.value or 0))
        if op == "bool":
            return self.manager.mkBoolean(bool(term.value))
        args = [self.term(each, env) for each in term.args]
        if op == "!=":
            return mk(Kind.NOT, mk(Kind.EQUAL, *args))
        if op in ("min", "max"):
            order = Kind.BITVECTOR_SLE if op == "min" else Kind.BITVECTOR_SGE
            return mk(Kind.ITE, mk(order, *args), *args)
        if op == "abs":
            negative = mk(Kind.BITVECTOR_SLT, args[0], self.number(0))
            return mk(Kind.ITE, negative, mk(Kind.BITVECTOR_NEG, args[0]), args[0])
        if op in ("//", "%"):
            return self._divide(op, args[0], int(term.args[1].value or 0))
        if op in ("and", "or") and len(args) == 1:
            return args[0]
        return mk(_PLAIN[op], *args)

    def _divide(self, op: str, left: Any, divisor: int) -> Any:
        """Floor as Python does; the solver's own division goes towards zero."""
        mk, by = self.manager.mkTerm, self.number(divisor)
        up = mk(Kind.BITVECTOR_SUB, self.number(divisor - 1), left)
        below = mk(Kind.BITVECTOR_NEG, mk(Kind.BITVECTOR_UDIV, up, by))
        negative = mk(Kind.BITVECTOR_SLT, left, self.number(0))
        floor = mk(Kind.ITE, negative, below, mk(Kind.BITVECTOR_UDIV, left, by))
        if op == "//":
            return floor
        return mk(Kind.BITVECTOR_SUB, left, mk(Kind.BITVECTOR_MULT, floor, by))


def refute(problem: Problem, body: Term, rlimit: int) -> Point | str | None:
    """Return None when ``body`` is right on every allowed input, an input on which it is wrong, or

    why the solver could not tell. Raises ``OutsideError`` where bits cannot be asked about.
    """
    ranges = bounds(problem)
    result = reach(body, ranges, [])
    env_ranges = {**ranges, "result": result}
    width = width_for([*problem.requires, *problem.ensures, body], env_ranges)
    manager = cvc5.TermManager()
    vectors = Vectors(manager, width)
    solver = new_solver(manager, "QF_BV", rlimit, produce_models="true")
    constants = {name: vectors.make(name, kind) for name, kind in problem.parameters}
    try:
        for clause in problem.requires:
            solver.assertFormula(vectors.term(clause, constants))
        env = {**constants, "result": vectors.term(body, constants)}
        wanted = [vectors.term(clause, env) for clause in problem.ensures]
        whole = wanted[0] if len(wanted) == 1 else manager.mkTerm(Kind.AND, *wanted)
        solver.assertFormula(manager.mkTerm(Kind.NOT, whole))
    except RuntimeError:
        raise OutsideError("truth values and numbers are mixed in a contract over bits") from None
    answer = solver.checkSat()
    if answer.isUnsat():
        return None
    if not answer.isSat():
        return "the solver could not tell within its resources"
    return tuple(_python(solver.getValue(constants[name])) for name, _ in problem.parameters)


def witness(problem: Problem, point: Point, rlimit: int) -> int | bool | None:
    """Return some result that the contract allows at ``point``, or None.

    Looked for among numbers of as many bits as the parameters have.
    """
    ranges = bounds(problem)
    wide = mask(*ranges.values()) if problem.returns == "int" else (0, 1)
    width = width_for(problem.ensures, {**ranges, "result": wide})
    manager = cvc5.TermManager()
    vectors = Vectors(manager, width)
    solver = new_solver(manager, "QF_BV", rlimit, produce_models="true")
    env: dict[str, Any] = {}
    for (name, kind), value in zip(problem.parameters, point, strict=True):
        env[name] = manager.mkBoolean(bool(value)) if kind == "bool" else vectors.number(int(value))
    env["result"] = result = vectors.make("result", problem.returns)
    try:
        for clause in problem.ensures:
            solver.assertFormula(vectors.term(clause, env))
        if problem.returns == "int":
            for op, limit in ((">=", wide[0]), ("<=", wide[1])):
                inside = Term(op, (var("result"), integer(limit)))
                solver.assertFormula(vectors.term(inside, env))
    except RuntimeError:
        raise OutsideError("truth values and numbers are mixed in a contract over bits") from None
    return _python(solver.getValue(result)) if solver.checkSat().isSat() else None


def _python(value: Any) -> int | bool:
    if value.isBooleanValue():
        return bool(value.getBooleanValue())
    digits = value.getBitVectorValue(2)
    number = int(digits, 2)
    return number - (1 << len(digits)) if digits[0] == "1" else number
