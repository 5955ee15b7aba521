"""What is found out about helpers that call themselves: where they end, and what they keep.

A measure and a domain (where the body raises nothing and stays inside) come from templates, the
smallest choice that works; lemmas are guessed from the contract and from templates, and kept when
they carry themselves through the recursion. All of it goes into the plan, and a proof owes each of
it again as obligations, so nothing that is found here is believed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import combinations, permutations, product

from judge.obligation import flatten, script
from judge.prove.session import Session
from judge.prove.syntax import conjuncts, replace
from judge.prove.traces import constants_of
from judge.symbolic import term as T
from judge.symbolic.execute import Executor
from judge.symbolic.function import parse_expression
from judge.symbolic.plan import HelperPlan, Mode, Plan
from judge.symbolic.recursive import Definition, number, says
from judge.symbolic.term import INT, Term
from judge.symbolic.values import Unsupported

PROBE = 60_000
HARD = 600_000
"""Units for one question about a domain, and about a lemma."""
MAX_MEASURES = 24
MAX_PAIRS = 3
MAX_PLACES = 12
MAX_LEMMAS = 48


def definitions() -> list[Definition]:
    """The recursive helpers of the derivation in the current table."""
    return [d for d in T.definitions().values() if isinstance(d, Definition)]


def domains(session: Session) -> dict[str, HelperPlan]:
    """Measure and domain of each helper whose equation would say nothing without them."""
    found: dict[str, HelperPlan] = {}
    with T.fresh_table():
        derived = session.derive(Plan(), Mode(search=True))
        x = derived.executor
        if x is None:
            return {}
        for one in definitions():
            if len({d.name for d in definitions() if d in {c.target for c in one.inner()}}) > 1:
                continue
            if one.raises or not _ends(session, one, one.measure, T.true()):
                plan = _domain(session, x, one)
                if plan is not None:
                    found[one.name] = plan
    return found


def _holds(session: Session, facts: Iterable[Term], claim: Term, limit: int = PROBE) -> bool:
    text = script(flatten([*facts, T.not_(claim)]))
    return session.z3.check(session.z3.solver(text), limit) == "unsat"


def _ends(session: Session, one: Definition, measure: Term | None, domain: Term) -> bool:
    """Whether every call is smaller and within the domain, and nothing is raised there."""
    here = [one.whole(one.parameters), domain]
    for call in one.inner():
        if measure is None:
            return False
        inside = one.at(T.and_(domain, one.whole(one.parameters)), call.args)
        smaller = T.lt(one.at(measure, call.args), measure)
        facts = [*here, call.when, T.le(T.num(0), measure)]
        again = T.or_(
            T.le(T.num(0), one.at(measure, call.args)),
            T.not_(T.or_(*(one.at(c.when, call.args) for c in one.inner()))),
        )
        if not _holds(session, facts, T.and_(smaller, inside, again)):
            return False
    recurs = T.or_(*(c.when for c in one.inner()))
    ended = T.true() if measure is None else T.implies(recurs, T.le(T.num(0), measure))
    return all(_holds(session, [*here, ended, r], T.false()) for r in one.raises)


def _domain(session: Session, x: Executor, one: Definition) -> HelperPlan | None:
    """The measure that needs the fewest bounds, and these."""
    best: HelperPlan | None = None
    sets = [{}, *(_inductive(session, x, one, texts) for texts in _atoms(one))]
    for atoms in sets:
        whole = T.and_(*atoms.values())
        here = [one.whole(one.parameters), whole]
        if not all(_happens(session, [*here, c.when]) for c in one.inner()):
            continue
        for text in _measures(one)[:MAX_MEASURES]:
            try:
                measure = number(x, one, text)
            except Unsupported:
                continue
            if not _ends(session, one, measure, whole):
                continue
            kept = dict(atoms)
            for name in list(kept)[::-1]:
                fewer = {n: a for n, a in kept.items() if n != name}
                if _ends(session, one, measure, T.and_(*fewer.values())):
                    kept = fewer
            if best is None or len(kept) < len(best.requires):
                best = HelperPlan(tuple(kept), text)
        if best is not None and not best.requires:
            break
    return best


def _happens(session: Session, facts: list[Term]) -> bool:
    """Whether something meets the facts: a domain in which nothing recurs is of no use."""
    text = script(flatten(facts))
    return session.z3.check(session.z3.solver(text), PROBE) == "sat"


def _inductive(
    session: Session, x: Executor, one: Definition, texts: Iterable[str]
) -> dict[str, Term]:
    """The bounds that every call passes on, each given all of them."""
    atoms: dict[str, Term] = {}
    for text in texts:
        try:
            atoms[text] = says(x, one, text)(one.parameters, T.num(0))
        except Unsupported:
            continue
    while True:
        here = [one.whole(one.parameters), *atoms.values()]
        wrong = {
            text
            for call in one.inner()
            for text, atom in atoms.items()
            if not _holds(session, [*here, call.when], one.at(atom, call.args))
        }
        if not wrong:
            return atoms
        atoms = {t: a for t, a in atoms.items() if t not in wrong}


def _numbers(one: Definition) -> list[str]:
    return [n for n, k in zip(one.names, one.kinds, strict=True) if k == "int"]


def _lengths(one: Definition) -> list[str]:
    return [f"len({n})" for n, k in zip(one.names, one.kinds, strict=True) if k not in _PLAIN]


_PLAIN = ("int", "bool")


def _atoms(one: Definition) -> Iterator[list[str]]:
    """Simple bounds; of two numbers either may be the smaller one, and that for every pair."""
    numbers, lengths = _numbers(one), _lengths(one)
    texts = [f"0 <= {a}" for a in numbers]
    for a in numbers:
        texts += [f"{a} {op} {b}" for b in lengths for op in ("<=", "<")]
    texts += [f"{a} == {b}" for a, b in combinations(lengths, 2)]
    texts += [f"0 < {b}" for b in lengths] + [f"1 <= {a}" for a in numbers]
    pairs = list(combinations(numbers, 2))[:MAX_PAIRS]
    for turned in product((False, True), repeat=len(pairs)):
        sides = [p[::-1] if t else p for p, t in zip(pairs, turned, strict=True)]
        yield [*(f"{a} <= {b}" for a, b in sides), *texts]


def _measures(one: Definition) -> list[str]:
    numbers, lengths = _numbers(one), _lengths(one)
    texts = [*numbers, *lengths]
    texts += [f"{b} - {a}" for b in lengths for a in numbers]
    texts += [f"{a} - {b}" for a, b in permutations(numbers, 2)]
    texts += [f"{a} - {b} + 1" for a, b in permutations(numbers, 2)]
    texts += [f"{a} + {b}" for a, b in combinations([*numbers, *lengths], 2)]
    return texts


# ---------------------------------------------------------------- lemmas


def lemmas(session: Session) -> dict[str, HelperPlan]:
    """The session's helpers with what could be shown of their values, where that is anything."""
    found = dict(session.helpers)
    with T.fresh_table():
        derived = session.derive(Plan(), Mode(search=True))
        x = derived.executor
        known = definitions() if x is not None else []
        for one in known:
            assert x is not None
            kept = _kept(session, x, one, _guesses(session, one))
            if kept:
                plan = found.get(one.name, HelperPlan())
                found[one.name] = HelperPlan(plan.requires, plan.measure, tuple(kept))
    return found if found != session.helpers else {}


