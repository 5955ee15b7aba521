"""Select: gather what the rule reads, apply it, and freeze the winners as a dataset.

The rule itself is pure and lives in ``selection_rule``. Everything it read is kept as a blob beside
the snapshot, so that the choice can be made again by somebody who trusts nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import col, delete, select

from workbench.errors import InputError, StageError
from workbench.settings import Settings
from workbench.stages.events import Reporter
from workbench.stages.field import Field
from workbench.stages.filtering import filter_rows, filtered_inputs
from workbench.stages.selection_rule import MARGIN, RULE, apply_rule, funnel
from workbench.store.canonical import canonical, digest, parse
from workbench.store.database import Store
from workbench.store.tables import (
    ExampleRow,
    RoundRow,
    RoundTaskRow,
    SelectionRow,
    SnapshotRow,
    TaskRow,
)
from workbench.tasks import Task, task_of

if TYPE_CHECKING:
    from distill.example import Example
    from distill.filter_config import Filters

__all__ = ["SelectReport", "SelectionPolicy", "select_winners", "train_tasks"]

GATES = ("proved", "bounded", "tested")


@dataclass(frozen=True, slots=True)
class SelectionPolicy:
    """What may win: the lowest verdict accepted, how the terms of the score are weighed, and how
    near to the best a score has to be for simplicity to decide."""

    minimum: str = "proved"
    verification: float = 0.5
    agreement: float = 0.3
    history: float = 0.2
    margin: float = MARGIN

    def as_json(self) -> dict[str, Any]:
        """Return it as the rule reads it; raise ``InputError`` for a minimum that is no gate."""
        if self.minimum not in GATES:
            raise InputError(
                f"{self.minimum!r} cannot be the lowest verdict that wins.",
                f"Use one of {', '.join(GATES)}.",
            )
        return {
            "accept": list(GATES[: GATES.index(self.minimum) + 1]),
            "weights": {
                "verification": self.verification,
                "agreement": self.agreement,
                "history": self.history,
            },
            "margin": self.margin,
        }


@dataclass(frozen=True, slots=True)
class SelectReport:
    """What was chosen."""

    snapshot_id: str
    rows: int
    funnel: Mapping[str, int]

    @property
    def sentence(self) -> str:
        """Say it."""
        f = self.funnel
        return (
            f"{f['winners']} winners for {f['tasks']} tasks, out of {f['candidates']} candidates "
            f"({f['verified']} verified, {f['trainable']} of them may be trained on)"
            + (f"; {f['removed']} filtered out." if f["removed"] else ".")
        )


def select_winners(
    store: Store,
    settings: Settings,
    round_id: str,
    *,
    policy: SelectionPolicy | None = None,
    filters: Filters | None = None,
    reporter: Reporter | None = None,
    attach: bool = True,
) -> SelectReport:
    """Choose the winners of a round, filter them and freeze the rest as its dataset.

    Doing it again gives the same snapshot. Without ``attach`` the snapshot stands beside the one
    that the round trains on.
    """
    reporter = reporter or Reporter(store, None, round_id)
    policy = policy or SelectionPolicy()
    tasks = train_tasks(store, round_id)
    reporter.start("select", len(tasks), f"{len(tasks)} tasks")
    field = Field.of(store, settings, round_id, tasks)
    inputs = {"rule": RULE, "policy": policy.as_json(), "tasks": field.records(reporter)}
    selections = apply_rule(inputs)
    won = [choice for choice in selections if choice["answer"] is not None]
    examples = [field.example(choice) for choice in won]
    filtered = filter_rows(store, settings, examples, filters, tasks, kept=field.restored(won))
    inputs |= filtered_inputs(filtered)
    counts = funnel(inputs)
    text = "".join(canonical_line(example) for example in filtered.rows)
    report = _freeze(
        store, field, round_id, canonical(inputs), text, selections, counts, attach=attach
    )
    reporter.done("select", report.sentence, {"funnel": dict(counts)})
    return report


def canonical_line(example: Example) -> str:
    """Return one dataset row as a snapshot holds it, with its line end."""
    from dataclasses import asdict

    return canonical(asdict(example)) + "\n"


def train_tasks(store: Store, round_id: str) -> list[Task]:
    """Return the round's training tasks in their fixed order; ``StageError`` if it has none."""
    query = (
        select(TaskRow)
        .join(RoundTaskRow, col(RoundTaskRow.task_id) == col(TaskRow.id))
        .where(RoundTaskRow.round_id == round_id, RoundTaskRow.role == "train")
        .order_by(col(RoundTaskRow.position))
    )
    with store.read() as session:
        tasks = [task_of(row) for row in session.exec(query)]
    if not tasks:
        raise StageError(f"Round {round_id} has no training tasks.", "Plan it again with some.")
    return tasks


def _freeze(
    store: Store,
    field: Field,
    round_id: str,
    inputs: str,
    text: str,
    selections: Sequence[Mapping[str, Any]],
    counts: Mapping[str, int],
    *,
    attach: bool,
) -> SelectReport:
    """Write blobs, then selections, snapshot and rows in one transaction."""
    inputs_digest = store.blobs.put_text(inputs)
    data_digest = store.blobs.put_text(text)
    gone = {one["task"] for one in parse(inputs)["removed"]}
    winners = [c for c in selections if c["answer"] is not None and c["task"] not in gone]
    snapshot_id = f"{round_id}-{digest(data_digest + inputs_digest)[:12]}"
    with store.write() as session:
        if attach:
            session.exec(delete(SelectionRow).where(col(SelectionRow.round_id) == round_id))
            session.add_all([_selection(field, round_id, choice) for choice in selections])
        if session.get(SnapshotRow, snapshot_id) is None:
            session.add(
                SnapshotRow(
                    id=snapshot_id,
                    round_id=round_id,
                    digest=data_digest,
                    rows=len(winners),
                    rule=RULE,
                    inputs_digest=inputs_digest,
                    funnel_json=canonical(dict(counts)),
                )
            )
            session.flush()
            for position, choice in enumerate(winners):
                session.add(_example_row(field, snapshot_id, position, choice))
        this = session.get(RoundRow, round_id)
        assert this is not None
        if attach:
            this.snapshot_id = snapshot_id
            session.add(this)
    return SelectReport(snapshot_id, len(winners), counts)


def _selection(field: Field, round_id: str, choice: Mapping[str, Any]) -> SelectionRow:
    verdict = field.verdicts.get((choice["candidate"] or "", choice["task"]))
    return SelectionRow(
        round_id=round_id,
        task_id=choice["task"],
        answer_id=choice["answer"],
        verdict_id=verdict.id if verdict is not None else None,
        score=choice["score"],
        terms_json=canonical(choice["terms"]),
        reason=choice["reason"],
    )


def _example_row(
    field: Field, snapshot_id: str, position: int, choice: Mapping[str, Any]
) -> ExampleRow:
    verdict = field.verdicts[(choice["candidate"], choice["task"])]
    assert verdict.id is not None
    return ExampleRow(
        snapshot_id=snapshot_id,
        position=position,
        task_id=choice["task"],
        source_id=choice["source"],
        answer_id=choice["answer"],
        verdict_id=verdict.id,
        candidate_id=choice["candidate"],
    )
