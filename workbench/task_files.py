"""Task files: our JSON Lines, and HumanEval, EvalPlus and MBPP files as they come (also ``.gz``).

The format is recognised line by line from its fields. A bad line is a value with its number and a
sentence, so one can see all of them at once. Nothing in a file is executed here, but for the
references of EvalPlus releases that give inputs without results: those run in the sandbox.
"""

from __future__ import annotations

import ast
import gzip
import json
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import InputError
from workbench.tasks import SPLITS, Task

if TYPE_CHECKING:
    from judge.sandbox import Sandbox
    from workbench.plus_inputs import Expected, Inputs

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


class _BadLineError(Exception):
    """A line is no task; the text says why."""


class _Ours(BaseModel):
    """A line in the workbench's own format; see DESIGN, "Formats that strangers may rely on"."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, max_length=200)
    prompt: str = Field(min_length=1)
    entry_point: str
    signature: str
    requires: list[str] = []
    ensures: list[str] = []
    raises: list[str] = []
    helpers: str = ""
    tests: list[dict[str, Any]] = []
    test_code: str | None = None
    category: str = "general"
    family: str | None = None
    split: str = "none"
    source: str = "unknown"
    licence: str = "unknown"
    reference: str | None = None


def read_task_file(path: Path, *, split: str | None = None) -> TaskFile:
    """Read every task of ``path``; ``split`` overrides what the file says.

    Raises ``InputError`` when the file as a whole cannot be read or ``split`` is none.
    """
    if split is not None and split not in SPLITS:
        raise InputError(f"{split!r} is no split.", f"Use one of {', '.join(SPLITS)}.")
    tasks: list[Task] = []
    bad: list[BadTask] = []
    with _References() as references:
        for number, text in _records(path):
            try:
                tasks.append(_task(text, split, references))
            except _BadLineError as error:
                bad.append(BadTask(number, str(error)))
    if not tasks and not bad:
        raise InputError(f"{path} is empty.", "Give a file with one task a line.")
    return TaskFile(path, tuple(tasks), tuple(bad))


class _References(ExitStack):
    """The sandbox for references; opened when a line first needs it."""

    def __init__(self) -> None:
        super().__init__()
        self._sandbox: Sandbox | None = None

    def ask(self, inputs: Inputs) -> Expected:
        """Return what the reference says to the inputs, or raise ``_BadLineError``."""
        from workbench.plus_inputs import expected_results

        if self._sandbox is None:
            from judge.sandbox import open_sandbox

            self._sandbox = self.enter_context(open_sandbox())
        found = expected_results(self._sandbox, inputs)
        if found is None:
            raise _BadLineError("its reference returns no plain value on any of its inputs.")
        return found


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


def _task(given: Any, split: str | None, references: _References) -> Task:
    record = _object(given)
    if ("base_input" in record or "plus_input" in record) and "test" not in record:
        task = _evalplus(record, split, references)
        _check(task)
        return task
    reader = _reader(record)
    if reader is None:
        fields = ", ".join(sorted(record)[:8]) or "none"
        raise _BadLineError(
            f"its fields ({fields}) are of no known format; a task has at least id, prompt, "
            "entry_point and signature."
        )
    task = reader(record, split)
    _check(task)
    return task


def _object(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except json.JSONDecodeError as error:
            raise _BadLineError(f"not JSON: {error.msg} at column {error.colno}.") from error
        except RecursionError as error:
            raise _BadLineError("not JSON that can be read: nested too deeply.") from error
    if not isinstance(given, dict):
        raise _BadLineError(f"a task is a JSON object, this is a {type(given).__name__}.")
    return given


def _reader(record: dict[str, Any]) -> Callable[[dict[str, Any], str | None], Task] | None:
    if "id" in record:
        return _ours
    if "test_list" in record or "asserts" in record:
        return _mbpp
    if "task_id" in record and "entry_point" in record:
        return _human_eval
    return None


def _ours(record: dict[str, Any], split: str | None) -> Task:
    try:
        read = _Ours.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(_Ours.model_fields)
            raise _BadLineError(f"{field!r} is no field of a task; fields are {known}.") from error
        raise _BadLineError(f"{field}: {first['msg'].lower()}.") from error
    values = read.model_dump()
    for name in ("requires", "ensures", "raises", "tests"):
        values[name] = tuple(values[name])
    return Task(**{**values, "split": split or values["split"]})


def _human_eval(record: dict[str, Any], split: str | None) -> Task:
    prompt, entry = _strings(record, "prompt", "entry_point")
    solution = record.get("canonical_solution")
    plus = "plus" in str(record.get("dataset", "")) or "plus_input" in record
    (test,) = _strings(record, "test")
    return Task(
        id=str(record["task_id"]),
        prompt=prompt,
        entry_point=entry,
        signature=_signature(prompt + "\n    pass\n", entry),
        test_code=test,
        category="human-eval",
        split=split or "eval",
        source="EvalPlus" if plus else "HumanEval",
        licence="Apache-2.0" if plus else "MIT",
        reference=prompt + solution if isinstance(solution, str) else None,
    )


def _evalplus(record: dict[str, Any], split: str | None, references: _References) -> Task:
    """Read a line of an EvalPlus release, HumanEval+ or MBPP+: inputs and a reference."""
    from workbench.plus_inputs import Inputs

    name, prompt, entry, solution = _strings(
        record, "task_id", "prompt", "entry_point", "canonical_solution"
    )
    mbpp = name.lower().startswith("mbpp")
    # HumanEval's solution continues its prompt; MBPP's stands alone.
    reference = solution if f"def {entry}" in solution else prompt + solution
    given = [record.get("base_input"), record.get("plus_input")]
    calls = [call for calls in given if isinstance(calls, list) for call in calls]
    if not all(isinstance(call, list) for call in calls):
        raise _BadLineError("its inputs are not lists of arguments.")
    tolerance = record.get("atol", 0)
    if not isinstance(tolerance, int | float) or tolerance < 0:
        raise _BadLineError(f"atol {tolerance!r} is no tolerance.")
    signature = _signature(reference, entry)
    found = references.ask(Inputs(reference, entry, calls, float(tolerance)))
    return Task(
        id=name,
        prompt=prompt,
        entry_point=entry,
        signature=signature,
        tests=found.tests,
        test_code=found.test_code,
        category="mbpp" if mbpp else "human-eval",
        split=split or "eval",
        source="EvalPlus",
        licence="CC-BY-4.0" if mbpp else "Apache-2.0",
        reference=reference,
    )


def _mbpp(record: dict[str, Any], split: str | None) -> Task:
    asserts = record.get("test_list", record.get("asserts"))
    if not isinstance(asserts, list) or not all(isinstance(a, str) for a in asserts):
        raise _BadLineError("its test list is not a list of assert statements.")
    code = record.get("code", record.get("canonical_solution"))
    text = record.get("text", record.get("prompt"))
    if not isinstance(code, str) or not isinstance(text, str):
        raise _BadLineError("it lacks 'text' (or 'prompt') or 'code'.")
    asserts = [*asserts, *record.get("challenge_test_list", [])]
    entry = record.get("entry_point") or _tested_function(asserts, code)
    setup = [record.get("test_setup_code", ""), *record.get("test_imports", [])]
    head = "\n".join(line for line in setup if line)
    body = "\n".join(f"    {line}" for text in asserts for line in text.splitlines())
    number = str(record.get("task_id", ""))
    return Task(
        id=number if "/" in number else f"MBPP/{number}",
        prompt=f"{text.strip()}\n\nIt must satisfy:\n" + "\n".join(asserts[:3]),
        entry_point=entry,
        signature=_signature(code, entry),
        test_code=f"{head}\ndef check({entry}):\n{body}\n".lstrip("\n"),
        category="mbpp",
        split=split or "eval",
        source="MBPP",
        licence="CC-BY-4.0",
        reference=code,
    )


def _strings(record: dict[str, Any], *names: str) -> list[str]:
    for name in names:
        if not isinstance(record.get(name), str):
            raise _BadLineError(f"{name!r} is missing or no text.")
    return [record[name] for name in names]


def _signature(source: str, entry: str) -> str:
    """Return ``def entry(...) -> ...`` as written in ``source``."""
    for node in ast.walk(_parsed(source, "its code")):
        if isinstance(node, ast.FunctionDef) and node.name == entry:
            returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
            return f"def {entry}({ast.unparse(node.args)}){returns}"
    raise _BadLineError(f"its code defines no function {entry!r}.")


def _tested_function(asserts: list[str], code: str) -> str:
    """Return the function of ``code`` that the asserts call."""
    defined = {
        n.name for n in ast.walk(_parsed(code, "its code")) if isinstance(n, ast.FunctionDef)
    }
    for text in asserts:
        for node in ast.walk(_parsed(text, "an assert")):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id in defined:
                return called.id
    raise _BadLineError("its asserts call no function that its code defines.")


def _parsed(source: str, what: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            # A stranger's odd escapes are his affair; they must not print or stop anything here.
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _BadLineError(f"{what} does not parse: {error}.") from error


def _check(task: Task) -> None:
    """Check what every format must fulfil; raise ``_BadLineError`` with the field."""
    if task.split not in SPLITS:
        raise _BadLineError(f"split {task.split!r} is none of {', '.join(SPLITS)}.")
    if not task.entry_point.isidentifier():
        raise _BadLineError(f"entry_point {task.entry_point!r} is no Python name.")
    body = task.signature.rstrip().rstrip(":") + ": ..."
    parsed = _parsed(body, "signature")
    function = parsed.body[0] if parsed.body else None
    if not isinstance(function, ast.FunctionDef) or function.name != task.entry_point:
        raise _BadLineError(f"signature is not `def {task.entry_point}(...)`.")
    for name in ("requires", "ensures"):
        for number, clause in enumerate(getattr(task, name), start=1):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ast.parse(clause.strip(), mode="eval")
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                raise _BadLineError(
                    f"{name} clause {number} ({clause!r}) does not parse: {error}."
                ) from error
    for number, test in enumerate(task.tests, start=1):
        _check_test(
            test, number, len(function.args.posonlyargs) + len(function.args.args), function
        )


def _check_test(test: dict[str, Any], number: int, most: int, function: ast.FunctionDef) -> None:
    extra = set(test) - {"args", "expected", "raises"}
    if extra:
        raise _BadLineError(f"test {number} has an unknown field {sorted(extra)[0]!r}.")
    if not isinstance(test.get("args"), list):
        raise _BadLineError(f"test {number} has no list 'args'.")
    if ("expected" in test) == (test.get("raises") is not None):
        raise _BadLineError(f"test {number} needs either 'expected' or 'raises'.")
    least = most - len(function.args.defaults)
    if not least <= len(test["args"]) and function.args.vararg is None:
        raise _BadLineError(
            f"test {number} gives {len(test['args'])} arguments; the function takes {most}."
        )
    if len(test["args"]) > most and function.args.vararg is None:
        raise _BadLineError(
            f"test {number} gives {len(test['args'])} arguments; the function takes {most}."
        )
