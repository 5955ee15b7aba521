"""Terms to cvc5 and back, and the two questions that are put to it: synthesise, and is it right.

The translation keeps Python's meaning: ``//`` and ``%`` floor, for which the divisor must be a
literal other than zero. Every solver is fresh and bounded by ``rlimit``, so answers repeat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cvc5
from cvc5 import Kind

from teachers.formal.read import OutsideError
from teachers.formal.term import Term, boolean, integer, negate, size, var, variables

_LARGEST_SOLUTION = 3_000


@dataclass(frozen=True, slots=True)
class Problem:
    """A contract as terms: parameters with kinds ("int", "bool"), result kind, and clauses."""

    parameters: tuple[tuple[str, str], ...]
    returns: str
    requires: tuple[Term, ...]
    ensures: tuple[Term, ...]
    parts: tuple[tuple[str, str], ...] = ()
    """Several results that the clauses tie together: their names and kinds instead of "result"."""

    @property
    def results(self) -> tuple[tuple[str, str], ...]:
        """Return what is looked for, by name and kind."""
        return self.parts or (("result", self.returns),)


def _sort(manager: Any, kind: str) -> Any:
    return manager.getBooleanSort() if kind == "bool" else manager.getIntegerSort()


def translate(manager: Any, term: Term, env: Mapping[str, Any]) -> Any:
    """Return ``term`` as a cvc5 term; ``env`` gives the variables. Raises ``OutsideError``."""
    try:
        return _translate(manager, term, env)
    except RuntimeError:
        # Python counts True as 1; the solver keeps the two sorts apart.
        message = "truth values and numbers are mixed in a way that the solver does not take"
        raise OutsideError(message) from None


def _translate(manager: Any, term: Term, env: Mapping[str, Any]) -> Any:
    op = term.op
    if op == "var":
        return env[str(term.value)]
    if op == "int":
        return manager.mkInteger(str(term.value))
    if op == "bool":
        return manager.mkBoolean(bool(term.value))
    if op in ("//", "%"):
        return _divide(manager, term, env)
    if op not in _KINDS and op not in ("min", "max", "!=", "if"):
        raise OutsideError(f"the operator {op} is outside what the solver is asked about")
    args = [_translate(manager, each, env) for each in term.args]
    if op == "!=":
        return manager.mkTerm(Kind.NOT, manager.mkTerm(Kind.EQUAL, *args))
    if op == "if":
        return manager.mkTerm(Kind.ITE, *args)
    if op in ("min", "max"):
        order = Kind.LEQ if op == "min" else Kind.GEQ
        return manager.mkTerm(Kind.ITE, manager.mkTerm(order, *args), *args)
    return args[0] if op in ("and", "or") and len(args) == 1 else manager.mkTerm(_KINDS[op], *args)


_KINDS = {
    "+": Kind.ADD,
    "-": Kind.SUB,
    "*": Kind.MULT,
    "neg": Kind.NEG,
    "abs": Kind.ABS,
    "<": Kind.LT,
    "<=": Kind.LEQ,
    ">": Kind.GT,
    ">=": Kind.GEQ,
    "==": Kind.EQUAL,
    "and": Kind.AND,
    "or": Kind.OR,
    "not": Kind.NOT,
}


def _divide(manager: Any, term: Term, env: Mapping[str, Any]) -> Any:
    divisor = term.args[1].value
    if term.args[1].op != "int" or not isinstance(divisor, int) or divisor == 0:
        raise OutsideError(f"the divisor of {term.op} is not a literal other than zero")
    left = _translate(manager, term.args[0], env)
    kind = Kind.INTS_DIVISION if term.op == "//" else Kind.INTS_MODULUS
    if divisor > 0:
        # For a positive divisor SMT-LIB's Euclidean division is Python's floor division.
        return manager.mkTerm(kind, left, manager.mkInteger(str(divisor)))
    flipped = manager.mkTerm(kind, manager.mkTerm(Kind.NEG, left), manager.mkInteger(str(-divisor)))
    return flipped if term.op == "//" else manager.mkTerm(Kind.NEG, flipped)


def new_solver(manager: Any, logic: str, rlimit: int, **options: str) -> Any:
    """Return a fresh solver bounded by ``rlimit``, seeded, so that its answers repeat."""
    solver = cvc5.Solver(manager)
    solver.setLogic(logic)
    for name, value in {"rlimit": str(rlimit), "seed": "1", "sat-random-seed": "1"}.items():
        solver.setOption(name, value)
    for name, value in options.items():
        solver.setOption(name.replace("_", "-"), value)
    return solver


def synthesise(problem: Problem, rlimit: int) -> Term | None:
    """Return a function body that cvc5's SyGuS engine finds for ``problem``, or None."""
    found = synthesise_all(problem, rlimit)
    return None if found is None else found[0]


