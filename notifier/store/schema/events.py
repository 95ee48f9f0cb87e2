"""Incidents and their events."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, Text, UniqueConstraint

from notifier.domain.time import DAY, Duration
from notifier.store.schema.base import OPEN, Big, Serial, metadata

incidents = Table(
    "incidents",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("project", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("closed", Big, nullable=False, server_default="0"),
    Column("state", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("varying", Text, nullable=False, server_default="[]"),
    Column("count", Big, nullable=False),
    Column("late", Big, nullable=False, server_default="0"),
    Column("opened_at", Big, nullable=False),
    Column("first_seen", Big, nullable=False),
    Column("last_seen", Big, nullable=False),
    Column("acknowledged_by", Text),
    Column("acknowledged_at", Big),
    # When the acknowledgement expires; NULL if it does not.
    Column("acknowledged_until", Big),
    Column("snoozed_until", Big),
    Column("snoozed_by", Text),
    # The last time a person reopened it.
    Column("reopened_at", Big),
    Column("reopened_by", Text),
    Column("resolved_at", Big),
    Column("resolved_by", Text),
    Column("previous_id", Text),
    # Since when alerting must look at it; NULL if it need not.
    Column("attention_at", Big),
    # Whether the next event sets attention_at: a repeat was due without new events, or a threshold was not reached.
    Column("waiting", sa.SmallInteger, nullable=False, server_default="0"),
    # 0 if not routed yet, otherwise the rank of the severity with which it was last routed, plus one.
    Column("routed", sa.SmallInteger, nullable=False, server_default="0"),
    # The time from which auto-resolve counts; updated only by auto-resolve, so that events cause no index update.
    Column("quiet_since", Big, nullable=False),
    # The version of the rules that computed the fingerprint; 1 for rows from before there were versions.
    Column("version", sa.SmallInteger, nullable=False, server_default="1"),
    # One index serves both the unresolved incident (closed = 0) and the newest resolved one.
    UniqueConstraint("project", "environment", "fingerprint", "closed", name="uq_incidents_identity"),
    sqlite_autoincrement=True,
)
Index("ix_incidents_attention", incidents.c.attention_at, sqlite_where=incidents.c.attention_at.is_not(None),
      postgresql_where=incidents.c.attention_at.is_not(None))  # fmt: skip
# Those that go first among many that need attention.
is_critical = incidents.c.severity == sa.literal_column("'critical'")
_urgent = sa.and_(incidents.c.attention_at.is_not(None), is_critical)
Index("ix_incidents_urgent", incidents.c.severity, incidents.c.attention_at, sqlite_where=_urgent,
      postgresql_where=_urgent)  # fmt: skip
Index("ix_incidents_quiet", incidents.c.quiet_since, sqlite_where=incidents.c.closed == OPEN,
      postgresql_where=incidents.c.closed == OPEN)  # fmt: skip
Index("ix_incidents_resolved", incidents.c.resolved_at, sqlite_where=incidents.c.resolved_at.is_not(None),
      postgresql_where=incidents.c.resolved_at.is_not(None))  # fmt: skip
# Incidents that an upgrade may still have to find; empty some time after it.
of_earlier_version = incidents.c.version < sa.literal_column("3")
Index("ix_incidents_earlier_version", incidents.c.resolved_at, sqlite_where=of_earlier_version,
      postgresql_where=of_earlier_version)  # fmt: skip
Index("ix_incidents_acknowledged", incidents.c.acknowledged_until,
      sqlite_where=incidents.c.acknowledged_until.is_not(None),
      postgresql_where=incidents.c.acknowledged_until.is_not(None))  # fmt: skip
# Rows that accounting must never find; empty.
_unrouted = sa.and_(incidents.c.routed == sa.literal_column("0"), incidents.c.attention_at.is_(None))
Index("ix_incidents_unrouted", incidents.c.number, sqlite_where=_unrouted, postgresql_where=_unrouted)

# Samples: an incident's first ten events, then ever fewer, and always the newest. `seq` is its count at the event.
events = Table(
    "events",
    metadata,
    Column("incident", Big, primary_key=True, autoincrement=False),
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("at", Big, nullable=False),
    Column("received_at", Big, nullable=False),
    Column("document", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_events_received", events.c.received_at)

event_ids = Table(
    "event_ids",
    metadata,
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("incident", Big, nullable=False),
    Column("at", Big, nullable=False),
    sqlite_with_rowid=False,
)

MINUTES_KEPT: Duration = 2 * DAY
# `minute` is the start of a minute; after `MINUTES_KEPT`, the rows of an hour become one row at its start.
tallies = Table(
    "tallies",
    metadata,
    Column("incident", Big, primary_key=True, autoincrement=False),
    Column("minute", Big, primary_key=True, autoincrement=False),
    Column("n", Big, nullable=False),
    sqlite_with_rowid=False,
)

# Repeatedly posted alerts, by the identity of their incidents.
alert_ends = Table(
    "alert_ends",
    metadata,
    Column("project", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("starts_at", Big, nullable=False),
    # When the alert ends unless it is posted again; NULL if it is over.
    Column("ends_at", Big),
    # The last end that its sender reported.
    Column("ended_at", Big),
    Column("updated_at", Big, nullable=False),
    # Labels, annotations and generatorURL as posted.
    Column("document", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_alert_ends_due", alert_ends.c.ends_at, sqlite_where=alert_ends.c.ends_at.is_not(None),
      postgresql_where=alert_ends.c.ends_at.is_not(None))  # fmt: skip
