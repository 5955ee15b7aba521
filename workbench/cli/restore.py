"""``workbench restore FILE``: the home that a back-up holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import emit_json, note


def command(
    file: Annotated[Path, typer.Argument(help="What workbench backup wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Set an existing home aside (it is kept).")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make the home again from a back-up; it appears only when every byte was checked."""
    from workbench.backup import restore_backup
    from workbench.settings import default_home

    home = default_home()
    done = restore_backup(file, home, replace=replace)
    if json:
        emit_json({"home": str(home), "files": done.files, "bytes": done.size, "made": done.made})
        return
    typer.echo(f"{home}: {done.files:,} files of {done.made}")
    note("look at it: workbench rounds list")
