"""Objectives and what to say when they are missed: passed-on questions, proved answers.

An alert is said once and stands until the objective is met again or somebody dismisses it. A share
is held against its objective only when its 95 % interval lies on the wrong side: a handful of
answers raises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from workbench.errors import NotFoundError
from workbench.settings import Settings
from workbench.stages.judge import verdicts_of
from workbench.store.database import Store
from workbench.store.tables import AlertRow, AnswerRow, now
from workbench.store.views import asking
from workbench.store.views.leaderboard import wilson

__all__ = ["check_fallback", "check_quality", "dismiss", "settle"]

_FEW = 10
"""Fewer than this raise nothing: one answer of one is not a rate."""


def check_fallback(store: Store, settings: Settings, policy: str) -> str | None:
    """Hold the share of questions that were passed on against its objective; return the alert."""
    with store.engine.connect() as connection:
        moved, total = asking.fallback_rate(connection, policy)
    low, _ = wilson(moved, total)
    share = moved / total if total else 0.0
    most = settings.max_fallback_rate
    message = (
        f"{moved} of the last {total} questions were passed on under the policy {policy!r} "
        f"({share:.0%}); the objective is at most {most:.0%}"
    )
    return settle(
        store,
        "fallback-rate",
        policy,
        message,
        value=share,
        objective=most,
        missed=total >= _FEW and low > most,
    )


def check_quality(store: Store, settings: Settings, answer_ids: Sequence[int]) -> list[str]:
    """Hold each source's share of proved answers among these against its objective."""
    with store.read() as session:
        rows: list[AnswerRow] = []
        for begin in range(0, len(answer_ids), 500):
            chunk = answer_ids[begin : begin + 500]
            rows += session.exec(select(AnswerRow).where(col(AnswerRow.id).in_(chunk)))
    found = verdicts_of(store, settings, [(r.candidate_id or "", r.task_id) for r in rows])
    counts: dict[str, list[int]] = {}
    for row in rows:
        if row.finish == "cannot":
            continue  # an honest no is no bad answer
        verdict = found.get((row.candidate_id or "", row.task_id))
        tally = counts.setdefault(row.source_id, [0, 0])
        tally[0] += verdict is not None and verdict.verdict == "proved"
        tally[1] += 1
    said = []
    for source, (proved, total) in sorted(counts.items()):
        _, high = wilson(proved, total)
        least = settings.min_quality
        message = (
            f"{source} proved {proved} of {total} answers ({proved / total:.0%}); the objective "
            f"is at least {least:.0%}"
        )
        missed = total >= _FEW and high < least
        said.append(
            settle(
                store, "quality", source, message,
                value=proved / total, objective=least, missed=missed,
            )
        )  # fmt: skip
    return [message for message in said if message is not None]


def dismiss(store: Store, alert_id: int) -> None:
    """Clear an alert by hand; ``NotFoundError`` when there is none with this number."""
    with store.write() as session:
        row = session.get(AlertRow, alert_id)
        if row is None:
            raise NotFoundError(f"There is no alert {alert_id}.", "See: workbench sources alerts")
        row.cleared_at = row.cleared_at or now()
        session.add(row)


def settle(
    store: Store,
    kind: str,
    subject: str,
    message: str,
    *,
    value: float,
    objective: float,
    missed: bool,
) -> str | None:
    """Raise, renew or clear the alert of one objective; return its message while it stands."""
    with store.write() as session:
        standing = _standing(session, kind, subject)
        if not missed:
            if standing is not None:
                standing.cleared_at = now()
                session.add(standing)
            return None
        row = standing or AlertRow(
            kind=kind, subject=subject, message=message, value=value, objective=objective
        )
        row.message, row.value, row.objective = message, value, objective
        session.add(row)
    return message


def _standing(session: Session, kind: str, subject: str) -> AlertRow | None:
    return session.exec(
        select(AlertRow).where(
            AlertRow.kind == kind, AlertRow.subject == subject, col(AlertRow.cleared_at).is_(None)
        )
    ).first()
