"""A stage's events as a person sees them: bars on a terminal, plain lines elsewhere, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workbench.cli.output import console, progress

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from workbench.stages.events import Event, Listener

__all__ = ["listening"]


@contextmanager
def listening(*, quiet: bool = False) -> Iterator[Listener]:
    """Yield the listener that a stage tells its events to; ``quiet`` shows errors only."""
    if quiet or not sys.stderr.isatty():
        yield _Lines(quiet=quiet)
        return
    with progress() as bars:
        yield _Bars(bars)


class _Lines:
    """One line for what begins, ends or goes wrong."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = console()

    def __call__(self, event: Event) -> None:
        """Print one event, unless it only moves a bar."""
        wanted = ("error",) if self._quiet else ("start", "done", "note", "error")
        if event.kind in wanted and event.message:
            mark = "error: " if event.kind == "error" else ""
            self._console.print(f"{event.stage}: {mark}{event.message}", markup=False)


class _Bars:
    """One bar a stage; a new start of the same stage begins a new one."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._current: TaskID | None = None
        self._stage = ""

    def __call__(self, event: Event) -> None:
        """Move the bars by one event."""
        if event.kind == "start" or self._stage != event.stage:
            self._stage = event.stage
            self._current = self._bars.add_task(event.stage, total=event.total, note=event.message)
        if event.kind in ("progress", "loss") and self._current is not None:
            note = event.message
            if event.kind == "loss" and event.data.get("loss") is not None:
                note = f"loss {event.data['loss']:.3f}"
            # Explanations can be long; the bar keeps to one line.
            self._bars.update(
                self._current, completed=event.done or 0, total=event.total, note=note[:60]
            )
        elif event.kind in ("done", "note", "error") and event.message:
            style = "yellow" if event.kind == "error" else "dim"
            self._bars.console.print(f"{event.stage}: {event.message}", style=style, markup=False)