def synthesise_all(problem: Problem, rlimit: int) -> list[Term] | None:
    """Return a body for each result of ``problem``, or None.

    Only linear contracts are asked about: with products the engine enumerates without an end.
    """
    if not all(_is_linear(each) for each in (*problem.requires, *problem.ensures)):
        return None
    manager = cvc5.TermManager()
    # The instantiation engine for single-invocation problems only runs without incrementality.
    solver = new_solver(manager, "LIA", rlimit, sygus="true", incremental="false")
    formal = [manager.mkVar(_sort(manager, kind), name) for name, kind in problem.parameters]
    targets = [
        solver.synthFun(f"target {name}", formal, _sort(manager, kind))
        for name, kind in problem.results
    ]
    actual = [
        solver.declareSygusVar(name, _sort(manager, kind)) for name, kind in problem.parameters
    ]
    env = dict(zip((name for name, _ in problem.parameters), actual, strict=True))
    for (name, _), target in zip(problem.results, targets, strict=True):
        env[name] = manager.mkTerm(Kind.APPLY_UF, target, *actual) if actual else target
    # One implication for each clause keeps the problem "single invocation", which the engine
    # solves by instantiation; an assumption beside it would make it enumerate.
    allowed = [translate(manager, clause, env) for clause in problem.requires]
    for clause in problem.ensures:
        wanted = translate(manager, clause, env)
        if allowed:
            left = allowed[0] if len(allowed) == 1 else manager.mkTerm(Kind.AND, *allowed)
            wanted = manager.mkTerm(Kind.IMPLIES, left, wanted)
        solver.addSygusConstraint(wanted)
    try:
        if not solver.checkSynth().hasSolution():
            return None
        solutions = [solver.getSynthSolution(target) for target in targets]
    except RuntimeError:
        # cvc5 says so when the resource limit is met on the way.
        return None
    bodies = [each[1] if each.getKind() == Kind.LAMBDA else each for each in solutions]
    try:
        return [simplify(_back(body, {})) for body in bodies]
    except OutsideError:
        return None


def _is_linear(term: Term) -> bool:
    if term.op == "*" and not any(not variables(each) for each in term.args):
        return False
    return all(_is_linear(each) for each in term.args)


Point = tuple[int | bool, ...]


def refute(problem: Problem, body: Term, rlimit: int) -> Point | str | None:
    """Return None when ``body`` is right on every allowed input, an input on which it is wrong,

    or a sentence why the solver could not tell.
    """
    return refute_all(problem, [body], rlimit)


