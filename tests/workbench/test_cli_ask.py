"""Asking from the command line against servers that fail, and processes that are killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from sqlmodel import select

from tests.teachers.batch_server import BatchServer
from tests.teachers.fault_server import FaultServer
from workbench.cli import main
from workbench.settings import Settings
from workbench.store.database import Store
from workbench.store.tables import AlertRow, AnswerRow, BatchJobRow, CircuitRow, LedgerRow, RouteRow
from workbench.tasks import Task, add_tasks

KEY = "sk-secret-0123456789-abcdef"


def task(number: int) -> Task:
    return Task(
        id=f"t{number:02}",
        prompt=f"The function number {number}.",
        entry_point="f",
        signature="def f(x: int) -> int",
        ensures=("result == x",),
        split="train",
        category="integers",
    )


class Served:
    """A fault server in a thread of its own; ``delay`` seconds pass before each answer."""

    def __init__(self, *plan: str, delay: float = 0.0) -> None:
        self.server = FaultServer(*plan)
        self.delay = delay
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self._stop = asyncio.Event()

    def __enter__(self) -> Served:
        answer = self.server._answer

        async def slowly(*args: Any) -> bool:
            await asyncio.sleep(self.delay)
            return await answer(*args)

        self.server._answer = slowly  # type: ignore[method-assign]
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        async def serve() -> None:
            async with self.server:
                self._ready.set()
                await self._stop.wait()

        self._loop.run_until_complete(serve())

    @property
    def name(self) -> str:
        return f"compatible:{self.server.url}/v1:m"

    @property
    def asked(self) -> Counter[tuple[str, int]]:
        """How often each (prompt, seed) reached the server."""
        return Counter(
            (body["messages"][-1]["content"], body["seed"]) for _, body in self.server.requests
        )


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    def call(*args: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["workbench", *args])
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        caught = capsys.readouterr()
        assert "Traceback" not in caught.err
        return Done(status, caught.out, caught.err)

    return call


@pytest.fixture
def tasks(settings: Settings) -> list[Task]:
    made = [task(n) for n in range(12)]
    with Store.open(settings) as store:
        add_tasks(store, made)
    return made


def started(*args: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from workbench.cli import main; main()", *args],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows(settings: Settings, table: Any) -> list[Any]:
    with Store.open(settings) as store, store.read() as session:
        return list(session.exec(select(table)))


def configure(settings: Settings, text: str) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    settings.config_file.write_text(text)


def test_kill_9_while_asking_loses_and_pays_nothing_twice(
    settings: Settings, tasks: list[Task]
) -> None:
    configure(settings, "max_cost = 1\n[limits.compatible]\nconcurrency = 4\n")
    options = ["--samples", "3", "--seed", "0", "--no-judge", "--yes", "--json"]
    options += ["--price", "compatible:m=1/2"]
    with Served("500", "drop", "429+0.1", delay=0.03) as served:
        args = ["ask", "--teachers", served.name, *options]
        process = started(*args)
        while len(served.server.requests) < 14:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before = len(rows(settings, AnswerRow))
        assert 0 < before < 36
        again = started(*args)
        out, err = again.communicate(timeout=120)
        assert again.returncode == 0, err
        asked = served.asked
    answers = rows(settings, AnswerRow)
    assert len(answers) == 36
    assert len(out.splitlines()) == 36
    names = {(a.task_id, json.loads(a.sampling_json)["sample"]) for a in answers}
    assert len(names) == 36, "every answer is there exactly once"
    assert len(asked) == 36, "every question reached the server"
    # Three were asked again for the planned faults, and at most four were in flight when killed.
    assert sum(asked.values()) - 36 <= 3 + 4
    paid = [row for row in rows(settings, LedgerRow) if row.status == "ok"]
    assert len({row.key for row in paid}) == len(paid) == 36, "nothing is in the bill twice"
    assert sum(Decimal(row.cost) for row in paid) == 36 * Decimal("0.000025")
    assert len({row.run_id for row in paid}) == 1, "the same command is the same run"


def test_a_cap_holds_over_a_restart(run: Run, settings: Settings, tasks: list[Task]) -> None:
    with Served() as served:
        common = ["ask", "--teachers", served.name, "--no-judge", "--yes", "--max-tokens", "10"]
        common += ["--price", "compatible:m=10/1000"]
        first = run(*common, "--max-cost", "0.05")
        assert first.status == 1
        assert "cap of $0.05 for the run" in first.err
        spent = sum(Decimal(row.cost or 0) for row in rows(settings, LedgerRow))
        assert Decimal(0) < spent <= Decimal("0.05")
        sent = len(served.server.requests)
        assert run(*common, "--max-cost", "0.05").status == 1
        assert sum(Decimal(r.cost or 0) for r in rows(settings, LedgerRow)) <= Decimal("0.05")
        assert len(served.server.requests) - sent <= 1
        assert run(*common, "--max-cost", "5", "--max-cost-provider", "compatible=0.06").status == 1
        done = run(*common, "--max-cost", "5", "--max-cost-day", "5")
        assert done.status == 0
    assert len(rows(settings, AnswerRow)) == 12


def test_an_estimate_counts_what_is_missing_and_sends_nothing(
    run: Run, settings: Settings, tasks: list[Task]
) -> None:
    with Served() as served:
        common = ["ask", "--teachers", served.name, "--no-judge", "--price", "compatible:m=1/2"]
        dry = run(*common, "--dry-run")
        assert dry.status == 0
        assert "12 questions" in dry.err
        assert served.server.requests == []
        assert run(*common, "--max-cost", "1", "--yes", "t00", "t01").status == 0
        again = run(*common, "--dry-run")
    assert "10 questions" in again.err
    assert "by its 2 answers so far" in again.err


def test_an_unknown_price_is_asked_for_and_never_nothing(run: Run, tasks: list[Task]) -> None:
    done = run("ask", "--teachers", "compatible:https://far.invalid/v1:m", "--max-cost", "1")
    assert done.status == 2
    assert "--price compatible:m=INPUT/OUTPUT" in done.err
    assert "workbench sources price" in done.err


def test_spending_without_a_terminal_needs_a_yes(
    run: Run, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    done = run("ask", "--teachers", "openai:gpt-4o-mini", "--max-cost", "1")
    assert done.status == 2
    assert "--yes" in done.err


def test_every_sampling_field_reaches_the_server(
    run: Run, settings: Settings, tasks: list[Task]
) -> None:
    with Served() as served:
        done = run(
            "ask", "t00", "--teachers", served.name, "--no-judge", "--temperature", "0",
            "--top-p", "0.9", "--max-tokens", "77", "--seed", "5", "--stop", "END", "--stop", "##",
            "--system", "Be brief.", "--samples", "2", "--first-sample", "3",
        )  # fmt: skip
        assert done.status == 0, done.err
        bodies = [body for _, body in served.server.requests]
    assert sorted(body["seed"] for body in bodies) == [8, 9]
    body = bodies[0]
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0, 0.9, 77)
    assert body["stop"] == ["END", "##"]
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}


def test_first_passes_on_what_fails_and_says_who_answered(
    run: Run, settings: Settings, tasks: list[Task]
) -> None:
    configure(settings, "attempts = 1\nmax_fallback_rate = 0.1\n")
    with Served(*["401"] * 12) as broken, Served() as good:
        args = ("ask", "--teachers", f"{broken.name},{good.name}", "--policy", "first")
        done = run(*args, "--no-judge")
        assert done.status == 0, done.err
        assert f"12 by {good.name}" in done.err
        assert "Not every source was asked" in done.err
        assert "alert: 12 of the last 12 questions were passed on" in done.err
        assert len(broken.server.requests) <= 2, "a wrong key is not tried twelve times"
        again = run(*args, "--no-judge")
        assert again.status == 0
        assert len(good.server.requests) == 12
    routes = rows(settings, RouteRow)
    assert {route.source_id for route in routes} == {good.name}
    assert {route.wanted for route in routes} == {broken.name}
    assert [alert.kind for alert in rows(settings, AlertRow)] == ["circuit", "fallback-rate"]


def test_a_circuit_outlives_the_process_and_can_be_reset(
    run: Run, settings: Settings, tasks: list[Task]
) -> None:
    configure(settings, "attempts = 1\n[limits.compatible]\nconcurrency = 1\n")
    with Served(*["500"] * 5) as served:
        args = ("ask", "--teachers", served.name, "--no-judge")
        assert run(*args).status == 1
        assert len(served.server.requests) == 5
        assert "set aside after 5 failures" in run(*args).err
        assert len(served.server.requests) == 5, "the next process does not ask either"
        shown = run("sources", "--json")
        circuits = json.loads(shown.out)["circuits"]
        name = circuits[0]["provider"]
        assert [(c["provider"], c["kind"]) for c in circuits] == [(name, "server")]
        assert name.startswith("compatible@127.0.0.1:")
        assert run("sources", "reset", name).status == 0
        assert rows(settings, CircuitRow) == []
        assert run(*args).status == 0
    assert [a.cleared_at is not None for a in rows(settings, AlertRow)] == [True]


def test_private_mode_asks_nobody_outside(run: Run, tasks: list[Task]) -> None:
    done = run(
        "ask", "t00", "--private", "--no-judge", "--teachers", "compatible:https://far.invalid/v1:m"
    )
    assert done.status == 1
    assert "private mode is on" in done.err


def batch_env(server: BatchServer) -> dict[str, str]:
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.url}


def batch_args(*more: str) -> list[str]:
    return ["ask", "--teachers", "openai:m", "--batch", "--no-judge", "--yes", "--max-cost", "1",
            "--price", "openai:m=2/4", *more]  # fmt: skip


def test_batches_are_sent_collected_and_mended_over_several_commands(
    run: Run,
    settings: Settings,
    tasks: list[Task],
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = BatchServer(httpserver, polls=0)
    for name, value in batch_env(server).items():
        monkeypatch.setenv(name, value)
    dry = run(*batch_args("--dry-run"))
    assert "batch at 50%" in dry.err
    sent = run(*batch_args("--no-wait"))
    assert "12 under way in 1 batches" in sent.err
    assert rows(settings, AnswerRow) == []
    [job] = rows(settings, BatchJobRow)
    assert (job.remote_id, job.done) == ("batch-0", False)
    questions = [row["body"]["messages"][-1]["content"] for row in server.files["file-0"]]
    server.fail, server.expire = {questions[2]}, {questions[5]}
    collected = run(*batch_args("--no-wait"))
    assert "2 under way" in collected.err, "what failed and what expired is sent again"
    assert len(rows(settings, AnswerRow)) == 10
    last = run(*batch_args("--no-wait"))
    assert last.status == 0
    assert len(rows(settings, AnswerRow)) == 12
    assert set(server.paid.values()) == {1}
    ledger = [row for row in rows(settings, LedgerRow) if row.status == "ok"]
    assert {row.channel for row in ledger} == {"batch"}
    # 11 tokens in, 4 of them cached at the full price, 7 out: half of the usual price.
    assert {row.cost for row in ledger} == {str(Decimal(11 * 2 + 7 * 4) / 10**6 / 2)}
    assert "done" in run("sources", "batches").out


def test_kill_9_at_the_moment_of_sending_a_batch_pays_nothing_twice(
    settings: Settings, tasks: list[Task], httpserver: HTTPServer
) -> None:
    server = BatchServer(httpserver, polls=0)
    process: list[subprocess.Popen[str]] = []
    created = threading.Event()

    def kill() -> None:
        created.wait(10)
        process[0].kill()
        process[0].wait()

    server.on_create = kill
    process.append(started(*batch_args("--no-wait"), **batch_env(server)))
    created.set()
    process[0].communicate()
    assert process[0].returncode == -signal.SIGKILL
    assert list(server.batches) == ["batch-0"]
    [job] = rows(settings, BatchJobRow)
    assert job.remote_id is None, "the client never heard of it"
    server.on_create = lambda: None
    again = started(*batch_args("--no-wait"), **batch_env(server))
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    assert list(server.batches) == ["batch-0"]
    assert len(rows(settings, AnswerRow)) == 12
    assert set(server.paid.values()) == {1}


def test_the_key_is_in_no_artefact_of_a_run(
    run: Run,
    settings: Settings,
    tasks: list[Task],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("COMPATIBLE_API_KEY", KEY)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    said = []
    # A server that echoes what it was sent, as some do in their errors.
    echo = FaultServer._answer

    async def leaky(self: FaultServer, writer: Any, path: str, body: Any, fault: str) -> bool:
        if fault == "echo":
            error = {"error": {"message": f"bad key {self.headers[-1]['authorization']}"}}
            await self._send(writer, 400, "application/json", json.dumps(error))
            return True
        return await echo(self, writer, path, body, fault)

    monkeypatch.setattr(FaultServer, "_answer", leaky)
    with Served("echo", "500", "401") as served:
        for _ in range(2):
            done = run("ask", "--teachers", served.name, "--no-judge", "--json")
            said += [done.out, done.err]
        assert KEY in served.server.headers[-1]["authorization"], "the key was really used"
        judged = run("ask", "--teachers", served.name, "--json")
        said += [judged.out, judged.err]
        assert "proved" in judged.out
    for args in (
        ("sources",), ("sources", "cost", "--json"), ("doctor", "--json"),
        ("backup", str(tmp_path / "home.tar")),
    ):  # fmt: skip
        done = run(*args)
        said += [done.out, done.err]
    for text in said:
        assert KEY not in text
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--teachers", "opnai:gpt-5"), "did you mean openai?"),
        (("--teachers", "openai:gpt-4o-mni", "--max-cost", "1"), "Did you mean gpt-4o-mini"),
        (("--teachers", "openai:"), "openai:MODEL"),
        (("--teachers", "compatible:http://localhost:8000:m"), "http://localhost:8000/v1?"),
        (("--teachers", "synthesis,synthesis"), "named twice"),
        (("--teachers", ","), "No teacher is named"),
        (("--policy", "best"), "local-first"),
        (("--batch",), "no batch interface"),
        (("--batch", "--policy", "first"), "Batches ask everybody"),
        (("--price", "openai=1"), "PROVIDER:MODEL=INPUT/OUTPUT"),
        (("--max-cost", "lots"), "Write it like 2.50"),
        (("--max-cost-provider", "openai"), "openai=2.50"),
    ],
)
def test_what_is_typed_wrong_comes_back_with_its_mend(
    run: Run, tasks: list[Task], args: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    done = run("ask", "t00", *args)
    assert done.status == 2
    assert said in done.err
    assert done.out == ""


@pytest.mark.parametrize("key", ["sk-012\n345", "sk 012345", "sk-012\u00a0345"])
def test_a_key_with_what_came_along_is_named_and_not_shown(
    run: Run, tasks: list[Task], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    done = run("ask", "t00", "--teachers", "openai:gpt-4o-mini", "--max-cost", "1", "--yes")
    assert done.status == 2
    assert "OPENAI_API_KEY holds a space, a line break" in done.err
    assert "345" not in done.err


def test_a_price_file_with_a_typo_stops_before_anything_is_sent(
    run: Run, settings: Settings, tasks: list[Task]
) -> None:
    text = '{"prices": [{"provider": "a", "model": "b", "imput": "1", "output": "1"}]}'
    (settings.home / "prices.json").write_text(text)
    done = run("ask", "t00", "--teachers", "examples")
    assert done.status == 2
    assert "price 1: unknown field 'imput'" in done.err


def test_a_batch_that_a_cap_forbids_as_a_whole_is_sent_as_far_as_it_goes(
    run: Run,
    settings: Settings,
    tasks: list[Task],
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = BatchServer(httpserver, polls=0)
    for name, value in batch_env(server).items():
        monkeypatch.setenv(name, value)
    # Twelve questions may cost a little over two tenths of a cent each: five or so fit.
    small = ["--no-wait", "--max-cost", "0.0115"]
    first = run(*batch_args(*small))
    assert first.status == 1
    assert "held back (openai:m: the cap of $0.0115 for the run would be passed" in first.err
    [job] = rows(settings, BatchJobRow)
    sent = len(json.loads(job.keys_json))
    assert 0 < sent < 12
    done = first
    for _ in range(6):
        done = run(*batch_args(*small))
        if "held back" not in done.err and "under way" not in done.err:
            break
    assert done.status == 0, "what was set aside came free and paid for the rest"
    assert len(rows(settings, AnswerRow)) == 12
    assert set(server.paid.values()) == {1}


def test_limits_that_a_provider_told_are_shown_by_doctor(
    run: Run, settings: Settings, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Served() as served:
        served.server.told = ["x-ratelimit-limit-requests: 60"]
        run("ask", "t00", "--no-judge", "--teachers", served.name)
    said = run("doctor").out
    assert "limits 60 requests a minute (told on" in said
    (settings.home / "limits_told.json").write_text("[broken")
    assert run("doctor").status == 0
