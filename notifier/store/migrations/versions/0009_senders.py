"""Keys that open one sender's door, the service of events that name none, and when a key was used last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("door", sa.Text()))
    op.add_column("api_keys", sa.Column("service", sa.Text()))
    op.add_column("api_keys", sa.Column("last_used_at", sa.BigInteger()))
