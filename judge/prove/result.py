"""What proving comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from judge.verdict import Obligation

Outcome = Literal["proved", "partial", "bounded", "refuted", "unknown"]


@dataclass(frozen=True, slots=True)
class Proof:
    """The prover's finding, with everything that is needed to check it again.

    ``refuted`` is a claim: ``args`` come from a solver's model and count only when they replay.
    ``certain`` says that our own semantics, run on them, breaks the contract too: should CPython
    then not agree, the encoding is wrong. Without it a model may simply have made up what the
    formula leaves open.
    ``plan`` with code and contract gives ``obligations`` again through ``derive``.
    """

    outcome: Outcome
    method: str
    bound: str | None = None
    obligations: tuple[Obligation, ...] = ()
    invariants: tuple[str, ...] = ()
    plan: str = ""
    args: tuple[object, ...] | None = None
    certain: bool = False
    reason: str | None = None
    assumptions: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    rlimit: int = 0
