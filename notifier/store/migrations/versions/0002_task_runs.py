"""Task runs, the incidents that count their events, and the processes that run them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UNFINISHED = "state IN ('pending', 'processing', 'retrying')"


def upgrade() -> None:
    _task_runs()
    _run_incidents()
    _processes()


def _task_runs() -> None:
    op.create_table(
        "task_runs",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("max_attempts", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("duration_ms", sa.Float(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("process", sa.Text(), nullable=True),
        sa.Column("replay_of", sa.Text(), nullable=True),
        sa.Column("arguments", sa.Text(), nullable=True),
        sa.Column("replayable", sa.Text(), server_default="no", nullable=False),
        sa.Column("letter", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("project", "id"),
    )
    op.create_index("ix_task_runs_created", "task_runs", ["project", "created_at", "id"])
    op.create_index("ix_task_runs_age", "task_runs", ["created_at"])
    _partial("ix_task_runs_process", "task_runs", ["project", "process"], UNFINISHED)
    _partial("ix_task_runs_key", "task_runs", ["project", "task", "key"], '"key" IS NOT NULL')
    _partial("ix_task_runs_replay", "task_runs", ["project", "replay_of"], "replay_of IS NOT NULL")
    _partial("ix_task_runs_letters", "task_runs", ["project", "finished_at", "id"], "letter = 'waiting'")
    _partial("ix_task_runs_asked", "task_runs", ["project", "asked_at"], "asked_at IS NOT NULL")


def _run_incidents() -> None:
    op.create_table(
        "run_incidents",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("incident", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("well", sa.SmallInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("project", "run", "incident"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_run_incidents_incident", "run_incidents", ["incident"])
    _partial("ix_run_incidents_failing", "run_incidents", ["incident"], "well = 0")


def _processes() -> None:
    op.create_table(
        "processes",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("running", sa.Text(), server_default="[]", nullable=False),
        sa.Column("tasks", sa.Text(), server_default="[]", nullable=False),
        sa.Column("reports", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("project", "id"),
    )
    _partial("ix_processes_seen", "processes", ["seen_at"], "ended_at IS NULL")


def _partial(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
