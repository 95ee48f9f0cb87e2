"""Charts as numbers: the bars of an SVG, scaled here so that a template only places them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from notifier.domain.time import Duration, Instant

HEIGHT = 48
STEP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartBar:
    """A bar: its position, height, count and start time."""

    x: int
    y: int
    height: int
    count: int
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """Bars over equal spans of time, oldest first; empty spans have no bar. `peak` is the highest count."""

    bars: tuple[ChartBar, ...]
    width: int
    peak: int
    since: Instant
    until: Instant
    span: Duration


def bar_chart(counts: Sequence[int], *, since: Instant, span: Duration) -> BarChart:
    """Bars in proportion to the highest count; counts above 0 have a visible bar."""
    peak = max(counts, default=0)
    bars = tuple(
        ChartBar(
            x=place * STEP,
            y=HEIGHT - height,
            height=height,
            count=count,
            at=since + place * span,
        )
        for place, count in enumerate(counts)
        if count and (height := max(2, round(count * HEIGHT / peak)))
    )
    return BarChart(
        bars=bars,
        width=max(1, len(counts)) * STEP,
        peak=peak,
        since=since,
        until=since + len(counts) * span,
        span=span,
    )
