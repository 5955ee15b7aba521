"""Anthropic's messages interface through its own SDK; also for local servers that speak it.

The SDK has no ``temperature`` parameter any more, so it goes in the body.
"""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from teachers.errors import TeacherError
from teachers.keys import Secret, need_key
from teachers.model import (
    Answer,
    Finish,
    Identity,
    Message,
    Prompt,
    Sampling,
    Usage,
)
from teachers.openai import host_is_local, key_status, probed
from teachers.protocol import Teacher
from teachers.providers import Provider, TeacherStatus
from teachers.sdk import SdkTeacher, malformed
from teachers.wire import count, failed

BASE_URL = "https://api.anthropic.com"

_FINISH = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "refusal": Finish.REFUSAL,
}


class MessagesTeacher(SdkTeacher):
    """A model behind the messages interface. It takes no seed."""

    SDK, CLIENT, ERROR = "anthropic", "AsyncAnthropic", "AnthropicError"

    def __init__(
        self, name: str, identity: Identity, key: Secret, *, timeout: float = 600.0
    ) -> None:
        super().__init__(name, identity, key, identity.base_url or BASE_URL, timeout)

    def request(self, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        """Return the SDK's arguments; ``extra_body`` holds what the SDK has no name for."""
        system = "\n\n".join(each.content for each in prompt.messages if each.role == "system")
        body: dict[str, Any] = {
            "model": self._identity.model,
            "max_tokens": sampling.max_tokens,
            "messages": [_message(each) for each in prompt.messages if each.role != "system"],
        }
        if system:
            body["system"] = system
        if sampling.stop:
            body["stop_sequences"] = list(sampling.stop)
        extra: dict[str, Any] = {}
        if sampling.temperature is not None:
            extra["temperature"] = sampling.temperature
        if sampling.top_p is not None:
            extra["top_p"] = sampling.top_p
        if sampling.reasoning_effort is not None:
            extra["output_config"] = {"effort": sampling.reasoning_effort}
        if extra:
            body["extra_body"] = extra
        return body

    async def _once(self, prompt: Prompt, sampling: Sampling, started: float) -> Answer:
        asking = self._client().messages.with_raw_response
        raw = await asking.create(**self.request(prompt, sampling))
        return self.read(await self._parsed(raw), time.perf_counter() - started)

    async def _pieces(
        self, prompt: Prompt, sampling: Sampling, started: float
    ) -> AsyncIterator[str | Answer]:
        parts: list[str] = []
        reason = usage = output = first = request_id = None
        ended = False
        request = self.request(prompt, sampling)
        async with await self._client().messages.create(**request, stream=True) as events:
            async for event in events:
                if event.type == "message_start":
                    usage, request_id = event.message.usage, event.message.id
                elif event.type == "content_block_delta" and event.delta.type == "text_delta":
                    first = first or time.perf_counter() - started
                    parts.append(event.delta.text)
                    yield event.delta.text
                elif event.type == "message_delta":
                    reason, output = event.delta.stop_reason, event.usage
                ended = ended or event.type == "message_stop"
        if not ended:
            raise ValueError("the stream ended before the answer did")
        tokens = _usage(usage, output)
        seconds = time.perf_counter() - started
        yield self._answer("".join(parts), reason, tokens, seconds, request_id, first)

    def read(self, reply: Any, seconds: float) -> Answer:
        """Return the answer in a message; raises ``ValueError`` when there is none."""
        content = getattr(reply, "content", None)
        if content is None:
            raise ValueError("it has no content")
        text = "".join(part.text for part in content if part.type == "text")
        request_id = getattr(reply, "_request_id", None) or getattr(reply, "id", None)
        usage = _usage(getattr(reply, "usage", None))
        return self._answer(text, reply.stop_reason, usage, seconds, request_id)

    def _answer(
        self,
        text: str,
        reason: str | None,
        usage: Usage,
        seconds: float,
        request_id: str | None,
        first: float | None = None,
    ) -> Answer:
        finish = _FINISH.get(reason or "")
        if finish is None:
            said = f"the answer ended for the reason {reason!r}, which is not one of text"
            return failed(self._identity, malformed(said), usage)
        if finish is Finish.STOP and not text.strip():
            return failed(self._identity, malformed("the server answered with no text"), usage)
        return Answer(
            text=text,
            finish=finish,
            provider=self._identity.provider,
            model=self._identity.model,
            usage=usage,
            seconds=seconds,
            first_token_seconds=first,
            request_id=request_id,
        )


def _message(message: Message) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.content}
    parts: list[dict[str, Any]] = []
    for image in message.images:
        data = base64.b64encode(image.data).decode("ascii")
        source = {"type": "base64", "media_type": image.media_type, "data": data}
        parts.append({"type": "image", "source": source})
    parts.append({"type": "text", "text": message.content})
    return {"role": message.role, "content": parts}


def _usage(usage: Any, final: Any = None) -> Usage:
    """Return usage with cached tokens counted in, as everywhere in this package.

    Anthropic's own ``input_tokens`` leaves out what was written to and read from its cache.
    """
    fresh = count(getattr(usage, "input_tokens", None))
    read = count(getattr(usage, "cache_read_input_tokens", None))
    written = count(getattr(usage, "cache_creation_input_tokens", None))
    output = count(getattr(final, "output_tokens", None))
    if output is None:
        output = count(getattr(usage, "output_tokens", None))
    total = None if fresh is None else fresh + (read or 0) + (written or 0)
    return Usage(
        input_tokens=total, output_tokens=output, cached_tokens=read, written_tokens=written
    )


def _open(rest: str, env: Mapping[str, str]) -> Teacher:
    if not rest:
        raise TeacherError("anthropic needs a model: anthropic:MODEL")
    url = (env.get("ANTHROPIC_BASE_URL") or BASE_URL).rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise TeacherError(f"ANTHROPIC_BASE_URL is {url!r}; write a URL such as {BASE_URL}")
    if url.endswith("/v1"):
        raise TeacherError(f"ANTHROPIC_BASE_URL ends with /v1, which the SDK adds; use {url[:-3]}")
    key = need_key("ANTHROPIC_API_KEY", env, f"anthropic:{rest}")
    identity = Identity("anthropic", rest, url, host_is_local(url))
    from teachers.batch_anthropic import AnthropicBatchTeacher

    return AnthropicBatchTeacher(f"anthropic:{rest}", identity, key)


def _status(env: Mapping[str, str], probe: bool) -> Sequence[TeacherStatus]:
    variable = "ANTHROPIC_API_KEY"
    line = key_status("anthropic:MODEL", "anthropic", variable, env)
    if not probe or line.state != "ready":
        return (line,)
    from teachers.probe import probe_models

    url = (env.get("ANTHROPIC_BASE_URL") or BASE_URL).rstrip("/")
    key = need_key(variable, env, "anthropic")
    headers = {"x-api-key": key.reveal(), "anthropic-version": "2023-06-01"}
    found = probe_models(f"{url}/v1/models?limit=1000", headers, key)
    return (probed("anthropic:MODEL", "anthropic", variable, url, found),)


PROVIDER = Provider("anthropic", "anthropic:MODEL", _open, _status)
