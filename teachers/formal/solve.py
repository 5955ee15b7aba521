"""Contract to code: the solver's own function, and a shorter one that it proves as good.

1. The example search proposes short programs for a few inputs; the solver proves a proposal right
   for every input, or gives an input on which it is wrong, which becomes the next example.
2. Where no short program is proved, cvc5's SyGuS engine looks for a function of any length; its
   results then guide the search once more. Over bits it looks for one that meets the contract,
   where no example says which of several results to take.
3. Where the contract itself names the result, that is a function too, and proved like the others.
4. The shortest of the proved functions is the answer. Nothing unproved is ever answered.

That proof is the teacher's own care; a judge does not rely on it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from teachers.formal import bits, bits_sygus, smt
from teachers.formal.bank import Leaf
from teachers.formal.bits import has_bits
from teachers.formal.order import mention_order, tidy
from teachers.formal.read import OutsideError, definition, read
from teachers.formal.scalar import Effort, solve_boolean, solve_integer
from teachers.formal.search import CannotError, fits, kind_of, mine
from teachers.formal.smt import Point, Problem
from teachers.formal.term import Term, evaluate, integer, price, var
from teachers.formal.tuples import Parts, joined, parts_of
from teachers.formal.write import function
from teachers.model import Specification

_ROUNDS = 10
_POINTS = 10


def synthesise(specification: Specification, *, rlimit: int) -> tuple[str, str]:
    """Return (source, note), or raise ``CannotError`` with the reason.

    Either way the function satisfies the contract for every allowed input, by the solver's word,
    and fits the examples.
    """
    try:
        parts = parts_of(specification)
    except OutsideError as reason:
        raise CannotError(str(reason)) from None
    body, note = (
        _one(specification, rlimit) if parts is None else (_several(parts, rlimit), _PROVED)
    )
    head = specification.entry_point, specification.parameters, specification.returns
    return function(*head, body), note


def _several(parts: Parts, rlimit: int) -> Term:
    """Return the tuple's parts: each by itself, or those together that a clause ties together."""
    found: dict[int, Term] = {}
    for group in parts.groups():
        if len(group) == 1:
            alone = parts.alone(group[0])
            if not alone.ensures:
                raise CannotError(f"no postcondition says what result[{group[0]}] is")
            found[group[0]] = _one(alone, rlimit)[0]
        else:
            found.update(zip(group, _together(parts, group, rlimit), strict=True))
    return joined([found[part] for part in range(len(parts.names))])


