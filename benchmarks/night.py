"""A night's run in small: many tasks x six sources x four samples, two of which fail, killed twice.

    python -m benchmarks.night [--tasks 500] [--samples 4] [--kills 2] [--outage 10]

Six servers on this machine speak the protocols of OpenAI, Anthropic, Ollama, DeepSeek, Gemini and a
vLLM box; two of them have a bad hour: errors, Retry-After, dropped connections, answers cut short,
broken JSON, and for ``--outage`` seconds nothing but 503. The command line asks them as a person
would; the process is killed with SIGKILL while it asks, and the same command is given again until
it ends. Then the store is held against what the servers counted: every answer there exactly once, a
line of the bill for each, the bill to the last digit what the servers' own usage comes to, and no
more than the estimate. What was in flight at a kill was answered and not heard; it is shown apart.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.teachers.fault_server import FaultServer

FAULTS = ("429+0.2", "500", "503", "drop", "broken json", "cut", "empty", "429")
SOURCES = ("openai", "anthropic", "ollama", "deepseek", "gemini", "vllm")
FAILING = ("anthropic", "deepseek")
PRICES = {"openai": "2/8", "anthropic": "3/15/0.3/3.75", "deepseek": "0.5/2", "gemini": "1/4"}
"""US dollars a million tokens; the two local ones cost nothing."""
KEY = "night-key-0123456789abcdef"
USAGE = (11, 7, 4)
"""Tokens in, out, and from the cache, of every answer of these servers."""
_UNCACHED = ("ollama",)
_WELL = "ok"


class Server(FaultServer):
    """One provider: well behaved, or failing now and then and for one stretch altogether."""

    def __init__(self, name: str, faulty: float, outage: tuple[int, float]) -> None:
        super().__init__()
        self.name, self.faulty, self.outage = name, faulty, outage
        self.random = random.Random(name)
        self.paid: Counter[str] = Counter()
        self.seen = 0
        self.dark_until = 0.0
        self.faults: Counter[str] = Counter()
        self.while_dark = 0

    async def _answer(self, writer: Any, path: str, body: dict[str, Any], fault: str) -> bool:
        self.requests.clear()  # twelve thousand bodies are not wanted
        self.seen += 1
        now = time.monotonic()
        after, seconds = self.outage
        if seconds and self.seen == after:
            self.dark_until = now + seconds
        if now < self.dark_until:
            fault = "503"
        elif self.random.random() < self.faulty:
            fault = self.random.choice(FAULTS)
        else:
            fault = _WELL
        if fault == _WELL:
            await asyncio.sleep(self.random.uniform(0.005, 0.03))
            turns = body.get("messages") or []
            self.paid[str(turns[-1]["content"])[:60]] += 1
        else:
            self.faults[fault] += 1
        return await super()._answer(writer, path, body, fault)


def serve(pipe: Connection, outage: float, after: int, faulty: float) -> None:
    """Run the six servers; tell their addresses, and on request what they counted."""

    async def run() -> None:
        servers = {
            name: Server(
                name,
                faulty if name in FAILING else 0.0,
                (after, outage) if name == FAILING[0] else (0, 0.0),
            )
            for name in SOURCES
        }
        for server in servers.values():
            await server.__aenter__()
        pipe.send({name: server.url for name, server in servers.items()})
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, pipe.recv) != "stop":
            pipe.send({n: (dict(s.paid), dict(s.faults)) for n, s in servers.items()})
        for server in servers.values():
            await server.__aexit__()

    asyncio.run(run())


@dataclass(slots=True)
class Night:
    """What a rehearsal found. ``wrong`` is empty when all is as promised."""

    seconds: float = 0.0
    runs: int = 0
    answers: int = 0
    billed: int = 0
    bill: Decimal = Decimal(0)
    estimate: Decimal = Decimal(0)
    unheard: int = 0
    """Answered by a server and never stored: in flight at a kill, or cut on the way."""
    faults: Counter[str] = field(default_factory=Counter)
    during_outage: int = 0
    """Answers that the four others gave while one was dark."""
    complaints: list[str] = field(default_factory=list)
    """What a command said that ended with questions open."""
    wrong: list[str] = field(default_factory=list)


def environment(home: Path, urls: dict[str, str]) -> dict[str, str]:
    """Return the environment of the command: a home of its own and the servers as providers."""
    names = {"openai": "OPENAI", "deepseek": "DEEPSEEK", "gemini": "GEMINI", "vllm": "VLLM"}
    found = {f"{name}_BASE_URL": f"{urls[key]}/v1" for key, name in names.items()}
    found |= {f"{name}_API_KEY": KEY for name in (*names.values(), "ANTHROPIC")}
    found |= {"ANTHROPIC_BASE_URL": urls["anthropic"], "OLLAMA_HOST": urls["ollama"]}
    kept = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
    return {**kept, **found, "WORKBENCH_HOME": str(home), "WORKBENCH_CONFIG": str(home / "keys")}


def arguments(samples: int, *more: str) -> list[str]:
    """Return the command that the person gives in the evening."""
    names = [f"{name}:m" for name in SOURCES if name != "vllm"] + ["compatible:vllm:m"]
    prices = [part for name, price in PRICES.items() for part in ("--price", f"{name}:m={price}")]
    return [
        sys.executable, "-c", "from workbench.cli import main; main()", "ask",
        "--teachers", ",".join(names), "--samples", str(samples), "--temperature", "0.7",
        "--max-tokens", "64", "--no-judge", "--yes", "--max-cost", "100", *prices, *more,
    ]  # fmt: skip


def prepare(home: Path, tasks: int) -> None:
    """Make a home with ``tasks`` tasks and room for twenty requests at once to each provider."""
    from workbench.settings import load_settings
    from workbench.store.database import open_store
    from workbench.tasks import Task, add_tasks

    home.mkdir(parents=True)
    limits = "".join(f"[limits.{name}]\nconcurrency = 20\n" for name in SOURCES)
    (home / "config.toml").write_text(f"outage_seconds = 600\ndeadline_seconds = 20\n{limits}")
    with open_store(load_settings(home)) as store:
        add_tasks(
            store,
            [
                Task(
                    id=f"night-{number:05}", prompt=f"Number {number:05}: return what is given.",
                    entry_point="f", signature="def f(x: int) -> int",
                    ensures=("result == x",), split="train", category="integers",
                )
                for number in range(tasks)
            ],
        )  # fmt: skip


def stored(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Read the home's database beside the command that writes it."""
    connection = sqlite3.connect(f"file:{home / 'workbench.db'}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def rehearse(
    folder: Path, *, tasks: int, samples: int, kills: int, outage: float, faulty: float = 0.06
) -> Night:
    """Run the night and return what it came to; raises ``RuntimeError`` where a command fails."""
    night, home = Night(), folder / "home"
    prepare(home, tasks)
    wanted = tasks * samples * len(SOURCES)
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    after = max(5, tasks * samples // 4)
    servers = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs, outage, after, faulty), daemon=True
    )
    servers.start()
    try:
        env = environment(home, ours.recv())
        night.estimate = _estimate(samples, env)
        started = time.monotonic()
        for kill in range(1, kills + 1):
            _killed(home, samples, env, wanted * kill // (kills + 1), night)
        _finished(samples, env, night)
        night.seconds = time.monotonic() - started
        ours.send("count")
        _hold(night, home, ours.recv(), tasks, samples, kills)
        ours.send("stop")
    finally:
        servers.terminate()
        servers.join()
    _search(night, folder)
    return night


def _estimate(samples: int, env: dict[str, str]) -> Decimal:
    done = subprocess.run(
        arguments(samples, "--dry-run"), env=env, capture_output=True, text=True, check=False
    )
    found = re.search(r"Together at most \$([0-9.]+)", done.stderr)
    if found is None:
        raise RuntimeError(f"no estimate: {done.stderr[-500:]}")
    return Decimal(found[1].rstrip("."))


def _killed(home: Path, samples: int, env: dict[str, str], at: int, night: Night) -> None:
    """Start the command and kill it without warning when ``at`` answers are stored."""
    process = subprocess.Popen(
        arguments(samples), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None:
        if stored(home, "SELECT count(*) FROM answer")[0][0] >= at:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.05)
    night.runs += 1


def _finished(samples: int, env: dict[str, str], night: Night) -> None:
    """Give the same command until it has nothing to complain of, five times at the most."""
    for _ in range(5):
        done = subprocess.run(
            arguments(samples), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip
        night.runs += 1
        if done.returncode == 0:
            return
        night.complaints += [line for line in done.stderr.splitlines() if "brought no" in line]
    raise RuntimeError(f"the command does not end well: {done.stderr[-1000:]}")


def _hold(
    night: Night,
    home: Path,
    counted: dict[str, tuple[dict[str, int], dict[str, int]]],
    tasks: int,
    samples: int,
    kills: int,
) -> None:
    """Hold the store against what the servers counted."""
    wanted = tasks * samples * len(SOURCES)
    each = stored(
        home,
        "SELECT source_id, task_id, count(*), count(DISTINCT sampling_digest) FROM answer "
        "WHERE finish = 'stop' GROUP BY source_id, task_id",
    )
    night.answers = sum(row[2] for row in each)
    if night.answers != wanted:
        night.wrong.append(f"{night.answers} answers instead of {wanted}")
    twice = [row for row in each if row[2] != samples or row[3] != samples]
    if twice:
        night.wrong.append(f"{len(twice)} tasks without exactly {samples} answers of a source")
    bill = stored(home, "SELECT provider, cost FROM ledger WHERE status = 'ok'")
    night.billed = len(bill)
    night.bill = sum((Decimal(cost) for _, cost in bill), Decimal(0))
    if night.billed != night.answers:
        night.wrong.append(f"{night.billed} lines in the bill for {night.answers} answers")
    owed = sum((_owed(name) * tasks * samples for name in SOURCES), Decimal(0))
    if night.bill != owed:
        night.wrong.append(f"the bill says ${night.bill}, the usage comes to ${owed}")
    if night.bill > night.estimate:
        night.wrong.append(f"the bill of ${night.bill} is over the estimate of ${night.estimate}")
    paid = sum(sum(done.values()) for done, _ in counted.values())
    night.unheard = paid - night.answers
    for _, faults in counted.values():
        night.faults.update(faults)
    most = kills * 20 * len(SOURCES)
    if not 0 <= night.unheard <= most:
        night.wrong.append(f"{night.unheard} answers were given and not stored (at most {most})")
    night.during_outage = _meanwhile(home)


def _owed(name: str) -> Decimal:
    """Return what one answer of ``name`` costs by the servers' own usage."""
    figures = [Decimal(part) for part in PRICES.get(name, "0/0").split("/")]
    tokens_in, tokens_out, cached = USAGE
    cached = 0 if name in _UNCACHED else cached
    read = figures[2] if len(figures) > 2 else figures[0]
    return (figures[0] * (tokens_in - cached) + read * cached + figures[1] * tokens_out) / 10**6


def _meanwhile(home: Path) -> int:
    """Return how many answers others gave in the longest pause of the source that went dark."""
    times = [
        row[0]
        for row in stored(
            home,
            f"SELECT julianday(created_at) FROM answer WHERE source_id = '{FAILING[0]}:m' "
            "ORDER BY created_at",
        )
    ]
    pauses = [(b - a, a, b) for a, b in pairwise(times)]
    if not pauses:
        return 0
    _, begin, end = max(pauses)
    [(count,)] = stored(
        home,
        f"SELECT count(*) FROM answer WHERE source_id <> '{FAILING[0]}:m' "
        f"AND julianday(created_at) > {begin!r} AND julianday(created_at) < {end!r}",
    )
    return int(count)


def _search(night: Night, folder: Path) -> None:
    """Look for the key in every file that the night left."""
    found = [str(path) for path in folder.rglob("*") if path.is_file() and _has_key(path)]
    if found:
        night.wrong.append(f"the key is in {', '.join(found)}")


def _has_key(path: Path) -> bool:
    return KEY.encode() in path.read_bytes()


def main() -> None:
    """Run, print, and end with status 1 where something was not as promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--outage", type=float, default=10.0, help="seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        night = rehearse(
            Path(folder),
            tasks=options.tasks,
            samples=options.samples,
            kills=options.kills,
            outage=options.outage,
        )
    print(
        f"{options.tasks} tasks x {len(SOURCES)} sources x {options.samples} samples, killed "
        f"{options.kills} times: {night.answers} answers after {night.runs} commands and "
        f"{night.seconds:.0f} s, each exactly once"
        if not night.wrong
        else "WRONG: " + "; ".join(night.wrong)
    )
    print(f"  faults on {' and '.join(FAILING)}: {dict(night.faults.most_common())}")
    print(f"  the others gave {night.during_outage} answers while {FAILING[0]} was dark")
    print(f"  bill ${night.bill:f} in {night.billed} lines, by the servers' own usage the same;")
    print(f"  estimate before: at most ${night.estimate:f} (every answer at its longest)")
    for line in night.complaints:
        print(f"  a command ended with: {line}")
    print(f"  answered and never heard, in flight at a kill or cut on the way: {night.unheard}")
    sys.exit(1 if night.wrong else 0)


if __name__ == "__main__":
    main()
