"""Batch interfaces at half price: submit once, survive a crash, lose and pay nothing twice.

A job is stored *before* it leaves (``BatchStore.save``) and carries its own id to the provider, so
that a process killed between sending and storing the remote id finds its job again by asking the
provider. Results are matched by custom id, whatever their order; what failed or expired goes into
the next job; whole answers go to the cache and to the ledger as they come.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from teachers.cache import AnswerCache
from teachers.codec import request_key
from teachers.errors import TeacherError
from teachers.gateway import CACHED
from teachers.ledger import Ledger, LedgerEntry
from teachers.model import Answer, Failure, FailureKind, Finish, Prompt, Sampling
from teachers.pricing import PriceBook
from teachers.protocol import Teacher
from teachers.wire import failed

HALF = Decimal("0.5")
"""OpenAI's and Anthropic's price of a batch request, relative to a single one."""

Question = tuple[Prompt, Sampling]


@dataclass(frozen=True, slots=True)
class BatchJob:
    """One batch at one provider. ``keys`` are the request keys; entry n has custom id ``ID-n``."""

    id: str
    provider: str
    model: str
    keys: tuple[str, ...]
    remote_id: str | None = None
    done: bool = False

    def custom_id(self, number: int) -> str:
        """Return the name of entry ``number`` at the provider (64 characters at most)."""
        return f"{self.id}-{number}"


class BatchStore(Protocol):
    """Where jobs are kept, durably."""

    def save(self, job: BatchJob) -> None:
        """Insert or replace ``job`` by its id."""
        ...

    def open_jobs(self, provider: str, model: str) -> list[BatchJob]:
        """Return the jobs that are not done, oldest first."""
        ...


class SqliteBatchStore:
    """Jobs in one SQLite file."""

    def __init__(self, path: Path | str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS batch (id TEXT PRIMARY KEY, provider TEXT, model TEXT, "
            "keys TEXT, remote_id TEXT, done INTEGER)"
        )

    def save(self, job: BatchJob) -> None:
        """See ``BatchStore``."""
        self._connection.execute(
            "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "remote_id = excluded.remote_id, done = excluded.done",
            (job.id, job.provider, job.model, json.dumps(job.keys), job.remote_id, job.done),
        )

    def open_jobs(self, provider: str, model: str) -> list[BatchJob]:
        """See ``BatchStore``."""
        rows = self._connection.execute(
            "SELECT id, provider, model, keys, remote_id FROM batch "
            "WHERE done = 0 AND provider = ? AND model = ? ORDER BY rowid",
            (provider, model),
        ).fetchall()
        return [BatchJob(a, b, c, tuple(json.loads(d)), e) for a, b, c, d, e in rows]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class BatchTeacher(Teacher, Protocol):
    """A teacher whose provider has a batch interface."""

    async def batch_submit(self, job: BatchJob, questions: Sequence[Question]) -> str:
        """Submit and return the remote id."""
        ...

    async def batch_find(self, job: BatchJob) -> str | None:
        """Return the remote id of a job that was sent but not noted, or None if it never was."""
        ...

    async def batch_results(self, job: BatchJob) -> Mapping[str, Answer] | None:
        """Return answers by custom id once the batch has ended (partly or whole); else None."""
        ...


async def ask_batch(
    teacher: BatchTeacher,
    questions: Sequence[Question],
    *,
    cache: AnswerCache,
    ledger: Ledger,
    store: BatchStore,
    run_id: str = "",
    prices: PriceBook | None = None,
    attempts: int = 3,
    poll_seconds: float = 30.0,
) -> list[Answer]:
    """Return one answer a question, in order, through at most ``attempts`` batches of the missing.

    Call it again after a crash: jobs in flight are awaited, not sent again. What never came is
    FAILED with the last reason. Raises ``TeacherError`` when the provider refuses a whole batch.
    """
    identity = teacher.identity
    keys = [request_key(identity, prompt, sampling) for prompt, sampling in questions]
    known: dict[str, Answer] = {}
    by_key = dict(zip(keys, questions, strict=True))
    for job in store.open_jobs(identity.provider, identity.model):
        known |= await _finish(
            teacher,
            job,
            by_key,
            cache,
            ledger,
            store,
            run_id,
            prices,
            poll_seconds,
            fresh=False,
        )
    for _ in range(attempts):
        missing = [key for key in by_key if not _whole(_look(key, known, cache))]
        if not missing:
            break
        name = f"wb{uuid.uuid4().hex[:24]}"
        job = BatchJob(name, identity.provider, identity.model, tuple(missing))
        store.save(job)
        known |= await _finish(
            teacher,
            job,
            by_key,
            cache,
            ledger,
            store,
            run_id,
            prices,
            poll_seconds,
            fresh=True,
        )
    found = [_look(key, known, cache) for key in keys]
    absent = Failure(FailureKind.SERVER, "the batch ended without this answer")
    return [each or failed(identity, absent) for each in found]


def _look(key: str, known: Mapping[str, Answer], cache: AnswerCache) -> Answer | None:
    return known.get(key) or cache.get(key)


def _whole(answer: Answer | None) -> bool:
    """Whether asking again is useless: there is an answer, or a refusal that is one."""
    return answer is not None and answer.finish is not Finish.FAILED


async def _finish(
    teacher: BatchTeacher,
    job: BatchJob,
    by_key: Mapping[str, Question],
    cache: AnswerCache,
    ledger: Ledger,
    store: BatchStore,
    run_id: str,
    prices: PriceBook | None,
    poll_seconds: float,
    *,
    fresh: bool,
) -> dict[str, Answer]:
    """Bring ``job`` from wherever it stands to its end; return its answers by request key.

    A job that is not ``fresh`` may have been sent by a process that died: it is looked for first.
    """
    if job.remote_id is None:
        remote = None if fresh else await teacher.batch_find(job)
        if remote is None:
            if not all(key in by_key for key in job.keys):
                # It never left and its questions are not at hand: whoever asks them sends them.
                store.save(replace(job, done=True))
                return {}
            remote = await teacher.batch_submit(job, [by_key[key] for key in job.keys])
        job = replace(job, remote_id=remote)
        store.save(job)
    results = await teacher.batch_results(job)
    while results is None:
        await asyncio.sleep(poll_seconds)
        results = await teacher.batch_results(job)
    book = prices or PriceBook()
    found: dict[str, Answer] = {}
    for number, key in enumerate(job.keys):
        answer = results.get(job.custom_id(number))
        if answer is None:
            continue
        full = book.cost(teacher.identity, answer.usage)
        answer = replace(answer, cost=None if full is None else full * HALF)
        found[key] = answer
        if cache.get(key) is None:
            if answer.finish in CACHED:
                cache.put(key, answer)
            failure = answer.failure
            status = "ok" if failure is None else failure.kind.value
            entry = LedgerEntry(
                run_id, job.provider, job.model, key, answer.usage, answer.cost, status
            )
            ledger.record(replace(entry, request_id=answer.request_id))
    store.save(replace(job, done=True))
    return found


def refused(who: str, why: str) -> TeacherError:
    """Return the error for a batch that the provider would not take as a whole."""
    return TeacherError(f"{who} refused the batch: {why}; send fewer requests or ask one by one")