def _together(parts: Parts, group: Sequence[int], rlimit: int) -> list[Term]:
    specification = parts.specification
    kinds = _parameter_kinds(specification)
    wanted = tuple((parts.names[part], _result_kind(parts.types[part])) for part in group)
    clauses = [each for each in parts.ensures if set(parts.mentioned(each)) & set(group)]
    try:
        problem = Problem(
            parameters=tuple(kinds.items()),
            returns="",
            requires=tuple(read(each, kinds) for each in specification.requires),
            ensures=tuple(read(each, {**kinds, **dict(wanted)}) for each in clauses),
            parts=wanted,
        )
        bodies = smt.synthesise_all(problem, rlimit // _TIED)
        right = bodies is not None and smt.refute_all(problem, bodies, rlimit) is None
    except OutsideError as reason:
        raise CannotError(str(reason)) from None
    if bodies is None or not right:
        raise CannotError("the solver found no functions for the contract within its resources")
    for place, part in enumerate(group):
        alone = parts.alone(part)
        if not all(fits(bodies[place], alone, each) for each in alone.examples):
            raise CannotError(_OTHER)
    order = mention_order([name for name, _ in specification.parameters], specification.ensures)
    return [tidy(each, order) for each in bodies]


_TIED = 10
"""Several functions at once cost the engine more for each unit of its limit."""

_PROVED = "proved by the solver"
_NAMED = "as the contract says it"
_PLAIN = 16
"""A definition of this price or less is plain enough: no shorter one is searched for."""
_OTHER = "the contract allows results that the examples do not, and the solver chose those"


def _one(specification: Specification, rlimit: int) -> tuple[Term, str]:
    """Return the body of a function with one result, and how it was found."""
    problem = _problem(specification)
    if has_bits([*problem.requires, *problem.ensures]):
        return _over_bits(problem, specification, rlimit)
    named = definition(problem.ensures)
    if named is not None and smt.refute(problem, named, rlimit) is not None:
        named = None
    if named is not None and price(named) <= _PLAIN and _fits_all(named, specification):
        return named, _NAMED
    whole: Term | None = None
    short = _shorten(problem, specification, None, rlimit)
    if short is None or not _fits_all(short, specification):
        whole = smt.synthesise(problem, rlimit)
        if whole is not None and smt.refute(problem, whole, rlimit) is not None:
            whole = None
        if whole is not None:
            short = _shorten(problem, specification, whole, rlimit)
    names = [name for name, _ in specification.parameters]
    order = mention_order(names, specification.ensures)
    # What the contract itself says comes first, and as it says it, unless another is shorter.
    found = [] if named is None else [named]
    found += [tidy(each, order) for each in (short, whole) if each is not None]
    found = [each for each in found if _fits_all(each, specification)]
    if not found:
        raise CannotError(
            "the solver found no function for the contract within its resources"
            if short is None and whole is None
            else _OTHER
        )
    best = min(found, key=price)
    return best, _NAMED if best is named else _PROVED


def _over_bits(problem: Problem, specification: Specification, rlimit: int) -> tuple[Term, str]:
    """Do the same for a contract over bits: what is proposed is proved over wide enough vectors."""
    named = definition(problem.ensures)
    found: list[Term] = []
    try:
        if named is not None and bits.refute(problem, named, rlimit) is None:
            found.append(named)
        short = _shorten(problem, specification, named, rlimit)
        found += [] if short is None else [short]
        found = [each for each in found if _fits_all(each, specification)]
        if not found:
            whole = bits_sygus.synthesise(problem, rlimit)
            if whole is not None and bits.refute(problem, whole, rlimit) is None:
                order = mention_order([n for n, _ in problem.parameters], specification.ensures)
                found = [each for each in (tidy(whole, order),) if _fits_all(each, specification)]
    except OutsideError as reason:
        raise CannotError(str(reason)) from None
    if not found:
        raise CannotError("no short program over bits was proved right within the resources")
    best = min(found, key=price)
    return best, _NAMED if best is named else _PROVED


def _fits_all(term: Term, specification: Specification) -> bool:
    return all(fits(term, specification, each) for each in specification.examples)


def _problem(specification: Specification) -> Problem:
    kinds = _parameter_kinds(specification)
    returns = _result_kind(specification.returns)
    if not specification.ensures:
        raise CannotError("there is no postcondition to satisfy")
    scope = {**kinds, "result": returns}
    try:
        problem = Problem(
            parameters=tuple(kinds.items()),
            returns=returns,
            requires=tuple(read(each, kinds) for each in specification.requires),
            ensures=tuple(read(each, scope) for each in specification.ensures),
        )
        # A dry run: what cannot be translated is said now, in the contract's words.
        if has_bits([*problem.requires, *problem.ensures]):
            bits.refute(problem, _zero(returns), 1)
        else:
            smt.refute(problem, _zero(returns), 1)
    except OutsideError as reason:
        raise CannotError(str(reason)) from None
    return problem


def _parameter_kinds(specification: Specification) -> dict[str, str]:
    kinds = {name: kind_of(kind) for name, kind in specification.parameters}
    for name, written in specification.parameters:
        if kinds[name] not in ("int", "bool"):
            raise CannotError(f"the parameter {name}: {written} is neither int nor bool")
    return kinds


def _result_kind(written: str | None) -> str:
    kind = kind_of(written or "")
    if kind not in ("int", "bool"):
        raise CannotError(f"the result type {written} is neither int nor bool")
    return kind


def _zero(kind: str) -> Term:
    return smt.literal(False) if kind == "bool" else integer(0)


def _shorten(
    problem: Problem, specification: Specification, whole: Term | None, rlimit: int
) -> Term | None:
    """Propose, prove or refute, learn from the refutation; at most ``_ROUNDS`` times."""
    table: dict[Point, int | bool] = {}
    for args, result in specification.examples[:_POINTS]:
        numbers = tuple(each for each in args if isinstance(each, int))
        if len(numbers) == len(args) and isinstance(result, int):
            table[numbers] = result
    for point in _points(problem, specification):
        if len(table) < _POINTS:
            _learn(table, point, problem, whole, rlimit)
    constants = mine(specification, "")
    for _ in range(_ROUNDS):
        if not table:
            return None
        proposal = _propose(problem, table, constants)
        if proposal is None:
            return None
        over_bits = has_bits([*problem.requires, *problem.ensures])
        try:
            answer = (bits if over_bits else smt).refute(problem, proposal, rlimit)
        except OutsideError:
            return None  # it counts truth values as numbers, which Python does and the solver not
        if answer is None:
            return proposal
        if isinstance(answer, str) or answer in table:
            return None
        if not _learn(table, answer, problem, whole, rlimit):
            return None
    return None


def _learn(
    table: dict[Point, int | bool],
    point: Point,
    problem: Problem,
    whole: Term | None,
    rlimit: int,
) -> bool:
    """Add the right result at ``point``: by definition, by the solver's function, or by a model."""
    env: Mapping[str, object] = {
        name: value for (name, _), value in zip(problem.parameters, point, strict=True)
    }
    body = definition(problem.ensures) or whole
    value: object
    try:
        asked = bits if has_bits([*problem.requires, *problem.ensures]) else smt
        value = asked.witness(problem, point, rlimit) if body is None else evaluate(body, env)
    except ZeroDivisionError:
        return False
    if not isinstance(value, int):
        return False
    table[point] = value
    return True


def _points(problem: Problem, specification: Specification) -> list[Point]:
    """Return inputs that the precondition allows: small and large, equal and different, seeded."""
    generator = random.Random(20_261_120)
    near = sorted(mine(specification, ""))
    found: list[Point] = []
    for number in range(400):
        reach = 6 if number % 2 else 40
        point = tuple(
            generator.random() < 0.5
            if kind == "bool"
            else generator.choice(near) + generator.randint(-2, 2)
            if number % 5 == 4
            else generator.randint(-reach, reach)
            for _, kind in problem.parameters
        )
        env = {name: value for (name, _), value in zip(problem.parameters, point, strict=True)}
        if all(evaluate(clause, env) for clause in problem.requires):
            found.append(point)
        if len(found) == 3 * _POINTS:
            break
    return found


def _propose(
    problem: Problem, table: Mapping[Point, int | bool], constants: Mapping[int, int]
) -> Term | None:
    points: Sequence[Point] = list(table)
    leaves = [
        Leaf(var(name), tuple(int(point[i]) for point in points), 1)
        for i, (name, _) in enumerate(problem.parameters)
    ]
    count = len(points)
    leaves += [Leaf(integer(value), (value,) * count, cost) for value, cost in constants.items()]
    over_bits = has_bits([*problem.requires, *problem.ensures])
    if problem.returns == "bool":
        effort = Effort(literal_divisors=True, bits=over_bits)
        found = solve_boolean(leaves, [bool(each) for each in table.values()], effort)
    else:
        effort = Effort(terms=20_000, depths=(1, 3, 4, 5), literal_divisors=True, bits=over_bits)
        found = solve_integer(leaves, [int(each) for each in table.values()], effort)
    return None if found is None else found[1]
