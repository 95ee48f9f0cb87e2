"""The version of the rules that made a fingerprint: what is there already is of the first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incidents", sa.Column("version", sa.SmallInteger(), server_default="1", nullable=False))
    where = sa.text("version = 1")
    op.create_index(
        "ix_incidents_first_version", "incidents", ["resolved_at"], sqlite_where=where, postgresql_where=where
    )
