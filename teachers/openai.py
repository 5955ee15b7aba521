"""OpenAI through its own SDK: chat completions, also for servers that are compatible with it."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teachers.errors import TeacherError
from teachers.keys import Secret, find_key, need_key
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
from teachers.private import is_loopback
from teachers.protocol import Teacher
from teachers.providers import Provider, TeacherStatus
from teachers.sdk import SdkTeacher
from teachers.wire import count, failed, field_of

if TYPE_CHECKING:
    from teachers.probe import Probe

BASE_URL = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server that speaks chat completions takes: the differences that matter."""

    max_tokens_field: str = "max_tokens"
    seed: bool = True
    reasoning_effort: bool = False
    stream_usage: bool = True


OPENAI_DIALECT = Dialect(max_tokens_field="max_completion_tokens", reasoning_effort=True)


class ChatTeacher(SdkTeacher):
    """A model behind a chat-completions interface."""

    SDK, CLIENT, ERROR = "openai", "AsyncOpenAI", "OpenAIError"

    def __init__(
        self,
        name: str,
        identity: Identity,
        key: Secret | None,
        *,
        dialect: Dialect = OPENAI_DIALECT,
        timeout: float = 600.0,
    ) -> None:
        super().__init__(name, identity, key, identity.base_url or BASE_URL, timeout)
        self._dialect = dialect

    def request(self, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        """Return the request body; public so that batch files can be made of it."""
        body: dict[str, Any] = {
            "model": self._identity.model,
            "messages": [_message(each) for each in prompt.messages],
            self._dialect.max_tokens_field: sampling.max_tokens,
        }
        if sampling.temperature is not None:
            body["temperature"] = sampling.temperature
        if sampling.top_p is not None:
            body["top_p"] = sampling.top_p
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.seed is not None and self._dialect.seed:
            body["seed"] = sampling.seed + sampling.sample
        if sampling.reasoning_effort is not None and self._dialect.reasoning_effort:
            body["reasoning_effort"] = sampling.reasoning_effort
        return body

    async def _once(self, prompt: Prompt, sampling: Sampling, started: float) -> Answer:
        import httpx2

        # Through the SDK, but past its typed parameters and replies: to walk the types of a
        # request and to build a model of its answer costs as much as sending it.
        reply = await self._client().post(
            "/chat/completions", body=self.request(prompt, sampling), cast_to=httpx2.Response
        )
        seconds = time.perf_counter() - started
        self._hear(reply.headers)
        return self.read(reply.json(), seconds, reply.headers.get("x-request-id"))

    def read(self, reply: Any, seconds: float, request_id: str | None = None) -> Answer:
        """Return the answer in a chat completion; raises ``ValueError`` when there is none."""
        choices = field_of(reply, "choices")
        if not isinstance(choices, list) or not choices:
            raise ValueError("it has no choices")
        message = field_of(choices[0], "message")
        if message is None:
            raise ValueError("its first choice has no message")
        text = field_of(message, "content") or ""
        if not isinstance(text, str):
            raise ValueError("its first message is no text")
        return self._answer(
            text,
            field_of(choices[0], "finish_reason"),
            field_of(message, "refusal"),
            field_of(reply, "usage"),
            seconds,
            request_id=request_id or field_of(reply, "id"),
        )

    async def _pieces(
        self, prompt: Prompt, sampling: Sampling, started: float
    ) -> AsyncIterator[str | Answer]:
        request = self.request(prompt, sampling)
        if self._dialect.stream_usage:
            request["stream_options"] = {"include_usage": True}
        parts: list[str] = []
        finish = refusal = usage = first = request_id = None
        async with await self._client().chat.completions.create(**request, stream=True) as chunks:
            async for chunk in chunks:
                usage = getattr(chunk, "usage", None) or usage
                request_id = request_id or getattr(chunk, "id", None)
                if not chunk.choices:
                    continue
                choice = chunk.choices[0]
                finish = choice.finish_reason or finish
                refusal = getattr(choice.delta, "refusal", None) or refusal
                if choice.delta.content:
                    first = first or time.perf_counter() - started
                    parts.append(choice.delta.content)
                    yield choice.delta.content
        if finish is None:
            raise ValueError("the stream ended before the answer did")
        seconds = time.perf_counter() - started
        yield self._answer(
            "".join(parts), finish, refusal, usage, seconds, request_id=request_id, first=first
        )

    def _answer(
        self,
        text: str,
        reason: str | None,
        refusal: str | None,
        usage: Any,
        seconds: float,
        *,
        request_id: str | None = None,
        first: float | None = None,
    ) -> Answer:
        tokens = _chat_usage(usage)
        if refusal:
            finish, text = Finish.REFUSAL, refusal
        elif reason == "length":
            finish = Finish.LENGTH
        elif reason == "content_filter":
            finish = Finish.FILTERED
        elif reason != "stop":
            message = f"the answer ended for the reason {reason!r}, which is not one of text"
            return failed(self._identity, Failure(FailureKind.MALFORMED, message), tokens)
        elif not text.strip():
            message = "the server answered with no text"
            return failed(self._identity, Failure(FailureKind.MALFORMED, message), tokens)
        else:
            finish = Finish.STOP
        return Answer(
            text=text,
            finish=finish,
            provider=self._identity.provider,
            model=self._identity.model,
            usage=tokens,
            seconds=seconds,
            first_token_seconds=first,
            request_id=request_id,
        )


def _message(message: Message) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.content}
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.content}]
    for image in message.images:
        data = base64.b64encode(image.data).decode("ascii")
        url = {"url": f"data:{image.media_type};base64,{data}"}
        parts.append({"type": "image_url", "image_url": url})
    return {"role": message.role, "content": parts}


