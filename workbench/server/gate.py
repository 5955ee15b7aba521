"""Who may ask, and how much they may send: checked before a route sees anything."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbench.server.problems import Problem

_OPEN = frozenset({"/health"})
"""Paths that need no token: a load balancer asks them."""
LARGEST_BODY = 8 * 1024 * 1024

Tell = Callable[[Request, Problem], Response]


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may ask: whoever has the token, or everybody who reaches the server when it is None."""

    token: str | None = None

    def lets_in(self, request: Request) -> bool:
        """Whether the request carries the token, as a bearer or as Anthropic's header."""
        if self.token is None or request.url.path in _OPEN:
            return True
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        given = bearer or request.headers.get("x-api-key", "")
        return hmac.compare_digest(given.encode(), self.token.encode())


class Gate:
    """ASGI middleware. It wraps no response, so streams and disconnects pass through untouched."""

    def __init__(self, app: ASGIApp, guard: Guard, tell: Tell) -> None:
        self.app, self.guard, self.tell = app, guard, tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        found = self._refusal(request)
        if found is not None:
            await self.tell(request, found)(scope, receive, send)
            return
        meter = _Meter(receive)

        async def answer(message: Message) -> None:
            if not meter.full:
                await send(message)
            elif message["type"] == "http.response.start":
                # Whatever the route made of the broken body: this is what the client must know.
                await self.tell(request, _too_large())(scope, receive, send)

        await self.app(scope, meter.receive, answer)

    def _refusal(self, request: Request) -> Problem | None:
        if not self.guard.lets_in(request):
            return Problem(
                401,
                "The token is missing or wrong; send it as Authorization: Bearer TOKEN.",
                "unauthorised",
            )
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            return _too_large()
        return None


class _Meter:
    """Counts a body that comes without its length, and ends it when it grows too large."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._size = 0
        self.full = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > LARGEST_BODY:
            self.full = True
            return {"type": "http.request", "body": b"", "more_body": False}
        return message


def _too_large() -> Problem:
    return Problem(413, f"The request is larger than {LARGEST_BODY >> 20} MiB.", "too_large")
