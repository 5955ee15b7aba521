"""Batch jobs in the store: what was sent to whom, written down before it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, select

from workbench.store.canonical import canonical, parse
from workbench.store.database import Store
from workbench.store.tables import BatchJobRow, now

if TYPE_CHECKING:
    from teachers.batch import BatchJob

__all__ = ["StoreBatches"]


class StoreBatches:
    """The jobs of one source, in the table ``batch_job``; see ``teachers.batch.BatchStore``."""

    def __init__(self, store: Store, source_id: str, run_id: str) -> None:
        self._store = store
        self._source = source_id
        self._run = run_id

    def save(self, job: BatchJob) -> None:
        """Insert or replace ``job`` by its id."""
        with self._store.write() as session:
            row = session.get(BatchJobRow, job.id)
            if row is None:
                row = BatchJobRow(
                    id=job.id,
                    run_id=self._run,
                    source_id=self._source,
                    provider=job.provider,
                    model=job.model,
                    keys_json=canonical(list(job.keys)),
                )
            row.remote_id, row.done, row.updated_at = job.remote_id, job.done, now()
            session.add(row)

    def open_jobs(self, provider: str, model: str) -> list[BatchJob]:
        """Return the jobs that are not done, oldest first."""
        from teachers.batch import BatchJob

        query = (
            select(BatchJobRow)
            .where(
                BatchJobRow.provider == provider,
                BatchJobRow.model == model,
                col(BatchJobRow.done).is_(False),
            )
            .order_by(col(BatchJobRow.created_at))
        )
        with self._store.read() as session:
            return [
                BatchJob(r.id, r.provider, r.model, tuple(parse(r.keys_json)), r.remote_id)
                for r in session.exec(query)
            ]
