"""An engine that runs elsewhere: vLLM, llama.cpp's server, or whatever speaks OpenAI's completions.

Our server stays the door: its protocols, tokens, verdicts, receipts and figures. The engine behind
it only continues texts; the chat template is applied here, by the student's own tokenizer, so that
an engine cannot apply another one. The engine's process, where we start it, ends with ours.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from workbench.errors import InputError, MissingPartError

if TYPE_CHECKING:
    from distill.continuous import Ask, Finish, Listener
    from distill.student import Conversation

__all__ = ["KINDS", "Process", "Upstream", "start_process"]

KINDS = ("torch", "vllm", "llamacpp")
"""Engines by name; an address (http://...) is one more."""
_START_SECONDS = 600.0
_FINISHES: dict[str | None, Finish] = {"stop": "stop", "length": "length"}
_LLAMA = """
import sys, threading, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.hostnames, p.port = sys.argv[1], ["127.0.0.1"], int(sys.argv[2])
p.n_parallel, p.n_ctx, p.warmup = int(sys.argv[3]), int(sys.argv[4]), False
server = xllamacpp.Server(p)
sys.stdin.read()
"""


@dataclass(slots=True)
class Process:
    """A running engine: where it listens, what it calls the model, and its process if ours."""

    url: str
    model: str
    child: subprocess.Popen[bytes] | None = None
    folder: Path | None = None
    """A folder to delete with it."""

    def close(self) -> None:
        """End it."""
        if self.child is not None and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        if self.child is not None and self.child.stdin is not None:
            self.child.stdin.close()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


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


def start_process(kind: str, name: str, base: str, adapter: Path | None, batch: int) -> Process:
    """Start the engine ``kind`` over the model, or name the one at an address; wait until it is up.

    Raises ``MissingPartError`` when it is not installed and ``InputError`` when it does not start.
    """
    if kind.startswith(("http://", "https://")):
        return _known(kind.rstrip("/"))
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    if kind == "vllm":
        process = _vllm(url, port, name, base, adapter)
    elif kind == "llamacpp":
        process = _llamacpp(url, port, base, adapter, batch)
    else:
        raise InputError(
            f"There is no engine {kind!r}.", f"Known: {', '.join(KINDS)}, or an address."
        )
    _wait(process)
    return process


def _known(url: str) -> Process:
    try:
        answer = httpx.get(f"{url}/models", timeout=10)
        names = [one["id"] for one in answer.json()["data"]]
        return Process(url, str(names[0]))
    except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(
            f"No OpenAI-compatible engine answers at {url} ({type(error).__name__}).",
            "Give its address with /v1, for example http://127.0.0.1:8000/v1",
        ) from error


def _vllm(url: str, port: int, name: str, base: str, adapter: Path | None) -> Process:
    program = shutil.which("vllm")
    if program is None:
        raise MissingPartError(
            "The engine vLLM is not installed.", "Install it with: pip install vllm"
        )
    command = [program, "serve", base, "--host", "127.0.0.1", "--port", str(port),
               "--served-model-name", "base"]  # fmt: skip
    model = "base"
    if adapter is not None:
        command += ["--enable-lora", "--lora-modules", f"{name}={adapter}"]
        model = name
    return Process(f"{url}/v1", model, _spawn(command))


def _llamacpp(url: str, port: int, base: str, adapter: Path | None, batch: int) -> Process:
    """Write base and adapter as one GGUF file and serve it."""
    import tempfile

    from distill.errors import DistillError
    from distill.export import merge
    from distill.gguf_file import write_model

    if find_spec("xllamacpp") is None:
        raise MissingPartError.extra("The engine llama.cpp", "export")
    folder = Path(tempfile.mkdtemp(prefix="workbench-gguf-"))
    try:
        source = Path(base)
        if adapter is not None:
            source = folder / "merged"
            merge(base, adapter, source)
        write_model(source, folder / "model.gguf", kind="f32")
    except DistillError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(str(error)) from error
    config = json.loads((source / "config.json").read_text("utf-8"))
    context = int(config.get("max_position_embeddings", 4096)) * batch
    command = [sys.executable, "-c", _LLAMA, str(folder / "model.gguf"), str(port), str(batch),
               str(context)]  # fmt: skip
    return Process(f"{url}/v1", "model", _spawn(command), folder)


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    # An open pipe as its input: llama.cpp's process ends when ours does, however that ends.
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _wait(process: Process) -> None:
    deadline = time.monotonic() + _START_SECONDS
    assert process.child is not None
    while True:
        try:
            if httpx.get(f"{process.url}/models", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if process.child.poll() is not None or time.monotonic() > deadline:
            process.close()
            raise InputError("The engine did not start.", "Start it by hand to see what it says.")
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
