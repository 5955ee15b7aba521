"""The engine: SQLite in WAL mode by default, any SQLAlchemy URL (PostgreSQL) by setting.

Opening brings the schema up to date under a lock, so two processes may open a new home at once. A
schema that this version does not know is refused with a sentence, never touched. Writing goes
through ``Store.write``, which takes SQLite's write lock at the start of the transaction and turns
the engine's troubles (full, busy, read-only, damaged) into sentences.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
from sqlmodel import Session

from workbench.errors import DiskFullError, HomeError, NewerDatabaseError, SettingsError, StoreError
from workbench.settings import Settings, load_settings
from workbench.store.blobs import Blobs, mend_os_error
from workbench.store.locks import advisory_lock, file_lock

__all__ = ["SCHEMA", "Store", "known_schemas", "open_store"]

SCHEMA = "0006"
"""The revision this code works with: the newest file in ``migrations/versions``."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 30.0


class Store:
    """An open home: database, blobs, folders and locks. Safe to share between threads.

    ``read()`` and ``write()`` give sessions; a write is one transaction, committed at the end of
    the block. A read-only store refuses every write at the database.
    """

    def __init__(self, settings: Settings, engine: Engine, *, read_only: bool) -> None:
        self.settings = settings
        self.engine = engine
        self.read_only = read_only
        self.blobs = Blobs(settings.blobs)
        # SQLite has one writer; threads of this process take turns here, at once, instead of
        # sleeping in its busy handler.
        self._turn = threading.RLock()

    @classmethod
    def open(
        cls,
        settings: Settings | Path | str | None = None,
        *,
        read_only: bool = False,
    ) -> Store:
        """Open (and, the first time, make) the home of ``settings`` or at a path.

        Raises ``HomeError``, ``SettingsError``, ``NewerDatabaseError`` or ``StoreError``, each a
        sentence with its mend.
        """
        if not isinstance(settings, Settings):
            settings = load_settings(settings)
        url = _url(settings.database)
        _make_home(settings.home)
        engine = _engine(url, read_only=read_only)
        store = cls(settings, engine, read_only=read_only)
        try:
            store._bring_up_to_date()
        except BaseException:
            engine.dispose()
            raise
        return store

    @property
    def home(self) -> Path:
        """The folder that holds it all."""
        return self.settings.home

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file in one machine."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session for reading; nothing is committed."""
        with _sentences(self.settings), Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session whose changes are committed together, or not at all."""
        if self.read_only:
            raise StoreError("This store was opened for reading only.", "Open it for writing.")
        with _sentences(self.settings), self._turn if self.is_sqlite else nullcontext():
            # Objects stay readable after the commit: callers hold rows, not sessions.
            bind = self.engine.execution_options(workbench_write=True)
            with Session(bind, expire_on_commit=False) as session, session.begin():
                yield session

    def lock(
        self, name: str, what: str, *, wait_seconds: float = 0.0
    ) -> AbstractContextManager[None]:
        """Hold the home-wide lock ``name``; ``BusyError`` says that ``what`` is going on."""
        if self.is_sqlite:
            path = self.home / "locks" / f"{name}.lock"
            return file_lock(path, what, wait_seconds=wait_seconds)
        return advisory_lock(self.engine, name, what, wait_seconds=wait_seconds)

    def schema(self) -> str | None:
        """Return the revision the database is at, or ``None`` for an empty database."""
        with _sentences(self.settings), self.engine.connect() as connection:
            return _current(connection)

    def describe(self) -> str:
        """Return one line about the database: its place (no password), schema and size."""
        from sqlmodel import func, select

        from workbench.store.tables import AnswerRow, RoundRow, TaskRow

        with self.read() as session:
            counts = [
                session.exec(select(func.count()).select_from(table)).one()
                for table in (TaskRow, AnswerRow, RoundRow)
            ]
        tasks, answers, rounds = counts
        return (
            f"{_shown(self.settings)} (schema {self.schema()}; "
            f"{tasks} tasks, {answers} answers, {rounds} rounds)"
        )

    def close(self) -> None:
        """Release the connections."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _bring_up_to_date(self) -> None:
        current = self.schema()
        if current == SCHEMA:
            return
        self._refuse_newer(current)
        with self.lock("migrate", "Bringing the database up to date", wait_seconds=60.0):
            current = self.schema()
            self._refuse_newer(current)
            if current != SCHEMA:
                # The migration writes even for a reader: an old schema cannot be read.
                engine = _engine(_url(self.settings.database), read_only=False)
                try:
                    with _sentences(self.settings):
                        _migrate(engine)
                finally:
                    engine.dispose()

    def _refuse_newer(self, current: str | None) -> None:
        if current is not None and current not in known_schemas():
            raise NewerDatabaseError(
                f"The database at {_shown(self.settings)} has schema {current!r}; this version of "
                f"the workbench knows up to {SCHEMA!r}.",
                "Update the workbench, or set WORKBENCH_HOME to another folder.",
            )


