"""Continuous batching: requests come from any thread and share one model, token by token.

One thread owns the model. Between two tokens it lets waiting requests in and finished or cancelled
ones out, so a short request never waits for a long one that came before it. Several adapters may
share the base (``adopt``): rows of different adapters are computed in one batch. What it is not: a
web server, or a scheduler over several models.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from distill.decoder import Decoder, lean_decoder
from distill.errors import DistillError
from distill.lean import LeanBatch
from distill.running import RunningBatch
from distill.sampling import Sequence as Row
from distill.slots import UnshareableError, read_slot
from distill.tickets import (
    Ask,
    Finish,
    FullError,
    Listener,
    Piece,
    PutAwayError,
    Reading,
    Ticket,
)

if TYPE_CHECKING:
    from distill.student import Conversation, Student

__all__ = ["Ask", "Engine", "Finish", "FullError", "Listener", "Piece", "PutAwayError", "Ticket"]

BASE = 0
"""The slot of the student as it was loaded."""
_PROMPT_TOKENS = 4096
"""Prompts that are computed between two tokens hold up to this many, or they stall the rest."""


class Engine:
    """One model and the requests on it. Close it, or use it in a ``with``."""

    def __init__(
        self, student: Student, *, batch: int = 32, queue: int = 256, lean: bool = True
    ) -> None:
        """Start it; without ``lean`` the model's own forward pass is used, whatever its shape."""
        self.student = student
        self._batch, self._queue = batch, queue
        self._waiting: deque[Ticket] = deque()
        self._running: list[Ticket] = []
        self._change = threading.Condition()
        self._closing = False
        self._draining: set[int] = set()
        """Slots that take no new requests."""
        self._rate = 0.0
        """Requests a second that ended lately, smoothed."""
        self.tokens = 0
        """Tokens drawn since the start."""
        self._reading = Reading.of(student)
        self._model = threading.Lock()
        """Held while the model computes, and while an adapter comes or goes."""
        self._decoder, self.slow_because = _decoder(student, lean)
        self._slots = 0
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

    def load_of(self, slot: int) -> tuple[int, int]:
        """Return how many requests of one adapter run, and how many wait."""
        with self._change:
            running = sum(ticket.row.slot == slot for ticket in self._running)
            return running, sum(ticket.row.slot == slot for ticket in self._waiting)

    def adopt(self, folder: Path | None) -> int:
        """Take in a further adapter, which was checked against the base; return its slot.

        None is the student as it was loaded, under a number of its own, so that its requests can be
        drained apart. Raises ``UnshareableError`` when the adapter needs a base of its own.
        """
        slot = None
        if folder is not None:
            if self._decoder is None:
                raise UnshareableError(f"adapters cannot share this base: {self.slow_because}")
            slot = read_slot(folder, self._decoder)
        with self._model:
            self._slots += 1
            if slot is not None and self._decoder is not None:
                self._decoder.slots[self._slots] = slot
            return self._slots

    def dismiss(self, slot: int) -> None:
        """Forget an adapter; its requests must have ended (see ``drain``)."""
        if self._decoder is not None:
            with self._model:
                self._decoder.slots.pop(slot, None)

    def submit(
        self,
        prompt: Conversation | str,
        ask: Ask,
        listener: Listener,
        *,
        slot: int = BASE,
        urgent: bool = False,
    ) -> Ticket:
        """Queue a request; ``listener`` is called in the engine's thread, piece by piece.

        A text is continued as it is; a conversation goes through the chat template. ``urgent`` ones
        come first and are never refused. Raises ``FullError``, ``PutAwayError``, and
        ``DistillError`` when the prompt leaves no room for an answer.
        """
        ticket = Ticket(self._row(prompt, ask, slot), ask, listener, self._reading)
        with self._change:
            if self._closing or slot in self._draining:
                raise PutAwayError
            if urgent:
                self._waiting.appendleft(ticket)
            elif len(self._waiting) >= self._queue:
                raise FullError(len(self._waiting), self._until_free())
            else:
                self._waiting.append(ticket)
            self._change.notify()
        return ticket

    def drain(self, timeout: float, slot: int | None = None) -> bool:
        """Take no new requests (of one adapter, or at all) and wait until those under way ended.

        True when they have.
        """
        deadline = time.monotonic() + timeout
        with self._change:
            self._draining |= {slot} if slot is not None else set(range(self._slots + 1))
            while self._any(slot):
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

    def _row(self, prompt: Conversation | str, ask: Ask, slot: int) -> Row:
        from distill.student import whole

        text = whole(prompt) if isinstance(prompt, str) else self.student.render(prompt)
        tokens = list(self.student.tokenizer(text, add_special_tokens=False)["input_ids"])
        if not tokens:
            raise DistillError("the prompt is empty; say what to do")
        limit = self._reading.limit
        if limit is not None and len(tokens) >= limit:
            raise DistillError(
                f"the prompt has {len(tokens)} tokens and the model's context ends at {limit}; "
                "shorten it"
            )
        luck = random.Random(ask.seed) if ask.temperature > 0 else None
        return Row(tokens, ask.temperature, ask.top_p, luck, slot=slot)

    def _any(self, slot: int | None) -> bool:
        return any(slot in (None, one.row.slot) for one in (*self._running, *self._waiting))

    def _until_free(self) -> float:
        return min(60.0, max(1.0, (len(self._waiting) + 1) / self._rate if self._rate else 1.0))

    def _work(self) -> None:
        import torch

        try:
            with torch.inference_mode():
                while not self._closing:
                    try:
                        self._serve(self._new_batch())
                    except (RuntimeError, ValueError, IndexError, MemoryError) as error:
                        # One bad batch (out of memory, as a rule) must not end the service.
                        self._fail(f"{type(error).__name__}: {error}")
        finally:
            self._leave_nobody_waiting()

    def _new_batch(self) -> LeanBatch | RunningBatch:
        pad = self.student.tokenizer.pad_token_id
        if self._decoder is not None:
            return LeanBatch(self._decoder, pad)
        return RunningBatch(self.student.model, pad)

    def _leave_nobody_waiting(self) -> None:
        with self._change:
            self._closing = True
            left = [*self._running, *self._waiting]
            self._running, self._waiting = [], deque()
            self._change.notify_all()
        for ticket in left:
            self._end(ticket, "cancelled")

    def _serve(self, batch: LeanBatch | RunningBatch) -> None:
        while True:
            with self._change:
                while not self._waiting and not self._running and not self._closing:
                    self._change.wait()
                if self._closing:
                    return
                joining = self._admit(batch)
                self._running += joining
            with self._model:
                if batch.rows:
                    batch.step()
                    self.tokens += len(batch.rows)
                if joining:
                    batch.join([ticket.row for ticket in joining])
                    self.tokens += len(joining)
            self._hand_on(batch)

    def _admit(self, batch: LeanBatch | RunningBatch) -> list[Ticket]:
        """Take from the queue what has room; long prompts few at a time, or they stall the rest."""
        joining: list[Ticket] = []
        tokens = 0
        if not self._waiting or not batch.joinable:
            return joining
        while self._waiting and len(self._running) + len(joining) < self._batch:
            if joining and tokens + len(self._waiting[0].row.prompt) > _PROMPT_TOKENS:
                break
            ticket = self._waiting.popleft()
            if ticket.cancelled:
                self._end(ticket, "cancelled")
                continue
            tokens += len(ticket.row.prompt)
            joining.append(ticket)
        return joining

    def _hand_on(self, batch: LeanBatch | RunningBatch) -> None:
        by_row = {id(ticket.row): ticket for ticket in self._running}
        gone = set()
        for index, row in enumerate(batch.rows):
            ticket = by_row[id(row)]
            if ticket.heard():
                self._count(ticket)
                gone.add(index)
        if gone:
            ended = {id(batch.rows[index]) for index in gone}
            batch.leave(gone)
            with self._change:
                self._running = [one for one in self._running if id(one.row) not in ended]
                self._change.notify_all()

    def _end(self, ticket: Ticket, finish: Finish, problem: str | None = None) -> None:
        ticket.end(finish, problem)
        self._count(ticket)

    def _count(self, ticket: Ticket) -> None:
        seconds = max(time.monotonic() - ticket.came, 1e-3)
        self._rate = 0.9 * self._rate + 0.1 / seconds * max(1, len(self._running))

    def _fail(self, problem: str) -> None:
        with self._change:
            failed, self._running = self._running, []
            self._change.notify_all()
        for ticket in failed:
            self._end(ticket, "error", problem)


def _decoder(student: Student, lean: bool) -> tuple[Decoder | None, str]:
    """Return the quick forward pass over the student, or why it runs by its own."""
    if not lean:
        return None, "nobody wants it"
    if student.adapter_digest is not None:
        return None, "the student was loaded with an adapter of its own"
    return lean_decoder(student.model)
