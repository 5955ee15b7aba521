"""``workbench dataset``: list, show, verify and export frozen datasets; why rows are there."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.dataset_repeats import duplicates as find_duplicates
from workbench.cli.dataset_rows import (
    Json,
    Name,
    exclude,
    find_snapshot,
    funnel,
    mask,
    removed,
    restore,
    statistics,
)
from workbench.cli.output import emit_json, emit_lines, emit_table, note

app = typer.Typer(no_args_is_help=True, help="List, show, verify and export snapshots.")


@app.command("list")
def list_snapshots(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest first.")] = 20,
    json: Json = False,
) -> None:
    """List snapshots, the latest first."""
    from sqlmodel import col, select

    from workbench.store.canonical import parse
    from workbench.store.database import open_store
    from workbench.store.tables import SnapshotRow

    with open_store() as store, store.read() as session:
        query = select(SnapshotRow).order_by(col(SnapshotRow.created_at).desc()).limit(limit)
        rows = session.exec(query).all()
    if json:
        emit_json(
            [
                {
                    "snapshot": r.id,
                    "round": r.round_id,
                    "rows": r.rows,
                    "digest": r.digest,
                    "rule": r.rule,
                    "funnel": parse(r.funnel_json),
                }
                for r in rows
            ]
        )
        return
    emit_table(
        ("snapshot", "round", "rows", "rule", "sha256"),
        ((r.id, r.round_id, r.rows, r.rule, r.digest[:16]) for r in rows),
    )
    if not rows:
        note("There is no dataset yet. Make one: workbench demo")


@app.command()
def show(
    snapshot: Name = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 10,
    json: Json = False,
) -> None:
    """Show rows of a snapshot: what is asked and what is taught."""
    from workbench.stages.train import snapshot_examples
    from workbench.store.database import open_store

    with open_store() as store:
        row = find_snapshot(store, snapshot)
        examples = snapshot_examples(store, row)[:limit]
    if json:
        emit_lines(
            {"id": e.id, "task": e.task_id, "source": e.source, "completion": e.completion,
             "facts": e.facts}
            for e in examples
        )  # fmt: skip
        return
    for example in examples:
        typer.echo(f"{example.id}  {example.task_id}  by {example.source}")
        typer.echo(example.messages[-1][1].strip())
        typer.echo("\n    " + example.completion.replace("\n", "\n    ") + "\n")
    note(f"{len(examples)} of {row.rows} rows of {row.id}")


@app.command()
def export(
    snapshot: Name = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="prompt-completion, chat, openai, preference, kto, repair, alpaca, sharegpt, "
            "sharegpt-preference, sharegpt-kto.",
        ),
    ] = "prompt-completion",
    out: Annotated[
        Path | None,
        typer.Option(
            help="FILE.jsonl, FILE.parquet or a new folder; JSON Lines to stdout if left out."
        ),
    ] = None,
) -> None:
    """Export a snapshot for trainers; the same rows give the same bytes. Held-out rows never go."""
    from distill.errors import DistillError
    from workbench.errors import InputError
    from workbench.stages.export import export_snapshot
    from workbench.store.database import open_store

    with open_store() as store:
        row = find_snapshot(store, snapshot)
        try:
            done = export_snapshot(store, row, form, out)
        except DistillError as error:
            raise InputError(
                f"{error} (snapshot {row.id}).", "See workbench dataset export --help."
            ) from error
    if done is not None:
        note(f"{done.rows} rows in {done.path}, sha256 {done.digest[:16]}")


@app.command()
def verify(
    snapshot: Name = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only apply the rule again; prove nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Apply the recorded rule again and prove every row again; exit 1 if anything differs."""
    from workbench.cli.output import progress
    from workbench.settings import load_settings
    from workbench.stages.check_snapshot import check_snapshot
    from workbench.stages.reprove import Reproved, reprove
    from workbench.store.database import open_store

    settings = load_settings()
    with open_store(settings) as store:
        row = find_snapshot(store, snapshot)
        problems = check_snapshot(store, row)
        found = Reproved()
        if not quick and not problems:
            with progress() as bars:
                bar = bars.add_task("   prove", total=row.rows, note="")
                found = reprove(
                    store, settings, row, on_done=lambda n, _: bars.update(bar, completed=n)
                )
    problems += found.problems
    if json:
        emit_json(
            {
                "snapshot": row.id,
                "ok": not problems,
                "problems": problems,
                "proved_again": dict(found.verdicts),
            }
        )
    elif problems:
        for problem in problems:
            typer.echo(f"✗ {problem}")
    else:
        typer.echo(f"✓ {row.id}: {row.rows} rows are what the rule {row.rule} gives.")
        if not quick:
            said = ", ".join(f"{count} {word}" for word, count in found.verdicts.most_common())
            typer.echo(f"✓ judged again: {said}.")
    raise typer.Exit(1 if problems else 0)


@app.command()
def readiness(
    snapshot: Name = None,
    rows: Annotated[int, typer.Option(help="Rows that have to be there.")] = 1_000,
    per_category: Annotated[int, typer.Option(help="Rows of each category.")] = 20,
    held_out: Annotated[int, typer.Option(help="Held-out tasks.")] = 100,
    duplicates: Annotated[float, typer.Option(help="Largest share of repeated code.")] = 0.05,
    start: Annotated[
        bool, typer.Option("--start", help="Train the snapshot's round when it is ready.")
    ] = False,
    json: Json = False,
) -> None:
    """Say whether there is enough to train on; exit 1 if not. With --start, train when ready."""
    from workbench.cli.rounds import drive, finish
    from workbench.errors import StageError
    from workbench.stages.readiness import Demand
    from workbench.stages.readiness import readiness as measured
    from workbench.store.database import open_store

    demand = Demand(rows, per_category, held_out, duplicates)
    with open_store() as store:
        row = find_snapshot(store, snapshot)
        found = measured(store, row, demand)
        if start and row.round_id is None:
            raise StageError(
                f"{row.id} belongs to no round, so there is nothing to start.",
                "Plan one over the stored tasks: workbench rounds run --config FILE",
            )
        if not (start and found.ready and row.round_id is not None):
            if json:
                emit_json({**asdict(found), "ready": found.ready})
            else:
                typer.echo(found.sentence)
            raise typer.Exit(0 if found.ready else 1)
        note(found.sentence)
        result = drive(store, row.round_id, "certified", quiet=json)
    finish(result, json)


@app.command()
def split(
    share: Annotated[float, typer.Option(help="Share of the tasks to hold out.")] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Another division of the same tasks.")] = 0,
) -> None:
    """Hold tasks out by group and by function, once, before the first round."""
    from workbench.settings import load_settings
    from workbench.stages.splitting import divide
    from workbench.store.database import open_store

    settings = load_settings()
    with open_store(settings) as store:
        typer.echo(divide(store, settings, share=share, seed=seed).sentence)


app.command()(funnel)
app.command()(removed)
app.command()(exclude)
app.command()(restore)
app.command()(mask)
app.command()(statistics)
app.command("duplicates")(find_duplicates)
