"""Export: a snapshot's rows as files for trainers, streamed; a held-out task's row never leaves."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import select

from workbench.errors import StageError
from workbench.stages.filtering import funnel_steps
from workbench.store.blobs import mend_os_error
from workbench.store.canonical import parse
from workbench.store.database import Store
from workbench.store.tables import SnapshotRow, TaskRow

if TYPE_CHECKING:
    from distill.example import Example
    from distill.exporting import Exported
    from distill.statistics import Tokens

_ENDINGS = {".jsonl": "jsonl", ".json": "jsonl", ".parquet": "parquet"}

__all__ = ["data_card", "export_snapshot", "statistics_of", "token_counter"]


def export_snapshot(
    store: Store,
    snapshot: SnapshotRow,
    form: str,
    out: Path | None,
    *,
    tokens: Tokens | None = None,
) -> Exported | None:
    """Write a snapshot in a format to a file or folder, by its name's ending; to stdout if None.

    A folder's statistics count ``tokens`` where a tokenizer's count is given.

    Raises ``StageError`` for a row of a held-out task, and ``DistillError`` for what cannot be
    written; then nothing is left behind.
    """
    from distill.exporting import export
    from distill.statistics import Statistics

    rows = _rows(store, snapshot)
    if out is not None:
        container = _ENDINGS.get(out.suffix, "folder")
        card = data_card(store, snapshot, form) if container == "folder" else ""
        counted = Statistics(tokens) if container == "folder" else None
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            return export(rows, form, out, container=container, card=card, statistics=counted)
        except OSError as error:
            raise mend_os_error(error, out.parent) from error
    with tempfile.TemporaryDirectory() as folder:
        done = export(rows, form, Path(folder) / "rows.jsonl")
        with done.path.open("rb") as stream:
            shutil.copyfileobj(stream, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    return None


def statistics_of(
    store: Store, snapshot: SnapshotRow, tokens: Tokens | None = None
) -> dict[str, Any]:
    """Count what a snapshot is made of, in one pass."""
    from distill.statistics import Statistics

    counted = Statistics(tokens)
    for row in _rows(store, snapshot):
        counted.add(row)
    return counted.as_json()


def token_counter(base: str) -> Tokens:
    """Return a function that counts a text's tokens as ``base`` cuts it.

    Raises ``DistillError`` when the tokenizer cannot be loaded.
    """
    from distill.loading import load_tokenizer

    tokenizer = load_tokenizer(base)
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])


def _rows(store: Store, snapshot: SnapshotRow) -> Iterator[Example]:
    from distill.formats import iter_examples

    with store.read() as session:
        kept = frozenset(session.exec(select(TaskRow.id).where(TaskRow.split == "eval")))
    store.blobs.check(snapshot.digest)
    for row in iter_examples(store.blobs.path(snapshot.digest)):
        if row.task_id in kept:
            raise StageError(
                f"Row {row.id} belongs to the held-out task {row.task_id!r} and is not exported.",
                "Select the round again: workbench select --again",
            )
        yield row


def data_card(store: Store, snapshot: SnapshotRow, form: str) -> str:
    """Return a data card (Markdown with front matter): what the rows are, how they came about."""
    inputs = parse(store.blobs.text(snapshot.inputs_digest))
    counts = parse(snapshot.funnel_json)
    accept = ", ".join(inputs["policy"]["accept"])
    lines = [
        "---", "configs:", "- config_name: default", "  data_files: data/*.parquet", "tags:",
        "- code", "- distillation", "---", "",
        f"# Dataset {snapshot.id}", "",
        f"{snapshot.rows} rows in the format `{form}`, one for each task that has a winner. "
        f"Accepted verdicts: {accept}. Chosen by the rule `{snapshot.rule}` among "
        f"{counts['candidates']} candidates for {counts['tasks']} tasks, of which "
        f"{counts['verified']} were verified and {counts['trainable']} may be trained on.", "",
        "| filter | rows in | rows out |", "|---|---|---|",
        *(f"| {s['rule']} | {s['before']} | {s['after']} |" for s in funnel_steps(store, snapshot)),
        "",
        f"* SHA-256 of the rows as frozen: `{snapshot.digest}`",
        f"* SHA-256 of everything the rule read: `{snapshot.inputs_digest}`",
        "* Licences, sources, verdicts and lengths: `statistics.json`",
        "* Held-out tasks are not in it.",
        "* A proof is about a row's contract, not about what the prompt's author had in mind.", "",
    ]  # fmt: skip
    return "\n".join(lines)
