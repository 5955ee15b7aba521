"""``transformers serve`` as a second real server: our teacher whole and streamed through it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from teachers import Answer, Finish, Prompt, Sampling, open_teacher

MODEL = Path(__file__).resolve().parents[2] / "data" / "models" / "tiny"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("transformers", "fastapi", "uvicorn", "torch")),
        reason="transformers serve needs the extras train and serve",
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(MODEL),
               "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]  # fmt: skip
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
        try:
            _wait(process, port, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(20)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import httpx

    for _ in range(600):
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(log.read_text(errors="replace")[-2000:])


def test_a_second_implementation_answers_whole_and_streamed(server: str) -> None:
    async def go() -> tuple[Answer, list[str], Answer]:
        teacher = open_teacher(
            f"compatible:transformers:{MODEL}", {"TRANSFORMERS_BASE_URL": server}
        )
        try:
            prompt, how = Prompt.of("The larger of a and b."), Sampling(max_tokens=12)
            whole = await teacher.answer(prompt, how)
            pieces: list[str] = []
            last: Answer | None = None
            async for piece in teacher.stream(prompt, how):  # type: ignore[attr-defined]
                if isinstance(piece, str):
                    pieces.append(piece)
                else:
                    last = piece
            assert last is not None
            return whole, pieces, last
        finally:
            await teacher.close()

    whole, pieces, streamed = asyncio.run(go())
    assert whole.failure is None, whole.failure
    assert streamed.failure is None, streamed.failure
    assert whole.finish in (Finish.STOP, Finish.LENGTH)
    assert whole.text.strip() == streamed.text.strip() == "".join(pieces).strip()
    assert len(pieces) > 1
    assert whole.usage.output_tokens is not None
    assert 0 < whole.usage.output_tokens <= 12
    assert streamed.first_token_seconds is not None
    assert streamed.first_token_seconds <= streamed.seconds
