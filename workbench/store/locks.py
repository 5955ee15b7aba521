"""Locks between processes: one runner a round, one migration at a time.

With SQLite the lock is a POSIX record lock on a file in the home: the kernel drops it when its
process ends, however it ends, and children forked while it is held do not inherit it. With
PostgreSQL it is an advisory lock on a connection of its own, so it holds across machines.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import BusyError, StoreError
from workbench.store.blobs import mend_os_error

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["advisory_lock", "file_lock"]

# Record locks belong to the process, so threads of one process need this beside them.
_held: set[str] = set()
_guard = threading.Lock()


@contextmanager
def file_lock(path: Path, what: str, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock file ``path`` during the block; ``BusyError`` names ``what`` and who."""
    deadline = time.monotonic() + wait_seconds
    key = str(path)
    while not _take_in_process(key):
        if time.monotonic() >= deadline:
            raise BusyError(f"{what} is already going on in this program.", "Wait for it to end.")
        time.sleep(0.02)
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise mend_os_error(error, path.parent) from error
        try:
            _wait_for_file(handle, path, what, deadline)
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
            yield
        finally:
            os.close(handle)
    finally:
        with _guard:
            _held.discard(key)


def _take_in_process(key: str) -> bool:
    with _guard:
        if key in _held:
            return False
        _held.add(key)
        return True


def _wait_for_file(handle: int, path: Path, what: str, deadline: float) -> None:
    while True:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if time.monotonic() >= deadline:
                owner = path.read_text(errors="replace").strip() or "another process"
                raise BusyError(
                    f"{what} is already going on: {owner} holds {path.name}.",
                    "Wait for it to end, or stop that process; its work is kept.",
                ) from error
        time.sleep(0.05)


@contextmanager
def advisory_lock(
    engine: Engine, name: str, what: str, *, wait_seconds: float = 0.0
) -> Iterator[None]:
    """Hold PostgreSQL's advisory lock for ``name`` on its own connection while the block runs."""
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError

    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    deadline = time.monotonic() + wait_seconds
    try:
        opened = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    except OperationalError as error:
        raise StoreError(
            f"The database does not answer, so nobody knows whether this goes on elsewhere: "
            f"{what[0].lower()}{what[1:]}.",
            "Check that it runs and is reachable.",
        ) from error
    with opened as connection:
        while not connection.scalar(text("select pg_try_advisory_lock(:key)"), {"key": key}):
            if time.monotonic() >= deadline:
                raise BusyError(
                    f"{what} is already going on in another process on this database.",
                    "Wait for it to end, or stop it; its work is kept.",
                )
            time.sleep(0.05)
        try:
            yield
        except BaseException:
            # The block's own trouble is what is told; a server that went away has let go already.
            with suppress(OperationalError):
                connection.execute(text("select pg_advisory_unlock(:key)"), {"key": key})
            raise
        try:
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": key})
        except OperationalError as error:
            connection.invalidate()
            raise StoreError(
                f"The database went away while this was going on: {what[0].lower()}{what[1:]}.",
                "What was done is kept; another process may have gone on with the rest meanwhile.",
            ) from error
