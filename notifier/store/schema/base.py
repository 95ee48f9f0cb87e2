"""Types and metadata shared by all tables."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

Big = sa.BigInteger()
# SQLite only assigns row numbers if the key is declared as INTEGER.
Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

OPEN = 0
"""The value of `incidents.closed` for an unresolved incident; a resolved one has its own number there."""
