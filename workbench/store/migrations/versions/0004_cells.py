"""One narrow row for the newest answer of each source to each task: what the matrix counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from workbench.store.cells import FILL, TRIGGERS

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring a database of the revision before up to this one."""
    op.create_table(
        "cell",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("answer_id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.String(), nullable=True),
        sa.Column("word", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", "source_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_cell_source_word", "cell", ["source_id", "word", "task_id"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(FILL)
        for name, text in TRIGGERS.items():
            op.execute(f"CREATE TRIGGER {name} {text}")


def downgrade() -> None:
    """Take it away again."""
    if op.get_bind().dialect.name == "sqlite":
        for name in TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
    op.drop_table("cell")
