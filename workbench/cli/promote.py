"""``workbench promote``: let a round's student through the gate, or roll back."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.output import emit_json


def command(
    round_id: Annotated[str | None, typer.Argument(help="A round; the latest if left out.")] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Put the student before back in use.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Only say which student is in use.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring a round through its gate; only a student that really got better is put in use.

    Exit status 0 when it was promoted (or the rollback is done), else 1.
    """
    from workbench.cli.rounds import chosen_round, drive, finish
    from workbench.stages.promote import promoted_student, roll_back
    from workbench.store.database import open_store

    with open_store() as store:
        if rollback or show:
            now = roll_back(store) if rollback else promoted_student(store)
            if json:
                emit_json({"adapter": now.adapter_id, "source": now.source_id})
            else:
                name = now.source_id or "the base model, as it was before any round"
                typer.echo(f"In use: {name}")
            return
        name = chosen_round(store, round_id)
        finish(drive(store, name, "promoted", quiet=json), json)
