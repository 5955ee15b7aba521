"""Select: gather what the rule reads, apply it, and freeze the winners as a dataset.

The rule itself is pure and lives in ``selection_rule``. Everything it read is kept as a blob beside
the snapshot, so that the choice can be made again by somebody who trusts nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, delete, select

from workbench.errors import InputError, StageError
from workbench.settings import Settings
from workbench.stages.agreement import Answerer, agreement_of
from workbench.stages.answers import latest_by_source, round_answers
from workbench.stages.events import Reporter
from workbench.stages.history import source_history
from workbench.stages.judge import verdicts_of
from workbench.stages.prompts import student_messages
from workbench.stages.selection_rule import MARGIN, RULE, apply_rule, funnel, program_size
from workbench.store.canonical import canonical, digest, parse
from workbench.store.database import Store
from workbench.store.tables import (
    AnswerRow,
    CandidateRow,
    ExampleRow,
    OverrideRow,
    RoundRow,
    RoundTaskRow,
    SelectionRow,
    SnapshotRow,
    SourceRow,
    TaskRow,
    VerdictRow,
)
from workbench.tasks import Task, task_of

if TYPE_CHECKING:
    from distill.example import Example
    from judge.sandbox import Sandbox

__all__ = ["SelectReport", "SelectionPolicy", "select_winners", "train_tasks"]

GATES = ("proved", "bounded", "tested")


@dataclass(frozen=True, slots=True)
class SelectionPolicy:
    """What may win: the lowest verdict accepted, how the terms of the score are weighed, and how
    near to the best a score has to be for simplicity to decide."""

    minimum: str = "proved"
    verification: float = 0.5
    agreement: float = 0.3
    history: float = 0.2
    margin: float = MARGIN

    def as_json(self) -> dict[str, Any]:
        """Return it as the rule reads it; raise ``InputError`` for a minimum that is no gate."""
        if self.minimum not in GATES:
            raise InputError(
                f"{self.minimum!r} cannot be the lowest verdict that wins.",
                f"Use one of {', '.join(GATES)}.",
            )
        return {
            "accept": list(GATES[: GATES.index(self.minimum) + 1]),
            "weights": {
                "verification": self.verification,
                "agreement": self.agreement,
                "history": self.history,
            },
            "margin": self.margin,
        }


@dataclass(frozen=True, slots=True)
class SelectReport:
    """What was chosen."""

    snapshot_id: str
    rows: int
    funnel: Mapping[str, int]

    @property
    def sentence(self) -> str:
        """Say it."""
        f = self.funnel
        return (
            f"{f['winners']} winners for {f['tasks']} tasks, out of {f['candidates']} candidates "
            f"({f['verified']} verified, {f['trainable']} of them may be trained on)."
        )


def select_winners(
    store: Store,
    settings: Settings,
    round_id: str,
    *,
    policy: SelectionPolicy | None = None,
    reporter: Reporter | None = None,
) -> SelectReport:
    """Choose the winners of a round and freeze them; doing it again gives the same snapshot."""
    reporter = reporter or Reporter(store, None, round_id)
    policy = policy or SelectionPolicy()
    tasks = train_tasks(store, round_id)
    reporter.start("select", len(tasks), f"{len(tasks)} tasks")
    field = _Field.of(store, settings, round_id, tasks)
    inputs = {"rule": RULE, "policy": policy.as_json(), "tasks": field.records(reporter)}
    selections = apply_rule(inputs)
    counts = funnel(inputs)
    examples = [field.example(choice) for choice in selections if choice["answer"] is not None]
    text = "".join(canonical_line(example) for example in examples)
    report = _freeze(store, field, round_id, canonical(inputs), text, selections, counts)
    reporter.done("select", report.sentence, {"funnel": dict(counts)})
    return report


def canonical_line(example: Example) -> str:
    """Return one dataset row as a snapshot holds it, with its line end."""
    from dataclasses import asdict

    return canonical(asdict(example)) + "\n"


def train_tasks(store: Store, round_id: str) -> list[Task]:
    """Return the round's training tasks in their fixed order; ``StageError`` if it has none."""
    query = (
        select(TaskRow)
        .join(RoundTaskRow, col(RoundTaskRow.task_id) == col(TaskRow.id))
        .where(RoundTaskRow.round_id == round_id, RoundTaskRow.role == "train")
        .order_by(col(RoundTaskRow.position))
    )
    with store.read() as session:
        tasks = [task_of(row) for row in session.exec(query)]
    if not tasks:
        raise StageError(f"Round {round_id} has no training tasks.", "Plan it again with some.")
    return tasks


