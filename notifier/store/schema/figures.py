"""Running figures, which spare statistics and accounting from counting millions of rows.

Each change is added, in the transaction that makes it, to its minute, its hour and its day (`step` in milliseconds;
`at` is the start of the step), so that a time span is the sum of a few rows. Each writer has its own rows, so that
none is contended. A row's contribution is subtracted when the row changes or is deleted.
"""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from notifier.store.schema.base import Big, metadata

# Events by the exception type of their incident; '' if it has none.
event_figures = Table(
    "event_figures",
    metadata,
    Column("step", Big, primary_key=True, autoincrement=False),
    Column("project", Text, primary_key=True),
    Column("at", Big, primary_key=True, autoincrement=False),
    Column("type", Text, primary_key=True),
    Column("replica", Text, primary_key=True),
    Column("n", Big, nullable=False),
    # Of the incidents that counted them.
    Column("first_seen", Big, nullable=False),
    Column("last_seen", Big, nullable=False),
    sqlite_with_rowid=False,
)

# Runs by time of creation.
run_figures = Table(
    "run_figures",
    metadata,
    Column("step", Big, primary_key=True, autoincrement=False),
    Column("project", Text, primary_key=True),
    Column("at", Big, primary_key=True, autoincrement=False),
    Column("task", Text, primary_key=True),
    Column("replica", Text, primary_key=True),
    Column("runs", Big, nullable=False),
    Column("completed", Big, nullable=False),
    Column("failed", Big, nullable=False),
    Column("retries", Big, nullable=False),
    # Runs whose duration is in `run_durations`.
    Column("timed", Big, nullable=False),
    sqlite_with_rowid=False,
)

# Durations of runs: `bucket` is the smallest duration of the bucket in microseconds (see `triggers.bucket`). Its
# steps are larger, since there are many buckets: a quarter of an hour, four hours, a day.
run_durations = Table(
    "run_durations",
    metadata,
    Column("step", Big, primary_key=True, autoincrement=False),
    Column("project", Text, primary_key=True),
    Column("at", Big, primary_key=True, autoincrement=False),
    Column("task", Text, primary_key=True),
    Column("bucket", Big, primary_key=True, autoincrement=False),
    Column("replica", Text, primary_key=True),
    Column("n", Big, nullable=False),
    sqlite_with_rowid=False,
)

# Deliveries by the time they ended, with the milliseconds until delivery for delivered ones.
delivery_figures = Table(
    "delivery_figures",
    metadata,
    Column("step", Big, primary_key=True, autoincrement=False),
    Column("project", Text, primary_key=True),
    Column("at", Big, primary_key=True, autoincrement=False),
    Column("channel", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("bucket", Big, primary_key=True, autoincrement=False),
    Column("replica", Text, primary_key=True),
    Column("n", Big, nullable=False),
    sqlite_with_rowid=False,
)
