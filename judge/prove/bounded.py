"""Bounded exploration: loops and recursion unrolled, short lists, everything else symbolic.

Last of all strategies. Its counterexamples are claims like any other; when nothing is found, the
bound within which that is exhaustive goes into the verdict.
"""

from __future__ import annotations

from judge.prove.result import Proof
from judge.prove.session import Session, decide, obligations_of
from judge.prove.witness import arguments, standing
from judge.symbolic import term as T
from judge.symbolic.function import Derivation
from judge.symbolic.plan import Mode, Plan
from judge.symbolic.values import Unsupported

ROUNDS = 3
LIMIT = 600_000


def prove(session: Session) -> Proof | None:
    """Explore within the bound; None when that is not possible."""
    mode = Mode(unroll=ROUNDS, depth=ROUNDS)
    try:
        with T.fresh_table():
            derived = session.derive(Plan("bounded", bound={"rounds": ROUNDS}), mode)
            proof = _decide(session, derived)
    except Unsupported:
        return None
    return proof


def _decide(session: Session, derived: Derivation) -> Proof | None:
    obligations = obligations_of(derived)
    answer, _ = decide(session.z3, obligations[0].smt2, LIMIT)
    if answer == "unsat":
        return None
    for one in obligations[1:]:
        answer, model = decide(session.z3, one.smt2, LIMIT)
        if answer == "unsat":
            continue
        if answer == "unknown":
            return None
        args = arguments(session.z3, model, derived.shapes)
        stands = standing(session.candidate, session.contract, args)
        if stands == "none":
            return None
        where = f" (line {one.line})" if one.line is not None else ""
        return Proof(
            "refuted",
            "bounded",
            args=args,
            certain=stands == "certain",
            reason=f"{one.kind}: {one.text}{where}",
            rlimit=session.z3.spent,
        )
    plan = Plan("bounded", bound={"rounds": ROUNDS})
    return Proof(
        "bounded",
        "bounded",
        bound=f"calls in which every loop runs at most {ROUNDS} rounds and recursion goes at "
        f"most {ROUNDS} deep",
        obligations=obligations,
        plan=plan.dumps(),
        assumptions=tuple(sorted(derived.assumptions)),
        rlimit=session.z3.spent,
    )
