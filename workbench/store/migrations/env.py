"""Alembic's entry: run the migrations on the connection that ``Store.open`` hands over.

There is no configuration file and no offline mode; the store is the only caller.
"""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from workbench.store import tables

assert tables.TaskRow.metadata is SQLModel.metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    # SQLite cannot alter a column in place; batch mode rebuilds the table.
    render_as_batch=connection.dialect.name == "sqlite",
)
context.run_migrations()
