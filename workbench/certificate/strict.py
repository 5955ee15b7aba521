"""JSON without second meanings: one spelling a value, no duplicates, no infinities, no surprises.

Python's own reader keeps the last of two equal keys and accepts ``NaN``, and so do most others;
whoever signs such a text signs two documents. Everything here raises ``CertificateError`` and
nothing else, whatever the bytes are.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json, to_json

from workbench.certificate.errors import CertificateError

__all__ = [
    "LARGEST",
    "Strict",
    "canonical",
    "canonical_line",
    "each_object",
    "each_row",
    "load_json",
    "many_objects",
    "model_of",
    "read_rows",
    "settled",
]

LARGEST = 2**53 - 1
"""The largest integer that every JSON reader keeps exact."""

DOUBT = object()
"""What the quick reader says of a line that the careful one has to look at."""

_MAX_DIGITS = 4_000
_PLAIN = frozenset((str, int, bool, type(None)))
_ORDERED: set[tuple[str, ...]] = set()
"""Keys that were seen to be sorted; many rows have the same."""
_MOST_ORDERED = 4_096
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


class Strict(BaseModel):
    """A record whose fields have exactly the declared types, and no others.

    Records of which there are many declare their fields in the order of their names: then a record
    prints itself in its canonical spelling, which is the quickest way to compare spellings.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    def loose(self) -> Iterable[Any]:
        """Return the values of fields that are declared as any JSON; their order is not fixed."""
        return ()


M = TypeVar("M", bound=Strict)


def canonical(value: Any) -> str:
    """Return the one spelling of a JSON value: sorted keys, no white space, UTF-8 text."""
    return _ENCODER.encode(value)


@contextmanager
def many_objects() -> Iterator[None]:
    """Pause the cyclic collector: rows are trees, and it would walk all of them over and over."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            if not gc.get_freeze_count():
                # What was made meanwhile counts as old, or the first collection would walk it all.
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def load_json(data: bytes, what: str, *, limit: int) -> Any:
    """Read one JSON text; ``what`` names it in messages, ``limit`` caps its bytes."""
    if len(data) > limit:
        raise CertificateError("too-large", f"{what} is larger than {limit} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CertificateError("not-utf8", f"{what} is not UTF-8 text: {error.reason}") from None
    if text.startswith("\ufeff"):
        raise CertificateError("not-utf8", f"{what} begins with a byte order mark")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_finite,
        )
        # A lone surrogate written as an escape is no text; it cannot be printed again.
        canonical(value).encode("utf-8")
    except RecursionError:
        raise CertificateError("malformed", f"{what} is nested too deeply") from None
    except (ValueError, UnicodeEncodeError) as error:
        raise CertificateError("malformed", f"{what} is not strict JSON: {error}") from None
    return value


def model_of(model: type[M], value: Any, what: str) -> M:
    """Turn a JSON value into a strict record; name the first field that is wrong."""
    try:
        # Through JSON, so that a list may become a tuple while every scalar stays strict.
        return model.model_validate_json(canonical(value))
    except ValidationError as error:
        raise CertificateError("malformed", f"{what}: {_first(error)}") from None


def read_rows(data: bytes, model: type[M], what: str) -> tuple[list[M], list[bytes]]:
    """Read JSON Lines of one record type; each line must be its own canonical spelling.

    Returns the records and the raw lines without their newlines.
    """
    lines = split_lines(data, what)
    return [row for row, _ in each_row([lines], model, what)], lines


def each_row(blocks: Iterable[list[bytes]], model: type[M], what: str) -> Iterator[tuple[M, bytes]]:
    """Yield each record with its line, from blocks of lines as they come."""
    number = 0
    for block in blocks:
        rows = _quick_rows(block, model)
        if rows is None:
            yield from _careful_rows(block, model, what, number)
        else:
            yield from zip(rows, block, strict=True)
        number += len(block)


def _quick_rows(block: list[bytes], model: type[M]) -> list[M] | None:
    """Return the records of a block of lines that are all canonical beyond doubt, else None.

    A record that prints itself as its line is canonical, if what it holds of free form is.
    """
    read = model.__pydantic_validator__.validate_json
    spell = model.__pydantic_serializer__.to_json
    try:
        rows: list[M] = [read(line) for line in block]
    except ValidationError:
        return None
    if [spell(row) for row in rows] != block:
        return None
    if model.loose is not Strict.loose and not all(
        settled(value) for row in rows for value in row.loose()
    ):
        return None
    return rows


def _careful_rows(
    block: list[bytes], model: type[M], what: str, number: int
) -> Iterator[tuple[M, bytes]]:
    """Yield the records of a block in which something may be wrong, line by line up to there."""
    for at, line in enumerate(block, number + 1):
        place = f"{what}, line {at}"
        canonical_line(line, place)
        yield _row(model, line, place), line


def each_object(blocks: Iterable[list[bytes]], what: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield each JSON object with its line, whatever its fields are."""
    number = 0
    for block in blocks:
        for line in block:
            number += 1
            value = quick_line(line)
            if value is DOUBT:
                value = canonical_line(line, f"{what}, line {number}")
            if type(value) is not dict:
                raise CertificateError("malformed", f"{what}, line {number} is not a JSON object")
            yield value, line


