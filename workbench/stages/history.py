"""History: how often each source was right, by category, over this round and those before it."""

from __future__ import annotations

from collections import defaultdict

from sqlmodel import col, select

from workbench.settings import Settings
from workbench.stages.judge import verdicts_of
from workbench.store.database import Store
from workbench.store.tables import AnswerRow, RoundAnswerRow, RoundRow, TaskRow

__all__ = ["source_history"]

VERIFIED = ("proved", "bounded", "tested")


def source_history(
    store: Store, settings: Settings, round_id: str
) -> dict[tuple[str, str], tuple[int, int]]:
    """Count each source's scored answers by category, in this round and those before it.

    Every answer counts, winners and losers; an honest "cannot" and what the judge could not tell
    count as nothing; an answer without usable code counts as wrong.
    """
    from judge.verdict import Verdict

    with store.read() as session:
        this = session.get(RoundRow, round_id)
        number = this.number if this is not None else 0
        query = (
            select(AnswerRow, TaskRow.category)
            .join(RoundAnswerRow, col(RoundAnswerRow.answer_id) == col(AnswerRow.id))
            .join(RoundRow, col(RoundRow.id) == col(RoundAnswerRow.round_id))
            .join(TaskRow, col(TaskRow.id) == col(AnswerRow.task_id))
            .where(
                RoundRow.number <= number,
                col(RoundAnswerRow.role).in_(("teacher", "repair")),
                AnswerRow.finish == "stop",
            )
            .distinct()
        )
        rows = list(session.exec(query))
    found = verdicts_of(store, settings, [(r.candidate_id or "", r.task_id) for r, _ in rows])
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row, category in rows:
        if row.candidate_id is None:
            counts[(row.source_id, category)][1] += 1
            continue
        verdict = found.get((row.candidate_id, row.task_id))
        if verdict is None or not Verdict.of(verdict.verdict).scored:
            continue
        counts[(row.source_id, category)][0 if verdict.verdict in VERIFIED else 1] += 1
    return {key: (right, wrong) for key, (right, wrong) in counts.items()}
