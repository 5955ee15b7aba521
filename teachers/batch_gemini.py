"""Gemini's batches through its OpenAI-compatible interface, with the files where Google keeps them.

Google documents starting and looking up a batch through the compatible interface, and leaving and
fetching its files through the native Files interface (resumable upload, download by name): so both
are used here, with the same key. Written from that documentation; no batch of Google's was run.

What is not documented is not relied on: a batch carries no metadata here. A job that was sent but
not noted is found by the display name of its uploaded file and, through the native list of batches,
by that file; where the file is there and no batch over it is listed, the job stays undecided until
Google deletes the file (after 48 hours), because sending again could pay twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from teachers.batch import BatchJob, Search, batch_error
from teachers.batch_openai import ENDPOINT, OpenAIBatchTeacher
from teachers.model import Failure, FailureKind
from teachers.wire import http_failure, tls

_SUFFIX = "/openai"
_PAGE = 100


class GeminiBatchTeacher(OpenAIBatchTeacher):
    """A Gemini model that can also be asked by the thousand, within a day, at half price."""

    @classmethod
    def speaks(cls, url: str) -> bool:
        """Return whether the native interface is known to stand beside ``url``."""
        return urlsplit(url).path.endswith(_SUFFIX)

    async def _upload(self, job: BatchJob, data: bytes) -> str:
        """Upload in the two steps of the resumable protocol; the file is named after the job."""
        begin = {
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-length": str(len(data)),
            "x-goog-upload-header-content-type": "application/jsonl",
        }
        host, path = self._native()
        started = await self._exchange(
            "POST",
            f"{host}/upload{path}/files",
            headers=begin,
            json={"file": {"display_name": job.id}},
        )
        place = started.headers.get("x-goog-upload-url")
        if not place or urlsplit(place).netloc != urlsplit(host).netloc:
            # The key goes along, so no other machine than the one that was asked will do.
            raise self._unusable("it names no place of its own for the upload")
        done = await self._exchange(
            "POST",
            place,
            headers={"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"},
            content=data,
        )
        return self._name_of(self._json(done).get("file"))

    async def _start(self, job: BatchJob, file: str) -> str:
        batch = await self._client().batches.create(
            input_file_id=file, endpoint=ENDPOINT, completion_window="24h"
        )
        return _bare(str(batch.id))

    async def _download(self, file: str) -> str:
        host, path = self._native()
        reply = await self._exchange("GET", f"{host}/download{path}/{file}:download?alt=media")
        return str(reply.text)

    async def batch_find(self, job: BatchJob) -> str | Search | None:
        """Look for the file named after ``job``, then for the batch over it."""
        file = None
        async for each in self._listed("files", "files"):
            if each.get("displayName") == job.id:
                file = self._name_of(each)
        if file is None:
            return None
        async for each in self._listed("batches", "operations"):
            about = each.get("metadata")
            source = about.get("inputConfig") if isinstance(about, dict) else None
            if isinstance(source, dict) and source.get("fileName") == file:
                return _bare(self._name_of(each))
        return Search.UNDECIDED

    async def _listed(self, what: str, field: str) -> AsyncIterator[dict[str, Any]]:
        """Yield every entry of a native list, page by page."""
        host, path = self._native()
        token = ""
        while True:
            after = f"&pageToken={token}" if token else ""
            page = self._json(
                await self._exchange("GET", f"{host}{path}/{what}?pageSize={_PAGE}{after}")
            )
            for each in page.get(field) or ():
                if isinstance(each, dict):
                    yield each
            token = str(page.get("nextPageToken") or "")
            if not token:
                return

    def _native(self) -> tuple[str, str]:
        """Return the host and the path of the native interface beside the compatible one."""
        parts = urlsplit(self._base_url)
        return f"{parts.scheme}://{parts.netloc}", parts.path.removesuffix(_SUFFIX)

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, **body: Any
    ) -> Any:
        """Send one request to the native interface; raises what ``_border`` lets through."""
        import httpx

        assert self._key is not None  # a hosted profile is never opened without one
        own = {"x-goog-api-key": self._key.reveal(), **(headers or {})}
        with self._transport():
            async with httpx.AsyncClient(
                timeout=self._timeout,
                trust_env=not self._identity.local,
                verify=tls(self._base_url),
            ) as client:
                reply = await client.request(method, url, headers=own, **body)
        if reply.status_code >= 400:
            raise batch_error(
                http_failure(reply.status_code, reply.text, reply.headers, self._key, "gemini")
            )
        return reply

    @contextmanager
    def _transport(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.TimeoutException:
            late = Failure(FailureKind.TIMEOUT, "gemini did not answer in time")
            raise batch_error(late) from None
        except httpx.HTTPError as error:
            said = f"gemini's files cannot be reached ({type(error).__name__})"
            raise batch_error(Failure(FailureKind.NETWORK, said)) from None

    def _json(self, reply: Any) -> dict[str, Any]:
        try:
            found = reply.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self._unusable("it is not the JSON that its documentation describes")
        return found

    def _name_of(self, entry: Any) -> str:
        """Return the resource name of an entry, which later requests are made of."""
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name.replace("/", "").replace("-", "").isalnum():
            raise self._unusable("it names no file or batch")
        return name

    def _unusable(self, why: str) -> Exception:
        return batch_error(Failure(FailureKind.MALFORMED, f"gemini's answer is unusable: {why}"))


def _bare(name: str) -> str:
    """Return a batch's id without its collection: the path it is looked up by has that already."""
    return name.removeprefix("batches/")
