"""Changes of task runs and heartbeats on their way into the store."""

from __future__ import annotations

from collections.abc import Sequence

from notifier.domain.errors import Overloaded
from notifier.domain.task_run import TaskRun
from notifier.store import task_runs
from notifier.store.database import Database
from notifier.store.task_runs import INTERVAL, Beat, Replay
from notifier.telemetry.metrics import Metrics

__all__ = ["INTERVAL", "Beat", "Replay", "RunIntake", "count_ended"]

PENDING_CHANGES = 20_000


class RunIntake:
    """Takes what clients tell of task runs, and says what they are asked to run again."""

    def __init__(self, database: Database, *, metrics: Metrics, max_size: int | None = None) -> None:
        self._database = database
        self._metrics = metrics
        self._max_size = max_size
        self._pending = 0

    async def submit(self, changes: Sequence[TaskRun]) -> None:
        """Wait until the changes are committed and fsynced. `Overloaded` before memory grows, else `StoreError`."""
        if self._pending and self._pending + len(changes) > PENDING_CHANGES:
            raise Overloaded
        self._pending += len(changes)
        try:
            landed = await self._database.write(
                lambda tx: task_runs.upsert(tx, changes, max_size=self._max_size), essential=False
            )
        finally:
            self._pending -= len(changes)
        count_ended(self._metrics, landed.ended)

    async def beat(self, beat: Beat) -> tuple[Replay, ...]:
        """Note that a process lives; the runs that it is asked for."""
        return await self._database.write(lambda tx: task_runs.beat(tx, beat), essential=False)


def count_ended(metrics: Metrics, ended: Sequence[TaskRun]) -> None:
    """Count runs by the state that they have come to."""
    for run in ended:
        metrics.task_runs.labels(run.state.value).inc()
