"""The order of what waits for a target: tests, then severity, then age; and indexes that find the first of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("rank", sa.SmallInteger(), server_default="0", nullable=False))
    op.execute(
        "UPDATE deliveries SET rank = (SELECT n.rank FROM notifications n WHERE n.id = deliveries.notification) "
        "WHERE state IN ('pending', 'sending')"
    )
    op.drop_index("ix_deliveries_live", "deliveries")
    waiting = sa.text("state = 'pending' AND carried_by IS NULL")
    op.create_index(
        "ix_deliveries_waiting",
        "deliveries",
        ["target", sa.text("rank DESC"), "id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    sending = sa.text("state = 'sending'")
    op.create_index(
        "ix_deliveries_sending", "deliveries", ["target"], sqlite_where=sending, postgresql_where=sending
    )
