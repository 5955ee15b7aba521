"""The official SDKs against a real third-party server: llama.cpp's own, with a tiny random model.

Skipped with the reason where the ``xllamacpp`` or ``gguf`` wheel is not installed.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from teachers import (
    Answer,
    FailureKind,
    Finish,
    Gateway,
    MemoryCache,
    MemoryLedger,
    Prompt,
    Sampling,
    StreamingTeacher,
    Teacher,
    available,
    open_teacher,
)

pytest.importorskip("xllamacpp", reason="the xllamacpp wheel (llama.cpp's server) is not installed")
pytest.importorskip("gguf", reason="the gguf package is not installed")

KEY = "loopback-key-123456"
PROMPT = Prompt.of("Write f.", system="Be brief.")
SAMPLING = Sampling(temperature=0.0, max_tokens=8, seed=1)
WHOLE = (Finish.STOP, Finish.LENGTH)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from tests.teachers.tiny_gguf import write

    path: Path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write(path)
    command = [sys.executable, "-m", "tests.teachers.llamacpp_server", str(path), KEY]
    server = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert server.stdout is not None
    address = next((line.strip() for line in server.stdout if line.startswith("http")), "")
    assert address, "the server did not start"
    yield address
    server.kill()
    server.wait()
    for pipe in (server.stdin, server.stdout):
        if pipe is not None:
            pipe.close()


def named(url: str, protocol: str, key: str = KEY) -> Teacher:
    """Return a teacher of one of the three protocols at ``url``."""
    env = {
        "OPENAI_API_KEY": key,
        "OPENAI_BASE_URL": f"{url}/v1",
        "ANTHROPIC_API_KEY": key,
        "ANTHROPIC_BASE_URL": url,
    }
    names = {"chat": "openai:tiny", "responses": "openai:responses:tiny",
             "messages": "anthropic:tiny"}  # fmt: skip
    return open_teacher(names[protocol], env)


def ask(teacher: Teacher, prompt: Prompt, sampling: Sampling) -> Answer:
    """Ask once and close."""

    async def run() -> Answer:
        try:
            return await teacher.answer(prompt, sampling)
        finally:
            await teacher.close()

    return asyncio.run(run())


PROTOCOLS = ("chat", "responses", "messages")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_real_server_answers_with_its_own_token_counts(url: str, protocol: str) -> None:
    answer = ask(named(url, protocol), PROMPT, SAMPLING)
    assert answer.finish in WHOLE, answer.failure
    assert answer.usage.input_tokens is not None
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens is not None
    assert 0 < answer.usage.output_tokens <= 8
    assert answer.cost is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_real_server_streams_the_same_answer(url: str, protocol: str) -> None:
    whole = ask(named(url, protocol), PROMPT, SAMPLING)

    async def run() -> tuple[str, Answer]:
        teacher = named(url, protocol)
        assert isinstance(teacher, StreamingTeacher)
        pieces = [piece async for piece in teacher.stream(PROMPT, SAMPLING)]
        await teacher.close()
        last = pieces.pop()
        assert isinstance(last, Answer)
        return "".join(str(piece) for piece in pieces), last

    text, answer = asyncio.run(run())
    assert answer.finish is whole.finish
    assert text == answer.text == whole.text


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_real_server_refuses_a_wrong_key(url: str, protocol: str) -> None:
    answer = ask(named(url, protocol, "another-key-654321"), PROMPT, SAMPLING)
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.AUTH
    assert "654321" not in answer.failure.message


@pytest.mark.parametrize("protocol", ["chat", "messages"])
def test_a_prompt_over_the_context_is_a_failure_and_not_a_cut(url: str, protocol: str) -> None:
    answer = ask(named(url, protocol), Prompt.of("word " * 2_000), SAMPLING)
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.BAD_REQUEST


def test_many_questions_at_once_are_each_answered_once(url: str) -> None:
    ledger = MemoryLedger()
    gateway = Gateway(MemoryCache(), ledger)

    async def run() -> list[Answer]:
        teacher = named(url, "chat")
        prompts = [Prompt.of(f"question {number}") for number in range(32)]
        first = await asyncio.gather(*(gateway.ask(teacher, each, SAMPLING) for each in prompts))
        again = await asyncio.gather(*(gateway.ask(teacher, each, SAMPLING) for each in prompts))
        await teacher.close()
        return [*first, *again]

    answers = asyncio.run(run())
    assert all(answer.finish in WHOLE for answer in answers)
    stopped = sum(answer.finish is Finish.STOP for answer in answers[:32])
    assert len(ledger.entries) == 64 - stopped, "whole answers are kept, cut ones are asked again"


@pytest.mark.parametrize(("key", "state"), [(KEY, "ready"), ("wrong-key", "no key")])
def test_a_running_server_is_reported_with_its_models(url: str, key: str, state: str) -> None:
    env = {"LLAMACPP_BASE_URL": f"{url}/v1", "LLAMACPP_API_KEY": key, "OLLAMA_HOST": "127.0.0.1:9"}
    (line,) = [each for each in available(env) if each.provider == "llamacpp"]
    assert line.state == state
    assert bool(line.models) is (state == "ready")
    assert bool(line.mend) is (state != "ready")
