"""PostgreSQL restarted, and crashed, under many writers: nothing is lost, nothing comes twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import func, select

from tests.workbench.store.postgres_cluster import Cluster
from tests.workbench.store.test_postgres import pytestmark as needs_postgres
from workbench.errors import BusyError, StoreError
from workbench.settings import load_settings
from workbench.stages.answers import Draft, find_answers, save_answers
from workbench.stages.sources import register_student
from workbench.store.canonical import canonical, digest
from workbench.store.database import Store
from workbench.store.tables import AnswerRow, CandidateRow
from workbench.tasks import Task, add_tasks

pytestmark = needs_postgres

WRITERS, TASKS = 6, 60
SAMPLING = {"sample": 0}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    made = Cluster()
    try:
        yield made
    finally:
        made.remove()


def open_on(cluster: Cluster, home: Path) -> Store:
    return Store.open(load_settings(home, env={"WORKBENCH_DATABASE": cluster.url}))


def draft(source: str, task: str) -> Draft:
    code = f"def f(x: int) -> int:\n    return {task[1:]}  # {source}\n"
    text = f"```python\n{code}```\n"
    return Draft(task, source, task, SAMPLING, (("user", "q"),), text, "stop", "f", cost="0")


def write(cluster: Cluster, home: Path, source: str, troubles: list[str]) -> None:
    """Do what a command does that is started again after every trouble: only what is missing."""
    name, tasks = digest(canonical(SAMPLING)), [f"t{n}" for n in range(TASKS)]
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            with open_on(cluster, home) as store:
                for _ in range(TASKS):
                    known = {task for task, _ in find_answers(store, source, name, tasks)}
                    missing = [task for task in tasks if task not in known][:3]
                    if not missing:
                        return
                    save_answers(store, [draft(source, t) for t in missing], None, "teacher")
                    time.sleep(0.02)
        except StoreError as error:
            troubles.append(str(error))
            time.sleep(0.2)


@pytest.mark.timeout(180)
def test_many_writers_live_through_a_restart_and_a_crash(cluster: Cluster, tmp_path: Path) -> None:
    sources = [f"student:{n}" for n in range(WRITERS)]
    with open_on(cluster, tmp_path) as store:
        add_tasks(store, [Task(f"t{n}", f"p{n}", "f", "def f(x: int) -> int")
                          for n in range(TASKS)])  # fmt: skip
        for source in sources:
            register_student(store, model=source, name=source)
    troubles: list[str] = []
    threads = [
        threading.Thread(target=write, args=(cluster, tmp_path, source, troubles))
        for source in sources
    ]
    for thread in threads:
        thread.start()
    for mode in ("fast", "immediate"):
        time.sleep(0.4)
        cluster.stop(mode)
        time.sleep(0.3)
        cluster.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    assert troubles, "the restarts were felt"
    assert all("does not answer" in said for said in troubles)
    with open_on(cluster, tmp_path) as store, store.read() as session:
        pairs = session.exec(select(AnswerRow.source_id, AnswerRow.task_id)).all()
        assert len(pairs) == len(set(pairs)) == WRITERS * TASKS
        orphans = select(func.count()).select_from(AnswerRow).where(
            AnswerRow.candidate_id.not_in(select(CandidateRow.id))  # type: ignore[union-attr]
        )  # fmt: skip
        assert session.exec(orphans).one() == 0
        assert session.exec(select(func.count()).select_from(CandidateRow)).one() == len(pairs)


@pytest.mark.timeout(120)
def test_a_lock_is_free_again_after_a_crash_and_the_open_store_goes_on(
    cluster: Cluster, tmp_path: Path
) -> None:
    with open_on(cluster, tmp_path) as store, open_on(cluster, tmp_path) as other:
        held = store.lock("round", "A round")
        held.__enter__()
        with pytest.raises(BusyError), other.lock("round", "A round"):
            pass
        cluster.stop("immediate")
        with pytest.raises(StoreError, match="does not answer"), other.read() as session:
            session.exec(select(AnswerRow.id)).all()
        with pytest.raises(StoreError, match="does not answer"), other.lock("x", "A round"):
            pass
        cluster.start()
        with other.lock("round", "A round"):
            add_tasks(other, [Task("t1", "p", "f", "def f(x: int) -> int")])
        with pytest.raises(StoreError, match="went away while this was going on: a round"):
            held.__exit__(None, None, None)


@pytest.mark.timeout(120)
def test_the_scheduler_lives_through_a_restart(cluster: Cluster, tmp_path: Path) -> None:
    from workbench.stages import schedule

    said: list[str] = []
    stop = threading.Event()

    def until(words: str, times: int) -> None:
        deadline = time.monotonic() + 30
        while sum(words in one for one in said) < times:
            assert time.monotonic() < deadline, said
            time.sleep(0.05)

    with open_on(cluster, tmp_path) as store:
        leading = threading.Thread(
            target=schedule.lead, args=(store,),
            kwargs={"stop": stop, "every": 0.1, "say": said.append},
        )  # fmt: skip
        leading.start()
        until("runs the schedules", 1)
        cluster.stop("fast")
        until("Trying again", 1)
        cluster.start()
        until("runs the schedules", 2)
        stop.set()
        leading.join(20)
        assert not leading.is_alive()
