"""``workbench serve`` from the outside: it starts, is not open to the world, and can be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from workbench.settings import load_settings
from workbench.store.database import open_store
from workbench.store.tables import ServedRow

MAIN = [sys.executable, "-c", "from workbench.cli import main; main()", "serve"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--host", "0.0.0.0"], "WORKBENCH_SERVE_TOKEN"),
        (["--base", "no/such/folder"], "no model folder"),
        (["--adapter", "nope"], "There is no adapter 'nope'"),
        (["--also", "second"], "NAME=ADAPTER"),
        (["--fallback", "openay:gpt"], "openay"),
        (["--key", "nobody"], "nobody"),
        (["--tau", "0.5"], "passes requests on to teachers"),
        (["--tau", "0.5", "--fallback", "synthesis"], "workbench route calibrate"),
        (["--follow", "--adapter", "none"], "--follow serves the student in use"),
    ],
)
def test_what_cannot_be_served_is_a_sentence(tmp_path: Path, args: list[str], says: str) -> None:
    env = {**os.environ, "WORKBENCH_HOME": str(tmp_path), "WORKBENCH_CONFIG": str(tmp_path / "c")}
    done = subprocess.run(
        [*MAIN, "--check", "--port", str(free_port()), *args],
        env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


async def chat(
    ports: list[int], questions: list[str], *, kill: subprocess.Popen[bytes] | None = None
) -> tuple[set[str], set[str]]:
    """Ask both servers at once, and kill one in the middle; return what was heard and lost."""
    heard: set[str] = set()
    lost: set[str] = set()

    async def one(client: httpx.AsyncClient, number: int, question: str) -> None:
        body = {"messages": [{"role": "user", "content": question}], "max_tokens": 60,
                "temperature": 1.5, "seed": number}  # fmt: skip
        url = f"http://127.0.0.1:{ports[number % 2]}/v1/chat/completions"
        try:
            answer = await client.post(url, json=body)
        except httpx.HTTPError:
            lost.add(question)
            return
        assert answer.status_code == 200, answer.text
        heard.add(question)
        if kill is not None and len(heard) == 4:
            kill.send_signal(signal.SIGKILL)

    async with httpx.AsyncClient(timeout=120) as client:
        await asyncio.gather(*(one(client, n, q) for n, q in enumerate(questions)))
    return heard, lost


def kept(home: Path) -> Counter[str]:
    """Return how often each question was kept."""
    with open_store(load_settings(home, env={})) as store, store.read() as session:
        return Counter(session.exec(select(ServedRow.prompt)).all())


@pytest.mark.slow
def test_two_servers_share_a_home_and_one_may_be_killed_and_started_again(tmp_path: Path) -> None:
    env = {**os.environ, "WORKBENCH_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}

    def start(port: int) -> subprocess.Popen[bytes]:
        server = subprocess.Popen(
            [*MAIN, "--port", str(port), "--keep"], env=env, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 120
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200:
                    return server
            except httpx.HTTPError:
                assert server.poll() is None, "the server ended while it started"
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def ask(port: int) -> str:
        body = {"prompt": "def f(", "max_tokens": 4, "temperature": 0}
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/completions", json=body, timeout=60)
        return str(answer.json()["choices"][0]["text"])

    ports = [free_port(), free_port()]
    servers = [start(port) for port in ports]
    try:
        said = ask(ports[0])
        assert ask(ports[1]) == said
        questions = [f"Write a function that adds {number} to x." for number in range(40)]
        heard, lost = asyncio.run(chat(ports, questions, kill=servers[0]))
        assert heard
        assert lost, "the killed server had requests under way"
        assert servers[0].wait(30) == -signal.SIGKILL
        found = kept(tmp_path)
        assert all(found[question] == 1 for question in heard), "what was answered is kept once"
        assert ask(ports[1]) == said
        servers[0] = start(ports[0])
        assert ask(ports[0]) == said
        again, none = asyncio.run(chat(ports, sorted(lost)))
        assert (again, none) == (lost, set())
        assert set(kept(tmp_path)) == set(questions)
        servers[1].send_signal(signal.SIGINT)
        assert servers[1].wait(30) in (0, 130, -signal.SIGINT)
    finally:
        for server in servers:
            server.kill()
            server.wait()
