"""What an operator relies on: limits, tokens, swaps under load, clients that go away, verdicts."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from distill import lean
from distill.tickets import Ticket
from tests.workbench.server.conftest import Running, Start
from workbench.certificate.errors import CertificateError
from workbench.certificate.keys import export_key, load_signing_key, new_key
from workbench.certificate.receipt import read_receipt
from workbench.errors import InputError
from workbench.server.fleet import Spec
from workbench.stages.train import shipped_base

if TYPE_CHECKING:
    import torch

    from distill.sampling import Sequence

TURN = [{"role": "user", "content": "Write def add(a: int, b: int) -> int. It returns a plus b."}]
ADD = {
    "entry_point": "add",
    "signature": "def add(a: int, b: int) -> int",
    "ensures": ["result == a + b"],
}
LONG = {"prompt": "def f(", "max_tokens": 400, "temperature": 1.5, "seed": 1}


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def test_health_names_what_is_loaded(running: Running) -> None:
    answer = running.get("/health")
    model = answer.json()["models"]["student"]
    assert answer.status_code == 200
    assert model["healthy"] is True
    assert model["adapter_digest"] is None
    assert len(model["base_digest"]) == len(model["template_digest"]) == 64
    assert (model["forward"], model["shares_base_with"]) == ("lean", [])


def test_whatever_is_posted_from_other_threads_arrives_in_order() -> None:
    from distill.continuous import Piece
    from workbench.server.service import Mailbox

    async def receive() -> list[list[int]]:
        box = Mailbox(asyncio.get_running_loop())
        queues: list[asyncio.Queue[Piece]] = [asyncio.Queue() for _ in range(3)]

        def post(number: int) -> None:
            for count in range(2_000):
                box.put(queues[number], Piece("", output_tokens=count))

        threads = [threading.Thread(target=post, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        async with asyncio.timeout(60):
            return [[(await queue.get()).output_tokens for _ in range(2_000)] for queue in queues]

    assert asyncio.run(receive()) == [list(range(2_000))] * 3


def test_metrics_count_requests_and_tokens(running: Running) -> None:
    def tokens() -> float:
        lines = running.get("/metrics").text.splitlines()
        wanted = 'student_tokens_total{kind="output",model="student"}'
        return sum(float(line.split()[-1]) for line in lines if line.startswith(wanted))

    before = tokens()
    done = running.post("/generate", {"prompt": "def f(", "chat": False, "max_tokens": 5}).json()
    assert tokens() == before + done["output_tokens"]


def test_fifty_streams_survive_two_swaps_and_a_failed_one(running: Running) -> None:
    versions = set()

    async def stream(client: httpx.AsyncClient, number: int) -> tuple[str, str]:
        body = {**LONG, "model": "student", "seed": number, "max_tokens": 60, "stream": True}
        text, reason = "", ""
        async with client.stream("POST", "/v1/completions", json=body) as answer:
            assert answer.status_code == 200
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    choice = json.loads(line[6:])["choices"][0]
                    text += choice["text"]
                    reason = choice["finish_reason"] or reason
        return text, reason

    async def all_of_it() -> list[tuple[str, str]]:
        async with httpx.AsyncClient(base_url=running.url, timeout=120) as client:
            streams = [asyncio.create_task(stream(client, n)) for n in range(50)]
            for adapter, status in (("none", 200), ("no-such-adapter", 400), ("none", 200)):
                await asyncio.sleep(0.3)
                swapped = await client.post("/adapter/reload", json={"adapter": adapter})
                assert swapped.status_code == status, swapped.text
                if status == 200:
                    versions.add(swapped.json()["version"])
            return await asyncio.gather(*streams)

    before = running.service.fleet.get(None).version.number
    ended = asyncio.run(all_of_it())
    assert versions == {before + 1, before + 2}
    assert all(reason in ("stop", "length") for _, reason in ended)
    # a seed says the same whoever else was in the batch and whichever version answered
    alone = running.post("/v1/completions", {**LONG, "seed": 7, "max_tokens": 60}).json()
    assert ended[7][0] == alone["choices"][0]["text"]


def test_an_adapter_that_does_not_load_leaves_the_old_one_and_shows_in_health(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "adapter_model.bin").write_bytes(b"pickle")
    with start() as server:
        fleet = server.service.fleet
        with pytest.raises(InputError, match="pickled weights"):
            fleet.load(Spec("student", shipped_base(), tmp_path))
        assert fleet.get("student").version.number == 1
        health = server.get("/health")
        assert health.status_code == 503
        assert "pickled weights" in health.json()["failures"]["student"]
        assert server.post("/generate", {"prompt": "x", "max_tokens": 2}).status_code == 200
        fleet.load(Spec("student", shipped_base()))
        assert server.get("/health").status_code == 200


def test_a_client_that_goes_away_frees_its_place(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = running.service.fleet.get(None).engine
    cancelled: list[Ticket] = []
    draw, heard = lean.draw, Ticket.heard

    def slowly(logits: torch.Tensor, rows: list[Sequence]) -> torch.Tensor:
        time.sleep(0.01)  # 400 tokens would take four seconds
        return draw(logits, rows)

    def watched(ticket: Ticket) -> bool:
        over = heard(ticket)
        if over and ticket.cancelled:
            cancelled.append(ticket)
        return over

    monkeypatch.setattr(lean, "draw", slowly)
    monkeypatch.setattr(Ticket, "heard", watched)
    with (
        httpx.Client(base_url=running.url, timeout=30) as client,
        client.stream("POST", "/v1/completions", json={**LONG, "stream": True}) as answer,
    ):
        next(answer.iter_lines())
        until(lambda: engine.running >= 1)
    until(lambda: engine.running == 0)
    assert len(cancelled) == 1
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{running.url}/v1/completions", json={**LONG, "n": 16}, timeout=0.4)
    until(lambda: engine.running == 0 and engine.waiting == 0)
    assert len(cancelled) > 1


def test_a_full_queue_is_a_429_that_says_when(start: Start) -> None:
    async def crowd(url: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            jobs = [client.post("/v1/completions", json=LONG) for _ in range(12)]
            return await asyncio.gather(*jobs)

    with start(batch=1, queue=1) as server:
        answers = asyncio.run(crowd(server.url))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert any(answer.status_code == 200 for answer in answers)
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert refused[0].json()["error"]["type"] == "rate_limit_error"


def test_an_answer_that_takes_too_long_is_ended(start: Start) -> None:
    with start(timeout=0.001) as server:
        answer = server.post("/v1/completions", LONG)
        assert answer.status_code == 504
        assert "0.001 seconds" in answer.text
        until(lambda: server.service.fleet.get(None).engine.running == 0)


def test_a_token_is_asked_for_in_every_protocol_but_not_for_health(start: Start) -> None:
    body = {"model": "student", "prompt": "x", "max_tokens": 1}
    with start(token="long-secret") as server:
        for path in ("/v1/models", "/api/tags", "/metrics", "/docs"):
            assert server.get(path).status_code == 401
        assert server.post("/v1/messages", {}).json()["error"]["type"] == "authentication_error"
        assert server.get("/health").status_code == 200
        for headers in ({"authorization": "Bearer long-secret"}, {"x-api-key": "long-secret"}):
            assert server.post("/v1/completions", body, headers=headers).status_code == 200
        wrong = {"authorization": "Bearer long-secre"}
        assert server.post("/v1/completions", body, headers=wrong).status_code == 401


def test_a_body_that_is_too_large_is_refused_with_and_without_its_length(running: Running) -> None:
    big = b'{"prompt": "' + b"x" * (9 << 20) + b'"}'
    url = f"{running.url}/generate"
    assert httpx.post(url, content=big, timeout=30).status_code == 413

    def chunks() -> object:
        for begin in range(0, len(big), 1 << 20):
            yield big[begin : begin + (1 << 20)]

    try:
        answer = httpx.post(url, content=chunks(), timeout=30)  # type: ignore[arg-type]
    except httpx.WriteError:
        return  # refused before all of it was sent
    assert answer.status_code == 413


def test_a_verified_answer_carries_its_verdict_and_who_answered(start: Start) -> None:
    with start(teachers=("synthesis",)) as server:
        body = {"messages": TURN, "temperature": 0, "verify": True, "contract": ADD}
        answer = server.post("/v1/chat/completions", body).json()
        found = answer["workbench"]
        assert found["answered_by"] == "synthesis"
        assert found["verdict"]["verdict"] == "proved"
        assert found["obligations"]
        assert "return a + b" in answer["choices"][0]["message"]["content"]
        assert {one["source"] for one in found["attempts"]} == {"student", "synthesis"}
        alone = server.post("/v1/chat/completions", {**body, "fallback": False}).json()["workbench"]
        assert alone["answered_by"] == "student"
        assert alone["verdict"]["verdict"] != "proved"


ROUTES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/v1/messages", {"max_tokens": 60, "messages": TURN, "temperature": 0}),
    ("/api/chat", {"model": "student", "messages": TURN, "stream": False}),
    ("/api/generate", {"model": "student", "prompt": TURN[0]["content"], "stream": False}),
)


def test_every_protocol_gives_verdict_and_receipt_and_the_command_reads_them(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from workbench.cli import app

    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    new_key("server")
    pem = tmp_path / "server.pub"
    pem.write_bytes(export_key("server").pem)
    extra = {"verify": True, "contract": ADD, "receipt": True}
    with start(key=load_signing_key("server"), teachers=("synthesis",)) as server:
        answers = [server.post(path, {**body, **extra}).json() for path, body in ROUTES]
        streams = [
            server.post(path, {**body, **extra, "stream": True}).status_code
            for path, body in ROUTES
        ]
    assert streams == [400, 400, 400]
    for answer in answers:
        assert answer["workbench"]["answered_by"] == "synthesis"
        assert answer["workbench"]["verdict"]["verdict"] == "proved"
        response = tmp_path / "response.json"
        response.write_text(json.dumps(answer))
        done = CliRunner().invoke(app, ["receipt", "verify", str(response), "--key", str(pem),
                                        "--json"])  # fmt: skip
        checks = {check["name"]: check["holds"] for check in json.loads(done.stdout)["checks"]}
        assert checks == {"signature": True, "answer": True}


def test_an_unusable_contract_is_refused_before_anything_is_asked(running: Running) -> None:
    for contract, says in (
        ({**ADD, "ensures": ["result == zz"]}, "zz"),
        ({**ADD, "requires": ["a > 0", "a < 0"]}, "contract cannot be used"),
        ({"entry_point": "add"}, "signature"),
    ):
        body = {"messages": TURN, "verify": True, "contract": contract}
        answer = running.post("/v1/chat/completions", body)
        assert answer.status_code == 400
        assert says in answer.text


def test_a_receipt_holds_offline_and_for_this_answer_only(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path))
    new_key("server")
    new_key("stranger")
    key, stranger = load_signing_key("server"), load_signing_key("stranger")
    with start(key=key, teachers=("synthesis",)) as server:
        body = {"messages": TURN, "temperature": 0, "verify": True, "contract": ADD,
                "receipt": True}  # fmt: skip
        answer = server.post("/v1/chat/completions", body).json()
    text = answer["choices"][0]["message"]["content"]
    data = json.dumps(answer["workbench"]["receipt"]).encode()
    receipt = read_receipt(data, [key.public])
    assert receipt.covers(text)
    assert not receipt.covers(text + " ")
    assert receipt.asked([("user", TURN[0]["content"])])
    assert receipt.predicate["verdict"] == "proved"
    assert receipt.predicate["obligations"] == answer["workbench"]["obligations"]
    with pytest.raises(CertificateError, match="no trusted key"):
        read_receipt(data, [stranger.public])
    forged = data.replace(b'"sig": "', b'"sig": "A', 1)
    with pytest.raises(CertificateError):
        read_receipt(forged, [key.public])


def test_a_receipt_that_nobody_signs_is_refused(running: Running) -> None:
    answer = running.post("/v1/chat/completions", {"messages": TURN, "receipt": True})
    assert answer.status_code == 501
    assert "--key" in answer.text
