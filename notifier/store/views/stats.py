"""How tasks, errors and deliveries have done since a moment: counted, ordered and cut in SQL, never row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState
from notifier.domain.task_run import RunState
from notifier.domain.time import HOUR, MINUTE, Duration, Instant
from notifier.store.database import Tx
from notifier.store.housekeeping import MINUTES_KEPT
from notifier.store.schema import Big, deliveries, incidents, tallies, task_runs
from notifier.store.views.incidents import label
from notifier.store.views.paging import unindexed

TASKS_AT_MOST = 1_000
ERRORS_AT_MOST = 100

_COMPLETED = RunState.COMPLETED.value
_FAILED = (RunState.FAILED.value, RunState.LOST.value)
_TIMED = (RunState.COMPLETED.value, RunState.FAILED.value)
_DELIVERED, _DEAD = DeliveryState.DELIVERED.value, DeliveryState.DEAD.value


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFigures:
    """The runs of one task. `failed` counts lost ones too, `retries` the attempts after each run's first.

    `p50_ms` and `p95_ms` are of the last attempt of the runs that completed or failed, None where none did.
    """

    task: str
    runs: int
    completed: int
    failed: int
    retries: int
    p50_ms: float | None
    p95_ms: float | None

    @property
    def success_rate(self) -> float | None:
        """Of the runs that have ended, 0..1; None where none has."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFigures:
    """The events of one exception type, None for those without one. `share` is of all events, 0..1.

    `first_seen` and `last_seen` are those of the incidents that counted them: the first may lie before the span.
    """

    type: str | None
    count: int
    share: float
    first_seen: Instant
    last_seen: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFigures:
    """The finished deliveries of one channel. `p95_ms` is from the decision to tell until it was delivered."""

    channel: str
    delivered: int
    dead: int
    p95_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """Runs that were created in one step of time, and what has become of them."""

    runs: int = 0
    completed: int = 0
    failed: int = 0

    def __add__(self, other: RunCounts) -> RunCounts:
        return RunCounts(
            runs=self.runs + other.runs,
            completed=self.completed + other.completed,
            failed=self.failed + other.failed,
        )


def task_figures(tx: Tx, *, project: str, since: Instant) -> tuple[TaskFigures, ...]:
    """Of the runs created since, by task: the busiest first, at most `TASKS_AT_MOST`."""
    counts = (
        sa.select(
            task_runs.c.task,
            *_run_counts(),
            _whole(sa.func.sum(task_runs.c.attempt - 1)).label("retries"),
        )
        .where(_runs(project, since))
        .group_by(task_runs.c.task)
        .order_by(sa.desc("runs"), task_runs.c.task)
        .limit(TASKS_AT_MOST)
        .cte("counts")
    )
    timed = (_runs(project, since), task_runs.c.state.in_(_TIMED), task_runs.c.duration_ms.is_not(None))
    spread = _percentiles(task_runs.c.task, task_runs.c.duration_ms, *timed)
    query = (
        sa.select(counts, spread.c.p50, spread.c.p95)
        .outerjoin(spread, spread.c.key == counts.c.task)
        .order_by(counts.c.runs.desc(), counts.c.task)
    )
    return tuple(
        TaskFigures(
            task=row.task,
            runs=row.runs,
            completed=row.completed,
            failed=row.failed,
            retries=row.retries,
            p50_ms=row.p50,
            p95_ms=row.p95,
        )
        for row in tx.run(query)
    )


def error_figures(tx: Tx, *, project: str, since: Instant) -> tuple[ErrorFigures, ...]:
    """Of the events counted since, by the incidents' label `exception`: the most frequent, at most `ERRORS_AT_MOST`."""
    # By incident first, in the order that both tables have: what is sorted afterwards is one narrow row for each.
    each = (
        sa.select(
            sa.func.nullif(label(tx.dialect, "exception"), "").label("type"),
            sa.func.sum(tallies.c.n).label("n"),
            incidents.c.first_seen,
            incidents.c.last_seen,
        )
        .where(_counted(tx, project, since))
        .group_by(incidents.c.number)
        .subquery()
    )
    count = sa.func.sum(each.c.n)
    rows = tx.run(
        sa.select(
            each.c.type,
            _whole(count).label("n"),
            sa.func.min(each.c.first_seen).label("first_seen"),
            sa.func.max(each.c.last_seen).label("last_seen"),
            _whole(sa.func.sum(count).over()).label("total"),
        )
        .group_by(each.c.type)
        .order_by(sa.desc("n"), each.c.type.is_(None), each.c.type)
        .limit(ERRORS_AT_MOST)
    )
    return tuple(
        ErrorFigures(
            type=row.type,
            count=row.n,
            share=row.n / row.total,
            first_seen=row.first_seen,
            last_seen=row.last_seen,
        )
        for row in rows
    )


