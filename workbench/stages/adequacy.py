"""Adequacy: is a task's contract worth proving against, kept in the task's row for the screens.

The judgement is ``judge.adequacy``'s; here it is asked for tasks of the store and written down.
A reference solution is used for this and for nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.stages.events import Reporter
from workbench.store.canonical import canonical

if TYPE_CHECKING:
    from judge.adequacy import Adequacy
    from workbench.settings import Settings
    from workbench.store.database import Store
    from workbench.tasks import Task

__all__ = ["AdequacyReport", "assess_tasks"]


@dataclass(slots=True)
class AdequacyReport:
    """What was found: verdict word -> contracts, and per task what its row holds now."""

    verdicts: Counter[str] = field(default_factory=Counter)
    found: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """Say it."""
        told = ", ".join(f"{n} {word}" for word, n in self.verdicts.most_common())
        return f"{sum(self.verdicts.values())} contracts assessed ({told or 'none'})."


def assess_tasks(
    store: Store,
    settings: Settings,
    tasks: Sequence[Task],
    *,
    reporter: Reporter | None = None,
) -> AdequacyReport:
    """Assess the contracts of ``tasks`` and keep each finding as soon as it is there."""
    from judge.adequacy import Specimen, assess_many
    from judge.contract import Contract

    reporter = reporter or Reporter(store)
    report = AdequacyReport()
    reporter.start("contracts", len(tasks), f"{len(tasks)} contracts to assess")
    specimens = [
        Specimen(
            Contract(t.requires, t.ensures, t.raises, t.helpers),
            t.signature,
            t.entry_point,
            t.reference,
        )
        for t in tasks
    ]
    assessed = assess_many(specimens, jobs=settings.jobs, budget=settings.budget())
    for task, found in zip(tasks, assessed, strict=True):
        record = _record(found)
        _keep(store, task, record)
        report.verdicts[found.verdict] += 1
        report.found[task.id] = record
        reporter.progress("contracts", len(report.found), len(tasks), task.id)
    reporter.done("contracts", report.sentence, {"verdicts": dict(report.verdicts)})
    return report


def _record(found: Adequacy) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "explanation": found.explanation,
        "satisfiable": found.satisfiable,
        "total": found.total,
        "holds_for_reference": found.holds_for_reference,
        "deterministic": found.deterministic,
        "mutants": found.mutants,
        "killed": found.killed,
        "equivalent": found.equivalent,
        "hung": found.hung,
        "survivors": [
            {"change": s.change, "example": s.example, "code": s.code} for s in found.survivors
        ],
    }


def _keep(store: Store, task: Task, record: dict[str, Any]) -> None:
    from workbench.store.tables import TaskRow

    with store.write() as session:
        row = session.get(TaskRow, task.id)
        if row is not None and row.digest == task.digest:
            row.adequacy_json = canonical(record)
            session.add(row)
