"""Plug-ins: what other installed packages add, found by their entry points.

Groups: ``workbench.task_formats``, each a function from one record of a file (a JSON object) to a
record in our own format, or None when the record is not of its format. Teachers have a group of
their own, read by ``teachers``. A plug-in that cannot be loaded is a value with the reason, shown
by ``workbench doctor``; it stops nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

__all__ = ["TASK_FORMATS", "Plugin", "TaskFormat", "plugins"]

TASK_FORMATS = "workbench.task_formats"

TaskFormat = Callable[[Mapping[str, Any]], "Mapping[str, Any] | None"]


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point: what it loads to, or why it does not."""

    group: str
    name: str
    package: str
    value: Any = None
    problem: str | None = None


@cache
def plugins(group: str) -> tuple[Plugin, ...]:
    """Load the plug-ins of ``group``, by name; loaded once a process."""
    found = metadata.entry_points(group=group)
    return tuple(_load(group, point) for point in sorted(found, key=lambda point: point.name))


def _load(group: str, point: metadata.EntryPoint) -> Plugin:
    package = point.dist.name if point.dist is not None else "unknown package"
    try:
        value = point.load()
    except Exception as error:  # noqa: BLE001  a stranger's import may fail in any way
        problem = f"{type(error).__name__}: {error}"
        return Plugin(group, point.name, package, problem=problem)
    if not callable(value):
        return Plugin(group, point.name, package, problem=f"{point.value} is not callable")
    return Plugin(group, point.name, package, value)
