"""Gemini's batches: jobs through the compatible interface, files through the native one."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from teachers import (
    Answer,
    Finish,
    MemoryCache,
    MemoryLedger,
    SqliteBatchStore,
    TeacherError,
    ask_batch,
    open_teacher,
)
from teachers.batch import Batches
from tests.teachers.batch_server import BatchServer
from tests.teachers.test_batch import QUESTIONS, Crash

KEY = "AIza-not-a-real-key"


class GeminiServer(BatchServer):
    """The documented form: compatible batches, a resumable upload, downloads by name."""

    def __init__(self, server: HTTPServer, *, polls: int = 0) -> None:
        super().__init__(server, polls=polls)
        self.root = server.url_for("/v1beta/openai")
        self.names: dict[str, str] = {}
        """File -> the display name that it was uploaded under."""
        self.keys: set[str] = set()
        self.place = server.url_for("/upload/v1beta/files?upload_id=one")
        one = re.compile("/v1beta/openai/batches/.+")
        for path, method, handler in (
            ("/upload/v1beta/files", "POST", self._resumable),
            ("/v1beta/openai/batches", "POST", self._create),
            (one, "GET", self._retrieve),
            (re.compile("/download/v1beta/files/.+"), "GET", self._bytes),
            ("/v1beta/files", "GET", self._files),
            ("/v1beta/batches", "GET", self._operations),
        ):
            server.expect_request(path, method=method).respond_with_handler(handler)

    def _resumable(self, request: Request) -> Response:
        self.keys.add(request.headers["x-goog-api-key"])
        if request.headers["x-goog-upload-command"] == "start":
            assert request.headers["x-goog-upload-protocol"] == "resumable"
            name = f"files/f{len(self.names)}"
            self.names[name] = json.loads(request.data)["file"]["display_name"]
            return Response("{}", headers={"x-goog-upload-url": self.place})
        assert request.headers["x-goog-upload-command"] == "upload, finalize"
        name = list(self.names)[-1]
        lines = request.data.decode().splitlines()
        self.files[name] = [json.loads(line) for line in lines]
        return Response(json.dumps({"file": {"name": name, "displayName": self.names[name]}}))

    def _create(self, request: Request) -> Response:
        asked = json.loads(request.data)
        assert "metadata" not in asked, "not documented there"
        request_data = json.dumps({**asked, "metadata": None})
        return super()._create(Request.from_values(data=request_data, method="POST"))

    def _run(self, batch: dict[str, Any]) -> None:
        super()._run(batch)
        for field in ("output_file_id", "error_file_id"):
            self.files[f"files/{batch[field]}"] = self.files.pop(batch[field])
            batch[field] = f"files/{batch[field]}"

    def _bytes(self, request: Request) -> Response:
        assert request.args["alt"] == "media"
        name = request.path.removeprefix("/download/v1beta/").removesuffix(":download")
        return Response("".join(json.dumps(row) + "\n" for row in self.files[name]))

    def _files(self, request: Request) -> Response:
        # One entry a page, so that pages are turned.
        names = list(self.names)
        place = int(request.args.get("pageToken", 0))
        page: dict[str, Any] = {}
        if place < len(names):
            page["files"] = [{"name": names[place], "displayName": self.names[names[place]]}]
        if place + 1 < len(names):
            page["nextPageToken"] = str(place + 1)
        return Response(json.dumps(page))

    def _operations(self, request: Request) -> Response:
        found = []
        for name, batch in self.batches.items():
            about = {"inputConfig": {"fileName": batch["input_file_id"]}}
            found.append({"name": f"batches/{name}", "metadata": about})
        return Response(json.dumps({"operations": found}))


def env(server: GeminiServer) -> dict[str, str]:
    return {"GEMINI_API_KEY": KEY, "GEMINI_BASE_URL": server.root}


def run(server: GeminiServer, folder: Path) -> list[Answer]:
    """Ask all questions as a process that starts anew would."""

    async def go() -> list[Answer]:
        teacher: Any = open_teacher("gemini:gemini-2.5-flash", env(server))
        store = SqliteBatchStore(folder / "b.db")
        try:
            return await ask_batch(
                teacher, QUESTIONS, cache=MemoryCache(), ledger=MemoryLedger(), store=store,
                poll_seconds=0.01,
            )  # fmt: skip
        finally:
            store.close()
            await teacher.close()

    return asyncio.run(go())


def test_gemini_batches_upload_natively_and_start_through_the_compatible_interface(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    server = GeminiServer(httpserver, polls=1)
    server.fail, server.expire = {"q2"}, {"q4"}
    answers = run(server, tmp_path)
    assert all(answer.finish is Finish.STOP for answer in answers)
    assert {answer.cost for answer in answers} != {None}, "the batch has a price"
    assert set(server.paid.values()) == {1}, "what failed and what expired is sent again, once"
    assert server.keys == {KEY}
    sent = server.files["files/f0"][0]
    assert sent["url"] == "/v1/chat/completions"
    assert sent["body"]["model"] == "gemini-2.5-flash"


def test_a_gemini_batch_that_was_sent_and_not_noted_is_found_by_its_file(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    server = GeminiServer(httpserver)
    server.names["files/other"] = "somebody else's"

    async def die() -> None:
        teacher: Any = open_teacher("gemini:m", env(server))
        store = SqliteBatchStore(tmp_path / "b.db")
        start = teacher._start

        async def started(*args: Any) -> str:
            await start(*args)
            raise Crash

        teacher._start = started
        try:
            await Batches(teacher, MemoryCache(), MemoryLedger(), store).advance(QUESTIONS)
        finally:
            store.close()
            await teacher.close()

    with pytest.raises(Crash):
        asyncio.run(die())
    # The same name as before: a run that starts anew finds the batch instead of sending another.
    for_model = [row["body"]["model"] for row in server.files["files/f1"]]
    assert set(for_model) == {"m"}

    async def again() -> tuple[int, int]:
        teacher: Any = open_teacher("gemini:m", env(server))
        store = SqliteBatchStore(tmp_path / "b.db")
        try:
            batches = Batches(teacher, MemoryCache(), MemoryLedger(), store)
            progress = await batches.advance(QUESTIONS)
            return len(progress.answers), len(server.batches)
        finally:
            store.close()
            await teacher.close()

    assert asyncio.run(again()) == (6, 1)


def test_a_file_without_a_listed_batch_stays_undecided(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    server = GeminiServer(httpserver)

    async def go() -> tuple[int, int, int]:
        teacher: Any = open_teacher("gemini:m", env(server))
        store = SqliteBatchStore(tmp_path / "b.db")

        async def never(*args: Any) -> str:
            raise Crash

        teacher._start = never
        try:
            batches = Batches(teacher, MemoryCache(), MemoryLedger(), store)
            with pytest.raises(Crash):
                await batches.advance(QUESTIONS)
            waiting = await batches.advance(QUESTIONS)
            server.names.clear()  # deleted after two days: now it certainly never ran
            del teacher._start
            sent = await batches.advance(QUESTIONS)
            return waiting.jobs, sent.jobs, len(server.batches)
        finally:
            store.close()
            await teacher.close()

    assert asyncio.run(go()) == (1, 1, 1)


def test_an_upload_place_on_another_machine_is_not_followed(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    server = GeminiServer(httpserver)
    server.place = "https://elsewhere.invalid/upload"
    with pytest.raises(TeacherError, match="no place of its own"):
        run(server, tmp_path)


def test_a_refused_upload_says_so_without_the_key(httpserver: HTTPServer, tmp_path: Path) -> None:
    error = {"error": {"message": f"API key {KEY} not valid"}}
    httpserver.expect_request("/upload/v1beta/files").respond_with_json(error, status=400)
    names = {"GEMINI_API_KEY": KEY, "GEMINI_BASE_URL": httpserver.url_for("/v1beta/openai")}

    async def go() -> None:
        teacher: Any = open_teacher("gemini:m", names)
        store = SqliteBatchStore(tmp_path / "b.db")
        try:
            await Batches(teacher, MemoryCache(), MemoryLedger(), store).advance(QUESTIONS)
        finally:
            store.close()
            await teacher.close()

    with pytest.raises(TeacherError) as caught:
        asyncio.run(go())
    assert "HTTP 400" in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_gemini_address_of_another_form_is_asked_one_by_one() -> None:
    names = {"GEMINI_API_KEY": KEY, "GEMINI_BASE_URL": "http://localhost:9/v1"}
    assert not hasattr(open_teacher("gemini:m", names), "batch_submit")
