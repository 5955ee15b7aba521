"""``workbench train``: retrain the student on a round's winners (LoRA)."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.output import emit_json


def command(
    round_id: Annotated[str | None, typer.Argument(help="A round; the latest if left out.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be trained on what.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring a round to its trained adapter; an interrupted training goes on from its checkpoint.

    Exit status 1 when there is nothing to train on.
    """
    from workbench.cli.rounds import chosen_round, drive
    from workbench.stages.rounds import config_of
    from workbench.store.canonical import parse
    from workbench.store.database import open_store
    from workbench.store.tables import AdapterRow, RoundRow, SnapshotRow

    with open_store() as store:
        name = chosen_round(store, round_id)
        if dry_run:
            with store.read() as session:
                row = session.get(RoundRow, name)
                frozen = session.get(SnapshotRow, row.snapshot_id) if row else None
            emit_json(
                {
                    "round": name,
                    "rows": frozen.rows if frozen else None,
                    "base": config_of(store, name).base,
                    "training": config_of(store, name).training,
                }
            )
            return
        result = drive(store, name, "trained", quiet=json)
        with store.read() as session:
            row = session.get(RoundRow, name)
            adapter = session.get(AdapterRow, row.adapter_id) if row and row.adapter_id else None
        if adapter is None:
            typer.echo(f"Round {name} stopped: {result.decision}", err=True)
            raise typer.Exit(1)
        metrics = parse(adapter.metrics_json)
    if json:
        emit_json({"round": name, "adapter": adapter.id, "path": adapter.path, **metrics})
        return
    typer.echo(
        f"Adapter {adapter.id}: {metrics['examples']} rows, {metrics['steps']} steps, "
        f"{metrics['tokens']} tokens in {metrics['seconds']:.0f} s; {adapter.path}"
    )
