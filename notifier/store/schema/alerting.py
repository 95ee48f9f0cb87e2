"""Groups, their members, decisions about them, and what holds them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, Text

from notifier.store.schema.base import Big, metadata

groups = Table(
    "groups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("episode", Big, nullable=False, server_default="0"),
    # When the current episode was first notified.
    Column("episode_at", Big),
    # Whether the current episode has been notified and is not over.
    Column("active", sa.SmallInteger, nullable=False, server_default="0"),
    Column("due_at", Big),
    # Whether the group has a critical incident, and is decided before other due groups; 0 if nothing is due.
    Column("urgent", sa.SmallInteger, nullable=False, server_default="0"),
    Column("last_told_at", Big),
    # The mail conversation of the current episode: number, subject and severity.
    Column("conversation", Text),
    # Until when acts of people are collected, after the first act of a burst was notified at once.
    Column("acts_until", Big),
    Column("created_at", Big, nullable=False),
)
Index("ix_groups_due", groups.c.due_at, sqlite_where=groups.c.due_at.is_not(None),
      postgresql_where=groups.c.due_at.is_not(None))  # fmt: skip

_urgent = sa.and_(groups.c.due_at.is_not(None), groups.c.urgent == sa.literal_column("1"))
Index("ix_groups_urgent", groups.c.urgent, groups.c.due_at, sqlite_where=_urgent, postgresql_where=_urgent)

# What has been notified about one incident in one group.
members = Table(
    "members",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("incident", Big, primary_key=True, autoincrement=False),
    Column("joined_at", Big, nullable=False),
    # Set if a decision is due at the group's next flush; NULL if nothing has changed since the last one.
    Column("changed_at", Big),
    Column("told_state", Text),
    Column("told_severity", Text),
    Column("told_count", Big, nullable=False, server_default="0"),
    Column("first_told_at", Big),
    Column("told_at", Big),
    Column("told_reason", Text),
    Column("held_by", Text),
    # What holds the member, if that is a single thing: the id of a silence or of an inhibiting incident.
    Column("hold_ref", Text),
    # When the member is decided again: a repeat may be due, or its hold may have ended.
    Column("repeat_at", Big),
    # How many steps of `escalate` were sent since `first_told_at`, and when the next is due.
    Column("escalated", sa.SmallInteger, nullable=False, server_default="0"),
    Column("escalate_at", Big),
    # How often the identity has returned recently, since when, and when it was last notified as critical.
    Column("returns", Big, nullable=False, server_default="0"),
    Column("returning_since", Big),
    Column("critical_at", Big),
    # The last decision, and the key (`decisions.at`) of the row that counts it.
    Column("decided", Text),
    Column("decided_at", Big),
)
Index("ix_members_incident", members.c.incident)
Index("ix_members_changed", members.c.group_id, members.c.changed_at,
      sqlite_where=members.c.changed_at.is_not(None), postgresql_where=members.c.changed_at.is_not(None))  # fmt: skip
Index("ix_members_repeat", members.c.group_id, members.c.repeat_at,
      sqlite_where=members.c.repeat_at.is_not(None), postgresql_where=members.c.repeat_at.is_not(None))  # fmt: skip

Index("ix_members_escalate", members.c.group_id, members.c.escalate_at,
      sqlite_where=members.c.escalate_at.is_not(None), postgresql_where=members.c.escalate_at.is_not(None))  # fmt: skip
Index("ix_members_hold", members.c.hold_ref,
      sqlite_where=members.c.hold_ref.is_not(None), postgresql_where=members.c.hold_ref.is_not(None))  # fmt: skip
# Covers all columns that lists of groups need.
_is_held = members.c.held_by.is_not(None)
Index(
    "ix_members_held",
    members.c.group_id,
    members.c.incident,
    members.c.held_by,
    members.c.changed_at,
    sqlite_where=_is_held,
    postgresql_where=_is_held,
)

_told_open = members.c.told_state != "resolved"
Index("ix_members_open", members.c.group_id, sqlite_where=_told_open, postgresql_where=_told_open)

# Rows that accounting must never find; empty.
_lost = sa.and_(members.c.changed_at.is_(None), members.c.told_at.is_(None), members.c.held_by.is_(None))
Index("ix_members_lost", members.c.incident, sqlite_where=_lost, postgresql_where=_lost)

# Decisions to notify or to hold. Consecutive equal decisions about a member are one row.
decisions = Table(
    "decisions",
    metadata,
    Column("incident", Big, primary_key=True, autoincrement=False),
    Column("group_id", Text, primary_key=True),
    Column("at", Big, primary_key=True, autoincrement=False),
    # `told` with a reason, or `held` with a held_by.
    Column("kind", Text, nullable=False),
    Column("why", Text, primary_key=True),
    Column("ref", Text),
    Column("notification", Text),
    # The version of the configuration; `configurations` has its routes and their lines.
    Column("version", Text, nullable=False),
    Column("last_at", Big, nullable=False),
    Column("count", Big, nullable=False),
    # How many events this notification adds to those notified before.
    Column("events", Big, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
Index("ix_decisions_notification", decisions.c.notification,
      sqlite_where=decisions.c.notification.is_not(None),
      postgresql_where=decisions.c.notification.is_not(None))  # fmt: skip

# Configurations under which decisions were made; `routes` maps a route's key to its name and line.
configurations = Table(
    "configurations",
    metadata,
    Column("version", Text, primary_key=True),
    Column("loaded_at", Big, nullable=False),
    Column("routes", Text, nullable=False),
)

silences = Table(
    "silences",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("matchers", Text, nullable=False),
    Column("starts_at", Big, nullable=False),
    Column("ends_at", Big),
    Column("recur", Text),
    Column("author", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("created_by", Text, nullable=False),
)
Index("ix_silences_project", silences.c.project, silences.c.created_at, silences.c.id)
Index("ix_silences_ends", silences.c.ends_at)

# Unresolved incidents that match an inhibition's `source`; `equal` is a hash of the labels that must be equal.
inhibitors = Table(
    "inhibitors",
    metadata,
    Column("project", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("equal", Text, primary_key=True),
    Column("incident", Big, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
Index("ix_inhibitors_incident", inhibitors.c.incident)
