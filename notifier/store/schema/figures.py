"""Running figures: what statistics and accounting would otherwise count over millions of rows.

Each change is added in the transaction that makes it, three times: to its minute, its hour and its day (`step`, in
milliseconds; `at` is the step's start). A span is then the sum of a few rows. Rows of one figure are kept apart by who
added to them, so that none is hot. What a row counts is taken back when the row changes or goes.
"""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from notifier.store.schema.base import Big, metadata

# Events by the exception type that their incident names; '' where it names none.
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

# Runs by when they were created.
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
    # Those of which `run_durations` tells how long they took.
    Column("timed", Big, nullable=False),
    sqlite_with_rowid=False,
)

# How long runs took: `bucket` is the least duration in microseconds that falls into it (see `triggers.bucket`). Its
# steps are other ones, for there are many buckets: a quarter of an hour, four hours, a day.
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

# Deliveries by when they were over, and how long they took in milliseconds where they were delivered.
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
