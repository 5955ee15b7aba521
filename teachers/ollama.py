"""Ollama through its own SDK and its native chat interface, with the context set on purpose.

Ollama cuts a prompt that does not fit its context and says nothing. So ``num_ctx`` is always sent,
sized for the prompt and the answer, and a prompt that the model cannot hold fails before it is
sent. Timings and token counts are the server's own (nanoseconds, converted).
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from teachers.errors import TeacherError
from teachers.images import no_pictures
from teachers.model import (
    Answer,
    Failure,
    FailureKind,
    Finish,
    Identity,
    Message,
    Prompt,
    Sampling,
    Usage,
)
from teachers.openai import host_is_local
from teachers.pricing import count_tokens
from teachers.protocol import Named, Teacher
from teachers.providers import Provider, TeacherStatus
from teachers.wire import count, failed, http_failure, tls

HOST = "http://127.0.0.1:11434"
_STEP = 1024
_NANO = 1e9


class OllamaTeacher(Named):
    """A model of an Ollama server. ``context`` caps ``num_ctx``; None asks the model once."""

    def __init__(
        self, name: str, identity: Identity, *, context: int | None = None, timeout: float = 600.0
    ) -> None:
        super().__init__(name, identity)
        self._context = context
        self._sees: bool | None = None
        """Whether the model takes pictures; None before the server was asked."""
        self._timeout = timeout
        # The SDK takes a second to load: now, not inside the deadline of the first request.
        import ollama  # noqa: F401

        self._sdk: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def answer(self, prompt: Prompt, sampling: Sampling) -> Answer:
        """See ``Teacher``."""
        last: Answer | None = None
        async for piece in self._pieces(prompt, sampling, stream=False):
            last = piece if isinstance(piece, Answer) else last
        assert last is not None
        return last

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncIterator[str | Answer]:
        """See ``StreamingTeacher``. A failure arrives as the last value, like any answer."""
        async for piece in self._pieces(prompt, sampling, stream=True):
            yield piece

    async def close(self) -> None:
        """See ``Teacher``."""
        if self._sdk is not None and self._loop is asyncio.get_running_loop():
            await self._sdk._client.aclose()
        self._sdk = None

    async def _pieces(
        self, prompt: Prompt, sampling: Sampling, *, stream: bool
    ) -> AsyncIterator[str | Answer]:
        import httpx
        import ollama

        try:
            window = await self._window(prompt, sampling)
            if isinstance(window, Failure):
                yield failed(self._identity, window)
                return
            request = self.request(prompt, sampling, window)
            async for piece in self._exchange(request, window, stream):
                yield piece
        except ollama.ResponseError as error:
            yield failed(self._identity, self._refused(error))
        except httpx.TimeoutException:
            yield failed(
                self._identity, Failure(FailureKind.TIMEOUT, "Ollama did not answer in time")
            )
        except (ConnectionError, httpx.HTTPError) as error:
            message = (
                f"Ollama at {self._identity.base_url} cannot be reached ({type(error).__name__}); "
                "start it with: ollama serve"
            )
            yield failed(self._identity, Failure(FailureKind.NETWORK, message))
        except ValueError as error:
            message = f"Ollama's answer is not valid ({error})"[:300]
            yield failed(self._identity, Failure(FailureKind.MALFORMED, message))

    def request(self, prompt: Prompt, sampling: Sampling, window: int) -> dict[str, Any]:
        """Return the SDK's arguments for one chat."""
        options: dict[str, Any] = {"num_ctx": window, "num_predict": sampling.max_tokens}
        if sampling.temperature is not None:
            options["temperature"] = sampling.temperature
        if sampling.top_p is not None:
            options["top_p"] = sampling.top_p
        if sampling.seed is not None:
            options["seed"] = sampling.seed + sampling.sample
        if sampling.stop:
            options["stop"] = list(sampling.stop)
        request: dict[str, Any] = {
            "model": self._identity.model,
            "messages": [_message(each) for each in prompt.messages],
            "options": options,
        }
        if sampling.reasoning_effort is not None:
            request["think"] = sampling.reasoning_effort
        return request

    async def _exchange(
        self, request: dict[str, Any], window: int, stream: bool
    ) -> AsyncIterator[str | Answer]:
        started = time.perf_counter()
        parts: list[str] = []
        first: float | None = None
        if not stream:
            final = await self._client().chat(**request)
            parts.append(final.message.content or "")
        else:
            final = None
            async for chunk in await self._client().chat(**request, stream=True):
                piece = chunk.message.content or ""
                if piece:
                    first = first or time.perf_counter() - started
                    parts.append(piece)
                    yield piece
                final = chunk if chunk.done else final
        if final is None or not final.done:
            raise ValueError("the stream ended before the answer did")
        yield self._answer("".join(parts), final, window, time.perf_counter() - started, first)

    def _answer(
        self, text: str, final: Any, window: int, seconds: float, first: float | None
    ) -> Answer:
        usage = Usage(
            input_tokens=count(final.prompt_eval_count), output_tokens=count(final.eval_count)
        )
        if usage.input_tokens is not None and usage.input_tokens >= window:
            message = (
                f"the prompt filled the context of {window} tokens and was cut; shorten it or use "
                "a model with a longer context"
            )
            return failed(self._identity, Failure(FailureKind.BAD_REQUEST, message), usage)
        if final.done_reason == "length":
            finish = Finish.LENGTH
        elif not text.strip():
            failure = Failure(FailureKind.MALFORMED, "Ollama answered with no text")
            return failed(self._identity, failure, usage)
        else:
            finish = Finish.STOP
        total = count(final.total_duration)
        if first is not None and final.load_duration is not None:
            # A model that had to be loaded first says nothing about its speed.
            first = max(0.0, first - final.load_duration / _NANO)
        return Answer(
            text=text,
            finish=finish,
            provider=self._identity.provider,
            model=self._identity.model,
            usage=usage,
            seconds=seconds if total is None else total / _NANO,
            first_token_seconds=first,
        )

    async def _window(self, prompt: Prompt, sampling: Sampling) -> int | Failure:
        """Return the context to ask for, or the failure that the model cannot hold it."""
        needed = count_tokens(prompt) + sampling.max_tokens
        pictures = any(each.images for each in prompt.messages)
        if self._context is None or (pictures and self._sees is None):
            shown = await self._client().show(self._identity.model)
            self._context = self._context or context_length(shown.modelinfo or {}) or 4096
            # Servers before 0.6 do not tell; then the model is asked, and says so itself.
            self._sees = "vision" in shown.capabilities if shown.capabilities else True
        if pictures and not self._sees:
            return Failure(FailureKind.BAD_REQUEST, no_pictures(self._name))
        if needed > self._context:
            return Failure(
                FailureKind.BAD_REQUEST,
                f"the prompt and {sampling.max_tokens} new tokens may need {needed} tokens, and "
                f"{self._identity.model} holds {self._context}; shorten one of them",
            )
        return min(self._context, -(-needed // _STEP) * _STEP)

    def _refused(self, error: Any) -> Failure:
        if error.status_code == 404:
            message = f"Ollama has no model {self._identity.model}; get it with: ollama pull "
            return Failure(FailureKind.BAD_REQUEST, message + self._identity.model, status=404)
        if error.status_code < 400:
            message = f"Ollama reported an error in the stream: {error.error}"[:300]
            return Failure(FailureKind.SERVER, message)
        return http_failure(error.status_code, str(error.error), {}, None, "Ollama")

    def _client(self) -> Any:
        import ollama

        loop = asyncio.get_running_loop()
        if self._sdk is None or self._loop is not loop:
            self._loop = loop
            trust = not self._identity.local
            host = self._identity.base_url or HOST
            self._sdk = ollama.AsyncClient(
                host=host, timeout=self._timeout, trust_env=trust, verify=tls(host)
            )
        return self._sdk


def context_length(info: Mapping[str, Any]) -> int | None:
    """Return the context length among a model's facts (``llama.context_length`` and the like)."""
    for name, value in info.items():
        if name.endswith(".context_length") and isinstance(value, int):
            return value
    return None


def _message(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.images:
        fields["images"] = [base64.b64encode(each.data).decode("ascii") for each in message.images]
    return fields


def host(env: Mapping[str, str]) -> str:
    """Return Ollama's address from ``OLLAMA_HOST``, in the forms that Ollama itself takes."""
    text = (env.get("OLLAMA_HOST") or HOST).strip().rstrip("/")
    if "://" not in text:
        text = f"http://{text}"
    scheme, _, rest = text.partition("://")
    name, colon, port = rest.partition(":")
    if name in ("0.0.0.0", ""):
        name = "127.0.0.1"  # an address to listen on, not one to ask
    return f"{scheme}://{name}:{port if colon else '11434'}"


def _open(rest: str, env: Mapping[str, str]) -> Teacher:
    if not rest:
        raise TeacherError("ollama needs a model: ollama:MODEL, as in ollama:qwen2.5-coder:1.5b")
    url = host(env)
    return OllamaTeacher(f"ollama:{rest}", Identity("ollama", rest, url, host_is_local(url)))


def _status(env: Mapping[str, str], probe: bool) -> Sequence[TeacherStatus]:
    import httpx

    url = host(env)
    form = "ollama:MODEL"
    if not host_is_local(url) and not probe:
        return (TeacherStatus(form, "ollama", "ready", note=f"{url} was not asked"),)
    try:
        reply = httpx.get(
            f"{url}/api/tags", timeout=2.0, trust_env=not host_is_local(url), verify=tls(url)
        )
        listed = reply.json()["models"]
        models = tuple(str(each["name"]) for each in listed)
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        if shutil.which("ollama") is None and host_is_local(url):
            mend = "install it from https://ollama.com/download"
            return (TeacherStatus(form, "ollama", "not installed", mend),)
        return (TeacherStatus(form, "ollama", "not running", "start it with: ollama serve"),)
    if not models:
        mend = "get a model, for example with: ollama pull qwen2.5-coder:1.5b"
        return (TeacherStatus(form, "ollama", "model missing", mend),)
    return (TeacherStatus(form, "ollama", "ready", models=models),)


PROVIDER = Provider("ollama", "ollama:MODEL", _open, _status)
