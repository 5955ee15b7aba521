"""Judge: every candidate against its task, once under each identity of the judge.

A verdict is in the store as soon as it is found, with its obligations as blobs. An ERROR says
nothing about a candidate, so it does not count as judged: the next run tries again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, delete, select

from workbench.cluster import judge_anywhere
from workbench.errors import StageError
from workbench.settings import Settings
from workbench.stages.events import Reporter
from workbench.stages.prompts import storable
from workbench.store.canonical import canonical, digest, parse
from workbench.store.database import Store
from workbench.store.tables import AnswerRow, CandidateRow, ObligationRow, TaskRow, VerdictRow
from workbench.tasks import Task, submission, task_of

if TYPE_CHECKING:
    from judge.contract import Submission
    from judge.verdict import Counterexample, Judgement

__all__ = [
    "JudgeReport",
    "Pair",
    "identity_of",
    "judge_answers",
    "pairs_of",
    "save_verdict",
    "submission_of",
    "verdicts_of",
]


@dataclass(slots=True)
class JudgeReport:
    """What was found. Counts are of candidates, each judged once however many gave it."""

    judged: int = 0
    known: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    """Verdict word -> candidates judged now."""

    @property
    def sentence(self) -> str:
        """Say it."""
        found = ", ".join(f"{count} {word}" for word, count in self.verdicts.most_common())
        return f"{self.judged} judged ({found or 'nothing new'}), {self.known} known before."


@dataclass(frozen=True, slots=True)
class Pair:
    """A candidate and the task it answers."""

    candidate_id: str
    task_id: str


def identity_of(settings: Settings) -> dict[str, Any]:
    """Return everything a verdict depends on besides the candidate and the task."""
    from judge.identity import identity

    found = identity(settings.budget())
    return {
        "encoder": found.encoder,
        "solvers": [list(pair) for pair in found.solvers],
        "rlimit": found.rlimit,
        "seed": found.seed,
        "cases": settings.cases,
        "memory_mb": settings.memory_mb,
        "recheck": settings.recheck,
    }


def judge_answers(
    store: Store,
    settings: Settings,
    answer_ids: Sequence[int],
    *,
    reporter: Reporter | None = None,
    stage: str = "judge",
) -> JudgeReport:
    """Judge the candidates of ``answer_ids``; what has a verdict under this identity keeps it."""
    from judge.pool import WorkerFailedError

    reporter = reporter or Reporter(store)
    identity = identity_of(settings)
    report = JudgeReport()
    pairs = pairs_of(store, answer_ids)
    known = _known(store, digest(canonical(identity)))
    missing = [pair for pair in pairs if (pair.candidate_id, pair.task_id) not in known]
    report.known = len(pairs) - len(missing)
    reporter.start(stage, len(missing), f"{len(missing)} to judge, {report.known} judged before")
    order = iter(missing)
    by_id = {f"{n}": pair for n, pair in enumerate(missing)}

    def keep(judgement: Judgement) -> None:
        _save(store, by_id[judgement.id], identity, judgement)
        report.judged += 1
        report.verdicts[judgement.verdict.word] += 1
        reporter.progress(stage, report.judged, len(missing), judgement.explanation)

    submissions = _submissions(store, order)
    judged = judge_anywhere(
        submissions,
        jobs=settings.jobs,
        budget=settings.budget(),
        on_done=keep,
        cluster=settings.cluster,
    )
    try:
        # Saved as each is finished, not in order: a slow one must not hold back the others.
        for _ in judged:
            pass
    except WorkerFailedError as error:
        raise StageError(
            f"The judge cannot start here: {str(error).splitlines()[0]}.",
            "See what is missing: workbench doctor",
        ) from error
    reporter.done(stage, report.sentence, {"verdicts": dict(report.verdicts)})
    return report


def verdicts_of(
    store: Store,
    settings: Settings,
    pairs: Sequence[tuple[str, str]],
    *,
    or_latest: bool = False,
) -> dict[tuple[str, str], VerdictRow]:
    """Return (candidate, task) -> verdict under the present identity, where there is one.

    With ``or_latest`` a pair that this identity never judged has its latest verdict instead: a
    round that was finished by an earlier judge is told as it was.
    """
    name = digest(canonical(identity_of(settings)))
    wanted = set(pairs)
    found: dict[tuple[str, str], VerdictRow] = {}
    tasks = sorted({task for _, task in wanted})
    with store.read() as session:
        for begin in range(0, len(tasks), 500):
            query = select(VerdictRow).where(
                col(VerdictRow.task_id).in_(tasks[begin : begin + 500])
            )
            if not or_latest:
                query = query.where(VerdictRow.identity_digest == name)
            for row in session.exec(query.order_by(col(VerdictRow.id))):
                pair = (row.candidate_id, row.task_id)
                known = found.get(pair)
                if pair in wanted and (known is None or known.identity_digest != name):
                    found[pair] = row
    return found


def pairs_of(store: Store, answer_ids: Sequence[int]) -> list[Pair]:
    """Return the distinct (candidate, task) of the answers, in their order."""
    pairs: dict[Pair, None] = {}
    with store.read() as session:
        for begin in range(0, len(answer_ids), 500):
            query = (
                select(AnswerRow.candidate_id, AnswerRow.task_id)
                .where(col(AnswerRow.id).in_(answer_ids[begin : begin + 500]))
                .order_by(col(AnswerRow.id))
            )
            for candidate, task in session.exec(query):
                if candidate is not None:
                    pairs[Pair(candidate, task)] = None
    return list(pairs)


def _known(store: Store, identity_digest: str) -> set[tuple[str, str]]:
    query = select(VerdictRow.candidate_id, VerdictRow.task_id).where(
        VerdictRow.identity_digest == identity_digest, VerdictRow.verdict != "error"
    )
    with store.read() as session:
        return {(candidate, task) for candidate, task in session.exec(query)}


def _submissions(store: Store, pairs: Iterator[Pair]) -> Iterator[Submission]:
    """Yield what the judge gets, numbered in order; code and tasks are read as they are needed."""
    tasks: dict[str, Task] = {}
    for number, pair in enumerate(pairs):
        yield submission_of(store, pair, str(number), tasks)


def submission_of(
    store: Store, pair: Pair, name: str, tasks: dict[str, Task] | None = None
) -> Submission:
    """Return what the judge gets of a pair; ``tasks`` are those that were read before."""
    known = {} if tasks is None else tasks
    with store.read() as session:
        candidate = session.get(CandidateRow, pair.candidate_id)
        if pair.task_id not in known:
            row = session.get(TaskRow, pair.task_id)
            assert row is not None
            known[pair.task_id] = task_of(row)
    assert candidate is not None
    return submission(known[pair.task_id], candidate.code, name)


def _save(store: Store, pair: Pair, identity: dict[str, Any], judgement: Judgement) -> None:
    """Write the obligations' texts, then the verdict and its obligations in one transaction."""
    store.blobs.put_all(obligation.smt2 for obligation in judgement.obligations)
    identity_json = canonical(identity)
    name = digest(identity_json)
    with store.write() as session:
        row = _row_of(session, pair, name, identity_json)
        _fill(row, judgement)
        session.add(row)
        session.flush()
        assert row.id is not None
        session.exec(delete(ObligationRow).where(col(ObligationRow.verdict_id) == row.id))
        for position, obligation in enumerate(judgement.obligations):
            session.add(
                ObligationRow(
                    verdict_id=row.id,
                    position=position,
                    kind=obligation.kind,
                    text=obligation.text,
                    digest=obligation.digest,
                    logic=obligation.logic,
                    expected=obligation.expected,
                    line=obligation.line,
                )
            )