@dataclass(slots=True)
class _Field:
    """Everybody who stands for election in one round, loaded once."""

    tasks: list[Task]
    answers: dict[str, list[AnswerRow]]
    """Task id -> each source's latest answer that has code."""
    verdicts: dict[tuple[str, str], VerdictRow]
    codes: dict[str, str]
    sources: dict[str, SourceRow]
    history: dict[tuple[str, str], tuple[int, int]]
    """(source, category) -> right and wrong among everything it answered so far."""
    rejected: dict[int, str]
    """Verdict id -> a person's reason to reject it."""
    losers: dict[str, str]
    """Task id -> the candidate of a refuted answer to it, first tries included."""

    def record_of(self, source: str) -> tuple[int, int]:
        """Return how often a source was right and wrong, over all categories."""
        counts = [pair for (name, _), pair in self.history.items() if name == source]
        return sum(right for right, _ in counts), sum(wrong for _, wrong in counts)

    @classmethod
    def of(cls, store: Store, settings: Settings, round_id: str, tasks: list[Task]) -> _Field:
        """Load the round."""
        rows = [
            row
            for row in round_answers(store, round_id, "teacher", "repair")
            if row.candidate_id is not None
        ]
        answers: dict[str, list[AnswerRow]] = defaultdict(list)
        for row in latest_by_source(rows):
            answers[row.task_id].append(row)
        verdicts = verdicts_of(store, settings, [(r.candidate_id or "", r.task_id) for r in rows])
        with store.read() as session:
            codes = _codes(session, {r.candidate_id or "" for r in rows})
            sources = {row.id: row for row in session.exec(select(SourceRow))}
            rejected = _rejected(session, [v.id for v in verdicts.values() if v.id is not None])
        history = source_history(store, settings, round_id)
        losers: dict[str, str] = {}
        for (name, task_id), verdict in sorted(verdicts.items()):
            if verdict.verdict == "refuted":
                losers.setdefault(task_id, name)
        return cls(tasks, dict(answers), verdicts, codes, sources, history, rejected, losers)

    def records(self, reporter: Reporter) -> list[dict[str, Any]]:
        """Return the rule's task records, in the order of the tasks."""
        records: list[dict[str, Any]] = []
        with _sandbox() as sandbox:
            for done, task in enumerate(self.tasks, start=1):
                rows = self.answers.get(task.id, [])
                standing = [self._answerer(row) for row in rows]
                agreed = agreement_of(task, standing, self._probes(task), sandbox)
                records.append(
                    {
                        "task": task.id,
                        "category": task.category,
                        "split": task.split,
                        "candidates": [
                            self._record(task, row, agreed[(row.source_id, row.candidate_id or "")])
                            for row in rows
                        ],
                    }
                )
                reporter.progress("select", done, len(self.tasks))
        return records

    def verdict(self, row: AnswerRow) -> VerdictRow | None:
        """Return what the judge found for an answer."""
        return self.verdicts.get((row.candidate_id or "", row.task_id))

    def example(self, choice: Mapping[str, Any]) -> Example:
        """Return the training row of a winner."""
        from distill.example import Example

        task = next(t for t in self.tasks if t.id == choice["task"])
        source = self.sources[choice["source"]]
        verdict = self.verdicts[(choice["candidate"], task.id)]
        loser = self.losers.get(task.id)
        return Example(
            id=digest([task.digest, choice["candidate"]])[:16],
            task_id=task.id,
            messages=student_messages(task),
            completion=self.codes[choice["candidate"]].strip("\n"),
            source=source.id,
            rejected=self.codes[loser].strip("\n") if loser is not None else None,
            group=task.family,
            category=task.category,
            facts={
                "candidate": choice["candidate"],
                "task_digest": task.digest,
                "verdict": verdict.verdict,
                "method": verdict.method,
                "score": choice["score"],
                "licence": task.licence,
                "task_source": task.source,
                "training_policy": source.training_policy,
                "policy_basis": source.policy_basis,
            },
        )

    def _answerer(self, row: AnswerRow) -> Answerer:
        found = self.verdict(row)
        name = row.candidate_id or ""
        word = found.verdict if found is not None else "unknown"
        return Answerer(row.source_id, name, self.codes[name], word)

    def _probes(self, task: Task) -> list[tuple[object, ...]]:
        """Return the inputs on which the answers are compared."""
        from judge.plain import from_json

        probes = [tuple(from_json(arg) for arg in test["args"]) for test in task.tests]
        for row in self.answers.get(task.id, []):
            found = self.verdict(row)
            if found is not None and found.counterexample_json is not None:
                args = parse(found.counterexample_json)["args"]
                probes.append(tuple(from_json(arg) for arg in args))
        return probes

    def _record(self, task: Task, row: AnswerRow, agreed: tuple[int, int]) -> dict[str, Any]:
        found = self.verdict(row)
        source = self.sources[row.source_id]
        right, wrong = self.history.get((row.source_id, task.category), (0, 0))
        same, others = agreed
        code = self.codes[row.candidate_id or ""]
        all_right, all_wrong = self.record_of(row.source_id)
        return {
            "answer": row.id,
            "candidate": row.candidate_id,
            "source": row.source_id,
            "verdict": found.verdict if found is not None else "unknown",
            "training": source.training_policy,
            "basis": source.policy_basis,
            "same": same,
            "others": others,
            "right": right,
            "wrong": wrong,
            "all_right": all_right,
            "all_wrong": all_wrong,
            "attempt": row.attempt,
            "size": program_size(code),
            "characters": len(code),
            "rejected": self.rejected.get(found.id) if found and found.id is not None else None,
        }


