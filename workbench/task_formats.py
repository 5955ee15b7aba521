"""Task formats: one record of a file to one task, for ours and for the published ones.

Each reader takes a record (a JSON object) and the split that overrides its own, and returns a
checked task or raises ``BadLineError`` with a sentence. Reading files is in ``task_files``.
"""

from __future__ import annotations

import ast
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.tasks import SPLITS, Task

if TYPE_CHECKING:
    from judge.sandbox import Sandbox
    from workbench.plus_inputs import Expected, Inputs

__all__ = ["BadLineError", "References", "check", "evalplus", "human_eval", "mbpp", "ours"]


class BadLineError(Exception):
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
    images: list[str] = []
    """Files beside the task file, or data URLs; read by ``task_files``."""


class References(ExitStack):
    """The sandbox for references; opened when a line first needs it."""

    def __init__(self) -> None:
        super().__init__()
        self._sandbox: Sandbox | None = None

    def ask(self, inputs: Inputs) -> Expected:
        """Return what the reference says to the inputs, or raise ``BadLineError``."""
        from workbench.plus_inputs import expected_results

        if self._sandbox is None:
            from judge.sandbox import open_sandbox

            self._sandbox = self.enter_context(open_sandbox())
        found = expected_results(self._sandbox, inputs)
        if found is None:
            raise BadLineError("its reference returns no plain value on any of its inputs.")
        return found


def ours(record: dict[str, Any], split: str | None) -> Task:
    """Read a record in the workbench's own format."""
    try:
        read = _Ours.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(_Ours.model_fields)
            raise BadLineError(f"{field!r} is no field of a task; fields are {known}.") from error
        raise BadLineError(f"{field}: {first['msg'].lower()}.") from error
    values = read.model_dump(exclude={"images"})
    for name in ("requires", "ensures", "raises", "tests"):
        values[name] = tuple(values[name])
    return Task(**{**values, "split": split or values["split"]})


def human_eval(record: dict[str, Any], split: str | None) -> Task:
    """Read a record of HumanEval, or of EvalPlus where it carries test code."""
    prompt, entry = _strings(record, "prompt", "entry_point")
    solution = record.get("canonical_solution")
    plus = "plus" in str(record.get("dataset", "")) or "plus_input" in record
    (test,) = _strings(record, "test")
    return Task(
        id=str(record["task_id"]),
        prompt=prompt,
        entry_point=entry,
        signature=_signature(prompt + "\n    pass\n", entry),
        test_code=given_helpers(prompt, entry) + test,
        category="human-eval",
        split=split or "eval",
        source="EvalPlus" if plus else "HumanEval",
        licence="Apache-2.0" if plus else "MIT",
        reference=prompt + solution if isinstance(solution, str) else None,
    )


def given_helpers(prompt: str, entry: str) -> str:
    """Return the source of what a prompt defines beside ``entry``: its tests may call it.

    Five of HumanEval's prompts do. The tests get the prompt's own text, so an answer that leaves
    the helper out or writes another cannot fail or bend them.
    """
    tree = _parsed(prompt + "\n    pass\n", "its prompt")
    others = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name != entry]
    if not others:
        return ""
    imports = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    return "".join(f"{ast.unparse(node)}\n" for node in (*imports, *others)) + "\n"


def evalplus(record: dict[str, Any], split: str | None, references: References) -> Task:
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
        raise BadLineError("its inputs are not lists of arguments.")
    tolerance = record.get("atol", 0)
    if not isinstance(tolerance, int | float) or tolerance < 0:
        raise BadLineError(f"atol {tolerance!r} is no tolerance.")
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


def mbpp(record: dict[str, Any], split: str | None) -> Task:
    """Read a record of MBPP: a text, a solution and assert statements."""
    asserts = record.get("test_list", record.get("asserts"))
    if not isinstance(asserts, list) or not all(isinstance(a, str) for a in asserts):
        raise BadLineError("its test list is not a list of assert statements.")
    code = record.get("code", record.get("canonical_solution"))
    text = record.get("text", record.get("prompt"))
    if not isinstance(code, str) or not isinstance(text, str):
        raise BadLineError("it lacks 'text' (or 'prompt') or 'code'.")
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
            raise BadLineError(f"{name!r} is missing or no text.")
    return [record[name] for name in names]


def _signature(source: str, entry: str) -> str:
    """Return ``def entry(...) -> ...`` as written in ``source``."""
    for node in ast.walk(_parsed(source, "its code")):
        if isinstance(node, ast.FunctionDef) and node.name == entry:
            returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
            return f"def {entry}({ast.unparse(node.args)}){returns}"
    raise BadLineError(f"its code defines no function {entry!r}.")


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
    raise BadLineError("its asserts call no function that its code defines.")


def _parsed(source: str, what: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            # A stranger's odd escapes are his affair; they must not print or stop anything here.
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadLineError(f"{what} does not parse: {error}.") from error


def check(task: Task) -> None:
    """Check what every format must fulfil; raise ``BadLineError`` with the field."""
    if task.split not in SPLITS:
        raise BadLineError(f"split {task.split!r} is none of {', '.join(SPLITS)}.")
    if not task.entry_point.isidentifier():
        raise BadLineError(f"entry_point {task.entry_point!r} is no Python name.")
    body = task.signature.rstrip().rstrip(":") + ": ..."
    parsed = _parsed(body, "signature")
    function = parsed.body[0] if parsed.body else None
    if not isinstance(function, ast.FunctionDef) or function.name != task.entry_point:
        raise BadLineError(f"signature is not `def {task.entry_point}(...)`.")
    for name in ("requires", "ensures"):
        for number, clause in enumerate(getattr(task, name), start=1):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ast.parse(clause.strip(), mode="eval")
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                raise BadLineError(
                    f"{name} clause {number} ({clause!r}) does not parse: {error}."
                ) from error
    for number, test in enumerate(task.tests, start=1):
        _check_test(
            test, number, len(function.args.posonlyargs) + len(function.args.args), function
        )


def _check_test(test: dict[str, Any], number: int, most: int, function: ast.FunctionDef) -> None:
    extra = set(test) - {"args", "expected", "raises"}
    if extra:
        raise BadLineError(f"test {number} has an unknown field {sorted(extra)[0]!r}.")
    if not isinstance(test.get("args"), list):
        raise BadLineError(f"test {number} has no list 'args'.")
    if ("expected" in test) == (test.get("raises") is not None):
        raise BadLineError(f"test {number} needs either 'expected' or 'raises'.")
    least = most - len(function.args.defaults)
    if not least <= len(test["args"]) and function.args.vararg is None:
        raise BadLineError(
            f"test {number} gives {len(test['args'])} arguments; the function takes {most}."
        )
    if len(test["args"]) > most and function.args.vararg is None:
        raise BadLineError(
            f"test {number} gives {len(test['args'])} arguments; the function takes {most}."
        )
