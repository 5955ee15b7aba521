"""Straight-line code and branches: the goals need nothing to be found."""

from __future__ import annotations

from judge.prove.result import Proof
from judge.prove.session import Session, check_plan, finish
from judge.prove.witness import standing
from judge.symbolic.function import Derivation
from judge.symbolic.plan import Plan


def prove(session: Session, first: Derivation) -> Proof | None:
    """Decide every goal; a model of a failed one is a claimed counterexample."""
    plan = Plan("straight-line")
    checked = check_plan(session, plan, derived=first)
    if not checked.failed:
        return finish(session, plan, checked)
    one, answer = checked.failed[0]
    where = f" (line {one.line})" if one.line is not None else ""
    stands = standing(session.candidate, session.contract, checked.args)
    if answer == "sat" and stands != "none":
        return Proof(
            "refuted",
            "straight-line",
            args=checked.args,
            certain=stands == "certain",
            plan=plan.dumps(),
            reason=f"{one.kind}: {one.text}{where}",
            rlimit=session.z3.spent,
        )
    what = "has only a model that is no counterexample" if answer == "sat" else "is out of reach"
    return Proof(
        "unknown",
        "straight-line",
        reason=f"the obligation '{one.text}'{where} {what} within the budget",
        rlimit=session.z3.spent,
    )
