"""SQLite's plans for task runs of any project; a full scan of a million takes a quarter of a second."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.domain.task_run import RunState, TaskRun
from notifier.ingest import run_intake
from notifier.store import views
from notifier.store.sqlite import SqliteDatabase
from notifier.store.statements import task_runs
from notifier.testing import ManualClock
from tests.plans import read_whole, statements_of

pytestmark = pytest.mark.anyio

FAILED = TaskRun(
    project="shop", id="a", task="billing.charge", service="billing", environment="production",
    state=RunState.FAILED, attempt=1, created_at=1_000, finished_at=5_000, process="host",
)  # fmt: skip


async def test_a_run_of_any_project_is_looked_up(sqlite_path: Path, clock: ManualClock) -> None:
    """Reading, replaying and discarding a run for all projects use an index."""
    database = SqliteDatabase(sqlite_path, clock=clock)
    await database.write(lambda tx: run_intake.store(tx, [FAILED]))
    statements = await statements_of(
        database.write(
            lambda tx: (
                views.task_run(tx, "a", project=None),
                views.run_statuses(tx, ["a"], project=None),
                views.existing_ids(tx, "task run", ["a"], project=None),
                task_runs.find_one(tx, "a", project=None),
                task_runs.discard(tx, ["a"], project=None),
            )
        ),
        kinds=("SELECT", "UPDATE"),
    )
    assert len(statements) == 5
    assert "task_runs" not in await database.read(lambda tx: read_whole(tx, statements))
    await database.aclose()


async def test_the_replays_of_a_run_are_looked_up(sqlite_path: Path, clock: ManualClock) -> None:
    """The replays of a run are found by an index."""
    database = SqliteDatabase(sqlite_path, clock=clock)
    ((text, values),) = await statements_of(database.read(lambda tx: task_runs.newest_replay(tx, FAILED)))
    plan = await database.read(lambda tx: tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all())
    assert "ix_task_runs_replay" in plan[0][-1]
    await database.aclose()
