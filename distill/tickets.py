"""One request to a running model: what it wants, and how its tokens become text that is certain.

A piece that may still become a stop text, or half of a character, is held back until it is settled.
What it is not: the order in which requests get their tokens; see ``distill.continuous``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from distill.errors import DistillError
from distill.sampling import Sequence as Row

if TYPE_CHECKING:
    from distill.student import Student

__all__ = ["Ask", "Finish", "FullError", "Listener", "Piece", "PutAwayError", "Reading", "Ticket"]

Finish = Literal["stop", "length", "cancelled", "error"]


class FullError(DistillError):
    """The queue is full; ``retry_after`` is a guess in seconds from how fast it moved lately."""

    def __init__(self, waiting: int, retry_after: float) -> None:
        super().__init__(f"{waiting} requests wait already; try again in {retry_after:.0f} s")
        self.retry_after = retry_after


class PutAwayError(DistillError):
    """The model, or this adapter of it, takes no new requests: another one has taken its place."""

    def __init__(self) -> None:
        super().__init__("the model is being put away; ask again")


@dataclass(frozen=True, slots=True)
class Ask:
    """What one request wants. ``seed`` None draws another seed for each request."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise DistillError(f"max_tokens is {self.max_tokens}; an answer needs at least 1 token")
        if not 0 <= self.temperature <= 10:
            raise DistillError(f"temperature is {self.temperature}; it must be from 0 to 10")
        if not 0 < self.top_p <= 1:
            raise DistillError(f"top_p is {self.top_p}; it must be above 0 and at most 1")
        if any(not text for text in self.stop):
            raise DistillError("a stop text is empty; it would end every answer at once")


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that became certain; the last piece of a request carries ``finish`` and the figures."""

    text: str
    finish: Finish | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    waited: float = 0.0
    """Seconds from the request to its first token."""
    seconds: float = 0.0
    """Seconds from the request to its end."""
    problem: str | None = None


Listener = Callable[[Piece], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model's tokens are read: their text, those that end an answer, the longest context."""

    text: Callable[[list[int]], str]
    ends: frozenset[int]
    limit: int | None

    @classmethod
    def of(cls, student: Student) -> Reading:
        """Return how the student's tokens are read."""
        limit = getattr(student.model.config, "max_position_embeddings", None)
        known = limit if isinstance(limit, int) and limit > 0 else None
        return cls(_text(student), student.ends, known)


def _text(student: Student) -> Callable[[list[int]], str]:
    """Return the quickest way from tokens to text: past the wrapper where it adds nothing."""
    tokenizer = student.tokenizer
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or getattr(tokenizer, "clean_up_tokenization_spaces", False):
        return student.decode

    def decode(tokens: list[int]) -> str:
        return str(backend.decode(tokens, skip_special_tokens=True))

    return decode


@dataclass(slots=True, eq=False)
class Ticket:
    """One request under way. ``cancel`` ends it at the next token."""

    row: Row
    ask: Ask
    listener: Listener
    reading: Reading
    came: float = field(default_factory=time.monotonic)
    first: float | None = None
    cancelled: bool = False
    sent: int = 0
    """Characters handed on."""
    text: str = ""
    _settled: int = 0
    """Tokens before this one are no longer needed to read what follows."""
    _seen: int = 0
    """Tokens that are in ``text``."""
    _before: str = ""
    """The text of the tokens from the settled to the seen ones."""

    def cancel(self) -> None:
        """End it; its listener hears ``cancelled``."""
        self.cancelled = True

    def heard(self) -> bool:
        """Hand on what a new token made certain; True when the request is over."""
        tokens, ask, reading = self.row.tokens, self.ask, self.reading
        if self.first is None:
            self.first = time.monotonic()
        if self.cancelled:
            return self.end("cancelled")
        if tokens[-1] in reading.ends:
            tokens.pop()
            return self.end("stop")
        self._read()
        if ask.stop:
            cut = min((self.text.find(s) for s in ask.stop if s in self.text), default=-1)
            if cut >= 0:
                self.text = self.text[:cut]
                self._seen = len(tokens)
                return self.end("stop")
        full = reading.limit is not None and len(self.row.prompt) + len(tokens) >= reading.limit
        if len(tokens) >= ask.max_tokens or full:
            return self.end("length")
        certain = self.text[self.sent : len(self.text) - _may_become(self.text, ask.stop)]
        if certain and not certain.endswith("�"):
            self.sent += len(certain)
            self._tell(Piece(certain))
        return False

    def end(self, finish: Finish, problem: str | None = None) -> bool:
        """Hand on the rest and the figures; always True."""
        tokens = self.row.tokens
        if finish in ("stop", "length") and self._seen < len(tokens):
            now = self.reading.text(tokens[self._settled :])
            self.text += now[len(self._before) :]
        ended = time.monotonic()
        first = self.first if self.first is not None else ended
        self._tell(
            Piece(
                self.text[self.sent :], finish, len(self.row.prompt), len(tokens),
                first - self.came, ended - self.came, problem,
            )
        )  # fmt: skip
        return True

    def _read(self) -> None:
        """Add the newest token's text; only a window is read, so a long answer stays linear."""
        tokens = self.row.tokens
        now = self.reading.text(tokens[self._settled :])
        if len(now) > len(self._before) and not now.endswith("�"):
            self.text += now[len(self._before) :]
            self._settled, self._seen = self._seen, len(tokens)
            self._before = self.reading.text(tokens[self._settled :])

    def _tell(self, piece: Piece) -> None:
        """Call the listener; one that is gone (a closed event loop) means that nobody listens."""
        try:
            self.listener(piece)
        except RuntimeError:
            self.cancelled = True


def _may_become(text: str, stops: Sequence[str]) -> int:
    """Return how many characters at the end could be the beginning of a stop text."""
    most = 0
    for stop in stops:
        for size in range(min(len(stop) - 1, len(text)), most, -1):
            if text.endswith(stop[:size]):
                most = size
                break
    return most
