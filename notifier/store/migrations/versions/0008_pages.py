"""Indexes for the pages of an incident and a group: its runs in order, and what was told of it in order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_run_incidents_incident", "run_incidents")
    op.create_index("ix_run_incidents_incident", "run_incidents", ["incident", "run"])
    of_a_group = sa.text("group_id IS NOT NULL")
    op.create_index(
        "ix_notifications_group",
        "notifications",
        ["group_id", "at"],
        sqlite_where=of_a_group,
        postgresql_where=of_a_group,
    )
