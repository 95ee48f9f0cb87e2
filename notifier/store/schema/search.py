"""Terms and orders that lists of incidents go by: written behind the events by housekeeping; no event pays for it.

Rows of `instance` say how far: `terms` up to which number, `order` up to which moment. What came later is looked at in
`incidents` itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, Text
from sqlalchemy.dialects import postgresql

from notifier.domain.state import State
from notifier.store.schema.base import Big, Serial, metadata

BLOCK = 256
"""Incidents of so many numbers that follow each other have one row for each of their terms."""

# Compared byte by byte on both engines, for terms that begin with a word.
Bytewise = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

incident_terms = Table(
    "incident_terms",
    metadata,
    Column("project", Text, primary_key=True),
    Column("term", Bytewise, primary_key=True),
    Column("block", Big, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

CLOSED: Mapping[State, int] = {State.OPEN: 0, State.RESOLVED: 1, State.ACKNOWLEDGED: 2}
"""What `incident_order.closed` says of each state."""

# By what lists are sorted. `closed` is kept by triggers; the rest is what was so at the moment of `order`.
incident_order = Table(
    "incident_order",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=False),
    Column("project", Text, nullable=False),
    Column("closed", sa.SmallInteger, nullable=False),
    Column("severity", sa.SmallInteger, nullable=False),
    Column("count", Big, nullable=False),
    Column("last_seen", Big, nullable=False),
)
for _name in ("severity", "count", "last_seen"):
    Index(
        f"ix_incident_order_{_name}",
        incident_order.c.project,
        incident_order.c.closed,
        incident_order.c[_name],
        incident_order.c.number,
    )
Index("ix_incident_order_newest", incident_order.c.project, incident_order.c.closed, incident_order.c.number)
