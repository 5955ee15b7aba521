"""A second solver of another lineage over the same obligations: confirmed, single or disputed.

The prover's Z3 has already answered, so judging asks cvc5 only; checking a stranger's certificate
asks both. A goal is expected ``unsat``, a non-vacuity companion ``sat``; one contradicting answer
disputes everything. Not here: whether the obligations say what the code does (that is re-deriving).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from judge.answers import Answers
from judge.identity import solver_versions
from judge.sexpr import SmtError
from judge.smtlib import Script, read
from judge.solve import Answer, Result, SolverName, Solvers, shared_solvers
from judge.verdict import Obligation, Recheck

__all__ = ["RecheckReport", "RecheckRow", "check"]

DEFAULT_RLIMIT = 20_000_000
TOGETHER_RLIMIT = 400_000
"""For each obligation of a batch; what needs more is asked about alone."""


@dataclass(frozen=True, slots=True)
class RecheckRow:
    """What the solvers said about one obligation."""

    obligation: Obligation
    outcome: Recheck
    answers: tuple[Answer, ...]

    @property
    def sentence(self) -> str:
        """One line for people: the clause, what was expected, what each solver said."""
        said = ", ".join(
            f"{a.solver} {a.result}" + (f" ({a.reason})" if a.reason else "") for a in self.answers
        )
        return f"{self.obligation.kind} {self.obligation.text!r}: {said}"


@dataclass(frozen=True, slots=True)
class RecheckReport:
    """The outcome over all obligations of one verdict, with a row for each."""

    outcome: Recheck
    rows: tuple[RecheckRow, ...] = ()

    @property
    def rlimit(self) -> int:
        """Resources used, summed over the solvers in their own units."""
        return sum(answer.rlimit for row in self.rows for answer in row.answers)

    @property
    def disputed(self) -> tuple[RecheckRow, ...]:
        """The rows in which a solver contradicts what was claimed."""
        return tuple(row for row in self.rows if row.outcome is Recheck.DISPUTED)


def check(
    obligations: Sequence[Obligation],
    *,
    rlimit: int = DEFAULT_RLIMIT,
    solvers: Sequence[SolverName] = ("cvc5",),
    pool: Solvers | None = None,
    known: Answers | None = None,
) -> RecheckReport:
    """Ask ``solvers`` about every obligation; ``rlimit`` is Z3 units for each obligation.

    With ``("cvc5",)`` the caller vouches that Z3 has answered as expected. With both, nothing is
    assumed. CONFIRMED needs every goal unsat twice; a companion needs one sat and no unsat.
    ``known`` is what cvc5 said before; whoever checks a stranger's evidence gives none.
    """
    pool = pool or shared_solvers()
    early = _before(known, obligations) if known is not None and "cvc5" in solvers else {}
    if "cvc5" in solvers:
        asked = [o for o in obligations if o.digest not in early]
        said = _together(pool, asked, rlimit, thorough=len(solvers) > 1) if asked else {}
        if known is not None:
            _keep(known, asked, said)
        early = {**early, **said}
    rows: list[RecheckRow] = []
    for obligation in obligations:
        answers = tuple(
            early[obligation.digest]
            if name == "cvc5" and obligation.digest in early
            else pool.solve(name, obligation.smt2, rlimit=rlimit)
            for name in solvers
        )
        rows.append(RecheckRow(obligation, _row(obligation, answers), answers))
    return RecheckReport(_worst(rows), tuple(rows))


def _before(known: Answers, obligations: Sequence[Obligation]) -> dict[str, Answer]:
    """What cvc5 answered as expected on an earlier day."""
    version = dict(solver_versions()).get("cvc5", "")
    found: dict[str, Answer] = {}
    for obligation in obligations:
        said = known.get("cvc5", obligation.smt2)
        if said is not None and said[0] == obligation.expected:
            word: Result = "sat" if said[0] == "sat" else "unsat"
            found[obligation.digest] = Answer("cvc5", version, word, "", said[1])
    return found


def _keep(known: Answers, asked: Sequence[Obligation], said: dict[str, Answer]) -> None:
    for obligation in asked:
        answer = said.get(obligation.digest)
        if answer is not None:
            known.put("cvc5", obligation.smt2, answer.result, answer.rlimit)


def _together(
    pool: Solvers, obligations: Sequence[Obligation], rlimit: int, *, thorough: bool
) -> dict[str, Answer]:
    """What cvc5 answers as expected when it is asked about everything at once.

    Whatever it says otherwise there does not count: that obligation is asked about alone. Only of a
    companion that it does not decide there no more is asked, unless it is to be ``thorough``: Z3
    has found the one model that is needed, and cvc5 looks for one among quantifiers for very long.
    """
    scripts: dict[str, Script] = {}
    for obligation in obligations:
        try:
            scripts[obligation.digest] = read(obligation.smt2)
        except SmtError:
            continue  # asked about alone, it comes back with the reader's sentence
    limit = min(rlimit, TOGETHER_RLIMIT)
    found = pool.solve_batch(list(scripts.values()), rlimit=limit)
    expected = {obligation.digest: obligation.expected for obligation in obligations}
    undecided = Answer("cvc5", dict(solver_versions()).get("cvc5", ""), "unknown", "with others")
    together: dict[str, Answer] = {}
    for digest, answer in zip(scripts, found, strict=True):
        if answer is not None and answer.result == expected[digest]:
            together[digest] = answer
        elif answer is None and expected[digest] == "sat" and not thorough:
            together[digest] = undecided
    return together


def _row(obligation: Obligation, answers: Sequence[Answer]) -> Recheck:
    expected = obligation.expected
    against = {"unsat": "sat", "sat": "unsat"}[expected]
    agreeing = {answer.solver for answer in answers if answer.result == expected}
    if any(answer.result == against for answer in answers):
        return Recheck.DISPUTED
    if {answer.solver for answer in answers} == {"cvc5"}:
        agreeing.add("z3")
    needed = 2 if expected == "unsat" else 1
    if len(agreeing) >= needed:
        return Recheck.CONFIRMED
    return Recheck.SINGLE if agreeing else Recheck.NONE


def _worst(rows: Sequence[RecheckRow]) -> Recheck:
    outcomes = {row.outcome for row in rows}
    for outcome in (Recheck.DISPUTED, Recheck.NONE, Recheck.SINGLE, Recheck.CONFIRMED):
        if outcome in outcomes:
            return outcome
    return Recheck.NONE
