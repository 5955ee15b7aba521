"""``workbench select``: choose the winners of a round, with reasons."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.output import emit_lines, emit_table, note


def command(
    round_id: Annotated[str | None, typer.Argument(help="A round; the latest if left out.")] = None,
    reasons: Annotated[bool, typer.Option("--losers", help="Only tasks without a winner.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
) -> None:
    """Bring a round to its selection and print it: one line a task, with the reason.

    Exit status 1 when no task has a winner.
    """
    from sqlmodel import col, func, select

    from workbench.cli.rounds import chosen_round, drive
    from workbench.store.canonical import parse
    from workbench.store.database import open_store
    from workbench.store.tables import SelectionRow

    with open_store() as store:
        name = chosen_round(store, round_id)
        drive(store, name, "selected", quiet=json)
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
