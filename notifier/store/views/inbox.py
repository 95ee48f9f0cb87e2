"""Additional data for lists of incidents: acts of people, holds, and times of events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from notifier.domain.notification import HeldBy
from notifier.domain.silence import Silence
from notifier.domain.time import Duration, Instant
from notifier.store.database import Tx
from notifier.store.schema import incidents, members, silences, tallies
from notifier.store.silences import silence_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteHold:
    """A hold of an incident at one route, with the id of the silence or the number of the inhibiting incident."""

    held_by: HeldBy
    silence: Silence | None = None
    inhibitor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentHolds:
    """Acts of people and holds on one incident."""

    acknowledged_until: Instant | None
    snoozed_until: Instant | None
    snoozed_by: str | None
    holds: tuple[RouteHold, ...]


def holds_of(tx: Tx, numbers: Sequence[int]) -> Mapping[int, IncidentHolds]:
    """Holds and acts of these incidents, by number."""
    holds = _holds(tx, numbers)
    columns = (
        incidents.c.number,
        incidents.c.acknowledged_until,
        incidents.c.snoozed_until,
        incidents.c.snoozed_by,
    )
    rows = tx.run(sa.select(*columns).where(incidents.c.number.in_(numbers)))
    return {
        row.number: IncidentHolds(
            acknowledged_until=row.acknowledged_until,
            snoozed_until=row.snoozed_until,
            snoozed_by=row.snoozed_by,
            holds=holds.get(row.number, ()),
        )
        for row in rows
    }


def occurrences_of(
    tx: Tx, numbers: Sequence[int], *, since: Instant, width: Duration
) -> Mapping[int, Mapping[int, int]]:
    """Event counts of each incident in intervals of `width` after `since`, by index; empty ones are left out."""
    place = (tallies.c.minute - since) // width
    rows = tx.run(
        sa.select(tallies.c.incident, place.label("place"), sa.func.sum(tallies.c.n).label("n"))
        .where(tallies.c.incident.in_(numbers), tallies.c.minute >= since)
        .group_by(tallies.c.incident, place)
    )
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for row in rows:
        found[row.incident][int(row.place)] = int(row.n)
    return found


def _holds(tx: Tx, numbers: Sequence[int]) -> Mapping[int, tuple[RouteHold, ...]]:
    """The kinds of holds of each incident, without duplicates."""
    rows = tx.run(
        sa.select(members.c.incident, members.c.held_by, members.c.hold_ref)
        .where(members.c.incident.in_(numbers), members.c.held_by.is_not(None))
        .distinct()
    ).all()
    refs = sorted({row.hold_ref for row in rows if row.hold_ref is not None})
    found = tx.run(sa.select(silences).where(silences.c.id.in_(refs)))
    by_id = {row.id: silence_of(row) for row in found}
    others = tx.run(sa.select(incidents.c.id, incidents.c.number).where(incidents.c.id.in_(refs)))
    inhibitors = {row.id: int(row.number) for row in others}
    holds: dict[int, list[RouteHold]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.held_by, row.hold_ref or "")):
        holds[row.incident].append(
            RouteHold(
                held_by=HeldBy(row.held_by),
                silence=by_id.get(row.hold_ref),
                inhibitor=inhibitors.get(row.hold_ref),
            )
        )
    return {number: tuple(of_one) for number, of_one in holds.items()}
