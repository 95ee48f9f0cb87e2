"""Silences, inhibition, actions, escalation, and why each was told or not."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG, TEXT = sa.BigInteger, sa.Text


def upgrade() -> None:
    _columns("incidents", acknowledged_at=BIG, acknowledged_until=BIG, snoozed_until=BIG, snoozed_by=TEXT,
             reopened_at=BIG, reopened_by=TEXT)  # fmt: skip
    _columns("groups", episode_at=BIG)
    _columns("members", hold_ref=TEXT, escalate_at=BIG, decided=TEXT, decided_at=BIG)
    op.add_column("members", sa.Column("escalated", sa.SmallInteger(), server_default="0", nullable=False))
    _columns("targets", storm_thread=TEXT, storm_at=BIG)
    _partial(
        "ix_incidents_acknowledged", "incidents", ["acknowledged_until"], "acknowledged_until IS NOT NULL"
    )
    _partial("ix_members_escalate", "members", ["group_id", "escalate_at"], "escalate_at IS NOT NULL")
    _partial("ix_members_hold", "members", ["hold_ref"], "hold_ref IS NOT NULL")
    op.drop_index("ix_members_open", "members")
    _partial("ix_members_open", "members", ["group_id"], "told_state != 'resolved'")
    # The episodes that are under way began, as far as anybody can still say, when they were last told of.
    op.execute("UPDATE groups SET episode_at = last_told_at WHERE active = 1")
    _decisions()
    _silences()
    _tokens()


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("incident", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("notification", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("incident", "group_id", "at", "why"),
        sqlite_with_rowid=False,
    )
    _partial("ix_decisions_notification", "decisions", ["notification"], "notification IS NOT NULL")
    op.create_table(
        "configurations",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.BigInteger(), nullable=False),
        sa.Column("routes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )


def _silences() -> None:
    op.create_table(
        "silences",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("matchers", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("recur", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_silences_project", "silences", ["project", "created_at", "id"])
    op.create_index("ix_silences_ends", "silences", ["ends_at"])
    op.create_table(
        "inhibitors",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("equal", sa.Text(), nullable=False),
        sa.Column("incident", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("project", "rule", "equal", "incident"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_inhibitors_incident", "inhibitors", ["incident"])


def _tokens() -> None:
    op.create_table(
        "action_tokens",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("incident", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("spent_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_action_tokens_expires", "action_tokens", ["expires_at"])
    op.create_table(
        "slack_requests",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_slack_requests_at", "slack_requests", ["at"])


def _columns(table: str, **columns: type[sa.types.TypeEngine[Any]]) -> None:
    for name, kind in columns.items():
        op.add_column(table, sa.Column(name, kind(), nullable=True))


def _partial(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
