"""Bounded exploration path by path: every decision taken both ways, the structure always known.

For what bounded exploration with merged paths has no formulas for: dicts and sets of any keys, the
order of their keys, splitting and joining texts, sorting by a key. Deriving the obligations takes
no solver, only the bound; so a certificate gives the same ones again.
"""

from __future__ import annotations

from judge.contract import Contract
from judge.obligation import companion, of_goal
from judge.prove.result import Proof
from judge.prove.session import Session, decide
from judge.prove.witness import arguments, standing
from judge.subset import Candidate
from judge.symbolic import term as T
from judge.symbolic.execute import Goal
from judge.symbolic.forks import Script
from judge.symbolic.function import Derivation, derivation
from judge.symbolic.plan import Mode, Plan
from judge.symbolic.shapes import Shape
from judge.symbolic.values import Unsupported
from judge.verdict import Obligation

BOUNDS = (3, 2)
"""How long lists, texts and loops are, tried one after the other."""

MAX_PATHS = 400
MAX_STEPS = 9_000
"""Statements over all paths; counted, so that every machine stops at the same place."""

MAX_TRIVIAL = 20
MAX_COMPANIONS = 50
"""Paths among which one is looked for whose preconditions some input meets."""

LIMIT = 400_000


class _Explored:
    """What all paths together owe, each text once."""

    def __init__(self) -> None:
        self.preconditions: list[Obligation] = []
        self.owed: dict[str, Obligation] = {}
        self.shapes: dict[str, Shape] = {}
        self.assumptions: set[str] = set()
        self.limits: set[str] = set()
        self.trivial: dict[tuple[str, str], Obligation] = {}

    def take(self, derived: Derivation) -> None:
        """Add the goals of one path."""
        self.shapes = self.shapes or derived.shapes
        self.assumptions |= derived.assumptions
        if derived.executor is not None:
            self.limits |= derived.executor.limits
        if any(map(T.is_false, derived.preconditions)):
            return
        if len(self.preconditions) < MAX_COMPANIONS:
            one = companion(derived.preconditions)
            if all(one.digest != p.digest for p in self.preconditions):
                self.preconditions.append(one)
        for goal in derived.goals:
            self._goal(goal)

    def _goal(self, goal: Goal) -> None:
        if T.is_true(goal.claim) or any(map(T.is_false, goal.facts)):
            if len(self.trivial) < MAX_TRIVIAL and (goal.kind, goal.text) not in self.trivial:
                self.trivial[goal.kind, goal.text] = of_goal(goal)
            return
        one = of_goal(goal)
        self.owed.setdefault(one.digest, one)

    def obligations(self) -> list[Obligation]:
        """Every goal; a clause that is nowhere more than trivial is shown once."""
        said = {(o.kind, o.text) for o in self.owed.values()}
        return [*self.owed.values(), *(o for key, o in self.trivial.items() if key not in said)]


def _explore(candidate: Candidate, contract: Contract, rounds: int) -> _Explored:
    """Run every path within the bound; ``Unsupported`` when there are too many."""
    mode = Mode(unroll=rounds, depth=rounds)
    plan = Plan("paths", bound={"paths": rounds})
    found = _Explored()
    steps = 0
    given: tuple[bool, ...] | None = ()
    for _ in range(MAX_PATHS):
        assert given is not None
        script = Script(given)
        with T.fresh_table():
            derived = derivation(candidate, contract, plan, mode, None, script)
            found.take(derived)
        steps += derived.executor.steps if derived.executor is not None else 0
        if steps > MAX_STEPS:
            break
        given = script.following()
        if given is None:
            return found
    raise Unsupported("so many paths")


def obligations_within(
    candidate: Candidate, contract: Contract, plan: Plan
) -> tuple[Obligation, ...]:
    """The obligations of a finished plan, the companion first."""
    found = _explore(candidate, contract, plan.bound["paths"])
    witness = plan.bound.get("witness", 0)
    if not 0 <= witness < len(found.preconditions):
        raise Unsupported("a plan whose companion is not there")
    return (found.preconditions[witness], *found.obligations())


def prove(session: Session) -> Proof | None:
    """Explore within the bound; None when that is not possible."""
    for rounds in BOUNDS:
        try:
            found = _explore(session.candidate, session.contract, rounds)
        except Unsupported as problem:
            if problem.what != "so many paths":
                session.findings.append(f"by paths: {problem.sentence()}")
                return None
            continue
        return _decide(session, found, rounds)
    session.findings.append("by paths: there are too many")
    return None


def _decide(session: Session, found: _Explored, rounds: int) -> Proof | None:
    for one in found.obligations():
        answer, model = decide(session.z3, one.smt2, LIMIT)
        if answer == "unsat":
            continue
        if answer == "unknown":
            return None
        args = arguments(session.z3, model, found.shapes)
        stands = standing(session.candidate, session.contract, args)
        if stands == "none":
            return None
        where = f" (line {one.line})" if one.line is not None else ""
        return Proof(
            "refuted",
            "paths",
            args=args,
            certain=stands == "certain",
            reason=f"{one.kind}: {one.text}{where}",
            rlimit=session.z3.spent,
        )
    witness = _witness(session, found)
    if witness is None:
        return None
    plan = Plan("paths", bound={"paths": rounds, "witness": witness})
    inner = min(rounds, 2)
    limits = "".join(f"; {text}" for text in sorted(found.limits))
    return Proof(
        "bounded",
        "paths",
        bound=f"calls in which lists and strings have at most {rounds} elements (inner ones, dicts "
        f"and sets at most {inner}), every loop over anything else runs at most {rounds} rounds "
        f"and recursion goes at most {rounds} deep{limits}",
        obligations=(found.preconditions[witness], *found.obligations()),
        plan=plan.dumps(),
        assumptions=tuple(sorted(found.assumptions)),
        findings=tuple(session.findings),
        rlimit=session.z3.spent,
    )


def _witness(session: Session, found: _Explored) -> int | None:
    """A path whose preconditions some input meets: the bound is not empty."""
    for place, one in enumerate(found.preconditions):
        if decide(session.z3, one.smt2, LIMIT)[0] == "sat":
            return place
    return None
