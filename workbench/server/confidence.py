"""Whether the student should answer at all: its agreement with itself, read by judged history.

Before a verified answer the student draws a handful of answers at once; how many say the same code
as the likeliest one is its score. ``workbench route calibrate`` measured what share of answers with
such a score was proved; that share is the chance. Below the threshold the teachers are asked first,
within the home's caps. A version that nobody calibrated has no chance, and answers as before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from workbench.errors import InputError
from workbench.server.fleet import Served, Version
from workbench.server.service import Done, Service, Wanted
from workbench.stages.routing import SAMPLES, WARMTH, same_code, stored_router
from workbench.store.canonical import digest
from workbench.store.database import Store
from workbench.store.tables import RouteRow, SourceRow
from workbench.tasks import Task

if TYPE_CHECKING:
    from teachers.routing import ConfidenceRouter

__all__ = ["Confidence", "Opinion"]

RUN = "serve"
"""The run under which choices made while serving stand among the routes."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the student's draws say of its chance, and its likeliest answer."""

    score: float
    chance: float
    threshold: float
    source: str
    """The source as which the student's history is kept."""
    greedy: Done

    @property
    def student_first(self) -> bool:
        """Whether the student's chance reaches the threshold."""
        return self.chance >= self.threshold

    @property
    def why(self) -> str:
        """Say it."""
        said = f"agreement with itself {self.score:.2f}, chance {self.chance:.0%}"
        if self.student_first:
            return f"student: {said}"
        return f"passed on: {said}, below {self.threshold:.0%}"

    @property
    def record(self) -> dict[str, Any]:
        """What the response says of it."""
        return {
            "asked_first": "student" if self.student_first else "teachers",
            "score": self.score,
            "chance": round(self.chance, 6),
            "threshold": self.threshold,
        }


@dataclass(frozen=True, slots=True)
class Confidence:
    """Weighs the student against the teachers. ``threshold`` is a chance of a proved answer."""

    store: Store
    threshold: float

    def require(self, version: Version) -> None:
        """Raise ``InputError`` with the mend when the version was never calibrated."""
        if self._stored(version) is None:
            raise InputError(
                f"Nobody has measured how far {version.spec.name} can be trusted, so --tau has "
                "nothing to go by.",
                "Do it once: workbench route calibrate",
            )

    async def opinion(
        self, service: Service, wanted: Wanted, served: Served, task: Task
    ) -> Opinion | None:
        """Let the student draw, and return its chance; None for a version without calibration."""
        known = await asyncio.to_thread(self._stored, served.version)
        if known is None:
            return None
        asks = [replace(wanted.ask, temperature=0.0, top_p=1.0)]
        asks += [replace(wanted.ask, temperature=WARMTH, top_p=1.0, seed=n + 1)
                 for n in range(SAMPLES)]  # fmt: skip
        quiet = replace(wanted, keep=False)
        async with asyncio.TaskGroup() as group:
            jobs = [
                group.create_task(service.whole(replace(quiet, ask=ask), served)) for ask in asks
            ]
        greedy, *drawn = [job.result() for job in jobs]
        score = _score(greedy.text, [done.text for done in drawn], task)
        source, router = known
        return Opinion(score, router.chance(score), self.threshold, source, greedy)

    def note(self, task: Task, opinion: Opinion, answered_by: str) -> None:
        """Write down who answered and why, where every other choice of whom to ask stands."""
        from teachers.routing import categorise

        row = RouteRow(
            run_id=RUN,
            policy="confidence",
            task_id=f"served/{digest([task.prompt, task.contract])[:16]}",
            category=categorise(task.prompt).name,
            source_id=answered_by,
            wanted=opinion.source,
            chance=opinion.chance,
            why=opinion.why,
        )
        with self.store.write() as session:
            session.add(row)

    def _stored(self, version: Version) -> tuple[str, ConfidenceRouter] | None:
        """Find the source that these weights answer as, and its newest calibration."""
        model = version.base_digest
        if version.adapter_digest is not None:
            model = digest([version.base_digest, version.adapter_digest])
        query = select(SourceRow.id).where(SourceRow.kind == "student", SourceRow.model == model)
        with self.store.read() as session:
            sources = list(session.exec(query.order_by(col(SourceRow.created_at))))
        for source in reversed(sources):
            try:
                return source, stored_router(self.store, source, self.threshold)
            except InputError:
                continue  # these weights under another name may have been calibrated
        return None


def _score(greedy: str, drawn: Sequence[str], task: Task) -> float:
    first = same_code(greedy, task)
    if first is None:
        return 0.0
    return sum(same_code(text, task) == first for text in drawn) / len(drawn)
