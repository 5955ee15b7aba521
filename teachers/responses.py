"""OpenAI's responses interface through its own SDK. What it shares with chat is in ``openai``."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator
from typing import Any

from teachers.keys import Secret
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
from teachers.openai import BASE_URL
from teachers.sdk import SdkTeacher
from teachers.wire import count


class ResponsesTeacher(SdkTeacher):
    """A model behind OpenAI's responses interface. It takes no seed and no stop sequences."""

    SDK, CLIENT, ERROR = "openai", "AsyncOpenAI", "OpenAIError"

    def __init__(
        self, name: str, identity: Identity, key: Secret | None, *, timeout: float = 600.0
    ) -> None:
        super().__init__(name, identity, key, identity.base_url or BASE_URL, timeout)

    def _unable(self, sampling: Sampling) -> Failure | None:
        if not sampling.stop:
            return None
        message = "the responses interface has no stop sequences; ask through chat completions"
        return Failure(FailureKind.BAD_REQUEST, message)

    def request(self, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        """Return the request body. Nothing is stored at the provider."""
        body: dict[str, Any] = {
            "model": self._identity.model,
            "input": [_input(each) for each in prompt.messages],
            "max_output_tokens": sampling.max_tokens,
            "store": False,
        }
        if sampling.temperature is not None:
            body["temperature"] = sampling.temperature
        if sampling.top_p is not None:
            body["top_p"] = sampling.top_p
        if sampling.reasoning_effort is not None:
            body["reasoning"] = {"effort": sampling.reasoning_effort}
        return body

    async def _once(self, prompt: Prompt, sampling: Sampling, started: float) -> Answer:
        request = self.request(prompt, sampling)
        raw = await self._client().responses.with_raw_response.create(**request, stream=False)
        return self.read(await self._parsed(raw), time.perf_counter() - started)

    async def _pieces(
        self, prompt: Prompt, sampling: Sampling, started: float
    ) -> AsyncIterator[str | Answer]:
        request = self.request(prompt, sampling)
        first = final = None
        async with await self._client().responses.create(**request, stream=True) as events:
            async for event in events:
                if event.type == "response.output_text.delta":
                    first = first or time.perf_counter() - started
                    yield event.delta
                elif event.type in ("response.completed", "response.incomplete"):
                    final = event.response
                elif event.type in ("response.failed", "error"):
                    raise ValueError("the server reported an error in the stream")
        if final is None:
            raise ValueError("the stream ended before the answer did")
        yield self.read(final, time.perf_counter() - started, first)

    def read(self, reply: Any, seconds: float, first: float | None = None) -> Answer:
        """Return the answer in a response; raises ``ValueError`` when there is none."""
        output = getattr(reply, "output", None)
        if output is None:
            raise ValueError("it has no output")
        contents = [part for item in output for part in getattr(item, "content", None) or ()]
        refusals = [part.refusal for part in contents if part.type == "refusal"]
        text = "".join(part.text for part in contents if part.type == "output_text")
        details = getattr(reply, "incomplete_details", None)
        reason = getattr(details, "reason", None)
        if refusals:
            finish, text = Finish.REFUSAL, "".join(refusals)
        elif reason == "max_output_tokens":
            finish = Finish.LENGTH
        elif reason == "content_filter":
            finish = Finish.FILTERED
        elif getattr(reply, "status", None) not in ("completed", None) or not text.strip():
            raise ValueError(f"its status is {getattr(reply, 'status', None)!r} and it has no text")
        else:
            finish = Finish.STOP
        return Answer(
            text=text,
            finish=finish,
            provider=self._identity.provider,
            model=self._identity.model,
            usage=_responses_usage(getattr(reply, "usage", None)),
            seconds=seconds,
            first_token_seconds=first,
            request_id=getattr(reply, "_request_id", None) or getattr(reply, "id", None),
        )


def _input(message: Message) -> dict[str, Any]:
    kind = "output_text" if message.role == "assistant" else "input_text"
    parts: list[dict[str, Any]] = [{"type": kind, "text": message.content}]
    for image in message.images:
        data = base64.b64encode(image.data).decode("ascii")
        parts.append({"type": "input_image", "image_url": f"data:{image.media_type};base64,{data}"})
    return {"role": message.role, "content": parts}


def _responses_usage(usage: Any) -> Usage:
    details = getattr(usage, "input_tokens_details", None)
    output = getattr(usage, "output_tokens_details", None)
    return Usage(
        input_tokens=count(getattr(usage, "input_tokens", None)),
        output_tokens=count(getattr(usage, "output_tokens", None)),
        cached_tokens=count(getattr(details, "cached_tokens", None)),
        reasoning_tokens=count(getattr(output, "reasoning_tokens", None)),
    )
