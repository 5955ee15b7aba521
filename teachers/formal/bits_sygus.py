"""SyGuS over bit-vectors: a program over bits where no example says which of many results to take.

The search from examples needs one right result for each input. A contract such as "some single bit
of x" allows several, and those that a solver happens to choose fit no short program. cvc5's engine
looks for a program that meets the contract itself, over vectors as wide as the contract needs and
from a grammar of the operators that Python has. What it finds is a proposal only: vectors wrap
around where Python's integers go on, so it is proved afterwards over wide enough ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cvc5
from cvc5 import Kind

from teachers.formal.bits import Vectors, bounds, mask, width_for
from teachers.formal.read import OutsideError
from teachers.formal.smt import Problem, new_solver, simplify
from teachers.formal.term import Term, boolean, integer, var

_SHIFTS = 2
"""Distances of shifts beside those that the contract names: 1 to this."""
_LARGEST = 255

_BACK = {
    Kind.BITVECTOR_ADD: "+", Kind.BITVECTOR_SUB: "-", Kind.BITVECTOR_NEG: "neg",
    Kind.BITVECTOR_AND: "&", Kind.BITVECTOR_OR: "|", Kind.BITVECTOR_XOR: "^",
    Kind.BITVECTOR_NOT: "~", Kind.BITVECTOR_SHL: "<<", Kind.BITVECTOR_ASHR: ">>",
    Kind.BITVECTOR_SLT: "<", Kind.BITVECTOR_SLE: "<=", Kind.EQUAL: "==", Kind.NOT: "not",
    Kind.AND: "and", Kind.OR: "or", Kind.ITE: "if",
}  # fmt: skip


def synthesise(problem: Problem, rlimit: int) -> Term | None:
    """Return a body that may meet ``problem``, or None; raises ``OutsideError`` like ``bits``."""
    ranges = bounds(problem)
    result = mask(*ranges.values()) if problem.returns == "int" else (0, 1)
    clauses = [*problem.requires, *problem.ensures]
    width = width_for(clauses, {**ranges, "result": result})
    manager = cvc5.TermManager()
    vectors = Vectors(manager, width)
    solver = new_solver(manager, "BV", rlimit, sygus="true", incremental="false")
    kinds = {"bool": manager.getBooleanSort(), "int": vectors.sort}
    formal = [manager.mkVar(kinds[kind], name) for name, kind in problem.parameters]
    grammar = _grammar(solver, manager, vectors, problem, formal)
    target = solver.synthFun("target", formal, kinds[problem.returns], grammar)
    actual = [solver.declareSygusVar(name, kinds[kind]) for name, kind in problem.parameters]
    env = dict(zip((name for name, _ in problem.parameters), actual, strict=True))
    try:
        allowed = [vectors.term(clause, env) for clause in problem.requires]
        env["result"] = manager.mkTerm(Kind.APPLY_UF, target, *actual)
        for clause in problem.ensures:
            wanted = vectors.term(clause, env)
            for each in allowed:
                wanted = manager.mkTerm(Kind.IMPLIES, each, wanted)
            solver.addSygusConstraint(wanted)
        if not solver.checkSynth().hasSolution():
            return None
        found = solver.getSynthSolution(target)
    except RuntimeError:
        # Sorts that do not go together, or the resource limit met on the way.
        return None
    try:
        return simplify(_back(found[1] if found.getKind() == Kind.LAMBDA else found))
    except OutsideError:
        return None


def _grammar(
    solver: Any, manager: Any, vectors: Vectors, problem: Problem, formal: Sequence[Any]
) -> Any:
    """Return the programs that may be answered: Python's operators over the parameters."""
    number, truth = manager.mkVar(vectors.sort, "N"), manager.mkVar(manager.getBooleanSort(), "B")
    mk = manager.mkTerm
    given = list(zip(problem.parameters, formal, strict=True))
    literals = sorted({0, 1} | _literals([*problem.requires, *problem.ensures]))
    distances = sorted({*range(1, _SHIFTS + 1), *_distances(problem.ensures)})
    numbers = [each for (_, kind), each in given if kind == "int"]
    numbers += [vectors.number(value) for value in literals]
    numbers += [mk(kind, number) for kind in (Kind.BITVECTOR_NEG, Kind.BITVECTOR_NOT)]
    numbers += [
        mk(kind, number, number)
        for kind in (
            Kind.BITVECTOR_AND, Kind.BITVECTOR_OR, Kind.BITVECTOR_XOR, Kind.BITVECTOR_ADD,
            Kind.BITVECTOR_SUB,
        )
    ]  # fmt: skip
    numbers += [
        mk(kind, number, vectors.number(by))
        for kind in (Kind.BITVECTOR_SHL, Kind.BITVECTOR_ASHR)
        for by in distances
    ]
    numbers.append(mk(Kind.ITE, truth, number, number))
    truths = [each for (_, kind), each in given if kind == "bool"]
    truths += [mk(kind, number, number) for kind in (Kind.EQUAL, Kind.BITVECTOR_SLT)]
    truths += [mk(Kind.NOT, truth), mk(Kind.AND, truth, truth)]
    starts = [number, truth] if problem.returns == "int" else [truth, number]
    grammar = solver.mkGrammar(formal, starts)
    grammar.addRules(number, numbers)
    grammar.addRules(truth, truths)
    return grammar


def _literals(terms: Sequence[Term]) -> set[int]:
    """Return the small numbers that a contract names."""
    found: set[int] = set()
    for term in terms:
        if term.op == "int" and abs(int(term.value or 0)) <= _LARGEST:
            found.add(int(term.value or 0))
        found |= _literals(term.args)
    return found


def _distances(terms: Sequence[Term]) -> set[int]:
    found: set[int] = set()
    for term in terms:
        if term.op in ("<<", ">>") and term.args[1].op == "int":
            found.add(int(term.args[1].value or 0))
        found |= _distances(term.args)
    return found


def _back(node: Any) -> Term:
    """Return a solution as a term with Python's meaning, literals with their sign."""
    kind = node.getKind()
    if node.isBooleanValue():
        return boolean(bool(node.getBooleanValue()))
    if node.isBitVectorValue():
        digits = node.getBitVectorValue(2)
        value = int(digits, 2)
        return integer(value - (1 << len(digits)) if digits[0] == "1" else value)
    if kind == Kind.VARIABLE:
        return var(node.getSymbol())
    if kind not in _BACK:
        raise OutsideError(f"the solver answered with the operator {kind}")
    args = [_back(child) for child in node]
    op = _BACK[kind]
    if op in ("and", "or", "not", "if", "neg", "~") or len(args) <= 2:
        return Term(op, tuple(args))
    folded = args[0]
    for each in args[1:]:
        folded = Term(op, (folded, each))
    return folded
