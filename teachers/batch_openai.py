"""OpenAI's batch interface for chat completions: a file of requests in, files of replies out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from teachers.batch import BatchJob, Question, Search, batch_error, refused
from teachers.model import Answer, Failure, FailureKind
from teachers.openai import ChatTeacher
from teachers.wire import failed, http_failure

ENDPOINT = "/v1/chat/completions"
_ENDED = ("completed", "expired", "cancelled", "failed")


class OpenAIBatchTeacher(ChatTeacher):
    """A chat teacher that can also be asked by the thousand, within a day, at half price."""

    @contextmanager
    def _border(self) -> Iterator[None]:
        """Turn the SDK's troubles into sentences; those that may pass say so by their class."""
        import openai

        try:
            yield
        except openai.OpenAIError as error:
            raise batch_error(self._failure(error)) from None

    async def batch_submit(self, job: BatchJob, questions: Sequence[Question]) -> str:
        """Upload the requests and start the batch; our job id goes along as metadata."""
        with self._border():
            lines = [
                json.dumps(
                    {
                        "custom_id": job.custom_id(number),
                        "method": "POST",
                        "url": ENDPOINT,
                        "body": self.request(prompt, sampling),
                    }
                )
                for number, (prompt, sampling) in enumerate(questions)
            ]
            file = await self._upload(job, ("\n".join(lines) + "\n").encode("utf-8"))
            return await self._start(job, file)

    async def _upload(self, job: BatchJob, data: bytes) -> str:
        """Leave the requests with the provider and return the name of their file."""
        file = await self._client().files.create(file=(f"{job.id}.jsonl", data), purpose="batch")
        return str(file.id)

    async def _start(self, job: BatchJob, file: str) -> str:
        """Start the batch over an uploaded file and return its id."""
        batch = await self._client().batches.create(
            input_file_id=file,
            endpoint=ENDPOINT,
            completion_window="24h",
            metadata={"workbench_job": job.id},
        )
        return str(batch.id)

    async def _download(self, file: str) -> str:
        """Return the text of a file of results."""
        return str((await self._client().files.content(file)).text)

    async def batch_find(self, job: BatchJob) -> str | Search | None:
        """Look among the account's batches for the one with our job id."""
        with self._border():
            async for batch in self._client().batches.list(limit=100):
                if (batch.metadata or {}).get("workbench_job") == job.id:
                    return str(batch.id)
            return None

    async def batch_results(self, job: BatchJob) -> Mapping[str, Answer] | None:
        """Return what the output and error files hold, once the batch has ended."""
        with self._border():
            batch = await self._client().batches.retrieve(job.remote_id)
            if batch.status not in _ENDED:
                return None
            if batch.status == "failed" and not batch.output_file_id:
                errors = getattr(batch.errors, "data", None) or []
                raise refused(
                    self._identity.provider,
                    "; ".join(str(each.message) for each in errors) or "no reason",
                )
            found: dict[str, Answer] = {}
            for file in (batch.output_file_id, batch.error_file_id):
                text = await self._download(file) if file else ""
                for line in text.splitlines():
                    name, answer = self._line(line)
                    found[name] = answer
            return found

    def _line(self, line: str) -> tuple[str, Answer]:
        """Return a line's custom id and answer; "" for a line that cannot be read."""
        try:
            row = json.loads(line)
            return str(row["custom_id"]), self._row(row)
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            message = f"a line of the batch is not valid ({type(problem).__name__})"
            return "", failed(self._identity, Failure(FailureKind.MALFORMED, message))

    def _row(self, row: Mapping[str, Any]) -> Answer:
        response, error = row.get("response") or {}, row.get("error")
        status = int(response.get("status_code") or 0)
        if error or status >= 400:
            said = json.dumps(error or response.get("body"))
            who = self._identity.provider
            return failed(self._identity, http_failure(status or 500, said, {}, self._key, who))
        try:
            return self.read(response.get("body"), 0.0)
        except ValueError as problem:
            message = f"an entry of the batch is not valid ({problem})"[:300]
            return failed(self._identity, Failure(FailureKind.MALFORMED, message))
