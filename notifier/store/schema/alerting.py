"""Groups, their members, why each was told or not, and what holds them."""

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
    # When the present episode was first told of.
    Column("episode_at", Big),
    # Whether the present episode has been told of and is not over.
    Column("active", sa.SmallInteger, nullable=False, server_default="0"),
    Column("due_at", Big),
    # Whether it tells of a critical incident, and goes before others that are due; 0 once nothing is due any more.
    Column("urgent", sa.SmallInteger, nullable=False, server_default="0"),
    Column("last_told_at", Big),
    # The conversation of the present episode in mail: its number, subject and severity.
    Column("conversation", Text),
    # Until when what people do is gathered, after the first act of a burst was told at once.
    Column("acts_until", Big),
    Column("created_at", Big, nullable=False),
)
Index("ix_groups_due", groups.c.due_at, sqlite_where=groups.c.due_at.is_not(None),
      postgresql_where=groups.c.due_at.is_not(None))  # fmt: skip

_urgent = sa.and_(groups.c.due_at.is_not(None), groups.c.urgent == sa.literal_column("1"))
Index("ix_groups_urgent", groups.c.urgent, groups.c.due_at, sqlite_where=_urgent, postgresql_where=_urgent)

# What has been told about one incident in one group.
members = Table(
    "members",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("incident", Big, primary_key=True, autoincrement=False),
    Column("joined_at", Big, nullable=False),
    # Looked at again at the group's next flush; NULL: nothing has changed since it was decided.
    Column("changed_at", Big),
    Column("told_state", Text),
    Column("told_severity", Text),
    Column("told_count", Big, nullable=False, server_default="0"),
    Column("first_told_at", Big),
    Column("told_at", Big),
    Column("told_reason", Text),
    Column("held_by", Text),
    # What holds it, where it is one thing: a silence's id, the id of the incident that inhibits it.
    Column("hold_ref", Text),
    # When it is looked at again: a repeat may be due, or what holds it ends.
    Column("repeat_at", Big),
    # How many steps of `escalate` it has been through since `first_told_at`, and when the next is due.
    Column("escalated", sa.SmallInteger, nullable=False, server_default="0"),
    Column("escalate_at", Big),
    # How often its identity has come back in the present run, when that run began, and when it was last told critical.
    Column("returns", Big, nullable=False, server_default="0"),
    Column("returning_since", Big),
    Column("critical_at", Big),
    # The last decision, and the `decisions.at` of the row that counts it.
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
# With all that lists of groups ask for.
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

# What accounting must never find; empty.
_lost = sa.and_(members.c.changed_at.is_(None), members.c.told_at.is_(None), members.c.held_by.is_(None))
Index("ix_members_lost", members.c.incident, sqlite_where=_lost, postgresql_where=_lost)

# Why told, or why not. Equal decisions about a member that follow each other are one row.
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
    # The configuration's version: `configurations` knows its routes and their lines.
    Column("version", Text, nullable=False),
    Column("last_at", Big, nullable=False),
    Column("count", Big, nullable=False),
    # How many events this telling adds to what was told before.
    Column("events", Big, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
Index("ix_decisions_notification", decisions.c.notification,
      sqlite_where=decisions.c.notification.is_not(None),
      postgresql_where=decisions.c.notification.is_not(None))  # fmt: skip

# Every configuration that decisions were made under; `routes` maps a route's key to its name and line.
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

# Incidents that are not resolved and meet an inhibition's `source`; `equal` hashes the labels that must agree.
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
