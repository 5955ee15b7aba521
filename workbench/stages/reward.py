"""The judge as a reward: what the student writes while it trains is extracted, judged and scored.

A whole batch goes to the judge's processes at once, sandboxed and under the settings' budget. What
does not parse or is refuted scores 0, a proof 1, what lies between as in ``judge.score``. Where
the judge cannot tell, or fails itself, an answer is unscored: it moves nothing. The second solver
is not asked and the search is shorter: a reward is no verdict, nothing of it is stored, and what
enters a dataset is judged in full.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
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


class JudgeReward:
    """Calling it scores answers; ``judged`` and ``seconds`` say what that cost so far."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        budget = settings.budget()
        self._budget = replace(budget, recheck=False, cases=min(budget.cases, CASES))
        self._jobs = settings.jobs
        self._tasks: dict[str, Task] = {}
        self._known: dict[tuple[str, str], float | None] = {}
        self.judged = 0
        """Distinct answers that went to the judge."""
        self.seconds = 0.0
        """Wall-clock seconds spent in here."""

    def __call__(self, examples: Sequence[Example], texts: Sequence[str]) -> list[float | None]:
        """Score one text a row, in order; None leaves an answer unscored."""
        from teachers.extract import extract_code

        begun = time.perf_counter()
        asked: list[tuple[str, str] | None] = []
        missing: dict[tuple[str, str], tuple[Task, str]] = {}
        for example, text in zip(examples, texts, strict=True):
            task = self._task(example.task_id)
            code = extract_code(text, task.entry_point, task.signature).code
            if code is None:
                asked.append(None)
                continue
            key = task.id, hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
            asked.append(key)
            if key not in self._known:
                missing[key] = task, code
        self._judge(missing)
        self.seconds += time.perf_counter() - begun
        return [0.0 if key is None else self._known[key] for key in asked]

    def _judge(self, missing: dict[tuple[str, str], tuple[Task, str]]) -> None:
        from judge.pool import judge_many
        from judge.score import score_terms

        asked = (
            submission(task, code, str(number))
            for number, (task, code) in enumerate(missing.values())
        )
        found = judge_many(asked, jobs=self._jobs, budget=self._budget)
        for key, judgement in zip(missing, found, strict=True):
            self._known[key] = score_terms(judgement.verdict).total
            self.judged += 1

    def _task(self, task_id: str) -> Task:
        if task_id not in self._tasks:
            with self._store.read() as session:
                row = session.get(TaskRow, task_id)
            assert row is not None  # every training row was selected for a task of this store
            self._tasks[task_id] = task_of(row)
        return self._tasks[task_id]