def _row(model: type[M], line: bytes, place: str) -> M:
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        raise CertificateError("malformed", f"{place}: {_first(error)}") from None


def settled(value: Any) -> bool:
    """Whether two JSON printers cannot differ about a value.

    Keys must be sorted, and floats of a size at which Python writes them without an exponent, as
    the other printer does.
    """
    kind = type(value)
    if kind in _PLAIN:
        return True
    inner: Iterable[Any] = value
    if kind is dict:
        keys = tuple(value)
        if keys not in _ORDERED:
            if list(keys) != sorted(keys):
                return False
            if len(_ORDERED) < _MOST_ORDERED:
                _ORDERED.add(keys)
        inner = value.values()
    elif kind is not list and kind is not tuple:
        return kind is float and (value == 0.0 or 1e-4 <= abs(value) < 1e16)
    for item in inner:  # noqa: SIM110  a generator would cost as much as all the rest
        if type(item) not in _PLAIN and not settled(item):
            return False
    return True


def quick_line(line: bytes) -> Any:
    """Return the value of a line that is canonical beyond doubt, else ``DOUBT``.

    Never says yes where ``canonical_line`` says no.
    """
    try:
        value = from_json(line, allow_inf_nan=False)
    except ValueError:
        return DOUBT
    return value if settled(value) and to_json(value) == line else DOUBT


def canonical_line(line: bytes, place: str) -> Any:
    """Return the value of one line that must be its own canonical spelling.

    Comparing spellings also finds duplicate keys, white space, ``NaN`` and every other liberty.
    """
    value = quick_line(line)
    if value is not DOUBT:
        return value
    if not line or line.endswith(b"\r"):
        raise CertificateError("malformed", f"{place} is empty or ends with CR")
    try:
        value = json.loads(line)
        spelled = canonical(value).encode("utf-8")
    except RecursionError:
        raise CertificateError("malformed", f"{place} is nested too deeply") from None
    except ValueError:
        # UnicodeDecodeError and UnicodeEncodeError are ValueErrors too.
        raise CertificateError("malformed", f"{place} is not strict JSON") from None
    if spelled != line:
        raise CertificateError("not-canonical", f"{place} is not in its canonical spelling")
    return value


def split_lines(data: bytes, what: str) -> list[bytes]:
    """Split JSON Lines; every line ends with one newline, and none is empty."""
    if not data:
        return []
    if not data.endswith(b"\n"):
        raise CertificateError("malformed", f"{what} does not end with a newline")
    return data[:-1].split(b"\n")


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the record"
    return f"{place}: {problem['msg']}"


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {twice!a} appears twice")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError("an integer has too many digits")
    return int(digits)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:40]} is larger than a float")
    return value
