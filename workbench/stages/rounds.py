"""Rounds: the resumable state machine over the stages.

planned -> baseline -> asked -> judged -> repaired -> selected -> trained -> evaluated -> promoted
-> certified. The row names the last finished stage; each stage does only what is missing, so a
round that was killed anywhere goes on where it stopped. One process runs rounds of a home at a
time; a second one is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from workbench.errors import NotFoundError, NothingToTrainError, StageError
from workbench.settings import Settings
from workbench.stages.answers import round_answers
from workbench.stages.ask import ask, open_teachers
from workbench.stages.certify import certify_round
from workbench.stages.evaluate import (
    Figures,
    answer_and_judge,
    evaluate_round,
    figures,
    held_out_tasks,
)
from workbench.stages.events import Listener, Reporter
from workbench.stages.filtering import parse_filters
from workbench.stages.hinted import judge_with_hints
from workbench.stages.judge import judge_answers
from workbench.stages.plan import find_round, plan_round
from workbench.stages.promote import decide, promote_round, promoted_student
from workbench.stages.repair import repair
from workbench.stages.round_config import STUDENT, RoundConfig
from workbench.stages.select import SelectionPolicy, select_winners, train_tasks
from workbench.stages.student import Pupil, draw_answers, load_student
from workbench.stages.train import train_round, training_plan
from workbench.store.canonical import parse
from workbench.store.database import Store
from workbench.store.tables import AdapterRow, CertificateRow, RoundRow, SourceRow, now

if TYPE_CHECKING:
    from distill.gate import Decision
    from workbench.tasks import Task

__all__ = [
    "STAGES",
    "RoundResult",
    "config_of",
    "find_round",
    "latest_round",
    "plan_round",
    "result_of",
    "run_round",
]

STAGES = (
    "planned",
    "baseline",
    "asked",
    "judged",
    "repaired",
    "selected",
    "trained",
    "evaluated",
    "promoted",
    "certified",
)


@dataclass(frozen=True, slots=True)
class RoundResult:
    """How far a round came. ``figures`` are there once it is evaluated."""

    round_id: str
    stage: str
    state: str
    promoted: bool | None
    decision: str | None
    figures: Figures | None
    certificate_id: str | None


def latest_round(store: Store) -> str:
    """Return the id of the latest round; raise ``NotFoundError`` when there is none."""
    with store.read() as session:
        found = session.exec(select(RoundRow.id).order_by(col(RoundRow.number).desc())).first()
    if found is None:
        raise NotFoundError("There is no round yet.", "Start one: workbench demo")
    return found


def config_of(store: Store, round_id: str) -> RoundConfig:
    """Return the configuration that a round was planned with."""
    return RoundConfig.model_validate(parse(_row(store, round_id).config_json))


def run_round(
    store: Store,
    settings: Settings,
    round_id: str,
    *,
    on_event: Listener | None = None,
    until: str = "certified",
) -> RoundResult:
    """Run a round from wherever it stopped up to the stage ``until``; all of it by default.

    A finished round returns at once. Raises ``BusyError`` when another process runs a round here.
    A round without winners ends as "stopped", with the reason as its decision.
    """
    if until not in STAGES:
        raise NotFoundError.among("stage", until, STAGES)
    _row(store, round_id)
    reporter = Reporter(store, on_event, round_id)
    with store.lock("round", "A round"):
        machine = _Machine(store, settings, round_id, config_of(store, round_id), reporter)
        while True:
            row = _row(store, round_id)
            if row.state != "open" or STAGES.index(row.stage) >= STAGES.index(until):
                break
            following = STAGES[STAGES.index(row.stage) + 1]
            try:
                machine.step(following)
            except StageError as error:
                reporter.error(following, str(error))
                if not isinstance(error, NothingToTrainError):
                    raise  # a full disk or a wrong setting can be mended: the round stays open
                _finish(store, round_id, state="stopped", decision=str(error))
                break
            _advance(store, round_id, following)
    return result_of(store, round_id)


def result_of(store: Store, round_id: str) -> RoundResult:
    """Return how far a round came, with its figures where it has some."""
    row = _row(store, round_id)
    config = config_of(store, round_id)
    found = None
    if STAGES.index(row.stage) >= STAGES.index("evaluated"):
        found = figures(store, round_id, counts=config.counts)
    with store.read() as session:
        certificate = session.exec(
            select(CertificateRow.id)
            .where(CertificateRow.round_id == round_id)
            .order_by(col(CertificateRow.created_at).desc())
        ).first()
    return RoundResult(
        round_id, row.stage, row.state, row.promoted, row.decision, found, certificate
    )


class _Machine:
    """The stages of one round, each idempotent; loaded students are shared between them."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        round_id: str,
        config: RoundConfig,
        reporter: Reporter,
    ) -> None:
        self.store = store
        self.settings = settings
        self.round_id = round_id
        self.config = config
        self.reporter = reporter
        self._before: dict[str, int] | None = None

    def step(self, stage: str) -> None:
        """Do one stage."""
        steps: dict[str, Callable[[], object]] = {
            "baseline": self.baseline,
            "asked": self.ask,
            "judged": self.judge,
            "repaired": self.repair,
            "selected": self.select,
            "trained": self.train,
            "evaluated": self.evaluate,
            "promoted": self.promote,
            "certified": self.certify,
        }
        steps[stage]()

    @property
    def base(self) -> str:
        """The base model, as the plan fixed it."""
        assert self.config.base is not None  # decided by plan_round
        return self.config.base

    def baseline(self) -> dict[str, int]:
        """The student in use answers the held-out tasks, before anything is learnt."""
        pupil = self._student_before()
        with self.store.write() as session:
            row = session.get(RoundRow, self.round_id)
            assert row is not None
            row.base_source_id = pupil.source_id
            session.add(row)
        self._before = self._examine(pupil, "baseline", "baseline")
        return self._before

    def ask(self) -> None:
        """The teachers answer the training tasks, and the student where it is one of them."""
        tasks, config = train_tasks(self.store, self.round_id), self.config
        if STUDENT in config.teachers:
            draw_answers(
                self.store, self.settings, self._student_before(), tasks, role="teacher",
                samples=config.samples, max_tokens=config.student_tokens,
                temperature=config.temperature, seed=config.seed, round_id=self.round_id,
                reporter=self.reporter, stage="ask",
            )  # fmt: skip
        if config.others:
            self._ask_others(tasks)

    def _ask_others(self, tasks: Sequence[Task]) -> None:
        from teachers.model import Sampling

        config = self.config
        sampling = Sampling(
            temperature=config.temperature,
            max_tokens=config.max_tokens,
            seed=(config.seed or None) if config.temperature else None,
        )
        report = ask(
            self.store, self.settings, tasks, open_teachers(config.others, self.settings),
            sampling=sampling, samples=config.samples, round_id=self.round_id,
            reporter=self.reporter,
        )  # fmt: skip
        alone = STUDENT not in config.teachers
        if alone and report.failed == report.asked > 0 and not report.known:
            # Going on would end the round without winners; the trouble may be gone tomorrow.
            first = report.failures.most_common(1)[0][0]
            raise StageError(
                f"No teacher answered ({first}).",
                f"Mend that and go on with: workbench rounds resume {self.round_id}",
            )

    def judge(self) -> None:
        """Their answers are judged."""
        rows = round_answers(self.store, self.round_id, "teacher", "repair")
        ids = [row.id for row in rows if row.id is not None]
        judge_answers(self.store, self.settings, ids, reporter=self.reporter)
        if self.config.ask_hints is not None:
            judge_with_hints(
                self.store, self.settings, self.config.ask_hints, ids, reporter=self.reporter
            )

    def repair(self) -> None:
        """Refuted answers are given back."""
        repair(
            self.store,
            self.settings,
            train_tasks(self.store, self.round_id),
            self.config.others,
            round_id=self.round_id,
            cap=self.config.repair,
            reporter=self.reporter,
        )

    def select(self) -> None:
        """Winners are chosen and frozen."""
        verification, agreement, history = self.config.weights
        policy = SelectionPolicy(
            self.config.minimum, verification, agreement, history, self.config.margin
        )
        # What was judged by an earlier version of the judge is judged again, or this finds it done.
        self.judge()
        select_winners(
            self.store,
            self.settings,
            self.round_id,
            policy=policy,
            filters=parse_filters(self.config.filters),
            reporter=self.reporter,
        )

    def train(self) -> None:
        """The adapter is trained."""
        train_round(
            self.store,
            self.round_id,
            base=self.base,
            plan=training_plan(self.config.training),
            reporter=self.reporter,
        )

    def evaluate(self) -> None:
        """The new student answers the same held-out tasks; both sides are paired."""
        before = self._before if self._before is not None else self.baseline()
        row = _row(self.store, self.round_id)
        assert row.adapter_id is not None  # the stage before made it
        pupil = self._load(row.adapter_id, f"student:{self.round_id}")
        with self.store.write() as session:
            this = session.get(RoundRow, self.round_id)
            assert this is not None
            this.student_source_id = pupil.source_id
            session.add(this)
        after = self._examine(pupil, "student", "evaluate")
        evaluate_round(
            self.store,
            self.settings,
            self.round_id,
            before=before,
            after=after,
            counts=self.config.counts,
            reporter=self.reporter,
        )

    def promote(self) -> None:
        """The gate decides."""
        promote_round(self.store, self.round_id, self.decision(), reporter=self.reporter)

    def decision(self) -> Decision:
        """Return what the gate says to the round's figures."""
        found = figures(self.store, self.round_id, counts=self.config.counts)
        return decide(found, lift=self.config.lift)

    def certify(self) -> None:
        """The certificate is issued, and the round is done."""
        certify_round(self.store, self.settings, self.round_id, reporter=self.reporter)

    def _examine(self, pupil: Pupil, role: str, stage: str) -> dict[str, int]:
        return answer_and_judge(
            self.store,
            self.settings,
            pupil,
            held_out_tasks(self.store, self.round_id),
            role=role,
            max_tokens=self.config.student_tokens,
            round_id=self.round_id,
            reporter=self.reporter,
            stage=stage,
        )

    def _student_before(self) -> Pupil:
        """Load whom the new student is compared with: the one in use, or the base.

        A round that has begun keeps the one it began with, whatever was promoted meanwhile.
        """
        row = _row(self.store, self.round_id)
        if row.base_source_id is not None:
            adapter = _adapter_of_source(self.store, row.base_source_id)
        elif self.config.start == "promoted":
            adapter = promoted_student(self.store).adapter_id
        else:
            adapter = None
        if adapter is not None:
            with self.store.read() as session:
                found = session.get(AdapterRow, adapter)
            if found is not None and found.base == self.base:
                return self._load(adapter, f"student:{found.round_id or adapter}")
        return load_student(self.store, self.base)

    def _load(self, adapter_id: str, name: str) -> Pupil:
        with self.store.read() as session:
            row = session.get(AdapterRow, adapter_id)
        assert row is not None  # held by the round
        return load_student(
            self.store,
            self.base,
            adapter=self.store.home / row.path,
            name=name,
            adapter_id=adapter_id,
        )


def _adapter_of_source(store: Store, source_id: str) -> str | None:
    with store.read() as session:
        row = session.get(SourceRow, source_id)
    return None if row is None else row.adapter_id


def _row(store: Store, round_id: str) -> RoundRow:
    with store.read() as session:
        row = session.get(RoundRow, round_id)
        if row is None:
            known = list(session.exec(select(RoundRow.id)))
            raise NotFoundError.among("round", round_id, known, "See all: workbench rounds list")
    return row


def _advance(store: Store, round_id: str, stage: str) -> None:
    """Note that a stage is finished; the last one ends the round."""
    with store.write() as session:
        row = _locked(session, round_id)
        row.stage, row.updated_at = stage, now()
        if stage == STAGES[-1]:
            row.state = "done"
        session.add(row)


def _finish(store: Store, round_id: str, *, state: str, decision: str) -> None:
    with store.write() as session:
        row = _locked(session, round_id)
        row.state, row.decision, row.updated_at = state, decision, now()
        session.add(row)


def _locked(session: Session, round_id: str) -> Any:
    row = session.get(RoundRow, round_id)
    assert row is not None
    return row
