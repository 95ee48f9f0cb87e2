"""Statistics of tasks, read from the running figures of runs (see `schema.figures`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.task_run import RunState
from notifier.domain.time import DAY, Duration, Instant
from notifier.domain.value import replace
from notifier.store.database import Tx
from notifier.store.json_rows import encode_values, in_json, json_of_rows, json_value
from notifier.store.schema import Big, run_durations, run_figures, task_runs
from notifier.store.schema.triggers import DURATION_STEPS
from notifier.store.views.spans import (
    bucket_percentile,
    figures_of,
    percentiles,
    segments,
    whole,
    whole_minute,
)

TASKS_AT_MOST = 1_000
EXACT_AT_MOST = 1_000
"""Up to this many runs of a task, percentiles are actual values."""
READ_AT_MOST = 5_000
"""How many runs are read for percentiles, of the tasks with the fewest; others are within 3 %."""

_COMPLETED = RunState.COMPLETED.value
_FAILED = (RunState.FAILED.value, RunState.LOST.value)
_TIMED = (RunState.COMPLETED.value, RunState.FAILED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFigures:
    """The runs of one task. `failed` includes lost ones, `retries` counts attempts after each run's first.

    `p50_ms` and `p95_ms` are durations of the last attempts of completed and failed runs, None without any; they are
    within 3 % if `approximate`.
    """

    task: str
    runs: int
    completed: int
    failed: int
    retries: int
    p50_ms: float | None
    p95_ms: float | None
    approximate: bool = False

    @property
    def success_rate(self) -> float | None:
        """The fraction of completed runs among those that have ended; None without any."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """Runs created in one step of time, by state."""

    runs: int = 0
    completed: int = 0
    failed: int = 0

    def __add__(self, other: RunCounts) -> RunCounts:
        return RunCounts(
            runs=self.runs + other.runs,
            completed=self.completed + other.completed,
            failed=self.failed + other.failed,
        )


def task_figures(tx: Tx, *, project: str, since: Instant, task: str | None = None) -> tuple[TaskFigures, ...]:
    """Runs created since `since` by task: busiest first, at most `TASKS_AT_MOST`; or of one task only."""
    counted = _counted_runs(tx, project, since, task)
    timed = {figures.task: n for figures, n in counted if n}
    few = _few(timed)
    exact = _percentiles_of_runs(tx, project, since, few)
    estimated = _estimates(tx, project, since, task) if len(few) < len(timed) else {}
    return tuple(
        replace(figures, p50_ms=exact[figures.task][0], p95_ms=exact[figures.task][1])
        if figures.task in exact
        else _estimated(figures, estimated.get(figures.task, ()))
        for figures, _ in counted
    )


def _estimated(figures: TaskFigures, buckets: Sequence[tuple[int, int]]) -> TaskFigures:
    if not buckets:
        return figures
    p50, p95 = (round(bucket_percentile(buckets, percent) / 1_000, 3) for percent in (50, 95))
    return replace(figures, p50_ms=p50, p95_ms=p95, approximate=True)


def _few(timed: Mapping[str, int]) -> list[str]:
    """The tasks with the fewest runs, whose runs are read individually."""
    chosen, left = [], READ_AT_MOST
    for task, n in sorted(timed.items(), key=lambda item: (item[1], item[0])):
        left -= n
        if n > EXACT_AT_MOST or left < 0:
            break
        chosen.append(task)
    return chosen


def _counted_runs(tx: Tx, project: str, since: Instant, task: str | None) -> list[tuple[TaskFigures, int]]:
    """The busiest tasks, each with the number of runs that have a duration."""
    each = _runs(project, since).subquery()
    sums = [whole(sa.func.sum(each.c[name])).label(name) for name in _RUN_VALUES]
    query = (
        sa.select(each.c.task, *sums)
        .where(_of(each.c.task, task))
        .group_by(each.c.task)
        .having(sa.func.sum(each.c.runs) > 0)
        .order_by(sa.desc("runs"), each.c.task)
        .limit(TASKS_AT_MOST)
    )
    return [
        (
            TaskFigures(
                task=row.task,
                runs=row.runs,
                completed=row.completed,
                failed=row.failed,
                retries=row.retries,
                p50_ms=None,
                p95_ms=None,
            ),
            row.timed,
        )
        for row in tx.run(query)
    ]


def _percentiles_of_runs(
    tx: Tx, project: str, since: Instant, tasks: Sequence[str]
) -> dict[str, tuple[float, float]]:
    if not tasks:
        return {}
    chosen = (
        task_runs.c.project == project,
        task_runs.c.task.in_(in_json(tx.dialect, "tasks", sa.Text())),
        task_runs.c.created_at >= since,
        *_timed,
    )
    parameters = {"tasks": encode_values(tasks).text}
    return percentiles(tx, task_runs.c.task, task_runs.c.duration_ms, *chosen, parameters=parameters)


def _estimates(tx: Tx, project: str, since: Instant, task: str | None) -> dict[str, list[tuple[int, int]]]:
    """The number of runs by task and duration bucket; within the step of `since`, the runs themselves."""
    begin = -(-since // DURATION_STEPS[0]) * DURATION_STEPS[0]
    begun = sa.select(
        task_runs.c.task,
        # The narrowest bucket possible.
        sa.cast(task_runs.c.duration_ms * 1_000, Big).label("bucket"),
        sa.literal_column("1").label("n"),
    ).where(
        task_runs.c.project == project,
        task_runs.c.created_at >= since,
        task_runs.c.created_at < begin,
        *_timed,
    )
    parts = segments(begin, steps=DURATION_STEPS)
    each = sa.union_all(begun, *figures_of(run_durations, ("task", "bucket", "n"), project, parts)).subquery()
    n = sa.func.sum(each.c.n)
    buckets = (
        sa.select(each.c.task, each.c.bucket, whole(n).label("n"))
        .where(_of(each.c.task, task))
        .group_by(each.c.task, each.c.bucket)
        .having(n > 0)
        .subquery()
    )
    histogram = json_of_rows(tx.dialect, buckets.c.bucket, buckets.c.n).label("histogram")
    rows = tx.run(sa.select(buckets.c.task, histogram).group_by(buckets.c.task)).all()
    return {row.task: sorted(json_value(row.histogram)) for row in rows}


def runs_by(tx: Tx, *, project: str, since: Instant, step: Duration) -> Mapping[Instant, RunCounts]:
    """The number of runs created since `since` by step; empty steps are left out."""
    each = _runs(project, since, coarsest=step).subquery()
    at = each.c.at - each.c.at % step
    sums = (whole(sa.func.sum(each.c[name])).label(name) for name in _RUN_VALUES[:3])
    query = sa.select(at.label("start"), *sums).group_by("start").having(sa.func.sum(each.c.runs) > 0)
    return {
        row.start: RunCounts(runs=row.runs, completed=row.completed, failed=row.failed)
        for row in tx.run(query)
    }


def _of(column: sa.ColumnElement[str], task: str | None) -> sa.ColumnElement[bool]:
    return sa.true() if task is None else column == task


_RUN_VALUES = ("runs", "completed", "failed", "retries", "timed")
_timed = (task_runs.c.state.in_(_TIMED), task_runs.c.duration_ms.is_not(None))


def _runs(project: str, since: Instant, *, coarsest: Duration = DAY) -> sa.CompoundSelect[Any]:
    """Figures of runs created since `since`; in its first minute, the runs themselves."""
    begun = sa.select(
        task_runs.c.created_at.label("at"),
        task_runs.c.task,
        sa.literal_column("1").label("runs"),
        sa.case((task_runs.c.state == _COMPLETED, 1), else_=0).label("completed"),
        sa.case((task_runs.c.state.in_(_FAILED), 1), else_=0).label("failed"),
        (task_runs.c.attempt - 1).label("retries"),
        sa.case((sa.and_(*_timed), 1), else_=0).label("timed"),
    ).where(
        task_runs.c.project == project,
        task_runs.c.created_at >= since,
        task_runs.c.created_at < whole_minute(since),
    )
    columns = ("at", "task", *_RUN_VALUES)
    parts = segments(whole_minute(since), coarsest=coarsest)
    return sa.union_all(begun, *figures_of(run_figures, columns, project, parts))
