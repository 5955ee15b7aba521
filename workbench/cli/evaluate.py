"""``workbench evaluate``: the student before and after, on the same held-out tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.output import emit_json, emit_table, note

if TYPE_CHECKING:
    from workbench.store.database import Store


def command(
    round_id: Annotated[str | None, typer.Argument(help="A round; the latest if left out.")] = None,
    flips: Annotated[
        bool, typer.Option("--flips", help="List the tasks that were fixed or broken.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring a round to its evaluation and print the paired figures, overall and by category.

    Exit status 0 when the gain's interval lies above zero, else 1.
    """
    from workbench.cli.rounds import chosen_round, drive, summary
    from workbench.store.database import open_store

    with open_store() as store:
        name = chosen_round(store, round_id)
        result = drive(store, name, "evaluated", quiet=json)
        changed = _flips(store, name) if flips or json else []
    found = result.figures
    if found is None:
        typer.echo(f"Round {name} stopped: {result.decision}", err=True)
        raise typer.Exit(1)
    if json:
        categories = {
            key: {"n": p.n, "before": p.before_rate, "after": p.after_rate, "gain": p.gain,
                  "interval": [p.low, p.high]}
            for key, p in found.categories.items()
        }  # fmt: skip
        emit_json({**summary(result), "categories": categories, "flips": changed})
    else:
        emit_table(
            ("category", "tasks", "before", "after", "gain", "95 % interval"),
            (
                (key, p.n, f"{p.before_rate:.1%}", f"{p.after_rate:.1%}",
                 f"{p.gain * 100:+.1f}", f"{p.low * 100:+.1f} to {p.high * 100:+.1f}")
                for key, p in [*found.categories.items(), ("all", found.overall)]
            ),
        )  # fmt: skip
        if flips:
            emit_table(
                ("task", "what", "before", "after"),
                ((c["task"], c["what"], c["before"], c["after"]) for c in changed),
            )
        note(found.overall.sentence)
    raise typer.Exit(0 if found.overall.low > 0 else 1)


def _flips(store: Store, round_id: str) -> list[dict[str, str]]:
    """Return the held-out tasks whose verdict moved into or out of what counts as right."""
    from sqlmodel import col, select

    from workbench.stages.rounds import config_of
    from workbench.store.tables import EvaluationRow

    counts = config_of(store, round_id).counts
    with store.read() as session:
        rows = session.exec(
            select(EvaluationRow)
            .where(EvaluationRow.round_id == round_id)
            .order_by(col(EvaluationRow.task_id))
        ).all()
    return [
        {
            "task": row.task_id,
            "what": "fixed" if row.student_verdict in counts else "broken",
            "before": row.base_verdict,
            "after": row.student_verdict,
        }
        for row in rows
        if (row.base_verdict in counts) != (row.student_verdict in counts)
    ]
