"""``workbench feedback``: what was asked in production, as tasks; and whether it has changed."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.output import emit_json, emit_table, note

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Make tasks of kept requests; see whether what is served has drifted.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def tasks(
    split: Annotated[str, typer.Option(help="train, eval or none.")] = "train",
    json: Json = False,
) -> None:
    """Turn kept requests with a contract into tasks, each once."""
    from workbench.errors import InputError
    from workbench.server.feedback import make_tasks
    from workbench.settings import load_settings
    from workbench.store.database import open_store
    from workbench.tasks import SPLITS

    if split not in SPLITS:
        raise InputError(f"There is no split {split!r}.", f"Known: {', '.join(SPLITS)}.")
    with open_store(load_settings()) as store:
        made = make_tasks(store, split=split)
    if json:
        emit_json([{"id": task.id, "entry_point": task.entry_point} for task in made])
        return
    for task in made:
        typer.echo(f"{task.id}  {task.entry_point}")
    note(
        f"{len(made)} new tasks. Check them before they are learned from: workbench contracts check"
    )


@app.command()
def drift(
    window: Annotated[int, typer.Option(min=1, help="How many of the newest requests.")] = 200,
    model: Annotated[str | None, typer.Option(help="One served name only.")] = None,
    json: Json = False,
) -> None:
    """Compare the newest requests with those before; exit 1 when something has moved."""
    from workbench.settings import load_settings
    from workbench.stages.drift import FEW, check_drift
    from workbench.store.database import open_store

    with open_store(load_settings()) as store:
        found = check_drift(store, window=window, model=model)
    if json:
        emit_json([{"name": d.name, "before": d.before, "now": d.now, "distance": d.distance,
                    "bound": d.bound, "moved": d.moved} for d in found])  # fmt: skip
    elif not found:
        note(f"Too few kept requests to compare: {FEW} are needed now and before.")
    else:
        rows = [
            [d.name, f"{d.before:.3g}", f"{d.now:.3g}", f"{d.distance:.3f}", f"{d.bound:.3f}",
             "MOVED" if d.moved else "steady"]
            for d in found
        ]  # fmt: skip
        emit_table(["figure", "before", "now", "distance", "bound", ""], rows)
    if any(one.moved for one in found):
        raise typer.Exit(1)