def refute_all(problem: Problem, bodies: Sequence[Term], rlimit: int) -> Point | str | None:
    """Do the same for a body of each result."""
    manager = cvc5.TermManager()
    solver = new_solver(manager, "QF_NIA", rlimit, produce_models="true")
    constants = {
        name: manager.mkConst(_sort(manager, kind), name) for name, kind in problem.parameters
    }
    for clause in problem.requires:
        solver.assertFormula(translate(manager, clause, constants))
    env = dict(constants)
    for (name, _), body in zip(problem.results, bodies, strict=True):
        env[name] = translate(manager, body, constants)
    clauses = [translate(manager, clause, env) for clause in problem.ensures]
    try:
        whole = clauses[0] if len(clauses) == 1 else manager.mkTerm(Kind.AND, *clauses)
        solver.assertFormula(manager.mkTerm(Kind.NOT, whole))
    except RuntimeError:
        raise OutsideError("a clause of the contract is a number, not a truth value") from None
    answer = solver.checkSat()
    if answer.isUnsat():
        return None
    if not answer.isSat():
        return "the solver could not tell within its resources"
    return _model(solver, problem, constants)


def witness(problem: Problem, point: Point, rlimit: int) -> int | bool | None:
    """Return some result that the contract allows at ``point``, or None."""
    manager = cvc5.TermManager()
    solver = new_solver(manager, "QF_NIA", rlimit, produce_models="true")
    env = {
        name: translate(manager, literal(value), {})
        for (name, _), value in zip(problem.parameters, point, strict=True)
    }
    result = manager.mkConst(_sort(manager, problem.returns), "result")
    for clause in problem.ensures:
        solver.assertFormula(translate(manager, clause, {**env, "result": result}))
    if not solver.checkSat().isSat():
        return None
    return _python(solver.getValue(result))


def _model(solver: Any, problem: Problem, constants: Mapping[str, Any]) -> Point:
    return tuple(_python(solver.getValue(constants[name])) for name, _ in problem.parameters)


def _python(value: Any) -> int | bool:
    if value.isBooleanValue():
        return bool(value.getBooleanValue())
    return int(value.getIntegerValue())


def literal(value: object) -> Term:
    """Return a truth value or an integer as a term."""
    if isinstance(value, bool):
        return boolean(value)
    assert isinstance(value, int)
    return integer(value)


_BACK = {
    Kind.NEG: "neg",
    Kind.ABS: "abs",
    Kind.SUB: "-",
    Kind.ADD: "+",
    Kind.MULT: "*",
    Kind.INTS_DIVISION: "//",
    Kind.INTS_DIVISION_TOTAL: "//",
    Kind.INTS_MODULUS: "%",
    Kind.INTS_MODULUS_TOTAL: "%",
    Kind.LT: "<",
    Kind.LEQ: "<=",
    Kind.GT: ">",
    Kind.GEQ: ">=",
    Kind.EQUAL: "==",
    Kind.AND: "and",
    Kind.OR: "or",
    Kind.NOT: "not",
    Kind.ITE: "if",
}


def _back(node: Any, known: dict[int, Term]) -> Term:
    """Return a cvc5 term as a Term; lets are expanded, up to a size."""
    key = node.getId()
    if key in known:
        return known[key]
    kind = node.getKind()
    if node.isIntegerValue():
        term = integer(int(node.getIntegerValue()))
    elif node.isBooleanValue():
        term = boolean(bool(node.getBooleanValue()))
    elif kind == Kind.VARIABLE:
        term = var(node.getSymbol())
    elif kind in _BACK:
        term = _fold(_BACK[kind], [_back(child, known) for child in node])
    else:
        raise OutsideError(f"the solver answered with the operator {kind}")
    if size(term) > _LARGEST_SOLUTION:
        raise OutsideError("the solver's function is too large to be written out")
    known[key] = term
    return term


def _fold(op: str, args: Sequence[Term]) -> Term:
    if op in ("//", "%") and (args[1].op != "int" or int(args[1].value or 0) <= 0):
        # Python floors and SMT-LIB does not for a negative divisor; such answers are not used.
        raise OutsideError("the solver divided by something else than a positive literal")
    if op in ("and", "or", "not", "if", "neg", "abs") or len(args) <= 2:
        return Term(op, tuple(args))
    if op in ("+", "*", "-"):
        folded = args[0]
        for each in args[1:]:
            folded = Term(op, (folded, each))
        return folded
    return Term("and", tuple(Term(op, pair) for pair in pairwise(args)))


