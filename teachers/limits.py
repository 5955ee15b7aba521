"""How fast a provider may be asked: requests and tokens a minute, and how many at once.

Concurrency adapts: until the first 429 each answer makes one more place, so that the limit is found
in a few rounds; after it each full round of answers makes one, and each 429 halves it (slow start,
then additive increase and multiplicative decrease). A Retry-After holds back every request to that
provider.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiolimiter import AsyncLimiter


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for one provider; None means not limited by us."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    start_concurrency: int = 20
    max_concurrency: int = 100


@dataclass(frozen=True, slots=True)
class LimitBook:
    """Limits by provider name, and those of everybody else."""

    default: Limits = field(default_factory=Limits)
    providers: Mapping[str, Limits] = field(default_factory=dict)

    def of(self, *names: str) -> Limits:
        """Return the limits of the first of ``names`` that has any: an endpoint, its provider."""
        for name in names:
            if name in self.providers:
                return self.providers[name]
        return self.default


class Gate:
    """The gate of one provider within one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests = _limiter(limits.requests_per_minute)
        self._tokens = _limiter(limits.tokens_per_minute)
        self._width = float(min(limits.start_concurrency, limits.max_concurrency))
        self._searching = True
        """Whether nobody has said "too many" yet."""
        self._running = 0
        self._room = asyncio.Condition()
        self._not_before = 0.0

    @property
    def width(self) -> int:
        """How many requests may run at once now."""
        return max(1, int(self._width))

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one of the places for a request in flight."""
        async with self._room:
            await self._room.wait_for(lambda: self._running < self.width)
            self._running += 1
        try:
            yield
        finally:
            async with self._room:
                self._running -= 1
                self._room.notify()

    async def admit(self, tokens: int) -> None:
        """Wait until one more request of about ``tokens`` may be sent."""
        while True:
            wait = self._not_before - time.monotonic()
            if wait <= 0:
                break
            await asyncio.sleep(wait)
        if self._requests is not None:
            await self._requests.acquire()
        if self._tokens is not None:
            await self._tokens.acquire(min(float(tokens), self._tokens.max_rate))

    def answered(self) -> None:
        """Widen: one more place for each answer at first, for each round of answers later."""
        if self._width < self._limits.max_concurrency:
            more = 1.0 if self._searching else 1 / self._width
            self._width = min(self._width + more, float(self._limits.max_concurrency))

    def slow_down(self, retry_after: float | None) -> None:
        """Halve the width, and hold everything back for ``retry_after`` seconds."""
        self._searching = False
        self._width = max(1.0, self._width / 2)
        if retry_after is not None:
            self._not_before = max(self._not_before, time.monotonic() + retry_after)


def _limiter(rate: float | None) -> AsyncLimiter | None:
    # A bucket of one minute would let a whole minute's worth burst; a second's worth is enough.
    if rate is None:
        return None
    if rate >= 60:
        return AsyncLimiter(rate / 60, 1)
    return AsyncLimiter(1, 60 / rate)
