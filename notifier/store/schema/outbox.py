"""Notifications, their deliveries, and the targets and threads that these go to."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, Text, UniqueConstraint

from notifier.store.schema.base import Big, Serial, metadata

notifications = Table(
    "notifications",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("group_id", Text),
    Column("episode", Big, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False),
    Column("at", Big, nullable=False),
    Column(
        "rank", sa.SmallInteger, nullable=False, server_default="0"
    ),  # the highest severity among its incidents
    # A Message without the fields of a single delivery (id, thread).
    Column("message", Text, nullable=False),
    # The notification that this one repeats through the fallback; unique.
    Column("fallback_of", Text, unique=True),
)
Index("ix_notifications_at", notifications.c.at)
Index("ix_notifications_group", notifications.c.group_id, notifications.c.at,
      sqlite_where=notifications.c.group_id.is_not(None),
      postgresql_where=notifications.c.group_id.is_not(None))  # fmt: skip

targets = Table(
    "targets",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("due_at", Big),
    Column("tokens", sa.Float),
    Column("tokens_at", Big),
    Column("cool_until", Big),
    Column("failures", Big, nullable=False, server_default="0"),
    Column("disabled_at", Big),
    Column("disabled_why", Text),
    Column("last_ok_at", Big),
    Column("last_error", Text),
    Column("last_error_at", Big),
    Column("last_sent_at", Big),
    # The thread shared by digests of the current storm, and when it began.
    Column("storm_thread", Text),
    Column("storm_at", Big),
    # A keyed hash of the channel settings to which its health applies.
    Column("settings_hash", Text),
    # When the receiver last reported that it is gone, and how many deliveries in a row have ended so.
    Column("gone_at", Big),
    Column("gone_in_a_row", Big, nullable=False, server_default="0"),
    UniqueConstraint("channel", "address", name="uq_targets_address"),
)
Index("ix_targets_due", targets.c.channel, targets.c.due_at, sqlite_where=targets.c.due_at.is_not(None),
      postgresql_where=targets.c.due_at.is_not(None))  # fmt: skip

threads = Table(
    "threads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("group_id", Text, nullable=False),
    Column("episode", Big, nullable=False),
    Column("target", Big, nullable=False),
    Column("previous_id", Text),
    Column("ref", Text),
    Column("created_at", Big, nullable=False),
    UniqueConstraint("group_id", "target", "episode", name="uq_threads_episode"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("notification", Text, ForeignKey("notifications.id"), nullable=False),
    Column("target", Big, ForeignKey("targets.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # Its turn at the target: tests first, then by the highest severity of its incidents.
    Column("rank", sa.SmallInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("due_at", Big, nullable=False),
    Column("expires_at", Big, nullable=False),
    # When the fallback is notified unless it is delivered; NULL if it is delivered, or there is no fallback.
    Column("fallback_at", Big),
    Column("attempts", Big, nullable=False, server_default="0"),
    Column("claims", Big, nullable=False, server_default="0"),
    Column("fence", Big, nullable=False, server_default="0"),
    Column("lease_until", Big),
    # Frozen at the first claim, so that each retry sends the same message.
    Column("message", Text),
    Column("maybe_sent", sa.SmallInteger, nullable=False, server_default="0"),
    # The delivery that carries this one: a newer one of its thread (superseded), or a digest.
    Column("carried_by", Text),
    Column("finished_at", Big),
    Column("outcome", Text),
    Column("detail", Text),
    Column("ref", Text),
    UniqueConstraint("notification", "target", name="uq_deliveries_target"),
)
_waiting = sa.and_(deliveries.c.state == "pending", deliveries.c.carried_by.is_(None))
Index("ix_deliveries_waiting", deliveries.c.target, deliveries.c.rank.desc(), deliveries.c.id,
      sqlite_where=_waiting, postgresql_where=_waiting)  # fmt: skip
_sending = deliveries.c.state == "sending"
Index("ix_deliveries_sending", deliveries.c.target, sqlite_where=_sending, postgresql_where=_sending)
Index("ix_deliveries_thread", deliveries.c.thread, deliveries.c.state)
Index("ix_deliveries_state", deliveries.c.state, deliveries.c.finished_at)
# For channels with few deliveries. Ids grow, so that new rows are appended to the part of their channel.
Index("ix_deliveries_channel", deliveries.c.project, deliveries.c.channel, deliveries.c.id)
Index("ix_deliveries_carried", deliveries.c.carried_by, sqlite_where=deliveries.c.carried_by.is_not(None),
      postgresql_where=deliveries.c.carried_by.is_not(None))  # fmt: skip
Index("ix_deliveries_lease", deliveries.c.lease_until, sqlite_where=deliveries.c.lease_until.is_not(None),
      postgresql_where=deliveries.c.lease_until.is_not(None))  # fmt: skip
Index("ix_deliveries_fallback", deliveries.c.fallback_at, sqlite_where=deliveries.c.fallback_at.is_not(None),
      postgresql_where=deliveries.c.fallback_at.is_not(None))  # fmt: skip

attempts = Table(
    "attempts",
    metadata,
    Column("delivery", Text, ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Big, primary_key=True, autoincrement=False),
    Column("started_at", Big),
    Column("finished_at", Big, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("detail", Text),
    Column("replica", Text, nullable=False),
    Column("actor", Text),
)