def _chat_usage(usage: Any) -> Usage:
    details = field_of(usage, "prompt_tokens_details")
    output = field_of(usage, "completion_tokens_details")
    return Usage(
        input_tokens=count(field_of(usage, "prompt_tokens")),
        output_tokens=count(field_of(usage, "completion_tokens")),
        cached_tokens=count(field_of(details, "cached_tokens")),
        reasoning_tokens=count(field_of(output, "reasoning_tokens")),
    )


def base_url(text: str, where: str) -> str:
    """Return a base URL checked for the usual slips; raises ``TeacherError`` with the mend."""
    from urllib.parse import urlsplit

    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TeacherError(f"{where} is {text!r}; write a URL such as http://localhost:8000/v1")
    if parts.path in ("", "/"):
        raise TeacherError(
            f"{where} is {text!r} and lacks its path; did you mean {text.rstrip('/')}/v1?"
        )
    return text.strip().rstrip("/")


def host_is_local(url: str) -> bool:
    """Return whether ``url`` is on this machine."""
    from urllib.parse import urlsplit

    return is_loopback(urlsplit(url).hostname)


def _open(rest: str, env: Mapping[str, str]) -> Teacher:
    responses = rest.startswith("responses:")
    model = rest.removeprefix("responses:")
    if not model:
        raise TeacherError("openai needs a model: openai:MODEL, as in openai:gpt-5-mini")
    url = base_url(env.get("OPENAI_BASE_URL") or BASE_URL, "OPENAI_BASE_URL")
    key = need_key("OPENAI_API_KEY", env, f"openai:{rest}")
    identity = Identity("openai", model, url, host_is_local(url), "responses" if responses else "")
    if responses:
        from teachers.responses import ResponsesTeacher

        return ResponsesTeacher(f"openai:{rest}", identity, key)
    from teachers.batch_openai import OpenAIBatchTeacher

    return OpenAIBatchTeacher(f"openai:{rest}", identity, key)


def _status(env: Mapping[str, str], probe: bool) -> Sequence[TeacherStatus]:
    url = env.get("OPENAI_BASE_URL") or BASE_URL
    return (key_status("openai:MODEL", "openai", "OPENAI_API_KEY", env, url if probe else None),)


def key_status(
    name: str, provider: str, variable: str, env: Mapping[str, str], url: str | None = None
) -> TeacherStatus:
    """Return the status line of a provider that needs a key; with a ``url`` it is asked.

    Asked is only for its list of models, which costs nothing.
    """
    try:
        key = find_key(variable, env)
        url = None if url is None else base_url(url, "the base URL")
    except TeacherError as error:
        return TeacherStatus(name, provider, "no key", str(error))
    if key is None:
        return TeacherStatus(name, provider, "no key", f"set {variable}")
    if url is None:
        return TeacherStatus(name, provider, "ready", note=f"{variable} is set")
    from teachers.probe import bearer, probe_models

    return probed(name, provider, variable, url, probe_models(f"{url}/models", bearer(key), key))


def probed(name: str, provider: str, variable: str, url: str, found: Probe) -> TeacherStatus:
    """Return the status line that a probe of ``url`` comes to."""
    facts = (f"{variable} is set", *found.facts)
    if not found.reachable:
        mend = f"{url} did not answer ({found.trouble}): check the network, a proxy, or the address"
        return TeacherStatus(name, provider, "not reachable", mend, facts=facts)
    if found.authorised is False:
        mend = f"{provider} refused the key ({found.trouble}): make a new one and set {variable}"
        return TeacherStatus(name, provider, "key refused", mend, facts=facts)
    return TeacherStatus(name, provider, "ready", "", found.models, found.trouble, facts)


PROVIDER = Provider("openai", "openai:MODEL", _open, _status)
