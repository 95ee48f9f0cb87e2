"""Events of an incident over time, and its samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.time import Duration, Instant
from notifier.store.database import Tx
from notifier.store.json_rows import json_value
from notifier.store.schema import events, tallies


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A stored event: `seq` is the incident's count at it, `at` when it happened."""

    seq: int
    id: str
    at: Instant
    received_at: Instant


def occurrences(tx: Tx, number: int, *, since: Instant, width: Duration) -> Mapping[int, int]:
    """Event counts in intervals of `width` after `since`, by index; empty intervals are left out."""
    place = (tallies.c.minute - since) // width
    rows = tx.run(
        sa.select(place.label("place"), sa.func.sum(tallies.c.n).label("n"))
        .where(tallies.c.incident == number, tallies.c.minute >= since)
        .group_by(place)
    )
    return {int(row.place): int(row.n) for row in rows}


def samples(tx: Tx, number: int, *, most: int) -> tuple[Sample, ...]:
    """The samples of an incident without their documents, newest first."""
    columns = (events.c.seq, events.c.id, events.c.at, events.c.received_at)
    rows = tx.run(
        sa.select(*columns).where(events.c.incident == number).order_by(events.c.seq.desc()).limit(most)
    )
    return tuple(Sample(seq=row.seq, id=row.id, at=row.at, received_at=row.received_at) for row in rows)


def sample(tx: Tx, number: int, seq: int) -> Mapping[str, Any] | None:
    """The document of one sample."""
    query = sa.select(events.c.document).where(events.c.incident == number, events.c.seq == seq)
    document = tx.run(query).scalar_one_or_none()
    return None if document is None else json_value(document)
