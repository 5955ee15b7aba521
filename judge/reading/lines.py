"""JSON Lines with one candidate a line, as ``workbench judge FILE`` reads them.

A bad line becomes a ``BadLine`` with its number and a sentence; the lines after it are read all the
same. The format is stated in the README's section on formats; unknown fields are ignored, except
those that look like a misspelt field, because a contract under a wrong name would be no contract.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

from judge.contract import Case, Contract, Submission

MAX_LINE = 33_554_432
"""Longest line that is read, in characters."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no submission: its number from 1, and what is wrong with the mend."""

    line: int
    message: str
    id: str | None = None
    """The line's own id, where it could be read."""

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class _Case(BaseModel):
    model_config = ConfigDict(extra="forbid")
    args: list[Any]
    expected: Any = None
    raises: StrictStr | None = None


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: StrictStr | int | None = None
    entry_point: StrictStr = Field(min_length=1)
    code: StrictStr
    requires: list[StrictStr] = []
    ensures: list[StrictStr] = []
    raises: list[StrictStr] = []
    helpers: StrictStr = ""
    tests: list[_Case] = []
    test_code: StrictStr | None = None
    signature: StrictStr | None = None
    hints: list[StrictStr] = []


def read_submissions(lines: Iterable[str | bytes]) -> Iterator[Submission | BadLine]:
    """Yield a ``Submission`` or a ``BadLine`` for every line that is not blank, in order."""
    for number, raw in enumerate(lines, 1):
        if isinstance(raw, bytes):
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                message = f"byte {error.start + 1} is not UTF-8; save the file as UTF-8."
                yield BadLine(number, message)
                continue
        else:
            text = raw
        if number == 1:
            text = text.removeprefix("\ufeff")
        if text.strip():
            yield _read(number, text)


def _read(number: int, text: str) -> Submission | BadLine:
    if len(text) > MAX_LINE:
        return BadLine(number, f"the line has {len(text):,} characters; at most {MAX_LINE:,}.")
    try:
        data = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_no_twins)
    except json.JSONDecodeError as error:
        said = f"not JSON: {error.msg} at column {error.colno}; write one JSON object a line."
        return BadLine(number, said)
    except RecursionError:
        return BadLine(number, "the JSON is nested too deeply; flatten it.")
    except ValueError as error:
        return BadLine(number, f"not usable JSON: {error}")
    if not isinstance(data, dict):
        kind = type(data).__name__
        return BadLine(number, f"a line is a JSON object {{...}}, and this is a {kind}.")
    name = data.get("id")
    fault = _read_object(number, data)
    if isinstance(fault, BadLine) and isinstance(name, str | int):
        return BadLine(number, fault.message, str(name))
    return fault


def _read_object(number: int, data: dict[str, Any]) -> Submission | BadLine:
    for name in data:
        near = difflib.get_close_matches(name, _Line.model_fields, 1, 0.8)
        if name not in _Line.model_fields and near:
            return BadLine(number, f"there is no field `{name}`; did you mean `{near[0]}`?")
    try:
        line = _Line.model_validate(data)
    except ValidationError as error:
        return BadLine(number, _sentence(error))
    return _submission(number, line)


def _submission(number: int, line: _Line) -> Submission | BadLine:
    from judge.plain import from_json

    cases = []
    for place, case in enumerate(line.tests, 1):
        try:
            args = tuple(from_json(arg) for arg in case.args)
            cases.append(Case(args, from_json(case.expected), case.raises))
        except (ValueError, TypeError) as error:
            return BadLine(number, f"tests[{place}] holds a value that is not plain: {error}")
    if line.signature is not None and (fault := _signature_fault(line.signature, line.entry_point)):
        return BadLine(number, fault)
    contract = Contract(tuple(line.requires), tuple(line.ensures), tuple(line.raises), line.helpers)
    name = f"{line.entry_point}/{number}" if line.id is None else str(line.id)
    return Submission(
        name, line.entry_point, line.code, contract, tuple(cases), line.test_code, line.signature,
        tuple(line.hints),
    )  # fmt: skip


def _signature_fault(signature: str, entry_point: str) -> str | None:
    from judge.reading.source import Fault, signature_of

    shape = signature_of(signature)
    if isinstance(shape, Fault):
        return str(shape)
    if shape.name != entry_point:
        return (
            f"`signature` is of `{shape.name}` and `entry_point` is `{entry_point}`; agree on one."
        )
    return None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON; write it in the tagged form, or leave the case out.")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the field `{name}` is given twice; keep one.")
        found[name] = value
    return found


_WANTED = {
    "id": "a string",
    "entry_point": "the name of the function, a string",
    "code": "the candidate's Python source, a string",
    "requires": "a list of Python expressions, each a string",
    "ensures": "a list of Python expressions, each a string",
    "raises": "a list of exception names, each a string",
    "helpers": "Python source, a string",
    "tests": 'a list of {"args": [...], "expected": ...}',
    "test_code": "Python source that defines check(candidate), a string",
    "hints": "a list of loop invariants, each a Python expression in a string",
    "signature": "a string like `def f(x: int) -> int`",
}


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    head = str(first["loc"][0])
    path = "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in first["loc"][1:])
    wanted = _WANTED.get(head, "another type")
    if first["type"] == "missing" and not path:
        return f"`{head}` is missing; add {wanted}."
    if first["type"] == "extra_forbidden":
        return f"`{head}{path}` is no field of a test case; it has args, expected and raises."
    if first["type"] == "missing":
        return f"`{head}{path}` is missing; `{head}` is {wanted}."
    got = type(first["input"]).__name__
    return f"`{head}{path}` is of the wrong type ({got}); `{head}` is {wanted}."
