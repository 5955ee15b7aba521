"""OpenAI's batch interface in memory, on loopback: unordered, partly failed, expired when told to.

``paid`` counts how often each request was really carried out. ``on_create`` may kill the client at
the worst moment: the batch exists and the client has not heard of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.teachers.fault_server import TEXT, reply


class BatchServer:
    """Set it up on ``server``; its base URL is ``url``."""

    def __init__(self, server: HTTPServer, *, polls: int = 1) -> None:
        self.url = server.url_for("/v1")
        self.files: dict[str, list[dict[str, Any]]] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.paid: Counter[str] = Counter()
        self.fail: set[str] = set()
        """Questions whose next execution fails."""
        self.expire: set[str] = set()
        self.left = polls
        """Polls before the next batch has ended."""
        self.on_create: Callable[[], None] = lambda: None
        server.expect_request("/v1/files", method="POST").respond_with_handler(self._upload)
        server.expect_request("/v1/batches", method="POST").respond_with_handler(self._create)
        server.expect_request("/v1/batches", method="GET").respond_with_handler(self._list)
        import re

        one = re.compile("/v1/batches/.+")
        server.expect_request(one, method="GET").respond_with_handler(self._retrieve)
        content = re.compile("/v1/files/.+/content")
        server.expect_request(content, method="GET").respond_with_handler(self._content)

    def _upload(self, request: Request) -> Response:
        name = f"file-{len(self.files)}"
        data = request.files["file"].read().decode()
        self.files[name] = [json.loads(line) for line in data.splitlines()]
        return _json({"id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "x",
                      "purpose": "batch", "status": "processed"})  # fmt: skip

    def _create(self, request: Request) -> Response:
        asked = json.loads(request.data)
        name = f"batch-{len(self.batches)}"
        self.batches[name] = {
            "id": name, "object": "batch", "endpoint": asked["endpoint"],
            "completion_window": "24h", "created_at": 1,
            "input_file_id": asked["input_file_id"], "status": "in_progress",
            "output_file_id": None, "error_file_id": None, "metadata": asked["metadata"],
        }  # fmt: skip
        self.on_create()
        return _json(self.batches[name])

    def _list(self, request: Request) -> Response:
        return _json({"object": "list", "data": list(self.batches.values()), "has_more": False})

    def _retrieve(self, request: Request) -> Response:
        batch = self.batches[request.path.rsplit("/", 1)[1]]
        if batch["status"] == "in_progress":
            if self.left > 0:
                self.left -= 1
            else:
                self._run(batch)
        return _json(batch)

    def _run(self, batch: dict[str, Any]) -> None:
        done, errors = [], []
        for row in self.files[batch["input_file_id"]]:
            question = row["body"]["messages"][-1]["content"]
            if question in self.expire:
                self.expire.discard(question)
                error = {"code": "batch_expired", "message": "not carried out in time"}
                errors.append({"custom_id": row["custom_id"], "response": None, "error": error})
                continue
            if question in self.fail:
                self.fail.discard(question)
                body = {"error": {"message": "planned"}}
                response = {"status_code": 500, "body": body}
                errors.append({"custom_id": row["custom_id"], "response": response})
                continue
            self.paid[question] += 1
            body = json.loads(reply("/chat/completions", TEXT, "stop", stream=False)[1])
            response = {"status_code": 200, "body": body}
            done.append({"custom_id": row["custom_id"], "response": response})
        name = batch["id"]
        self.files[f"{name}-out"], self.files[f"{name}-err"] = done[::-1], errors
        batch["output_file_id"], batch["error_file_id"] = f"{name}-out", f"{name}-err"
        batch["status"] = "expired" if errors else "completed"

    def _content(self, request: Request) -> Response:
        rows = self.files[request.path.split("/")[3]]
        return Response("".join(json.dumps(row) + "\n" for row in rows))


def _json(value: dict[str, Any]) -> Response:
    return Response(json.dumps(value), content_type="application/json")
