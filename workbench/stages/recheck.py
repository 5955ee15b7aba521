"""Re-check one stored verdict now: its obligations, out of the blobs, through both solvers.

Nothing is assumed and nothing is stored: the answer is for the person who asks. What this does not
do is derive the obligations from the code again; ``workbench judge`` does that.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import NotFoundError
from workbench.store.database import Store

if TYPE_CHECKING:
    from judge.recheck import RecheckReport

__all__ = ["Rechecked", "recheck_verdict"]


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What both solvers say today about a verdict's obligations."""

    verdict_id: int
    task_id: str
    word: str
    report: RecheckReport

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values, one row an obligation."""
        return {
            "verdict": self.verdict_id,
            "task": self.task_id,
            "word": self.word,
            "outcome": self.report.outcome.value,
            "obligations": [
                {
                    "kind": row.obligation.kind,
                    "text": row.obligation.text,
                    "expected": row.obligation.expected,
                    "digest": row.obligation.digest,
                    "outcome": row.outcome.value,
                    "answers": [asdict(answer) for answer in row.answers],
                }
                for row in self.report.rows
            ],
        }


def recheck_verdict(store: Store, verdict_id: int) -> Rechecked:
    """Ask Z3 and cvc5 about every obligation of a verdict.

    Raises ``NotFoundError`` for an unknown verdict and ``StoreError`` when a formula's bytes are
    not what its digest says.
    """
    from sqlmodel import col, select

    from judge.recheck import check
    from judge.verdict import Obligation
    from workbench.store.tables import ObligationRow, VerdictRow

    with store.read() as session:
        verdict = session.get(VerdictRow, verdict_id)
        if verdict is None:
            raise NotFoundError(
                f"There is no verdict {verdict_id}.", "Open it from the dashboard's matrix."
            )
        rows = session.exec(
            select(ObligationRow)
            .where(ObligationRow.verdict_id == verdict_id)
            .order_by(col(ObligationRow.position))
        ).all()
    obligations = [
        Obligation(
            kind=row.kind,
            text=row.text,
            smt2=store.blobs.text(row.digest),
            digest=row.digest,
            logic=row.logic,
            expected=row.expected,
            line=row.line,
        )
        for row in rows
    ]
    report = check(obligations, solvers=("z3", "cvc5"), rlimit=store.settings.rlimit)
    return Rechecked(verdict_id, verdict.task_id, verdict.verdict, report)
