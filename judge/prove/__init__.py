"""Proving a candidate against its contract: the prover's front door.

``prove`` searches and runs Z3 in this process: call it in a worker that can be killed. ``derive``
needs neither search nor solver and gives the same bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from judge.contract import Budget, Contract
from judge.obligation import ENCODER_VERSION
from judge.prove.result import Proof
from judge.prove.strength import Strength
from judge.verdict import Obligation

__all__ = ["ENCODER_VERSION", "Proof", "Strength", "derive", "prove", "satisfiable", "strength_of"]


def prove(
    code: str,
    entry_point: str,
    contract: Contract,
    budget: Budget,
    *,
    signature: str | None = None,
    hints: Sequence[str] = (),
    sandbox: object | None = None,
    doubt: Callable[[], bool] | None = None,
) -> Proof:
    """Prove that ``entry_point`` of ``code`` keeps ``contract`` on every input, or say why not.

    ``hints`` are invariants as Python expressions over the loop's names; they are checked like any
    other, never trusted. Work is bounded by ``budget.rlimit`` only. ``sandbox`` is accepted for
    callers that have one; the search needs none, because it never runs candidate code. ``doubt`` is
    asked once where a proof takes long: whether an input is known that breaks the contract, and
    then the search for a proof ends.
    """
    from judge.prove.portfolio import run

    return run(code, entry_point, contract, budget, signature, hints, doubt)


def derive(
    code: str,
    entry_point: str,
    contract: Contract,
    plan: str,
    *,
    signature: str | None = None,
) -> tuple[Obligation, ...]:
    """The obligations of a finished plan: no search, no solver, the same bytes on every machine.

    Raises ``ValueError`` with the reason when the plan does not fit the code.
    """
    from judge.prove.derivation import derive as run

    return run(code, entry_point, contract, plan, signature)


def satisfiable(
    contract: Contract, signature: str, budget: Budget
) -> tuple[str, tuple[object, ...] | None]:
    """Whether any input meets the preconditions: (``sat``/``unsat``/``unknown``, such an input)."""
    from judge.prove.derivation import satisfiable as run

    return run(contract, signature, budget)


def strength_of(
    code: str,
    entry_point: str,
    contract: Contract,
    plan: str,
    *,
    signature: str | None = None,
) -> Strength:
    """How much a finished plan proves at most: ``proved``, ``partial`` or ``bounded``.

    A verifier needs it beside ``derive``, because unrolled or endless loops have true obligations
    too. Raises ``ValueError`` with the reason when the plan does not fit the code.
    """
    from judge.prove.strength import strength as run

    return run(code, entry_point, contract, plan, signature)
