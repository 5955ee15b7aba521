"""The façade for notebooks and scripts: ``import workbench as wb; w = wb.open()``.

Each method does one step of the loop, only what is missing, and returns a value that shows itself.
Methods work where an event loop is already running, as in Jupyter; each long one has an async twin
with an ``a`` before its name. Not here: decisions. They belong to the stages, which the command
line calls in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.errors import InputError, NotFoundError
from workbench.jupyter import Bar, apart, aside
from workbench.notebook_views import Readings
from workbench.rendering import Listing
from workbench.results import Assessed, Judged, RoundView

if TYPE_CHECKING:
    from judge.contract import Contract
    from judge.verdict import Judgement
    from workbench.settings import Settings
    from workbench.stages.events import Listener
    from workbench.stages.round_config import RoundConfig
    from workbench.store.database import Store
    from workbench.store.views.answers import Given
    from workbench.tasks import Task

__all__ = ["Assessed", "Judged", "RoundView", "Workbench", "open"]

T = TypeVar("T")


class Workbench(Readings):
    """An open home with the loop as methods. Close it, or use it in a ``with`` block."""

    def __init__(self, store: Store, settings: Settings) -> None:
        super().__init__(store)
        self.settings = settings

    def __repr__(self) -> str:
        return f"Workbench at {self.settings.home}"

    def __enter__(self) -> Workbench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the database."""
        self.store.close()

    # -- judging a piece of code -------------------------------------------------------------

    def judge(
        self,
        code: str,
        contract: Contract | None = None,
        *,
        requires: Sequence[str] = (),
        ensures: Sequence[str] = (),
        raises: Sequence[str] = (),
        entry_point: str | None = None,
    ) -> Judged:
        """Judge ``code`` against a contract: given as a value, as clauses, or standing in the code.

        Bad code and a bad contract are verdicts, not exceptions. Nothing is stored.
        """
        return apart(_judge, self.settings, code, contract, requires, ensures, raises, entry_point)

    async def ajudge(self, code: str, contract: Contract | None = None, **more: Any) -> Judged:
        """Do as :meth:`judge` does, without holding up the event loop."""
        return await aside(self.judge, code, contract, **more)

    def assess(
        self,
        signature: str,
        reference: str | None = None,
        *,
        requires: Sequence[str] = (),
        ensures: Sequence[str] = (),
        raises: Sequence[str] = (),
    ) -> Assessed:
        """Try a contract against wrong versions of a reference, before anybody answers.

        ``signature`` is a ``def`` line. Nothing is stored.
        """
        return apart(_assess, self.settings, signature, reference, requires, ensures, raises)

    async def aassess(self, signature: str, *args: Any, **more: Any) -> Assessed:
        """Do as :meth:`assess` does, without holding up the event loop."""
        return await aside(self.assess, signature, *args, **more)

    # -- the loop, step by step --------------------------------------------------------------

    def generate(self, *, seed: int = 0, train: int = 40, held_out: int = 20) -> Listing:
        """Draw tasks of the project's own family and keep them; the same ones for the same seed."""
        from distill.family import generate
        from workbench.tasks import add_tasks, from_family, off_the_other_side

        drawn = from_family(generate(seed, train, held_out=held_out))
        tasks = off_the_other_side(self.store, drawn)
        add_tasks(self.store, tasks)
        return Listing(
            "Tasks",
            ("id", "category", "split", "prompt"),
            ((t.id, t.category, t.split, t.prompt) for t in tasks),
        )

    def ask(
        self,
        tasks: Sequence[str],
        teachers: Sequence[str] = ("synthesis", "examples"),
        *,
        on_event: Listener | None = None,
    ) -> Listing:
        """Let teachers answer tasks (by id), judge the answers, and return what came of it."""
        return apart(_ask, self, list(tasks), list(teachers), on_event)

    async def aask(self, tasks: Sequence[str], *args: Any, **more: Any) -> Listing:
        """Do as :meth:`ask` does, without holding up the event loop."""
        return await aside(self.ask, tasks, *args, **more)

    def plan(self, config: RoundConfig) -> RoundView:
        """Freeze a new round's configuration and tasks; nothing runs yet."""
        from workbench.stages.plan import plan_round

        return self.round(plan_round(self.store, self.settings, config))

    def select(self, name: str = "", *, on_event: Listener | None = None) -> RoundView:
        """Bring a round as far as its winners: ask, judge, repair, select what is missing."""
        return self._until("selected", name, on_event)

    def train(self, name: str = "", *, on_event: Listener | None = None) -> RoundView:
        """Bring a round as far as its adapter."""
        return self._until("trained", name, on_event)

    def evaluate(self, name: str = "", *, on_event: Listener | None = None) -> RoundView:
        """Bring a round as far as its paired figures on held-out tasks."""
        return self._until("evaluated", name, on_event)

    def certify(self, name: str = "", *, on_event: Listener | None = None) -> RoundView:
        """Bring a round to its end: gate and certificate."""
        return self._until("certified", name, on_event)

    def ablate(
        self,
        name: str = "",
        arms: Sequence[str] = ("all", "tested", "proved", "proof-weighted"),
        *,
        on_event: Listener | None = None,
    ) -> Listing:
        """Train choices of a round's rows on equally many tokens and compare what came of it."""
        self.select(name, on_event=on_event)
        return apart(_ablate, self, self.round(name).id, list(arms), on_event or Bar())

    async def aablate(self, name: str = "", *args: Any, **more: Any) -> Listing:
        """Do as :meth:`ablate` does, without holding up the event loop."""
        return await aside(self.ablate, name, *args, **more)

    def verify(self, name: str = "", *, recheck: bool = False) -> Listing:
        """Check a round's certificate as a stranger would, with the keys that are trusted here."""
        return apart(_verify, self, self.round(name), recheck)

    async def averify(self, name: str = "", **more: Any) -> Listing:
        """Do as :meth:`verify` does, without holding up the event loop."""
        return await aside(self.verify, name, **more)

    async def aselect(self, name: str = "", **more: Any) -> RoundView:
        """Do as :meth:`select` does, without holding up the event loop."""
        return await aside(self.select, name, **more)

    async def atrain(self, name: str = "", **more: Any) -> RoundView:
        """Do as :meth:`train` does, without holding up the event loop."""
        return await aside(self.train, name, **more)

    async def aevaluate(self, name: str = "", **more: Any) -> RoundView:
        """Do as :meth:`evaluate` does, without holding up the event loop."""
        return await aside(self.evaluate, name, **more)

    async def acertify(self, name: str = "", **more: Any) -> RoundView:
        """Do as :meth:`certify` does, without holding up the event loop."""
        return await aside(self.certify, name, **more)

    def _until(self, stage: str, name: str, on_event: Listener | None) -> RoundView:
        from workbench.stages.rounds import run_round

        round_id = self.round(name).id
        apart(
            run_round, self.store, self.settings, round_id, on_event=on_event or Bar(), until=stage
        )
        return self.round(round_id)


