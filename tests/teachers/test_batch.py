"""Batches: unordered, partly failed, expired or interrupted, every row ends and is paid once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from teachers import (
    Answer,
    BatchJob,
    FailureKind,
    Finish,
    Identity,
    MemoryCache,
    MemoryLedger,
    Price,
    PriceBook,
    Prompt,
    Sampling,
    SqliteBatchStore,
    TeacherError,
    Usage,
    ask_batch,
    open_teacher,
)
from teachers.batch import Batches, Progress, Question, Search
from teachers.budget import Budget, Purse
from tests.teachers.fault_server import TEXT, reply
from tests.teachers.test_gateway import bad, good

FAR = Identity("far", "m")
PRICES = PriceBook({("far", "m"): Price(Decimal(2), Decimal(4))})
QUESTIONS: list[Question] = [(Prompt.of(f"q{n}"), Sampling()) for n in range(6)]


class Crash(BaseException):
    """Stands for kill -9: nothing in the code under test catches it."""


class Provider:
    """A provider's batches: remote id -> custom id -> text. ``lose`` and ``die`` are planned."""

    def __init__(self) -> None:
        self.batches: dict[str, dict[str, str]] = {}
        self.owners: dict[str, str] = {}
        self.paid: list[str] = []
        self.expire: set[str] = set()
        self.die_after_submit = False
        self.polls = 0

    name = "far:m"
    identity = FAR

    async def answer(self, prompt: Prompt, sampling: Sampling) -> Answer:
        raise AssertionError("a batch asks nothing one by one")

    async def close(self) -> None:
        return None

    async def batch_submit(self, job: BatchJob, questions: Sequence[Question]) -> str:
        remote = f"remote-{len(self.batches)}"
        texts = [prompt.messages[0].content for prompt, _ in questions]
        self.batches[remote] = {job.custom_id(n): text for n, text in enumerate(texts)}
        self.owners[job.id] = remote
        self.paid += [text for text in texts if text not in self.expire]
        if self.die_after_submit:
            self.die_after_submit = False
            raise Crash
        return remote

    async def batch_find(self, job: BatchJob) -> str | None:
        return self.owners.get(job.id)

    async def batch_results(self, job: BatchJob) -> Mapping[str, Answer] | None:
        self.polls += 1
        if self.polls % 2:
            return None
        assert job.remote_id is not None
        rows = list(self.batches[job.remote_id].items())[::-1]
        usage = Usage(1_000_000, 0)
        found = {}
        for custom, text in rows:
            if text in self.expire:
                found[custom] = bad(FailureKind.TIMEOUT, FAR)
            else:
                found[custom] = replace(good(FAR), text=f"answer to {text}", usage=usage)
        self.expire.clear()
        return found


def run(provider: Provider, folder: Path, cache: MemoryCache, ledger: MemoryLedger) -> list[Answer]:
    """Ask all questions in batches, as a process that starts anew would."""
    store = SqliteBatchStore(folder / "batches.db")
    try:
        return asyncio.run(
            ask_batch(
                provider, QUESTIONS, cache=cache, ledger=ledger, store=store, prices=PRICES,
                poll_seconds=0.001,
            )
        )  # fmt: skip
    finally:
        store.close()


def test_unordered_results_reach_their_questions_at_half_price(tmp_path: Path) -> None:
    provider, ledger = Provider(), MemoryLedger()
    answers = run(provider, tmp_path, MemoryCache(), ledger)
    assert [answer.text for answer in answers] == [f"answer to q{n}" for n in range(6)]
    assert {answer.cost for answer in answers} == {Decimal(1)}
    assert ledger.spent() == Decimal(6)


def test_expired_entries_are_sent_again_and_the_others_are_not(tmp_path: Path) -> None:
    provider, ledger = Provider(), MemoryLedger()
    provider.expire = {"q1", "q4"}
    answers = run(provider, tmp_path, MemoryCache(), ledger)
    assert all(answer.finish is Finish.STOP for answer in answers)
    assert [len(batch) for batch in provider.batches.values()] == [6, 2]
    assert sorted(provider.paid) == [f"q{n}" for n in range(6)]


