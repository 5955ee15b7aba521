"""One proving session: the candidate, its contract, the solver and what was spent.

Also the last step that every strategy shares: derive the obligations of a finished plan anew and
have the solver read and decide their exact texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from judge.answers import shared_answers
from judge.contract import Budget, Contract
from judge.obligation import companion, of_goal
from judge.prove.floats import CPU_SECONDS, refuted_by_bitwuzla
from judge.prove.result import Proof
from judge.prove.solver import A_SECOND, Z3, Answer
from judge.prove.witness import arguments
from judge.prove.wording import tidy
from judge.subset import Candidate
from judge.symbolic import term as T
from judge.symbolic.function import Derivation, derivation
from judge.symbolic.plan import HelperPlan, Mode, Plan
from judge.symbolic.values import Unsupported
from judge.verdict import Obligation

GOAL_LIMIT = 4_000_000
"""Resource units for one final obligation."""
TOGETHER_LIMIT = 20_000
TOGETHER_TEXT = 20_000
"""Obligations are first asked about together: those of few characters, for so many units each."""


@dataclass(slots=True)
class Session:
    """What the strategies work with."""

    candidate: Candidate
    contract: Contract
    budget: Budget
    z3: Z3
    hints: tuple[str, ...] = ()
    findings: list[str] = field(default_factory=list)
    helpers: dict[str, HelperPlan] = field(default_factory=dict)
    """What was found of the helpers that call themselves: part of every plan."""

    def derive(self, plan: Plan, mode: Mode | None = None) -> Derivation:
        """Run the function under a plan, in the current table of terms."""
        plan.helpers = self.helpers
        return derivation(self.candidate, self.contract, plan, mode or Mode())


@dataclass(slots=True)
class Checked:
    """The answers to one plan's obligations."""

    derivation: Derivation
    obligations: tuple[Obligation, ...]
    failed: list[tuple[Obligation, Answer]]
    args: tuple[object, ...] | None = None


def obligations_of(derived: Derivation) -> tuple[Obligation, ...]:
    """Companion first, then every goal; equal texts appear once."""
    result = [companion(derived.preconditions)]
    seen = set()
    for goal in derived.goals:
        one = of_goal(goal)
        if one.digest not in seen:
            seen.add(one.digest)
            result.append(one)
    return tuple(result)


def check_plan(
    session: Session, plan: Plan, mode: Mode | None = None, derived: Derivation | None = None
) -> Checked:
    """Derive a plan's obligations in a fresh table and decide each by its text.

    ``derived`` saves the derivation where the current table holds this plan's and nothing else.
    """
    if derived is not None:
        obligations = obligations_of(derived)
    else:
        with T.fresh_table():
            derived = session.derive(plan, mode)
            obligations = obligations_of(derived)
    failed: list[tuple[Obligation, Answer]] = []
    args = None
    for one in _open(session.z3, obligations):
        before = session.z3.spent
        answer, model = decide(session.z3, one.smt2, GOAL_LIMIT)
        if answer == one.expected and model is not REFUTED_ELSEWHERE:
            shared_answers().put("z3", one.smt2, answer, session.z3.spent - before)
        if one.expected == "sat":
            if answer == "unsat":
                raise Unsupported("anything: no input meets the preconditions")
            continue
        if answer != "unsat":
            failed.append((one, answer))
            if answer == "sat" and args is None:
                args = arguments(session.z3, model, derived.shapes)
            if answer == "sat":
                break
    return Checked(derived, obligations, failed, args)


def _open(z3: Z3, obligations: Sequence[Obligation]) -> list[Obligation]:
    """The obligations that were not answered as expected before, nor are when asked together."""
    asked = [one for one in obligations if not _known(z3, one)]
    plain = [one for one in asked if len(one.smt2) < TOGETHER_TEXT]
    if len(plain) < 2:
        return asked
    before = z3.spent
    answers = z3.together([one.smt2 for one in plain], TOGETHER_LIMIT)
    share = -(-(z3.spent - before) // len(plain))
    z3.spent = before + share * len(plain)  # a later run is charged the shares
    # By place, not by text: a goal that never holds has the very text of the companion.
    done = {id(p) for p, said in zip(plain, answers, strict=False) if said == p.expected}
    for one in plain:
        if id(one) in done:
            shared_answers().put("z3", one.smt2, one.expected, share)
    return [one for one in asked if id(one) not in done]


def _known(z3: Z3, one: Obligation) -> bool:
    """Whether it was answered as expected before; what that took is charged again."""
    known = shared_answers().get("z3", one.smt2)
    if known is None or known[0] != one.expected or known[1] > z3.left:
        return False
    z3.spent += known[1]
    return True


REFUTED_ELSEWHERE = object()
"""Stands for the model where another solver than Z3 gave the answer."""


def decide(z3: Z3, text: str, limit: int) -> tuple[Answer, Any]:
    """Decide one script: first the incremental core, then the full tactic for what it leaves."""
    answer = z3.check(z3.solver(text), min(limit, 400_000))
    if answer == "unknown":
        z3.settle()  # what comes now takes seconds
    if answer == "unknown" and z3.left:
        seconds = min(CPU_SECONDS, 1.0 + z3.left / A_SECOND)
        shown = refuted_by_bitwuzla(text, seconds)
        if shown:
            return "unsat", REFUTED_ELSEWHERE
        if shown is False:
            z3.spent += int(seconds * A_SECOND)  # it counts no resources: its time is charged
    if answer == "unknown":
        answer = z3.check(z3.solver(text, simple=False), limit)
    return answer, z3.model if answer == "sat" else None


def finish(session: Session, plan: Plan, checked: Checked) -> Proof:
    """The proof that a fully checked plan is."""
    plan = replace(plan, helpers=session.helpers)
    derived = checked.derivation
    partial = bool(derived.partial)
    reason = None
    if partial:
        lines = ", ".join(map(str, sorted(set(derived.partial))))
        reason = f"termination is not proved (line {lines})"
    return Proof(
        outcome="partial" if partial else "proved",
        method=plan.strategy,
        obligations=checked.obligations,
        invariants=readable(plan, derived),
        plan=plan.dumps(),
        reason=reason,
        assumptions=tuple(sorted(derived.assumptions)),
        findings=tuple(session.findings),
        rlimit=session.z3.spent,
    )


def readable(plan: Plan, derived: Derivation) -> tuple[str, ...]:
    """Invariants and measures as a person reads them, with their lines."""
    lines = []
    for key, loop in plan.loops.items():
        info = derived.loops.get(key)
        if info is None:
            continue
        known = [tidy(friendly(t, info.index)) for t in loop.invariants]
        lines += [f"line {info.line}: {t}" for t in dict.fromkeys(known) if t != "True"]
        if loop.measure:
            lines.append(f"line {info.line}: {loop.measure} decreases")
    lines += [f"every call: {text}" for text in plan.guarantees]
    if plan.measure:
        lines.append(f"recursion: {plan.measure} decreases")
    return tuple(lines)


def friendly(text: str, index: str | None) -> str:
    """Hidden counters are shown as ``k``."""
    return text if index is None else text.replace(index, "k")