def open(home: str | Path | None = None) -> Workbench:
    """Open (and, the first time, make) a home; without a path, the one of ``WORKBENCH_HOME``."""
    from workbench.settings import load_settings
    from workbench.store.database import Store

    settings = load_settings(home)
    return Workbench(Store.open(settings), settings)


def _assess(
    settings: Settings,
    signature: str,
    reference: str | None,
    requires: Sequence[str],
    ensures: Sequence[str],
    raises: Sequence[str],
) -> Assessed:
    import re

    from judge.adequacy import assess
    from judge.contract import Contract

    named = re.match(r"\s*def\s+(\w+)", signature)
    if named is None:
        raise InputError(f"{signature!r} is no signature.", "Write it as def name(x: int) -> int.")
    contract = Contract(tuple(requires), tuple(ensures), tuple(raises))
    line = signature.strip().rstrip(":")
    return Assessed(assess(contract, line, named[1], reference, settings.budget()), line, contract)


def _ablate(bench: Workbench, round_id: str, arms: list[str], on_event: Listener) -> Listing:
    from workbench.stages.ablate import run_ablation

    found = run_ablation(bench.store, bench.settings, round_id, arms=arms, on_event=on_event)
    left_out = " ".join(f"{arm} was left out: {why}" for arm, why in found.left_out.items())
    return Listing(
        "Arms of equal tokens",
        ("arm", "rows", "passes", "before", "after", "gain", "low", "high", "against the first"),
        (
            (
                arm.name,
                arm.rows,
                round(arm.epochs, 2),
                arm.against_base.before_rate,
                arm.against_base.after_rate,
                arm.against_base.gain,
                arm.against_base.low,
                arm.against_base.high,
                arm.against_first.gain,
            )
            for arm in found.arms
        ),
        note=f"{found.sentence} {left_out}".strip(),
    )


