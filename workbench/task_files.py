"""Task files: our JSON Lines, and HumanEval, EvalPlus and MBPP files as they come (also ``.gz``).

The format is recognised line by line from its fields. A bad line is a value with its number and a
sentence, so one can see all of them at once. Nothing in a file is executed here, but for the
references of EvalPlus releases that give inputs without results: those run in the sandbox.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.pictures import Picture, written_pictures
from workbench.task_formats import (
    BadLineError,
    References,
    check,
    evalplus,
    human_eval,
    mbpp,
    ours,
)
from workbench.tasks import SPLITS, Task

__all__ = ["BadTask", "TaskFile", "read_task_file"]

_MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BadTask:
    """A line that is no task, and why. ``line`` counts from 1."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class TaskFile:
    """What a file holds: its tasks, and the lines that are none."""

    path: Path
    tasks: tuple[Task, ...]
    bad: tuple[BadTask, ...]

    def require_clean(self, most: int = 5) -> None:
        """Raise ``InputError`` that names up to ``most`` bad lines, if there are any."""
        if not self.bad:
            return
        shown = " ".join(f"Line {bad.line}: {bad.message}" for bad in self.bad[:most])
        rest = len(self.bad) - most
        more = f" ({rest} more)" if rest > 0 else ""
        raise InputError(
            f"{self.path} has {len(self.bad)} bad lines; nothing was imported. {shown}{more}",
            "Mend them, or leave them out with --skip-bad.",
        )


def read_task_file(path: Path, *, split: str | None = None) -> TaskFile:
    """Read every task of ``path``; ``split`` overrides what the file says.

    Raises ``InputError`` when the file as a whole cannot be read or ``split`` is none.
    """
    if split is not None and split not in SPLITS:
        raise InputError(f"{split!r} is no split.", f"Use one of {', '.join(SPLITS)}.")
    tasks: list[Task] = []
    bad: list[BadTask] = []
    with References() as references:
        for number, text in _records(path):
            try:
                tasks.append(_task(text, split, references, path.parent))
            except BadLineError as error:
                bad.append(BadTask(number, str(error)))
    if not tasks and not bad:
        raise InputError(f"{path} is empty.", "Give a file with one task a line.")
    return TaskFile(path, tuple(tasks), tuple(bad))


def _records(path: Path) -> Iterator[tuple[int, Any]]:
    text = _text(path)
    if text.lstrip().startswith("["):
        try:
            items = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(
                f"{path} starts like a JSON list but is none: line {error.lineno}, {error.msg}.",
                "Mend that line.",
            ) from error
        yield from enumerate(items, start=1)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


def _text(path: Path) -> str:
    try:
        with path.open("rb") as raw:
            stream = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
            data = stream.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.", "Check the path.") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder.", "Name the file in it.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path} is not a whole gzip file.", "Fetch it again.") from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}.", "Check its rights."
        ) from error
    if len(data) > _MAX_BYTES:
        raise InputError(f"{path} holds more than {_MAX_BYTES >> 20} MB.", "Split the file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text (byte {error.start}).", "Save it again as UTF-8."
        ) from error


def _task(given: Any, split: str | None, references: References, folder: Path) -> Task:
    record = _object(given)
    if ("base_input" in record or "plus_input" in record) and "test" not in record:
        task = evalplus(record, split, references)
        check(task)
        return task
    reader = _reader(record)
    if reader is None:
        translated = _by_plugin(record)
        if translated is not None:
            record, reader = translated, ours
    if reader is None:
        fields = ", ".join(sorted(record)[:8]) or "none"
        raise BadLineError(
            f"its fields ({fields}) are of no known format; a task has at least id, prompt, "
            "entry_point and signature."
        )
    task = reader(record, split)
    check(task)
    if reader is ours and record.get("images"):
        task = replace(task, images=_pictures(record["images"], folder))
    return task


def _pictures(said: list[str], folder: Path) -> tuple[Picture, ...]:
    try:
        return written_pictures(said, folder)
    except InputError as error:
        raise BadLineError(str(error)) from error


def _object(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except json.JSONDecodeError as error:
            raise BadLineError(f"not JSON: {error.msg} at column {error.colno}.") from error
        except RecursionError as error:
            raise BadLineError("not JSON that can be read: nested too deeply.") from error
    if not isinstance(given, dict):
        raise BadLineError(f"a task is a JSON object, this is a {type(given).__name__}.")
    return given


def _reader(record: dict[str, Any]) -> Callable[[dict[str, Any], str | None], Task] | None:
    if "id" in record:
        return ours
    if "test_list" in record or "asserts" in record:
        return mbpp
    if "task_id" in record and "entry_point" in record:
        return human_eval
    return None


def _by_plugin(record: dict[str, Any]) -> dict[str, Any] | None:
    """Return the record in our own format, if an installed plug-in knows its format."""
    from workbench.plugins import TASK_FORMATS, plugins

    for plugin in plugins(TASK_FORMATS):
        if plugin.problem is None:
            translated = plugin.value(record)
            if translated is not None:
                return dict(translated)
    return None
