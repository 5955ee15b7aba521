"""Connections: few, small pools, warm ones first; a proxy of the environment is left to the SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from teachers import Answer, Finish, Prompt, Sampling
from teachers.limits import Gate, Limits
from teachers.transport import WIDTH, Pools, http_client
from tests.teachers.fault_server import FaultServer
from tests.teachers.test_faults import teacher_for


def pools_of(teacher: Any) -> Pools:
    transport = teacher._sdk._client._transport
    assert isinstance(transport, Pools)
    return transport


@pytest.mark.parametrize("protocol", ["chat", "messages"])
def test_as_many_small_pools_are_opened_as_requests_run_at_once(protocol: str) -> None:
    async def run() -> tuple[list[Answer], int, list[int], int]:
        async with FaultServer() as server:
            teacher: Any = teacher_for(protocol, server.url)
            asked = [
                teacher.answer(Prompt.of(f"q{n}"), Sampling(max_tokens=8))
                for n in range(2 * WIDTH + 1)
            ]
            answers = await asyncio.gather(*asked)
            pools = pools_of(teacher)
            widest = len(pools._pools)
            # One at a time again: the connections that are warm are enough.
            before = len(server._open)
            for n in range(5):
                await teacher.answer(Prompt.of(f"again {n}"), Sampling(max_tokens=8))
            opened = len(server._open) - before
            await teacher.close()
            return answers, widest, pools._busy, opened

    answers, widest, busy, opened = asyncio.run(run())
    assert all(answer.finish is Finish.STOP for answer in answers)
    assert widest == 3
    assert set(busy) == {0}, "every place is given back"
    assert opened == 0


def test_a_place_is_given_back_after_every_kind_of_failure() -> None:
    async def run() -> list[int]:
        async with FaultServer("drop", "500", "broken json", "cut") as server:
            teacher: Any = teacher_for("chat", server.url)
            for n in range(4):
                failed = await teacher.answer(Prompt.of(f"q{n}"), Sampling(max_tokens=8))
                assert failed.finish is Finish.FAILED
            pools = pools_of(teacher)
            hung = asyncio.ensure_future(teacher.answer(Prompt.of("hang"), Sampling()))
            server.plan.append("hang")
            await asyncio.sleep(0.2)
            hung.cancel()
            await asyncio.gather(hung, return_exceptions=True)
            await teacher.close()
            return pools._busy

    assert set(asyncio.run(run())) == {0}


def test_a_proxy_of_the_environment_is_used_for_others_and_never_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")

    async def transports() -> tuple[object, object]:
        far: Any = http_client(openai.DefaultAsyncHttpxClient, "https://far.invalid", local=False)
        near: Any = http_client(openai.DefaultAsyncHttpxClient, "http://127.0.0.1:1", local=True)
        found = far._transport, near._transport
        mounts = len(far._mounts), len(near._mounts)
        await far.aclose()
        await near.aclose()
        assert mounts[0] > 0
        assert mounts[1] == 0
        return found

    far, near = asyncio.run(transports())
    assert not isinstance(far, Pools)
    assert isinstance(near, Pools)


def test_the_gate_finds_its_width_in_a_few_rounds_and_creeps_after_the_first_429() -> None:
    gate = Gate(Limits(start_concurrency=20, max_concurrency=200))
    for _ in range(100):
        gate.answered()
    assert gate.width == 120
    gate.slow_down(None)
    assert gate.width == 60
    for _ in range(100):
        gate.answered()
    assert gate.width == 61
