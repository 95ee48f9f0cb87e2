"""Spans of time as figures cover them, and percentiles of what they and their rows tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import sqlalchemy as sa

from notifier.domain.time import DAY, MINUTE, Duration, Instant
from notifier.store.schema import Big
from notifier.store.schema.triggers import STEPS, middle


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a span: figures of one step, from the start of one to the start of another; None: of all that follow."""

    step: Duration
    begin: Instant
    end: Instant | None


def stretches(
    begin: Instant, *, steps: Sequence[Duration] = STEPS, coarsest: Duration = DAY
) -> tuple[Stretch, ...]:
    """All from `begin`, the start of a first step, on, with as few figures as there can be: fine ones, then coarser."""
    parts = []
    for step, wider in pairwise(steps):
        if step == coarsest:
            break
        end = -(-begin // wider) * wider
        if begin < end:
            parts.append(Stretch(step, begin, end))
        begin = end
    return (*parts, Stretch(coarsest, begin, None))


def whole_minute(since: Instant) -> Instant:
    return -(-since // MINUTE) * MINUTE


def figures_of(
    table: sa.Table, columns: Iterable[str], project: str, parts: Iterable[Stretch]
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


def ranked(buckets: Sequence[tuple[int, int]], percent: int) -> float:
    """The middle of the bucket with the value of that rank; `buckets` are (least value, how many), in order."""
    rank = (sum(n for _, n in buckets) * percent + 99) // 100
    counts = accumulate(n for _, n in buckets)
    return middle(next(least for (least, _), n in zip(buckets, counts, strict=True) if n >= rank))


def percentiles(
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


def whole(number: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """PostgreSQL adds up big integers as decimals."""
    return sa.cast(number, Big)
