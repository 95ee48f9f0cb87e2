"""Returns of a problem, acts that are gathered, health that belongs to settings, the hold, severity `none`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG, TEXT = sa.BigInteger, sa.Text

# The severity `none` below `info` moves every rank by one; what has not been routed stays 0.
RANKS = (
    "UPDATE incidents SET routed = routed + 1 WHERE routed > 0",
    "UPDATE notifications SET rank = rank + 1",
)


def upgrade() -> None:
    _columns("members", returning_since=BIG, critical_at=BIG)
    op.add_column("members", sa.Column("returns", BIG(), server_default="0", nullable=False))
    _columns("groups", acts_until=BIG)
    _columns("targets", settings_hash=TEXT, gone_at=BIG)
    op.add_column("targets", sa.Column("gone_in_a_row", BIG(), server_default="0", nullable=False))
    op.create_table(
        "instance",
        sa.Column("name", TEXT(), nullable=False),
        sa.Column("value", TEXT()),
        sa.Column("at", BIG(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.execute("INSERT INTO instance (name, at) VALUES ('silences', 0)")
    for statement in RANKS:
        op.execute(statement)


def _columns(table: str, **types: Any) -> None:
    for name, type_ in types.items():
        op.add_column(table, sa.Column(name, type_()))
