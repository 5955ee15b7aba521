"""``workbench feedback``: what was asked in production, as tasks; and whether it has changed."""

from __future__ import annotations

from pathlib import Path
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


@app.command("round")
def round_(
    config: Annotated[
        Path | None, typer.Option(help="A TOML file; else as the latest round, on stored tasks.")
    ] = None,
    tasks: Annotated[int, typer.Option(min=1, help="New training tasks that make a round.")] = 50,
    drifted: Annotated[
        int, typer.Option(min=1, help="So many are enough while what is served has drifted.")
    ] = 10,
    rows: Annotated[int, typer.Option(min=1, help="Rows that its dataset must have.")] = 200,
    per_category: Annotated[int, typer.Option(min=0, help="Rows of each category.")] = 0,
    held_out: Annotated[int, typer.Option(min=0, help="Held-out tasks.")] = 100,
    duplicates: Annotated[float, typer.Option(help="Largest share of repeated code.")] = 0.05,
    max_cost: Annotated[
        str | None, typer.Option(help="Most US dollars to spend; without it nothing is spent.")
    ] = None,
    reload: Annotated[
        str | None, typer.Option(help="A server of ours (its URL) to give a promoted student to.")
    ] = None,
    json: Json = False,
) -> None:
    """Make tasks of kept requests, look for drift, and run the next round if there is enough.

    Meant for a schedule. Exit status 0 when nothing was to be done or the round came to its end,
    whatever its gate said.
    """
    from workbench.cli.live import listening
    from workbench.cli.rounds import summary
    from workbench.cli.spending import money
    from workbench.server.feedback import make_tasks
    from workbench.settings import PartialSettings, load_settings
    from workbench.stages.drift import check_drift
    from workbench.stages.next_round import Needed, run_next
    from workbench.stages.readiness import Demand
    from workbench.stages.round_config import read_round_config
    from workbench.store.database import open_store

    needed = Needed(tasks, drifted, Demand(rows, per_category, held_out, duplicates))
    chosen = None if config is None else read_round_config(config)
    settings = load_settings(overrides=PartialSettings(max_cost=money(max_cost)))
    with open_store(settings) as store:
        made = make_tasks(store)
        moved = [one for one in check_drift(store) if one.moved]
        with listening(quiet=json) as listener:
            found = run_next(store, settings, needed, config=chosen, on_event=listener)
    promoted = found.result is not None and found.result.promoted
    served = _reloaded(reload) if reload and promoted else None
    if json:
        emit_json({
            "made_tasks": len(made), "drifted": [one.name for one in moved],
            "sentence": found.sentence, "served": served,
            "round": None if found.result is None else summary(found.result),
        })  # fmt: skip
        return
    note(f"{len(made)} new tasks from what was asked.")
    for one in moved:
        note(f"drift: {one.sentence}")
    typer.echo(found.sentence)
    if served is not None:
        typer.echo(served)


def _reloaded(url: str) -> str:
    """Ask a server to serve the student in use now, and say what came of it."""
    import os
    import urllib.request

    from workbench.errors import StageError

    token = os.environ.get("WORKBENCH_SERVE_TOKEN", "")
    headers = {"Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    address = url.rstrip("/") + "/adapter/reload"
    try:
        request = urllib.request.Request(address, data=b"{}", headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=600):
            return f"{url} serves it now."
    except (OSError, ValueError) as error:
        raise StageError(
            f"The student was promoted, but {address} did not take it: {error}.",
            "Reload it there by hand, or start that server again.",
        ) from error


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
