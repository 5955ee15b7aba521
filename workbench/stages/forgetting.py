"""Over rounds: what a student can no longer do, and how much each round's rows brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import col, select

from workbench.errors import StageError
from workbench.settings import Settings
from workbench.stages.contest import Budget, contest_tasks
from workbench.stages.duel import Duel, run_duel
from workbench.stages.events import Listener
from workbench.store.database import Store
from workbench.store.tables import RoundRow, SnapshotRow, SourceRow
from workbench.tasks import Task

if TYPE_CHECKING:
    from distill.evaluate import Paired

__all__ = ["CurvePoint", "forgetting", "learning_curve", "right_words"]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One evaluated round: rows it was trained on, and its paired figures."""

    round_id: str
    rows: int
    figures: Paired
    promoted: bool


def right_words(tasks: Sequence[Task]) -> tuple[str, ...]:
    """Return the verdicts that are right on ``tasks``: proofs where there are contracts."""
    if any(task.ensures for task in tasks):
        return ("proved",)
    return ("proved", "bounded", "tested")


def forgetting(
    store: Store,
    settings: Settings,
    round_id: str,
    *,
    file: Path | None = None,
    on_event: Listener | None = None,
) -> Duel:
    """Compare the round's student with the one before it on what was asked before this round.

    On the held-out tasks of all earlier rounds, or those of ``file``. Raises ``StageError`` when
    the round has no student, or there was nothing before it.
    """
    from workbench.stages.rounds import config_of

    config = config_of(store, round_id)
    with store.read() as session:
        row = session.get(RoundRow, round_id)
        assert row is not None  # config_of found it
        before = session.get(SourceRow, row.base_source_id) if row.base_source_id else None
        adapter = row.adapter_id
    if adapter is None or before is None:
        raise StageError(
            f"Round {round_id} has no trained student yet.", f"Run: workbench train {round_id}"
        )
    tasks = contest_tasks(store, file=file, earlier_than=None if file else round_id)
    assert config.base is not None  # decided when the round was planned
    return run_duel(
        store, settings, (before.adapter_id or "base", adapter), tasks,
        base=config.base, budget=Budget(max_tokens=config.student_tokens),
        counts=right_words(tasks), on_event=on_event,
    )  # fmt: skip


def learning_curve(store: Store) -> list[CurvePoint]:
    """Return every evaluated round's figures, in the order of the rounds."""
    from workbench.stages.rounds import result_of

    with store.read() as session:
        rows = session.exec(select(RoundRow).order_by(col(RoundRow.number))).all()
        sizes = {row.id: row.rows for row in session.exec(select(SnapshotRow))}
    points = []
    for row in rows:
        found = result_of(store, row.id).figures
        if found is not None:
            points.append(
                CurvePoint(
                    row.id, sizes.get(row.snapshot_id or "", 0), found.overall, bool(row.promoted)
                )
            )
    return points
