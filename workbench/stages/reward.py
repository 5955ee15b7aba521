"""The judge as a reward: what the student writes while it trains is extracted, judged and scored.

Each answer goes to a judge's process as soon as it is written (``begin``), sandboxed and under the
settings' budget, and is waited for when the whole batch is there. What does not parse or is refuted
scores 0, a proof 1, what lies between as in ``judge.score``. Where the judge cannot tell, or fails
itself, an answer is unscored: it moves nothing. The second solver is not asked, the search is
shorter, and what broke a contract is not run again in a fresh process: a reward is no verdict,
nothing of it is stored, and what enters a dataset is judged anew.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.settings import Settings
from workbench.store.database import Store
from workbench.store.tables import TaskRow
from workbench.tasks import Task, submission, task_of

if TYPE_CHECKING:
    from distill.example import Example

__all__ = ["JudgeReward"]

CASES = 200
"""Inputs that the search tries on an answer at most, while the student waits for its reward."""

_Key = tuple[str, str]


class JudgeReward:
    """Calling it scores answers; ``judged`` and ``seconds`` say what that cost so far."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._budget = replace(
            settings.budget(),
            recheck=False,
            confirm=False,
            cases=min(settings.budget().cases, CASES),
        )
        # Threads only wait: each drives one of the judge's processes, which stay for the next step.
        workers = max(1, min(settings.jobs, os.cpu_count() or 1))
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="reward")
        # A core is the student's while it writes, and the judge's while it waits.
        self._spare = workers - 1
        self._cores = threading.Semaphore(max(1, self._spare))
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._asked: dict[_Key, Future[float | None]] = {}
        """By task and text."""
        self._scores: dict[_Key, Future[float | None]] = {}
        """By task and code: two texts often hold the same."""
        self.seconds = 0.0
        """Wall-clock seconds that the student waited in here."""

    @property
    def judged(self) -> int:
        """Distinct answers that went to the judge."""
        return len(self._scores)

    def __enter__(self) -> JudgeReward:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def begin(self, example: Example, text: str) -> None:
        """Start to judge an answer that will be asked about, while others are being written."""
        self._ask(example, text)

    def __call__(self, examples: Sequence[Example], texts: Sequence[str]) -> list[float | None]:
        """Score one text a row, in order; None leaves an answer unscored.

        Raises ``JudgeUnavailableError`` when the judge cannot start here.
        """
        begun = time.perf_counter()
        waiting = [self._ask(*pair) for pair in zip(examples, texts, strict=True)]
        if self._spare:
            self._cores.release()
        try:
            return [one.result() for one in waiting]
        finally:
            if self._spare:
                self._cores.acquire()
            self.seconds += time.perf_counter() - begun

    def _ask(self, example: Example, text: str) -> Future[float | None]:
        """Send an answer on its way unless it is; all work is done by the threads."""
        key = example.task_id, text
        with self._lock:  # so that a thread finds its own future there
            if key not in self._asked:
                self._asked[key] = self._threads.submit(self._score, *key)
            return self._asked[key]

    def _score(self, task_id: str, text: str) -> float | None:
        """Take the code out of an answer and judge it, unless the same code is judged already."""
        from teachers.extract import extract_code

        with self._cores:
            task = self._task(task_id)
            code = extract_code(text, task.entry_point, task.signature).code
            if code is None:
                return 0.0
            named = task.id, hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
            with self._lock:
                mine = self._asked[task_id, text]
                first = self._scores.setdefault(named, mine)
            if first is mine:
                return self._judge(task, code)
        return first.result()

    def _judge(self, task: Task, code: str) -> float | None:
        from judge.pool import judge_many
        from judge.score import score_terms

        found = next(judge_many([submission(task, code, task.id)], budget=self._budget))
        return score_terms(found.verdict).total

    def _task(self, task_id: str) -> Task:
        with self._lock:
            known = self._tasks.get(task_id)
        if known is None:
            with self._store.read() as session:
                row = session.get(TaskRow, task_id)
            assert row is not None  # every training row was selected for a task of this store
            known = task_of(row)
            with self._lock:
                self._tasks[task_id] = known
        return known
