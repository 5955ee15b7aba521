"""A person's word beside a verdict: written next to it, never over it.

Append-only. The judge's verdict stays as it is and every other reader still sees it; clearing an
override is one more row.
"""

from __future__ import annotations

from typing import Literal

from workbench.errors import InputError, NotFoundError
from workbench.store.database import Store
from workbench.store.tables import OverrideRow, VerdictRow

Decision = Literal["accept", "reject", "clear"]


def record_override(
    store: Store, verdict_id: int, decision: Decision, *, reason: str, author: str
) -> int:
    """Add a person's decision about a verdict and return its id.

    Raises ``InputError`` without a reason or an author (a decision nobody can explain is no
    decision) and ``NotFoundError`` for an unknown verdict.
    """
    if decision not in ("accept", "reject", "clear"):
        raise InputError(f"{decision!r} is not a decision.", "Use “accept”, “reject” or “clear”.")
    if not reason.strip() and decision != "clear":
        raise InputError("An override needs a reason.", "Say in one line why.")
    if not author.strip():
        raise InputError("An override needs an author.", "Say who decides.")
    with store.write() as session:
        if session.get(VerdictRow, verdict_id) is None:
            raise NotFoundError(f"There is no verdict {verdict_id}.", "Open it from the matrix.")
        row = OverrideRow(
            verdict_id=verdict_id,
            decision=decision,
            reason=reason.strip() or "cleared",
            author=author.strip(),
        )
        session.add(row)
        session.flush()
        assert row.id is not None
        return row.id
