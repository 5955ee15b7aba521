"""Obligations again from a finished plan, and the preconditions on their own."""

from __future__ import annotations

from judge.contract import Budget, Contract
from judge.obligation import companion
from judge.prove.paths import obligations_within
from judge.prove.session import decide, obligations_of
from judge.prove.solver import Z3
from judge.prove.witness import arguments
from judge.subset import Refusal, read
from judge.symbolic import term as T
from judge.symbolic.function import derivation
from judge.symbolic.plan import Mode, Plan
from judge.symbolic.values import Unsupported
from judge.verdict import Obligation


def derive(
    code: str, entry_point: str, contract: Contract, plan: str, signature: str | None
) -> tuple[Obligation, ...]:
    """See ``judge.prove.derive``."""
    read_plan = Plan.loads(plan)
    rounds = read_plan.bound.get("rounds")
    mode = Mode(unroll=rounds, depth=rounds) if rounds is not None else Mode()
    try:
        candidate = read(code, entry_point, contract.helpers, signature)
        if "paths" in read_plan.bound:
            return obligations_within(candidate, contract, read_plan)
        with T.fresh_table():
            return obligations_of(derivation(candidate, contract, read_plan, mode))
    except Unsupported as problem:
        raise ValueError(problem.sentence()) from None
    except Refusal as problem:
        raise ValueError(str(problem)) from None


def satisfiable(
    contract: Contract, signature: str, budget: Budget
) -> tuple[str, tuple[object, ...] | None]:
    """See ``judge.prove.satisfiable``."""
    text = signature.strip().rstrip(":")
    name = text.removeprefix("def ").split("(")[0].strip()
    try:
        candidate = read(f"{text}: pass", name, contract.helpers, None)
        asked = Contract(requires=contract.requires, helpers=contract.helpers)
        with T.fresh_table():
            derived = derivation(candidate, asked, Plan(), Mode())
            one = companion(derived.preconditions)
    except (Unsupported, Refusal):
        return "unknown", None
    z3 = Z3(budget.rlimit)
    answer, model = decide(z3, one.smt2, budget.rlimit)
    if answer != "sat":
        return answer, None
    return answer, arguments(z3, model, derived.shapes)
