"""Terms and sort orders for lists of incidents, written by housekeeping so that events do not pay for them.

Rows of `instance` say how far they are written: `terms` up to a number, `order` up to a time. Later changes are read
from `incidents`.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, Text
from sqlalchemy.dialects import postgresql

from notifier.domain.state import State
from notifier.store.schema.base import Big, Serial, metadata

BLOCK = 256
"""How many consecutive incident numbers share one row for each of their terms."""

# Compared byte by byte on both engines, for prefix searches.
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
"""The values of `incident_order.closed`."""

# Sort keys of lists. `closed` is maintained by triggers; the others are as of the time of `order`.
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
