"""``workbench duel``: two sources, the same tasks, the same judge, the same budget."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.output import emit_json, emit_table, note

if TYPE_CHECKING:
    from workbench.stages.duel import Duel


def command(
    first: Annotated[
        str, typer.Argument(help="A teacher, base, student, a round, or a model's folder.")
    ],
    second: Annotated[str, typer.Argument(help="Another one.")],
    file: Annotated[
        Path | None, typer.Option(help="Tasks from a file: ours, HumanEval(+), MBPP(+).")
    ] = None,
    round_id: Annotated[
        str | None, typer.Option("--round", help="The held-out tasks of this round.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many tasks.")] = None,
    samples: Annotated[int, typer.Option(min=1, max=64, help="Answers a task, for pass@k.")] = 1,
    temperature: Annotated[float, typer.Option(min=0.0, max=2.0, help="Of every answer.")] = 0.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Of every answer.")] = 256,
    counts: Annotated[
        str, typer.Option(help="Verdicts that are right: proved, bounded, tested; by comma.")
    ] = "",
    flips: Annotated[bool, typer.Option("--flips", help="List where they differ.")] = False,
    max_cost: Annotated[
        str | None, typer.Option(help="Most US dollars to spend; without it nothing is spent.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two sources; the figure is second against first, with a 95 % interval.

    Tasks with contracts count proofs, tasks that have only tests count passing them, unless
    --counts says otherwise. Exit status 0 when the second is ahead beyond its interval, 1 when the
    first is, 3 when they cannot be told apart.
    """
    from workbench.cli.ask import money
    from workbench.cli.live import listening
    from workbench.settings import PartialSettings, load_settings
    from workbench.stages.contest import Budget, contest_tasks
    from workbench.stages.duel import run_duel
    from workbench.stages.forgetting import right_words
    from workbench.stages.train import shipped_base
    from workbench.store.database import open_store

    settings = load_settings(overrides=PartialSettings(max_cost=money(max_cost)))
    with open_store(settings) as store, listening(quiet=json) as listener:
        tasks = contest_tasks(store, file=file, round_id=round_id, most=limit)
        words = tuple(one.strip() for one in counts.split(",") if one.strip())
        words = words or right_words(tasks)
        found = run_duel(
            store, settings, (first, second), tasks,
            base=settings.base or shipped_base(),
            budget=Budget(samples, temperature, max_tokens), counts=words, on_event=listener,
        )  # fmt: skip
    if json:
        emit_json(_as_json(found, words))
    else:
        _tell(found, flips)
    raise typer.Exit(0 if found.overall.low > 0 else 1 if found.overall.high < 0 else 3)


def _tell(found: Duel, flips: bool) -> None:
    one, two = found.first.source, found.second.source
    emit_table(
        ("category", "tasks", one, two, "gain", "95 % interval"),
        (
            (name, p.n, f"{p.before_rate:.1%}", f"{p.after_rate:.1%}", f"{p.gain * 100:+.1f}",
             f"{p.low * 100:+.1f} to {p.high * 100:+.1f}")
            for name, p in [*found.categories.items(), ("all", found.overall)]
        ),
    )  # fmt: skip
    for sat in (found.first, found.second):
        passes = ", ".join(
            f"pass@{k} {mean:.1%} ({low:.1%} to {high:.1%})"
            for k, (mean, low, high) in found.passes[sat.source].items()
        )
        note(f"{sat.source}: {passes}; {sat.output_tokens} tokens, ${sat.cost:.4f}")
    if flips:
        emit_table(("task", one, two), found.flips)
    note(found.sentence)


def _as_json(found: Duel, words: tuple[str, ...]) -> dict[str, object]:
    return {
        "sentence": found.sentence,
        "counts": list(words),
        "overall": asdict(found.overall),
        "categories": {name: asdict(p) for name, p in found.categories.items()},
        "flips": [list(one) for one in found.flips],
        "sources": [
            {
                "source": sat.source,
                "tokens": sat.output_tokens,
                "seconds": sat.seconds,
                "cost": str(sat.cost),
                "passes": {str(k): list(v) for k, v in found.passes[sat.source].items()},
            }
            for sat in (found.first, found.second)
        ],
    }
