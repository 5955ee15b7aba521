"""``workbench ablate``: train on different choices of a round's rows and say which helped."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.output import emit_json, emit_table, note

if TYPE_CHECKING:
    from workbench.stages.ablate import Ablation


def command(
    round_id: Annotated[str | None, typer.Argument(help="A round; the latest if left out.")] = None,
    arms: Annotated[
        str, typer.Option(help="Arms by comma; the first is what the others are compared with.")
    ] = "all,tested,proved,proof-weighted,synthetic-only,repair",
    scaling: Annotated[
        str | None, typer.Option(help="Instead: answers a task, as 1,4,16 (the round needs them).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train arms on equally many tokens and compare them on the round's held-out tasks.

    The round must have its winners. Exit status 0 when an arm is better than the first beyond its
    interval, else 1. Stopped, the same command goes on.
    """
    from workbench.cli.live import listening
    from workbench.cli.rounds import chosen_round, drive
    from workbench.errors import InputError
    from workbench.stages.ablate import run_ablation
    from workbench.store.database import open_store

    names = [one.strip() for one in arms.split(",") if one.strip()]
    if scaling is not None:
        numbers = [one.strip() for one in scaling.split(",")]
        if not all(one.isdigit() and int(one) > 0 for one in numbers):
            raise InputError(f"--scaling {scaling} is no list of numbers.", "Say: 1,4,16")
        names = [f"samples-{one}" for one in numbers]
    with open_store() as store:
        name = chosen_round(store, round_id)
        drive(store, name, "selected", quiet=json)
        with listening(quiet=json) as listener:
            found = run_ablation(store, store.settings, name, arms=names, on_event=listener)
    if json:
        emit_json(as_json(found))
    else:
        _tell(found)
    raise typer.Exit(0 if any(arm.against_first.low > 0 for arm in found.arms[1:]) else 1)


def as_json(found: Ablation) -> dict[str, object]:
    """Return an ablation as JSON values."""
    return {
        "round": found.round_id,
        "tasks": found.tasks,
        "tokens": found.tokens,
        "sentence": found.sentence,
        "left_out": dict(found.left_out),
        "arms": [
            {
                "arm": arm.name,
                "rows": arm.rows,
                "tokens_a_pass": arm.tokens,
                "epochs": arm.epochs,
                "against_base": asdict(arm.against_base),
                "against_first": asdict(arm.against_first),
            }
            for arm in found.arms
        ],
    }


def _tell(found: Ablation) -> None:
    emit_table(
        ("arm", "rows", "passes", "right", "against base", "95 % interval", "against first",
         "95 % interval"),
        (
            (arm.name, arm.rows, f"{arm.epochs:.2f}", f"{arm.against_base.after_rate:.1%}",
             f"{arm.against_base.gain * 100:+.1f}",
             f"{arm.against_base.low * 100:+.1f} to {arm.against_base.high * 100:+.1f}",
             f"{arm.against_first.gain * 100:+.1f}",
             f"{arm.against_first.low * 100:+.1f} to {arm.against_first.high * 100:+.1f}")
            for arm in found.arms
        ),
    )  # fmt: skip
    for name, why in found.left_out.items():
        note(f"{name}: {why}")
    note(f"{found.tokens} tokens each, {found.tasks} tasks. {found.sentence}")
