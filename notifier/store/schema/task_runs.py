"""Task runs, the incidents that count their events, and the processes that execute them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, Text

from notifier.store.schema.base import Big, metadata

# `rank` orders the changes of a run, which may arrive in any order; JSON columns are NULL if empty.
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
    # The state of a failed or lost run as a dead letter: waiting (listed), replayed, recovered, discarded.
    Column("letter", Text),
    # When a replay was requested that no process has confirmed yet. `process` is the one it was assigned to.
    Column("asked_at", Big),
)
_unfinished = task_runs.c.state.in_(["pending", "processing", "retrying"])
_waiting = task_runs.c.letter == "waiting"
_asked = task_runs.c.asked_at.is_not(None)
Index("ix_task_runs_created", task_runs.c.project, task_runs.c.created_at, task_runs.c.id)
# Covering index with state and duration, for statistics of a task.
Index("ix_task_runs_task", task_runs.c.project, task_runs.c.task, task_runs.c.created_at, task_runs.c.id,
      task_runs.c.state, task_runs.c.duration_ms)  # fmt: skip
_rare = task_runs.c.state != sa.literal_column("'completed'")
# With the task, so that failures of one task are found quickly.
Index("ix_task_runs_state", task_runs.c.project, task_runs.c.state, task_runs.c.created_at, task_runs.c.id,
      task_runs.c.task, sqlite_where=_rare, postgresql_where=_rare)  # fmt: skip
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

# Which incident counts a run's events, and how many; a table of its own, since either may arrive first.
run_incidents = Table(
    "run_incidents",
    metadata,
    Column("project", Text, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("incident", Big, primary_key=True, autoincrement=False),
    Column("n", Big, nullable=False),
    # Whether the run has succeeded: completed, or recovered by a later one.
    Column("well", sa.SmallInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
_failing = run_incidents.c.well == sa.literal_column("0")
Index("ix_run_incidents_incident", run_incidents.c.incident, run_incidents.c.run)
Index("ix_run_incidents_failing", run_incidents.c.incident, sqlite_where=_failing, postgresql_where=_failing)

# Processes of applications, by their heartbeats; `running` is a JSON list of run ids, `tasks` of task names.
processes = Table(
    "processes",
    metadata,
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("service", Text, nullable=False),
    Column("seen_at", Big, nullable=False),
    # Set when it has shut down, or missed its heartbeats for too long: its unfinished runs are lost.
    Column("ended_at", Big),
    Column("running", Text, nullable=False, server_default="[]"),
    Column("tasks", Text, nullable=False, server_default="[]"),
    # Outcomes of its client's reports: {"captured", "sent", "spooled", "dropped": {reason: n}}.
    Column("reports", Text),
)
Index("ix_processes_seen", processes.c.seen_at,
      sqlite_where=processes.c.ended_at.is_(None), postgresql_where=processes.c.ended_at.is_(None))  # fmt: skip
