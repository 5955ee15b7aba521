"""Is a contract worth proving against, before any code is asked for?

It must be usable, satisfiable, total (no clause raises on an allowed input), hold for a reference,
and notice mutants of the reference. A mutant that passes is told apart from one that means the same
by a second, exact contract: the result is what the reference returns. What is not here: whether the
contract says what the person meant; only a person knows that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from judge import explain
from judge.contract import Budget, Contract, Submission
from judge.contract_check import contract_fault
from judge.mutate import Mutant, mutants, renamed
from judge.reading.source import Fault, read_source, signature_of

if TYPE_CHECKING:
    from judge.sandbox import Sandbox

ENOUGH = 0.9
"""Share of the mutants that are not equivalent which a contract must notice."""
_CASES = 400
_RIGHT = "_the_reference"


@dataclass(frozen=True, slots=True)
class Survivor:
    """A wrong version that the contract accepts, and an input on which it differs."""

    code: str
    change: str
    example: str


@dataclass(frozen=True, slots=True)
class Adequacy:
    """What is known about a contract. ``None`` in a field means that it was not asked."""

    verdict: Literal["ok", "weak", "vacuous", "bad", "unknown"]
    explanation: str
    satisfiable: str | None = None
    """sat, unsat or unknown, as a solver said of the precondition."""
    total: bool | None = None
    holds_for_reference: bool | None = None
    deterministic: bool | None = None
    """False when a survivor shows two results that the contract accepts for one input."""
    mutants: int = 0
    """How many were tried and differ from the reference; equivalent ones are not counted."""
    killed: int = 0
    equivalent: int = 0
    hung: int = 0
    """Mutants that ran out of resources and broke nothing else; not counted either way."""
    survivors: tuple[Survivor, ...] = ()

    @property
    def score(self) -> float | None:
        """Killed over tried, or None when no mutant was tried."""
        return self.killed / self.mutants if self.mutants else None


@dataclass(frozen=True, slots=True)
class Specimen:
    """A contract to be assessed, with what it belongs to; ``reference`` is trusted to be right."""

    contract: Contract
    signature: str
    entry_point: str
    reference: str | None = None


def assess(
    contract: Contract,
    signature: str,
    entry_point: str,
    reference: str | None = None,
    budget: Budget | None = None,
) -> Adequacy:
    """Assess one contract in a worker process; see ``assess_many``."""
    return next(assess_many([Specimen(contract, signature, entry_point, reference)], budget=budget))


def assess_many(
    specimens: Iterable[Specimen],
    *,
    jobs: int = 1,
    budget: Budget | None = None,
    on_done: Callable[[Adequacy], None] | None = None,
) -> Iterator[Adequacy]:
    """Yield one ``Adequacy`` a specimen, in input order, by ``jobs`` worker processes."""
    from judge.pool import run_many

    def failed(_: Specimen, reason: str, __: float) -> Adequacy:
        return Adequacy("unknown", f"The judge failed on this contract. {reason}")

    requests: Iterable[Specimen] = specimens
    return run_many(
        requests, jobs=jobs, budget=budget, on_done=on_done, result=Adequacy, on_failure=failed
    )


def assess_here(sandbox: Sandbox, specimen: Specimen, budget: Budget) -> Adequacy:
    """Assess in this process; callers go through the pool, whose workers can be killed."""
    if (fault := _unusable(specimen)) is not None:
        return Adequacy("bad", str(fault))
    from judge.prove import satisfiable

    contract = specimen.contract
    answer = satisfiable(contract, specimen.signature, budget)[0] if contract.requires else "sat"
    if answer == "unsat":
        asked = explain.conjunction(contract.requires)
        return Adequacy("vacuous", f"No input satisfies {asked}; any code would do.", "unsat")
    if not contract.ensures:
        text = "The contract has no postcondition, so any result would do."
        return Adequacy("weak", text, answer)
    if specimen.reference is None:
        text = "Usable; without a reference it is not known whether it notices wrong code."
        return Adequacy("unknown", text, answer)
    limits = replace(budget, cases=min(budget.cases, _CASES))
    found = _hold_to_reference(sandbox, specimen, limits)
    if found is not None:
        return replace(found, satisfiable=answer)
    return replace(_hunt(sandbox, specimen, limits), satisfiable=answer)


def _unusable(specimen: Specimen) -> Fault | None:
    shape = signature_of(specimen.signature)
    if isinstance(shape, Fault):
        return shape
    functions: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    if specimen.reference is not None:
        source = read_source(specimen.reference, specimen.entry_point, specimen.signature)
        if isinstance(source, Fault):
            return Fault(f"the reference cannot be used: {source}", source.line)
        functions, classes = source.functions - {specimen.entry_point}, source.classes
    names = [name for name, _ in shape.parameters]
    return contract_fault(specimen.contract, names, functions, classes)


def _submission(specimen: Specimen, code: str, contract: Contract | None = None) -> Submission:
    return Submission(
        "adequacy", specimen.entry_point, code, contract or specimen.contract,
        signature=specimen.signature,
    )  # fmt: skip


def _hold_to_reference(sandbox: Sandbox, specimen: Specimen, budget: Budget) -> Adequacy | None:
    """Say what is wrong between contract and reference, or None when nothing was found."""
    from judge.refute import search

    assert specimen.reference is not None
    submission = _submission(specimen, specimen.reference)
    report = search(sandbox, submission, budget)
    if report.unsafe is not None:
        return Adequacy("bad", f"The reference is unsafe: {report.unsafe}")
    if report.contract_error is not None:
        return Adequacy("bad", f"The contract is not total: {report.contract_error}", total=False)
    if report.counterexample is not None:
        text = explain.refutation(submission, report.counterexample)
        return Adequacy("bad", f"It does not hold for the reference: {text}", total=True,
                        holds_for_reference=False)  # fmt: skip
    if report.cases == 0:
        text = "No input inside the precondition was found, so nothing is known about it."
        return Adequacy("unknown", text)
    return None


def _hunt(sandbox: Sandbox, specimen: Specimen, budget: Budget) -> Adequacy:
    """Try every mutant against the contract, and survivors against the exact one."""
    from judge.refute import search

    assert specimen.reference is not None
    exact = _exact(specimen)
    killed = equivalent = hung = 0
    survivors: list[Survivor] = []
    partial: str | None = None
    for mutant in mutants(specimen.reference, specimen.entry_point):
        report = search(sandbox, _submission(specimen, mutant.code), budget)
        if report.counterexample or report.unsafe or report.malformed:
            killed += 1
            continue
        partial = partial or report.contract_error
        if report.cases == 0 or report.findings:
            hung += report.contract_error is None
            continue
        example = _difference(sandbox, specimen, mutant, exact, budget)
        if example is None:
            equivalent += 1
        else:
            survivors.append(Survivor(mutant.code, f"line {mutant.line}: {mutant.change}", example))
    found = _conclude(killed, equivalent, hung, tuple(survivors))
    if partial is None:
        return found
    text = f"A clause raises on a wrong result instead of refusing it: {partial}"
    return replace(found, verdict="weak", total=False, explanation=text)


def _exact(specimen: Specimen) -> Contract:
    """The strongest contract there is: the result is what the reference returns."""
    assert specimen.reference is not None
    shape = signature_of(specimen.signature)
    assert not isinstance(shape, Fault)
    args = ", ".join(f"old({name})" for name, _ in shape.parameters)
    code = renamed(specimen.reference, specimen.entry_point, _RIGHT)
    return replace(
        specimen.contract,
        ensures=(f"result == {_RIGHT}({args})",),
        helpers=f"{specimen.contract.helpers}\n{code}\n",
    )


def _difference(
    sandbox: Sandbox, specimen: Specimen, mutant: Mutant, exact: Contract, budget: Budget
) -> str | None:
    """Return a call on which the mutant differs from the reference, or None."""
    from judge.plain import call_text, value_text
    from judge.refute import minimise, search

    submission = _submission(specimen, mutant.code, exact)
    report = search(sandbox, submission, budget)
    if report.contract_error is not None:
        return report.contract_error
    if report.counterexample is None:
        return None
    found = minimise(sandbox, submission, report.counterexample)
    return f"{call_text(specimen.entry_point, found.args)} may also be {value_text(found.result)}"


def _conclude(killed: int, equivalent: int, hung: int, survivors: tuple[Survivor, ...]) -> Adequacy:
    tried = killed + len(survivors)
    share = killed / tried if tried else 1.0
    if not tried:
        text = "The reference has no mutant that differs from it, so nothing could be noticed."
    elif survivors:
        first = survivors[0]
        text = f"It notices {killed} of {tried} wrong versions; for instance {first.example}."
    else:
        text = f"It notices all {tried} wrong versions of the reference."
    return Adequacy(
        "ok" if tried and share >= ENOUGH else "weak",
        text,
        total=True,
        holds_for_reference=True,
        deterministic=not survivors,
        mutants=tried,
        killed=killed,
        equivalent=equivalent,
        hung=hung,
        survivors=survivors,
    )
