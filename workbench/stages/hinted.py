"""Open proofs of a run, tried once more with a teacher's invariants, and a note of the asking.

A verdict that comes out better takes the place of the first one, with the plan that any judge can
check again; one that does not keeps its place and a note that it was asked for. What it is not: a
second opinion. The judge keeps of a hint what it can show, and drops the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.cluster import judge_anywhere
from workbench.settings import Settings
from workbench.stages.door import Door
from workbench.stages.events import Reporter
from workbench.stages.hints import ask_hints, lacks_invariant, with_hints
from workbench.stages.judge import pairs_of, save_verdict, submission_of, verdicts_of
from workbench.store.canonical import parse
from workbench.store.database import Store

if TYPE_CHECKING:
    from judge import Judgement, Submission
    from workbench.stages.judge import Pair
    from workbench.store.tables import VerdictRow

__all__ = ["HintReport", "judge_with_hints"]

ASKED = "invariants were asked of"
"""Begins the finding that says so; such a verdict is not asked about again."""


@dataclass(slots=True)
class HintReport:
    """For how many open proofs invariants were asked, and how many came out otherwise."""

    asked: int = 0
    gained: int = 0
    failed: tuple[str, ...] = ()

    def sentence(self, teacher: str) -> str:
        """Say it."""
        return f"{teacher} was asked for the invariants of {self.asked}; {self.gained} gained."


def judge_with_hints(
    store: Store,
    settings: Settings,
    teacher: str,
    answer_ids: Sequence[int],
    *,
    door: Door | None = None,
    reporter: Reporter | None = None,
) -> HintReport:
    """Ask ``teacher`` about every open proof with a loop among the judged answers, once each.

    Requests go through the same door as all others: cache, caps, limits, private mode.
    """
    reporter = reporter or Reporter(store)
    pairs = {(p.candidate_id, p.task_id): p for p in pairs_of(store, answer_ids)}
    rows = verdicts_of(store, settings, list(pairs))
    open_ones: list[tuple[Pair, Submission, Judgement]] = []
    for key, row in rows.items():
        if any(ASKED in text for text in parse(row.findings_json)):
            continue
        item = submission_of(store, pairs[key], str(len(open_ones)))
        first = _judgement(row, item.id)
        if lacks_invariant(item, first):
            open_ones.append((pairs[key], item, first))
    if not open_ones:
        return HintReport()
    asked = [(item, first) for _, item, first in open_ones]
    found, failed = ask_hints(store, settings, teacher, asked, door=door)
    report = HintReport(asked=len(asked), failed=tuple(failed))
    by_id = {item.id: (pair, first) for pair, item, first in open_ones if item.id in found}
    hinted = with_hints([i for _, i, _ in open_ones if i.id in found], found)
    judged = judge_anywhere(
        hinted, jobs=settings.jobs, budget=settings.budget(), cluster=settings.cluster
    )
    for judgement in judged:
        pair, first = by_id[judgement.id]
        report.gained += _keep(store, settings, pair, first, judgement, teacher)
    for text in failed:
        reporter.progress("judge", report.gained, report.asked, text)
    reporter.done("judge", report.sentence(teacher))
    return report


def _keep(
    store: Store, settings: Settings, pair: Pair, first: Judgement, new: Judgement, teacher: str
) -> bool:
    """A refutation always counts; else the better of the two, never the worse."""
    from dataclasses import replace

    better = new.verdict.word == "refuted" or first.verdict < new.verdict
    if not better:
        note = f"{ASKED} {teacher}, and none made the proof"
        save_verdict(store, settings, pair, None, note)
        return False
    note = f"{ASKED} {teacher}"
    save_verdict(store, settings, pair, replace(new, findings=(*new.findings, note)), note)
    return True


def _judgement(row: VerdictRow, name: str) -> Judgement:
    """What the question needs of a verdict that is in the store."""
    from judge import Judgement, Verdict

    verdict = next(v for v in Verdict if v.word == row.verdict)
    return Judgement(
        name, verdict, row.method, row.explanation,
        reason=row.reason, invariants=tuple(parse(row.invariants_json)),
    )  # fmt: skip
