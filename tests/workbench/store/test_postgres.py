"""The same store on a real PostgreSQL, which these tests start and stop themselves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import SQLModel, select

from tests.workbench.store.postgres_cluster import Cluster
from workbench.errors import BusyError, HomeError, NewerDatabaseError, StoreError
from workbench.settings import load_settings
from workbench.store.database import SCHEMA, Store
from workbench.store.tables import SettingRow
from workbench.tasks import Task, add_tasks

pytestmark = pytest.mark.skipif(
    shutil.which("initdb") is None or shutil.which("pg_ctl") is None,
    reason="no PostgreSQL server here: initdb and pg_ctl are not on the PATH",
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A fresh server on a socket in a folder of its own."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    cluster = Cluster()
    try:
        yield cluster.url
    finally:
        cluster.remove()


@pytest.fixture
def store(server: str, tmp_path: Path) -> Iterator[Store]:
    with Store.open(load_settings(tmp_path, env={"WORKBENCH_DATABASE": server})) as opened:
        yield opened


def test_a_new_database_gets_the_schema_and_keeps_what_is_written(store: Store) -> None:
    assert store.schema() == SCHEMA
    assert not store.is_sqlite
    with store.write() as session:
        session.add(SettingRow(key="pg", value="ü"))
    with store.read() as session:
        assert session.exec(select(SettingRow.value).where(SettingRow.key == "pg")).one() == "ü"


def test_the_migrations_make_exactly_the_tables_of_the_code(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_tasks_are_stored_and_known_again(store: Store) -> None:
    task = Task(id="pg/1", prompt="p", entry_point="f", signature="def f(x: int) -> int")
    assert add_tasks(store, [task]).new == 1
    assert add_tasks(store, [task]).known == 1


def test_asking_judging_and_selecting_work_there_too(store: Store) -> None:
    from teachers.model import Prompt, Sampling
    from tests.workbench.stages.scripted import Scripted, fenced
    from workbench.stages.answers import round_answers
    from workbench.stages.ask import ask
    from workbench.stages.check_snapshot import check_snapshot
    from workbench.stages.judge import judge_answers
    from workbench.stages.select import select_winners
    from workbench.store.tables import RoundRow, RoundTaskRow, SnapshotRow

    task = Task(
        id="pg/bigger",
        prompt="The larger of a and b.",
        entry_point="bigger",
        signature="def bigger(a: int, b: int) -> int",
        ensures=("result == max(a, b)",),
        split="train",
    )
    add_tasks(store, [task])
    with store.write() as session:
        session.add(RoundRow(id="pg1", number=1, config_json="{}"))
        session.flush()
        session.add(RoundTaskRow(round_id="pg1", task_id=task.id, role="train", position=0))

    def odd_but_right(_: Prompt, __: Sampling) -> str:
        code = "def bigger(a: int, b: int) -> int:\n    return a if a > b else b\n"
        # PostgreSQL refuses NUL in a text, and nothing may be lost for it.
        return "\x00\ud800" + fenced(code)

    for _ in range(2):
        ask(store, store.settings, [task], [Scripted("one", odd_but_right)], round_id="pg1")
        ids = [row.id for row in round_answers(store, "pg1", "teacher") if row.id is not None]
        judge_answers(store, store.settings, ids)
        report = select_winners(store, store.settings, "pg1")
    assert report.rows == 1
    with store.read() as session:
        snapshot = session.get(SnapshotRow, report.snapshot_id)
    assert snapshot is not None
    assert check_snapshot(store, snapshot) == []


def test_a_lock_holds_between_two_stores_on_the_same_database(store: Store) -> None:
    with (
        Store.open(store.settings) as other,
        store.lock("round", "A round"),
        pytest.raises(BusyError, match="another process"),
        other.lock("round", "A round"),
    ):
        pass


def smuggle(store: Store) -> None:
    with store.read() as session:
        session.add(SettingRow(key="no", value="v"))
        session.commit()


def test_a_read_only_store_is_refused_by_the_server(store: Store) -> None:
    with (
        Store.open(store.settings, read_only=True) as reader,
        pytest.raises(HomeError, match="read-only"),
    ):
        smuggle(reader)


def test_a_schema_of_a_later_version_is_refused(store: Store) -> None:
    from sqlalchemy import text

    with store.engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    try:
        with pytest.raises(NewerDatabaseError, match="9999"):
            Store.open(store.settings)
    finally:
        with store.engine.begin() as connection:
            connection.execute(text(f"update alembic_version set version_num = '{SCHEMA}'"))


def test_a_server_that_is_not_there_is_a_sentence_without_the_password(tmp_path: Path) -> None:
    url = f"postgresql://me:secret@/none?host={tmp_path}"
    with pytest.raises(StoreError, match="does not answer") as caught:
        Store.open(load_settings(tmp_path, env={"WORKBENCH_DATABASE": url}))
    assert "secret" not in str(caught.value)