def _kept(session: Session, x: Executor, one: Definition, texts: Iterable[str]) -> list[str]:
    """The guesses that carry themselves through the recursion, all together."""
    claims = {}
    for text in list(dict.fromkeys(texts))[:MAX_LEMMAS]:
        try:
            claim = says(x, one, text)
            claim(one.parameters, one.applied(one.parameters))
        except (Unsupported, SyntaxError):
            continue
        claims[text] = claim
    here = [one.defined(one.parameters), one.equation(one.parameters)]
    value = one.applied(one.parameters)
    inner = one.inner()
    while claims:
        given = [
            T.implies(c.when, claim(c.args, one.applied(c.args)))
            for c in inner
            if c.target is one
            for claim in claims.values()
        ]
        wrong = [
            text
            for text, claim in claims.items()
            if not _holds(session, [*here, *given], claim(one.parameters, value), _worth(text))
        ]
        if not wrong:
            break
        claims = {t: c for t, c in claims.items() if t not in wrong}
        if not session.z3.left:
            return []
    return list(claims)


def _worth(text: str) -> int:
    """Units for a lemma: an equation from the contract is worth more than a bound."""
    return HARD if text.startswith("result == ") else PROBE


def _guesses(session: Session, one: Definition) -> Iterator[str]:
    """From the contract, where this helper is the candidate's own; then simple bounds."""
    if one.sort != INT:
        return
    yield from _from_contract(session, one)
    numbers = _numbers(one)
    for divisor in _divisors(session):
        for name in numbers:
            yield f"result % {divisor} == {name} % {divisor}"
    yield "result >= 0"
    yield "result >= 1"
    for name in [*numbers, *_lengths(one)]:
        yield f"result <= {name}"
        yield f"result >= {name}"


def _divisors(session: Session) -> list[int]:
    found = set(constants_of(session.candidate.function))
    for text in session.contract.ensures:
        try:
            found |= set(constants_of(parse_expression(text)))
        except SyntaxError:
            continue
    return sorted(n for n in found if 2 <= n <= 1000)[:4]


def _from_contract(session: Session, one: Definition) -> Iterator[str]:
    """``result == e`` of the entry point, said of the helper, alone or with an accumulator."""
    numbers = _numbers(one)
    others = [n for n, k in zip(one.names, one.kinds, strict=True) if k not in _PLAIN]
    for value in _results(session):
        used = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
        parameters = [p for p, _ in session.candidate.parameters if p in used]
        rests = [f"{s}[{n}:]" for s in others for n in numbers]
        stretches = [f"{s}[{a}:{b}]" for s in others for a, b in permutations(numbers, 2)]
        choices = [*numbers, *others, *rests, *stretches]
        for places in list(permutations(choices, len(parameters)))[:MAX_PLACES]:
            moved = ast.unparse(replace(value, dict(zip(parameters, places, strict=True))))
            yield f"result == {moved}"
            for name in numbers:
                if not any(name in place for place in places):
                    yield f"result == {name} + ({moved})"
                    yield f"result == {name} * ({moved})"


def _results(session: Session) -> Iterator[ast.expr]:
    for text in session.contract.ensures:
        try:
            parts = conjuncts(parse_expression(text))
        except SyntaxError:
            continue
        for part in parts:
            if isinstance(part, ast.Compare) and isinstance(part.ops[0], ast.Eq):
                sides = part.left, part.comparators[0]
                for side, other in (sides, sides[::-1]):
                    if isinstance(side, ast.Name) and side.id == "result":
                        yield other
