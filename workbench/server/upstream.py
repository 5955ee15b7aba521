"""An engine that runs elsewhere: vLLM, llama.cpp's server, or whatever speaks OpenAI's completions.

Our server stays the door: its protocols, tokens, verdicts, receipts and figures. The engine behind
it only continues texts; the chat template is applied here, by the student's own tokenizer, so that
an engine cannot apply another one. The engine's process, where we start it, ends with ours.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from workbench.server.engines import Process

if TYPE_CHECKING:
    from distill.continuous import Ask, Finish, Listener
    from distill.student import Conversation

__all__ = ["Upstream"]

_FINISHES: dict[str | None, Finish] = {"stop": "stop", "length": "length"}


@dataclass(slots=True, eq=False)
class _Ticket:
    task: Any
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True
        self.task.cancel()


@dataclass(slots=True, eq=False)
class _Loop:
    """An event loop in a thread of its own."""

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    thread: threading.Thread = field(init=False)

    def start(self) -> None:
        self.thread = threading.Thread(target=self.loop.run_forever, name="upstream", daemon=True)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, None]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def stop(self) -> None:
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


class Upstream:
    """The same calls as ``distill.continuous.Engine``, answered by another process."""

    slow_because = "it runs elsewhere"
    """Why our own forward pass is not used."""

    def __init__(self, process: Process, tokenizer: Any, *, batch: int, queue: int) -> None:
        self._process = process
        self._tokenizer = tokenizer
        self._most = batch + queue
        self._batch = batch
        self._under_way = 0
        self._change = threading.Condition()
        self._draining = False
        self.tokens = 0
        self._thread = _Loop()
        self._thread.start()
        self._client = httpx.AsyncClient(
            base_url=process.url,
            timeout=httpx.Timeout(None, connect=10.0),
            limits=httpx.Limits(max_connections=self._most + 1),
        )
        atexit.register(self.close)

    @property
    def running(self) -> int:
        """Requests that the engine may be working on."""
        return min(self._under_way, self._batch)

    @property
    def waiting(self) -> int:
        """Requests beyond that."""
        return max(0, self._under_way - self._batch)

    @property
    def alive(self) -> bool:
        """Whether the engine answers; an engine that is not ours is asked."""
        child = self._process.child
        if child is not None:
            return child.poll() is None
        try:
            return httpx.get(f"{self._process.url}/models", timeout=5).status_code < 500
        except httpx.HTTPError:
            return False

    def load_of(self, slot: int) -> tuple[int, int]:
        """Return how many requests run and how many wait; an engine elsewhere has one slot."""
        return self.running, self.waiting

    def dismiss(self, slot: int) -> None:
        """There is nothing to let go of but the engine itself."""

    def submit(
        self, prompt: Conversation | str, ask: Ask, listener: Listener, *, slot: int = 0,
        urgent: bool = False,
    ) -> _Ticket:  # fmt: skip
        """Send a request on; see ``distill.continuous.Engine.submit``."""
        from distill.continuous import FullError, PutAwayError
        from distill.errors import DistillError
        from distill.student import render, whole

        text = whole(prompt) if isinstance(prompt, str) else render(self._tokenizer, prompt)
        if not text:
            raise DistillError("the prompt is empty; say what to do")
        with self._change:
            if self._draining:
                raise PutAwayError
            if self._under_way >= self._most and not urgent:
                raise FullError(self.waiting, 1.0)
            self._under_way += 1
        return _Ticket(self._thread.run(self._ask(text, ask, listener)))

    def drain(self, timeout: float, slot: int | None = None) -> bool:
        """Take no new requests and wait for those under way."""
        deadline = time.monotonic() + timeout
        with self._change:
            self._draining = True
            while self._under_way:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._change.wait(min(left, 0.5))
        return True

    def close(self) -> None:
        """End the connection, and the engine if it is ours."""
        atexit.unregister(self.close)
        self._process.close()
        if not self._thread.loop.is_closed():
            self._thread.run(self._client.aclose()).result(10)
        self._thread.stop()

    async def _ask(self, text: str, ask: Ask, listener: Listener) -> None:
        from distill.continuous import Piece

        began, first = time.monotonic(), None
        body = {
            "model": self._process.model, "prompt": text, "max_tokens": ask.max_tokens,
            "temperature": ask.temperature, "top_p": ask.top_p, "stream": True,
            "stream_options": {"include_usage": True},
            **({"seed": ask.seed} if ask.seed is not None else {}),
            **({"stop": list(ask.stop)} if ask.stop else {}),
        }  # fmt: skip
        finish: Finish = "error"
        problem: str | None = None
        usage: dict[str, Any] = {}
        try:
            async with self._client.stream("POST", "/completions", json=body) as answer:
                if answer.status_code != 200:
                    said = (await answer.aread()).decode("utf-8", "replace")[:300]
                    problem = f"the engine answered {answer.status_code}: {said}"
                else:
                    async for event in _events(answer):
                        usage = event.get("usage") or usage
                        for choice in event.get("choices") or []:
                            if choice.get("text"):
                                first = first or time.monotonic()
                                listener(Piece(str(choice["text"])))
                            finish = _FINISHES.get(choice.get("finish_reason"), finish)
                    if finish == "error":
                        problem = "the engine's stream ended before its answer did"
        except asyncio.CancelledError:
            finish, problem = "cancelled", None
        except httpx.HTTPError as error:
            problem = f"the engine does not answer: {type(error).__name__}"
        finally:
            with self._change:
                self._under_way -= 1
                self._change.notify_all()
        self.tokens += int(usage.get("completion_tokens", 0))
        now = time.monotonic()
        listener(
            Piece(
                "",
                finish,
                int(usage.get("prompt_tokens", 0)),
                int(usage.get("completion_tokens", 0)),
                (first or now) - began,
                now - began,
                problem,
            )
        )


async def _events(answer: httpx.Response) -> Any:
    async for line in answer.aiter_lines():
        if line.startswith("data: {"):
            yield json.loads(line[6:])
