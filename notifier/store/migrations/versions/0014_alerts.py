"""Alerts that are posted again while they fire: when each ends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert_ends",
        sa.Column("project", sa.Text(), primary_key=True),
        sa.Column("environment", sa.Text(), primary_key=True),
        sa.Column("fingerprint", sa.Text(), primary_key=True),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    open_ = sa.text("ends_at IS NOT NULL")
    op.create_index(
        "ix_alert_ends_due", "alert_ends", ["ends_at"], sqlite_where=open_, postgresql_where=open_
    )