def _verify(bench: Workbench, view: RoundView, recheck: bool) -> Listing:
    from workbench.certificate.keys import revoked_keyids, trusted_keys
    from workbench.stages.verifying import verify_known
    from workbench.store.tables import CertificateRow

    with bench.store.read() as session:
        row = session.get(CertificateRow, view.round.certificate_id or "")
    if row is None:
        raise NotFoundError(f"Round {view.id} has no certificate.", "Finish it: bench.certify()")
    report = verify_known(
        bench.store,
        bench.settings,
        row,
        trusted_keys(),
        recheck=recheck,
        revoked=revoked_keyids(),
    )
    return Listing(
        "Checks",
        ("check", "status", "claim", "detail"),
        ((c.id, c.status, c.claim, c.detail) for c in report.checks),
        note=report.sentence,
    )


def _judge(
    settings: Settings,
    code: str,
    contract: Contract | None,
    requires: Sequence[str],
    ensures: Sequence[str],
    raises: Sequence[str],
    entry_point: str | None,
) -> Judged:
    from judge.contract import Contract as Clauses
    from judge.front import prove

    if contract is not None and (requires or ensures or raises):
        raise InputError(
            "A contract was given twice: as a value and as clauses.", "Give one of the two."
        )
    for name, clauses in (("requires", requires), ("ensures", ensures), ("raises", raises)):
        if isinstance(clauses, str):
            raise InputError(f"{name} is one text, not a list of clauses.", f"Write [{clauses!r}].")
    if contract is None and (requires or ensures or raises):
        contract = Clauses(tuple(requires), tuple(ensures), tuple(raises))
    if contract is None:
        standing = _standing(code, entry_point)
        if standing is not None:
            return Judged(_judged(settings, standing), code)
    found = prove(code, contract, entry_point=entry_point, budget=settings.budget())
    return Judged(found, code)


def _standing(code: str, entry_point: str | None) -> Any:
    """Return the submission of the contract that stands in the code itself, if one does."""
    from judge.reading.forms import submissions_from_source

    found = [
        s
        for s in submissions_from_source(code, "<code>")
        if hasattr(s, "entry_point") and entry_point in (None, s.entry_point)
    ]
    return found[-1] if found else None


def _judged(settings: Settings, submission: Any) -> Judgement:
    from judge.pool import judge

    return judge(submission, settings.budget())


def _ask(
    bench: Workbench, names: list[str], teachers: list[str], on_event: Listener | None
) -> Listing:
    from workbench.stages.ask import ask, open_teachers
    from workbench.stages.events import Reporter
    from workbench.stages.judge import judge_answers

    tasks = [_task(bench.store, name) for name in names]
    reporter = Reporter(bench.store, on_event or Bar())
    opened = open_teachers(teachers)
    sources = [teacher.name for teacher in opened]
    ask(bench.store, bench.settings, tasks, opened, reporter=reporter)
    asked = _given(bench, names, sources)
    judge_answers(bench.store, bench.settings, [g.id for _, g in asked], reporter=reporter)
    return Listing(
        "Answers",
        ("task", "source", "verdict", "why", "code"),
        (
            (
                task,
                g.source_id,
                g.word,
                g.finding.explanation if g.finding else g.no_code_reason,
                g.code,
            )
            for task, g in _given(bench, names, sources)
        ),
        words=("verdict",),
    )


def _given(bench: Workbench, tasks: list[str], sources: list[str]) -> list[tuple[str, Given]]:
    """Return (task, newest answer of each source), in the order of the tasks."""
    from workbench.store.views.answers import answers

    with bench.store.engine.connect() as connection:
        return [(task, given) for task in tasks for given in answers(connection, task, sources)]


def _task(store: Store, name: str) -> Task:
    from workbench.store.tables import TaskRow
    from workbench.tasks import task_of

    with store.read() as session:
        row = session.get(TaskRow, name)
    if row is None:
        raise NotFoundError(f"There is no task {name!r}.", "List them with: workbench tasks list")
    return task_of(row)
