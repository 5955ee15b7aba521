"""The order of the strategies: cheapest first, the first answer wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from judge.contract import Budget, Contract
from judge.prove import bounded, helper_contracts, invariants, paths, recursion, straight
from judge.prove.fuse import SECONDS
from judge.prove.result import Proof
from judge.prove.session import Session
from judge.prove.solver import Z3, Broken
from judge.subset import Refusal, read
from judge.symbolic import term as T
from judge.symbolic.function import Derivation
from judge.symbolic.plan import Mode, Plan
from judge.symbolic.values import Unsupported


def run(
    code: str,
    entry_point: str,
    contract: Contract,
    budget: Budget,
    signature: str | None,
    hints: Sequence[str],
    doubt: Callable[[], bool] | None = None,
) -> Proof:
    """Prove, or say why not."""
    try:
        candidate = read(code, entry_point, contract.helpers, signature)
    except Refusal as problem:
        return Proof("unknown", "none", reason=str(problem))
    session = Session(candidate, contract, budget, Z3(budget.rlimit, doubt), tuple(hints))
    proof = _guarded(session)
    if session.z3.burnt:
        return replace(proof, findings=(*proof.findings, BURNT))
    return proof


BURNT = (
    f"a solver call was ended after {SECONDS:g} processor seconds by its fuse; where it is not, "
    "this may be decided otherwise"
)


def _guarded(session: Session) -> Proof:
    try:
        return _search(session)
    except Broken:
        return _unknown(session, "an input that breaks the contract was found meanwhile")
    except Unsupported as problem:
        return _unknown(session, problem.sentence())
    except Refusal as problem:
        return _unknown(session, str(problem))
    except RecursionError:
        return _unknown(session, "the code is nested too deep for the prover")
    except session.z3.z3.Z3Exception as problem:
        # Out of memory, mostly, and then the context is of no more use.
        return _unknown(session, f"the solver gave up: {_words(problem)}")


def _words(problem: Exception) -> str:
    said = problem.args[0] if problem.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _unknown(session: Session, reason: str) -> Proof:
    return Proof(
        "unknown",
        "none",
        reason=reason,
        findings=tuple(session.findings),
        rlimit=session.z3.spent,
    )


def _with_reason(explored: Proof, cut: Proof | None) -> Proof:
    """What holds within a bound, with the reason why it is not proved beyond it."""
    if explored.outcome != "bounded" or cut is None or explored.reason:
        return explored
    return replace(explored, reason=cut.reason)


def _cut(session: Session) -> Proof | None:
    """By the strategy that the code's form asks for; once more with what helpers keep."""
    with T.fresh_table():
        first = session.derive(Plan(), Mode())
        helped = bool(helper_contracts.definitions())
        found = helper_contracts.domains(session) if helped else {}
        if not found:
            proof = _by_form(session, first)
    if found:
        session.helpers = found
        with T.fresh_table():
            proof = _by_form(session, session.derive(Plan(), Mode()))
    if not helped or (proof is not None and proof.outcome != "unknown"):
        return proof
    more = helper_contracts.lemmas(session)
    if not more:
        return proof
    session.helpers = more
    with T.fresh_table():
        return _by_form(session, session.derive(Plan(), Mode()))


def _by_form(session: Session, first: Derivation) -> Proof | None:
    if not first.loops and not first.recursive:
        return straight.prove(session, first)
    if first.loops and not first.recursive:
        return invariants.prove(session, first)
    return recursion.prove(session, first)


def _search(session: Session) -> Proof:
    cut: Proof | None = None
    try:
        cut = _cut(session)
    except Unsupported as problem:
        session.findings.append(problem.sentence())
        cut = _unknown(session, problem.sentence())
    if cut is not None and cut.outcome in ("proved", "refuted"):
        return cut
    complete = paths.exhaust(session)
    if complete is not None:
        return complete
    explored = bounded.prove(session)
    if explored is not None and (
        explored.outcome == "refuted" or cut is None or cut.outcome == "unknown"
    ):
        return _with_reason(explored, cut)
    if cut is None or cut.outcome == "unknown":
        explored = paths.prove(session)
        if explored is not None:
            return _with_reason(explored, cut)
    return cut if cut is not None else _unknown(session, "no strategy found a proof")
