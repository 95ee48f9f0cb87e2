"""Types and metadata that all tables share."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

Big = sa.BigInteger()
# SQLite numbers rows by itself only where the key is spelt INTEGER.
Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

OPEN = 0
"""`incidents.closed` while an incident is not resolved; its own number afterwards."""
