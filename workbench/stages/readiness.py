"""Is there enough to train on: rows, rows of each category, held-out tasks, duplicates.

Looks at one snapshot. What it finds is told as an event, so that a screen can say it; that a
snapshot has become ready is said once to the settings' webhook. The caller decides whether to
start. What it is not: a promise that training will help.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlmodel import col, func, select

from workbench.errors import InputError
from workbench.stages.events import Reporter
from workbench.stages.notify import notify
from workbench.stages.training_rows import snapshot_examples
from workbench.store.canonical import parse
from workbench.store.database import Store
from workbench.store.tables import EventRow, SnapshotRow, TaskRow

__all__ = ["Demand", "Readiness", "readiness"]


@dataclass(frozen=True, slots=True)
class Demand:
    """What has to be there."""

    rows: int = 1_000
    per_category: int = 20
    held_out: int = 100
    duplicates: float = 0.05
    """The largest share of rows whose code an earlier row already has for the same prompt or
    another."""

    def __post_init__(self) -> None:
        if self.rows < 1 or min(self.per_category, self.held_out) < 0:
            raise InputError(
                "A dataset of no rows is never ready.", "Give --rows of 1 or more, the rest 0 on."
            )
        if not 0 <= self.duplicates <= 1:
            raise InputError(
                f"--duplicates {self.duplicates:g} is no share.", "Give one between 0 and 1."
            )


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is there, and a sentence for each thing that is missing."""

    snapshot_id: str
    rows: int
    categories: dict[str, int]
    held_out: int
    duplicates: float
    missing: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    @property
    def sentence(self) -> str:
        """Say it."""
        if self.ready:
            return f"{self.snapshot_id} is ready: {self.rows} rows, {self.held_out} held out."
        return f"{self.snapshot_id} is not ready: {' '.join(self.missing)}"


def readiness(store: Store, snapshot: SnapshotRow, demand: Demand | None = None) -> Readiness:
    """Compare a snapshot with what is demanded, and tell the outcome as an event of its round."""
    from distill.dedupe import normalised

    demand = demand or Demand()
    rows = snapshot_examples(store, snapshot)
    categories = Counter(row.category or "none" for row in rows)
    forms = {normalised(row.completion) for row in rows}
    duplicates = 1 - len(forms) / len(rows) if rows else 0.0
    with store.read() as session:
        held_out = session.exec(
            select(func.count()).select_from(TaskRow).where(TaskRow.split == "eval")
        ).one()
    missing = []
    if len(rows) < demand.rows:
        missing.append(f"{len(rows)} rows of {demand.rows}.")
    thin = {name: n for name, n in sorted(categories.items()) if n < demand.per_category}
    if thin:
        said = ", ".join(f"{name} {count}" for name, count in thin.items())
        missing.append(f"Fewer than {demand.per_category} rows in: {said}.")
    if held_out < demand.held_out:
        missing.append(f"{held_out} held-out tasks of {demand.held_out}.")
    if duplicates > demand.duplicates:
        missing.append(
            f"{duplicates:.0%} of the rows repeat another's code; at most {demand.duplicates:.0%}."
        )
    found = Readiness(
        snapshot.id, len(rows), dict(sorted(categories.items())), held_out,
        round(duplicates, 6), tuple(missing),
    )  # fmt: skip
    reporter = Reporter(store, None, snapshot.round_id)
    data = {"ready": found.ready, "snapshot": snapshot.id}
    if found.ready and not _said(store, snapshot):
        failed = notify(store.settings, found.sentence, {"snapshot": snapshot.id})
        if failed is not None:
            reporter.error("readiness", f"Nobody was told: {failed}.")
            data["told"] = False
    reporter.note("readiness", found.sentence, data)
    return found


def _said(store: Store, snapshot: SnapshotRow) -> bool:
    """Whether it was told already that this snapshot is ready."""
    query = (
        select(EventRow.data_json)
        .where(EventRow.stage == "readiness", EventRow.kind == "note")
        .where(EventRow.round_id == snapshot.round_id)
        .order_by(col(EventRow.id).desc())
    )
    with store.read() as session:
        told = [parse(text) for text in session.exec(query)]
    return any(
        one["snapshot"] == snapshot.id and one["ready"] and one.get("told", True) for one in told
    )
