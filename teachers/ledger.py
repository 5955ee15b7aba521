"""What was spent: one row for every request that reached a provider.

A ledger records facts; it stops nothing. Stopping is ``teachers.budget``'s, which reads the totals
from here when a run starts and keeps them itself from then on.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from teachers.model import Usage


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One request that reached a provider. ``status`` is "ok" or a failure kind's word."""

    run_id: str
    provider: str
    model: str
    key: str
    usage: Usage = field(default_factory=Usage)
    cost: Decimal | None = None
    """US dollars, exact; None when no price is known."""
    status: str = "ok"
    request_id: str | None = None
    channel: str = "single"
    """Either "single" or "batch"."""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Ledger(Protocol):
    """Anything that keeps ledger entries."""

    def record(self, entry: LedgerEntry) -> None:
        """Store one entry durably."""
        ...

    def spent(
        self,
        *,
        run_id: str | None = None,
        provider: str | None = None,
        since: datetime | None = None,
    ) -> Decimal:
        """Return the exact sum of known costs in US dollars over the entries that match."""
        ...


class MemoryLedger:
    """A ledger that lives as long as the process; ``entries`` are in order."""

    def __init__(self) -> None:
        self.entries: list[LedgerEntry] = []

    def record(self, entry: LedgerEntry) -> None:
        """See ``Ledger``."""
        self.entries.append(entry)

    def spent(
        self,
        *,
        run_id: str | None = None,
        provider: str | None = None,
        since: datetime | None = None,
    ) -> Decimal:
        """See ``Ledger``."""
        costs = (
            entry.cost
            for entry in self.entries
            if (run_id is None or entry.run_id == run_id)
            and (provider is None or entry.provider == provider)
            and (since is None or entry.at >= since)
        )
        return sum((cost for cost in costs if cost is not None), Decimal(0))


class SqliteLedger:
    """A ledger in one SQLite file; money is a decimal string, added exactly in Python."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # NORMAL keeps every committed row through kill -9; only a power cut may lose the last ones.
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute("PRAGMA busy_timeout=10000")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS ledger (id INTEGER PRIMARY KEY, run_id TEXT, "
            "provider TEXT, model TEXT, key TEXT, input_tokens INTEGER, output_tokens INTEGER, "
            "cached_tokens INTEGER, reasoning_tokens INTEGER, cost TEXT, status TEXT, "
            "request_id TEXT, at TEXT NOT NULL, written_tokens INTEGER)"
        )
        columns = self._connection.execute("SELECT name FROM pragma_table_info('ledger')")
        if ("written_tokens",) not in columns.fetchall():  # a file of an earlier version
            self._connection.execute("ALTER TABLE ledger ADD COLUMN written_tokens INTEGER")

    def record(self, entry: LedgerEntry) -> None:
        """See ``Ledger``."""
        self.record_all([entry])

    def record_all(self, entries: Sequence[LedgerEntry]) -> None:
        """Store ``entries`` in one transaction; may be called from another thread."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT INTO ledger (run_id, provider, model, key, input_tokens, output_tokens, "
                "cached_tokens, reasoning_tokens, cost, status, request_id, at, written_tokens) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_row(entry) for entry in entries],
            )
            self._connection.execute("COMMIT")

    def spent(
        self,
        *,
        run_id: str | None = None,
        provider: str | None = None,
        since: datetime | None = None,
    ) -> Decimal:
        """See ``Ledger``."""
        moment = None if since is None else since.astimezone(UTC).isoformat(timespec="microseconds")
        with self._lock:
            rows = self._connection.execute(
                "SELECT cost FROM ledger WHERE cost IS NOT NULL AND (?1 IS NULL OR run_id = ?1) "
                "AND (?2 IS NULL OR provider = ?2) AND (?3 IS NULL OR at >= ?3)",
                (run_id, provider, moment),
            ).fetchall()
        return sum((Decimal(cost) for (cost,) in rows), Decimal(0))

    def __len__(self) -> int:
        with self._lock:
            (count,) = self._connection.execute("SELECT count(*) FROM ledger").fetchone()
        return int(count)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _row(entry: LedgerEntry) -> tuple[object, ...]:
    usage = entry.usage
    return (
        entry.run_id,
        entry.provider,
        entry.model,
        entry.key,
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.reasoning_tokens,
        None if entry.cost is None else str(entry.cost),
        entry.status,
        entry.request_id,
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        usage.written_tokens,
    )
