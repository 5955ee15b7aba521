"""What an operator asks: ``/health``, ``/metrics``, ``/adapter/reload``, ``/adapter/merge``.

And ``/generate``, the plain request in our own words. Paths in requests are adapter ids of this
home, never file names: a client must not make the server read or write where it likes.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from workbench.server.library import Library
from workbench.server.metrics import Metrics
from workbench.server.problems import RequestProblem
from workbench.server.service import Service, Wanted


class ReloadBody(BaseModel):
    """Which name to swap (the default one unless said), to which adapter."""

    model_config = ConfigDict(extra="forbid")
    model: str | None = Field(default=None, max_length=200)
    adapter: str | None = Field(default=None, max_length=200)
    """An adapter's id, "none" for the plain base, or nothing for the student in use."""


class MergeBody(BaseModel):
    """Which adapter to merge into its base; nothing means the one that is served."""

    model_config = ConfigDict(extra="forbid")
    adapter: str | None = Field(default=None, max_length=200)


class GenerateBody(BaseModel):
    """``/generate``: a prompt or a conversation, and how to draw."""

    model_config = ConfigDict(extra="forbid")
    model: str | None = Field(default=None, max_length=200)
    prompt: str = Field(min_length=1)
    chat: bool = True
    """Whether the prompt goes through the chat template; else it is continued as it is."""
    max_tokens: int = Field(default=256, ge=1, le=1_000_000)
    temperature: float = Field(default=0.0, ge=0, le=10)
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    stop: list[str] = Field(default=[], max_length=16)


def admin_router(service: Service, metrics: Metrics, library: Library | None) -> APIRouter:
    """Return the routes; without a library (models given by path) nothing can be swapped."""
    routes = APIRouter(tags=["workbench"])

    @routes.get("/health")
    async def health() -> JSONResponse:
        models = {}
        for served in service.fleet.all():
            engine = served.engine
            models[served.version.spec.name] = {
                **served.version.facts,
                "healthy": engine.alive,
                "running": served.running,
                "waiting": served.waiting,
                "forward": engine.slow_because or "lean",
                "shares_base_with": service.fleet.beside(served),
            }
        failures = service.fleet.failures
        well = bool(models) and not failures and all(m["healthy"] for m in models.values())
        body = {
            "status": "ok" if well else "unhealthy",
            "models": models,
            "failures": failures,
            "uptime_seconds": round(time.time() - service.started, 1),
        }
        return JSONResponse(body, status_code=200 if well else 503)

    @routes.get("/metrics")
    async def figures() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @routes.post("/adapter/reload")
    async def reload(body: ReloadBody) -> dict[str, Any]:
        if library is None:
            raise RequestProblem(
                "this server serves models by path; start it on a home to swap adapters",
                status=501,
            )
        current = service.fleet.get(body.model).version.spec
        name = current.name
        spec = await asyncio.to_thread(library.following, current, body.adapter)
        version = await asyncio.to_thread(service.fleet.load, spec)
        metrics.version(name, version.number)
        return {"model": name, **version.facts}

    @routes.post("/adapter/merge")
    async def merge(body: MergeBody) -> dict[str, Any]:
        if library is None:
            raise RequestProblem("this server has no home to write a merged model to", status=501)
        return await asyncio.to_thread(library.merge, body.adapter)

    @routes.post("/generate")
    async def generate(body: GenerateBody, request: Request) -> dict[str, Any]:
        from distill.continuous import Ask

        stop = tuple(text for text in body.stop if text)
        ask = Ask(body.max_tokens, body.temperature, body.top_p, body.seed, stop)
        prompt = (("user", body.prompt),) if body.chat else body.prompt
        served = service.fleet.get(body.model)
        (done,) = await service.unless_gone(request, Wanted(prompt, ask, body.model))
        return {
            "text": done.text,
            "finish": done.finish,
            "input_tokens": done.input_tokens,
            "output_tokens": done.output_tokens,
            "seconds": round(done.seconds, 6),
            "model": {"name": served.version.spec.name, **served.version.facts},
        }

    return routes