def simplify(term: Term) -> Term:
    """Return an equal term with linear comparisons written as people do: ``x >= y``."""
    args = tuple(simplify(each) for each in term.args)
    term = Term(term.op, args, term.value)
    if term.op == "not":
        return simplify(negate(args[0])) if args[0].op in _ORDER else negate(args[0])
    if term.op in _ORDER:
        return _compare(term)
    if term.op in ("+", "-", "neg", "*"):
        form = linear(term)
        return term if form is None else _sum(form)
    if term.op == "if" and args[1] == args[2]:
        return args[1]
    if term.op == "if" and args[0].op == "bool":
        return args[1] if args[0].value else args[2]
    return term


_ORDER = ("<", "<=", ">", ">=", "==", "!=")
Form = dict[Term, int]
ONE = integer(1)


def linear(term: Term) -> Form | None:
    """Return coefficients by atom (``ONE`` holds the constant), or None for a product of atoms."""
    if term.op == "int":
        return {ONE: int(term.value or 0)}
    if term.op in ("bool", "not", "and", "or", *_ORDER):
        return None
    if term.op in ("+", "-"):
        left, right = linear(term.args[0]), linear(term.args[1])
        if left is None or right is None:
            return None
        sign = 1 if term.op == "+" else -1
        return {atom: left.get(atom, 0) + sign * right.get(atom, 0) for atom in [*left, *right]}
    if term.op == "neg":
        inner = linear(term.args[0])
        return None if inner is None else {atom: -n for atom, n in inner.items()}
    if term.op == "*":
        for one, other in (term.args, term.args[::-1]):
            if one.op == "int":
                inner = linear(other)
                factor = int(one.value or 0)
                return None if inner is None else {a: factor * n for a, n in inner.items()}
    return {term: 1}


def _sum(form: Form) -> Term:
    """Write a linear form: positive parts first, then what is taken away, the constant last."""
    positive = [(a, n) for a, n in form.items() if n > 0 and a != ONE]
    negative = [(a, n) for a, n in form.items() if n < 0 and a != ONE]
    constant = form.get(ONE, 0)
    parts = [(1, _times(a, n)) for a, n in positive]
    if constant > 0:
        parts.append((1, integer(constant)))
    parts += [(-1, _times(a, -n)) for a, n in negative]
    if constant < 0:
        parts.append((-1, integer(-constant)))
    if not parts:
        return integer(0)
    sign, total = parts[0]
    if sign < 0:
        total = integer(constant) if total == integer(-constant) else Term("neg", (total,))
    for sign, part in parts[1:]:
        total = Term("+" if sign > 0 else "-", (total, part))
    return total


def _times(atom: Term, factor: int) -> Term:
    return atom if factor == 1 else Term("*", (atom, integer(factor)))


def _compare(term: Term) -> Term:
    left, right = (linear(each) for each in term.args)
    if left is None or right is None:
        return term
    form = {a: left.get(a, 0) - right.get(a, 0) for a in [*left, *right]}
    op, constant = term.op, form.pop(ONE, 0)
    if form and all(n <= 0 for n in form.values()):
        form, constant = {a: -n for a, n in form.items()}, -constant
        op = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(op, op)
    # Over integers, a strict and a weak comparison differ by one: choose the smaller constant.
    if constant == -1 and op == ">=":
        op, constant = ">", 0
    elif constant == -1 and op == "<":
        op, constant = "<=", 0
    elif constant == 1 and op == ">":
        op, constant = ">=", 0
    elif constant == 1 and op == "<=":
        op, constant = "<", 0
    above = {a: n for a, n in form.items() if n > 0}
    below = {a: -n for a, n in form.items() if n < 0}
    if constant > 0 and above:
        (above if below else below)[ONE] = constant if below else -constant
    elif constant:
        below[ONE] = -constant
    return Term(op, (_sum(above), _sum(below)))
