"""Monitors: the last check-in of each job, and when the next is due."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, Text

from notifier.store.schema.base import Big, metadata

monitors = Table(
    "monitors",
    metadata,
    Column("project", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("service", Text, nullable=False),
    # The fingerprint of its incidents.
    Column("fingerprint", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("at", Big, nullable=False),
    Column("duration_ms", sa.Float),
    # Why it has an incident; NULL if it is well.
    Column("trouble", Text),
    Column("severity", Text),
    # JSON; NULL if nothing is expected.
    Column("schedule", Text),
    # `file` or `client`.
    Column("declared_by", Text),
    Column("due_at", Big),
    Column("due_from", Big),
    Column("patience", Big),
    sqlite_with_rowid=False,
)
Index("ix_monitors_due", monitors.c.due_at, sqlite_where=monitors.c.due_at.is_not(None),
      postgresql_where=monitors.c.due_at.is_not(None))  # fmt: skip
# Auto-resolve leaves incidents of these alone.
still_wrong = sa.and_(monitors.c.trouble.is_not(None), monitors.c.due_at.is_not(None))
Index(
    "ix_monitors_still_wrong", monitors.c.fingerprint, sqlite_where=still_wrong, postgresql_where=still_wrong
)
