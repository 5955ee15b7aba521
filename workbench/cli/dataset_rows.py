"""``workbench dataset funnel|removed|exclude|restore|mask``: why rows are there or not."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workbench.cli.output import emit_json, emit_lines, emit_table, note

if TYPE_CHECKING:
    from workbench.store.database import Store
    from workbench.store.tables import SnapshotRow

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str | None, typer.Argument(help="A snapshot or a round; the latest if left out.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept beside the verdict.")]
Author = Annotated[str | None, typer.Option(help="Who decides; you if left out.")]
Task = Annotated[str, typer.Argument(help="The task whose row it is.")]


def funnel(snapshot: Name = None, json: Json = False) -> None:
    """Show how many rows came into and went out of each filter, in order."""
    from workbench.stages.filtering import funnel_steps
    from workbench.store.canonical import parse
    from workbench.store.database import open_store

    with open_store() as store:
        row = find_snapshot(store, snapshot)
        steps = funnel_steps(store, row)
    counts = parse(row.funnel_json)
    if json:
        emit_json({"snapshot": row.id, "selection": counts, "filters": steps, "rows": row.rows})
        return
    order = ("tasks", "candidates", "verified", "trainable", "winners")
    lines: list[tuple[object, ...]] = [(n, "", counts[n]) for n in order if n in counts]
    lines += [(step["rule"], step["before"], step["after"]) for step in steps]
    emit_table(("step", "in", "out"), lines)
    note(f"{row.rows} rows in {row.id}. Who went, and why: workbench dataset removed")


def removed(snapshot: Name = None, json: Json = False) -> None:
    """List the rows that a filter took, with the reason."""
    from workbench.stages.filtering import removed_rows
    from workbench.store.database import open_store

    with open_store() as store:
        row = find_snapshot(store, snapshot)
        gone = removed_rows(store, row)
    if json:
        emit_lines(gone)
        return
    emit_table(("task", "rule", "reason"), ((r["task"], r["rule"], r["reason"]) for r in gone))
    note(f"{len(gone)} rows removed from {row.id}. Take one back: workbench dataset restore TASK")


def exclude(task: Task, reason: Reason, snapshot: Name = None, author: Author = None) -> None:
    """Keep a winner's answer out of datasets from now on; another answer may win its task."""
    _decide(task, "reject", reason, snapshot, author)


def restore(
    task: Task, reason: Reason = "restored", snapshot: Name = None, author: Author = None
) -> None:
    """Take an exclusion back, or keep a row that a filter removed."""
    _decide(task, "accept", reason, snapshot, author)


def mask(
    snapshot: Name = None,
    row: Annotated[int, typer.Option(min=1, help="Which row, counted from 1.")] = 1,
    base: Annotated[
        str | None, typer.Option(help="The student; as in settings if left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Show a row as the trainer sees it: what is masked, and what is trained on."""
    from distill.errors import DistillError
    from distill.loading import load_tokenizer
    from distill.preview import mask_preview
    from workbench.errors import InputError
    from workbench.settings import load_settings
    from workbench.stages.train import shipped_base
    from workbench.stages.training_rows import snapshot_examples
    from workbench.store.database import open_store

    settings = load_settings()
    with open_store(settings) as store:
        found = find_snapshot(store, snapshot)
        examples = snapshot_examples(store, found)
    if row > len(examples):
        raise InputError(f"{found.id} has {len(examples)} rows, no row {row}.", "Ask for another.")
    try:
        tokenizer = load_tokenizer(base or settings.base or shipped_base())
        pieces = mask_preview(examples[row - 1], tokenizer)
    except DistillError as error:
        raise InputError(f"{error}.", "Choose a base model with a chat template.") from error
    if json:
        emit_json([{"text": p.text, "tokens": p.tokens, "trained": p.trained} for p in pieces])
        return
    for piece in pieces:
        what = "trained on" if piece.trained else "masked"
        typer.echo(f"── {what}, {piece.tokens} tokens " + "─" * 20)
        typer.echo(piece.text)


def statistics(
    snapshot: Name = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="A model's folder or hub id: count its tokens, too.")
    ] = None,
) -> None:
    """Print what a snapshot is made of, as JSON: rows by kind, lengths, tokens by method."""
    from distill.errors import DistillError
    from workbench.errors import InputError
    from workbench.stages.export import statistics_of, token_counter
    from workbench.store.database import open_store

    try:
        tokens = None if tokenizer is None else token_counter(tokenizer)
    except DistillError as error:
        raise InputError(f"{error}.", "Name a model with a tokenizer.") from error
    with open_store() as store:
        emit_json(statistics_of(store, find_snapshot(store, snapshot), tokens))


def find_snapshot(store: Store, name: str | None) -> SnapshotRow:
    """Return a snapshot by its id, the one of a round, or that of the latest round."""
    from sqlmodel import col, select

    from workbench.errors import NotFoundError
    from workbench.store.tables import RoundRow, SnapshotRow

    rounds = select(RoundRow.snapshot_id).where(col(RoundRow.snapshot_id).is_not(None))
    if name is not None:
        rounds = rounds.where(RoundRow.id == name)
    with store.read() as session:
        own = session.exec(rounds.order_by(col(RoundRow.number).desc())).first()
        wanted = own if own is not None else name
        row = session.get(SnapshotRow, wanted) if wanted is not None else None
        if row is None:
            known = session.exec(select(SnapshotRow.id)).all()
            if name is None:
                raise NotFoundError("There is no dataset yet.", "Make one: workbench demo")
            raise NotFoundError.among("snapshot", name, known, "See: workbench dataset list")
    return row


def _decide(
    task: str, decision: Literal["accept", "reject"], reason: str, name: str | None, by: str | None
) -> None:
    from workbench.errors import NotFoundError
    from workbench.store.database import open_store
    from workbench.store.overrides import record_override

    with open_store() as store:
        row = find_snapshot(store, name)
        verdict = _winning_verdict(store, row.round_id, task)
        if verdict is None and decision == "accept":
            verdict = _rejected_verdict(store, task)
        if verdict is None:
            raise NotFoundError(
                f"Task {task!r} has no winner in round {row.round_id}.",
                "See the tasks that have one: workbench select",
            )
        record_override(store, verdict, decision, reason=reason, author=by or getpass.getuser())
    done = "kept" if decision == "accept" else "excluded"
    note(f"The answer to {task} is {done}. A new snapshot: workbench select {row.round_id} --again")


def _winning_verdict(store: Store, round_id: str | None, task: str) -> int | None:
    from sqlmodel import select

    from workbench.store.tables import SelectionRow

    query = select(SelectionRow.verdict_id).where(
        SelectionRow.round_id == round_id, SelectionRow.task_id == task
    )
    with store.read() as session:
        return session.exec(query).first()


def _rejected_verdict(store: Store, task: str) -> int | None:
    """Return the verdict on an answer to the task that a person rejected last."""
    from sqlmodel import col, select

    from workbench.store.tables import OverrideRow, VerdictRow

    query = (
        select(OverrideRow.verdict_id)
        .join(VerdictRow, col(VerdictRow.id) == col(OverrideRow.verdict_id))
        .where(VerdictRow.task_id == task, OverrideRow.decision == "reject")
        .order_by(col(OverrideRow.id).desc())
    )
    with store.read() as session:
        return session.exec(query).first()
