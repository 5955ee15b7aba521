"""Opening a home: fresh, old, newer, damaged, full, read-only, and by two at once."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlmodel import SQLModel, select

from workbench.errors import (
    DiskFullError,
    HomeError,
    NewerDatabaseError,
    SettingsError,
    StoreError,
)
from workbench.settings import Settings, load_settings
from workbench.store import tables
from workbench.store.database import SCHEMA, Store, known_schemas
from workbench.store.tables import SettingRow


def test_opening_makes_the_home_and_opening_again_changes_nothing(settings: Settings) -> None:
    with Store.open(settings) as store:
        assert store.schema() == SCHEMA
        with store.write() as session:
            session.add(SettingRow(key="k", value="v"))
    with Store.open(settings) as store, store.read() as session:
        assert session.get(SettingRow, "k") is not None
    assert (settings.home / "blobs").is_dir()


def test_the_migrations_make_exactly_the_tables_of_the_code(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)
    assert found == []
    assert tables.TaskRow.__tablename__ == "task"


def test_the_schema_named_in_the_code_is_the_newest_migration() -> None:
    assert max(known_schemas()) == SCHEMA


def test_the_database_is_in_wal_mode_with_foreign_keys_and_full_sync(store: Store) -> None:
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


def test_a_failed_write_leaves_nothing_behind(store: Store) -> None:
    def fail() -> None:
        with store.write() as session:
            session.add(SettingRow(key="half", value="v"))
            session.flush()
            raise RuntimeError("seeded")

    with pytest.raises(RuntimeError, match="seeded"):
        fail()
    with store.read() as session:
        assert session.exec(select(SettingRow)).all() == []


def test_a_database_of_a_later_version_is_refused_and_left_alone(settings: Settings) -> None:
    Store.open(settings).close()
    path = settings.home / "workbench.db"
    with sqlite3.connect(path) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    connection.close()
    with pytest.raises(NewerDatabaseError, match="9999") as caught:
        Store.open(settings)
    assert "Update the workbench" in caught.value.mend
    with sqlite3.connect(path) as connection:
        assert connection.execute("select version_num from alembic_version").fetchone() == ("9999",)
    connection.close()


def test_a_file_that_is_no_database_is_a_sentence(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "workbench.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="damaged"):
        Store.open(settings)


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(HomeError, match="cannot be written") as caught:
        Store.open(load_settings(tmp_path / "file" / "home", env={}))
    assert "WORKBENCH_HOME" in caught.value.mend


def test_a_full_disk_is_a_sentence_and_what_was_written_is_kept(store: Store) -> None:
    with store.write() as session:
        session.add(SettingRow(key="before", value="v"))
    with store.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

        def fill() -> None:
            # The cap holds for one connection, as a full disk would for all.
            from sqlmodel import Session

            from workbench.store.database import _sentences

            with _sentences(store.settings), Session(connection) as session:
                session.add(SettingRow(key="after", value="x" * 1_000_000))
                session.commit()

        with pytest.raises(DiskFullError, match="full"):
            fill()
    with store.read() as session:
        assert [row.key for row in session.exec(select(SettingRow))] == ["before"]


def test_a_read_only_store_writes_nothing_even_when_asked_behind_its_back(store: Store) -> None:
    with Store.open(store.settings, read_only=True) as reader:
        with pytest.raises(StoreError, match="reading only"), reader.write():
            pass
        with pytest.raises(HomeError, match="readonly"):
            smuggle(reader)


def smuggle(store: Store) -> None:
    with store.read() as session:
        session.add(SettingRow(key="k", value="v"))
        session.commit()


def test_a_url_that_is_none_is_a_sentence_without_the_password(tmp_path: Path) -> None:
    for url in ("nonsense", "nosuchdb://me:secret@host/x"):
        settings = load_settings(tmp_path, env={"WORKBENCH_DATABASE": url})
        with pytest.raises(SettingsError, match="database URL") as caught:
            Store.open(settings)
        assert "secret" not in str(caught.value)


def test_two_processes_may_open_a_new_home_at_once(settings: Settings) -> None:
    code = "from workbench.store import Store; print(Store.open().schema())"
    env = {**os.environ, "WORKBENCH_HOME": str(settings.home)}
    both = [
        subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [process.communicate()[0].strip() for process in both] == [SCHEMA.encode()] * 3


def test_the_description_names_place_and_counts(store: Store) -> None:
    assert f"workbench.db (schema {SCHEMA}; 0 tasks, 0 answers, 0 rounds)" in store.describe()


def test_a_ledger_of_the_first_schema_is_kept_and_gets_its_new_columns(settings: Settings) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, text

    settings.home.mkdir(parents=True)
    engine = create_engine(settings.database)
    config = Config()
    folder = Path(tables.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "insert into ledger (run_id, provider, model, key, cost, status, created_at)"
                " values ('r', 'openai', 'm', 'k', '0.15', 'ok', '2026-01-01 00:00:00')"
            )
        )
    engine.dispose()
    with Store.open(settings) as store, store.read() as session:
        assert store.schema() == SCHEMA
        row = session.exec(select(tables.LedgerRow)).one()
    assert (row.cost, row.channel, row.cached_tokens) == ("0.15", "single", None)
