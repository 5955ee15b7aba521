"""``workbench select``: choose the winners of a round, with reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import emit_lines, emit_table, note


def command(
    round_id: Annotated[str | None, typer.Argument(help="A round; the latest if left out.")] = None,
    reasons: Annotated[bool, typer.Option("--losers", help="Only tasks without a winner.")] = False,
    filters: Annotated[
        Path | None, typer.Option(help="A filter pipeline (TOML or YAML); see docs/datasets.md.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Select again, after exclusions and restorations.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
) -> None:
    """Bring a round to its selection and print it: one line a task, with the reason.

    Exit status 1 when no task has a winner.
    """
    from sqlmodel import col, func, select

    from workbench.cli.rounds import chosen_round, drive
    from workbench.stages.filtering import read_filter_file
    from workbench.stages.reselect import reselect, set_filters
    from workbench.stages.rounds import result_of
    from workbench.store.canonical import parse
    from workbench.store.database import open_store
    from workbench.store.tables import SelectionRow

    with open_store() as store:
        name = chosen_round(store, round_id)
        rules = None if filters is None else read_filter_file(filters)
        if rules is not None:
            set_filters(store, name, rules)
        before = result_of(store, name).stage
        result = drive(store, name, "selected", quiet=json)
        if (again or rules is not None) and result.stage == before:
            report = reselect(store, store.settings, name, rules)
            note(f"{report.sentence} Snapshot {report.snapshot_id}.")
        query = select(SelectionRow).where(SelectionRow.round_id == name)
        if reasons:
            query = query.where(col(SelectionRow.answer_id).is_(None))
        with store.read() as session:
            rows = session.exec(query.order_by(col(SelectionRow.task_id)).limit(limit)).all()
            total, winners = session.exec(
                select(func.count(), func.count(col(SelectionRow.answer_id))).where(
                    SelectionRow.round_id == name
                )
            ).one()
    if json:
        emit_lines(
            {
                "task": r.task_id,
                "answer": r.answer_id,
                "score": r.score,
                "terms": parse(r.terms_json),
                "reason": r.reason,
            }
            for r in rows
        )
    else:
        emit_table(
            ("task", "score", "reason"), ((r.task_id, f"{r.score:.3f}", r.reason) for r in rows)
        )
    note(f"Round {name}: {winners} of {total} tasks have a winner.")
    raise typer.Exit(0 if winners else 1)
