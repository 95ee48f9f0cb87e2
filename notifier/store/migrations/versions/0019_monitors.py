"""Monitors: the last sign of each job that checks in, and when the next is due."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "monitors",
        sa.Column("project", sa.Text(), primary_key=True),
        sa.Column("environment", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.Float()),
        sa.Column("trouble", sa.Text()),
        sa.Column("severity", sa.Text()),
        sa.Column("schedule", sa.Text()),
        sa.Column("declared_by", sa.Text()),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("due_from", sa.BigInteger()),
        sa.Column("patience", sa.BigInteger()),
        sqlite_with_rowid=False,
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_monitors_due", "monitors", ["due_at"], sqlite_where=due, postgresql_where=due)
    wrong = sa.text("trouble IS NOT NULL AND due_at IS NOT NULL")
    op.create_index(
        "ix_monitors_still_wrong", "monitors", ["fingerprint"], sqlite_where=wrong, postgresql_where=wrong
    )
