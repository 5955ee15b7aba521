"""Group commit: all is stored, in order, before anybody goes on; troubles reach the asker."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from teachers.together import Together


def test_what_gathers_while_the_disk_is_busy_is_written_together() -> None:
    batches: list[list[int]] = []

    def write(items: Sequence[int]) -> list[int]:
        time.sleep(0.02)
        batches.append(list(items))
        return [item * 10 for item in items]

    async def go() -> list[int]:
        together: Together[int, int] = Together(write)
        return await asyncio.gather(*(together.put(n) for n in range(50)))

    assert asyncio.run(go()) == [n * 10 for n in range(50)]
    assert [n for batch in batches for n in batch] == list(range(50))
    assert len(batches) <= 3


def test_a_failed_write_reaches_everybody_in_it_and_nobody_else() -> None:
    def write(items: Sequence[int]) -> list[int]:
        if 3 in items:
            raise OSError("disk full")
        return list(items)

    async def go() -> None:
        together: Together[int, int] = Together(write)
        with pytest.raises(OSError, match="disk full"):
            await together.put(3)
        assert await together.put(4) == 4

    asyncio.run(go())


def test_a_loop_that_ends_early_still_stores_what_was_handed_over() -> None:
    stored: list[int] = []
    begun = threading.Event()

    def write(items: Sequence[int]) -> list[int]:
        begun.set()
        time.sleep(0.05)
        stored.extend(items)
        return list(items)

    async def go() -> None:
        together: Together[int, int] = Together(write)
        tasks = [asyncio.create_task(together.put(n)) for n in range(3)]
        await asyncio.to_thread(begun.wait)
        tasks.append(asyncio.create_task(together.put(3)))
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(go())
    assert sorted(stored) == [0, 1, 2, 3]
