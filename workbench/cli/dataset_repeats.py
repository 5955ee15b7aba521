"""``workbench dataset duplicates``: rows that teach one function, or meet a held-out task."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.dataset_rows import Json, Name, find_snapshot
from workbench.cli.output import emit_json, emit_table, note, progress

if TYPE_CHECKING:
    from workbench.stages.repeats import Repeats

HOW = {
    "first": "the first of them",
    "form": "the same code under renaming",
    "proved": "proved equal for every input",
    "probes": "alike on every input that was tried",
}


def duplicates(
    snapshot: Name = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many groups.")] = 20,
    json: Json = False,
) -> None:
    """Group rows by the function they teach, and hold each against the held-out tasks.

    Exit status 1 when a row meets a held-out task. Nothing is removed; a filter does that.
    """
    from workbench.cli.demo import Bars
    from workbench.settings import load_settings
    from workbench.stages.events import Reporter
    from workbench.stages.repeats import find_repeats
    from workbench.store.database import open_store

    settings = load_settings()
    with open_store(settings) as store:
        row = find_snapshot(store, snapshot)
        with progress() as bars:
            reporter = Reporter(store, Bars(bars), row.round_id)
            found = find_repeats(store, settings, row, reporter)
    if json:
        emit_json(asdict(found))
    else:
        _tell(found, limit)
    raise typer.Exit(1 if found.met else 0)


def _tell(found: Repeats, limit: int) -> None:
    emit_table(
        ("group", "row", "task", "how"),
        (
            (number, member.row, member.task, HOW[member.basis])
            for number, group in enumerate(found.groups[:limit], start=1)
            for member in group.members
        ),
    )
    for met in found.met[:limit]:
        typer.echo(f"✗ row {met.row} ({met.task}) {met.sentence}")
    note(found.sentence)
