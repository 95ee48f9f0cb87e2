"""Statistics of tasks, errors and deliveries: in total, and by hour or day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from notifier.domain.time import DAY, HOUR, Duration, Instant, parse_positive_duration, parse_rfc3339
from notifier.oncall.errors import Unreadable
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.views import ChannelFigures, ErrorFigures, RunCounts, TaskFigures

__all__ = [
    "SINCE_DEFAULT",
    "ChannelFigures",
    "ErrorFigures",
    "Point",
    "Stats",
    "StatsStep",
    "TaskFigures",
    "read",
]

SINCE_DEFAULT = "24h"
MAX_DURATION: Duration = 365 * DAY
HOURLY_UP_TO: Duration = 48 * HOUR
MAX_POINTS = 1_000

StatsStep = Literal["hour", "day"]
_STEPS: dict[StatsStep, Duration] = {"hour": HOUR, "day": DAY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One hour or one day (UTC) from `at`, cut to the span."""

    at: Instant
    step: StatsStep
    events: int
    runs: RunCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The figures since a time. `series` has all its steps, oldest first; its sums are those of the whole span."""

    since: Instant
    step: StatsStep
    tasks: tuple[TaskFigures, ...]
    errors: tuple[ErrorFigures, ...]
    deliveries: tuple[ChannelFigures, ...]
    series: tuple[Point, ...]


async def read(database: Database, *, project: str, since: str, step: StatsStep | None) -> Stats:
    """The figures of a project. Raises `Unreadable` for an invalid query."""
    span = _span(since, step, database.now())

    def work(tx: Tx) -> Stats:
        return Stats(
            since=span.since,
            step=span.step,
            tasks=views.task_figures(tx, project=project, since=span.since),
            errors=views.error_figures(tx, project=project, since=span.since),
            deliveries=views.channel_figures(tx, project=project, since=span.since),
            series=_series(tx, project, span),
        )

    return await database.read(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """The span, and the size of its steps."""

    since: Instant
    until: Instant
    step: StatsStep

    @property
    def size(self) -> Duration:
        return _STEPS[self.step]

    @property
    def starts(self) -> range:
        """The start of each step."""
        return range(self.since // self.size * self.size, self.until + 1, self.size)


def _span(since: str, step: StatsStep | None, now: Instant) -> _Span:
    begin = _since(since, now)
    default: StatsStep = "hour" if now - begin <= HOURLY_UP_TO else "day"
    span = _Span(since=begin, until=now, step=step or default)
    if len(span.starts) > MAX_POINTS:
        raise Unreadable(
            "step", f"that would be more than {MAX_POINTS:,} entries: ask for days, or for a shorter time"
        )
    return span


def _since(text: str, now: Instant) -> Instant:
    """Parses a duration before now, or a time."""
    try:
        at = parse_rfc3339(text) if "-" in text else now - parse_positive_duration(text)
    except ValueError:
        raise Unreadable(
            "since", "give a duration such as 90m, 24h or 7d, or an instant such as 2026-11-22T05:00:00Z"
        ) from None
    if not now - MAX_DURATION <= at <= now:
        raise Unreadable("since", "give a moment within the last 365 days")
    return at


def _series(tx: Tx, project: str, span: _Span) -> tuple[Point, ...]:
    """The points of the span, including empty ones. Times in the future, from other clocks, count in the last step."""
    starts = span.starts
    events = dict.fromkeys(starts, 0)
    for at, n in views.events_by(tx, project=project, since=span.since, step=span.size).items():
        events[min(at, starts[-1])] += n
    runs = dict.fromkeys(starts, RunCounts())
    for at, counts in views.runs_by(tx, project=project, since=span.since, step=span.size).items():
        runs[min(at, starts[-1])] += counts
    return tuple(Point(at=at, step=span.step, events=events[at], runs=runs[at]) for at in starts)
