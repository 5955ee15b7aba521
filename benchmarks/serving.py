"""Tokens a second and latency of the server at 1, 8 and 32 streams, beside its peers.

    python benchmarks/serving.py [--requests N] [--tokens N] [--peers transformers,llamacpp]

Every server runs the same shipped model on this machine, one after the other, in a process of its
own, and is asked over OpenAI's protocol by the same client; answers are sampled, and their tokens
are those that each server says it drew. Peers: ``transformers serve`` and llama.cpp's own server
(xllamacpp, over a GGUF file of the same weights). The limit is our engine without HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "data" / "models" / "tiny"
PROMPT = "Write def add(a: int, b: int) -> int. It returns a plus b."
STREAMS = (1, 8, 32)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: list[str], url: str, env: dict[str, str] | None = None) -> Iterator[str]:
    """Run a server until the block ends; wait until it answers."""
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **(env or {})}, cwd=ROOT
        )
        try:
            deadline = time.monotonic() + 180
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                        break
                if server.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise SystemExit(f"{command[:4]} did not start:\n{log.read()[-2000:].decode()}")
                time.sleep(0.2)
            yield url
        finally:
            server.terminate()
            server.wait(timeout=30)


@contextmanager
def ours() -> Iterator[tuple[str, str]]:
    """``workbench serve``."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-c", "from workbench.cli import main; main()", "serve",
                   "--base", str(MODEL), "--port", str(port)]  # fmt: skip
        with process(command, f"http://127.0.0.1:{port}", {"WORKBENCH_HOME": home}) as url:
            yield url, "student"


@contextmanager
def transformers_serve() -> Iterator[tuple[str, str]]:
    """``transformers serve``, as its package installs it."""
    port = free_port()
    program = str(Path(sys.executable).with_name("transformers"))
    command = [program, "serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with (
        tempfile.TemporaryDirectory() as cache,
        process(command, f"http://127.0.0.1:{port}", {"HF_HUB_CACHE": cache}) as url,
    ):
        yield url, str(MODEL)


_LLAMA = """
import sys, time, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.hostnames, p.port = sys.argv[1], ["127.0.0.1"], int(sys.argv[2])
p.n_ctx, p.n_parallel, p.n_gpu_layers, p.warmup = 32 * 512, 32, 0, False
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = int(sys.argv[3])
server = xllamacpp.Server(p)
time.sleep(1e6)
"""


@contextmanager
def llamacpp() -> Iterator[tuple[str, str]]:
    """llama.cpp's server over a GGUF file of the same weights, in single precision."""
    from distill.gguf_file import write_model

    port, threads = free_port(), os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tiny.gguf"
        write_model(MODEL, file, kind="f32")
        command = [sys.executable, "-c", _LLAMA, str(file), str(port), threads]
        with process(command, f"http://127.0.0.1:{port}") as url:
            yield url, "tiny"


PEERS: dict[str, Callable[[], contextlib.AbstractContextManager[tuple[str, str]]]] = {
    "workbench serve": ours,
    "transformers serve": transformers_serve,
    "llama.cpp server": llamacpp,
}


async def load(url: str, model: str, streams: int, requests: int, tokens: int) -> str:
    """Keep ``streams`` requests going until ``requests`` are done; return the line."""
    counts: list[int] = []
    first: list[float] = []
    whole: list[float] = []
    numbers = iter(range(requests))

    async def one(client: httpx.AsyncClient, number: int) -> None:
        body = {
            "model": model, "messages": [{"role": "user", "content": PROMPT}], "seed": number,
            "temperature": 1.0, "max_tokens": tokens, "stream": True,
            "stream_options": {"include_usage": True},
        }  # fmt: skip
        began, said, heard = time.monotonic(), 0, None
        async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                event = json.loads(line[6:])
                choices = event.get("choices") or [{}]
                if (choices[0].get("delta") or {}).get("content"):
                    heard = heard or time.monotonic()
                said = (event.get("usage") or {}).get("completion_tokens") or said
        counts.append(said)
        first.append((heard or time.monotonic()) - began)
        whole.append(time.monotonic() - began)

    async def worker(client: httpx.AsyncClient) -> None:
        for number in numbers:
            await one(client, number)

    async with httpx.AsyncClient(base_url=url, timeout=300) as client:
        for _ in range(5):
            # A server may answer for its health before it answers for its model.
            with contextlib.suppress(httpx.HTTPError):
                await one(client, 10_000)
                break
            await asyncio.sleep(1)
        counts.clear(), first.clear(), whole.clear()
        began = time.monotonic()
        await asyncio.gather(*(worker(client) for _ in range(streams)))
        spent = time.monotonic() - began
    return (
        f"{streams:3} streams {sum(counts) / spent:8.0f} tokens/s   "
        f"first {statistics.median(first) * 1000:7.1f} ms   "
        f"whole {statistics.median(whole) * 1000:7.1f} ms   {len(counts) / spent:6.1f} answers/s"
    )


def engine_alone(streams: int, requests: int, tokens: int) -> str:
    """The limit: the same engine in this process, no HTTP."""
    from distill.continuous import Ask, Engine, Piece
    from distill.student import Student

    student, over = Student.load(MODEL), threading.Semaphore(0)
    drawn = [0]

    def listen(piece: Piece) -> None:
        drawn[0] += piece.output_tokens
        if piece.finish is not None:
            over.release()

    with Engine(student, batch=streams, queue=requests) as engine:
        began = time.monotonic()
        for number in range(requests):
            engine.submit((("user", PROMPT),), Ask(tokens, 1.0, seed=number), listen)
        for _ in range(requests):
            over.acquire()
        spent = time.monotonic() - began
    rate = drawn[0] / spent
    return f"{streams:3} at once  {rate:8.0f} tokens/s   {requests / spent:6.1f} answers/s"


def main() -> None:
    """Print one block a server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--peers", default=",".join(PEERS))
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name in options.peers.split(","):
        print(name)
        with PEERS[name]() as (url, model):
            for streams in STREAMS:
                try:
                    line = asyncio.run(load(url, model, streams, options.requests, options.tokens))
                except httpx.HTTPError as error:
                    line = f"{streams:3} streams: it broke ({type(error).__name__}: {error})"
                print(f"  {line}", flush=True)
    print("our engine without HTTP")
    for streams in STREAMS:
        print(f"  {engine_alone(streams, options.requests, options.tokens)}", flush=True)


if __name__ == "__main__":
    main()
