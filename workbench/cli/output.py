"""What every command prints with: data on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["console", "emit_json", "emit_lines", "emit_table", "note", "progress"]


def console() -> Console:
    """Return the console for people: stderr, plain when it is not a terminal."""
    from rich.console import Console

    # A source's name such as "openai:x: ..." is no emoji.
    plain = not sys.stderr.isatty()
    return Console(stderr=True, highlight=False, emoji=False, soft_wrap=plain)


def note(message: str) -> None:
    """Say one line to the person, on stderr."""
    console().print(message, markup=False)


def emit_json(value: object) -> None:
    """Write one JSON value to stdout, readable on a terminal and in one line in a pipe."""
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(value, indent=indent, ensure_ascii=False, default=str) + "\n")


def emit_lines(records: Iterable[Mapping[str, object]]) -> None:
    """Write JSON Lines to stdout, each as soon as it is there."""
    for record in records:
        sys.stdout.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()


def emit_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to stdout: aligned on a terminal, tab-separated in a pipe."""
    if not sys.stdout.isatty():
        sys.stdout.write("\t".join(columns) + "\n")
        for row in rows:
            sys.stdout.write("\t".join("" if v is None else str(v) for v in row) + "\n")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text("" if v is None else str(v)) for v in row))
    Console().print(table)


@contextmanager
def progress() -> Iterator[Progress]:
    """Yield a progress display on stderr; silent bars, plain lines, when it is not a terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
        console=console(),
        disable=not sys.stderr.isatty(),
    ) as bars:
        yield bars
