"""``workbench promote``: let a round's student through the gate, or roll back."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.output import emit_json

if TYPE_CHECKING:
    from workbench.stages.promote import Promoted


def command(
    round_id: Annotated[str | None, typer.Argument(help="A round; the latest if left out.")] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Put the student before back in use.")
    ] = False,
    override: Annotated[
        str | None,
        typer.Option(help="Put a student in use that the gate refused, with the reason why."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Only say which student is in use.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring a round through its gate; only a student that really got better is put in use.

    Exit status 0 when it was promoted (or the rollback is done), else 1.
    """
    from workbench.cli.rounds import chosen_round, drive, finish
    from workbench.stages.promote import override_gate, promoted_student, roll_back
    from workbench.store.database import open_store

    with open_store() as store:
        if rollback or show:
            _tell(roll_back(store) if rollback else promoted_student(store), json)
            return
        name = chosen_round(store, round_id)
        if override is not None:
            drive(store, name, "promoted", quiet=json)
            _tell(override_gate(store, name, reason=override, author=getpass.getuser()), json)
            return
        finish(drive(store, name, "promoted", quiet=json), json)


def _tell(now: Promoted, json: bool) -> None:
    """Say which student is in use, and by whose word if not the gate's."""
    if json:
        emit_json({"adapter": now.adapter_id, "source": now.source_id, "override": now.override})
        return
    typer.echo(f"In use: {now.source_id or 'the base model, as it was before any round'}")
    if now.override is not None:
        typer.echo(f"  by hand, against the gate. {now.override}")