def open_store(settings: Settings | Path | str | None = None, *, read_only: bool = False) -> Store:
    """Open the home of ``settings``; see ``Store.open``."""
    return Store.open(settings, read_only=read_only)


def known_schemas() -> frozenset[str]:
    """Return the revisions this version can bring up to date (one file each)."""
    files = (_MIGRATIONS / "versions").glob("[0-9]*.py")
    return frozenset(path.name.split("_", 1)[0] for path in files)


def _url(given: str) -> URL:
    try:
        url = make_url(given)
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        raise SettingsError(
            f"The database URL {given.split('@')[-1]!r} is not one that SQLAlchemy understands.",
            "Use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.",
        ) from error
    return url


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        for name in ("blobs", "rounds", "certificates", "locks"):
            (home / name).mkdir(exist_ok=True)
    except OSError as error:
        raise mend_os_error(error, home) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise HomeError(
            f"{home} cannot be written: permission denied.",
            "Make it writable, or set WORKBENCH_HOME to a folder that is.",
        )


def _engine(url: URL, *, read_only: bool) -> Engine:
    try:
        if url.get_backend_name() == "sqlite":
            engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
            _prepare_sqlite(engine, read_only=read_only)
            return engine
        options = {"options": "-c default_transaction_read_only=on"} if read_only else {}
        return create_engine(url, pool_pre_ping=True, connect_args=options)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"The driver for {url.get_backend_name()} databases is not installed ({error.name}).",
            'Install it with: pip install "distillation-workbench[scale]"',
        ) from error


def _prepare_sqlite(engine: Engine, *, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # We begin transactions ourselves (below): sqlite3's own begins come too late.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(_BUSY_SECONDS * 1000)}")
        cursor.execute("PRAGMA foreign_keys=ON")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
            # A reader counts: 64 MiB of pages stay at hand.
            cursor.execute("PRAGMA cache_size=-65536")
        else:
            cursor.execute("PRAGMA journal_mode=WAL")
            # FULL: an answer that was paid for survives a power cut, not only a kill.
            cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock now, where waiting is possible; upgrading later would fail.
        writes = connection.get_execution_options().get("workbench_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(text("select version_num from alembic_version"))
    return None if found is None else str(found)


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    writer = engine.execution_options(workbench_write=True)
    with writer.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, SCHEMA)


def _shown(settings: Settings) -> str:
    """Return the database's place without its password."""
    return make_url(settings.database).render_as_string(hide_password=True)


@contextmanager
def _sentences(settings: Settings) -> Iterator[None]:
    """Turn the database's own troubles into ``WorkbenchError``; other errors pass unchanged."""
    try:
        yield
    except OperationalError as error:
        raise _mended(error, settings) from error
    except DatabaseError as error:
        reason = str(error.orig)
        if "malformed" in reason or "not a database" in reason:
            raise _damaged(settings, reason) from error
        if "read-only" in reason:
            raise _unwritable(settings, reason) from error
        raise


def _mended(error: OperationalError, settings: Settings) -> StoreError | HomeError:
    reason = str(error.orig).strip()
    place = _shown(settings)
    if "disk is full" in reason or "No space left" in reason:
        return DiskFullError(
            f"The disk that holds {place} is full.",
            "Free some space and run the same command again: what was done is kept.",
        )
    if "readonly" in reason or "unable to open" in reason:
        return _unwritable(settings, reason)
    if "locked" in reason:
        return StoreError(
            f"The database {place} stayed locked by another process for {_BUSY_SECONDS:.0f} s.",
            "Wait for the other command to end and try again.",
        )
    if "malformed" in reason:
        return _damaged(settings, reason)
    return StoreError(
        f"The database {place} does not answer: {reason}.", "Check that it runs and is reachable."
    )


def _unwritable(settings: Settings, reason: str) -> HomeError:
    return HomeError(
        f"The database {_shown(settings)} cannot be written: {reason}.",
        "Make it writable, or set WORKBENCH_HOME to a folder that is.",
    )


def _damaged(settings: Settings, reason: str) -> StoreError:
    return StoreError(
        f"The database {_shown(settings)} is damaged: {reason}.",
        "Restore it from a copy; the blobs folder is not affected.",
    )
