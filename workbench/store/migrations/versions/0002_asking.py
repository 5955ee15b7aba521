"""What asking leaves: batch jobs, circuits, choices, reliability, alerts, a fuller ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def upgrade() -> None:
    """Bring a database of the revision before up to this one."""
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cached_tokens", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("reasoning_tokens", sa.Integer(), nullable=True))
        batch_op.add_column(
            sa.Column("channel", sa.String(), nullable=False, server_default="single")
        )
        batch_op.create_index(batch_op.f("ix_ledger_created_at"), ["created_at"], unique=False)
    _batches()
    _circuits()
    _routes()
    _alerts()


def _batches() -> None:
    op.create_table(
        "batch_job",
        *_texts("id", "run_id", "source_id", "provider", "model"),
        sa.Column("keys_json", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=True),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        _time("created_at"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    _indexes("batch_job", "run_id", "source_id", "done")


def _circuits() -> None:
    op.create_table(
        "circuit",
        *_texts("provider", "kind"),
        sa.Column("failures", sa.Integer(), nullable=False),
        _time("opened_at", nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("provider", "kind"),
    )


def _routes() -> None:
    op.create_table(
        "route",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("run_id", "policy", "task_id", "category", "source_id", "wanted"),
        sa.Column("chance", sa.Float(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        _time("created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    _indexes("route", "run_id", "policy", "task_id", "source_id")
    op.create_table(
        "reliability",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("fit_id", "source_id", "category"),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("predicted", sa.Float(), nullable=False),
        sa.Column("observed", sa.Float(), nullable=False),
        _time("created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    _indexes("reliability", "fit_id", "source_id")


def _alerts() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("kind", "subject"),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("objective", sa.Float(), nullable=False),
        _time("created_at"),
        _time("cleared_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    _indexes("alert", "kind")


def _indexes(table: str, *columns: str) -> None:
    with op.batch_alter_table(table, schema=None) as batch_op:
        for column in columns:
            batch_op.create_index(batch_op.f(f"ix_{table}_{column}"), [column], unique=False)
