"""LiteLLM's router against a loopback server, beside the bare SDK of its own environment.

Run by ``gateway_overhead.py --peer PYTHON`` under an interpreter that has LiteLLM and nothing of
ours, because its pins do not go together with ours. Prints one JSON line: CPU milliseconds a
request and median latency, for the bare SDK and for the router.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import Awaitable, Callable


async def drive(
    ask: Callable[[int], Awaitable[object]], count: int, width: int, offset: int, spread: float
) -> tuple[float, float, float]:
    """Return CPU and wall milliseconds a request, and the median latency in milliseconds."""
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
    cpu, wall = time.process_time() - before, time.perf_counter() - started
    return cpu / count * 1e3, wall / count * 1e3, statistics.median(latencies) * 1e3


async def measure(
    url: str, count: int, width: int, rounds: int, spread: float
) -> dict[str, list[float]]:
    """Alternate the bare SDK and the router; return each one's medians over the rounds."""
    import litellm
    import openai

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.disable_aiohttp_transport = False
    bare = openai.AsyncOpenAI(
        api_key="benchmark-key",
        base_url=url,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(trust_env=False, verify=False, timeout=600.0),
    )
    router = litellm.Router(
        model_list=[
            {
                "model_name": "m",
                "litellm_params": {
                    "model": "openai/m", "api_key": "benchmark-key", "api_base": url,
                },
            }
        ],
        num_retries=0,
    )  # fmt: skip

    def question(number: int) -> list[dict[str, str]]:
        return [{"role": "user", "content": f"question {number}"}]

    async def ask_bare(number: int) -> object:
        return await bare.chat.completions.create(
            model="m", messages=question(number), max_tokens=64, temperature=0.0
        )

    async def ask_router(number: int) -> object:
        return await router.acompletion(
            model="m", messages=question(number), max_tokens=64, temperature=0.0
        )

    contenders = {"bare SDK": ask_bare, "router": ask_router}
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in contenders}
    for ask in contenders.values():
        await drive(ask, width, width, 10_000_000, spread)
    for turn in range(rounds):
        for name, ask in contenders.items():
            found[name].append(await drive(ask, count, width, turn * count, spread))
    return {
        name: [statistics.median(each[place] for each in times) for place in range(3)]
        for name, times in found.items()
    }


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spread", type=float, default=0.0)
    options = parser.parse_args()
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from importlib.metadata import version

    found: dict[str, object] = dict(
        asyncio.run(
            measure(
                options.url, options.requests, options.concurrency, options.rounds, options.spread
            )
        )
    )
    found["version"] = version("litellm")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
