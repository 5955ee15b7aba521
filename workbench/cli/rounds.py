"""``workbench rounds``: list, show, run and resume distillation rounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.live import listening
from workbench.cli.output import emit_json, emit_table, note

if TYPE_CHECKING:
    from workbench.stages.round_config import RoundConfig
    from workbench.stages.rounds import RoundResult
    from workbench.store.database import Store

app = typer.Typer(no_args_is_help=True, help="List, show, run and resume rounds.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_rounds(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest first.")] = 20,
    json: Json = False,
) -> None:
    """List rounds, the latest first."""
    from sqlmodel import col, select

    from workbench.stages.rounds import result_of
    from workbench.store.database import open_store
    from workbench.store.tables import RoundRow

    with open_store() as store:
        with store.read() as session:
            query = select(RoundRow.id).order_by(col(RoundRow.number).desc()).limit(limit)
            names = session.exec(query).all()
        results = [result_of(store, name) for name in names]
    if json:
        emit_json([summary(result) for result in results])
        return
    emit_table(
        ("round", "stage", "state", "before", "after", "decision"),
        ((r.round_id, r.stage, r.state, *_rates(r), r.decision or "") for r in results),
    )
    if not results:
        note("There is no round yet. Start one: workbench demo")


@app.command()
def show(
    round_id: Annotated[str | None, typer.Argument(help="A round; the latest if left out.")] = None,
    json: Json = False,
) -> None:
    """Show a round: how far it came, its figures, its gate, its certificate."""
    from workbench.stages.rounds import config_of, result_of
    from workbench.store.database import open_store

    with open_store() as store:
        name = chosen_round(store, round_id)
        result = result_of(store, name)
        config = config_of(store, name).as_json()
    if json:
        emit_json({**summary(result), "config": config})
        return
    tell(result)
    for field, value in config.items():
        typer.echo(f"    {field:15} {value}")


@app.command()
def run(
    config: Annotated[
        Path | None, typer.Option(help="A TOML file with the round's settings.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the generated tasks; 0 if left out.")
    ] = None,
    train: Annotated[int | None, typer.Option(min=1, help="Generated tasks to train on.")] = None,
    held_out: Annotated[int | None, typer.Option(min=1, help="Generated tasks held out.")] = None,
    teachers: Annotated[
        str | None,
        typer.Option(help="By comma, instead of the formal two; student is the student itself."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, max=100, help="Answers of each teacher to a task.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="How freely answers are drawn.")
    ] = None,
    until: Annotated[str, typer.Option(help="Stop after this stage.")] = "certified",
    again: Annotated[
        bool, typer.Option("--again", help="A new round even if there is one like it.")
    ] = False,
    max_cost: Annotated[
        str | None, typer.Option(help="Most US dollars to spend; without it nothing is spent.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before spending.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the configuration, start nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Run a round from its tasks to its certificate; the same settings go on with the same round.

    Exit status 0 when the student was promoted, 1 when not, 3 when it stopped before the gate.
    """
    from workbench.cli.ask import money
    from workbench.settings import PartialSettings, load_settings
    from workbench.stages.plan import find_round, plan_round
    from workbench.store.database import open_store

    settled = _settled(
        config, seed,
        {"train": train, "held_out": held_out, "teachers": teachers, "samples": samples,
         "temperature": temperature},
    )  # fmt: skip
    if dry_run:
        emit_json(settled.as_json())
        return
    settings = load_settings(overrides=PartialSettings(max_cost=money(max_cost)))
    with open_store(settings) as store:
        known = None if again else find_round(store, settled)
        name = known or plan_round(store, settings, settled)
        note(f"Round {name}" + (" goes on." if known else " begins."))
        if not _agreed(store, name, yes or json):
            raise typer.Exit(3)
        finish(drive(store, name, until, quiet=json), json)


@app.command()
def resume(
    round_id: Annotated[str | None, typer.Argument(help="A round; the latest if left out.")] = None,
    until: Annotated[str, typer.Option(help="Stop after this stage.")] = "certified",
    json: Json = False,
) -> None:
    """Go on with a round where it stopped."""
    from workbench.store.database import open_store

    with open_store() as store:
        finish(drive(store, chosen_round(store, round_id), until, quiet=json), json)


