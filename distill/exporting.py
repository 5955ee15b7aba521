"""Datasets as files for other tools: JSON Lines, Parquet, or a folder that ``datasets`` loads.

Everything is written as it is read, in pieces, so that memory does not grow with the rows; a file
appears under its name only when it is whole. A folder holds the rows as Parquet, a data card,
``statistics.json`` and, for formats that LLaMA-Factory reads, its ``dataset_info.json``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from distill.errors import DistillError
from distill.example import Example, canonical
from distill.formats import FORMATS, Row, rows
from distill.statistics import Statistics

CONTAINERS = ("jsonl", "parquet", "folder")
_PIECE = 10_000
"""Rows of one Parquet row group."""

Check = Callable[[Example], None]
"""Raises for a row that must not leave (a held-out one)."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: rows of the format, and SHA-256 of the file with them."""

    path: Path
    rows: int
    digest: str


def export(
    examples: Iterable[Example],
    form: str,
    out: Path,
    *,
    container: str = "jsonl",
    card: str = "",
    statistics: Statistics | None = None,
) -> Exported:
    """Write ``examples`` in the format ``form`` to ``out``; one pass, bounded memory.

    Raises ``DistillError`` for an unknown format or container, and when no row can be written.
    """
    if container not in CONTAINERS:
        raise DistillError(f"there is no container {container!r}; known: {', '.join(CONTAINERS)}")
    counted = statistics if statistics is not None else Statistics()
    watched = container == "folder" or statistics is not None
    lines = rows(counted.watching(examples) if watched else examples, form)
    if container == "jsonl":
        done = _jsonl(out, lines)
    elif container == "parquet":
        done = _parquet(out, lines, form)
    else:
        done = _folder(out, lines, form, card, counted)
    if done.rows == 0:
        raise DistillError(
            f"no row can be written as {form}"
            + (
                ": none has a rejected half"
                if form in ("preference", "repair", "sharegpt-preference")
                else ""
            )
        )
    return done


def _jsonl(out: Path, lines: Iterator[Row]) -> Exported:
    digest, count = hashlib.sha256(), 0
    with _part(out) as part, part.open("wb") as stream:
        for row in lines:
            data = (canonical(row) + "\n").encode()
            stream.write(data)
            digest.update(data)
            count += 1
        stream.flush()
        os.fsync(stream.fileno())
        if count:
            os.replace(part, out)
    return Exported(out, count, digest.hexdigest())


@contextmanager
def _part(out: Path) -> Iterator[Path]:
    """Yield the name under which a file is written; whatever is left there at the end goes."""
    part = out.with_name(out.name + ".part")
    try:
        yield part
    finally:
        with suppress(OSError):  # the trouble that brought us here is told, not this one
            part.unlink(missing_ok=True)


def _parquet(out: Path, lines: Iterator[Row], form: str) -> Exported:
    pyarrow, writer_of = _arrow()
    schema = _schema(pyarrow, form)
    count = 0
    with _part(out) as part:
        with writer_of.ParquetWriter(part, schema, compression="zstd") as writer:
            for piece in _pieces(lines):
                writer.write_table(pyarrow.Table.from_pylist(piece, schema=schema))
                count += len(piece)
        if not count:
            return Exported(out, 0, "")
        os.replace(part, out)
    return Exported(out, count, _digest(out))


def _folder(
    out: Path, lines: Iterator[Row], form: str, card: str, statistics: Statistics
) -> Exported:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DistillError(f"{out} is there already and not an empty folder; choose another")
    (out / "data").mkdir(parents=True, exist_ok=True)
    # The card comes last: a folder that has one is whole.
    done = _parquet(out / "data" / "train-00000-of-00001.parquet", lines, form)
    if not done.rows:
        (out / "data").rmdir()
        return done
    info = dataset_info("data/train-00000-of-00001.parquet", form)
    texts = {
        "statistics.json": json.dumps(statistics.as_json(), indent=2, ensure_ascii=False) + "\n",
        "README.md": card or f"# Dataset\n\n{done.rows} rows, format {form}.\n",
    }
    if info is not None:
        texts["dataset_info.json"] = json.dumps({"workbench": info}, indent=2) + "\n"
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
    return done


def dataset_info(file: str, form: str) -> dict[str, Any] | None:
    """Return LLaMA-Factory's description of a file; None for a format that it does not read."""
    if form == "alpaca":
        columns = {"prompt": "instruction", "query": "input", "response": "output"}
        return {
            "file_name": file,
            "columns": {**columns, "system": "system", "history": "history"},
        }
    if form in ("chat", "openai"):
        tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user",
                "assistant_tag": "assistant", "system_tag": "system"}  # fmt: skip
        columns = {"messages": "messages"}
        return {"file_name": file, "formatting": "sharegpt", "columns": columns, "tags": tags}
    if not form.startswith("sharegpt"):
        return None
    columns = {"messages": "conversations", "system": "system"}
    more: dict[str, Any] = {}
    if form == "sharegpt-preference":
        columns |= {"chosen": "chosen", "rejected": "rejected"}
        more = {"ranking": True}
    elif form == "sharegpt-kto":
        columns |= {"kto_tag": "kto_tag"}
    return {"file_name": file, "formatting": "sharegpt", "columns": columns, **more}


def _pieces(lines: Iterator[Row]) -> Iterator[list[Row]]:
    piece: list[Row] = []
    for row in lines:
        piece.append(row)
        if len(piece) == _PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


def _schema(pyarrow: Any, form: str) -> Any:
    """Return the columns of a format; fixed, so that they do not depend on the first rows."""
    if form not in FORMATS:
        raise DistillError(f"there is no format {form!r}; known are {', '.join(FORMATS)}")
    text = pyarrow.string()
    turns = pyarrow.list_(pyarrow.struct([("role", text), ("content", text)]))
    one = pyarrow.struct([("from", text), ("value", text)])
    said = pyarrow.list_(one)
    columns: Mapping[str, Any] = {
        "prompt-completion": {"prompt": turns, "completion": turns},
        "chat": {"messages": turns},
        "openai": {"messages": turns},
        "preference": {"prompt": turns, "chosen": turns, "rejected": turns},
        "kto": {"prompt": turns, "completion": turns, "label": pyarrow.bool_()},
        "sharegpt": {"conversations": said, "system": text},
        "sharegpt-preference": {"conversations": said, "system": text, "chosen": one,
                                "rejected": one},
        "sharegpt-kto": {"conversations": said, "system": text, "kto_tag": pyarrow.bool_()},
        "alpaca": {"instruction": text, "input": text, "output": text, "system": text,
                   "history": pyarrow.list_(pyarrow.list_(text))},
        "repair": {"prompt": turns, "completion": turns},
    }[form]  # fmt: skip
    return pyarrow.schema(list(columns.items()))


def _arrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise DistillError(
            'Parquet needs the extra train: pip install "distillation-workbench[train]"'
        ) from error


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
