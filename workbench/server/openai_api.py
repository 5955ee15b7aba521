"""OpenAI's protocol: ``/v1/chat/completions``, ``/v1/completions``, ``/v1/models``.

What a request asks for and this server cannot do (tools, images, log-probabilities, a response
format) is refused with a sentence; it is never dropped in silence.
Source: https://platform.openai.com/docs/api-reference (chat, completions, models).
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from workbench.server.extras import Extras
from workbench.server.problems import PROBLEMS, Problem, RequestProblem, problem
from workbench.server.service import Done, Service, Wanted, begin, nth
from workbench.server.verified import Verifier

if TYPE_CHECKING:
    from distill.continuous import Piece

_CANNOT = {
    "tools": "tools",
    "functions": "functions",
    "logprobs": "log-probabilities",
    "top_logprobs": "log-probabilities",
    "logit_bias": "logit bias",
    "audio": "audio",
    "suffix": "insertion before a suffix",
    "echo": "echoing the prompt",
}
_DEFAULT_TOKENS = 256


class TextPart(BaseModel):
    """A part of a message."""

    model_config = ConfigDict(extra="ignore")
    type: str
    text: str | None = None


class ChatMessage(BaseModel):
    """One turn."""

    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    def flat(self) -> tuple[str, str]:
        """Return role and text; refuses what is not text."""
        role = "system" if self.role == "developer" else self.role
        if isinstance(self.content, str):
            return role, self.content
        for part in self.content:
            if part.type != "text" or part.text is None:
                raise RequestProblem(f"a message part of type {part.type!r} cannot be read here")
        return role, "".join(part.text or "" for part in self.content)


class _Common(BaseModel):
    model_config = ConfigDict(extra="allow")
    model: str | None = Field(default=None, max_length=200)
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    n: int = Field(default=1, ge=1, le=64)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    stream: bool = False
    stream_options: dict[str, Any] | None = None

    def check(self) -> None:
        """Refuse what this server cannot do."""
        for name, what in _CANNOT.items():
            if (self.model_extra or {}).get(name) not in (None, False, 0, [], {}, ""):
                raise RequestProblem(f"{name} is set, but this server cannot do {what}")
        form = (self.model_extra or {}).get("response_format")
        if isinstance(form, dict) and form.get("type", "text") != "text":
            raise RequestProblem("response_format is set, but answers here are plain text")
        for name in ("presence_penalty", "frequency_penalty"):
            if (self.model_extra or {}).get(name) not in (None, 0, 0.0):
                raise RequestProblem(f"{name} is set, but this server has no penalties")

    def ask(self, most: int | None) -> Any:
        """Return the request in the engine's words; OpenAI's temperature is 1 unless it is said."""
        from distill.continuous import Ask

        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        return Ask(
            max_tokens=most or _DEFAULT_TOKENS,
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=self.top_p or 1.0,
            seed=None if self.seed is None else self.seed % 2**63,
            stop=tuple(text for text in stop if text),
        )

    @property
    def usage_wanted(self) -> bool:
        """Whether a stream ends with a piece that carries the usage."""
        return bool((self.stream_options or {}).get("include_usage"))


class ChatRequest(Extras, _Common):
    """``/v1/chat/completions``, with the fields that are ours."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=10_000)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=1_000_000)


class CompletionRequest(_Common):
    """``/v1/completions``."""

    prompt: str | list[str]


def openai_router(service: Service, verifier: Verifier) -> APIRouter:
    """Return the routes of this protocol."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"])

    @routes.get("/models")
    async def models() -> dict[str, Any]:
        served = service.fleet.all()
        return {"object": "list", "data": [_model(s.version.spec.name, s) for s in served]}

    @routes.get("/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        return _model(name, service.fleet.get(name))

    @routes.post("/chat/completions")
    async def chat(body: ChatRequest, request: Request) -> Response:
        body.check()
        conversation = tuple(message.flat() for message in body.messages)
        most = body.max_completion_tokens or body.max_tokens
        agreed = (body.model_extra or {}).get("store") is not False
        wanted = Wanted(conversation, body.ask(most), body.model, "openai", agreed)
        settled = await body.settle(verifier, wanted, stream=body.stream, n=body.n)
        wanted, found = settled.wanted, settled.found
        name = found.model if found else service.fleet.get(body.model).version.spec.name
        head = {**_head("chatcmpl", "chat.completion", name), **settled.beside}
        if body.stream:
            return await _stream(service, wanted, body, _Chat(head))
        done = [found.done] if found else await service.unless_gone(request, wanted, body.n)
        choices = [
            {
                "index": index,
                "message": {"role": "assistant", "content": one.text, "refusal": None},
                "logprobs": None,
                "finish_reason": one.finish,
            }
            for index, one in enumerate(done)
        ]
        return JSONResponse({**head, "choices": choices, "usage": usage(done)})

    @routes.post("/completions")
    async def completions(body: CompletionRequest, request: Request) -> Response:
        body.check()
        prompts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
        if len(prompts) != 1:
            raise RequestProblem(f"{len(prompts)} prompts in one request; send one at a time")
        wanted = Wanted(prompts[0], body.ask(body.max_tokens), body.model, "openai")
        name = service.fleet.get(body.model).version.spec.name
        head = _head("cmpl", "text_completion", name)
        if body.stream:
            return await _stream(service, wanted, body, _Text(head))
        done = await service.unless_gone(request, wanted, body.n)
        choices = [
            {"index": i, "text": one.text, "logprobs": None, "finish_reason": one.finish}
            for i, one in enumerate(done)
        ]
        return JSONResponse({**head, "choices": choices, "usage": usage(done)})

    return routes


def usage(done: list[Done]) -> dict[str, int]:
    """Return the usage of one request; the prompt counts once, as the protocol has it."""
    prompt = done[0].input_tokens
    completion = sum(one.output_tokens for one in done)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def error_body(found: Problem) -> dict[str, Any]:
    """Return an error in this protocol's shape."""
    kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error",
             422: "invalid_request_error", 429: "rate_limit_error"}  # fmt: skip
    kind = kinds.get(found.status, "server_error")
    return {"error": {"message": found.message, "type": kind, "param": None, "code": found.code}}