def drive(store: Store, round_id: str, until: str, *, quiet: bool = False) -> RoundResult:
    """Run a round up to ``until`` and show it happen."""
    from workbench.stages.rounds import run_round

    with listening(quiet=quiet) as listener:
        return run_round(store, store.settings, round_id, on_event=listener, until=until)


def chosen_round(store: Store, round_id: str | None) -> str:
    """Return the round that was named, or the latest; unknown names are a sentence."""
    from workbench.stages.rounds import config_of, latest_round

    name = round_id or latest_round(store)
    config_of(store, name)
    return name


def finish(result: RoundResult, json: bool) -> None:
    """Print a result and end with its exit status."""
    if json:
        emit_json(summary(result))
    else:
        tell(result)
    if result.promoted is None:
        raise typer.Exit(3 if result.state != "stopped" else 1)
    raise typer.Exit(0 if result.promoted else 1)


def tell(result: RoundResult) -> None:
    """Print a result for a person."""
    typer.echo(f"Round {result.round_id}: {result.stage} ({result.state})")
    if result.figures is not None:
        typer.echo(f"  {result.figures.overall.sentence}")
    if result.decision:
        typer.echo(f"  {result.decision}")
    if result.certificate_id is not None:
        typer.echo(f"  certificate {result.certificate_id[:16]}")


def summary(result: RoundResult) -> dict[str, Any]:
    """Return a result as JSON values."""
    found = result.figures.overall if result.figures else None
    return {
        "round": result.round_id,
        "stage": result.stage,
        "state": result.state,
        "promoted": result.promoted,
        "decision": result.decision,
        "certificate": result.certificate_id,
        "held_out": found.n if found else None,
        "before": found.before_rate if found else None,
        "after": found.after_rate if found else None,
        "gain": found.gain if found else None,
        "interval": [found.low, found.high] if found else None,
        "fixed": found.fixed if found else None,
        "broken": found.broken if found else None,
        "mcnemar_p": found.mcnemar_p if found else None,
    }


def _rates(result: RoundResult) -> tuple[str, str]:
    if result.figures is None:
        return "", ""
    found = result.figures.overall
    return f"{found.before_rate:.1%}", f"{found.after_rate:.1%}"


def _agreed(store: Store, round_id: str, yes: bool) -> bool:
    """Show what the round's teachers may cost and ask; True at once where nothing costs."""
    from teachers.model import Sampling
    from workbench.cli.ask import affordable
    from workbench.stages.ask import open_teachers
    from workbench.stages.rounds import STAGES, config_of, result_of
    from workbench.stages.select import train_tasks

    if STAGES.index(result_of(store, round_id).stage) >= STAGES.index("repaired"):
        return True
    config = config_of(store, round_id)
    return affordable(
        store.settings,
        open_teachers(config.others),
        train_tasks(store, round_id),
        Sampling(max_tokens=config.max_tokens),
        config.samples,
        dry_run=False,
        yes=yes,
    )


def _settled(path: Path | None, seed: int | None, given: Mapping[str, Any]) -> RoundConfig:
    """Return what the file says, else the demonstration with the options given."""
    from workbench.errors import InputError
    from workbench.stages.round_config import checked_config, demo_config, read_round_config

    chosen = {name: value for name, value in given.items() if value is not None}
    if path is not None:
        if beside := [*chosen, *(["seed"] if seed is not None else [])]:
            option = f"--{beside[0].replace('_', '-')}"
            raise InputError(
                f"{option} says nothing beside --config.", f"Write it into {path} instead."
            )
        return read_round_config(path)
    table = demo_config(seed or 0).as_json()
    for name, value in chosen.items():
        if name in ("train", "held_out"):
            table["family"][name] = value
        elif name == "teachers":
            table[name] = [one.strip() for one in value.split(",") if one.strip()]
        else:
            table[name] = value
    return checked_config(table, "The options")
