"""Judging in worker processes: memory-limited, watched, in input order, nothing left behind.

Each worker has its own sandbox and solvers. A worker that passes the wall-clock fuse is killed, one
that crashes is replaced; either costs an ERROR verdict for the one submission it held and nothing
else. Workers are started as plain ``python -m judge.worker`` processes: no fork of a threaded
parent and no second import of ``__main__``, so it works the same from a command line, a notebook,
a thread of a server and a script without a main guard. Idle workers are kept for the next call and
end with this process, however it ends. What it is not: a scheduler for several machines.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from judge import wire
from judge.contract import Budget, Submission
from judge.verdict import Judgement, Verdict

_START_SECONDS = 180.0
_RECYCLE_AFTER = 500
_AHEAD = 8
"""How many submissions for each worker may be under way before the oldest has been yielded."""


class WorkerFailedError(RuntimeError):
    """A worker could not even start; the text holds what it wrote before it ended."""


class _Worker:
    """One worker process and the submission it holds, if any."""

    def __init__(self) -> None:
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed in close()
        home = str(Path(__file__).resolve().parent.parent)
        paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "judge.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.output = self.process.stdout.fileno()
        os.set_blocking(self.output, False)
        self.buffer = bytearray()
        self.ready = False
        self.job: tuple[int, Submission, Budget] | None = None
        self.deadline = time.monotonic() + _START_SECONDS
        self.served = 0

    def give(self, index: int, submission: Submission, budget: Budget) -> None:
        """Send a submission; the fuse burns from now. A dead worker is noticed on reading."""
        self.job = (index, submission, budget)
        self.deadline = time.monotonic() + budget.fuse_seconds
        self.served += 1
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(wire.pack((submission, budget)))
            self.process.stdin.flush()

    def receive(self) -> tuple[list[object], bool]:
        """Return the messages that came in, and whether the worker's output has ended."""
        while True:
            try:
                piece = os.read(self.output, 1 << 20)
            except BlockingIOError:
                return wire.unpack(self.buffer), False
            if not piece:
                return wire.unpack(self.buffer), True
            self.buffer += piece

    def last_words(self) -> str:
        """The end of what the worker wrote to standard error."""
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace").strip()[-2_000:]

    def close(self) -> int:
        """Kill the worker with everything it started, and return its exit status."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        return status


_idle: list[_Worker] = []
_idle_owner = os.getpid()
_lock = threading.Lock()


def _borrow() -> _Worker:
    """Take an idle worker that still lives, or start one."""
    global _idle_owner
    with _lock:
        if _idle_owner != os.getpid():  # a forked copy must not talk through its parent's pipes
            _idle.clear()
            _idle_owner = os.getpid()
        while _idle:
            worker = _idle.pop()
            if worker.process.poll() is None:
                return worker
            worker.close()
    return _Worker()


def _give_back(worker: _Worker) -> None:
    usable = worker.ready and worker.job is None and worker.served < _RECYCLE_AFTER
    with _lock:
        if usable and len(_idle) < (os.cpu_count() or 1) and _idle_owner == os.getpid():
            _idle.append(worker)
            return
    worker.close()


def close_idle() -> None:
    """End the workers that wait for a next call; they start again when one comes."""
    with _lock:
        workers, _idle[:] = list(_idle), []
        if _idle_owner != os.getpid():
            return
    for worker in workers:
        worker.close()


atexit.register(close_idle)


class _Pool:
    """The workers of one call, driven from the thread that consumes the judgements."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.workers: list[_Worker] = []
        self.selector = selectors.DefaultSelector()

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.selector.close()
        for worker in self.workers:
            _give_back(worker)
        self.workers = []

    def free(self) -> _Worker | None:
        """Return a worker that waits for work; start one when fewer than ``jobs`` exist."""
        for worker in self.workers:
            if worker.ready and worker.job is None:
                return worker
        if len(self.workers) < self.jobs:
            worker = _borrow()
            self.workers.append(worker)
            self.selector.register(worker.output, selectors.EVENT_READ, worker)
            return worker if worker.ready else None
        return None

    def wait(self) -> list[tuple[int, Judgement]]:
        """Wait until something happens, and return what was finished."""
        nearest = min((w.deadline for w in self.workers if w.job or not w.ready), default=0.0)
        events = self.selector.select(max(0.0, nearest - time.monotonic()))
        done: list[tuple[int, Judgement]] = []
        for key, _ in events:
            done += self._hear(key.data)
        now = time.monotonic()
        for worker in list(self.workers):
            if (worker.job is not None or not worker.ready) and now > worker.deadline:
                done += self._fuse_blown(worker)
        return done

    def _hear(self, worker: _Worker) -> list[tuple[int, Judgement]]:
        messages, ended = worker.receive()
        done: list[tuple[int, Judgement]] = []
        for message in messages:
            if isinstance(message, Judgement) and worker.job is not None:
                done.append((worker.job[0], message))
                worker.job = None
            else:
                worker.ready = True
        if ended:
            done += self._crashed(worker)
        elif worker.job is None and worker.served >= _RECYCLE_AFTER:
            self._drop(worker)
        return done

    def _drop(self, worker: _Worker) -> int:
        self.selector.unregister(worker.output)
        self.workers.remove(worker)
        return worker.close()

    def _crashed(self, worker: _Worker) -> list[tuple[int, Judgement]]:
        status = self._drop_with_words(worker)
        if worker.job is None:
            if not worker.ready:
                raise WorkerFailedError(f"a judge worker did not start: {status}")
            return []
        index, submission, _ = worker.job
        return [(index, failure(submission, f"The judge's worker ended: {status}"))]

    def _drop_with_words(self, worker: _Worker) -> str:
        worker.process.wait()
        words = worker.last_words()
        status = self._drop(worker)
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        return f"{how}\n{words}" if words else how

    def _fuse_blown(self, worker: _Worker) -> list[tuple[int, Judgement]]:
        self._drop(worker)
        if worker.job is None:
            raise WorkerFailedError(f"a judge worker did not start within {_START_SECONDS:.0f} s")
        index, submission, budget = worker.job
        reason = f"The wall-clock fuse of {budget.fuse_seconds:g} s blew."
        return [(index, failure(submission, reason, budget.fuse_seconds))]


