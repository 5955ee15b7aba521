"""Work in worker processes: memory-limited, watched, in input order, nothing left behind.

Each worker has its own sandbox and solvers. A worker that passes the wall-clock fuse is killed (one
that was starved by other processes gets up to four fuses), one that crashes is replaced; either
costs a failure for the one request it held and nothing else. Workers are started as plain
``python -m judge.worker`` processes: no fork of a threaded parent and no second import of
``__main__``, so it works the same from a command line, a notebook, a thread of a server and a
script without a main guard. Idle workers are kept for the next call and end with this process,
however it ends. What it is not: a scheduler for several machines.
"""

from __future__ import annotations

import atexit
import os
import selectors
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from judge.child import START_SECONDS, Child
from judge.contract import Budget, Submission
from judge.errors import JudgeUnavailableError
from judge.verdict import Judgement, Verdict
from judge.worker import CANNOT_START

_RECYCLE_AFTER = 500
_AHEAD = 8
"""How many requests for each worker may be under way before the oldest has been yielded."""

Request = TypeVar("Request")
Result = TypeVar("Result")


class WorkerFailedError(JudgeUnavailableError):
    """A worker could not even start; the text holds what it wrote before it ended."""


_idle: list[Child] = []
_idle_owner = os.getpid()
_lock = threading.Lock()


def _borrow() -> Child:
    """Take an idle worker that still lives, or start one."""
    global _idle_owner
    with _lock:
        if _idle_owner != os.getpid():  # a forked copy must not talk through its parent's pipes
            _idle.clear()
            _idle_owner = os.getpid()
        while _idle:
            child = _idle.pop()
            if child.alive:
                return child
            child.close()
    return Child()


def _give_back(child: Child) -> None:
    usable = child.ready and child.job is None and child.served < _RECYCLE_AFTER
    with _lock:
        if usable and len(_idle) < (os.cpu_count() or 1) and _idle_owner == os.getpid():
            _idle.append(child)
            return
    child.close()


def close_idle() -> None:
    """End the workers that wait for a next call; they start again when one comes."""
    with _lock:
        children, _idle[:] = list(_idle), []
        if _idle_owner != os.getpid():
            return
    for child in children:
        child.close()


atexit.register(close_idle)


class _Pool:
    """The workers of one call, driven from the thread that consumes the results."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.children: list[Child] = []
        self.selector = selectors.DefaultSelector()

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.selector.close()
        for child in self.children:
            _give_back(child)
        self.children = []

    def free(self) -> Child | None:
        """Return a worker that waits for work; start one when fewer than ``jobs`` exist."""
        for child in self.children:
            if child.ready and child.job is None:
                return child
        if len(self.children) < self.jobs:
            child = _borrow()
            self.children.append(child)
            self.selector.register(child.output, selectors.EVENT_READ, child)
            return child if child.ready else None
        return None

    def wait(self) -> list[tuple[int, object]]:
        """Wait until something happens; return what ended, a ``_Failure`` where it failed."""
        pending = [c.deadline for c in self.children if c.job is not None or not c.ready]
        events = self.selector.select(max(0.0, min(pending, default=0.0) - time.monotonic()))
        done: list[tuple[int, object]] = []
        for key, _ in events:
            done += self._hear(key.data)
        now = time.monotonic()
        for child in list(self.children):
            burned = (child.job is not None or not child.ready) and now > child.deadline
            if burned and not (child.job is not None and child.starved()):
                done += self._fuse_blown(child)
        return done

    def _hear(self, child: Child) -> list[tuple[int, object]]:
        messages, ended = child.receive()
        done: list[tuple[int, object]] = []
        for message in messages:
            if not child.ready:
                child.ready = True
            elif child.job is not None:
                done.append((child.job[0], message))
                child.job = None
        if ended:
            done += self._crashed(child)
        elif child.job is None and child.served >= _RECYCLE_AFTER:
            self._drop(child)
        return done

    def _drop(self, child: Child) -> None:
        self.selector.unregister(child.output)
        self.children.remove(child)
        child.close()

    def _crashed(self, child: Child) -> list[tuple[int, object]]:
        status = child.process.wait()
        words = child.last_words()
        self._drop(child)
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        said = f"{how}.\n{words}" if words else f"{how}."
        if child.job is not None:
            return [(child.job[0], _Failure(f"The judge's worker ended: {said}"))]
        if not child.ready:
            why = words if status == CANNOT_START else said
            raise WorkerFailedError(f"a judge worker did not start: {why}")
        return []

    def _fuse_blown(self, child: Child) -> list[tuple[int, object]]:
        self._drop(child)
        if child.job is None:
            raise WorkerFailedError(f"a judge worker did not start within {START_SECONDS:.0f} s")
        seconds = time.monotonic() - child.started
        reason = f"The wall-clock fuse of {child.fuse:g} s blew (after {seconds:.1f} s)."
        return [(child.job[0], _Failure(reason, seconds))]


class _Failure:
    """Why a request has no result."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        self.reason = reason
        self.seconds = seconds


def run_many(
    requests: Iterable[Request],
    *,
    result: type[Result],
    on_failure: Callable[[Request, str, float], Result],
    jobs: int = 1,
    budget: Budget | None = None,
    on_done: Callable[[Result], None] | None = None,
) -> Iterator[Result]:
    """Yield one ``result`` a request, in order; ``on_failure`` makes one of a failed request.

    ``on_done`` hears each as it is finished, in order of finishing, in the consumer's thread.
    Requests are read lazily, a few ahead. Closing the generator ends running work.
    """
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}; at least one worker is needed")
    limits = budget or Budget()
    waiting = enumerate(requests)
    under_way: dict[int, Request] = {}
    finished: dict[int, Result] = {}
    started = yielded = 0
    exhausted = False
    with _Pool(jobs) as pool:
        while True:
            while not exhausted and started - yielded < jobs * _AHEAD and (child := pool.free()):
                item = next(waiting, None)
                if item is None:
                    exhausted = True
                    break
                under_way[item[0]] = item[1]
                child.give(item[0], item[1], limits)
                started += 1
            if yielded in finished:
                yield finished.pop(yielded)
                yielded += 1
                continue
            if exhausted and yielded == started:
                return
            for index, outcome in pool.wait():
                request = under_way.pop(index)
                if isinstance(outcome, _Failure):
                    done = on_failure(request, outcome.reason, outcome.seconds)
                else:
                    assert isinstance(outcome, result)
                    done = outcome
                finished[index] = done
                if on_done is not None:
                    on_done(done)


def failure(submission: Submission, reason: str, seconds: float = 0.0) -> Judgement:
    """Return the ERROR verdict for a submission on which the judge itself failed."""
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

    ``on_done`` hears each judgement as it is finished, in order of finishing. Submissions are read
    lazily. A submission on which the judge itself fails gets an ERROR; the others go on.
    """
    return run_many(
        submissions, result=Judgement, on_failure=failure, jobs=jobs, budget=budget, on_done=on_done
    )


def judge(submission: Submission, budget: Budget | None = None) -> Judgement:
    """Judge one submission in a worker process, and return what was found."""
    return next(judge_many([submission], budget=budget))
