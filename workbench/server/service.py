"""What every protocol does with a request: find the model, run it, count it, stop it in time.

The protocols (OpenAI's, Anthropic's, Ollama's) translate to and from ``Wanted`` and ``Piece``; this
is the only place that talks to an engine.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from workbench.errors import InputError
from workbench.server.feedback import Keeper, Seen
from workbench.server.fleet import Cancellable, Fleet, Served
from workbench.server.metrics import Metrics

if TYPE_CHECKING:
    from fastapi import Request

    from distill.continuous import Ask, Listener, Piece

Item = TypeVar("Item")
Prompt = tuple[tuple[str, str], ...] | str
_LOOK_SECONDS = 0.25
"""How often a request that is not streamed looks whether its client is still there."""
_SWAPS = 8
"""How often in a row a request may meet a version that was just swapped out."""


class GoneError(Exception):
    """The client went away; there is nobody to answer."""


class LateError(InputError):
    """The answer was not complete within the time limit."""


class FailedError(Exception):
    """The model failed at this request; the text says how."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request in no protocol's words. A text is continued; a conversation is answered."""

    prompt: Prompt
    ask: Ask
    model: str | None = None
    api: str = "native"
    keep: bool = True
    """Whether the client agrees to the question being kept, where the server keeps any."""

    @property
    def question(self) -> str | None:
        """The last thing that a person asked; None for a text that is continued."""
        if isinstance(self.prompt, str):
            return None
        return next((text for role, text in reversed(self.prompt) if role == "user"), None)


@dataclass(frozen=True, slots=True)
class Done:
    """A whole answer."""

    text: str
    finish: str
    input_tokens: int
    output_tokens: int
    waited: float
    seconds: float


class Mailbox:
    """From the engine's thread to the event loop: however much is posted, it is woken up once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._posted: deque[tuple[asyncio.Queue[Piece], Piece]] = deque()
        self._woken = False

    def put(self, queue: asyncio.Queue[Piece], piece: Piece) -> None:
        """Post from any thread; raises ``RuntimeError`` when the loop is closed."""
        self._posted.append((queue, piece))
        # Posted before the look: whoever clears the mark takes everything after clearing it.
        if not self._woken:
            self._woken = True
            self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._woken = False
        while self._posted:
            queue, piece = self._posted.popleft()
            queue.put_nowait(piece)


class Service:
    """A fleet with limits and figures."""

    def __init__(
        self, fleet: Fleet, metrics: Metrics, *, timeout: float = 300.0,
        keeper: Keeper | None = None,
    ) -> None:  # fmt: skip
        self.fleet = fleet
        self.keeper = keeper
        self.metrics = metrics
        self.timeout = timeout
        self.started = time.time()
        self._box: Mailbox | None = None

    async def pieces(
        self, wanted: Wanted, served: Served | None = None
    ) -> AsyncGenerator[Piece, None]:
        """Yield the pieces of one answer; the last one carries ``finish``.

        Closing the iterator cancels the request. Raises what ``submit`` raises, ``LateError`` and
        ``FailedError``.
        """
        where = served or self.fleet.get(wanted.model)
        loop = asyncio.get_running_loop()
        heard: asyncio.Queue[Piece] = asyncio.Queue()

        mailbox = self._mailbox(loop)

        def listen(piece: Piece) -> None:
            mailbox.put(heard, piece)

        where, ticket = await self._submitted(wanted, where, listen)
        finished, characters = False, 0
        try:
            async with asyncio.timeout(self.timeout):
                while not finished:
                    piece = _together(await heard.get(), heard)
                    finished = piece.finish is not None
                    if finished:
                        self.metrics.ended(where.version.spec.name, wanted.api, piece)
                    if piece.finish == "error":
                        raise FailedError(piece.problem or "the model failed")
                    if piece.finish == "cancelled":
                        raise FailedError("the request was cancelled while the server went down")
                    characters += len(piece.text)
                    yield piece
            await self._keep(wanted, where, piece, characters)
        except TimeoutError:
            raise LateError(
                f"The answer was not complete within {self.timeout:g} seconds.",
                "Ask for fewer tokens, or start the server with a larger --timeout.",
            ) from None
        finally:
            if not finished:
                ticket.cancel()
                self.metrics.dropped(where.version.spec.name, wanted.api)

    def _mailbox(self, loop: asyncio.AbstractEventLoop) -> Mailbox:
        if self._box is None or self._box.loop is not loop:
            self._box = Mailbox(loop)
        return self._box

    async def _submitted(
        self, wanted: Wanted, where: Served, listen: Listener
    ) -> tuple[Served, Cancellable]:
        """Queue the request; a version that was swapped out meanwhile is asked for again."""
        from distill.continuous import PutAwayError

        for _ in range(_SWAPS):
            try:
                ticket = await asyncio.to_thread(where.submit, wanted.prompt, wanted.ask, listen)
            except PutAwayError:
                where = self.fleet.get(where.version.spec.name)
            else:
                return where, ticket
        raise FailedError("the model was swapped again and again; ask again")

    async def _keep(self, wanted: Wanted, where: Served, last: Piece, characters: int) -> None:
        question = wanted.question
        if self.keeper is None or not wanted.keep or question is None:
            return
        name = where.version.spec.name
        seen = Seen(name, where.version.digest, question, last.finish or "stop", characters, name)
        await asyncio.to_thread(self.keeper.keep, seen)

    async def whole(self, wanted: Wanted, served: Served | None = None) -> Done:
        """Return one whole answer."""
        parts: list[str] = []
        async with aclosing(self.pieces(wanted, served)) as pieces:
            async for piece in pieces:
                parts.append(piece.text)
        assert piece.finish is not None
        return Done(
            "".join(parts),
            piece.finish,
            piece.input_tokens,
            piece.output_tokens,
            piece.waited,
            piece.seconds,
        )

    async def several(self, wanted: Wanted, n: int) -> list[Done]:
        """Return ``n`` answers to one prompt, each with a seed of its own, from one version."""
        served = self.fleet.get(wanted.model)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.whole(nth(wanted, index), served)) for index in range(n)
            ]
        return [task.result() for task in tasks]

    async def unless_gone(self, request: Request, wanted: Wanted, n: int = 1) -> list[Done]:
        """As ``several``, but cancelled when the client goes away; then raises ``GoneError``."""
        work = asyncio.ensure_future(self.several(wanted, n))
        try:
            while not work.done():
                await asyncio.wait([work], timeout=_LOOK_SECONDS)
                if not work.done() and await request.is_disconnected():
                    raise GoneError
            return work.result()
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait([work])


def _together(piece: Piece, heard: asyncio.Queue[Piece]) -> Piece:
    """Return ``piece`` with those that came after it while nobody looked, as one."""
    while piece.finish is None and not heard.empty():
        more = heard.get_nowait()
        piece = replace(more, text=piece.text + more.text)
    return piece


async def begin(pieces: AsyncGenerator[Item, None]) -> AsyncGenerator[Item, None]:
    """Wait for the first item, so that what is refused raises here; return all of the items."""
    first = await anext(pieces, None)

    async def all_of_them() -> AsyncGenerator[Item, None]:
        async with aclosing(pieces):
            if first is not None:
                yield first
                async for item in pieces:
                    yield item

    return all_of_them()


def nth(wanted: Wanted, index: int) -> Wanted:
    """Return the request for the answer number ``index``: the same but for its seed."""
    seed = wanted.ask.seed
    if seed is None or index == 0:
        return wanted
    return replace(wanted, ask=replace(wanted.ask, seed=seed + index))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
