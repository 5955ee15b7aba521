"""The store as the gateway's memory: its answer cache and its ledger, on our tables.

Both are what ``teachers`` asks for by protocol; nothing here knows how a teacher is asked.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from workbench.store.database import Store
from workbench.store.tables import CachedAnswerRow, LedgerRow

if TYPE_CHECKING:
    from teachers.ledger import LedgerEntry
    from teachers.model import Answer

__all__ = ["StoreCache", "StoreLedger"]


class StoreCache:
    """Answers by request key, in table ``cached_answer``; see ``teachers.cache.AnswerCache``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str) -> Answer | None:
        """Return the stored answer marked as cached, or None."""
        from teachers.codec import answer_from_json

        with self._store.read() as session:
            row = session.get(CachedAnswerRow, key)
        return None if row is None else answer_from_json(row.answer_json, cached=True)

    def put(self, key: str, answer: Answer) -> None:
        """Store ``answer`` durably; a second put of the same key changes nothing."""
        from teachers.codec import answer_to_json

        try:
            with self._store.write() as session:
                if session.get(CachedAnswerRow, key) is None:
                    session.add(CachedAnswerRow(key=key, answer_json=answer_to_json(answer)))
        except IntegrityError:
            # Another process paid for the same answer at the same moment; its copy stands.
            with self._store.read() as session:
                assert session.get(CachedAnswerRow, key) is not None


class StoreLedger:
    """What was spent, in the table ``ledger``; see ``teachers.ledger.Ledger``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, entry: LedgerEntry) -> None:
        """Store one entry durably."""
        with self._store.write() as session:
            session.add(
                LedgerRow(
                    run_id=entry.run_id,
                    provider=entry.provider,
                    model=entry.model,
                    key=entry.key,
                    input_tokens=entry.usage.input_tokens,
                    output_tokens=entry.usage.output_tokens,
                    cost=None if entry.cost is None else str(entry.cost),
                    status=entry.status,
                    request_id=entry.request_id,
                    created_at=entry.at.astimezone(UTC),
                )
            )

    def spent(
        self,
        *,
        run_id: str | None = None,
        provider: str | None = None,
        since: datetime | None = None,
    ) -> Decimal:
        """Return the exact sum of known costs in US dollars over the entries that match."""
        query = select(LedgerRow.cost).where(col(LedgerRow.cost).is_not(None))
        if run_id is not None:
            query = query.where(LedgerRow.run_id == run_id)
        if provider is not None:
            query = query.where(LedgerRow.provider == provider)
        if since is not None:
            query = query.where(LedgerRow.created_at >= since.astimezone(UTC))
        with self._store.read() as session:
            # Added in Python: a database's sum would round through floating point.
            return sum((Decimal(cost) for cost in session.exec(query) if cost), Decimal(0))
