"""``workbench tasks``: what is asked. List, show, import files, generate the family."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.output import emit_json, emit_table, note

if TYPE_CHECKING:
    from workbench.store.database import Store
    from workbench.tasks import Task

app = typer.Typer(no_args_is_help=True, help="List, show, import and generate tasks.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, change nothing.")]


@app.command("list")
def list_tasks(
    split: Annotated[str | None, typer.Option(help="train, eval or none")] = None,
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    search: Annotated[str | None, typer.Option(help="Text in the id or the prompt.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="Leave out the first ones.")] = 0,
    json: Json = False,
) -> None:
    """List tasks, a page at a time."""
    from sqlmodel import col, func, or_, select

    from workbench.store.database import open_store
    from workbench.store.tables import TaskRow

    query = select(TaskRow)
    if split is not None:
        query = query.where(TaskRow.split == _split(split))
    if category is not None:
        query = query.where(TaskRow.category == category)
    if search is not None:
        query = query.where(
            or_(
                col(TaskRow.id).icontains(search, autoescape=True),
                col(TaskRow.prompt).icontains(search, autoescape=True),
            )
        )
    with open_store() as store, store.read() as session:
        total = session.exec(select(func.count()).select_from(query.subquery())).one()
        rows = session.exec(query.order_by(col(TaskRow.id)).limit(limit).offset(offset)).all()
    if json:
        records = [{"id": r.id, "split": r.split, "category": r.category,
                    "entry_point": r.entry_point, "prompt": r.prompt} for r in rows]  # fmt: skip
        emit_json({"total": total, "tasks": records})
        return
    emit_table(
        ("id", "split", "category", "prompt"),
        ((r.id, r.split, r.category, " ".join(r.prompt.split())[:80]) for r in rows),
    )
    if total > offset + len(rows):
        note(f"{len(rows)} of {total}; the next ones: --offset {offset + len(rows)}")
    elif total == 0:
        note("No task matches. Import some: workbench tasks import FILE")


@app.command()
def show(task_id: Annotated[str, typer.Argument(help="A task's id.")], json: Json = False) -> None:
    """Show one task: prompt, signature, contract and tests."""
    from workbench.store.database import open_store

    with open_store() as store:
        task = find_tasks(store, [task_id])[0]
    if json:
        emit_json(_record(task))
        return
    typer.echo(f"{task.id}  ({task.category}, {task.split}, {task.source}, {task.licence})\n")
    typer.echo(task.prompt.strip() + "\n")
    typer.echo(f"{task.signature.rstrip(':')}:")
    for name in ("requires", "ensures", "raises"):
        for clause in getattr(task, name):
            typer.echo(f"    {name:8} {clause}")
    typer.echo(f"\n{len(task.tests)} tests" + (" and test code" if task.test_code else ""))
    if task.images:
        typer.echo("pictures: " + ", ".join(f"{p.media_type} {p.digest[:12]}" for p in task.images))


@app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(help="Task files, also .gz.")],
    split: Annotated[
        str | None, typer.Option(help="train, eval or none, whatever the file says")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Import task files: ours, HumanEval, EvalPlus or MBPP, recognised by their fields."""
    from workbench.store.database import open_store
    from workbench.task_files import read_task_file
    from workbench.tasks import add_tasks

    read = [read_task_file(path, split=split) for path in files]
    for file in read:
        if skip_bad:
            for bad in file.bad:
                note(f"{file.path}, line {bad.line}: {bad.message} Left out.")
        else:
            file.require_clean()
    tasks = [task for file in read for task in file.tasks]
    if dry_run:
        emit_json({"tasks": len(tasks)}) if json else typer.echo(f"{len(tasks)} tasks to import.")
        return
    with open_store() as store:
        done = add_tasks(store, tasks)
    if json:
        emit_json({"new": done.new, "known": done.known})
    else:
        typer.echo(done.sentence)


@app.command()
def generate(
    seed: Annotated[int, typer.Option(min=0, help="Other seeds draw other tasks.")] = 0,
    train: Annotated[int, typer.Option(min=0, help="Tasks to learn from.")] = 700,
    held_out: Annotated[int, typer.Option(min=0, help="Tasks of families held out.")] = 160,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Generate tasks of the project's own family; the same ones for the same seed."""
    from distill.family import generate as draw
    from workbench.store.database import open_store
    from workbench.tasks import add_tasks, from_family, off_the_other_side

    tasks = from_family(draw(seed, train, held_out=held_out))
    if dry_run:
        for task in tasks[:5]:
            typer.echo(f"{task.id}\n{task.prompt.strip()}\n")
        note(f"{len(tasks)} tasks in all; nothing was stored.")
        return
    with open_store() as store:
        done = add_tasks(store, off_the_other_side(store, tasks))
    if json:
        emit_json({"new": done.new, "known": done.known})
    else:
        typer.echo(done.sentence)


def find_tasks(store: Store, names: list[str]) -> list[Task]:
    """Return tasks by id, in the order asked; an unknown id is a sentence with near matches."""
    from sqlmodel import col, select

    from workbench.errors import NotFoundError
    from workbench.store.tables import TaskRow
    from workbench.tasks import task_of

    with store.read() as session:
        rows = {r.id: r for r in session.exec(select(TaskRow).where(col(TaskRow.id).in_(names)))}
        for name in names:
            if name not in rows:
                known = session.exec(select(TaskRow.id)).all()
                raise NotFoundError.among("task", name, known, "See them all: workbench tasks list")
    return [task_of(rows[name]) for name in names]


def _split(word: str) -> str:
    from workbench.errors import InputError
    from workbench.tasks import SPLITS

    if word not in SPLITS:
        raise InputError(f"{word!r} is no split.", f"Use one of {', '.join(SPLITS)}.")
    return word


def _record(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "prompt": task.prompt,
        "entry_point": task.entry_point,
        "signature": task.signature,
        **task.contract,
        "tests": list(task.tests),
        "test_code": task.test_code,
        "category": task.category,
        "family": task.family,
        "split": task.split,
        "source": task.source,
        "licence": task.licence,
        "digest": task.digest,
        "images": [[p.media_type, p.digest] for p in task.images],
    }
