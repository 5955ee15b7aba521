"""The connections of an SDK's client: many small pools instead of one large one.

The SDKs' HTTP layer looks at every connection of a pool for each request, so that a pool of two
hundred is a third of the work for a request. Here a pool holds ``WIDTH`` connections and the next
one is opened when all are busy: the work for a request stays the same however many run. Not here:
proxies. Where the environment names one, the SDK's own transport is used, which knows it.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.request import getproxies

import httpx2

from teachers.wire import tls

WIDTH = 16
"""Connections in a pool."""

_KEEP_ALIVE = 60
"""Seconds of silence after which the system asks whether the other side is still there: a long
answer can take minutes without a byte, and a router on the way forgets silent connections."""


def http_client(make: Callable[..., Any], url: str, *, local: bool) -> Any:
    """Return the HTTP client for requests to ``url``, made by the SDK's own ``make``.

    A server on this machine is never asked through a proxy of the environment.
    """
    if not local and getproxies():
        return make(verify=tls(url))
    return make(trust_env=False, transport=Pools(url))


class Pools(httpx2.AsyncBaseTransport):
    """A transport over as many pools as the requests in flight need."""

    def __init__(self, url: str) -> None:
        self._verify = tls(url)
        self._pools: list[httpx2.AsyncHTTPTransport] = []
        self._busy: list[int] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send through the first pool that has room, so that few connections stay warm."""
        place = next((n for n, busy in enumerate(self._busy) if busy < WIDTH), len(self._busy))
        if place == len(self._busy):
            self._busy.append(0)
            self._pools.append(self._pool())
        self._busy[place] += 1
        try:
            response = await self._pools[place].handle_async_request(request)
        except BaseException:
            self._busy[place] -= 1
            raise
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Counted(response.stream, lambda: self._done(place))
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools:
            await pool.aclose()

    def _done(self, place: int) -> None:
        self._busy[place] -= 1

    def _pool(self) -> httpx2.AsyncHTTPTransport:
        return httpx2.AsyncHTTPTransport(
            verify=self._verify,
            trust_env=False,
            limits=httpx2.Limits(max_connections=WIDTH, max_keepalive_connections=WIDTH),
            socket_options=_socket_options(),
        )


class _Counted(httpx2.AsyncByteStream):
    """A body that says once when it has been read to its end or given up."""

    def __init__(self, inner: httpx2.AsyncByteStream, done: Callable[[], None]) -> None:
        self._inner = inner
        self._done: Callable[[], None] | None = done

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inner.__aiter__()

    async def aclose(self) -> None:
        done, self._done = self._done, None
        if done is not None:
            done()
        await self._inner.aclose()


def _socket_options() -> list[tuple[int, int, int]]:
    wanted = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", _KEEP_ALIVE), ("TCP_KEEPINTVL", _KEEP_ALIVE),
                        ("TCP_KEEPCNT", 5)):  # fmt: skip
        option = getattr(socket, name, None)  # macOS and Windows name them otherwise
        if option is not None:
            wanted.append((socket.IPPROTO_TCP, option, value))
    return wanted
