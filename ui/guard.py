"""Who may come in when the dashboard listens beyond this machine: a password, or a proxy's header.

Plain ASGI in front of everything that Streamlit serves, its web socket included. What it is not: a
user administration. Whoever is in may do everything that the dashboard can.

* Password (``WORKBENCH_UI_PASSWORD``): a form, then a cookie signed with a secret of this process,
  so that ending the server ends every session. A wrong password costs a second.
* Header (``WORKBENCH_UI_HEADER`` and ``WORKBENCH_UI_PROXY``): a reverse proxy has asked already and
  says who it was. Believed only from the addresses that are named, since anybody can send a header.

Use TLS in front of either: both send what must stay secret.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Inner = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "workbench_in"
LASTS = 12 * 3600
"""Seconds after which a person is asked again."""
LONGEST_FORM = 4_096
FORM = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Workbench</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui;max-width:22rem;
margin:18vh auto;padding:0 1rem}}
input,button{{font:inherit;padding:.5rem;width:100%;box-sizing:border-box;
margin:.3rem 0}}</style></head><body><main><h1>Workbench</h1><p>{said}</p>
<form method="post" action="/enter"><label for="p">Password</label>
<input id="p" name="password" type="password" autofocus autocomplete="current-password">
<button>Enter</button></form></main></body></html>"""


class Guard:
    """Middleware: lets through who is known, shows the form to who is not."""

    def __init__(self, app: Inner, environment: Mapping[str, str] | None = None) -> None:
        found = os.environ if environment is None else environment
        self.app = app
        self.password = found.get("WORKBENCH_UI_PASSWORD", "")
        self.header = found.get("WORKBENCH_UI_HEADER", "").lower().encode("latin-1")
        named = found.get("WORKBENCH_UI_PROXY", "")
        self.proxies = frozenset(part.strip() for part in named.split(",") if part.strip())
        self._secret = secrets.token_bytes(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] not in ("http", "websocket") or self.knows(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif not self.password:
            await _answer(send, 403, "Come through the reverse proxy, which knows who you are.")
        elif scope["method"] == "POST" and scope["path"] == "/enter":
            await self._enter(receive, send, secure=scope.get("scheme") == "https")
        else:
            await _page(send, "This dashboard asks who comes.")

    def knows(self, scope: Scope) -> bool:
        """Say whether a request comes from somebody who may come in."""
        headers = dict(scope.get("headers", ()))
        if self.header:
            peer = (scope.get("client") or ("",))[0]
            if peer in self.proxies and headers.get(self.header, b"").strip():
                return True
        return bool(self.password) and self._holds(headers.get(b"cookie", b""))

    async def _enter(self, receive: Receive, send: Send, *, secure: bool) -> None:
        given = parse_qs((await _body(receive)).decode("utf-8", "replace"))
        written = given.get("password", [""])[0]
        if not hmac.compare_digest(_hashed(written), _hashed(self.password)):
            await asyncio.sleep(1.0)
            await _page(send, "That is not the password.", 403)
            return
        until = str(int(time.time()) + LASTS)
        cookie = f"{COOKIE}={until}.{self._sign(until)}; Path=/; HttpOnly; SameSite=Lax"
        cookie += f"; Max-Age={LASTS}" + ("; Secure" if secure else "")
        await _answer(send, 303, "", [(b"location", b"/"), (b"set-cookie", cookie.encode())])

    def _sign(self, until: str) -> str:
        return hmac.new(self._secret, until.encode(), hashlib.sha256).hexdigest()

    def _holds(self, cookies: bytes) -> bool:
        try:
            morsel = SimpleCookie(cookies.decode("latin-1")).get(COOKIE)
        except CookieError:
            return False
        until, _, signature = (morsel.value if morsel else "").partition(".")
        if not until.isdecimal() or not hmac.compare_digest(signature, self._sign(until)):
            return False
        return int(until) > time.time()


def _hashed(text: str) -> bytes:
    """Return bytes of one length, so that comparing tells nothing about the length."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


async def _body(receive: Receive) -> bytes:
    body: bytes = b""
    while len(body) <= LONGEST_FORM:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body
    return b""


async def _page(send: Send, said: str, status: int = 401) -> None:
    await _answer(send, status, FORM.format(said=said), [(b"content-type", b"text/html")])


async def _answer(
    send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = text.encode()
    common = [(b"cache-control", b"no-store"), (b"content-length", str(len(body)).encode())]
    await send(
        {"type": "http.response.start", "status": status, "headers": common + (headers or [])}
    )
    await send({"type": "http.response.body", "body": body})
