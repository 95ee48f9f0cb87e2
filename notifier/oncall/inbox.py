"""The list of incidents as a person works it off: each with its owner, what holds it, and its last day."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.incident import Incident
from notifier.domain.time import HOUR, Duration, Instant
from notifier.oncall import incidents
from notifier.oncall.incidents import Sort, StateFilter
from notifier.oncall.paging import PageRequest
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.views import Standing, StandingHold

__all__ = ["BUCKETS", "Inbox", "InboxItem", "Standing", "StandingHold", "inbox"]

BUCKETS = 24
BUCKET: Duration = HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem:
    """An incident, how it stands, and how many events came in each of the last 24 hours, the oldest first."""

    incident: Incident
    standing: Standing
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """One page of incidents at the moment `now`; `since` is the beginning of the first hour that is counted."""

    items: tuple[InboxItem, ...]
    next_cursor: str | None
    now: Instant
    since: Instant


async def inbox(
    database: Database,
    *,
    project: str,
    state: StateFilter,
    q: str,
    sort: Sort | None,
    page_request: PageRequest,
    acknowledged_by: str | None = None,
) -> Inbox:
    """Incidents as `incidents.find` finds them; of somebody alone, where that is asked, so that a page may be short.

    An incident that is pruned meanwhile is left out.
    """
    page = await incidents.find(
        database, project=project, state=state, q=q, sort=sort, page_request=page_request, url=None
    )
    chosen = [each for each in page.items if acknowledged_by in {None, each.acknowledged_by}]
    numbers = [incident.number for incident in chosen]

    def beside(tx: Tx) -> tuple[tuple[InboxItem, ...], Instant, Instant]:
        since = tx.now - tx.now % BUCKET - (BUCKETS - 1) * BUCKET
        standings = views.standings(tx, numbers)
        counts = views.occurrences_of(tx, numbers, since=since, width=BUCKET)
        items = tuple(
            InboxItem(
                incident=incident,
                standing=standings[incident.number],
                counts=tuple(counts.get(incident.number, {}).get(place, 0) for place in range(BUCKETS)),
            )
            for incident in chosen
            if incident.number in standings
        )
        return items, tx.now, since

    items, now, since = await database.read(beside)
    return Inbox(items=items, next_cursor=page.next_cursor, now=now, since=since)
