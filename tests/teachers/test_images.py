"""Pictures: checked by their first bytes, in each protocol's own form, refused before sending."""

from __future__ import annotations

import asyncio
import base64
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from teachers import (
    Answer,
    FailureKind,
    Finish,
    Gateway,
    Image,
    MemoryCache,
    MemoryLedger,
    Prompt,
    Sampling,
    TeacherError,
    open_teacher,
)
from teachers.codec import request_key
from teachers.images import MOST_BYTES, checked_image, read_image, text_only, tokens_of
from teachers.pricing import count_tokens
from tests.teachers.fault_server import TEXT, FaultServer
from tests.teachers.test_faults import KEY, teacher_for


def png(width: int = 2, height: int = 3) -> bytes:
    """Return a whole PNG of one colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x7f" * width) * min(height, 10))
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc0\x00\x11\x08\x00\x05\x00\x07\x03" + b"\0" * 12
GIF = b"GIF89a\x07\x00\x05\x00" + b"\0" * 10
WEBP = {
    "extended": b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\x06\0\0\x04\0\0",
    "lossless": b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 6 | 4 << 14),
    "lossy": b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x07\0\x05\0",
}
PICTURE = Image("image/png", png())
PROMPT = Prompt.of("What does this show?", images=(PICTURE,))
DATA = base64.b64encode(PICTURE.data).decode()


@pytest.mark.parametrize(
    ("data", "kind"),
    [(png(7, 5), "png"), (JPEG, "jpeg"), (GIF, "gif"), *((each, "webp") for each in WEBP.values())],
)
def test_the_kind_and_the_size_are_read_from_the_first_bytes(data: bytes, kind: str) -> None:
    image = checked_image(data, "x")
    assert image.media_type == f"image/{kind}"
    assert tokens_of(image) == 300
    assert tokens_of(checked_image(png(2000, 1000), "x")) == 4000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7 and more", "save it as PNG, JPEG, GIF or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no picture that models take"),
        (png()[:18], "is no picture"),
        (b"\xff\xd8\xff\xe0\x00\x04ab", "is no picture"),
        (b"\xff\xd8" + b"\xff" * 40, "is no picture"),
        (png(0, 5), "0 x 5 pixels"),
        (png(9000, 5), "9000 x 5 pixels"),
        (png() + b"\0" * MOST_BYTES, "larger than 5 MB"),
    ],
)
def test_what_no_model_takes_is_a_sentence(data: bytes, said: str) -> None:
    with pytest.raises(TeacherError, match=said) as caught:
        checked_image(data, "shot.png")
    assert "shot.png" in str(caught.value)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="cannot be read"):
        read_image(tmp_path / "none.png")
    with pytest.raises(TeacherError, match="cannot be read"):
        read_image(tmp_path)


def sent(protocol: str, prompt: Prompt) -> tuple[Answer, FaultServer]:
    """Ask one question with a real SDK and return what reached the server."""

    async def go() -> tuple[Answer, FaultServer]:
        async with FaultServer() as server:
            teacher = teacher_for(protocol, server.url)
            answer = await teacher.answer(prompt, Sampling(max_tokens=8))
            await teacher.close()
            return answer, server

    return asyncio.run(go())


URL = f"data:image/png;base64,{DATA}"
FORMS: dict[str, list[dict[str, Any]]] = {
    "chat": [
        {"type": "text", "text": "What does this show?"},
        {"type": "image_url", "image_url": {"url": URL}},
    ],
    "responses": [
        {"type": "input_text", "text": "What does this show?"},
        {"type": "input_image", "image_url": URL},
    ],
    "messages": [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": DATA},
        },
        {"type": "text", "text": "What does this show?"},
    ],
}
FORMS["compatible"] = FORMS["chat"]


@pytest.mark.parametrize("protocol", list(FORMS))
def test_each_protocol_gets_the_picture_in_its_own_form(protocol: str) -> None:
    answer, server = sent(protocol, PROMPT)
    assert answer.text == TEXT
    body = server.requests[0][1]
    turns = body.get("messages") or body["input"]
    assert turns[-1]["content"] == FORMS[protocol]


def test_ollama_gets_the_picture_when_its_model_sees() -> None:
    async def go(capabilities: list[str] | None) -> tuple[Answer, FaultServer]:
        async with FaultServer() as server:
            server.capabilities = capabilities
            teacher = teacher_for("ollama", server.url)
            answer = await teacher.answer(PROMPT, Sampling(max_tokens=8))
            await teacher.close()
            return answer, server

    for told in (["completion", "vision"], None):
        answer, server = asyncio.run(go(told))
        assert answer.finish is Finish.STOP
        assert server.requests[0][1]["messages"][-1]["images"] == [DATA]
    blind, server = asyncio.run(go(["completion"]))
    assert server.requests == [], "nothing was sent"
    assert blind.failure is not None
    assert "ollama:m reads text only" in blind.failure.message


def test_a_model_that_reads_text_only_is_not_sent_a_picture() -> None:
    async def go() -> tuple[Answer, int]:
        async with FaultServer() as server:
            env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{server.url}/v1"}
            teacher = open_teacher("openai:gpt-3.5-turbo", env)
            gateway = Gateway(MemoryCache(), MemoryLedger())
            answer = await gateway.ask(teacher, PROMPT, Sampling(max_tokens=8))
            await teacher.close()
            return answer, len(server.requests)

    answer, requests = asyncio.run(go())
    assert requests == 0
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.BAD_REQUEST
    assert "reads text only" in answer.failure.message


@pytest.mark.parametrize(
    ("provider", "model", "blind"),
    [
        ("openai", "gpt-4", True), ("openai", "gpt-4o-mini", False), ("openai", "gpt-5", False),
        ("openai", "gpt-4-turbo", False), ("openai", "o3-mini", True), ("openai", "o3", False),
        ("anthropic", "claude-2.1", True), ("anthropic", "claude-haiku-4-5", False),
        ("deepseek", "deepseek-chat", True), ("mistral", "pixtral-12b", False),
        ("synthesis", "sygus", True), ("nobody", "knows", False),
    ],
)  # fmt: skip
def test_only_models_known_to_be_blind_are_refused(provider: str, model: str, blind: bool) -> None:
    assert text_only(provider, model) is blind


def test_another_picture_is_another_question_and_costs_tokens() -> None:
    teacher = teacher_for("chat", "http://127.0.0.1:1")
    other = Prompt.of("What does this show?", images=(Image("image/png", png(4, 4)),))
    plain = Prompt.of("What does this show?")
    keys = {request_key(teacher.identity, each, Sampling()) for each in (PROMPT, other, plain)}
    assert len(keys) == 3
    assert count_tokens(PROMPT) == count_tokens(plain) + 300
