"""Every provider against every fault: no row is lost, none is sent or paid twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from teachers import (
    Answer,
    FailureKind,
    Finish,
    Gateway,
    MemoryCache,
    MemoryLedger,
    Price,
    PriceBook,
    Prompt,
    Retry,
    Sampling,
    StreamingTeacher,
    Teacher,
    Usage,
    open_teacher,
)
from tests.teachers.fault_server import TEXT, FaultServer

KEY = "sk-not-a-real-key-0123456789"
PROTOCOLS = ("chat", "responses", "messages", "ollama", "compatible")
PROMPT = Prompt.of("write f", system="be brief")
SAMPLING = Sampling(temperature=0.0, max_tokens=64, seed=3)
QUICK = Retry(attempts=3, first=0.01, cap=0.02, deadline=0.5)


def teacher_for(protocol: str, url: str) -> Teacher:
    """Return a teacher of ``protocol`` that asks the server at ``url``."""
    env = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": f"{url}/v1",
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": url,
        "OLLAMA_HOST": url,
    }
    names = {
        "chat": "openai:m",
        "responses": "openai:responses:m",
        "messages": "anthropic:m",
        "ollama": "ollama:m",
        "compatible": f"compatible:{url}/v1:m",
    }
    return open_teacher(names[protocol], env)


async def once(protocol: str, fault: str, deadline: float = 30.0) -> tuple[Answer, FaultServer]:
    """Ask once, without a gateway."""
    async with FaultServer(fault) as server:
        teacher = teacher_for(protocol, server.url)
        try:
            async with asyncio.timeout(deadline):
                return await teacher.answer(PROMPT, SAMPLING), server
        finally:
            await teacher.close()


async def collect(pieces: AsyncIterator[str | Answer]) -> tuple[str, Answer]:
    """Return the streamed text and the final answer."""
    parts: list[str] = []
    last: Answer | None = None
    async for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece)
        else:
            last = piece
    assert last is not None
    return "".join(parts), last


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_good_answer_keeps_text_usage_and_finish(protocol: str) -> None:
    answer, server = asyncio.run(once(protocol, "ok"))
    assert answer.finish is Finish.STOP
    assert answer.text == TEXT
    assert answer.usage.input_tokens == 11
    assert answer.usage.output_tokens == 7
    assert len(server.requests) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_temperature_zero_is_sent_as_zero(protocol: str) -> None:
    _, server = asyncio.run(once(protocol, "ok"))
    body = server.requests[0][1]
    assert (body.get("options", body))["temperature"] == 0.0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_truncated_answer_is_known_as_truncated(protocol: str) -> None:
    answer, _ = asyncio.run(once(protocol, "length"))
    assert answer.finish is Finish.LENGTH


@pytest.mark.parametrize("protocol", ["chat", "responses", "messages", "compatible"])
def test_a_refusal_is_known_as_a_refusal(protocol: str) -> None:
    answer, _ = asyncio.run(once(protocol, "refusal"))
    assert answer.finish is Finish.REFUSAL


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_impossible_usage_counts_as_unknown_not_as_negative(protocol: str) -> None:
    answer, _ = asyncio.run(once(protocol, "bad usage"))
    assert answer.finish is Finish.STOP
    assert None in (answer.usage.input_tokens, answer.usage.output_tokens)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("401", FailureKind.AUTH),
        ("402", FailureKind.QUOTA),
        ("400", FailureKind.BAD_REQUEST),
        ("429", FailureKind.RATE),
        ("500", FailureKind.SERVER),
        ("503", FailureKind.SERVER),
        ("drop", FailureKind.NETWORK),
        ("broken json", FailureKind.MALFORMED),
        ("empty", FailureKind.MALFORMED),
    ],
)
def test_each_fault_becomes_a_failure_of_its_kind(
    protocol: str, fault: str, kind: FailureKind
) -> None:
    answer, server = asyncio.run(once(protocol, fault))
    assert answer.finish is Finish.FAILED
    assert answer.failure is not None
    assert answer.failure.kind is kind, answer.failure
    assert KEY not in answer.failure.message
    assert len(server.requests) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_stream_gives_pieces_and_then_the_whole_answer(protocol: str) -> None:
    async def run() -> tuple[str, Answer]:
        async with FaultServer() as server:
            teacher = teacher_for(protocol, server.url)
            assert isinstance(teacher, StreamingTeacher)
            result = await collect(teacher.stream(PROMPT, SAMPLING))
            await teacher.close()
            return result

    text, answer = asyncio.run(run())
    assert text == answer.text == TEXT
    assert answer.finish is Finish.STOP
    assert answer.usage.output_tokens == 7
    assert answer.first_token_seconds is not None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_stream_that_is_cut_never_becomes_an_answer(protocol: str) -> None:
    async def run() -> Answer:
        async with FaultServer("cut") as server:
            teacher = teacher_for(protocol, server.url)
            assert isinstance(teacher, StreamingTeacher)
            _, answer = await collect(teacher.stream(PROMPT, SAMPLING))
            await teacher.close()
            return answer

    answer = asyncio.run(run())
    assert answer.finish is Finish.FAILED
    assert answer.failure is not None
    assert answer.failure.kind in (FailureKind.NETWORK, FailureKind.MALFORMED)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", ["429+0.05", "500", "503", "drop", "hang", "broken json"])
def test_the_gateway_retries_what_can_mend_and_pays_once(protocol: str, fault: str) -> None:
    async def run() -> tuple[Answer, Answer, int, MemoryLedger]:
        ledger = MemoryLedger()
        gateway = Gateway(MemoryCache(), ledger, retry=QUICK)
        async with FaultServer(fault) as server:
            teacher = teacher_for(protocol, server.url)
            first = await gateway.ask(teacher, PROMPT, SAMPLING)
            again = await gateway.ask(teacher, PROMPT, SAMPLING)
            await teacher.close()
            return first, again, len(server.requests), ledger

    first, again, sent, ledger = asyncio.run(run())
    assert first.finish is Finish.STOP
    assert first.attempts == 2
    assert again.cached
    assert again.text == first.text
    assert sent == 2, "one fault, one answer, nothing for the cached one"
    assert [entry.status for entry in ledger.entries].count("ok") == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", ["401", "402", "400"])
def test_the_gateway_does_not_repeat_what_cannot_mend(protocol: str, fault: str) -> None:
    async def run() -> tuple[Answer, int]:
        gateway = Gateway(MemoryCache(), MemoryLedger(), retry=QUICK)
        async with FaultServer(fault) as server:
            teacher = teacher_for(protocol, server.url)
            answer = await gateway.ask(teacher, PROMPT, SAMPLING)
            await teacher.close()
            return answer, len(server.requests)

    answer, sent = asyncio.run(run())
    assert answer.finish is Finish.FAILED
    assert sent == 1


def test_retry_after_is_obeyed_to_the_tenth_of_a_second() -> None:
    async def run() -> list[float]:
        gateway = Gateway(MemoryCache(), MemoryLedger(), retry=QUICK)
        async with FaultServer("429+0.4") as server:
            teacher = teacher_for("chat", server.url)
            await gateway.ask(teacher, PROMPT, SAMPLING)
            await teacher.close()
            return server.times

    times = asyncio.run(run())
    assert 0.4 <= times[1] - times[0] < 0.9


def test_a_provider_that_asks_for_hours_fails_at_once() -> None:
    async def run() -> Answer:
        gateway = Gateway(MemoryCache(), MemoryLedger(), retry=QUICK)
        async with FaultServer("429+7200") as server:
            teacher = teacher_for("chat", server.url)
            answer = await gateway.ask(teacher, PROMPT, SAMPLING)
            await teacher.close()
            return answer

    answer = asyncio.run(run())
    assert answer.failure is not None
    assert answer.failure.retry_after == 7200


def test_anthropic_usage_counts_cached_tokens_in() -> None:
    answer, _ = asyncio.run(once("messages", "ok"))
    assert answer.usage.input_tokens == 11
    assert answer.usage.cached_tokens == 4


@pytest.mark.parametrize("protocol", ["chat", "responses", "messages", "compatible"])
@pytest.mark.parametrize("fault", ["ok", "429"])
def test_limits_that_come_with_an_answer_or_a_refusal_are_heard(protocol: str, fault: str) -> None:
    async def run() -> str:
        async with FaultServer(fault) as server:
            server.told = [
                "x-ratelimit-limit-requests: 500", "x-ratelimit-limit-tokens: 200000",
                "anthropic-ratelimit-requests-limit: 500",
                "anthropic-ratelimit-tokens-limit: 200000",
            ]  # fmt: skip
            teacher: Any = teacher_for(protocol, server.url)
            await teacher.answer(PROMPT, SAMPLING)
            await teacher.close()
            return str(teacher.limits_told)

    assert asyncio.run(run()) == "limits 500 requests and 200,000 tokens a minute"


def test_what_anthropic_wrote_to_its_cache_is_in_the_bill_at_its_own_price() -> None:
    async def run() -> tuple[Answer, MemoryLedger]:
        ledger = MemoryLedger()
        own = {("anthropic", "m"): Price(Decimal(4), Decimal(8), Decimal(1), "", Decimal(5))}
        gateway = Gateway(MemoryCache(), ledger, prices=PriceBook(own))
        async with FaultServer("caching") as server:
            teacher = teacher_for("messages", server.url)
            answer = await gateway.ask(teacher, PROMPT, SAMPLING)
            await teacher.close()
            return answer, ledger

    answer, ledger = asyncio.run(run())
    # 7 plain, 4 read, 100 written, 7 out.
    assert answer.usage == Usage(111, 7, 4, None, 100)
    [entry] = ledger.entries
    assert entry.usage.written_tokens == 100
    assert entry.cost == Decimal(7 * 4 + 4 * 1 + 100 * 5 + 7 * 8) / 10**6


def test_ollama_timings_come_from_its_own_nanoseconds() -> None:
    answer, _ = asyncio.run(once("ollama", "ok"))
    assert answer.seconds == 2.0


def test_ollama_is_told_the_context_and_refuses_a_prompt_that_would_be_cut() -> None:
    async def run() -> tuple[Answer, FaultServer]:
        async with FaultServer() as server:
            teacher = teacher_for("ollama", server.url)
            await teacher.answer(PROMPT, SAMPLING)
            long = await teacher.answer(Prompt.of("word " * 5_000), SAMPLING)
            await teacher.close()
            return long, server

    long, server = asyncio.run(run())
    assert server.requests[0][1]["options"]["num_ctx"] == 1024
    assert len(server.requests) == 1, "the long prompt was never sent"
    assert long.failure is not None
    assert "holds 4096" in long.failure.message


def test_a_failed_answer_of_unknown_price_is_not_free_of_charge_by_assumption() -> None:
    answer, _ = asyncio.run(once("chat", "500"))
    assert answer.cost is None or answer.cost == Decimal(0)


def test_the_responses_interface_says_that_it_has_no_stop_sequences() -> None:
    async def run() -> tuple[Answer, FaultServer]:
        async with FaultServer() as server:
            teacher = teacher_for("responses", server.url)
            answer = await teacher.answer(PROMPT, Sampling(stop=("end",)))
            await teacher.close()
            return answer, server

    answer, server = asyncio.run(run())
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.BAD_REQUEST
    assert server.requests == []
