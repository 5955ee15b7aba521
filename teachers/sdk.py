"""What every teacher behind an SDK of OpenAI's making shares: names, one client for each event
loop, failures as values. What is asked and how an answer is read is each interface's own file.

One attempt a call: the SDK's retries are off, because the gateway owns waiting and money.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from importlib import import_module
from inspect import isawaitable
from types import ModuleType
from typing import Any

from teachers.keys import Secret
from teachers.model import Answer, Failure, FailureKind, Identity, Prompt, Sampling
from teachers.protocol import Named
from teachers.wire import failed, http_failure, limits_in


class SdkTeacher(Named, ABC):
    """A model behind ``SDK``, a module with OpenAI's form of clients and errors."""

    SDK: str
    """The module: "openai" or "anthropic"."""
    CLIENT: str
    """Its asynchronous client."""
    ERROR: str
    """The root of its errors."""

    def __init__(
        self, name: str, identity: Identity, key: Secret | None, base_url: str, timeout: float
    ) -> None:
        super().__init__(name, identity)
        self._key = key
        self._base_url = base_url
        self._timeout = timeout
        # The SDK takes a second to load: now, not inside the deadline of the first request.
        self._module: ModuleType = import_module(self.SDK)
        self._sdk: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.limits_told = ""
        """The limits that the server named with its last answer or refusal, in words."""

    async def answer(self, prompt: Prompt, sampling: Sampling) -> Answer:
        """See ``Teacher``."""
        unable = self._unable(sampling)
        if unable is not None:
            return failed(self._identity, unable)
        started = time.perf_counter()
        try:
            return await self._once(prompt, sampling, started)
        except getattr(self._module, self.ERROR) as error:
            return failed(self._identity, self._failure(error))
        except ValueError as error:
            return failed(self._identity, malformed(error))

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncIterator[str | Answer]:
        """See ``StreamingTeacher``. A failure arrives as the last value, like any answer."""
        import httpx2

        unable = self._unable(sampling)
        if unable is not None:
            yield failed(self._identity, unable)
            return
        started = time.perf_counter()
        try:
            async for piece in self._pieces(prompt, sampling, started):
                yield piece
        except getattr(self._module, self.ERROR) as error:
            yield failed(self._identity, self._failure(error))
        except httpx2.HTTPError as error:
            message = f"the stream broke off ({type(error).__name__})"
            yield failed(self._identity, Failure(FailureKind.NETWORK, message))
        except ValueError as error:
            yield failed(self._identity, malformed(error))

    async def close(self) -> None:
        """See ``Teacher``."""
        if self._sdk is not None and self._loop is asyncio.get_running_loop():
            await self._sdk.close()
        self._sdk = None

    def _unable(self, sampling: Sampling) -> Failure | None:
        """Return why this interface cannot draw so, or None; nothing is then sent."""
        return None

    @abstractmethod
    async def _once(self, prompt: Prompt, sampling: Sampling, started: float) -> Answer:
        """Ask once and read the whole answer; the SDK's errors are the caller's."""

    @abstractmethod
    def _pieces(
        self, prompt: Prompt, sampling: Sampling, started: float
    ) -> AsyncIterator[str | Answer]:
        """Ask once; yield pieces of text and, last, the answer they make."""

    def _client(self) -> Any:
        loop = asyncio.get_running_loop()
        if self._sdk is None or self._loop is not loop:
            from teachers.transport import http_client

            self._loop = loop
            self._sdk = getattr(self._module, self.CLIENT)(
                api_key="none" if self._key is None else self._key.reveal(),
                base_url=self._base_url,
                timeout=self._timeout,
                max_retries=0,
                http_client=http_client(
                    self._module.DefaultAsyncHttpxClient,
                    self._base_url,
                    local=self._identity.local,
                ),
            )
        return self._sdk

    async def _parsed(self, raw: Any) -> Any:
        """Return what a raw response holds, and hear its headers."""
        self._hear(raw.headers)
        found = raw.parse()
        return await found if isawaitable(found) else found  # the SDKs differ in this

    def _hear(self, headers: Mapping[str, str]) -> None:
        self.limits_told = limits_in(headers) or self.limits_told

    def _failure(self, error: Exception) -> Failure:
        sdk, who = self._module, self._identity.provider
        if isinstance(error, sdk.APITimeoutError):
            return Failure(FailureKind.TIMEOUT, f"{who} did not answer in time")
        if isinstance(error, sdk.APIStatusError):
            text = error.response.text if error.response.is_closed else str(error)
            self._hear(error.response.headers)
            return http_failure(error.status_code, text, error.response.headers, self._key, who)
        if isinstance(error, sdk.APIConnectionError):
            cause = type(error.__cause__).__name__ if error.__cause__ else "no connection"
            message = f"{who} at {self._base_url} cannot be reached ({cause}); is it running?"
            return Failure(FailureKind.NETWORK, message)
        text = str(error) if self._key is None else self._key.hide(str(error))
        return Failure(FailureKind.MALFORMED, f"{who} answered something unusable: {text[:200]}")


def malformed(said: object) -> Failure:
    """Return the failure of an answer that is none."""
    return Failure(FailureKind.MALFORMED, f"the server's answer is not valid ({said})"[:300])