def save_verdict(
    store: Store, settings: Settings, pair: Pair, judgement: Judgement | None, note: str
) -> None:
    """Put a later judgement in the place of the present one; without one only add the note."""
    identity = identity_of(settings)
    if judgement is not None:
        _save(store, pair, identity, judgement)
        return
    identity_json = canonical(identity)
    with store.write() as session:
        row = _row_of(session, pair, digest(identity_json), identity_json)
        row.findings_json = canonical([*parse(row.findings_json), storable(note)])
        session.add(row)


def _row_of(session: Session, pair: Pair, name: str, identity_json: str) -> VerdictRow:
    """Return a new row, or that of an earlier ERROR, which this judgement replaces."""
    query = select(VerdictRow).where(
        VerdictRow.candidate_id == pair.candidate_id,
        VerdictRow.task_id == pair.task_id,
        VerdictRow.identity_digest == name,
    )
    return session.exec(query).first() or VerdictRow(
        candidate_id=pair.candidate_id,
        task_id=pair.task_id,
        identity_digest=name,
        identity_json=identity_json,
        verdict="error",
        method="",
        explanation="",
    )


def _fill(row: VerdictRow, judgement: Judgement) -> None:
    row.verdict = judgement.verdict.word
    row.method = judgement.method
    row.bound = judgement.bound
    row.cases = judgement.cases
    row.explanation = storable(judgement.explanation)
    row.reason = None if judgement.reason is None else storable(judgement.reason)
    row.counterexample_json = _counterexample(judgement.counterexample)
    row.invariants_json = canonical(list(judgement.invariants))
    row.plan = judgement.plan
    row.assumptions_json = canonical(list(judgement.assumptions))
    row.findings_json = canonical([storable(text) for text in judgement.findings])
    row.recheck = judgement.recheck.value
    row.sandbox_json = canonical(list(judgement.sandbox))
    row.terms_json = canonical([list(term) for term in judgement.terms])
    row.score = judgement.score
    row.rlimit = judgement.rlimit
    row.seconds = judgement.seconds


def _counterexample(found: Counterexample | None) -> str | None:
    """Return the counterexample with its values in the judge's plain encoding."""
    if found is None:
        return None
    from judge.plain import to_json

    return canonical(
        {
            "args": [to_json(arg) for arg in found.args],
            "result": to_json(found.result),
            "raised": found.raised,
            "message": None if found.message is None else storable(found.message),
            "violates": found.violates,
            "expected": to_json(found.expected),
        }
    )
