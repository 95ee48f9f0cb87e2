"""Values shared by all replicas of an installation: one row for each name."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from notifier.store.schema.base import Big, metadata

# `hold`: deliveries wait since `at`, because of `value`. `silences`: `at` counts their changes. `settings_key`: the
# key for hashing channel settings. `database`: the PostgreSQL database that serves the rows. `terms`, `order`: how
# far the search index is written (see `schema.search`).
instance = Table(
    "instance",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text),
    Column("at", Big, nullable=False),
)
