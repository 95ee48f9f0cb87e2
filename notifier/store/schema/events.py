"""Incidents, and what was posted about them."""

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
    # When it counts as open again by itself; NULL: not before somebody says so.
    Column("acknowledged_until", Big),
    Column("snoozed_until", Big),
    Column("snoozed_by", Text),
    # By a person, the last time.
    Column("reopened_at", Big),
    Column("reopened_by", Text),
    Column("resolved_at", Big),
    Column("resolved_by", Text),
    Column("previous_id", Text),
    # When the alerting loop must look at it again; NULL: it need not.
    Column("attention_at", Big),
    # The next event sets attention_at: a repeat was due and nothing had arrived, or a threshold was not reached.
    Column("waiting", sa.SmallInteger, nullable=False, server_default="0"),
    # 0: not routed yet; else the rank of the severity that it was last routed with, plus one.
    Column("routed", sa.SmallInteger, nullable=False, server_default="0"),
    # `last_seen` as auto-resolve last knew it; moved only when it looks, so that an event costs no index update.
    Column("quiet_since", Big, nullable=False),
    # Of the rules that made the fingerprint. What was stored before there were several is of the first.
    Column("version", sa.SmallInteger, nullable=False, server_default="1"),
    # One index answers both "the one that is not resolved" (closed = 0) and "the newest resolved one".
    UniqueConstraint("project", "environment", "fingerprint", "closed", name="uq_incidents_identity"),
    sqlite_autoincrement=True,
)
Index("ix_incidents_attention", incidents.c.attention_at, sqlite_where=incidents.c.attention_at.is_not(None),
      postgresql_where=incidents.c.attention_at.is_not(None))  # fmt: skip
# Of a crowd that needs attention, those that go first.
is_critical = incidents.c.severity == sa.literal_column("'critical'")
_urgent = sa.and_(incidents.c.attention_at.is_not(None), is_critical)
Index("ix_incidents_urgent", incidents.c.severity, incidents.c.attention_at, sqlite_where=_urgent,
      postgresql_where=_urgent)  # fmt: skip
Index("ix_incidents_quiet", incidents.c.quiet_since, sqlite_where=incidents.c.closed == OPEN,
      postgresql_where=incidents.c.closed == OPEN)  # fmt: skip
Index("ix_incidents_resolved", incidents.c.resolved_at, sqlite_where=incidents.c.resolved_at.is_not(None),
      postgresql_where=incidents.c.resolved_at.is_not(None))  # fmt: skip
# What an upgrade may still have to find; empty some time after it.
of_earlier_version = incidents.c.version < sa.literal_column("3")
Index("ix_incidents_earlier_version", incidents.c.resolved_at, sqlite_where=of_earlier_version,
      postgresql_where=of_earlier_version)  # fmt: skip
Index("ix_incidents_acknowledged", incidents.c.acknowledged_until,
      sqlite_where=incidents.c.acknowledged_until.is_not(None),
      postgresql_where=incidents.c.acknowledged_until.is_not(None))  # fmt: skip
# What accounting must never find; empty.
_unrouted = sa.and_(incidents.c.routed == sa.literal_column("0"), incidents.c.attention_at.is_(None))
Index("ix_incidents_unrouted", incidents.c.number, sqlite_where=_unrouted, postgresql_where=_unrouted)

# Samples: the first ten of an incident, then ever fewer, always the newest. `seq` is the incident's count at it.
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
# `minute` is a minute's start; after `MINUTES_KEPT` the rows of an hour become one, at the hour's start.
tallies = Table(
    "tallies",
    metadata,
    Column("incident", Big, primary_key=True, autoincrement=False),
    Column("minute", Big, primary_key=True, autoincrement=False),
    Column("n", Big, nullable=False),
    sqlite_with_rowid=False,
)

# Alerts that are posted again while they fire, by the identity of their incidents.
alert_ends = Table(
    "alert_ends",
    metadata,
    Column("project", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("starts_at", Big, nullable=False),
    # When it ends unless it comes again; NULL: it is over.
    Column("ends_at", Big),
    # The last end that its sender told.
    Column("ended_at", Big),
    Column("updated_at", Big, nullable=False),
    # Labels, annotations and generatorURL, as posted.
    Column("document", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_alert_ends_due", alert_ends.c.ends_at, sqlite_where=alert_ends.c.ends_at.is_not(None),
      postgresql_where=alert_ends.c.ends_at.is_not(None))  # fmt: skip
