"""Statistics of errors and deliveries, read from the running figures (see `schema.figures`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState
from notifier.domain.time import DAY, HOUR, MINUTE, Duration, Instant
from notifier.domain.value import replace
from notifier.store.database import Tx
from notifier.store.schema import MINUTES_KEPT, deliveries, delivery_figures, event_figures
from notifier.store.views.paging import unindexed
from notifier.store.views.spans import (
    bucket_percentile,
    figures_of,
    percentiles,
    segments,
    whole,
    whole_minute,
)

ERRORS_AT_MOST = 100
DELIVERIES_READ_AT_MOST = 2_000
"""Up to this many deliveries, percentiles are actual values; otherwise they are within 3 %."""

_DELIVERED, _DEAD = DeliveryState.DELIVERED.value, DeliveryState.DEAD.value


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFigures:
    """The events of one exception type, None for those without one. `share` is the fraction of all events.

    `first_seen` and `last_seen` are those of its incidents, so that the first may lie before the time span.
    """

    type: str | None
    count: int
    share: float
    first_seen: Instant
    last_seen: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFigures:
    """The finished deliveries of one channel. `p95_ms` is the time from the decision to the delivery."""

    channel: str
    delivered: int
    dead: int
    p95_ms: int | None
    approximate: bool = False


def error_figures(tx: Tx, *, project: str, since: Instant) -> tuple[ErrorFigures, ...]:
    """Events counted since `since` by exception type: most frequent first, at most `ERRORS_AT_MOST`."""
    each = _events(tx, project, since).subquery()
    count = sa.func.sum(each.c.n)
    rows = tx.run(
        sa.select(
            each.c.type,
            whole(count).label("n"),
            sa.func.min(each.c.first_seen).label("first_seen"),
            sa.func.max(each.c.last_seen).label("last_seen"),
            whole(sa.func.sum(count).over()).label("total"),
        )
        .group_by(each.c.type)
        .having(count > 0)
        .order_by(sa.desc("n"), each.c.type == "", each.c.type)
        .limit(ERRORS_AT_MOST)
    )
    return tuple(
        ErrorFigures(
            type=row.type or None,
            count=row.n,
            share=row.n / row.total,
            first_seen=row.first_seen,
            last_seen=row.last_seen,
        )
        for row in rows
    )


def channel_figures(tx: Tx, *, project: str, since: Instant) -> tuple[ChannelFigures, ...]:
    """Deliveries delivered or dead since `since`, by channel."""
    each = _deliveries(project, since).subquery()
    n = whole(sa.func.sum(each.c.n)).label("n")
    query = (
        sa.select(each.c.channel, each.c.state, each.c.bucket, n)
        .group_by(each.c.channel, each.c.state, each.c.bucket)
        .having(sa.func.sum(each.c.n) > 0)
        .order_by(each.c.channel, each.c.bucket)
    )
    dead: dict[str, int] = {}
    buckets: dict[str, list[tuple[int, int]]] = {}
    for row in tx.run(query):
        dead[row.channel] = dead.get(row.channel, 0) + (row.n if row.state == _DEAD else 0)
        buckets.setdefault(row.channel, []).extend([(row.bucket, row.n)] if row.state == _DELIVERED else [])
    exact = _percentiles_of_deliveries(tx, project, since, buckets)
    return tuple(_channel(name, dead[name], buckets[name], exact) for name in sorted(dead))


def _channel(
    name: str, dead: int, buckets: Sequence[tuple[int, int]], exact: Mapping[str, tuple[float, float]] | None
) -> ChannelFigures:
    delivered = sum(n for _, n in buckets)
    figures = ChannelFigures(channel=name, delivered=delivered, dead=dead, p95_ms=None)
    if not delivered:
        return figures
    if exact is not None:
        return replace(figures, p95_ms=int(exact[name][1]) if name in exact else None)
    return replace(figures, p95_ms=round(bucket_percentile(buckets, 95)), approximate=True)


def _percentiles_of_deliveries(
    tx: Tx, project: str, since: Instant, buckets: Mapping[str, Sequence[tuple[int, int]]]
) -> Mapping[str, tuple[float, float]] | None:
    """Percentiles by channel; None if too many deliveries, of any project, would have to be read."""
    if sum(n for each in buckets.values() for _, n in each) > DELIVERIES_READ_AT_MOST:
        return None
    finished = (deliveries.c.state == _DELIVERED, deliveries.c.finished_at >= since)
    too_many = sa.select(sa.literal(1)).where(*finished).offset(DELIVERIES_READ_AT_MOST).limit(1)
    if tx.run(too_many).first() is not None:
        return None
    took = deliveries.c.finished_at - deliveries.c.created_at
    return percentiles(tx, deliveries.c.channel, took, *finished, unindexed(deliveries.c.project) == project)


def events_by(tx: Tx, *, project: str, since: Instant, step: Duration) -> Mapping[Instant, int]:
    """The number of events since `since` by step; empty steps are left out."""
    each = _events(tx, project, since, coarsest=step).subquery()
    at = each.c.at - each.c.at % step
    query = (
        sa.select(at.label("start"), whole(sa.func.sum(each.c.n)).label("n"))
        .group_by("start")
        .having(sa.func.sum(each.c.n) != 0)
    )
    return {row.start: row.n for row in tx.run(query)}


def _deliveries(project: str, since: Instant) -> sa.CompoundSelect[Any]:
    """Figures of deliveries finished since `since`; in its first minute, the deliveries themselves."""
    over = deliveries.c.state.in_([_DELIVERED, _DEAD])
    delivered = deliveries.c.state == _DELIVERED
    begun = sa.select(
        deliveries.c.channel,
        deliveries.c.state,
        sa.case((delivered, deliveries.c.finished_at - deliveries.c.created_at), else_=-1).label("bucket"),
        sa.literal_column("1").label("n"),
    ).where(
        over,
        unindexed(deliveries.c.project) == project,
        deliveries.c.finished_at >= since,
        deliveries.c.finished_at < whole_minute(since),
    )
    parts = figures_of(
        delivery_figures, ("channel", "state", "bucket", "n"), project, segments(whole_minute(since))
    )
    return sa.union_all(
        begun, *(part.where(delivery_figures.c.state.in_([_DELIVERED, _DEAD])) for part in parts)
    )


def _events(tx: Tx, project: str, since: Instant, *, coarsest: Duration = DAY) -> sa.CompoundSelect[Any]:
    columns = ("at", "type", "n", "first_seen", "last_seen")
    begin = _tallied_from(since, tx.now)
    return sa.union_all(*figures_of(event_figures, columns, project, segments(begin, coarsest=coarsest)))


def _tallied_from(since: Instant, now: Instant) -> Instant:
    """The start of the first step counted: a minute, or an hour once minutes have been merged."""
    size = HOUR if since < (now - MINUTES_KEPT) // HOUR * HOUR else MINUTE
    return since // size * size
