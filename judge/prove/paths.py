"""Exploration path by path: every decision taken both ways, the structure always known.

Where the preconditions leave few values and short sequences, the exploration is complete: each
place where a run would meet its bound owes a goal that no input gets there, and with these goals
it is a proof. Elsewhere it holds within a bound. That serves what bounded exploration with merged
paths has no formulas for: dicts and sets of any keys, the order of their keys, splitting and
joining texts, sorting by a key. Deriving the obligations takes no solver, only the bound; so a
certificate gives the same ones again.
"""

from __future__ import annotations

from collections.abc import Callable

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

COMPLETE_ROUNDS = 64
"""Rounds of a loop and depth of a recursion where all inputs are explored."""

COMPLETE_STEPS = 24_000

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
        if derived.entered and len(self.preconditions) < MAX_COMPANIONS:
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


Look = Callable[[Derivation], None]


def _explore(
    candidate: Candidate,
    contract: Contract,
    rounds: int,
    complete: bool = False,
    look: Look | None = None,
) -> _Explored:
    """Run every path within the bound; ``Unsupported`` when there are too many.

    ``look`` sees each run while its terms live, and may end the exploration.
    """
    mode = Mode(unroll=rounds, depth=rounds, complete=complete)
    plan = Plan("paths", bound={"paths": rounds})
    most = COMPLETE_STEPS if complete else MAX_STEPS
    found = _Explored()
    steps = 0
    given: tuple[bool, ...] | None = ()
    for _ in range(MAX_PATHS):
        assert given is not None
        script = Script(given)
        with T.fresh_table():
            derived = derivation(candidate, contract, plan, mode, None, script)
            if look is not None:
                look(derived)
            found.take(derived)
        steps += derived.executor.steps if derived.executor is not None else 0
        if steps > most:
            break
        given = script.following()
        if given is None:
            return found
    raise Unsupported("so many paths")


def _planned(candidate: Candidate, contract: Contract, plan: Plan) -> _Explored:
    complete = plan.bound.get("complete", 0) == 1
    return _explore(candidate, contract, plan.bound["paths"], complete)


def assumptions_within(candidate: Candidate, contract: Contract, plan: Plan) -> tuple[str, ...]:
    """What the exploration of a finished plan takes for granted."""
    return tuple(sorted(_planned(candidate, contract, plan).assumptions))


def obligations_within(
    candidate: Candidate, contract: Contract, plan: Plan
) -> tuple[Obligation, ...]:
    """The obligations of a finished plan, the companion first."""
    found = _planned(candidate, contract, plan)
    witness = plan.bound.get("witness", 0)
    if not 0 <= witness < len(found.preconditions):
        raise Unsupported("a plan whose companion is not there")
    return (found.preconditions[witness], *found.obligations())


def exhaust(session: Session) -> Proof | None:
    """Explore all inputs, where the preconditions leave few enough; None elsewhere."""

    def look(derived: Derivation) -> None:
        x = derived.executor
        if x is None or not x.domains.low.keys() & x.domains.high.keys():
            raise Unsupported("inputs that nothing bounds")
        for goal in derived.goals:
            if goal.kind == "bound":
                answer, _ = decide(session.z3, of_goal(goal).smt2, LIMIT)
                if answer != "unsat":
                    raise Unsupported("inputs beyond the bound")

    if not session.contract.requires:
        return None
    try:
        found = _explore(session.candidate, session.contract, COMPLETE_ROUNDS, True, look)
    except Unsupported:
        return None
    return _decide(session, found, COMPLETE_ROUNDS, complete=True)


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


def _decide(
    session: Session, found: _Explored, rounds: int, complete: bool = False
) -> Proof | None:
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
    if complete:
        plan.bound["complete"] = 1
        return Proof(
            "proved",
            "cases",
            obligations=(found.preconditions[witness], *found.obligations()),
            plan=plan.dumps(),
            assumptions=tuple(sorted(found.assumptions)),
            findings=tuple(f for f in session.findings if not f.startswith("not modelled")),
            rlimit=session.z3.spent,
        )
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
