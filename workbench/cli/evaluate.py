"""``workbench evaluate``: the student before and after, on the same held-out tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from workbench.cli.output import emit_json, emit_table, note

if TYPE_CHECKING:
    from workbench.store.database import Store


def command(
    round_id: Annotated[str | None, typer.Argument(help="A round; the latest if left out.")] = None,
    flips: Annotated[
        bool, typer.Option("--flips", help="List the tasks that were fixed or broken.")
    ] = False,
    forgetting: Annotated[
        bool,
        typer.Option("--forgetting", help="Instead: on earlier rounds' held-out tasks, or --file."),
    ] = False,
    file: Annotated[
        Path | None, typer.Option(help="With --forgetting: tasks from a file, HumanEval, MBPP ...")
    ] = None,
    curve: Annotated[
        bool, typer.Option("--curve", help="Instead: rows and figures of every round so far.")
    ] = False,
    on: Annotated[
        str | None,
        typer.Option(
            "--on", help="Answer and judge on a Ray cluster: 'ray' for one here, or its address."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring a round to its evaluation and print the paired figures, overall and by category.

    Exit status 0 when the gain's interval lies above zero, else 1; with --forgetting 1 when
    something was unlearnt beyond its interval, else 0.
    """
    from workbench.cli.rounds import chosen_round, drive, summary
    from workbench.cluster import address_of
    from workbench.settings import PartialSettings, load_settings
    from workbench.store.database import open_store

    if curve:
        _tell_curve(json)
        return
    settings = load_settings(overrides=PartialSettings(cluster=address_of(on)))
    with open_store(settings) as store:
        name = chosen_round(store, round_id)
        if forgetting:
            _tell_forgetting(store, name, file, json)
        result = drive(store, name, "evaluated", quiet=json)
        changed = _flips(store, name) if flips or json else []
    found = result.figures
    if found is None:
        typer.echo(f"Round {name} stopped: {result.decision}", err=True)
        raise typer.Exit(1)
    if json:
        categories = {
            key: {"n": p.n, "before": p.before_rate, "after": p.after_rate, "gain": p.gain,
                  "interval": [p.low, p.high]}
            for key, p in found.categories.items()
        }  # fmt: skip
        emit_json({**summary(result), "categories": categories, "flips": changed})
    else:
        emit_table(
            ("category", "tasks", "before", "after", "gain", "95 % interval"),
            (
                (key, p.n, f"{p.before_rate:.1%}", f"{p.after_rate:.1%}",
                 f"{p.gain * 100:+.1f}", f"{p.low * 100:+.1f} to {p.high * 100:+.1f}")
                for key, p in [*found.categories.items(), ("all", found.overall)]
            ),
        )  # fmt: skip
        if flips:
            emit_table(
                ("task", "what", "before", "after"),
                ((c["task"], c["what"], c["before"], c["after"]) for c in changed),
            )
        note(found.overall.sentence)
    raise typer.Exit(0 if found.overall.low > 0 else 1)


def _flips(store: Store, round_id: str) -> list[dict[str, str]]:
    """Return the held-out tasks whose verdict moved into or out of what counts as right."""
    from sqlmodel import col, select

    from workbench.stages.rounds import config_of
    from workbench.store.tables import EvaluationRow

    counts = config_of(store, round_id).counts
    with store.read() as session:
        rows = session.exec(
            select(EvaluationRow)
            .where(EvaluationRow.round_id == round_id)
            .order_by(col(EvaluationRow.task_id))
        ).all()
    return [
        {
            "task": row.task_id,
            "what": "fixed" if row.student_verdict in counts else "broken",
            "before": row.base_verdict,
            "after": row.student_verdict,
        }
        for row in rows
        if (row.base_verdict in counts) != (row.student_verdict in counts)
    ]


def _tell_forgetting(store: Store, name: str, file: Path | None, json: bool) -> NoReturn:
    """Say whether the round's student lost what the one before it could do; ends the command."""
    from dataclasses import asdict

    from workbench.cli.live import listening
    from workbench.stages.forgetting import forgetting

    with listening(quiet=json) as listener:
        found = forgetting(store, store.settings, name, file=file, on_event=listener)
    lost = found.overall.high < 0
    if json:
        emit_json({"round": name, "forgot": lost, **asdict(found.overall)})
    else:
        words = "has unlearnt something" if lost else "shows no forgetting beyond its interval"
        note(f"{found.second.source} {words}: {found.overall.sentence}.")
    raise typer.Exit(1 if lost else 0)


def _tell_curve(json: bool) -> None:
    """Print every evaluated round's rows and figures, the first round first."""
    from dataclasses import asdict

    from workbench.stages.forgetting import learning_curve
    from workbench.store.database import open_store

    with open_store() as store:
        points = learning_curve(store)
    if json:
        emit_json([asdict(point) for point in points])
        return
    emit_table(
        ("round", "rows", "tasks", "before", "after", "gain", "95 % interval", "promoted"),
        (
            (p.round_id, p.rows, p.figures.n, f"{p.figures.before_rate:.1%}",
             f"{p.figures.after_rate:.1%}", f"{p.figures.gain * 100:+.1f}",
             f"{p.figures.low * 100:+.1f} to {p.figures.high * 100:+.1f}",
             "yes" if p.promoted else "no")
            for p in points
        ),
    )  # fmt: skip
    if not points:
        note("No round was evaluated yet. Start one: workbench demo")
