"""``workbench contracts``: is a contract worth proving against, before anybody answers?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.drafts import draft
from workbench.cli.output import emit_lines, note, progress

if TYPE_CHECKING:
    from judge.adequacy import Adequacy, Specimen
    from workbench.store.database import Store
    from workbench.tasks import Task

app = typer.Typer(no_args_is_help=True, help="Check whether contracts are worth proving against.")

GLYPHS = {"ok": "✓", "weak": "~", "vacuous": "✗", "bad": "✗", "unknown": "?"}


app.command()(draft)


@app.callback()
def _root() -> None:
    """Keep ``check`` a word of its own."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A task file.")],
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many tasks.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Judge processes.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
) -> None:
    """Assess each contract: satisfiable, total, true of the reference, and does it notice mutants.

    Exit status 1 when one is weak, vacuous or unusable, 3 when it could not be told.
    """
    from workbench.settings import load_settings
    from workbench.task_files import read_task_file

    settings = load_settings()
    read = read_task_file(file)
    read.require_clean()
    tasks = list(read.tasks)[:limit]
    from judge.adequacy import assess_many

    counts: Counter[str] = Counter()
    assessed = assess_many(
        [_specimen(task) for task in tasks],
        jobs=jobs or settings.jobs,
        budget=settings.budget(),
    )
    with progress() as bars:
        bar = bars.add_task("contracts", total=len(tasks), note="")
        for task, found in zip(tasks, assessed, strict=True):
            counts[found.verdict] += 1
            bars.update(bar, advance=1, note=task.id[:40])
            if json:
                emit_lines([_record(task, found)])
            else:
                typer.echo(f"{GLYPHS[found.verdict]} {task.id}: {found.explanation}")
    note(", ".join(f"{count} {word}" for word, count in counts.most_common()))
    if counts["weak"] or counts["vacuous"] or counts["bad"]:
        raise typer.Exit(1)
    raise typer.Exit(3 if counts["unknown"] else 0)


@app.command()
def assess(
    tasks: Annotated[
        list[str] | None, typer.Argument(help="Task ids; without any, those not assessed yet.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many tasks.")] = 100,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Assess contracts of tasks in the store and keep what was found, for the dashboard.

    Exit status 1 when one is weak, vacuous or unusable, 3 when it could not be told.
    """
    from workbench.cli.live import listening
    from workbench.cli.output import emit_json
    from workbench.stages.adequacy import assess_tasks
    from workbench.stages.events import Reporter
    from workbench.store.database import open_store

    with open_store() as store:
        chosen = _stored(store, tasks or [], limit)
        with listening(quiet=json) as listener:
            report = assess_tasks(store, store.settings, chosen, reporter=Reporter(store, listener))
    if json:
        emit_json(report.found)
    else:
        for name, found in report.found.items():
            typer.echo(f"{GLYPHS[found['verdict']]} {name}: {found['explanation']}")
    note(report.sentence)
    counts = report.verdicts
    if counts["weak"] or counts["vacuous"] or counts["bad"]:
        raise typer.Exit(1)
    raise typer.Exit(3 if counts["unknown"] else 0)


def _stored(store: Store, names: list[str], limit: int) -> list[Task]:
    from sqlmodel import col, select

    from workbench.cli.tasks import find_tasks
    from workbench.store.tables import TaskRow
    from workbench.tasks import task_of

    if names:
        return find_tasks(store, names)[:limit]
    query = select(TaskRow).where(col(TaskRow.adequacy_json).is_(None))
    with store.read() as session:
        rows = session.exec(query.order_by(col(TaskRow.id)).limit(limit)).all()
    return [task_of(row) for row in rows]


def _specimen(task: Task) -> Specimen:
    from judge.adequacy import Specimen
    from judge.contract import Contract

    contract = Contract(task.requires, task.ensures, task.raises, task.helpers)
    return Specimen(contract, task.signature, task.entry_point, task.reference)


def _record(task: Task, found: Adequacy) -> dict[str, Any]:
    return {
        "id": task.id,
        "verdict": found.verdict,
        "explanation": found.explanation,
        "satisfiable": found.satisfiable,
        "total": found.total,
        "holds_for_reference": found.holds_for_reference,
        "deterministic": found.deterministic,
        "mutants": found.mutants,
        "killed": found.killed,
        "survivors": [
            {"change": s.change, "example": s.example, "code": s.code} for s in found.survivors
        ],
    }
