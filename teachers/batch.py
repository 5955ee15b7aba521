"""Batch interfaces at half price: submit once, survive a crash, lose and pay nothing twice.

A job is stored *before* it leaves (``BatchStore.save``) and carries its own id to the provider, so
that a process killed between sending and storing the remote id finds its job again by asking the
provider. Results are matched by custom id, whatever their order; what failed or expired goes into
the next job; whole answers go to the cache and to the ledger as they come. ``Batches.advance`` does
what can be done now and never waits; ``ask_batch`` calls it until nothing is under way.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Protocol

from teachers.breaker import PASSING
from teachers.budget import Purse
from teachers.cache import AnswerCache
from teachers.codec import request_key
from teachers.errors import BusyError, RefusedError, TeacherError
from teachers.gateway import CACHED
from teachers.ledger import Ledger, LedgerEntry
from teachers.model import Answer, Failure, FailureKind, Finish, Prompt, Sampling
from teachers.pricing import BATCH, PriceBook, estimate_for
from teachers.protocol import Teacher
from teachers.wire import failed

MOST_REQUESTS = 10_000
MOST_BYTES = 100_000_000
"""What goes into one job, well under OpenAI's (50,000, 200 MB) and Anthropic's limits."""

Question = tuple[Prompt, Sampling]


class Search(Enum):
    """What a search for a job without a remote id may come to, beside the id itself."""

    UNDECIDED = "a batch that may be ours still runs and does not show whose it is"


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

    async def batch_find(self, job: BatchJob) -> str | Search | None:
        """Return the remote id of a job that was sent but not noted, or None if it never was."""
        ...

    async def batch_results(self, job: BatchJob) -> Mapping[str, Answer] | None:
        """Return answers by custom id once the batch has ended (partly or whole); else None."""
        ...


@dataclass(slots=True)
class Progress:
    """Where a set of questions stands: answers by request key, and what is under way."""

    answers: dict[str, Answer] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    """Request keys whose batch has not ended."""
    jobs: int = 0
    """Batches that have not ended."""
    refused: str | None = None
    """The cap that forbids sending the rest."""
    held: int = 0
    """Questions that the cap holds back; they are sent when money set aside comes free."""


@dataclass(slots=True)
class Batches:
    """The batches of one teacher. ``purse`` holds caps on money."""

    teacher: BatchTeacher
    cache: AnswerCache
    ledger: Ledger
    store: BatchStore
    run_id: str = ""
    prices: PriceBook = field(default_factory=PriceBook)
    attempts: int = 3
    purse: Purse | None = None
    keep: Callable[[LedgerEntry, Answer | None], None] | None = None
    """Stores a ledger entry and its answer together, at once."""
    on_answer: Callable[[str, Answer], None] | None = None
    """Told every result, by request key, before its job counts as done; maybe more than once."""
    _settled: dict[str, Answer] = field(default_factory=dict)
    """What came and is no failure: a cut or a refusal is not cached, and not bought again."""
    _held: dict[str, Decimal] = field(default_factory=dict)
    _sent: Counter[str] = field(default_factory=Counter)

    async def advance(self, questions: Sequence[Question], *, send: bool = True) -> Progress:
        """Collect what has ended, look for what was sent but not noted, send what is missing.

        Raises ``TeacherError`` when the provider refuses a whole batch.
        """
        identity = self.teacher.identity
        by_key = {request_key(identity, prompt, how): (prompt, how) for prompt, how in questions}
        progress = Progress(answers=dict(self._settled))
        for job in self.store.open_jobs(identity.provider, identity.model):
            await self._finish(job, by_key, progress)
        for key in by_key:
            known = self.cache.get(key)
            if known is not None and key not in progress.answers:
                progress.answers[key] = known
        missing = [
            key
            for key in by_key
            if key not in progress.waiting
            and not _whole(progress.answers.get(key))
            and self._sent[key] < self.attempts
        ]
        if send:
            sent = 0
            for chunk in _chunks(missing, by_key):
                part, cost, progress.refused = self._affordable(chunk, by_key)
                if part:
                    sent += len(part)
                    await self._send(part, by_key, cost, progress)
                if progress.refused is not None:
                    progress.held = len(missing) - sent
                    break
        return progress

    def _dearest(self, key: str, by_key: Mapping[str, Question]) -> Decimal | None:
        """Return the most that a question can cost; None without a price."""
        prompt, how = by_key[key]
        identity = self.teacher.identity
        return estimate_for(identity, [prompt], how, self.prices, discount=BATCH).cost

    def _affordable(
        self, keys: Sequence[str], by_key: Mapping[str, Question]
    ) -> tuple[Sequence[str], Decimal, str | None]:
        """Set money aside for as many of ``keys``, from the first, as the caps allow.

        Returns these, what they cost at most, and the sentence of the cap that holds the rest.
        """
        identity = self.teacher.identity
        total = Decimal(0)
        if self.purse is None:
            return keys, total, None
        for place, key in enumerate(keys):
            cost = self._dearest(key, by_key)
            if cost is None:
                return [], total, f"no price is known for {identity.provider}:{identity.model}"
            refused = self.purse.reserve(identity.provider, cost)
            if refused is not None:
                return keys[:place], total, refused.sentence
            total += cost
        return keys, total, None

    def _wait(self, job: BatchJob, by_key: Mapping[str, Question], progress: Progress) -> None:
        """Count ``job`` as under way; what it may cost is set aside also after a crash."""
        progress.jobs += 1
        progress.waiting |= set(job.keys)
        if self.purse is not None and job.id not in self._held:
            costs = (self._dearest(key, by_key) for key in job.keys if key in by_key)
            self._held[job.id] = sum((cost or Decimal(0) for cost in costs), Decimal(0))
            self.purse.hold(job.provider, self._held[job.id])

    async def _send(
        self,
        keys: Sequence[str],
        by_key: Mapping[str, Question],
        cost: Decimal,
        progress: Progress,
    ) -> None:
        identity = self.teacher.identity
        name = f"wb{uuid.uuid4().hex[:24]}"
        job = BatchJob(name, identity.provider, identity.model, tuple(keys))
        self._held[name] = cost
        self.store.save(job)
        for key in keys:
            self._sent[key] += 1
        remote = await self.teacher.batch_submit(job, [by_key[key] for key in keys])
        self.store.save(replace(job, remote_id=remote))
        self._wait(job, by_key, progress)

    async def _finish(
        self, job: BatchJob, by_key: Mapping[str, Question], progress: Progress
    ) -> None:
        """Bring ``job`` as far as it goes now."""
        if job.remote_id is None:
            remote = await self.teacher.batch_find(job)
            if remote is None:
                # It never left: its questions are simply missing.
                self.store.save(replace(job, done=True))
                self._release(job, Decimal(0))
                return
            if isinstance(remote, Search):
                self._wait(job, by_key, progress)
                return
            job = replace(job, remote_id=remote)
            self.store.save(job)
        try:
            results = await self.teacher.batch_results(job)
        except RefusedError:
            # Nothing came of it and nothing will: the next run sends its questions anew.
            self.store.save(replace(job, done=True))
            self._release(job, Decimal(0))
            raise
        if results is None:
            self._wait(job, by_key, progress)
            return
        spent = Decimal(0)
        for number, key in enumerate(job.keys):
            answer = results.get(job.custom_id(number))
            if answer is None:
                continue
            answer = progress.answers[key] = self._account(job, key, answer)
            if _whole(answer):
                self._settled[key] = answer
            spent += answer.cost or Decimal(0)
            if self.on_answer is not None:
                self.on_answer(key, answer)
        self.store.save(replace(job, done=True))
        self._release(job, spent)

    def _release(self, job: BatchJob, spent: Decimal) -> None:
        """Replace what was set aside for ``job`` by what it cost."""
        held = self._held.pop(job.id, None)
        if self.purse is not None and held is not None:
            self.purse.settle(job.provider, held, spent)

    def _account(self, job: BatchJob, key: str, answer: Answer) -> Answer:
        """Price one result and store it, unless an earlier pass over the same job has done so."""
        full = self.prices.cost(self.teacher.identity, answer.usage)
        answer = replace(answer, cost=None if full is None else full * BATCH)
        if self.cache.get(key) is not None:
            return answer
        failure = answer.failure
        entry = LedgerEntry(
            self.run_id,
            job.provider,
            job.model,
            key,
            answer.usage,
            answer.cost,
            "ok" if failure is None else failure.kind.value,
            answer.request_id,
            "batch",
        )
        whole = answer if answer.finish in CACHED else None
        if self.keep is not None:
            self.keep(entry, whole)
            return answer
        if whole is not None:
            self.cache.put(key, whole)
        self.ledger.record(entry)
        return answer


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
    """Return one answer a question, in order; each question is sent ``attempts`` times at most.

    Call it again after a crash: jobs in flight are awaited, not sent again. What never came is
    FAILED with the last reason. Raises ``TeacherError`` when the provider refuses a whole batch.
    """
    book = prices or PriceBook()
    batches = Batches(teacher, cache, ledger, store, run_id, book, attempts)
    answers: dict[str, Answer] = {}
    while True:
        progress = await batches.advance(questions)
        answers |= progress.answers
        if not progress.jobs:
            break
        await asyncio.sleep(poll_seconds)
    identity = teacher.identity
    found = [answers.get(request_key(identity, *question)) for question in questions]
    absent = Failure(FailureKind.SERVER, "the batch ended without this answer")
    return [each or failed(identity, absent) for each in found]


def _whole(answer: Answer | None) -> bool:
    """Whether asking again is useless: there is an answer, or a refusal that is one."""
    return answer is not None and answer.finish is not Finish.FAILED


def _chunks(keys: Sequence[str], by_key: Mapping[str, Question]) -> Iterator[list[str]]:
    """Yield the keys in pieces of the size of one job."""
    chunk: list[str] = []
    size = 0
    for key in keys:
        prompt, _ = by_key[key]
        weight = 500 + sum(
            2 * len(each.content) + sum(2 * len(image.data) for image in each.images)
            for each in prompt.messages
        )
        if chunk and (len(chunk) >= MOST_REQUESTS or size + weight > MOST_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(key)
        size += weight
    if chunk:
        yield chunk


def batch_error(failure: Failure) -> TeacherError:
    """Return the error for a batch call that failed; a ``BusyError`` when it may pass by itself."""
    return (BusyError if failure.kind in PASSING else TeacherError)(failure.message)


def refused(who: str, why: str) -> RefusedError:
    """Return the error for a batch that the provider would not take as a whole."""
    return RefusedError(f"{who} refused the batch: {why}; send fewer requests or ask one by one")
