"""What a training reads besides its snapshot: rows of earlier rounds, and measured pass rates.

The snapshot itself is never changed; a pass rate is put beside a row's facts when it is trained on.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlmodel import col, select

from workbench.store.database import Store
from workbench.store.tables import RoundRow, SnapshotRow, VerdictRow

if TYPE_CHECKING:
    from distill.example import Example

__all__ = ["earlier_examples", "snapshot_examples", "with_pass_rates"]

_RIGHT = ("proved", "bounded", "tested")
_WRONG = ("partial", "refuted", "unsafe", "malformed")


def snapshot_examples(store: Store, snapshot: SnapshotRow) -> list[Example]:
    """Return a snapshot's rows as training examples, in order."""
    from distill.example import Example

    examples: list[Example] = []
    for line in store.blobs.text(snapshot.digest).splitlines():
        row = json.loads(line)
        row["messages"] = tuple((role, text) for role, text in row["messages"])
        examples.append(Example(**row))
    return examples


def earlier_examples(store: Store, round_id: str) -> list[Example]:
    """Return the rows of all earlier rounds' snapshots, the latest round first."""
    with store.read() as session:
        this = session.get(RoundRow, round_id)
        assert this is not None
        query = (
            select(SnapshotRow)
            .join(RoundRow, col(RoundRow.snapshot_id) == col(SnapshotRow.id))
            .where(RoundRow.number < this.number)
            .order_by(col(RoundRow.number).desc())
        )
        snapshots = list(session.exec(query))
    return [row for snapshot in snapshots for row in snapshot_examples(store, snapshot)]


def with_pass_rates(store: Store, examples: list[Example]) -> list[Example]:
    """Return the rows with the share of their task's judged candidates that are right.

    A task's pass rate counts every candidate once, whoever wrote it; what the judge could not tell
    counts neither way. Every row has one: its own answer was judged.
    """
    from distill.rows import PASS_RATE

    wanted = sorted({row.task_id for row in examples})
    verdicts: dict[str, dict[str, bool]] = defaultdict(dict)
    with store.read() as session:
        for begin in range(0, len(wanted), 500):
            query = (
                select(VerdictRow.task_id, VerdictRow.candidate_id, VerdictRow.verdict)
                .where(col(VerdictRow.task_id).in_(wanted[begin : begin + 500]))
                .where(col(VerdictRow.verdict).in_([*_RIGHT, *_WRONG]))
                .order_by(col(VerdictRow.id))
            )
            for task, candidate, verdict in session.exec(query):
                verdicts[task][candidate] = verdict in _RIGHT
    rates = {task: sum(found.values()) / len(found) for task, found in verdicts.items()}
    return [
        replace(row, facts={**row.facts, PASS_RATE: rates[row.task_id]})
        if row.task_id in rates
        else row
        for row in examples
    ]
