"""Is a frozen dataset still what the rule gives: blobs whole, winners the same, rows the same."""

from __future__ import annotations

import json

from sqlmodel import col, select

from workbench.errors import DamagedBlobError
from workbench.stages.selection_rule import apply_rule
from workbench.store.canonical import digest, parse
from workbench.store.database import Store
from workbench.store.tables import CandidateRow, ExampleRow, SnapshotRow, TaskRow

__all__ = ["check_snapshot"]


def check_snapshot(store: Store, snapshot: SnapshotRow) -> list[str]:
    """Return a sentence for everything that does not agree; an empty list is good."""
    try:
        rows = [json.loads(line) for line in store.blobs.text(snapshot.digest).splitlines()]
        inputs = parse(store.blobs.text(snapshot.inputs_digest))
    except DamagedBlobError as error:
        return [str(error)]
    try:
        winners = [choice for choice in apply_rule(inputs) if choice["answer"] is not None]
    except ValueError as error:
        return [f"The recorded rule cannot be applied: {error}."]
    gone = {one["task"] for one in inputs.get("removed", ())}
    problems = [
        f"A filter is said to have removed task {name!r}, which has no winner."
        for name in sorted(gone - {choice["task"] for choice in winners})
    ]
    winners = [choice for choice in winners if choice["task"] not in gone]
    if len(rows) != snapshot.rows:
        problems.append(f"The snapshot says {snapshot.rows} rows and holds {len(rows)}.")
    if [row["task_id"] for row in rows] != [choice["task"] for choice in winners]:
        problems.append(
            "The rows are not those of the rule's winners that no filter took, in their order."
        )
    return problems + _against_the_store(store, snapshot, rows, [w["answer"] for w in winners])


def _against_the_store(
    store: Store, snapshot: SnapshotRow, rows: list[dict[str, object]], answers: list[int]
) -> list[str]:
    problems: list[str] = []
    query = (
        select(ExampleRow)
        .where(ExampleRow.snapshot_id == snapshot.id)
        .order_by(col(ExampleRow.position))
    )
    with store.read() as session:
        kept = session.exec(query).all()
        if [row.answer_id for row in kept] != answers:
            problems.append("The store names other answers than the rule chooses.")
        for number, (row, example) in enumerate(zip(rows, kept, strict=False), start=1):
            candidate = session.get(CandidateRow, example.candidate_id)
            task = session.get(TaskRow, example.task_id)
            if candidate is None or digest(candidate.code) != candidate.id:
                problems.append(f"Row {number}: the candidate's code is not what its id names.")
            elif row["completion"] != candidate.code.strip("\n"):
                problems.append(f"Row {number} does not teach the code that won.")
            if task is None or task.split == "eval":
                problems.append(f"Row {number} teaches a held-out task.")
    return problems