def test_a_crash_between_sending_and_noting_the_id_pays_nothing_twice(tmp_path: Path) -> None:
    provider, cache, ledger = Provider(), MemoryCache(), MemoryLedger()
    provider.die_after_submit = True
    with pytest.raises(Crash):
        run(provider, tmp_path, cache, ledger)
    answers = run(provider, tmp_path, cache, ledger)
    assert all(answer.finish is Finish.STOP for answer in answers)
    assert len(provider.batches) == 1
    assert ledger.spent() == Decimal(6)


def test_a_second_run_sends_nothing(tmp_path: Path) -> None:
    provider, cache, ledger = Provider(), MemoryCache(), MemoryLedger()
    run(provider, tmp_path, cache, ledger)
    again = run(provider, tmp_path, cache, ledger)
    assert len(provider.batches) == 1
    assert all(answer.cached for answer in again)


def test_what_never_comes_is_a_failure_in_its_place(tmp_path: Path) -> None:
    class Stubborn(Provider):
        async def batch_results(self, job: BatchJob) -> Mapping[str, Answer] | None:
            self.expire = {"q3"}
            self.polls = 1
            return await super().batch_results(job)

    answers = run(Stubborn(), tmp_path, MemoryCache(), MemoryLedger())
    finishes = [answer.finish for answer in answers]
    assert finishes.count(Finish.FAILED) == 1
    assert finishes[3] is Finish.FAILED


def test_a_cut_answer_is_not_bought_again_while_others_are_mended(tmp_path: Path) -> None:
    class Cutting(Provider):
        async def batch_results(self, job: BatchJob) -> Mapping[str, Answer] | None:
            found = await super().batch_results(job)
            if found is None:
                return None
            return {
                name: replace(answer, finish=Finish.LENGTH) if answer.text == "answer to q1"
                else answer
                for name, answer in found.items()
            }  # fmt: skip

    provider, ledger = Cutting(), MemoryLedger()
    provider.expire = {"q4"}
    answers = run(provider, tmp_path, MemoryCache(), ledger)
    assert [len(batch) for batch in provider.batches.values()] == [6, 1]
    assert answers[1].finish is Finish.LENGTH
    assert sorted(provider.paid) == [f"q{n}" for n in range(6)]


def test_a_job_without_an_id_that_may_still_run_is_neither_sent_again_nor_forgotten(
    tmp_path: Path,
) -> None:
    class Unsure(Provider):
        def __init__(self) -> None:
            super().__init__()
            self.unsure = 2

        async def batch_find(self, job: BatchJob) -> str | Search | None:
            self.unsure -= 1
            return Search.UNDECIDED if self.unsure >= 0 else self.owners.get(job.id)

    provider, cache, ledger = Unsure(), MemoryCache(), MemoryLedger()
    provider.die_after_submit = True
    with pytest.raises(Crash):
        run(provider, tmp_path, cache, ledger)
    answers = run(provider, tmp_path, cache, ledger)
    assert all(answer.finish is Finish.STOP for answer in answers)
    assert len(provider.batches) == 1


def test_a_cap_stops_a_batch_before_it_leaves_and_counts_what_is_under_way(
    tmp_path: Path,
) -> None:
    async def go() -> tuple[Progress, Progress]:
        provider, ledger = Provider(), MemoryLedger()
        store = SqliteBatchStore(tmp_path / "b.db")
        budget = Budget(per_run=Decimal("0.02"))
        many = [(Prompt.of(f"n{n}"), Sampling(max_tokens=1000)) for n in range(20)]

        def batches() -> Batches:
            purse = Purse(budget, ledger, "")
            return Batches(provider, MemoryCache(), ledger, store, "", PRICES, purse=purse)

        first = await batches().advance(many[:8])
        # Another process: the eight are under way and set aside, so no four more fit.
        second = await batches().advance(many[:12])
        store.close()
        return first, second

    first, second = asyncio.run(go())
    assert (first.jobs, first.refused) == (1, None)
    assert second.refused is not None
    assert "cap of $0.02" in second.refused
    # Each may cost a little over two tenths of a cent: one more fits, the other three wait.
    assert (second.jobs, second.held) == (2, 3)


