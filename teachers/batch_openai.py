"""OpenAI's batch interface for chat completions: a file of requests in, files of replies out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from teachers.batch import BatchJob, Question, refused
from teachers.model import Answer, Failure, FailureKind
from teachers.openai import ChatTeacher
from teachers.wire import failed, http_failure

ENDPOINT = "/v1/chat/completions"
_ENDED = ("completed", "expired", "cancelled", "failed")


class OpenAIBatchTeacher(ChatTeacher):
    """A chat teacher that can also be asked by the thousand, within a day, at half price."""

    async def batch_submit(self, job: BatchJob, questions: Sequence[Question]) -> str:
        """Upload the requests and start the batch; our job id goes along as metadata."""
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
        data = ("\n".join(lines) + "\n").encode("utf-8")
        client = self._client()
        file = await client.files.create(file=(f"{job.id}.jsonl", data), purpose="batch")
        batch = await client.batches.create(
            input_file_id=file.id,
            endpoint=ENDPOINT,
            completion_window="24h",
            metadata={"workbench_job": job.id},
        )
        return str(batch.id)

    async def batch_find(self, job: BatchJob) -> str | None:
        """Look among the account's batches for the one with our job id."""
        async for batch in self._client().batches.list(limit=100):
            if (batch.metadata or {}).get("workbench_job") == job.id:
                return str(batch.id)
        return None

    async def batch_results(self, job: BatchJob) -> Mapping[str, Answer] | None:
        """Return what the output and error files hold, once the batch has ended."""
        client = self._client()
        batch = await client.batches.retrieve(job.remote_id)
        if batch.status not in _ENDED:
            return None
        if batch.status == "failed" and not batch.output_file_id:
            errors = getattr(batch.errors, "data", None) or []
            raise refused("OpenAI", "; ".join(str(each.message) for each in errors) or "no reason")
        found: dict[str, Answer] = {}
        for file in (batch.output_file_id, batch.error_file_id):
            if file:
                text = (await client.files.content(file)).text
                for line in text.splitlines():
                    if line.strip():
                        row = json.loads(line)
                        found[str(row.get("custom_id"))] = self._row(row)
        return found

    def _row(self, row: Mapping[str, Any]) -> Answer:
        from openai.types.chat import ChatCompletion

        response, error = row.get("response") or {}, row.get("error")
        status = int(response.get("status_code") or 0)
        if error or status >= 400:
            said = json.dumps(error or response.get("body"))
            return failed(
                self._identity, http_failure(status or 500, said, {}, self._key, "OpenAI")
            )
        try:
            return self.read(ChatCompletion.model_construct(**_deep(response["body"])), 0.0)
        except (ValueError, KeyError, AttributeError, TypeError) as problem:
            message = f"an entry of the batch is not valid ({problem})"[:300]
            return failed(self._identity, Failure(FailureKind.MALFORMED, message))


def _deep(body: Mapping[str, Any]) -> dict[str, Any]:
    """Validate the parts that are read; the rest of a completion is left as it came."""
    from openai.types import CompletionUsage
    from openai.types.chat.chat_completion import Choice
    from openai.types.chat.chat_completion_message import ChatCompletionMessage

    choices = []
    for each in body["choices"]:
        message = ChatCompletionMessage.model_construct(**each["message"])
        choices.append(Choice.model_construct(**{**each, "message": message}))
    usage = body.get("usage")
    return {
        "id": body.get("id"),
        "choices": choices,
        "usage": None if usage is None else CompletionUsage.model_construct(**usage),
    }
