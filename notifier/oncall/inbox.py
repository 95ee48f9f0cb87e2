"""The list of incidents as a person works it off: each with its owner, what holds it, and its last day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from notifier.domain.incident import Incident
from notifier.domain.matcher import Matcher
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import HOUR, Duration, Instant
from notifier.domain.value import replace
from notifier.oncall import incidents, search
from notifier.oncall.incidents import Sort, StateFilter
from notifier.oncall.paging import Listing, PageRequest
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.views import IncidentHolds, RouteHold

__all__ = ["BUCKETS", "Crowd", "Inbox", "InboxItem", "IncidentHolds", "RouteHold", "inbox", "inbox_apart"]

BUCKETS = 24
BUCKET: Duration = HOUR
CROWD = 15
"""A service that has more incidents on a page is a crowd."""
CROWD_OF_MANY = 7
"""The same on a page that is not the last: several services that fail together fill page after page."""
SHOWN_OF_CROWD = 5
CROWDS_AT_MOST = 8
SEARCHES_AT_MOST = 4
COUNTED_AT_MOST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem:
    """An incident, how it stands, and how many events came in each of the last 24 hours, the oldest first."""

    incident: Incident
    standing: IncidentHolds
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Many incidents of one service: a page lists a few of them, so that others have room.

    `severities` counts all that the list asks for, up to `COUNTED_AT_MOST`; `whole`: there are no more.
    """

    service: str
    severities: Mapping[Severity, int]
    whole: bool

    @property
    def count(self) -> int:
        return sum(self.severities.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """One page of incidents at the moment `now`; `since` is the beginning of the first hour that is counted.

    `newest` is the highest number that was read for it. `apart` are the services that the next page leaves out, because
    they are crowds of this page or of one before.
    """

    items: tuple[InboxItem, ...]
    next_cursor: str | None
    now: Instant
    since: Instant
    newest: int
    crowds: tuple[Crowd, ...] = ()
    apart: tuple[str, ...] = ()


_Find = Callable[[tuple[Matcher, ...]], Awaitable[Listing[Incident]]]


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
    return await _beside(database, replace(page, items=tuple(chosen)), newest=_newest(page.items))


async def inbox_apart(
    database: Database,
    *,
    project: str,
    state: State,
    q: str,
    sort: Sort | None,
    page_request: PageRequest,
    apart: Sequence[str] = (),
) -> Inbox:
    """The same with each crowd shortened to a few, where that makes room for others.

    A storm of one service else fills the page, and hides what is worse of another. A query for one service has no
    crowds. `apart` are those of the pages before.
    """

    async def found(besides: tuple[Matcher, ...]) -> Listing[Incident]:
        return await incidents.find(
            database,
            project=project,
            state=state.value,
            q=q,
            sort=sort,
            page_request=page_request,
            url=None,
            besides=besides,
        )

    terms = search.read(q)
    page = await found(_without(apart))
    newest = _newest(page.items)
    names: tuple[str, ...] = ()
    if not any(matcher.name == "service" and matcher.op == "=" for matcher in terms.matchers):
        page, names = await _spread(found, page, tuple(apart))
    query = views.IncidentSearch(project=project, state=state, matchers=terms.matchers, words=terms.words)
    crowds = await database.read(partial(_counted, names=names, query=query))
    listed = await _beside(database, page, newest=max(newest, _newest(page.items)))
    return replace(listed, crowds=crowds, apart=(*apart, *names))


async def _spread(
    found: _Find, page: Listing[Incident], apart: tuple[str, ...]
) -> tuple[Listing[Incident], tuple[str, ...]]:
    """The page with a few of each crowd and what else there is; and which services are crowds of it."""
    few: tuple[Incident, ...] = ()
    names: tuple[str, ...] = ()
    for _ in range(SEARCHES_AT_MOST):
        crowds = _crowds(page)[: CROWDS_AT_MOST - len(names)]
        if not crowds:
            break
        others = replace(page, items=tuple(each for each in page.items if each.service not in crowds))
        if page.next_cursor is not None:
            others = await found(_without((*apart, *names, *crowds)))
        if len(crowds) == 1 and not (others.items or others.next_cursor or few):
            break  # There is nothing that it hides.
        few += tuple(
            each
            for name in crowds
            for each in [each for each in page.items if each.service == name][:SHOWN_OF_CROWD]
        )
        page, names = others, (*names, *crowds)
    return replace(page, items=few + page.items), names


def _crowds(page: Listing[Incident]) -> list[str]:
    """The services that have so many of them that others have no room, the one with the most first."""
    ranked = Counter(each.service for each in page.items if each.service).most_common()
    most = CROWD if page.next_cursor is None else CROWD_OF_MANY
    return [name for name, count in ranked if count > most]


def _without(services: Iterable[str]) -> tuple[Matcher, ...]:
    return tuple(Matcher(name="service", op="!=", value=name) for name in services)


def _newest(items: Iterable[Incident]) -> int:
    return max((each.number for each in items), default=0)


def _counted(tx: Tx, names: Iterable[str], query: views.IncidentSearch) -> tuple[Crowd, ...]:
    crowds = []
    for name in names:
        own = (*query.matchers, Matcher(name="service", op="=", value=name))
        severities, whole = views.count_by_severity(tx, replace(query, matchers=own), most=COUNTED_AT_MOST)
        crowds.append(Crowd(service=name, severities=severities, whole=whole))
    return tuple(crowds)


async def _beside(database: Database, page: Listing[Incident], *, newest: int) -> Inbox:
    """The incidents of a page with what stands beside each."""
    numbers = [incident.number for incident in page.items]

    def beside(tx: Tx) -> Inbox:
        since = tx.now - tx.now % BUCKET - (BUCKETS - 1) * BUCKET
        holds = views.holds_of(tx, numbers)
        counts = views.occurrences_of(tx, numbers, since=since, width=BUCKET)
        items = tuple(
            InboxItem(
                incident=incident,
                standing=holds[incident.number],
                counts=tuple(counts.get(incident.number, {}).get(place, 0) for place in range(BUCKETS)),
            )
            for incident in page.items
            if incident.number in holds
        )
        return Inbox(items=items, next_cursor=page.next_cursor, now=tx.now, since=since, newest=newest)

    return await database.read(beside)