def test_what_a_cap_holds_back_is_sent_when_money_set_aside_comes_free(tmp_path: Path) -> None:
    provider, ledger, store = Provider(), MemoryLedger(), SqliteBatchStore(tmp_path / "b.db")
    # Six questions of at most 4,003 tokens out cost 0.8 cents each at half price; they come to 1.
    many = [(Prompt.of(f"n{n}"), Sampling(max_tokens=4000)) for n in range(6)]
    cheap = PriceBook({("far", "m"): Price(Decimal("0.002"), Decimal(4))})
    purse = Purse(Budget(per_run=Decimal("0.02")), ledger, "")
    batches = Batches(provider, MemoryCache(), ledger, store, "", cheap, purse=purse)

    async def go() -> list[tuple[int, int]]:
        steps = []
        for _ in range(12):
            progress = await batches.advance(many)
            steps.append((len(progress.answers), progress.held))
        return steps

    steps = asyncio.run(go())
    store.close()
    assert steps[0] == (0, 4), "two fit at first"
    assert steps[-1] == (6, 0), "what they left over paid for the others"
    assert sorted(provider.paid) == sorted(f"n{n}" for n in range(6)), "each was sent once"
    assert purse.spent == Decimal("0.006")


def ask(name: str, env: dict[str, str], folder: Path) -> list[Answer]:
    """Ask two questions in a batch of a real SDK against a planned server."""

    async def go() -> list[Answer]:
        teacher: Any = open_teacher(name, env)
        store = SqliteBatchStore(folder / "b.db")
        try:
            return await ask_batch(
                teacher, QUESTIONS[:2], cache=MemoryCache(), ledger=MemoryLedger(), store=store,
                attempts=1, poll_seconds=0.01,
            )  # fmt: skip
        finally:
            store.close()
            await teacher.close()

    return asyncio.run(go())


def test_openai_batches_speak_files_and_custom_ids(httpserver: HTTPServer, tmp_path: Path) -> None:
    sent: dict[str, Any] = {}

    def upload(request: Request) -> Response:
        data = request.files["file"].read().decode()
        sent["rows"] = [json.loads(line) for line in data.splitlines()]
        whole = {"id": "file-in", "object": "file", "bytes": 1, "created_at": 1, "filename": "x",
                 "purpose": "batch", "status": "processed"}  # fmt: skip
        return Response(json.dumps(whole), content_type="application/json")

    def batch(status: str) -> dict[str, Any]:
        return {"id": "batch-1", "object": "batch", "endpoint": "/v1/chat/completions",
                "completion_window": "24h", "created_at": 1, "input_file_id": "file-in",
                "status": status, "output_file_id": "file-out",
                "error_file_id": "file-err", "metadata": {}}  # fmt: skip

    def content(request: Request) -> Response:
        first, second = (row["custom_id"] for row in sent["rows"])
        body = json.loads(reply("/chat/completions", TEXT, "stop", stream=False)[1])
        if request.path.endswith("file-out/content"):
            row = {"custom_id": second, "response": {"status_code": 200, "body": body}}
        else:
            error = {"error": {"message": "planned"}}
            row = {"custom_id": first, "response": {"status_code": 500, "body": error}}
        return Response(json.dumps(row) + "\n")

    httpserver.expect_request("/v1/files", method="POST").respond_with_handler(upload)
    none = {"object": "list", "data": [], "has_more": False}
    httpserver.expect_request("/v1/batches", method="GET").respond_with_json(none)
    httpserver.expect_request("/v1/batches", method="POST").respond_with_json(batch("validating"))
    states = iter(["in_progress", "completed"])

    def retrieve(request: Request) -> Response:
        return Response(json.dumps(batch(next(states))), content_type="application/json")

    httpserver.expect_request("/v1/batches/batch-1").respond_with_handler(retrieve)
    for name in ("file-out", "file-err"):
        httpserver.expect_request(f"/v1/files/{name}/content").respond_with_handler(content)
    env = {"OPENAI_API_KEY": "sk-0123456789", "OPENAI_BASE_URL": httpserver.url_for("/v1")}
    broken, whole = ask("openai:m", env, tmp_path)
    assert whole.text == TEXT
    assert whole.usage.input_tokens == 11
    assert broken.failure is not None
    assert broken.failure.kind is FailureKind.SERVER
    assert sent["rows"][0]["body"]["messages"] == [{"role": "user", "content": "q0"}]


