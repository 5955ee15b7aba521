"""``workbench train``: retrain the student on a round's winners, here or on another machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from workbench.cli.output import emit_json, note

if TYPE_CHECKING:
    from workbench.stages.job import Only
    from workbench.store.database import Store


def command(
    round_id: Annotated[str | None, typer.Argument(help="A round; the latest if left out.")] = None,
    lora_config: Annotated[
        Path | None, typer.Option(help="A lora_config.yaml for this round.")
    ] = None,
    training_config: Annotated[
        Path | None, typer.Option(help="A training_config.yaml for this round.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate steps, time and memory; train nothing.")
    ] = False,
    job: Annotated[
        Path | None, typer.Option(help="Write a folder that trains on another machine.")
    ] = None,
    on: Annotated[
        Literal["modal"] | None,
        typer.Option(help="Train there and bring the adapter back; with --job only write it."),
    ] = None,
    test_only: Annotated[
        bool, typer.Option("--test-only", help="With --on: only answer a few prompts there.")
    ] = False,
    merge_only: Annotated[
        bool, typer.Option("--merge-only", help="With --on: only merge base and adapter there.")
    ] = False,
    gpu: Annotated[str, typer.Option(help="With --on modal: the kind of GPU.")] = "A10G",
    secret: Annotated[
        str | None, typer.Option(help="With --on modal: a Modal secret for the job.")
    ] = None,
    import_: Annotated[
        Path | None, typer.Option("--import", help="Take back a finished job folder.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring a round to its trained adapter; an interrupted training goes on from its checkpoint.

    Exit status 1 when there is nothing to train on.
    """
    from workbench.cli.rounds import chosen_round, drive
    from workbench.errors import InputError
    from workbench.store.database import open_store

    if (test_only or merge_only) and (on is None or test_only == merge_only):
        raise InputError(
            "--test-only and --merge-only are of a training elsewhere, and exclude each other.",
            "Say: --on modal --test-only",
        )
    with open_store() as store:
        if import_ is not None:
            from workbench.stages.job import import_job

            name = import_job(store, import_)
        else:
            name = chosen_round(store, round_id)
        given: dict[str, Any] = {}
        if lora_config or training_config:
            from workbench.stages.train import read_plan

            given = read_plan(lora_config, training_config)
        if dry_run:
            _tell_estimate(store, name, given, json)
            return
        if given:
            from workbench.stages.train import replan

            replan(store, name, given)
        if job is not None:
            _write_job(store, name, job, on, gpu, secret)
            return
        if on is not None:
            only: Only | None = "test" if test_only else "merge" if merge_only else None
            _on_modal(store, name, gpu, secret, only)
            if only is not None:
                return
        result = drive(store, name, "trained", quiet=json)
        _tell_adapter(store, name, result.decision, json)


def _tell_adapter(store: Store, name: str, decision: str | None, json: bool) -> None:
    from workbench.store.canonical import parse
    from workbench.store.tables import AdapterRow, RoundRow

    with store.read() as session:
        row = session.get(RoundRow, name)
        adapter = session.get(AdapterRow, row.adapter_id) if row and row.adapter_id else None
    if adapter is None:
        typer.echo(f"Round {name} stopped: {decision}", err=True)
        raise typer.Exit(1)
    metrics = parse(adapter.metrics_json)
    if json:
        emit_json({"round": name, "adapter": adapter.id, "path": adapter.path, **metrics})
        return
    typer.echo(
        f"Adapter {adapter.id}: {metrics['examples']} rows, {metrics['steps']} steps, "
        f"{metrics['tokens']} tokens in {metrics['seconds']:.0f} s; {adapter.path}"
    )


def _planned(store: Store, name: str, given: dict[str, Any] | None = None) -> tuple[str, Any]:
    """Return a round's base and training plan, with the settings that are ``given`` over it."""
    from workbench.stages.rounds import config_of
    from workbench.stages.train import training_plan

    config = config_of(store, name)
    assert config.base is not None  # decided when the round was planned
    return config.base, training_plan({**config.training, **(given or {})})


def _tell_estimate(store: Store, name: str, given: dict[str, Any], json: bool) -> None:
    """Print what the training would take; nothing of the round changes."""
    from dataclasses import asdict

    from workbench.stages.train import estimate_round

    base, plan = _planned(store, name, given)
    found = estimate_round(store, name, base=base, plan=plan)
    if json:
        emit_json({"round": name, "base": base, **asdict(found),
                   "training": plan.model_dump(mode="json")})  # fmt: skip
        return
    took = "not tried for this method" if found.seconds is None else f"about {found.seconds:.2g} s"
    typer.echo(
        f"Round {name}, {plan.training.method} on {found.device}: {found.rows} rows, "
        f"{found.steps} steps, {found.tokens} tokens (longest row {found.longest})\n"
        f"  time    {took}\n"
        f"  memory  about {_size(found.memory)} beside the libraries\n"
        f"  trained {found.trainable:,} of {found.parameters:,} parameters\n"
        f"  preset  {found.preset} fits this machine's memory"
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _on_modal(store: Store, name: str, gpu: str, secret: str | None, only: Only | None) -> None:
    """Train a round on Modal and take its adapter, or do one thing there with the adapter."""
    from workbench.stages.job import import_job, run_on_modal
    from workbench.store.tables import RoundRow

    base, plan = _planned(store, name)
    folder = store.home / "jobs" / name
    with store.read() as session:
        row = session.get(RoundRow, name)
    if only is None and row is not None and row.adapter_id is not None:
        return  # it is trained; what follows says so
    run_on_modal(store, name, folder, base=base, plan=plan, gpu=gpu, secret=secret, only=only)
    if only is None:
        import_job(store, folder)
    elif only == "merge":
        typer.echo(str(folder / "result" / "merged"))
    else:
        typer.echo((folder / "result" / "answers.jsonl").read_text(encoding="utf-8"), nl=False)


def _write_job(
    store: Store, name: str, folder: Path, on: str | None, gpu: str, secret: str | None
) -> None:
    """Write a job folder and say how to run it."""
    from workbench.stages.job import write_job

    base, plan = _planned(store, name)
    rows = write_job(
        store, name, folder, base=base, plan=plan, modal=on == "modal", gpu=gpu, secret=secret
    )
    note(f"{rows} rows of round {name}.")
    first = f"modal run {folder}/modal_app.py" if on == "modal" else f"python {folder}/run.py"
    typer.echo(f"{first}\nworkbench train --import {folder}")
