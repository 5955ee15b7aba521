"""``workbench backup FILE``: the whole home in one file, while others work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import emit_json, note


def command(
    file: Annotated[Path, typer.Argument(help="The new file, outside the home.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Save the whole home in one file: database, blobs, rounds, certificates, settings."""
    from workbench.backup import write_backup
    from workbench.settings import load_settings

    done = write_backup(load_settings(), file)
    for name in done.passed_over:
        note(f"passed over, as it is no plain file: {name}")
    if json:
        emit_json({"file": str(file), "files": done.files, "bytes": done.size, "made": done.made})
        return
    typer.echo(f"{file}: {done.files:,} files, {done.size:,} bytes")
    note("signing keys are not in it; they live apart: workbench key list")
