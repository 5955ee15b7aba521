"""Narrow indexes that hold all a count needs: of a million answers no text is read for a figure."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_cell_word": ("cell", ["word", "task_id", "source_id"]),
    "ix_cell_task": ("cell", ["task_id", "source_id", "word"]),
    "ix_task_facts": ("task", ["id", "category", "split"]),
    "ix_task_digest_split": ("task", ["digest", "split"]),
    "ix_answer_source_seconds": ("answer", ["source_id", "seconds", "cost"]),
    "ix_verdict_recheck": ("verdict", ["verdict", "recheck", "created_at"]),
}


def upgrade() -> None:
    """Bring a database of the revision before up to this one."""
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns)


def downgrade() -> None:
    """Take it away again."""
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table)
