"""The next round begins by itself: not too early, sooner after drift, and never half-heartedly."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.settings import Settings
from workbench.stages import schedule
from workbench.stages.next_round import Needed, new_tasks, next_config, run_next
from workbench.stages.plan import plan_round
from workbench.stages.readiness import Demand
from workbench.stages.round_config import FamilyChoice, RoundConfig
from workbench.store.database import Store
from workbench.store.tables import AlertRow, RoundRow
from workbench.tasks import Task, add_tasks

ANYTHING = Demand(rows=1, per_category=0, held_out=0, duplicates=1.0)


def task(number: int, split: str = "train") -> Task:
    return Task(
        f"served/{split}{number}", f"Return x plus {number}.", "f", "def f(x: int) -> int",
        ensures=(f"result == x + {number}",), split=split, source="served",
    )  # fmt: skip


def finish(store: Store, round_id: str) -> None:
    with store.write() as session:
        row = session.get(RoundRow, round_id)
        assert row is not None
        row.state = "done"
        session.add(row)


def test_it_waits_until_there_is_enough_and_less_is_enough_after_drift(
    store: Store, settings: Settings, small: RoundConfig
) -> None:
    add_tasks(store, [task(n) for n in range(3)])
    assert new_tasks(store) == 3
    found = run_next(store, settings, Needed(tasks=4, drifted=4))
    assert found.sentence == "No round yet: 3 new tasks of 4."
    assert found.result is None
    with store.write() as session:
        session.add(AlertRow(kind="drift", subject="mix", message="m", value=1, objective=0))
    found = run_next(store, settings, Needed(tasks=9, drifted=4))
    assert found.sentence == "No round yet: 3 new tasks of 4 (while mix has drifted)."


def test_tasks_of_a_finished_round_are_not_new_and_those_of_a_stopped_one_are(
    store: Store, settings: Settings, small: RoundConfig
) -> None:
    first = plan_round(store, settings, small)
    assert new_tasks(store) == 6
    finish(store, first)
    assert new_tasks(store) == 0
    add_tasks(store, [task(1)])
    assert new_tasks(store) == 1
    following = next_config(store)
    assert (following.family, following.start) == (None, "promoted")
    assert following.teachers == small.teachers


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_round_that_is_not_ready_ends_with_the_reason_and_the_next_one_takes_its_tasks(
    store: Store, settings: Settings, small: RoundConfig
) -> None:
    config = small.model_copy(
        update={"family": FamilyChoice(seed=5, train=6, held_out=4), "repair": 0}
    )
    much = Needed(tasks=0, data=Demand(rows=500, per_category=0, held_out=0, duplicates=1.0))
    found = run_next(store, settings, much, config=config)
    assert "ended before training" in found.sentence
    assert "rows of 500" in found.sentence
    with store.read() as session:
        row = session.get(RoundRow, "r1")
        assert row is not None
        assert (row.state, row.adapter_id) == ("stopped", None)
    assert new_tasks(store) == 6
    enough = Needed(tasks=6, data=ANYTHING)
    found = run_next(store, settings, enough)
    assert found.result is not None
    assert (found.result.round_id, found.result.stage) == ("r2", "certified")
    assert new_tasks(store) == 0
    assert run_next(store, settings, enough).sentence == "No round yet: 0 new tasks of 6."


def test_a_schedule_runs_it_from_the_command_line(store: Store, tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    schedule.add(store, "nightly", "30 2 * * *", ["feedback", "round", "--tasks", "5"])
    soon = datetime.now(UTC) + timedelta(days=1.1)
    (run,) = schedule.run_due(store, moment=soon)
    assert run.status == 0, run.output
    assert "No round yet: 0 new tasks of 5." in run.output
