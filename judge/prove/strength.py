"""How much a plan's obligations prove at most, told from code, contract and plan alone.

The obligations do not say it: those of an unrolled loop, or of a loop without a measure, are as
true as any, and somebody could call them a proof. What it is not: a check that they hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from judge.contract import Contract
from judge.prove.paths import assumptions_within
from judge.subset import Refusal, read
from judge.symbolic import term as T
from judge.symbolic.function import derivation
from judge.symbolic.plan import Mode, Plan
from judge.symbolic.values import Unsupported


@dataclass(frozen=True, slots=True)
class Strength:
    """The best outcome that a plan can stand for, and what it takes for granted."""

    outcome: Literal["proved", "partial", "bounded"]
    assumptions: tuple[str, ...]


def strength(
    code: str, entry_point: str, contract: Contract, plan: str, signature: str | None
) -> Strength:
    """See ``judge.prove.strength``."""
    read_plan = Plan.loads(plan)
    rounds = read_plan.bound.get("rounds")
    mode = Mode(unroll=rounds, depth=rounds) if rounds is not None else Mode()
    try:
        candidate = read(code, entry_point, contract.helpers, signature)
        if "paths" in read_plan.bound and read_plan.bound.get("complete", 0) == 1:
            # What lies beyond the bound is owed as goals, so nothing is left out.
            return Strength("proved", assumptions_within(candidate, contract, read_plan))
        with T.fresh_table():
            run = derivation(candidate, contract, read_plan, mode)
    except (Unsupported, Refusal) as problem:
        if "paths" in read_plan.bound:
            # Explored path by path: what a cut run does not model is no obstacle there.
            return Strength("bounded", ())
        said = problem.sentence() if isinstance(problem, Unsupported) else str(problem)
        raise ValueError(said) from None
    assumptions = tuple(sorted(run.assumptions))
    if read_plan.bound or run.bounded:
        return Strength("bounded", assumptions)
    return Strength("partial" if run.partial else "proved", assumptions)
