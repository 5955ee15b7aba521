"""Anthropic's protocol: ``/v1/messages``, whole and streamed.

Source: https://docs.anthropic.com/en/api/messages and /messages-streaming.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from workbench.server.extras import Extras
from workbench.server.openai_api import TextPart
from workbench.server.problems import PROBLEMS, Problem, RequestProblem, problem
from workbench.server.service import Service, Wanted, begin
from workbench.server.verified import Verifier

if TYPE_CHECKING:
    from distill.continuous import Piece

_CANNOT = {"tools": "tools", "thinking": "thinking", "mcp_servers": "MCP servers"}


class Turn(BaseModel):
    """One turn."""

    model_config = ConfigDict(extra="ignore")
    role: Literal["user", "assistant"]
    content: str | list[TextPart]


class MessagesRequest(Extras):
    """``/v1/messages``, with the fields that are ours."""

    model_config = ConfigDict(extra="allow")
    model: str | None = Field(default=None, max_length=200)
    messages: list[Turn] = Field(min_length=1, max_length=10_000)
    max_tokens: int = Field(ge=1, le=1_000_000)
    system: str | list[TextPart] | None = None
    temperature: float = Field(default=1.0, ge=0, le=1)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int | None = None
    stop_sequences: Annotated[list[str], Field(default_factory=list, max_length=16)]
    stream: bool = False

    def wanted(self) -> Wanted:
        """Return the request in no protocol's words."""
        from distill.continuous import Ask

        for name, what in _CANNOT.items():
            given = (self.model_extra or {}).get(name)
            if given not in (None, [], {}, {"type": "disabled"}):
                raise RequestProblem(f"{name} is set, but this server cannot do {what}")
        if self.top_k is not None:
            raise RequestProblem("top_k is set, but this server samples by top_p only")
        turns = [(turn.role, _flat(turn.content)) for turn in self.messages]
        if self.system is not None:
            turns.insert(0, ("system", _flat(self.system)))  # type: ignore[arg-type]
        stop = tuple(text for text in self.stop_sequences if text)
        ask = Ask(self.max_tokens, self.temperature, self.top_p, None, stop)
        return Wanted(tuple(turns), ask, self.model, "anthropic")


def anthropic_router(service: Service, verifier: Verifier) -> APIRouter:
    """Return the routes of this protocol."""
    routes = APIRouter(prefix="/v1", tags=["Anthropic"])

    @routes.post("/messages")
    async def messages(body: MessagesRequest, request: Request) -> Response:
        settled = await body.settle(verifier, body.wanted(), stream=body.stream)
        wanted, found = settled.wanted, settled.found
        head = {
            "id": f"msg_{uuid.uuid4().hex}",
            "type": "message",
            "role": "assistant",
            "model": found.model if found else service.fleet.get(body.model).version.spec.name,
            **settled.beside,
        }
        if body.stream:
            begun = await begin(service.pieces(wanted))
            return StreamingResponse(_events(begun, head), media_type="text/event-stream")
        done = found.done if found else (await service.unless_gone(request, wanted))[0]
        return JSONResponse(
            {
                **head,
                "content": [{"type": "text", "text": done.text}],
                "stop_reason": _reason(done.finish),
                "stop_sequence": None,
                "usage": {"input_tokens": done.input_tokens, "output_tokens": done.output_tokens},
            }
        )

    return routes


def error_body(found: Problem) -> dict[str, Any]:
    """Return an error in this protocol's shape."""
    kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error",
             429: "rate_limit_error", 503: "overloaded_error"}  # fmt: skip
    kind = kinds.get(found.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": found.message}}


def _reason(finish: str | None) -> str:
    return "max_tokens" if finish == "length" else "end_turn"


def _flat(content: str | list[TextPart]) -> str:
    if isinstance(content, str):
        return content
    for part in content:
        if part.type != "text" or part.text is None:
            raise RequestProblem(f"a content block of type {part.type!r} cannot be read here")
    return "".join(part.text or "" for part in content)


async def _events(
    pieces: AsyncGenerator[Piece, None], head: dict[str, Any]
) -> AsyncGenerator[str, None]:
    message = {**head, "content": [], "stop_reason": None, "stop_sequence": None,
               "usage": {"input_tokens": 0, "output_tokens": 0}}  # fmt: skip
    yield _event("message_start", {"message": message})
    block = {"type": "text", "text": ""}
    yield _event("content_block_start", {"index": 0, "content_block": block})
    try:
        async with aclosing(pieces) as heard:
            async for piece in heard:
                if piece.text:
                    text = {"type": "text_delta", "text": piece.text}
                    yield _event("content_block_delta", {"index": 0, "delta": text})
    except PROBLEMS as error:
        yield _event("error", error_body(problem(error)))
        return
    yield _event("content_block_stop", {"index": 0})
    delta = {"stop_reason": _reason(piece.finish), "stop_sequence": None}
    figures = {"input_tokens": piece.input_tokens, "output_tokens": piece.output_tokens}
    yield _event("message_delta", {"delta": delta, "usage": figures})
    yield _event("message_stop", {})


def _event(kind: str, value: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **value}, separators=(',', ':'))}\n\n"