def test_a_batch_that_is_refused_as_a_whole_says_why(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    errors = {"object": "list", "data": [{"message": "too many tokens enqueued"}]}
    base = {"id": "b", "object": "batch", "endpoint": "/v1/chat/completions", "created_at": 1,
            "completion_window": "24h", "input_file_id": "f", "status": "failed",
            "errors": errors}  # fmt: skip
    file = {"id": "f", "object": "file", "bytes": 1, "created_at": 1, "filename": "x",
            "purpose": "batch", "status": "processed"}  # fmt: skip
    httpserver.expect_request("/v1/files").respond_with_json(file)
    none = {"object": "list", "data": [], "has_more": False}
    httpserver.expect_request("/v1/batches", method="GET").respond_with_json(none)
    httpserver.expect_request("/v1/batches", method="POST").respond_with_json(base)
    httpserver.expect_request("/v1/batches/b").respond_with_json(base)
    env = {"OPENAI_API_KEY": "sk-0123456789", "OPENAI_BASE_URL": httpserver.url_for("/v1")}
    with pytest.raises(TeacherError, match="too many tokens enqueued"):
        ask("openai:m", env, tmp_path)


def test_anthropic_batches_match_results_by_custom_id(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    sent: dict[str, Any] = {}

    def batch(status: str) -> dict[str, Any]:
        counts = {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 1}
        return {"id": "mb-1", "type": "message_batch", "processing_status": status,
                "request_counts": counts, "created_at": "2026-01-01T00:00:00Z",
                "expires_at": "2026-01-02T00:00:00Z", "ended_at": None, "archived_at": None,
                "cancel_initiated_at": None,
                "results_url": httpserver.url_for("/v1/messages/batches/mb-1/results")}  # fmt: skip

    def create(request: Request) -> Response:
        sent["requests"] = json.loads(request.data)["requests"]
        return Response(json.dumps(batch("in_progress")), content_type="application/json")

    def results(request: Request) -> Response:
        first, second = (row["custom_id"] for row in sent["requests"])
        message = json.loads(reply("/messages", TEXT, "stop", stream=False)[1])
        rows = [
            {"custom_id": second, "result": {"type": "succeeded", "message": message}},
            {"custom_id": first, "result": {"type": "expired"}},
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        return Response(lines, content_type="application/x-jsonl")

    root = "/v1/messages/batches"
    none = {"data": [], "has_more": False, "first_id": None, "last_id": None}
    httpserver.expect_request(root, method="GET").respond_with_json(none)
    httpserver.expect_request(root, method="POST").respond_with_handler(create)
    httpserver.expect_request(f"{root}/mb-1").respond_with_json(batch("ended"))
    httpserver.expect_request(f"{root}/mb-1/results").respond_with_handler(results)
    env = {"ANTHROPIC_API_KEY": "sk-0123456789",
           "ANTHROPIC_BASE_URL": httpserver.url_for("").rstrip("/")}  # fmt: skip
    expired, whole = ask("anthropic:m", env, tmp_path)
    assert whole.text == TEXT
    assert expired.failure is not None
    assert expired.failure.kind is FailureKind.TIMEOUT
    assert sent["requests"][0]["params"]["temperature"] == 0.0
