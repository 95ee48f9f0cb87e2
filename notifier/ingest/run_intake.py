"""Stores the task runs and heartbeats that clients report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from notifier.domain.errors import Overloaded, StoreFull
from notifier.domain.task_run import RunState, TaskRun
from notifier.ingest import heartbeats, recovery
from notifier.ingest.heartbeats import ProcessHeartbeat, Replay
from notifier.policy import runs
from notifier.store.database import Database, Tx
from notifier.store.sizes import bytes_in_use
from notifier.store.statements import task_runs
from notifier.store.task_run_rows import RunName, TaskRunRow
from notifier.telemetry.metrics import Metrics

PENDING_CHANGES = 20_000


class RunIntake:
    """Stores changes of task runs and heartbeats."""

    def __init__(self, database: Database, *, metrics: Metrics, max_size: int | None = None) -> None:
        self._database = database
        self._metrics = metrics
        self._max_size = max_size
        self._pending = 0

    async def submit(self, changes: Sequence[TaskRun]) -> None:
        """Returns once the changes are fsynced. Raises `Overloaded` if too many wait, `StoreError` if a write fails."""
        if self._pending and self._pending + len(changes) > PENDING_CHANGES:
            raise Overloaded
        self._pending += len(changes)
        try:
            stored = await self._database.write(
                lambda tx: store(tx, changes, max_size=self._max_size), essential=False
            )
        finally:
            self._pending -= len(changes)
        count_ended(self._metrics, stored.ended)

    async def beat(self, beat: ProcessHeartbeat) -> tuple[Replay, ...]:
        """Stores a heartbeat. Returns the runs that the process is asked to execute."""
        return await self._database.write(lambda tx: heartbeats.record(tx, beat), essential=False)


def count_ended(metrics: Metrics, ended: Sequence[TaskRun]) -> None:
    """Counts runs by their final state."""
    for run in ended:
        metrics.task_runs.labels(run.state.value).inc()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChanges:
    """The result of a batch. `ended` are runs that became final, or whose final state changed."""

    ended: tuple[TaskRun, ...]

    def count(self, state: RunState) -> int:
        return sum(run.state is state for run in self.ended)


def store(tx: Tx, changes: Sequence[TaskRun], *, max_size: int | None = None) -> StoredChanges:
    """Stores changes in any order and any number of times, and settles the ended runs in the same transaction."""
    if max_size is not None and tx.dialect == "sqlite" and bytes_in_use(tx) >= max_size:
        raise StoreFull("the database has reached database.max_size")
    by_run: dict[RunName, list[TaskRun]] = {}
    for change in changes:
        by_run.setdefault((change.project, change.id), []).append(change)
    task_runs.lock(tx, (name for change in changes for name in _names(change)))
    names = sorted(by_run)
    before = task_runs.find(tx, names)
    after = {name: _merged(before.get(name), runs.merge_all(by_run[name])) for name in names}
    changed = [row for name, row in after.items() if row != before.get(name)]
    if changed:
        task_runs.write(tx, changed)
    ended = tuple(row.run for row in changed if _has_ended(before, row))
    if ended:
        recovery.settle(tx, ended)
    return StoredChanges(ended=ended)


def _names(run: TaskRun) -> Iterator[tuple[str, ...]]:
    """The names to lock together: runs of one key, and a run with its replays."""
    yield (run.project, run.id)
    if run.key is not None:
        yield (run.project, run.service, run.task, run.key)
    if run.replay_of is not None:
        yield (run.project, run.replay_of)


def _merged(before: TaskRunRow | None, change: TaskRun) -> TaskRunRow:
    if before is None:
        return TaskRunRow(run=change, dead_letter=runs.dead_letter_state(change, None), asked_at=None)
    run = runs.merge(before.run, change)
    moved = runs.rank(run) != runs.rank(before.run)
    dead_letter = runs.dead_letter_state(run, before.dead_letter) if moved else before.dead_letter
    # A reported run is not handed out again.
    return TaskRunRow(run=run, dead_letter=dead_letter, asked_at=None)


def _has_ended(before: dict[RunName, TaskRunRow], row: TaskRunRow) -> bool:
    if not row.run.state.final:
        return False
    previous = before.get((row.run.project, row.run.id))
    return previous is None or runs.rank(previous.run) != runs.rank(row.run)
