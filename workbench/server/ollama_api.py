"""Ollama's protocol: ``/api/chat``, ``/api/generate``, ``/api/tags``, ``/api/show``, ``/api/ps``.

Streams are JSON lines. Pulling, creating and deleting models is not this server's business and is
refused with a sentence. Source: https://github.com/ollama/ollama/blob/main/docs/api.md.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from workbench.server.extras import Extras, Settled
from workbench.server.fleet import Served
from workbench.server.problems import PROBLEMS, Problem, RequestProblem, problem
from workbench.server.service import Done, Service, Wanted, begin
from workbench.server.verified import Verifier

if TYPE_CHECKING:
    from distill.continuous import Piece

VERSION = "0.13.0"
"""The version of the protocol's reference that clients may look for."""
_ELSEWHERE = ("create", "copy", "delete", "pull", "push", "embed", "embeddings")


class Options(BaseModel):
    """Sampling; what is not named here does not change what this server does."""

    model_config = ConfigDict(extra="ignore")
    num_predict: int | None = None
    temperature: float = Field(default=0.8, ge=0, le=10)
    top_p: float = Field(default=0.9, gt=0, le=1)
    seed: int | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    num_ctx: int | None = None


class _Common(Extras):
    model_config = ConfigDict(extra="allow")
    model: str = Field(max_length=200)
    stream: bool = True
    options: Options | None = None

    def wanted(self, prompt: tuple[tuple[str, str], ...] | str) -> Wanted:
        """Return the request in no protocol's words."""
        from distill.continuous import Ask

        for name in ("tools", "images", "format", "think", "suffix"):
            if (self.model_extra or {}).get(name) not in (None, False, "", [], {}):
                raise RequestProblem(f"{name} is set, but this server cannot do that")
        options = self.options or Options()
        stop = (options.stop,) if isinstance(options.stop, str) else tuple(options.stop or ())
        most = options.num_predict if options.num_predict and options.num_predict > 0 else 1024
        ask = Ask(
            most,
            options.temperature,
            options.top_p,
            None if options.seed is None else options.seed % 2**63,
            tuple(text for text in stop if text),
        )
        return Wanted(prompt, ask, plain_name(self.model), "ollama")


class OllamaMessage(BaseModel):
    """One turn."""

    model_config = ConfigDict(extra="allow")
    role: Literal["system", "user", "assistant"]
    content: str


class ChatBody(_Common):
    """``/api/chat``."""

    messages: list[OllamaMessage] = Field(min_length=1, max_length=10_000)


class GenerateBody(_Common):
    """``/api/generate``."""

    prompt: str
    system: str | None = None
    raw: bool = False


class ShowBody(BaseModel):
    """``/api/show``; older clients say ``name``."""

    model_config = ConfigDict(extra="ignore")
    model: str | None = None
    name: str | None = None


def plain_name(name: str) -> str:
    """Return the name without the tag that this protocol adds when there is none."""
    return name.removesuffix(":latest")


