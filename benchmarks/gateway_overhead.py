"""What the gateway costs on top of the bare SDK, against the same loopback server in the same run.

    python benchmarks/gateway_overhead.py [--requests 2000] [--concurrency 200] [--peer PYTHON]

The server answers at once, in a process of its own. The bare OpenAI SDK, our teacher without a
gateway, the gateway with a SQLite cache and ledger, and the gateway on the workbench's own store
ask it the same questions. With ``--peer``, an interpreter that has LiteLLM, its router and its own
bare SDK ask the same server in the same run (``_gateway_litellm.py``):

    python -m venv /tmp/litellm && /tmp/litellm/bin/pip install litellm
    python benchmarks/gateway_overhead.py --peer /tmp/litellm/bin/python

Figures are medians over rounds that alternate the contenders. Where the server answers at once, all
of them keep a core busy, and a latency is the queue of 200 before it; so ``--paced SECONDS`` (1 by
default, 0 leaves it out) asks once more a server that takes so long for every answer, as providers
do, and what a latency has above that time is what a person waits for our sake.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path

REPLY = (
    b'{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"def f(x):\\n    return x"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16}}'
)
KEY = "benchmark-key"
Ask = Callable[[int], Awaitable[object]]


async def _serve(pipe: Connection, seconds: float) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
    reply = head + str(len(REPLY)).encode() + b"\r\n\r\n" + REPLY

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                at = head.lower().index(b"content-length:") + 15
                await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
                if seconds:
                    await asyncio.sleep(seconds)
                writer.write(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, backlog=1024)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def stored(folder: Path) -> int:
    """Return the bytes of the databases in ``folder``, their journals written back."""
    for path in folder.glob("*.db"):
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
    return sum(path.stat().st_size for path in folder.glob("*.db"))


def serve(pipe: Connection, seconds: float = 0.0) -> None:
    """Run the server, which takes ``seconds`` for an answer; the port goes through ``pipe``."""
    asyncio.run(_serve(pipe, seconds))


async def drive(
    ask: Ask, count: int, width: int, offset: int, spread: float = 0.0
) -> tuple[float, float, list[float]]:
    """Ask ``count`` questions ``width`` at a time; return wall and CPU seconds, and latencies.

    The first ones begin over ``spread`` seconds, so that a slow server is not asked in waves.
    """
    latencies: list[float] = []
    numbers = iter(range(offset, offset + count))

    async def worker(place: int) -> None:
        await asyncio.sleep(spread * place / width)
        for number in numbers:
            started = time.perf_counter()
            await ask(number)
            latencies.append(time.perf_counter() - started)

    started, before = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker(place) for place in range(width)))
    return time.perf_counter() - started, time.process_time() - before, latencies


async def measure(port: int, requests: int, width: int, rounds: int, paced: float) -> None:
    """Measure and print; ``paced`` is how long the server takes for an answer."""
    import openai

    from teachers import (
        Gateway,
        Limits,
        Prompt,
        Sampling,
        SqliteCache,
        SqliteLedger,
        open_teacher,
    )
    from workbench.settings import RequestLimits, load_settings
    from workbench.stages.door import Door
    from workbench.store.database import open_store

    url = f"http://127.0.0.1:{port}/v1"
    bare = openai.AsyncOpenAI(
        api_key=KEY,
        base_url=url,
        max_retries=0,
        timeout=600.0,  # connecting 200 times at once takes a busy machine longer than 5 s
        http_client=openai.DefaultAsyncHttpxClient(trust_env=False, verify=False, timeout=600.0),
    )
    teacher = open_teacher(f"compatible:{url}:m", {"COMPATIBLE_API_KEY": KEY})
    sampling = Sampling(max_tokens=64)

    async def ask_bare(number: int) -> object:
        return await bare.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": f"question {number}"}],
            max_tokens=64,
            temperature=0.0,
        )

    async def ask_teacher(number: int) -> object:
        return await teacher.answer(Prompt.of(f"question {number}"), sampling)

    with tempfile.TemporaryDirectory() as folder:
        cache = SqliteCache(Path(folder) / "cache.db")
        ledger = SqliteLedger(Path(folder) / "ledger.db")
        wide = Limits(start_concurrency=width, max_concurrency=width)
        gateway = Gateway(cache, ledger, limits=wide)

        async def ask_gateway(number: int) -> object:
            return await gateway.ask(teacher, Prompt.of(f"question {number}"), sampling)

        settings = load_settings(Path(folder) / "home").model_copy(
            update={"limits": {"compatible": RequestLimits(concurrency=width)}}
        )
        store = open_store(settings)
        door = Door().gateway(store, settings, "benchmark")

        async def ask_store(number: int) -> object:
            return await door.ask(teacher, Prompt.of(f"question {number}"), sampling)

        contenders: dict[str, Ask] = {
            "bare SDK": ask_bare,
            "teacher": ask_teacher,
            "gateway, SQLite files": ask_gateway,
            "gateway, workbench store": ask_store,
        }
        for ask in contenders.values():
            await drive(ask, width, width, 10_000_000, paced)
        wall: dict[str, list[float]] = {name: [] for name in contenders}
        work: dict[str, list[float]] = {name: [] for name in contenders}
        waits: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(rounds):
            for name, ask in contenders.items():
                seconds, cpu, latencies = await drive(ask, requests, width, turn * requests, paced)
                wall[name].append(seconds / requests * 1e3)
                work[name].append(cpu / requests * 1e3)
                waits[name] += latencies
        print(f"{requests} requests, {width} at a time, {rounds} rounds, median of rounds;")
        if paced:
            _print_paced(waits, paced)
            store.close()
            cache.close()
            ledger.close()
            await bare.close()
            await teacher.close()
            return
        print("CPU is this process's own, the fair figure on a shared machine")
        base = statistics.median(work["bare SDK"])
        for name in contenders:
            own, passed = statistics.median(work[name]), statistics.median(wall[name])
            print(
                f"  {name:24s} {own:7.3f} ms CPU a request, {own - base:+.3f} over the bare SDK; "
                f"{passed:7.3f} ms wall; latency {statistics.median(waits[name]) * 1e3:.0f} ms"
            )
        for name in ("gateway, SQLite files", "gateway, workbench store"):
            again, cpu, _ = await drive(contenders[name], requests, width, 0)
            print(
                f"  cached, {name}: {cpu / requests * 1e3:.3f} ms CPU a request, "
                f"{requests / cpu:.0f} a CPU second, {requests / again:.0f} a wall second"
            )
        size = stored(Path(folder))
        print(f"  SQLite files: {size / len(cache):.0f} bytes an answer, cache and ledger together")
        store.close()
        cache.close()
        ledger.close()
    await bare.close()
    await teacher.close()


def _print_paced(waits: dict[str, list[float]], paced: float) -> None:
    print(f"the server takes {paced:g} s for every answer")
    for name, found in waits.items():
        middle = (statistics.median(found) - paced) * 1e3
        print(f"  {name:24s} median latency {middle:6.1f} ms above that")


def measure_peer(python: str, port: int, options: argparse.Namespace, paced: float) -> None:
    """Let LiteLLM's router ask the same server from its own environment, and print."""
    script = Path(__file__).with_name("_gateway_litellm.py")
    done = subprocess.run(
        [
            python, str(script), f"http://127.0.0.1:{port}/v1",
            "--requests", str(options.requests), "--concurrency", str(options.concurrency),
            "--rounds", str(options.rounds), "--spread", str(paced),
        ],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": "", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )  # fmt: skip
    if done.returncode:
        print(f"  LiteLLM under {python} failed: {done.stderr.strip().splitlines()[-1]}")
        return
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"LiteLLM {found['version']} in its own environment, same server, same questions")
    base = found["bare SDK"][0]
    for name in ("bare SDK", "router"):
        cpu, wall, latency = found[name]
        if paced:
            print(f"  {name:24s} median latency {latency - paced * 1e3:6.1f} ms above that")
            continue
        print(
            f"  {name:24s} {cpu:7.3f} ms CPU a request, {cpu - base:+.3f} over its bare SDK; "
            f"{wall:7.3f} ms wall; latency {latency:.0f} ms"
        )


def main() -> None:
    """Start the server, measure, stop the server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", help="an interpreter that has LiteLLM")
    parser.add_argument("--paced", type=float, default=1.0, help="seconds of the slow server")
    options = parser.parse_args()
    for paced in (0.0, options.paced) if options.paced else (0.0,):
        _against_server(options, paced)


def _against_server(options: argparse.Namespace, paced: float) -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs, paced), daemon=True
    )
    server.start()
    try:
        port = int(ours.recv())
        asyncio.run(measure(port, options.requests, options.concurrency, options.rounds, paced))
        if options.peer is None:
            print("  LiteLLM's router: not measured; name its interpreter with --peer")
        else:
            measure_peer(options.peer, port, options, paced)
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
