"""Continuous batching: requests come from any thread and share one model, token by token.

One thread owns the model. Between two tokens it lets waiting requests in and finished or cancelled
ones out, so a short request never waits for a long one that came before it. Text is handed on as it
is certain: a piece that may still become a stop text or half of a character is held back. What it
is not: a web server, or a scheduler over several models.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from distill.errors import DistillError
from distill.running import RunningBatch
from distill.running import Sequence as Row

if TYPE_CHECKING:
    from distill.student import Conversation, Student

Finish = Literal["stop", "length", "cancelled", "error"]


class FullError(DistillError):
    """The queue is full; ``retry_after`` is a guess in seconds from how fast it moved lately."""

    def __init__(self, waiting: int, retry_after: float) -> None:
        super().__init__(f"{waiting} requests wait already; try again in {retry_after:.0f} s")
        self.retry_after = retry_after


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


@dataclass(slots=True, eq=False)
class Ticket:
    """One request under way. ``cancel`` ends it at the next token."""

    row: Row
    ask: Ask
    listener: Listener
    came: float = field(default_factory=time.monotonic)
    first: float | None = None
    cancelled: bool = False
    sent: int = 0
    """Characters handed on."""
    text: str = ""
    decoded: tuple[int, int] = (0, 0)
    """Tokens whose text is settled, and tokens that are in ``text``."""

    def cancel(self) -> None:
        """End it; its listener hears ``cancelled``."""
        self.cancelled = True


class Engine:
    """One model and the requests on it. Close it, or use it in a ``with``."""

    def __init__(self, student: Student, *, batch: int = 32, queue: int = 256) -> None:
        self.student = student
        self._batch, self._queue = batch, queue
        self._waiting: deque[Ticket] = deque()
        self._running: list[Ticket] = []
        self._change = threading.Condition()
        self._closing = False
        self._draining = False
        self._rate = 0.0
        """Requests a second that ended lately, smoothed."""
        self.tokens = 0
        """Tokens drawn since the start."""
        self._limit = _context(student.model)
        self._ends = student.ends
        self._thread = threading.Thread(target=self._work, name="student-engine", daemon=True)
        self._thread.start()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> int:
        """Requests that get tokens now."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    @property
    def alive(self) -> bool:
        """Whether requests would be served."""
        return self._thread.is_alive() and not self._closing

    def submit(self, prompt: Conversation | str, ask: Ask, listener: Listener) -> Ticket:
        """Queue a request; ``listener`` is called in the engine's thread, piece by piece.

        A text is continued as it is; a conversation goes through the chat template. Raises
        ``FullError``, and ``DistillError`` when the prompt leaves no room for an answer.
        """
        import torch

        from distill.student import whole

        text = whole(prompt) if isinstance(prompt, str) else self.student.render(prompt)
        tokens = list(self.student.tokenizer(text, add_special_tokens=False)["input_ids"])
        if not tokens:
            raise DistillError("the prompt is empty; say what to do")
        if self._limit is not None and len(tokens) >= self._limit:
            raise DistillError(
                f"the prompt has {len(tokens)} tokens and the model's context ends at "
                f"{self._limit}; shorten it"
            )
        random = None
        if ask.temperature > 0:
            random = torch.Generator()
            random.seed() if ask.seed is None else random.manual_seed(ask.seed)
        row = Row(tokens, ask.temperature, ask.top_p, random)
        ticket = Ticket(row, ask, listener)
        with self._change:
            if self._closing or self._draining:
                raise DistillError("the model is being put away; ask again")
            if len(self._waiting) >= self._queue:
                raise FullError(len(self._waiting), self._until_free())
            self._waiting.append(ticket)
            self._change.notify()
        return ticket

    def drain(self, timeout: float) -> bool:
        """Take no new requests and wait until those under way have ended; True when they have."""
        deadline = time.monotonic() + timeout
        with self._change:
            self._draining = True
            while self._waiting or self._running:
                left = deadline - time.monotonic()
                if left <= 0 or not self._thread.is_alive():
                    return False
                self._change.wait(min(left, 0.5))
        return True

    def close(self) -> None:
        """End; requests under way hear ``cancelled``."""
        with self._change:
            self._closing = True
            self._change.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=60)

    def _until_free(self) -> float:
        return min(60.0, max(1.0, (len(self._waiting) + 1) / self._rate if self._rate else 1.0))

    def _work(self) -> None:
        import torch

        try:
            with torch.inference_mode():
                while not self._closing:
                    batch = RunningBatch(self.student.model, self.student.tokenizer.pad_token_id)
                    try:
                        self._serve(batch)
                    except (RuntimeError, ValueError, IndexError, MemoryError) as error:
                        # One bad batch (out of memory, as a rule) must not end the service.
                        self._fail(f"{type(error).__name__}: {error}")
        finally:
            self._leave_nobody_waiting()

    def _leave_nobody_waiting(self) -> None:
        with self._change:
            self._closing = True
            left = [*self._running, *self._waiting]
            self._running, self._waiting = [], deque()
            self._change.notify_all()
        for ticket in left:
            self._end(ticket, "cancelled")

    def _serve(self, batch: RunningBatch) -> None:
        while True:
            with self._change:
                while not self._waiting and not self._running and not self._closing:
                    self._change.wait()
                if self._closing:
                    return
                joining = self._admit(batch)
                self._running += joining
            if batch.rows:
                batch.step()
                self.tokens += len(batch.rows)
            if joining:
                batch.join([ticket.row for ticket in joining])
                self.tokens += len(joining)
            self._hand_on(batch)

    def _admit(self, batch: RunningBatch) -> list[Ticket]:
        """Take from the queue what has room; long prompts few at a time, or they stall the rest."""
        joining: list[Ticket] = []
        tokens = 0
        if not batch.joinable:
            return joining
        while self._waiting and len(self._running) + len(joining) < self._batch:
            if joining and tokens + len(self._waiting[0].row.prompt) > 4096:
                break
            ticket = self._waiting.popleft()
            if ticket.cancelled:
                self._end(ticket, "cancelled")
                continue
            tokens += len(ticket.row.prompt)
            joining.append(ticket)
        return joining

    def _hand_on(self, batch: RunningBatch) -> None:
        by_row = {id(ticket.row): ticket for ticket in self._running}
        gone = set()
        for index, row in enumerate(batch.rows):
            ticket = by_row[id(row)]
            if self._heard(ticket):
                gone.add(index)
        if gone:
            ended = {id(batch.rows[index]) for index in gone}
            batch.leave(gone)
            with self._change:
                self._running = [one for one in self._running if id(one.row) not in ended]
                self._change.notify_all()

    def _heard(self, ticket: Ticket) -> bool:
        """Hand on what a new token made certain; True when the request is over."""
        tokens, ask = ticket.row.tokens, ticket.ask
        if ticket.first is None:
            ticket.first = time.monotonic()
        if ticket.cancelled:
            return self._end(ticket, "cancelled")
        if tokens[-1] in self._ends:
            tokens.pop()
            return self._end(ticket, "stop")
        self._decode(ticket)
        cut = min((ticket.text.find(s) for s in ask.stop if s in ticket.text), default=-1)
        if cut >= 0:
            ticket.text = ticket.text[:cut]
            return self._end(ticket, "stop")
        full = self._limit is not None and len(ticket.row.prompt) + len(tokens) >= self._limit
        if len(tokens) >= ask.max_tokens or full:
            return self._end(ticket, "length")
        held = _may_become(ticket.text, ask.stop)
        certain = ticket.text[ticket.sent : len(ticket.text) - held]
        if certain and not certain.endswith("�"):
            ticket.sent += len(certain)
            return self._tell(ticket, Piece(certain))
        return False

    def _decode(self, ticket: Ticket) -> None:
        """Add the newest token's text; only a window is decoded, a long answer stays linear."""
        settled, seen = ticket.decoded
        tokens = ticket.row.tokens
        decode = self.student.decode
        before = decode(tokens[settled:seen])
        now = decode(tokens[settled:])
        if len(now) > len(before) and not now.endswith("�"):
            ticket.text += now[len(before) :]
            ticket.decoded = (seen, len(tokens))

    def _end(self, ticket: Ticket, finish: Finish, problem: str | None = None) -> bool:
        settled, seen = ticket.decoded
        tokens = ticket.row.tokens
        if finish in ("stop", "length") and seen < len(tokens):
            before = self.student.decode(tokens[settled:seen])
            ticket.text += self.student.decode(tokens[settled:])[len(before) :]
        now = time.monotonic()
        seconds = now - ticket.came
        self._rate = 0.9 * self._rate + 0.1 / max(seconds, 1e-3) * max(1, len(self._running))
        first = ticket.first if ticket.first is not None else now
        self._tell(
            ticket,
            Piece(
                ticket.text[ticket.sent :],
                finish,
                len(ticket.row.prompt),
                len(tokens),
                first - ticket.came,
                seconds,
                problem,
            ),
        )
        return True

    def _tell(self, ticket: Ticket, piece: Piece) -> bool:
        """Call the listener; one that is gone (a closed event loop) means that nobody listens."""
        try:
            ticket.listener(piece)
        except RuntimeError:
            ticket.cancelled = True
        return False

    def _fail(self, problem: str) -> None:
        with self._change:
            failed, self._running = self._running, []
            self._change.notify_all()
        for ticket in failed:
            self._end(ticket, "error", problem)


def _may_become(text: str, stops: Sequence[str]) -> int:
    """Return how many characters at the end could be the beginning of a stop text."""
    most = 0
    for stop in stops:
        for size in range(min(len(stop) - 1, len(text)), most, -1):
            if text.endswith(stop[:size]):
                most = size
                break
    return most


def _context(model: Any) -> int | None:
    """Return how many tokens the model can attend to, where its configuration says so."""
    limit = getattr(model.config, "max_position_embeddings", None)
    return limit if isinstance(limit, int) and limit > 0 else None
