"""What the demo tells after each stage, read from the store: never from memory of the run.

Because every line is read back, a round that finished yesterday is told in the same words as one
that has just run. Each function returns lines of plain text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

from sqlmodel import Session, col, func, select

from workbench.stages.filtering import funnel_steps
from workbench.store.canonical import parse
from workbench.store.database import Store
from workbench.store.tables import (
    AnswerRow,
    CandidateRow,
    EventRow,
    ExampleRow,
    RoundAnswerRow,
    RoundRow,
    SelectionRow,
    SnapshotRow,
    TaskRow,
    VerdictRow,
)

__all__ = ["HEADINGS", "TELL", "sparkline"]

HEADINGS = {
    "baseline": "The student as it is, on tasks that nobody trains on",
    "asked": "The teachers answer the training tasks",
    "judged": "The judge proves or refutes each answer",
    "repaired": "Refuted teachers get their counterexample back",
    "selected": "Winners become a dataset",
    "trained": "A LoRA round retrains the student",
    "evaluated": "The same held-out tasks again",
    "promoted": "The gate",
    "certified": "The certificate",
}


def baseline(store: Store, round_id: str) -> list[str]:
    """Count the verdicts of the base student and show one answer that a call breaks."""
    with store.read() as session:
        counts = _verdicts(session, round_id, "baseline")
        shown = _example(session, round_id, "baseline", "refuted")
    return [_counted(counts), *shown]


def asked(store: Store, round_id: str) -> list[str]:
    """Say what each teacher answered and what it said it cannot."""
    with store.read() as session:
        rows = session.exec(
            select(AnswerRow.source_id, AnswerRow.finish, func.count())
            .join(RoundAnswerRow, col(RoundAnswerRow.answer_id) == col(AnswerRow.id))
            .where(RoundAnswerRow.round_id == round_id, RoundAnswerRow.role == "teacher")
            .group_by(AnswerRow.source_id, AnswerRow.finish)
        ).all()
    finishes: dict[str, dict[str, int]] = {}
    for source, finish, count in rows:
        finishes.setdefault(source, {})[finish] = count
    lines = []
    for source, found in sorted(finishes.items()):
        parts = [f"{found.get('stop', 0)} answers"]
        if found.get("cannot"):
            parts.append(f"{found['cannot']} times an honest “cannot”")
        parts += [f"{n} {word}" for word, n in sorted(found.items()) if word not in _EXPECTED]
        lines.append(f"{source}: {', '.join(parts)}")
    return lines


_EXPECTED = ("stop", "cannot")


def judged(store: Store, round_id: str) -> list[str]:
    """Count the teachers' verdicts; show one proof and one refutation."""
    with store.read() as session:
        counts = _verdicts(session, round_id, "teacher")
        proof = _example(session, round_id, "teacher", "proved")
        refuted = _example(session, round_id, "teacher", "refuted")
    return [_counted(counts), *proof, *refuted]


def repaired(store: Store, round_id: str) -> list[str]:
    """Say how many repairs were asked for and what the judge said to them."""
    with store.read() as session:
        counts = _verdicts(session, round_id, "repair")
    if not counts:
        return ["Nothing to repair, or no teacher changed its mind."]
    return [f"{sum(counts.values())} new answers: {_counted(counts)}"]


def selected(store: Store, round_id: str) -> list[str]:
    """Say how many tasks have a winner, whose answers they are, and why the rest have none."""
    with store.read() as session:
        row = session.get(RoundRow, round_id)
        tasks = session.exec(select(func.count()).where(SelectionRow.round_id == round_id)).one()
        winners = session.exec(
            select(func.count()).where(
                SelectionRow.round_id == round_id, col(SelectionRow.answer_id).is_not(None)
            )
        ).one()
        by_source = session.exec(
            select(ExampleRow.source_id, func.count())
            .where(ExampleRow.snapshot_id == (row.snapshot_id if row else None))
            .group_by(ExampleRow.source_id)
            .order_by(func.count().desc())
        ).all()
    mix = ", ".join(f"{count} by {source}" for source, count in by_source)
    lines = [f"{winners} of {tasks} tasks have a proved winner ({mix})"]
    if winners < tasks:
        lines.append(
            f"{tasks - winners} have none: nothing was proved for them, so nothing is taught"
        )
    return lines + _filtered(store, row.snapshot_id if row else None)


def _filtered(store: Store, snapshot_id: str | None) -> list[str]:
    with store.read() as session:
        snapshot = session.get(SnapshotRow, snapshot_id) if snapshot_id else None
    steps = funnel_steps(store, snapshot) if snapshot is not None else []
    if not steps:
        return []
    took = ", ".join(f"{step['rule']} {step['before'] - step['after']}" for step in steps)
    return [f"taken by filters: {took}; {steps[-1]['after']} rows are left"]


