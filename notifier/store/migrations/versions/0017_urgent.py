"""Indexes by which what is critical is found first, of incidents that need attention and of groups that are due."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("groups", sa.Column("urgent", sa.SmallInteger(), nullable=False, server_default="0"))
    for table, column, condition in (
        ("groups", "due_at", "urgent = 1"),
        ("incidents", "attention_at", "severity = 'critical'"),
    ):
        rows = sa.text(f"{column} IS NOT NULL AND {condition}")
        columns = [condition.split()[0], column]
        op.create_index(f"ix_{table}_urgent", table, columns, sqlite_where=rows, postgresql_where=rows)
