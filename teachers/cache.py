"""Where answers that were paid for are kept: content-addressed, persistent, append-only.

The gateway decides what may enter (only whole answers); a cache only keeps and gives back.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from teachers.codec import answer_from_json, answer_to_json
from teachers.model import Answer


class AnswerCache(Protocol):
    """Anything that keeps answers by request key. Called from one thread at a time per gateway."""

    def get(self, key: str) -> Answer | None:
        """Return the stored answer with ``cached=True``, or None."""
        ...

    def put(self, key: str, answer: Answer) -> None:
        """Store ``answer`` durably; a second put of the same key changes nothing."""
        ...


class MemoryCache:
    """A cache that lives as long as the process."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def get(self, key: str) -> Answer | None:
        """See ``AnswerCache``."""
        text = self._texts.get(key)
        return None if text is None else answer_from_json(text, cached=True)

    def put(self, key: str, answer: Answer) -> None:
        """See ``AnswerCache``."""
        self._texts.setdefault(key, answer_to_json(answer))

    def __len__(self) -> int:
        return len(self._texts)


class SqliteCache:
    """A cache in one SQLite file (WAL), safe against kill -9 and shared by processes."""

    def __init__(self, path: Path | str) -> None:
        self._lock, self._writing = threading.Lock(), threading.Lock()
        # Two connections, so that who looks something up never waits for who writes.
        self._writer, self._connection = _open(path), _open(path)
        self._writer.execute(
            "CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, answer TEXT NOT NULL) "
            "WITHOUT ROWID"
        )

    def get(self, key: str) -> Answer | None:
        """See ``AnswerCache``."""
        with self._lock:
            row = self._connection.execute(
                "SELECT answer FROM answer WHERE key = ?", (key,)
            ).fetchone()
        return None if row is None else answer_from_json(row[0], cached=True)

    def put(self, key: str, answer: Answer) -> None:
        """See ``AnswerCache``."""
        self.put_all([(key, answer)])

    def put_all(self, answers: Sequence[tuple[str, Answer]]) -> None:
        """Store ``answers`` in one transaction; may be called from another thread."""
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.executemany(
                "INSERT OR IGNORE INTO answer (key, answer) VALUES (?, ?)",
                [(key, answer_to_json(answer)) for key, answer in answers],
            )
            self._writer.execute("COMMIT")

    def __len__(self) -> int:
        with self._lock:
            (count,) = self._connection.execute("SELECT count(*) FROM answer").fetchone()
        return int(count)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        self._writer.close()


def _open(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA busy_timeout=10000")
    return connection