def failure(submission: Submission, reason: str, seconds: float = 0.0) -> Judgement:
    """The ERROR verdict for a submission on which the judge itself failed."""
    head = reason.split("\n", 1)[0]
    return Judgement(
        submission.id,
        Verdict.ERROR,
        "pool",
        f"The judge failed on `{submission.entry_point}` and says nothing about it. {head}",
        reason=reason,
        seconds=seconds,
    )


def judge_many(
    submissions: Iterable[Submission],
    *,
    jobs: int = 1,
    budget: Budget | None = None,
    on_done: Callable[[Judgement], None] | None = None,
) -> Iterator[Judgement]:
    """Yield one judgement a submission, in input order, judged by ``jobs`` worker processes.

    ``on_done`` hears each judgement as it is finished, in order of finishing, in the consumer's
    thread. Submissions are read lazily, a few ahead. Closing the generator ends running work.
    """
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}; at least one worker is needed")
    limits = budget or Budget()
    waiting = enumerate(submissions)
    finished: dict[int, Judgement] = {}
    started = yielded = 0
    exhausted = False
    with _Pool(jobs) as pool:
        while True:
            while not exhausted and started - yielded < jobs * _AHEAD:
                worker = pool.free()
                if worker is None:
                    break
                item = next(waiting, None)
                if item is None:
                    exhausted = True
                    break
                worker.give(item[0], item[1], limits)
                started += 1
            while yielded in finished:
                yield finished.pop(yielded)
                yielded += 1
            if exhausted and yielded == started:
                return
            if yielded not in finished:
                for index, judgement in pool.wait():
                    finished[index] = judgement
                    if on_done is not None:
                        on_done(judgement)


def judge(submission: Submission, budget: Budget | None = None) -> Judgement:
    """Judge one submission in a worker process, and return what was found."""
    return next(judge_many([submission], budget=budget))