def _sandbox() -> Sandbox:
    from judge.sandbox import SandboxError, open_sandbox

    try:
        return open_sandbox()
    except SandboxError as error:
        raise StageError(
            f"The sandbox cannot start here: {error}.", "See what is missing: workbench doctor"
        ) from error


def _codes(session: Session, names: set[str]) -> dict[str, str]:
    codes: dict[str, str] = {}
    ordered = sorted(names)
    for begin in range(0, len(ordered), 500):
        query = select(CandidateRow).where(col(CandidateRow.id).in_(ordered[begin : begin + 500]))
        codes.update({row.id: row.code for row in session.exec(query)})
    return codes


def _rejected(session: Session, verdict_ids: Sequence[int]) -> dict[int, str]:
    """Return verdict id -> reason where a person's last word is "reject"."""
    wanted = set(verdict_ids)
    last: dict[int, OverrideRow] = {}
    for row in session.exec(select(OverrideRow).order_by(col(OverrideRow.id))):
        last[row.verdict_id] = row
    return {n: r.reason for n, r in last.items() if n in wanted and r.decision == "reject"}


def _freeze(
    store: Store,
    field: _Field,
    round_id: str,
    inputs: str,
    text: str,
    selections: Sequence[Mapping[str, Any]],
    counts: Mapping[str, int],
) -> SelectReport:
    """Write blobs, then selections, snapshot and rows in one transaction."""
    inputs_digest = store.blobs.put_text(inputs)
    data_digest = store.blobs.put_text(text)
    winners = [choice for choice in selections if choice["answer"] is not None]
    snapshot_id = f"{round_id}-{data_digest[:12]}"
    with store.write() as session:
        session.exec(delete(SelectionRow).where(col(SelectionRow.round_id) == round_id))
        for choice in selections:
            session.add(_selection(field, round_id, choice))
        if session.get(SnapshotRow, snapshot_id) is None:
            session.add(
                SnapshotRow(
                    id=snapshot_id,
                    round_id=round_id,
                    digest=data_digest,
                    rows=len(winners),
                    rule=RULE,
                    inputs_digest=inputs_digest,
                    funnel_json=canonical(dict(counts)),
                )
            )
            session.flush()
            for position, choice in enumerate(winners):
                session.add(_example_row(field, snapshot_id, position, choice))
        this = session.get(RoundRow, round_id)
        assert this is not None
        this.snapshot_id = snapshot_id
        session.add(this)
    return SelectReport(snapshot_id, len(winners), counts)


def _selection(field: _Field, round_id: str, choice: Mapping[str, Any]) -> SelectionRow:
    verdict = field.verdicts.get((choice["candidate"] or "", choice["task"]))
    return SelectionRow(
        round_id=round_id,
        task_id=choice["task"],
        answer_id=choice["answer"],
        verdict_id=verdict.id if verdict is not None else None,
        score=choice["score"],
        terms_json=canonical(choice["terms"]),
        reason=choice["reason"],
    )


def _example_row(
    field: _Field, snapshot_id: str, position: int, choice: Mapping[str, Any]
) -> ExampleRow:
    verdict = field.verdicts[(choice["candidate"], choice["task"])]
    assert verdict.id is not None
    return ExampleRow(
        snapshot_id=snapshot_id,
        position=position,
        task_id=choice["task"],
        source_id=choice["source"],
        answer_id=choice["answer"],
        verdict_id=verdict.id,
        candidate_id=choice["candidate"],
    )
