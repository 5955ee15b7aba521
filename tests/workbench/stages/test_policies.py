"""Asking one after another, and asking by the cost of a proved answer."""

from __future__ import annotations

from decimal import Decimal

from sqlmodel import select

from teachers.model import FailureKind, Finish, Prompt, Sampling
from teachers.routing import DatasetRouter
from tests.workbench.stages.scripted import Scripted, fenced
from tests.workbench.stages.test_ask_judge_repair import RIGHT, TASKS, WRONG, which
from workbench.settings import Settings
from workbench.stages.ask import task_questions
from workbench.stages.events import Reporter
from workbench.stages.policies import ask_first, ask_routed, local_first
from workbench.store.database import Store
from workbench.store.tables import AnswerRow, RouteRow
from workbench.tasks import add_tasks


def answers(right: bool) -> Scripted:
    code = RIGHT if right else WRONG
    name = "right" if right else "wrong"
    return Scripted(name, lambda prompt, _: fenced(code[which(prompt)]))


def test_routed_asks_the_next_until_something_is_proved(store: Store, settings: Settings) -> None:
    add_tasks(store, TASKS)
    router = DatasetRouter({"wrong": Decimal(0), "right": Decimal("0.5")}, seed=3)
    wrong, right = answers(False), answers(True)
    questions = task_questions(TASKS)
    report = ask_routed(
        store, settings, questions, [wrong, right], router, reporter=Reporter(store)
    )
    assert report.unanswered == 0
    assert report.by_source["right"] == 2
    assert len(wrong.asked) == 2, "it looked cheaper and was tried first"
    assert wrong.closed
    assert right.closed
    with store.read() as session:
        routes = session.exec(select(RouteRow)).all()
    assert {route.policy for route in routes} == {"dataset"}
    assert router.records[("wrong", "integers")].proved == 0
    again = ask_routed(store, settings, questions, [wrong, right], router, reporter=Reporter(store))
    assert again.ask.known == 2
    assert len(right.asked) == 2, "what is proved is not bought again"


def test_first_passes_on_refusals_cuts_and_failures(store: Store, settings: Settings) -> None:
    add_tasks(store, TASKS)

    def picky(prompt: Prompt, _: Sampling) -> Finish | FailureKind:
        return Finish.CANNOT if which(prompt) == "clamp" else FailureKind.BAD_REQUEST

    unwilling, right = Scripted("unwilling", picky), answers(True)
    report = ask_first(
        store, settings, task_questions(TASKS), [unwilling, right], reporter=Reporter(store)
    )
    assert (report.by_source["right"], report.unanswered) == (2, 0)
    with store.read() as session:
        finishes = {(a.source_id, a.finish) for a in session.exec(select(AnswerRow))}
    assert finishes == {("unwilling", "cannot"), ("right", "stop")}


def test_local_teachers_come_first_and_keep_their_order() -> None:
    class Far(Scripted):
        @property
        def identity(self):  # type: ignore[no-untyped-def]
            from dataclasses import replace

            return replace(super().identity, local=False)

    far, one, two = (make(name, lambda p, s: "") for make, name in
                     ((Far, "far"), (Scripted, "one"), (Scripted, "two")))  # fmt: skip
    assert [t.name for t in local_first([far, one, two])] == ["one", "two", "far"]
