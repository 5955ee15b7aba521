"""Group commit: what many tasks want stored at the same moment is stored in one transaction.

A commit waits for the disk, and waits as long for one row as for fifty. Whoever calls ``put`` goes
on only when its item is durable; meanwhile others gather for the next commit, which a thread
writes, so that the event loop never waits for the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Together"]

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 200
"""Items in one transaction."""


class Together(Generic[Item, Result]):
    """``write`` stores items in one transaction and returns a result for each, in order.

    For one event loop at a time. An exception of ``write`` reaches everybody whose item was in it.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        self._write = write
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def put(self, item: Item) -> Result:
        """Return when ``item`` is stored. A cancelled caller's item is stored all the same."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            # Shielded: once begun, a write is finished, whoever has stopped waiting for it.
            work = asyncio.ensure_future(asyncio.to_thread(self._store, batch))
            try:
                outcome = await asyncio.shield(work)
            except asyncio.CancelledError:
                # The loop is ending: what was paid for is stored before it does.
                rest, self._waiting = self._waiting, []
                self._store(rest)
                raise
            for (_, future), found in zip(batch, outcome, strict=True):
                if future.done():
                    continue
                if isinstance(found, BaseException):
                    future.set_exception(found)
                else:
                    future.set_result(found)

    def _store(
        self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]
    ) -> Sequence[Result | BaseException]:
        if not batch:
            return ()
        try:
            return self._write([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001  carried to the callers, whose trouble it is
            return [error] * len(batch)
