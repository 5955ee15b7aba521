"""The store as the gateway's memory: answer cache, ledger and circuits, on our tables.

All are what ``teachers`` asks for by protocol; nothing here knows how a teacher is asked. An answer
and its line in the ledger are written in one transaction: after a kill there are both or neither.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, text
from sqlmodel import Session, col, select

from teachers.together import Together
from workbench.store.database import Store
from workbench.store.tables import AlertRow, CachedAnswerRow, CircuitRow, LedgerRow, now

if TYPE_CHECKING:
    from teachers.breaker import Circuit
    from teachers.ledger import LedgerEntry
    from teachers.model import Answer

__all__ = [
    "StoreCache",
    "StoreCircuits",
    "StoreLedger",
    "answered_in",
    "group_keeper",
    "keeper",
]

_GET = text("SELECT answer_json FROM cached_answer WHERE key = :key")


class StoreCache:
    """Answers by request key, in table ``cached_answer``; see ``teachers.cache.AnswerCache``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str) -> Answer | None:
        """Return the stored answer marked as cached, or None."""
        from teachers.codec import answer_from_json

        # Core, not a mapped row: this is read for every question, and thousands a second wait.
        with self._store.engine.connect() as connection:
            found = connection.execute(_GET, {"key": key}).scalar()
        return None if found is None else answer_from_json(found, cached=True)

    def put(self, key: str, answer: Answer) -> None:
        """Store ``answer`` durably; a second put of the same key changes nothing."""
        with self._store.write() as session:
            _put_all(session, [(key, answer)])


class StoreLedger:
    """What was spent, in the table ``ledger``; see ``teachers.ledger.Ledger``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, entry: LedgerEntry) -> None:
        """Store one entry durably."""
        with self._store.write() as session:
            session.execute(insert(LedgerRow), [_ledger_values(entry)])

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


class StoreCircuits:
    """Open circuits, in the table ``circuit``; see ``teachers.breaker.CircuitMemory``.

    A circuit that opens is also an alert; its closing clears the alert.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self) -> Sequence[Circuit]:
        """Return the circuits that were left open."""
        from teachers.breaker import Circuit
        from teachers.model import FailureKind

        with self._store.read() as session:
            rows = session.exec(select(CircuitRow)).all()
        return [
            Circuit(
                row.provider,
                FailureKind(row.kind),
                row.failures,
                opened_at=(at := _seconds(row.opened_at)),
                since=at,
                message=row.message,
            )
            for row in rows
        ]

    def save(self, circuit: Circuit) -> None:
        """Keep a circuit that has just opened."""
        opened = None
        if circuit.opened_at is not None:
            opened = datetime.fromtimestamp(circuit.opened_at, UTC)
        kind = circuit.kind.value
        with self._store.write() as session:
            row = session.get(CircuitRow, (circuit.provider, kind))
            if row is None:
                row = CircuitRow(provider=circuit.provider, kind=kind, failures=0)
                session.add(_alert(circuit))
            row.failures, row.message = circuit.failures, circuit.message[:500]
            row.opened_at, row.updated_at = opened, now()
            session.add(row)

    def forget(self, provider: str | None) -> None:
        """Forget the circuits of ``provider``, or all, and clear their alerts."""
        circuits = select(CircuitRow)
        alerts = select(AlertRow).where(
            AlertRow.kind == "circuit", col(AlertRow.cleared_at).is_(None)
        )
        if provider is not None:
            circuits = circuits.where(CircuitRow.provider == provider)
            alerts = alerts.where(AlertRow.subject == provider)
        with self._store.write() as session:
            for row in session.exec(circuits):
                session.delete(row)
            for alert in session.exec(alerts):
                alert.cleared_at = now()
                session.add(alert)


def answered_in(store: Store, run_id: str) -> frozenset[str]:
    """Return the providers that have answered in the run ``run_id``."""
    query = select(LedgerRow.provider).where(LedgerRow.run_id == run_id, LedgerRow.status == "ok")
    with store.read() as session:
        return frozenset(session.exec(query.distinct()))


def keeper(store: Store) -> Callable[[LedgerEntry, Answer | None], None]:
    """Return what writes a ledger entry and its answer together, at once."""

    def keep(entry: LedgerEntry, answer: Answer | None) -> None:
        _keep_all(store, [(entry, answer)])

    return keep


def group_keeper(store: Store) -> Callable[[LedgerEntry, Answer | None], Awaitable[None]]:
    """Return the same for many requests at once; see ``teachers.gateway.Keep``."""

    def write(pairs: Sequence[tuple[LedgerEntry, Answer | None]]) -> Sequence[None]:
        _keep_all(store, pairs)
        return [None] * len(pairs)

    together: Together[tuple[LedgerEntry, Answer | None], None] = Together(write)

    def keep(entry: LedgerEntry, answer: Answer | None) -> Awaitable[None]:
        return together.put((entry, answer))

    return keep


def _keep_all(store: Store, pairs: Sequence[tuple[LedgerEntry, Answer | None]]) -> None:
    # Core, not mapped rows: this is written for every answer, two hundred at a time.
    with store.write() as session:
        session.execute(insert(LedgerRow), [_ledger_values(entry) for entry, _ in pairs])
        _put_all(session, [(e.key, answer) for e, answer in pairs if answer is not None])


def _put_all(session: Session, answers: Sequence[tuple[str, Answer]]) -> None:
    """Store answers by key; one that another process stored meanwhile stands."""
    from teachers.codec import answer_to_json

    if not answers:
        return
    new = _upsert(session)(CachedAnswerRow).on_conflict_do_nothing(index_elements=["key"])
    moment = now()
    session.execute(
        new,
        [
            {"key": key, "answer_json": answer_to_json(answer), "created_at": moment}
            for key, answer in answers
        ],
    )


def _upsert(session: Session) -> Callable[..., Any]:
    """Return the database's own insert, which both have and SQLAlchemy names apart."""
    if session.get_bind().dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as own
    else:
        from sqlalchemy.dialects.postgresql import insert as own  # type: ignore[assignment]
    return own


def _ledger_values(entry: LedgerEntry) -> dict[str, Any]:
    usage = entry.usage
    return {
        "run_id": entry.run_id,
        "provider": entry.provider,
        "model": entry.model,
        "key": entry.key,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "written_tokens": usage.written_tokens,
        "cost": None if entry.cost is None else str(entry.cost),
        "status": entry.status,
        "channel": entry.channel,
        "request_id": entry.request_id,
        "created_at": entry.at.astimezone(UTC),
    }


def _seconds(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    # SQLite gives times back without their zone; they were written in UTC.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _alert(circuit: Circuit) -> AlertRow:
    return AlertRow(
        kind="circuit",
        subject=circuit.provider,
        message=f"{circuit.provider} is set aside ({circuit.kind.value}): {circuit.message}"[:500],
        value=float(circuit.failures),
        objective=0.0,
    )
