"""Sessions of people without a key, and sign-ins that an OpenID provider has not answered yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sessions") as sessions:
        sessions.alter_column("key_id", existing_type=sa.Text(), nullable=True)
        sessions.add_column(sa.Column("issuer", sa.Text()))
        sessions.add_column(sa.Column("subject", sa.Text()))
        sessions.add_column(sa.Column("name", sa.Text()))
        sessions.add_column(sa.Column("groups", sa.Text()))
    op.create_table(
        "pending_sign_ins",
        sa.Column("hash", sa.Text(), primary_key=True),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("next", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_pending_sign_ins_expires", "pending_sign_ins", ["expires_at"])