def ollama_router(service: Service, verifier: Verifier) -> APIRouter:
    """Return the routes of this protocol."""
    routes = APIRouter(prefix="/api", tags=["Ollama"])

    @routes.get("/version")
    async def version() -> dict[str, str]:
        return {"version": VERSION}

    @routes.get("/tags")
    async def tags() -> dict[str, Any]:
        return {"models": [_tag(served) for served in service.fleet.all()]}

    @routes.get("/ps")
    async def running() -> dict[str, Any]:
        return {"models": [_tag(served) for served in service.fleet.all()]}

    @routes.post("/show")
    async def show(body: ShowBody) -> dict[str, Any]:
        served = service.fleet.get(plain_name(body.model or body.name or ""))
        nature = served.version.nature
        return {
            "license": "",
            "modelfile": "",
            "parameters": "",
            "template": nature.template,
            "details": _details(served),
            "model_info": {
                "general.architecture": nature.architecture,
                "general.parameter_count": nature.parameters,
                f"{nature.architecture}.context_length": nature.context,
                **{f"workbench.{name}": value for name, value in served.version.facts.items()},
            },
            "capabilities": ["completion"],
            "modified_at": _when(served.version.loaded),
        }

    @routes.post("/chat")
    async def chat(body: ChatBody, request: Request) -> Response:
        turns = tuple((message.role, message.content) for message in body.messages)
        settled = await body.settle(verifier, body.wanted(turns), stream=body.stream)
        return await _answer(
            service, body, settled, request,
            lambda text: {"message": {"role": "assistant", "content": text}},
        )  # fmt: skip

    @routes.post("/generate")
    async def generate(body: GenerateBody, request: Request) -> Response:
        prompt: tuple[tuple[str, str], ...] | str = body.prompt
        if not body.raw:
            system = () if body.system is None else (("system", body.system),)
            prompt = (*system, ("user", body.prompt))
        settled = await body.settle(verifier, body.wanted(prompt), stream=body.stream)
        return await _answer(service, body, settled, request, lambda text: {"response": text})

    @routes.api_route("/{name}", methods=["GET", "POST", "DELETE"], include_in_schema=False)
    async def other(name: str) -> Response:
        if name in _ELSEWHERE:
            raise RequestProblem(
                f"/api/{name} is not served here: models are trained and promoted by the workbench",
                status=501,
                code="not_served",
            )
        raise RequestProblem(f"there is no /api/{name}", status=404, code="not_found")

    return routes


def error_body(found: Problem) -> dict[str, Any]:
    """Return an error in this protocol's shape."""
    return {"error": found.message}


async def _answer(
    service: Service,
    body: _Common,
    settled: Settled,
    request: Request,
    words: Callable[[str], dict[str, Any]],
) -> Response:
    name, wanted, found = body.model, settled.wanted, settled.found
    if body.stream:
        begun = await begin(service.pieces(wanted))
        lines = _lines(begun, name, words, settled.beside)
        return StreamingResponse(lines, media_type="application/x-ndjson")
    done = found.done if found else (await service.unless_gone(request, wanted))[0]
    return JSONResponse({**_last(name, words(done.text), done), **settled.beside})


async def _lines(
    pieces: AsyncGenerator[Piece, None],
    name: str,
    words: Callable[[str], dict[str, Any]],
    beside: dict[str, Any],
) -> AsyncGenerator[str, None]:
    try:
        async with aclosing(pieces) as heard:
            async for piece in heard:
                if piece.text:
                    line = {"model": name, "created_at": _when(), **words(piece.text)}
                    yield json.dumps({**line, "done": False}) + "\n"
    except PROBLEMS as error:
        yield json.dumps(error_body(problem(error))) + "\n"
        return
    done = Done("", piece.finish or "stop", piece.input_tokens, piece.output_tokens,
                piece.waited, piece.seconds)  # fmt: skip
    yield json.dumps({**_last(name, words(""), done), **beside}) + "\n"


def _last(name: str, said: dict[str, Any], done: Done) -> dict[str, Any]:
    nano = 1_000_000_000
    return {
        "model": name,
        "created_at": _when(),
        **said,
        "done": True,
        "done_reason": done.finish,
        "total_duration": int(done.seconds * nano),
        "load_duration": 0,
        "prompt_eval_count": done.input_tokens,
        "prompt_eval_duration": int(done.waited * nano),
        "eval_count": done.output_tokens,
        "eval_duration": int((done.seconds - done.waited) * nano),
    }


def _tag(served: Served) -> dict[str, Any]:
    version = served.version
    digest = version.adapter_digest or version.base_digest
    return {
        "name": f"{version.spec.name}:latest",
        "model": f"{version.spec.name}:latest",
        "modified_at": _when(version.loaded),
        "size": version.nature.parameters * 4,
        "digest": digest,
        "details": _details(served),
    }


def _details(served: Served) -> dict[str, Any]:
    nature = served.version.nature
    count = nature.parameters
    return {
        "parent_model": "",
        "format": "safetensors",
        "family": nature.architecture,
        "families": [nature.architecture],
        "parameter_size": f"{count / 1e6:.1f}M" if count < 1e9 else f"{count / 1e9:.1f}B",
        "quantization_level": nature.dtype.upper(),
    }


def _when(seconds: float | None = None) -> str:
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat().replace("+00:00", "Z")
