"""Everybody who stands for election in one round: answers, verdicts, sources, their history.

Loaded once from the store; gives the rule its records and makes the training row of a winner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from workbench.errors import StageError
from workbench.settings import Settings
from workbench.stages.agreement import Answerer, agreement_of
from workbench.stages.answers import latest_by_source, round_answers
from workbench.stages.events import Reporter
from workbench.stages.history import source_history
from workbench.stages.judge import verdicts_of
from workbench.stages.prompts import student_messages
from workbench.stages.selection_rule import program_size
from workbench.store.canonical import digest, parse
from workbench.store.database import Store
from workbench.store.tables import (
    AnswerRow,
    CandidateRow,
    ObligationRow,
    OverrideRow,
    SourceRow,
    VerdictRow,
)
from workbench.tasks import Task

if TYPE_CHECKING:
    from distill.example import Example
    from judge.sandbox import Sandbox

__all__ = ["Field"]


@dataclass(slots=True)
class Field:
    """Everybody who stands for election in one round, loaded once."""

    tasks: list[Task]
    answers: dict[str, list[AnswerRow]]
    """Task id -> each source's latest answer that has code."""
    verdicts: dict[tuple[str, str], VerdictRow]
    codes: dict[str, str]
    sources: dict[str, SourceRow]
    history: dict[tuple[str, str], tuple[int, int]]
    """(source, category) -> right and wrong among everything it answered so far."""
    decided: dict[int, OverrideRow]
    """Verdict id -> a person's last word on it."""
    losers: dict[str, str]
    """Task id -> the candidate of a refuted answer to it, first tries included."""
    obligations: dict[int, list[str]]
    """Verdict id -> the digests of what was proved for it, in order."""

    _by_id: dict[str, Task] = field(default_factory=dict)

    def record_of(self, source: str) -> tuple[int, int]:
        """Return how often a source was right and wrong, over all categories."""
        counts = [pair for (name, _), pair in self.history.items() if name == source]
        return sum(right for right, _ in counts), sum(wrong for _, wrong in counts)

    @classmethod
    def of(cls, store: Store, settings: Settings, round_id: str, tasks: list[Task]) -> Field:
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
            judged = [v.id for v in verdicts.values() if v.id is not None]
            decided, obligations = _decided(session, judged), _obligations(session, judged)
        history = source_history(store, settings, round_id)
        losers: dict[str, str] = {}
        for (name, task_id), verdict in sorted(verdicts.items()):
            if verdict.verdict == "refuted":
                losers.setdefault(task_id, name)
        return cls(
            tasks, dict(answers), verdicts, codes, sources, history, decided, losers, obligations
        )

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

        task = self.by_id[choice["task"]]
        source = self.sources[choice["source"]]
        verdict = self.verdicts[(choice["candidate"], task.id)]
        loser = self.losers.get(task.id)
        answer = next(row for row in self.answers[task.id] if row.id == choice["answer"])
        facts: dict[str, object] = {
            "candidate": choice["candidate"],
            "task_digest": task.digest,
            "contract": task.contract,
            "verdict": verdict.verdict,
            "method": verdict.method,
            "obligations": self.obligations.get(verdict.id or 0, []),
            "recheck": verdict.recheck,
            "score": choice["score"],
            "cost": answer.cost,
            "licence": task.licence,
            "task_source": task.source,
            "training_policy": source.training_policy,
            "policy_basis": source.policy_basis,
        }
        if loser is not None:
            facts["refutation"] = self.verdicts[(loser, task.id)].explanation
        return Example(
            id=self.row_id(choice),
            task_id=task.id,
            messages=student_messages(task),
            completion=self.codes[choice["candidate"]].strip("\n"),
            source=source.id,
            rejected=self.codes[loser].strip("\n") if loser is not None else None,
            group=task.family,
            category=task.category,
            facts=facts,
        )

    @property
    def by_id(self) -> dict[str, Task]:
        """Task id -> task."""
        if not self._by_id:
            self._by_id.update({task.id: task for task in self.tasks})
        return self._by_id

    def restored(self, choices: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Return row id -> reason of the winners that a person wants in, whatever a filter says."""
        found: dict[str, str] = {}
        for choice in choices:
            reason = self._word(self.verdicts[(choice["candidate"], choice["task"])], "accept")
            if reason is not None:
                found[self.row_id(choice)] = reason
        return found

    def row_id(self, choice: Mapping[str, Any]) -> str:
        """Return the id of a winner's row: the same wherever the same code answers the task."""
        return digest([self.by_id[choice["task"]].digest, choice["candidate"]])[:16]

    def _word(self, verdict: VerdictRow | None, decision: str) -> str | None:
        row = self.decided.get(verdict.id) if verdict and verdict.id is not None else None
        return row.reason if row is not None and row.decision == decision else None

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
            "rejected": self._word(found, "reject"),
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


def _obligations(session: Session, verdict_ids: Sequence[int]) -> dict[int, list[str]]:
    """Return verdict id -> the digests of its obligations, in order."""
    found: dict[int, list[str]] = defaultdict(list)
    for begin in range(0, len(verdict_ids), 500):
        query = (
            select(ObligationRow.verdict_id, ObligationRow.digest)
            .where(col(ObligationRow.verdict_id).in_(verdict_ids[begin : begin + 500]))
            .order_by(col(ObligationRow.verdict_id), col(ObligationRow.position))
        )
        for verdict_id, name in session.exec(query):
            found[verdict_id].append(name)
    return dict(found)


def _decided(session: Session, verdict_ids: Sequence[int]) -> dict[int, OverrideRow]:
    """Return verdict id -> a person's last word, where there is one."""
    wanted = set(verdict_ids)
    rows = session.exec(select(OverrideRow).order_by(col(OverrideRow.id)))
    return {row.verdict_id: row for row in rows if row.verdict_id in wanted}
