"""Timed jobs: one leader, each run once, retried, and never lost when its leader is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from workbench.errors import InputError, NotFoundError
from workbench.settings import load_settings
from workbench.stages import schedule
from workbench.store.database import Store, open_store

NIGHT = "30 2 * * *"
PYTHON = [sys.executable, "-c"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(load_settings(tmp_path, env={})) as one:
        yield one


def later(days: float = 1.1) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def test_times_are_those_of_cron() -> None:
    noon = datetime(2026, 2, 27, 12, tzinfo=UTC)
    assert schedule.next_times(NIGHT, noon, 2) == [
        datetime(2026, 2, 28, 2, 30, tzinfo=UTC),
        datetime(2026, 3, 1, 2, 30, tzinfo=UTC),
    ]


@pytest.mark.parametrize("cron", ["", "every night", "61 * * * *", "* * * *", "* * * * * *"])
def test_a_bad_expression_is_a_sentence(store: Store, cron: str) -> None:
    with pytest.raises(InputError, match="no cron expression"):
        schedule.add(store, "nightly", cron, ["doctor"])


def test_what_is_due_runs_once_and_what_was_missed_is_not_made_up_for(
    store: Store, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    schedule.add(store, "nightly", NIGHT, [f"open({str(mark)!r}, 'a').write('x')"])
    assert schedule.run_due(store, command=PYTHON) == []
    moment = later(days=9)
    (run,) = schedule.run_due(store, moment=moment, command=PYTHON)
    assert (run.status, run.attempt) == (0, 1)
    assert schedule.run_due(store, moment=moment, command=PYTHON) == []
    assert mark.read_text() == "x"


def test_a_failed_run_is_tried_again_so_often_and_its_words_are_kept(store: Store) -> None:
    schedule.add(store, "nightly", NIGHT, ["print('no disk'); raise SystemExit(3)"], attempts=2)
    for attempt in (1, 2):
        (run,) = schedule.run_due(store, moment=later(), command=PYTHON)
        assert (run.status, run.attempt, run.output.strip()) == (3, attempt, "no disk")
    assert schedule.run_due(store, moment=later(), command=PYTHON) == []
    assert len(schedule.history(store, "nightly")) == 2


def test_a_run_whose_leader_was_killed_is_tried_again(store: Store, tmp_path: Path) -> None:
    mark = tmp_path / "started"
    slow = f"import pathlib, time; pathlib.Path({str(mark)!r}).touch(); time.sleep(600)"
    schedule.add(store, "nightly", NIGHT, [slow], attempts=2)
    leader = subprocess.Popen(
        [sys.executable, "-c",
         "import sys, datetime as d\n"
         "from workbench.settings import load_settings\n"
         "from workbench.stages import schedule\n"
         "from workbench.store.database import open_store\n"
         "store = open_store(load_settings(sys.argv[1], env={}))\n"
         "soon = d.datetime.now(d.UTC) + d.timedelta(days=1.1)\n"
         "schedule.run_due(store, moment=soon, command=[sys.executable, '-c'])\n",
         str(store.home)],
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not mark.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()
    schedule.add(store, "other", NIGHT, ["pass"])
    with store.write() as session:
        from workbench.store.tables import ScheduleRow

        row = session.get(ScheduleRow, "nightly")
        assert row is not None
        row.command_json = "[\"print('done')\"]"
        session.add(row)
    runs = schedule.run_due(store, moment=later(), command=PYTHON)
    assert {(run.name, run.attempt, run.status) for run in runs} == {
        ("nightly", 2, 0), ("other", 1, 0),
    }  # fmt: skip
    assert [run.status for run in schedule.history(store, "nightly")] == [0, schedule.KILLED]


def test_only_one_of_two_leads_and_the_other_takes_over(store: Store) -> None:
    said: list[str] = []
    stops = [threading.Event(), threading.Event()]
    threads = [
        threading.Thread(
            target=schedule.lead,
            args=(store,),
            kwargs={"stop": stop, "every": 0.05, "say": said.append},
        )
        for stop in stops
    ]
    threads[0].start()
    _until(lambda: len(said) == 1)
    threads[1].start()
    _until(lambda: len(said) == 2)
    assert "runs the schedules" in said[0]
    assert "waiting to take over" in said[1]
    stops[0].set()
    _until(lambda: len(said) == 3)
    assert "runs the schedules" in said[2]
    stops[1].set()
    for thread in threads:
        thread.join(10)


def test_removing_what_is_not_there_names_what_is(store: Store) -> None:
    schedule.add(store, "nightly", NIGHT, ["doctor"])
    with pytest.raises(NotFoundError, match="Close to it: nightly"):
        schedule.remove(store, "nightli")
    schedule.remove(store, "nightly")
    assert schedule.schedules(store) == []


def _until(true: object) -> None:
    deadline = time.monotonic() + 20
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)