def channel_figures(tx: Tx, *, project: str, since: Instant) -> tuple[ChannelFigures, ...]:
    """Of the deliveries that were delivered or died since, by channel."""
    finished = (deliveries.c.project == project, deliveries.c.finished_at >= since)
    counts = tx.run(
        sa.select(
            deliveries.c.channel,
            _count_if(deliveries.c.state == _DELIVERED).label("delivered"),
            _count_if(deliveries.c.state == _DEAD).label("dead"),
        )
        .where(*finished, deliveries.c.state.in_([_DELIVERED, _DEAD]))
        .group_by(deliveries.c.channel)
        .order_by(deliveries.c.channel)
    ).all()
    took = deliveries.c.finished_at - deliveries.c.created_at
    spread = _percentiles(deliveries.c.channel, took, *finished, deliveries.c.state == _DELIVERED)
    p95 = {row.key: row.p95 for row in tx.run(sa.select(spread))}
    return tuple(
        ChannelFigures(
            channel=row.channel, delivered=row.delivered, dead=row.dead, p95_ms=p95.get(row.channel)
        )
        for row in counts
    )


def events_by(tx: Tx, *, project: str, since: Instant, step: Duration) -> Mapping[Instant, int]:
    """How many events were counted since, by the start of their step; steps without any are left out."""
    at = tallies.c.minute - tallies.c.minute % step
    query = (
        sa.select(at.label("at"), _whole(sa.func.sum(tallies.c.n)).label("n"))
        .where(_counted(tx, project, since))
        .group_by("at")
    )
    return {row.at: row.n for row in tx.run(query)}


def runs_by(tx: Tx, *, project: str, since: Instant, step: Duration) -> Mapping[Instant, RunCounts]:
    """The runs created since, by the start of their step; steps without any are left out."""
    at = task_runs.c.created_at - task_runs.c.created_at % step
    query = sa.select(at.label("at"), *_run_counts()).where(_runs(project, since)).group_by("at")
    return {
        row.at: RunCounts(runs=row.runs, completed=row.completed, failed=row.failed) for row in tx.run(query)
    }


def _runs(project: str, since: Instant) -> sa.ColumnElement[bool]:
    return sa.and_(task_runs.c.project == project, task_runs.c.created_at >= since)


def _run_counts() -> tuple[sa.ColumnElement[int], ...]:
    return (
        sa.func.count().label("runs"),
        _count_if(task_runs.c.state == _COMPLETED).label("completed"),
        _count_if(task_runs.c.state.in_(_FAILED)).label("failed"),
    )


def _counted(tx: Tx, project: str, since: Instant) -> sa.ColumnElement[bool]:
    """Joins tallies to their incidents, both read in the order of the incidents' numbers.

    An index on the tallies' minute would cost every event; that on the project would look incidents up out of order.
    """
    return sa.and_(
        tallies.c.incident == incidents.c.number,
        tallies.c.minute >= _tallied_from(since, tx.now),
        unindexed(incidents.c.project) == project,
    )


def _tallied_from(since: Instant, now: Instant) -> Instant:
    """The start of the minute, or of the hour once minutes are folded into hours: it counts whole."""
    size = HOUR if since < (now - MINUTES_KEPT) // HOUR * HOUR else MINUTE
    return since // size * size


def _percentiles(
    key: sa.ColumnElement[str], value: sa.ColumnElement[Any], *chosen: sa.ColumnElement[bool]
) -> sa.Subquery:
    """`p50` and `p95` of `value` for each `key`, by nearest rank: each is a value that occurred."""
    # One window for both, for one sort.
    window: dict[str, Any] = {"partition_by": key, "order_by": value}
    ranked = (
        sa.select(
            key.label("key"),
            value.label("value"),
            sa.func.row_number().over(**window).label("place"),
            sa.func.count().over(**window, rows=(None, None)).label("n"),
        )
        .where(*chosen)
        .subquery()
    )
    half, most = ((ranked.c.n * percent + 99) // 100 for percent in (50, 95))
    return (
        sa.select(
            ranked.c.key,
            sa.func.max(sa.case((ranked.c.place == half, ranked.c.value))).label("p50"),
            sa.func.max(sa.case((ranked.c.place == most, ranked.c.value))).label("p95"),
        )
        .where(sa.or_(ranked.c.place == half, ranked.c.place == most))
        .group_by(ranked.c.key)
        .subquery()
    )


def _count_if(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.count(sa.case((condition, 1)))


def _whole(number: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """PostgreSQL adds up big integers as decimals."""
    return sa.cast(number, Big)
