"""The judge as a reward: what the student writes while it trains is extracted, judged and scored.

Each answer goes to a judge's process as soon as it is written (``begin``), sandboxed and under the
settings' budget, and is waited for when the whole batch is there. What does not parse or is refuted
scores 0, a proof 1, what lies between as in ``judge.score``. Where the judge cannot tell, or fails
itself, an answer is unscored: it moves nothing. The second solver is not asked and the search is
shorter: a reward is no verdict, nothing of it is stored, and what enters a dataset is judged anew.
"""

from __future__ import annotations

import hashlib
import os
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
        budget = settings.budget()
        self._budget = replace(budget, recheck=False, cases=min(budget.cases, CASES))
        # Threads only wait: each drives one of the judge's processes, which stay for the next step.
        workers = min(settings.jobs, os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="reward")
        self._tasks: dict[str, Task] = {}
        self._scores: dict[_Key, Future[float | None]] = {}
        self.judged = 0
        """Distinct answers that went to the judge."""
        self.seconds = 0.0
        """Wall-clock seconds that the student waited in here."""

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
        keys = [self._ask(*pair) for pair in zip(examples, texts, strict=True)]
        found = [0.0 if key is None else self._scores[key].result() for key in keys]
        self.seconds += time.perf_counter() - begun
        return found

    def _ask(self, example: Example, text: str) -> _Key | None:
        """Send an answer to the judge unless it was; return its name, None where it has no code."""
        from teachers.extract import extract_code

        task = self._task(example.task_id)
        code = extract_code(text, task.entry_point, task.signature).code
        if code is None:
            return None
        key = task.id, hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
        if key not in self._scores:
            self._scores[key] = self._threads.submit(self._judge, task, code)
            self.judged += 1
        return key

    def _judge(self, task: Task, code: str) -> float | None:
        from judge.pool import judge_many
        from judge.score import score_terms

        found = next(judge_many([submission(task, code, task.id)], budget=self._budget))
        return score_terms(found.verdict).total

    def _task(self, task_id: str) -> Task:
        if task_id not in self._tasks:
            with self._store.read() as session:
                row = session.get(TaskRow, task_id)
            assert row is not None  # every training row was selected for a task of this store
            self._tasks[task_id] = task_of(row)
        return self._tasks[task_id]
