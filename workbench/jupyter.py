"""Living with Jupyter: work beside a running event loop, and a progress bar in a cell."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import importlib
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.rendering import escaped

if TYPE_CHECKING:
    from workbench.stages.events import Event

__all__ = ["Bar", "apart", "aside"]

T = TypeVar("T")


def apart(work: Callable[..., T], *args: Any, **more: Any) -> T:
    """Run ``work`` here, or, where this thread already runs an event loop, in a thread beside it.

    The stages run loops of their own, which a running loop forbids.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work(*args, **more)
    context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(context.run, functools.partial(work, *args, **more)).result()


def aside(work: Callable[..., T], *args: Any, **more: Any) -> Awaitable[T]:
    """Return an awaitable that runs ``work`` in a thread."""
    return asyncio.to_thread(work, *args, **more)


class Bar:
    """A progress bar that follows a run in Jupyter; elsewhere it stays silent."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._on = _in_jupyter()

    def __call__(self, event: Event) -> None:
        """Show one event of a run."""
        if not self._on:
            return
        show = importlib.import_module("IPython.display")
        counted = f"{event.done:,} of {event.total:,}" if event.total else ""
        bar = f'<progress value="{event.done or 0}" max="{event.total}"></progress>'
        shown = show.HTML(
            f"<div>{bar if event.total else ''} {escaped(event.stage)} {counted} "
            f'<span style="opacity:0.75">{escaped(event.message[:120])}</span></div>'
        )
        if self._handle is None:
            self._handle = show.display(shown, display_id=True)
        else:
            self._handle.update(shown)


def _in_jupyter() -> bool:
    shell = sys.modules.get("IPython")
    found = shell.get_ipython() if shell is not None else None
    return found is not None and hasattr(found, "kernel")
