"""``workbench student``: which student is in use, where it comes from, and taking it elsewhere."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer

from workbench.cli.output import emit_json, emit_table, note

app = typer.Typer(no_args_is_help=True, help="See, export, deploy and roll back students.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Which = Annotated[
    str | None, typer.Argument(help="A round or an adapter; the student in use if left out.")
]
Kind = Annotated[
    Literal["f32", "f16", "q8_0", "q4_0"], typer.Option(help="How the GGUF holds its weights.")
]


@app.command()
def status(json: Json = False) -> None:
    """Say which student is in use here, and which one an Ollama was given."""
    from workbench.stages.deploy import deployed
    from workbench.stages.promote import promoted_student
    from workbench.store.database import open_store

    with open_store() as store:
        now, there = promoted_student(store), deployed(store)
    if json:
        emit_json(
            {
                "adapter": now.adapter_id,
                "source": now.source_id,
                "override": now.override,
                "previous": list(now.previous),
                "ollama": None if there is None else {"host": there.host, "tag": there.tag},
            }
        )
        return
    typer.echo(f"In use: {now.source_id or 'the base model, as it was before any round'}")
    if now.override is not None:
        typer.echo(f"  by hand, against the gate. {now.override}")
    if now.previous:
        before = ", ".join(one or "base" for one in now.previous)
        typer.echo(f"  before it: {before} (workbench student rollback)")
    if there is not None:
        typer.echo(f"Ollama at {there.host}: {there.name}:latest is {there.tag}")


@app.command("list")
def list_students(json: Json = False) -> None:
    """List every trained student: its round, data, method and what the gate said."""
    from dataclasses import asdict

    from workbench.stages.students import lineage
    from workbench.store.database import open_store

    with open_store() as store:
        found = lineage(store)
    if json:
        emit_json([asdict(one) for one in found])
        return
    emit_table(
        ("student", "in use", "parent", "method", "rows", "snapshot", "decision"),
        (
            (one.adapter_id, "yes" if one.in_use else "", one.parent_round or "", one.method,
             one.examples, one.snapshot_id or "", one.decision or "")
            for one in found
        ),
    )  # fmt: skip
    if not found:
        note("No student was trained yet. Start with: workbench demo")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    student: Annotated[
        str | None, typer.Option(help="A round or an adapter; the student in use if left out.")
    ] = None,
    kind: Kind = "f16",
    gguf: Annotated[bool, typer.Option(help="Also a GGUF file with its Ollama Modelfile.")] = True,
    json: Json = False,
) -> None:
    """Write a student for other engines: adapter, merged model, GGUF, Modelfile; all compared."""
    from workbench.stages.students import export_student
    from workbench.store.database import open_store

    with open_store() as store:
        found = export_student(store, folder, name=student, kind=kind, gguf=gguf)
    if json:
        emit_json(
            {"folder": str(found.folder), "adapter": found.adapter_id, "files": found.files,
             "found": found.found, "commands": found.commands}
        )  # fmt: skip
        return
    for sentence in found.found:
        note(sentence)
    typer.echo(f"{found.folder}: {', '.join(found.files)}")
    for line in found.commands:
        typer.echo(f"  {line}")


@app.command()
def deploy(
    student: Which = None,
    name: Annotated[str, typer.Option(help="The model's name there.")] = "student",
    host: Annotated[
        str | None, typer.Option(help="Where Ollama runs; else OLLAMA_HOST, else this machine.")
    ] = None,
    kind: Kind = "f16",
    json: Json = False,
) -> None:
    """Create the student on an Ollama, try it there, and switch NAME:latest to it."""
    from workbench.stages.deploy import deploy_student
    from workbench.stages.students import chosen_adapter, export_student
    from workbench.store.database import open_store

    with open_store() as store, tempfile.TemporaryDirectory() as place:
        adapter = chosen_adapter(store, student)
        exported = export_student(store, Path(place) / "student", name=adapter.id, kind=kind)
        found = deploy_student(store, exported.folder, adapter, name=name, host=host)
    if json:
        emit_json({"host": found.host, "tag": found.tag, "same": found.same, "tried": found.tried})
        return
    typer.echo(
        f"{found.name}:latest at {found.host} is {found.tag}; {found.same} of {found.tried} probes "
        "answered as here."
    )


@app.command()
def rollback(
    ollama: Annotated[
        bool, typer.Option("--ollama", help="Roll back what an Ollama serves, not what is in use.")
    ] = False,
    json: Json = False,
) -> None:
    """Put the student before back in use; the one that leaves is kept."""
    from workbench.stages.deploy import switch_back
    from workbench.stages.promote import roll_back
    from workbench.store.database import open_store

    with open_store() as store:
        if ollama:
            there = switch_back(store)
            if json:
                emit_json({"host": there.host, "tag": there.tag})
            else:
                typer.echo(f"{there.name}:latest at {there.host} is {there.tag}")
            return
        now = roll_back(store)
    if json:
        emit_json({"adapter": now.adapter_id, "source": now.source_id})
    else:
        typer.echo(f"In use: {now.source_id or 'the base model, as it was before any round'}")
