"""The pool: order kept, a failing worker costs one ERROR, nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from judge import Budget, Contract, Judgement, Submission, Verdict, judge, judge_many, pool
from judge.child import Child

RIGHT = "def f(x: int) -> int:\n    return x + 1\n"
WRONG = "def f(x: int) -> int:\n    return x\n"
MORE = Contract(ensures=("result == x + 1",))


def submission(name: str, code: str = RIGHT) -> Submission:
    return Submission(name, "f", code, MORE)


@pytest.fixture(autouse=True, scope="module")
def _no_worker_left() -> Iterator[None]:
    yield
    pool.close_idle()


def test_judgements_come_in_input_order_with_several_workers() -> None:
    items = [submission(str(i), RIGHT if i % 3 else WRONG) for i in range(9)]
    heard: list[str] = []
    found = list(judge_many(items, jobs=2, on_done=lambda j: heard.append(j.id)))
    assert [j.id for j in found] == [str(i) for i in range(9)]
    assert sorted(heard) == sorted(j.id for j in found)
    assert [j.verdict is Verdict.REFUTED for j in found] == [i % 3 == 0 for i in range(9)]


def test_a_worker_that_dies_costs_one_error_and_the_rest_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give = Child.give

    def give_and_die(self: Child, index: int, request: object, budget: Budget) -> None:
        give(self, index, request, budget)
        if isinstance(request, Submission) and request.id == "doomed":
            os.kill(self.process.pid, signal.SIGSEGV)

    monkeypatch.setattr(Child, "give", give_and_die)
    found = list(judge_many([submission("a"), submission("doomed"), submission("b")]))
    assert [j.verdict for j in found] == [Verdict.PROVED, Verdict.ERROR, Verdict.PROVED]
    assert found[1].reason is not None
    assert "SIGSEGV" in found[1].reason


def test_a_blown_fuse_is_an_error_of_the_judge_and_not_a_verdict() -> None:
    found = judge(submission("slow"), Budget(fuse_seconds=0.0001))
    assert found.verdict is Verdict.ERROR
    assert found.score == 0.0
    assert found.terms == ()
    assert found.reason is not None
    assert "fuse" in found.reason
    assert judge(submission("next")).verdict is Verdict.PROVED


def test_closing_the_generator_early_leaves_the_pool_usable() -> None:
    results = judge_many((submission(str(i)) for i in range(50)), jobs=1)
    first = next(results)
    results.close()  # type: ignore[attr-defined]
    assert isinstance(first, Judgement)
    assert judge(submission("after")).id == "after"


def test_submissions_are_read_lazily() -> None:
    read = 0

    def endless() -> Iterator[Submission]:
        nonlocal read
        while True:
            read += 1
            yield submission(str(read))

    results = judge_many(endless())
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert read < 20


def test_threads_may_judge_at_the_same_time() -> None:
    verdicts: list[Verdict] = []

    def work() -> None:
        verdicts.append(judge(submission("t")).verdict)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [Verdict.PROVED, Verdict.PROVED]


def test_idle_workers_are_used_again_and_closed_on_request() -> None:
    judge(submission("warm"))
    (kept,) = pool._idle[-1:]
    judge(submission("again"))
    assert kept in pool._idle
    pool.close_idle()
    assert pool._idle == []
    assert not kept.alive


def test_zero_jobs_is_a_mistake_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="at least one worker"):
        next(judge_many([submission("a")], jobs=0))


SCRIPT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from judge import Submission, judge, pool
judge(Submission("a", "f", "def f(x: int):\\n    return x"))
print(pool._idle[-1].process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_a_parent_that_is_killed(how: signal.Signals) -> None:
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=root,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.send_signal(how)
        parent.wait(30)
    end = time.monotonic() + 20
    while _runs(worker) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _runs(worker)


def _runs(pid: int) -> bool:
    """Whether the process exists and is not just waiting to be reaped by init."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