def _model(name: str, served: Any) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": int(served.version.loaded),
        "owned_by": "workbench",
        "adapter_digest": served.version.adapter_digest,
    }


def _head(prefix: str, kind: str, model: str) -> dict[str, Any]:
    return {
        "id": f"{prefix}-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
    }


class _Chat:
    """How a chat's stream is worded."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.head = {**head, "object": "chat.completion.chunk"}

    def first(self, index: int) -> dict[str, Any] | None:
        """Return the chunk that opens a choice."""
        delta = {"role": "assistant", "content": ""}
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}

    def chunk(self, index: int, piece: Piece) -> list[dict[str, Any]]:
        """Return the chunks for a piece: text, and the end."""
        chunks: list[dict[str, Any]] = []
        if piece.text:
            chunks.append({"index": index, "delta": {"content": piece.text}, "logprobs": None,
                           "finish_reason": None})  # fmt: skip
        if piece.finish:
            chunks.append({"index": index, "delta": {}, "logprobs": None,
                           "finish_reason": piece.finish})  # fmt: skip
        return chunks


class _Text:
    """How a completion's stream is worded."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.head = head

    def first(self, index: int) -> dict[str, Any] | None:
        """A completion's choice is not opened."""
        return None

    def chunk(self, index: int, piece: Piece) -> list[dict[str, Any]]:
        """Return the chunk for a piece."""
        if not piece.text and not piece.finish:
            return []
        return [{"index": index, "text": piece.text, "logprobs": None,
                 "finish_reason": piece.finish}]  # fmt: skip


async def _stream(
    service: Service, wanted: Wanted, body: _Common, words: _Chat | _Text
) -> Response:
    # Begun before the status goes out, so that a refusal is a refusal and not a broken stream.
    begun = await begin(_merged(service, wanted, body.n))

    async def lines() -> AsyncGenerator[str, None]:
        last: dict[int, Piece] = {}
        try:
            for index in range(body.n):
                first = words.first(index)
                if first is not None:
                    yield _event({**words.head, "choices": [first]})
            async with aclosing(begun) as pieces:
                async for index, piece in pieces:
                    for choice in words.chunk(index, piece):
                        yield _event({**words.head, "choices": [choice]})
                    if piece.finish:
                        last[index] = piece
        except PROBLEMS as error:
            yield _event(error_body(problem(error)))
            return
        if body.usage_wanted:
            ends = [Done("", "", p.input_tokens, p.output_tokens, 0, 0) for p in last.values()]
            yield _event({**words.head, "choices": [], "usage": usage(ends)})
        yield "data: [DONE]\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


async def _merged(
    service: Service, wanted: Wanted, n: int
) -> AsyncGenerator[tuple[int, Piece], None]:
    """Yield the pieces of ``n`` answers as they come, each with its number."""
    served = service.fleet.get(wanted.model)
    heard: asyncio.Queue[tuple[int, Piece | BaseException]] = asyncio.Queue()

    async def one(index: int) -> None:
        try:
            async with aclosing(service.pieces(nth(wanted, index), served)) as pieces:
                async for piece in pieces:
                    heard.put_nowait((index, piece))
        except PROBLEMS as error:
            heard.put_nowait((index, error))

    tasks = [asyncio.ensure_future(one(index)) for index in range(n)]
    try:
        left = n
        while left:
            index, piece = await heard.get()
            if isinstance(piece, BaseException):
                raise piece
            left -= piece.finish is not None
            yield index, piece
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, separators=(',', ':'))}\n\n"
