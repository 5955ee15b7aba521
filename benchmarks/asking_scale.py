"""A long run's ends: how fast it starts again, serves what it has, grows, and whether memory stays.

    python benchmarks/asking_scale.py [--answers 20000] [--cached 50000] [--resume 100000]

Three measurements on a fresh home each, with a teacher in this process that answers at once, so
that what is measured is the workbench alone. Peers and limits in the same run: writing the same
bytes durably, row by row, with plain ``sqlite3`` and one ``fsync`` a row; and reading JSON answers
by key from a bare SQLite table. CPU seconds are the fair figure on a shared machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from teachers.codec import answer_from_json, answer_to_json, request_key
from teachers.model import Answer, Finish, Identity, Prompt, Sampling, Usage
from workbench.settings import RequestLimits, Settings, load_settings
from workbench.stages.ask import Question, ask, draft_of, missing_questions, task_questions
from workbench.stages.door import Door
from workbench.store.database import Store, open_store
from workbench.store.teaching import StoreCache
from workbench.tasks import Task, add_tasks

TEXT = "```python\ndef f(x: int) -> int:\n    return x\n```"


class Instant:
    """A teacher that answers at once, each prompt with code of its own."""

    name = "instant"
    identity = Identity("examples", "instant", local=True)

    async def answer(self, prompt: Prompt, sampling: Sampling) -> Answer:
        """Answer."""
        text = TEXT.replace("return x", f"return x  # {prompt.messages[0].content[:40]}")
        return Answer(text, Finish.STOP, "examples", "instant", Usage(120, 40), seconds=0.5)

    async def close(self) -> None:
        """Nothing to close."""


def task(number: int) -> Task:
    """Return a small task."""
    return Task(
        id=f"t{number:06}",
        prompt=f"The function number {number}: return what is given.",
        entry_point="f",
        signature="def f(x: int) -> int",
        ensures=("result == x",),
        split="train",
        category="integers",
    )


def size(folder: Path) -> int:
    """Return the bytes of every file under ``folder``."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def peak() -> float:
    """Return the most memory this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def home(folder: Path, width: int) -> Settings:
    """Return the settings of a fresh home."""
    limits = {"examples": RequestLimits(concurrency=width)}
    return load_settings(folder).model_copy(update={"limits": limits})


def growth(count: int, width: int) -> None:
    """Ask ``count`` new questions, four samples a task, in five parts; print each part."""
    with tempfile.TemporaryDirectory() as name:
        settings = home(Path(name), width)
        with open_store(settings) as store:
            tasks = [task(n) for n in range(count // 4)]
            add_tasks(store, tasks)
            before = size(Path(name))
            part = max(1, len(tasks) // 5)
            for begin in range(0, len(tasks), part):
                chunk = tasks[begin : begin + part]
                started, cpu = time.perf_counter(), time.process_time()
                report = ask(store, settings, chunk, [Instant()], samples=4)
                wall, spent = time.perf_counter() - started, time.process_time() - cpu
                print(
                    f"  {begin * 4 + report.asked:7d} answers: {spent / report.asked * 1e3:.2f} ms "
                    f"CPU and {wall / report.asked * 1e3:.2f} ms wall each, peak {peak():.0f} MB"
                )
        grown = (size(Path(name)) - before) / (len(tasks) * 4)
        print(f"  store: {grown:.0f} bytes an answer, everything that is kept of it")
        print(f"  peer, one durable row at a time: {_plain_rows(Path(name)):.2f} ms wall each")


def _plain_rows(folder: Path, count: int = 200) -> float:
    """Return the milliseconds that plain sqlite3 takes to store one answer durably."""
    connection = sqlite3.connect(folder / "peer.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE answer (key TEXT PRIMARY KEY, text TEXT)")
    text = answer_to_json(Answer(TEXT, Finish.STOP, "p", "m", Usage(120, 40)))
    started = time.perf_counter()
    for number in range(count):
        connection.execute("INSERT INTO answer VALUES (?, ?)", (str(number), text))
    wall = time.perf_counter() - started
    connection.close()
    return wall / count * 1e3


def fill(store: Store, count: int) -> list[tuple[Prompt, Sampling]]:
    """Put ``count`` answers into the answer cache and return their questions."""
    from workbench.store.tables import CachedAnswerRow

    questions = [(Prompt.of(f"question {n}"), Sampling()) for n in range(count)]
    text = answer_to_json(Answer(TEXT, Finish.STOP, "examples", "instant", Usage(120, 40)))
    with store.write() as session:
        for prompt, sampling in questions:
            key = request_key(Instant.identity, prompt, sampling)
            session.add(CachedAnswerRow(key=key, answer_json=text))
    return questions


def cached(count: int) -> None:
    """Serve ``count`` answers again through the gateway; beside it, bare reads by key."""
    with tempfile.TemporaryDirectory() as name:
        settings = home(Path(name), 100)
        with open_store(settings) as store:
            questions = fill(store, count)
            gateway, teacher = Door().gateway(store, settings, "again"), Instant()

            async def again() -> None:
                for prompt, sampling in questions:
                    answer = await gateway.ask(teacher, prompt, sampling)
                    assert answer.cached

            before = peak()
            started, cpu = time.perf_counter(), time.process_time()
            asyncio.run(again())
            wall, spent = time.perf_counter() - started, time.process_time() - cpu
            print(
                f"  gateway on the store: {count / spent:.0f} a CPU second, {count / wall:.0f} a "
                f"wall second; memory {before:.0f} -> {peak():.0f} MB"
            )
            cache = StoreCache(store)
            keys = [request_key(teacher.identity, *each) for each in questions]
            cpu = time.process_time()
            for key in keys:
                cache.get(key)
            print(f"  the store's cache alone: {count / (time.process_time() - cpu):.0f}")
        connection = sqlite3.connect(Path(name) / "workbench.db")
        cpu = time.process_time()
        for key in keys:
            row = connection.execute("SELECT answer_json FROM cached_answer WHERE key=?", (key,))
            answer_from_json(row.fetchone()[0])
        print(f"  peer, bare sqlite3 and JSON: {count / (time.process_time() - cpu):.0f}")
        connection.close()


def fill_answers(store: Store, teacher: Instant, questions: Sequence[Question]) -> None:
    """Write the rows of ``questions`` as asking would have, without asking."""
    from sqlalchemy import insert

    from workbench.store.canonical import canonical, digest
    from workbench.store.tables import AnswerRow, now

    answer = Answer(TEXT, Finish.STOP, "examples", "instant", Usage(120, 40))
    rows: list[dict[str, object]] = []
    for each in questions:
        draft = draft_of(teacher, each, answer)
        sampling = canonical(dict(draft.sampling))
        rows.append(
            {
                "task_id": draft.task_id, "source_id": draft.source_id,
                "prompt_digest": draft.prompt_digest, "sampling_digest": digest(sampling),
                "sampling_json": sampling, "messages_digest": "", "attempt": 0, "text": TEXT,
                "finish": "stop", "seconds": 0.5, "created_at": now(), "cost": "0",
            }
        )  # fmt: skip
    with store.write() as session:
        session.execute(insert(AnswerRow), rows)


def resume(count: int) -> None:
    """Find what is missing of a run of ``count`` answers of which all but one are there."""
    with tempfile.TemporaryDirectory() as name:
        settings = home(Path(name), 100)
        with open_store(settings) as store:
            tasks = [task(n) for n in range(count // 4)]
            add_tasks(store, tasks)
            teacher, questions = Instant(), task_questions(tasks, samples=4)
            ask(store, settings, tasks[:1], [teacher], samples=4)
            fill_answers(store, teacher, questions[4:-1])
            started, cpu = time.perf_counter(), time.process_time()
            again = task_questions(tasks, samples=4)
            missing = missing_questions(store, teacher, again)
            print(
                f"  {len(again)} questions, {len(missing)} missing: found after "
                f"{time.process_time() - cpu:.2f} CPU s, {time.perf_counter() - started:.2f} s wall"
            )
            assert len(missing) == 1
            started, cpu = time.perf_counter(), time.process_time()
            report = ask(store, settings, tasks, [teacher], samples=4)
            assert report.asked == 1
            print(
                f"  the whole command's stage, the last answer included: "
                f"{time.process_time() - cpu:.2f} CPU s, {time.perf_counter() - started:.2f} s wall"
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=20_000)
    parser.add_argument("--cached", type=int, default=50_000)
    parser.add_argument("--resume", type=int, default=100_000)
    parser.add_argument("--concurrency", type=int, default=100)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}")
    if options.answers:
        print(f"{options.answers} new answers, {options.concurrency} at a time")
        growth(options.answers, options.concurrency)
    if options.cached:
        print(f"{options.cached} cached answers served again")
        cached(options.cached)
    if options.resume:
        print(f"a run of {options.resume} answers taken up again")
        resume(options.resume)


if __name__ == "__main__":
    main()
