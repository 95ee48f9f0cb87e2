"""The tables. Instants and durations are integer milliseconds; JSON is text on both engines."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, Text, UniqueConstraint

metadata = sa.MetaData()

Big = sa.BigInteger()
# SQLite numbers rows by itself only where the key is spelt INTEGER.
Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

OPEN = 0
"""`incidents.closed` while an incident is not resolved; its own number afterwards."""

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
    # One index answers both "the one that is not resolved" (closed = 0) and "the newest resolved one".
    UniqueConstraint("project", "environment", "fingerprint", "closed", name="uq_incidents_identity"),
    sqlite_autoincrement=True,
)
Index("ix_incidents_attention", incidents.c.attention_at, sqlite_where=incidents.c.attention_at.is_not(None),
      postgresql_where=incidents.c.attention_at.is_not(None))  # fmt: skip
Index("ix_incidents_quiet", incidents.c.quiet_since, sqlite_where=incidents.c.closed == OPEN,
      postgresql_where=incidents.c.closed == OPEN)  # fmt: skip
Index("ix_incidents_resolved", incidents.c.resolved_at, sqlite_where=incidents.c.resolved_at.is_not(None),
      postgresql_where=incidents.c.resolved_at.is_not(None))  # fmt: skip
Index("ix_incidents_acknowledged", incidents.c.acknowledged_until,
      sqlite_where=incidents.c.acknowledged_until.is_not(None),
      postgresql_where=incidents.c.acknowledged_until.is_not(None))  # fmt: skip

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

# `minute` is a minute's start; after 48 hours the rows of an hour become one, at the hour's start.
tallies = Table(
    "tallies",
    metadata,
    Column("incident", Big, primary_key=True, autoincrement=False),
    Column("minute", Big, primary_key=True, autoincrement=False),
    Column("n", Big, nullable=False),
    sqlite_with_rowid=False,
)

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
    Column("last_told_at", Big),
    Column("created_at", Big, nullable=False),
)
Index("ix_groups_due", groups.c.due_at, sqlite_where=groups.c.due_at.is_not(None),
      postgresql_where=groups.c.due_at.is_not(None))  # fmt: skip

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

_told_open = members.c.told_state != "resolved"
Index("ix_members_open", members.c.group_id, sqlite_where=_told_open, postgresql_where=_told_open)

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

# Links in mails: each lets one recipient do one thing to one incident, once. Only the token's hash is kept.
action_tokens = Table(
    "action_tokens",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("incident", Big, nullable=False),
    Column("action", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("expires_at", Big, nullable=False),
    Column("spent_at", Big),
)
Index("ix_action_tokens_expires", action_tokens.c.expires_at)

# Signatures of Slack's requests that were answered, for as long as one could be sent again.
slack_requests = Table(
    "slack_requests",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("at", Big, nullable=False),
)
Index("ix_slack_requests_at", slack_requests.c.at)

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
    # A Message without what is one delivery's own (id, thread).
    Column("message", Text, nullable=False),
    # The notification that the fallback tells again: once.
    Column("fallback_of", Text, unique=True),
)
Index("ix_notifications_at", notifications.c.at)

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
    # The thread that digests of the present storm share, and when the last of them was made.
    Column("storm_thread", Text),
    Column("storm_at", Big),
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
    Column("state", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("due_at", Big, nullable=False),
    Column("expires_at", Big, nullable=False),
    # When the fallback is told if it has not been delivered; NULL: it has been, or there is none.
    Column("fallback_at", Big),
    Column("attempts", Big, nullable=False, server_default="0"),
    Column("claims", Big, nullable=False, server_default="0"),
    Column("fence", Big, nullable=False, server_default="0"),
    Column("lease_until", Big),
    # Frozen at the first claim: what is sent, the same on every retry.
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
_live = deliveries.c.state.in_(["pending", "sending"])
Index(
    "ix_deliveries_live", deliveries.c.target, deliveries.c.state, sqlite_where=_live, postgresql_where=_live
)
Index("ix_deliveries_thread", deliveries.c.thread, deliveries.c.state)
Index("ix_deliveries_state", deliveries.c.state, deliveries.c.finished_at)
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

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("revoked_at", Big),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Big, nullable=False),
    Column("project", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("key_name", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text),
)
Index("ix_audit_subject", audit.c.subject)

# Counters for ever, one row per replica and name so that none is hot.
ledger = Table(
    "ledger",
    metadata,
    Column("replica", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("n", Big, nullable=False),
)

# `rank` orders a run's changes, so that they may come in any order; JSON columns are NULL where there is nothing.
task_runs = Table(
    "task_runs",
    metadata,
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("task", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("rank", Big, nullable=False),
    Column("attempt", Big, nullable=False),
    Column("max_attempts", Big),
    Column("created_at", Big, nullable=False),
    Column("started_at", Big),
    Column("finished_at", Big),
    Column("duration_ms", sa.Float),
    Column("result", Text),
    Column("error", Text),
    Column("key", Text),
    Column("process", Text),
    Column("replay_of", Text),
    Column("arguments", Text),
    Column("replayable", Text, nullable=False, server_default="no"),
    # Of a failed or lost run: waiting (listed as a dead letter), replayed, recovered, discarded.
    Column("letter", Text),
    # Of a replay that no process is known to have: when it was asked for. `process` is then the one it was handed to.
    Column("asked_at", Big),
)
_unfinished = task_runs.c.state.in_(["pending", "processing", "retrying"])
_waiting = task_runs.c.letter == "waiting"
_asked = task_runs.c.asked_at.is_not(None)
Index("ix_task_runs_created", task_runs.c.project, task_runs.c.created_at, task_runs.c.id)
Index("ix_task_runs_age", task_runs.c.created_at)
Index("ix_task_runs_process", task_runs.c.project, task_runs.c.process,
      sqlite_where=_unfinished, postgresql_where=_unfinished)  # fmt: skip
Index("ix_task_runs_key", task_runs.c.project, task_runs.c.task, task_runs.c.key,
      sqlite_where=task_runs.c.key.is_not(None), postgresql_where=task_runs.c.key.is_not(None))  # fmt: skip
Index("ix_task_runs_replay", task_runs.c.project, task_runs.c.replay_of,
      sqlite_where=task_runs.c.replay_of.is_not(None), postgresql_where=task_runs.c.replay_of.is_not(None))  # fmt: skip
Index("ix_task_runs_letters", task_runs.c.project, task_runs.c.finished_at, task_runs.c.id,
      sqlite_where=_waiting, postgresql_where=_waiting)  # fmt: skip
Index(
    "ix_task_runs_asked",
    task_runs.c.project,
    task_runs.c.asked_at,
    sqlite_where=_asked,
    postgresql_where=_asked,
)

# Which incident counts a run's events, and how many: kept apart, for either may come first.
run_incidents = Table(
    "run_incidents",
    metadata,
    Column("project", Text, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("incident", Big, primary_key=True, autoincrement=False),
    Column("n", Big, nullable=False),
    # Whether the run has ended well: completed, or made good by a later one.
    Column("well", sa.SmallInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
_failing = run_incidents.c.well == sa.literal_column("0")
Index("ix_run_incidents_incident", run_incidents.c.incident)
Index("ix_run_incidents_failing", run_incidents.c.incident, sqlite_where=_failing, postgresql_where=_failing)

# Processes of applications, as their heartbeats tell; `running` is a JSON list of run ids, `tasks` of task names.
processes = Table(
    "processes",
    metadata,
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("service", Text, nullable=False),
    Column("seen_at", Big, nullable=False),
    # Set when it said goodbye or has not been heard of for too long: its unfinished runs are lost.
    Column("ended_at", Big),
    Column("running", Text, nullable=False, server_default="[]"),
    Column("tasks", Text, nullable=False, server_default="[]"),
    # What its client says became of its reports: {"captured", "sent", "spooled", "dropped": {reason: n}}.
    Column("reports", Text),
)
Index("ix_processes_seen", processes.c.seen_at,
      sqlite_where=processes.c.ended_at.is_(None), postgresql_where=processes.c.ended_at.is_(None))  # fmt: skip
