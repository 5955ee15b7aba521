"""``workbench schedule``: commands that run by themselves, by cron expression."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.output import emit_json, emit_table, note

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Run commands by themselves: nightly rounds, by cron expression.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(context_settings={"ignore_unknown_options": True})
def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    cron: Annotated[str, typer.Argument(help="minute hour day month weekday, in UTC.")],
    command: Annotated[
        list[str], typer.Argument(help="A workbench command, after --: rounds run --seed 1")
    ],
    attempts: Annotated[int, typer.Option(min=1, max=20, help="Tries for one run.")] = 3,
) -> None:
    """Add a schedule, or change the one of that name."""
    from workbench.settings import load_settings
    from workbench.stages import schedule
    from workbench.store.database import open_store

    with open_store(load_settings()) as store:
        row = schedule.add(store, name, cron, command, attempts=attempts)
    typer.echo(f"{row.name} runs next at {row.due_at:%Y-%m-%d %H:%M} UTC")
    note("It runs while somebody has this open: workbench schedule run")


@app.command("list")
def list_(json: Json = False) -> None:
    """List the schedules, the next to run first."""
    from workbench.settings import load_settings
    from workbench.stages import schedule
    from workbench.store.canonical import parse
    from workbench.store.database import open_store

    with open_store(load_settings()) as store:
        rows = schedule.schedules(store)
    if json:
        emit_json(
            [
                {
                    "name": row.name,
                    "cron": row.cron,
                    "command": parse(row.command_json),
                    "attempts": row.attempts,
                    "due_at": row.due_at.isoformat(),
                }
                for row in rows
            ]
        )
        return
    emit_table(
        ["name", "cron", "next (UTC)", "command"],
        [[r.name, r.cron, f"{r.due_at:%Y-%m-%d %H:%M}", " ".join(parse(r.command_json))]
         for r in rows],
    )  # fmt: skip


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Its name.")]) -> None:
    """Forget a schedule; its history stays."""
    from workbench.settings import load_settings
    from workbench.stages import schedule
    from workbench.store.database import open_store

    with open_store(load_settings()) as store:
        schedule.remove(store, name)
    typer.echo(f"removed {name}")


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(help="One schedule only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many attempts.")] = 20,
    json: Json = False,
) -> None:
    """Show what ran, the newest first."""
    from workbench.settings import load_settings
    from workbench.stages import schedule
    from workbench.store.database import open_store

    with open_store(load_settings()) as store:
        rows = schedule.history(store, name, limit=limit)
    if json:
        emit_json(
            [
                {
                    "name": row.name,
                    "attempt": row.attempt,
                    "status": row.status,
                    "leader": row.leader,
                    "started_at": row.started_at.isoformat(),
                    "output": row.output,
                }
                for row in rows
            ]
        )
        return
    emit_table(
        ["name", "started (UTC)", "attempt", "status", "said last"],
        [[r.name, f"{r.started_at:%Y-%m-%d %H:%M:%S}", r.attempt,
          "running" if r.status is None else r.status,
          (r.output.strip().splitlines() or [""])[-1][:80]] for r in rows],
    )  # fmt: skip


@app.command()
def run(
    once: Annotated[bool, typer.Option("--once", help="Run what is due now, and end.")] = False,
) -> None:
    """Run what falls due; of several such processes one does, the others wait to take over."""
    from workbench.settings import load_settings
    from workbench.stages import schedule
    from workbench.store.database import open_store

    with open_store(load_settings()) as store:
        if not once:
            schedule.lead(store, say=note)
            return
        with store.lock("scheduler", "Running the schedules"):
            done = schedule.run_due(store, say=note)
    note(f"{len(done)} were due.")
    if any(row.status for row in done):
        raise typer.Exit(1)
