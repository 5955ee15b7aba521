"""``workbench compare``: one task to several sources at once, judged as the answers come."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.live import listening
from workbench.cli.output import emit_json, emit_table


def command(
    task: Annotated[str, typer.Argument(help="A task's id.")],
    teachers: Annotated[
        str, typer.Option(help="Comma-separated: synthesis,openai:MODEL,student …")
    ] = "synthesis,examples,student",
    temperature: Annotated[float, typer.Option(min=0.0, max=2.0)] = 0.0,
    max_tokens: Annotated[int, typer.Option(min=1)] = 1024,
    max_cost: Annotated[
        str | None, typer.Option(help="Most US dollars to spend; without it nothing is spent.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before spending.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Let several sources answer one task side by side; "student" is the one in use.

    The Compare screen shows the answers while they are being written. Exit status 1 when a source
    brought no answer.
    """
    from teachers.model import Sampling
    from workbench.cli.ask import affordable, money
    from workbench.cli.tasks import find_tasks
    from workbench.errors import InputError
    from workbench.settings import PartialSettings, load_settings
    from workbench.stages.ask import open_teachers
    from workbench.stages.live import STUDENT, ask_live
    from workbench.store.database import open_store

    names = list(dict.fromkeys(n.strip() for n in teachers.split(",") if n.strip()))
    if not names:
        raise InputError("Nobody is to be asked.", "Name sources: --teachers synthesis,student")
    settings = load_settings(overrides=PartialSettings(max_cost=money(max_cost)))
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
    with open_store(settings) as store:
        chosen = find_tasks(store, [task])[0]
        opened = open_teachers([name for name in names if name != STUDENT])
        if not affordable(settings, opened, [chosen], sampling, 1, dry_run=False, yes=yes):
            raise typer.Exit(1)
        with listening(quiet=json) as listener:
            found = ask_live(
                store,
                settings,
                chosen,
                opened,
                student=STUDENT in names,
                sampling=sampling,
                on_event=listener,
            )
        with store.engine.connect() as connection:
            from workbench.store.views.answers import by_ids

            given = by_ids(connection, list(found.values()))
    records = [
        {
            "source": one.source_id,
            "answer": one.id,
            "verdict": one.word,
            "explanation": one.finding.explanation if one.finding else one.no_code_reason,
            "seconds": one.seconds,
            "code": one.code,
        }
        for one in given
    ]
    if json:
        emit_json({"task": chosen.id, "answers": records})
    else:
        emit_table(
            ("source", "verdict", "seconds", "explanation"),
            ((r["source"], r["verdict"], f"{r['seconds']:.2f}", r["explanation"]) for r in records),
        )
    raise typer.Exit(0 if len(found) == len(names) else 1)
