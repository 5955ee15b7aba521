"""The web application: routes, who may ask, and errors in the shape of the protocol asked in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from workbench.server import anthropic_api, ollama_api, openai_api
from workbench.server.admin_api import admin_router
from workbench.server.follow import Follower
from workbench.server.gate import Gate, Guard
from workbench.server.library import Library
from workbench.server.metrics import Metrics
from workbench.server.problems import PROBLEMS, Problem, problem
from workbench.server.service import GoneError, Service
from workbench.server.verified import Verifier


def create_app(
    service: Service, verifier: Verifier, *, library: Library | None = None,
    guard: Guard | None = None, follower: Follower | None = None,
) -> FastAPI:  # fmt: skip
    """Build the application; closing it closes the fleet."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        following = None if follower is None else asyncio.create_task(follower.run())
        yield
        if following is not None:
            following.cancel()
        service.fleet.close()

    app = FastAPI(
        title="Distillation workbench: the student as a service",
        description="OpenAI, Anthropic and Ollama clients talk to it; see docs/serving.md.",
        version="1",
        lifespan=lifespan,
    )
    app.include_router(admin_router(service, service.metrics, library))
    app.include_router(openai_api.openai_router(service, verifier))
    app.include_router(anthropic_api.anthropic_router(service, verifier))
    app.include_router(ollama_api.ollama_router(service, verifier))
    app.add_middleware(Gate, guard=guard or Guard(), tell=partial(_told, metrics=service.metrics))
    _tell_errors(app, service.metrics)
    return app


_CLIENT_GONE = 499
"""What nginx calls it; nobody is there to read it."""


def _tell_errors(app: FastAPI, metrics: Metrics) -> None:
    async def known(request: Request, error: Exception) -> Response:
        return _told(request, problem(error), metrics)

    for kind in PROBLEMS:
        app.add_exception_handler(kind, known)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "body")
        where = f"{place}: " if place else ""
        return _told(request, Problem(400, f"{where}{first['msg']}", "invalid_request"), metrics)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        found = Problem(error.status_code, str(error.detail), "http")
        told = _told(request, found, metrics)
        told.headers.update(error.headers or {})
        return told

    async def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=_CLIENT_GONE)

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(GoneError, gone)


def _told(request: Request, found: Problem, metrics: Metrics) -> Response:
    metrics.refused(found.status)
    return JSONResponse(
        _shape(request.url.path)(found), status_code=found.status, headers=found.headers
    )


def _shape(path: str) -> Callable[[Problem], dict[str, Any]]:
    if path.startswith("/v1/messages"):
        return anthropic_api.error_body
    if path.startswith("/api/"):
        return ollama_api.error_body
    return openai_api.error_body
