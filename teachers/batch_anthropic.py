"""Anthropic's message batches: requests in the call itself, results as a stream of lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from teachers.anthropic import MessagesTeacher
from teachers.batch import BatchJob, Question, Search, batch_error
from teachers.model import Answer, Failure, FailureKind
from teachers.wire import failed


class AnthropicBatchTeacher(MessagesTeacher):
    """A messages teacher that can also be asked by the thousand, within a day, at half price."""

    @contextmanager
    def _border(self) -> Iterator[None]:
        """Turn the SDK's troubles into sentences; those that may pass say so by their class."""
        import anthropic

        try:
            yield
        except anthropic.AnthropicError as error:
            raise batch_error(self._failure(error)) from None

    async def batch_submit(self, job: BatchJob, questions: Sequence[Question]) -> str:
        """Submit all requests in one call; our job id is the beginning of every custom id."""
        with self._border():
            requests = []
            for number, (prompt, sampling) in enumerate(questions):
                body = self.request(prompt, sampling)
                params = {**body, **body.pop("extra_body", {})}
                params.pop("extra_body", None)
                requests.append({"custom_id": job.custom_id(number), "params": params})
            batch = await self._client().messages.batches.create(requests=requests)
            return str(batch.id)

    async def batch_find(self, job: BatchJob) -> str | Search | None:
        """Look for a batch whose first result bears our job id.

        This interface has no metadata and shows custom ids only when a batch has ended. A batch
        that still runs and has as many requests as ours may be ours: sending again could pay
        twice, so that is left undecided until it has ended.
        """
        with self._border():
            client = self._client()
            undecided = False
            async for batch in client.messages.batches.list(limit=100):
                if batch.processing_status != "ended":
                    undecided = undecided or _size(batch.request_counts) == len(job.keys)
                    continue
                async for row in await client.messages.batches.results(batch.id):
                    if str(row.custom_id).rpartition("-")[0] == job.id:
                        return str(batch.id)
                    break
            return Search.UNDECIDED if undecided else None

    async def batch_results(self, job: BatchJob) -> Mapping[str, Answer] | None:
        """Return every result once the batch has ended."""
        with self._border():
            client = self._client()
            batch = await client.messages.batches.retrieve(job.remote_id)
            if batch.processing_status != "ended":
                return None
            found: dict[str, Answer] = {}
            async for row in await client.messages.batches.results(job.remote_id):
                found[str(row.custom_id)] = self._row(row.result)
            return found

    def _row(self, result: Any) -> Answer:
        if result.type == "succeeded":
            try:
                return self.read(result.message, 0.0)
            except ValueError as problem:
                message = f"an entry of the batch is not valid ({problem})"[:300]
                return failed(self._identity, Failure(FailureKind.MALFORMED, message))
        kind = FailureKind.TIMEOUT if result.type == "expired" else FailureKind.SERVER
        return failed(self._identity, Failure(kind, f"the entry of the batch {result.type}"))


def _size(counts: Any) -> int:
    """Return how many requests a batch has, whatever became of them."""
    names = ("processing", "succeeded", "errored", "canceled", "expired")
    return sum(int(getattr(counts, name, 0) or 0) for name in names)
