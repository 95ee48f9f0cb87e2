"""Time spans in running figures, and percentiles."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from notifier.domain.time import DAY, MINUTE, Duration, Instant
from notifier.store.database import Tx
from notifier.store.schema import Big
from notifier.store.schema.triggers import STEPS, middle


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a time span: figures of one step from `begin` to `end` (exclusive), or open-ended if that is None."""

    step: Duration
    begin: Instant
    end: Instant | None


def segments(
    begin: Instant, *, steps: Sequence[Duration] = STEPS, coarsest: Duration = DAY
) -> tuple[Segment, ...]:
    """Parts that cover the time from `begin`, the start of a step, with few rows: fine steps, then coarser ones."""
    parts = []
    for step, wider in pairwise(steps):
        if step == coarsest:
            break
        end = -(-begin // wider) * wider
        if begin < end:
            parts.append(Segment(step, begin, end))
        begin = end
    return (*parts, Segment(coarsest, begin, None))


def whole_minute(since: Instant) -> Instant:
    return -(-since // MINUTE) * MINUTE


def figures_of(
    table: sa.Table, columns: Iterable[str], project: str, parts: Iterable[Segment]
) -> list[sa.Select[Any]]:
    return [
        sa.select(*(table.c[name] for name in columns)).where(
            table.c.step == part.step,
            table.c.project == project,
            table.c.at >= part.begin,
            sa.true() if part.end is None else table.c.at < part.end,
        )
        for part in parts
    ]


def bucket_percentile(buckets: Sequence[tuple[int, int]], percent: int) -> float:
    """A percentile from buckets (least value, count) in order: the middle of the bucket that contains it."""
    counts = list(accumulate([n for _, n in buckets]))
    rank = (counts[-1] * percent + 99) // 100
    return middle(buckets[bisect_left(counts, rank)][0])


def percentiles(
    tx: Tx,
    key: sa.ColumnElement[str],
    value: sa.ColumnElement[Any],
    *chosen: sa.ColumnElement[bool],
    parameters: dict[str, Any] | None = None,
) -> dict[str, tuple[float, float]]:
    """The 50th and 95th percentile of `value` by `key`, by nearest rank, so that each is an actual value.

    Ranks are computed here, since window functions would cost twice as much.
    """
    query = sa.select(key.label("key"), value.label("value")).where(*chosen).order_by(key, value)
    rows = tx.run(query, parameters).all()
    values = {name: [row.value for row in own] for name, own in groupby(rows, attrgetter("key"))}
    return {name: (_nearest_rank(own, 50), _nearest_rank(own, 95)) for name, own in values.items()}


def _nearest_rank(values: Sequence[float], percent: int) -> float:
    return values[(len(values) * percent + 99) // 100 - 1]


def whole(number: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """The sum as an integer; PostgreSQL sums big integers as decimals."""
    return sa.cast(number, Big)
