"""The page of statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from notifier.domain.time import DAY, HOUR, Duration, Instant
from notifier.oncall.stats import ChannelFigures, Stats
from notifier.wording.text import plain

SPANS: Sequence[str] = ("1h", "24h", "7d", "30d")
HEIGHT = 48
STEP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesBar:
    """One step of time: the heights of its bar and of the failed part."""

    x: int
    height: int
    failed: int
    count: int
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesChart:
    """Bars for equal steps of time, oldest first. `total` is their sum, `peak` the highest."""

    name: str
    bars: tuple[SeriesBar, ...]
    width: int
    total: int
    peak: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorLine:
    """An exception type; `search` finds its incidents."""

    type: str
    search: str | None
    count: int
    share: str
    first_seen: Instant
    last_seen: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsView:
    now: Instant
    since: str
    spans: tuple[str, ...]
    begin: Instant
    step: Duration
    charts: tuple[SeriesChart, ...]
    errors: tuple[ErrorLine, ...]
    deliveries: tuple[ChannelFigures, ...]


def stats_view(stats: Stats, *, now: Instant, since: str, matcher: str = "exception") -> StatsView:
    """The page; `since` is the chosen key of `SPANS`."""
    events = [(point.events, 0, point.at) for point in stats.series]
    runs = [(point.runs.runs, point.runs.failed, point.at) for point in stats.series]
    return StatsView(
        now=now,
        since=since,
        spans=tuple(SPANS),
        begin=stats.since,
        step=HOUR if stats.step == "hour" else DAY,
        charts=(_chart("Events", events), _chart("Task runs", runs)),
        errors=tuple(
            ErrorLine(
                type=plain(error.type or "without an exception", 120),
                search=None if error.type is None else f"{matcher}={_quoted(error.type)}",
                count=error.count,
                share=f"{error.share * 100:.2g} %",
                first_seen=error.first_seen,
                last_seen=error.last_seen,
            )
            for error in stats.errors
        ),
        deliveries=stats.deliveries,
    )


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _chart(name: str, points: Sequence[tuple[int, int, Instant]]) -> SeriesChart:
    peak = max((count for count, _, _ in points), default=0)
    return SeriesChart(
        name=name,
        bars=tuple(
            SeriesBar(
                x=place * STEP,
                height=_height(count, peak),
                failed=min(_height(failed, peak), _height(count, peak)),
                count=count,
                at=at,
            )
            for place, (count, failed, at) in enumerate(points)
            if count
        ),
        width=max(1, len(points)) * STEP,
        total=sum(count for count, _, _ in points),
        peak=peak,
    )


def _height(count: int, peak: int) -> int:
    """The height in proportion to the peak; a count above 0 is always visible."""
    return max(2, round(count * HEIGHT / peak)) if count else 0
