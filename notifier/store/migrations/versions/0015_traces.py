"""The version of the rules that made a fingerprint: there is a third, and incidents of two go on under it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_incidents_first_version", "incidents")
    where = sa.text("version < 3")
    op.create_index(
        "ix_incidents_earlier_version",
        "incidents",
        ["resolved_at"],
        sqlite_where=where,
        postgresql_where=where,
    )
