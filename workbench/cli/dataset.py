"""``workbench dataset``: list, show, verify and export frozen datasets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.output import emit_json, emit_lines, emit_table, note

if TYPE_CHECKING:
    from workbench.store.database import Store
    from workbench.store.tables import SnapshotRow

app = typer.Typer(no_args_is_help=True, help="List, show, verify and export snapshots.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str | None, typer.Argument(help="A snapshot or a round; the latest if left out.")]


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
        row = _snapshot(store, snapshot)
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
        str, typer.Option("--format", help="prompt-completion, chat, preference, kto, sharegpt …")
    ] = "prompt-completion",
    out: Annotated[Path | None, typer.Option(help="A file; stdout if left out.")] = None,
) -> None:
    """Export a snapshot as JSON Lines that trainers read; the same rows give the same bytes."""
    from distill.errors import DistillError
    from distill.formats import rows
    from workbench.errors import InputError
    from workbench.stages.train import snapshot_examples
    from workbench.store.blobs import write_atomically
    from workbench.store.canonical import canonical, digest
    from workbench.store.database import open_store

    with open_store() as store:
        row = _snapshot(store, snapshot)
        examples = snapshot_examples(store, row)
    try:
        data = "".join(canonical(line) + "\n" for line in rows(examples, form)).encode()
    except DistillError as error:
        raise InputError(str(error)) from error
    if not data:
        raise InputError(
            f"No row of {row.id} can be written as {form}.", "Its rows have no rejected half."
        )
    if out is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    write_atomically(out, data)
    note(f"{len(data.splitlines())} rows in {out}, sha256 {digest(data)[:16]}")


@app.command()
def verify(snapshot: Name = None, json: Json = False) -> None:
    """Apply the recorded rule to its recorded inputs again and compare; exit 1 if they differ."""
    from workbench.stages.check_snapshot import check_snapshot
    from workbench.store.database import open_store

    with open_store() as store:
        row = _snapshot(store, snapshot)
        problems = check_snapshot(store, row)
    if json:
        emit_json({"snapshot": row.id, "ok": not problems, "problems": problems})
    elif problems:
        for problem in problems:
            typer.echo(f"✗ {problem}")
    else:
        typer.echo(f"✓ {row.id}: {row.rows} rows are what the rule {row.rule} gives.")
    raise typer.Exit(1 if problems else 0)


def _snapshot(store: Store, name: str | None) -> SnapshotRow:
    """Return a snapshot by its id or its round's, or the latest."""
    from sqlmodel import col, or_, select

    from workbench.errors import NotFoundError
    from workbench.store.tables import SnapshotRow

    query = select(SnapshotRow).order_by(col(SnapshotRow.created_at).desc())
    if name is not None:
        query = query.where(or_(SnapshotRow.id == name, SnapshotRow.round_id == name))
    with store.read() as session:
        row = session.exec(query).first()
        if row is None:
            known = session.exec(select(SnapshotRow.id)).all()
            if name is None:
                raise NotFoundError("There is no dataset yet.", "Make one: workbench demo")
            raise NotFoundError.among("snapshot", name, known, "See: workbench dataset list")
    return row
