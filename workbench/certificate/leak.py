"""Whether a held-out task asks the same as a training task, by one pass over the tasks alone.

Needs nothing of the rest of the evidence, so it can run beside it. Only tasks whose marks meet are
kept and compared word by word; see ``question``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workbench.certificate.bundle import Bundle
from workbench.certificate.evidence import TaskRecord
from workbench.certificate.files import TASKS
from workbench.certificate.question import Marks, same_question
from workbench.certificate.stream import Stream
from workbench.certificate.strict import each_row
from workbench.certificate.verdicts import Fault

__all__ = ["Leak", "find_leak"]


@dataclass(frozen=True, slots=True)
class Leak:
    """The digest of the tasks that were compared, and what was found."""

    digest: str
    fault: Fault | None = None


def find_leak(bundle: Bundle) -> Leak:
    """Compare held-out with training tasks; ``CertificateError`` where they cannot be read."""
    stream = Stream(bundle, TASKS)
    try:
        marks = Marks()
        for row, _ in each_row(stream.blocks(), TaskRecord, TASKS):
            marks.add(row, train=row.split == "train")
        digest = stream.digest
    finally:
        stream.close()
    if not marks.meet:
        return Leak(digest)
    rows = list(_suspects(bundle, marks))
    held = [row for row in rows if row.split == "eval"]
    same = same_question(held, [row for row in rows if row.split == "train"])
    if same is None:
        return Leak(digest)
    what = f"held-out task {same[0]} asks the same as training task {same[1]}"
    return Leak(digest, ("leak", what))


def _suspects(bundle: Bundle, marks: Marks) -> Iterator[TaskRecord]:
    stream = Stream(bundle, TASKS)
    try:
        for row, _ in each_row(stream.blocks(), TaskRecord, TASKS):
            if marks.suspects(row):
                yield row
    finally:
        stream.close()