def trained(store: Store, round_id: str) -> list[str]:
    """Draw the loss curve and say how long it took."""
    with store.read() as session:
        events = session.exec(
            select(EventRow)
            .where(EventRow.round_id == round_id, col(EventRow.kind).in_(("loss", "done")))
            .where(EventRow.stage == "train")
            .order_by(col(EventRow.id))
        ).all()
    losses = [float(data["loss"]) for e in events if "loss" in (data := parse(e.data_json))]
    lines = [e.message for e in events if e.kind == "done"][-1:]
    if losses:
        lines.insert(0, f"loss {losses[0]:.2f} {sparkline(losses)} {losses[-1]:.2f}")
    return lines


def evaluated(store: Store, round_id: str) -> list[str]:
    """Say the paired figures with their interval, then one task that was fixed."""
    from workbench.stages.evaluate import figures
    from workbench.stages.rounds import config_of

    config = config_of(store, round_id)
    found = figures(store, round_id, counts=config.counts).overall
    certain = "excludes" if found.low > 0 else "does not exclude"
    with store.read() as session:
        shown = _example(session, round_id, "student", "proved")
    return [
        f"proved {found.before_rate:.1%} → {found.after_rate:.1%} of {found.n} held-out tasks",
        f"gain {found.gain * 100:+.1f} points, 95 % interval {found.low * 100:+.1f} to "
        f"{found.high * 100:+.1f}, which {certain} zero",
        f"{found.fixed} fixed, {found.broken} broken, exact McNemar p = {found.mcnemar_p:.1g}",
        *shown,
    ]


def promoted(store: Store, round_id: str) -> list[str]:
    """Repeat the gate's sentence."""
    with store.read() as session:
        row = session.get(RoundRow, round_id)
    return [row.decision] if row is not None and row.decision else []


TELL: dict[str, Callable[[Store, str], list[str]]] = {
    "baseline": baseline,
    "asked": asked,
    "judged": judged,
    "repaired": repaired,
    "selected": selected,
    "trained": trained,
    "evaluated": evaluated,
    "promoted": promoted,
}


def sparkline(values: Sequence[float], width: int = 32) -> str:
    """Return ``values``, averaged down to ``width`` points, as a line of block characters."""
    step = max(1, len(values) / width)
    points = []
    for i in range(min(width, len(values))):
        chunk = values[int(i * step) : max(int((i + 1) * step), int(i * step) + 1)]
        points.append(sum(chunk) / len(chunk))
    low, high = min(points), max(points)
    span = (high - low) or 1.0
    return "".join("▁▂▃▄▅▆▇█"[round((point - low) / span * 7)] for point in points)


def _verdicts(session: Session, round_id: str, role: str) -> dict[str, int]:
    """Count the round's answers in ``role`` by verdict; those without code are malformed."""
    rows = session.exec(
        select(AnswerRow.candidate_id, AnswerRow.task_id)
        .join(RoundAnswerRow, col(RoundAnswerRow.answer_id) == col(AnswerRow.id))
        .where(RoundAnswerRow.round_id == round_id, RoundAnswerRow.role == role)
        .where(AnswerRow.finish != "cannot")
    ).all()
    words = {
        (row.candidate_id, row.task_id): row.verdict
        for row in session.exec(select(VerdictRow).order_by(col(VerdictRow.id)))
    }
    counts: dict[str, int] = {}
    for candidate, task in rows:
        word = "malformed" if candidate is None else words.get((candidate, task), "not judged")
        counts[word] = counts.get(word, 0) + 1
    return counts


def _counted(counts: dict[str, int]) -> str:
    from judge.verdict import Verdict

    order = {verdict.word: -verdict.rank for verdict in Verdict}
    words = sorted(counts, key=lambda word: order.get(word, 1))
    return ", ".join(f"{counts[word]} {word}" for word in words) or "no answers"


def _example(session: Session, round_id: str, role: str, verdict: str) -> list[str]:
    """Show one answer with this verdict: the question, the code, and the judge's sentence.

    The one with the longest code that still fits a few lines: it says more than ``return a``.
    """
    query = (
        select(AnswerRow, TaskRow, CandidateRow, VerdictRow)
        .join(RoundAnswerRow, col(RoundAnswerRow.answer_id) == col(AnswerRow.id))
        .join(TaskRow, col(TaskRow.id) == col(AnswerRow.task_id))
        .join(CandidateRow, col(CandidateRow.id) == col(AnswerRow.candidate_id))
        .join(
            VerdictRow,
            (col(VerdictRow.candidate_id) == col(AnswerRow.candidate_id))
            & (col(VerdictRow.task_id) == col(AnswerRow.task_id)),
        )
        .where(RoundAnswerRow.round_id == round_id, RoundAnswerRow.role == role)
        .where(VerdictRow.verdict == verdict, func.length(CandidateRow.code) < 240)
        .order_by(func.length(CandidateRow.code).desc(), col(AnswerRow.task_id))
        .limit(1)
    )
    found = session.exec(query).first()
    if found is None:
        return []
    answer, task, candidate, verdict_row = found
    lines = ["", *textwrap.wrap(f"asked: {task.prompt}", 88, max_lines=3)]
    lines.append(f"{answer.source_id} wrote:")
    lines += textwrap.indent(candidate.code.rstrip(), "    ").splitlines()
    lines += textwrap.wrap(f"the judge: {verdict_row.explanation}", 88)
    return lines
