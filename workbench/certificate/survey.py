"""What one pass over the evidence finds, and the little that has to be kept of it.

Every row is read strictly, looked at, and forgotten; what stays are columns: of a task its split,
category and prompt, of an answer its code and author, of a verdict its word. The questions about
rows are in ``consistency`` and ``selection``; the first refusal under each check's name is kept.
A survey of evidence that is malformed, or whose digests turn out not to be signed, says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from workbench.certificate.bundle import Bundle
from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import (
    RoundRecord,
    SelectionPolicy,
    SourceRecord,
    TrainingRecord,
)
from workbench.certificate.stream import Stream
from workbench.certificate.strict import Strict, each_object, each_row
from workbench.certificate.verdicts import VerdictFacts

__all__ = ["Answer", "Pairs", "Survey", "Task"]

R = TypeVar("R", bound=Strict)


class Task(NamedTuple):
    """What is kept of a task."""

    id: str
    train: bool
    category: str
    prompt: str
    """Without white space around it."""


class Answer(NamedTuple):
    """What is kept of an answer."""

    key: tuple[str, str]
    """Task and candidate, by which verdicts are known."""
    task: Task
    source: SourceRecord
    code: str
    attempt: int


@dataclass(slots=True)
class Pairs:
    """The held-out tasks counted: how many, right before and after, and by whom alone."""

    total: int = 0
    base: int = 0
    student: int = 0
    fixed: int = 0
    broken: int = 0
    root: bytes = b""


@dataclass(slots=True)
class Survey:
    """Columns of one bundle's evidence, and what was found wrong with it."""

    bundle: Bundle
    round: RoundRecord
    selection: SelectionPolicy
    training: TrainingRecord | None
    digests: dict[str, str]
    """SHA-256 of each evidence file that was read to its end."""
    sources: dict[str, SourceRecord] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    words: dict[tuple[str, str], str] = field(default_factory=dict)
    verdicts: VerdictFacts = field(default_factory=VerdictFacts)
    examples: list[int] = field(default_factory=list)
    """For each training row, the answer that it came from."""
    rows: int = 0
    rows_root: bytes = b""
    removed: int = 0
    """Winners that a filter took out."""
    pairs: Pairs = field(default_factory=Pairs)
    faults: dict[str, CertificateError] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    splits: Counter[str] = field(default_factory=Counter)

    def word(self, answer: Answer) -> str:
        """Return the verdict on an answer; unknown where there is none."""
        return self.words.get(answer.key, "unknown")

    def by_verdict(self) -> dict[str, int]:
        """Return how many training rows each word let in."""
        known = (self.answers[n] for n in self.examples if n in self.answers)
        return dict(sorted(Counter(map(self.word, known)).items()))

    def outcome(self, check: str) -> str:
        """Return a check's detail, or raise what was found wrong."""
        if (fault := self.faults.get(check)) is not None:
            raise fault
        return self.details[check]

    def fault(self, check: str, code: str, message: str) -> None:
        """Note what is wrong; the first of each check counts."""
        self.faults.setdefault(check, CertificateError(code, message))

    def attempt(self, check: str, ask: Callable[[], str]) -> None:
        """Ask once; keep the detail or the refusal."""
        try:
            self.details[check] = ask()
        except CertificateError as error:
            self.faults.setdefault(check, error)

    def records(self, name: str, model: type[R]) -> Iterator[tuple[R, bytes]]:
        """Yield the rows of a file; its digest is noted when all of it has passed."""
        stream = Stream(self.bundle, name)
        try:
            yield from each_row(stream.blocks(), model, name)
            self.digests[name] = stream.digest
        finally:
            stream.close()

    def objects(self, name: str) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Yield the rows of a file without a declared form."""
        stream = Stream(self.bundle, name)
        try:
            yield from each_object(stream.blocks(), name)
            self.digests[name] = stream.digest
        finally:
            stream.close()
