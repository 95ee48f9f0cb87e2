"""The list of incidents for people: each with its owner, what holds it, and its events of the last day."""

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

__all__ = [
    "BUCKETS",
    "CollapsedService",
    "Inbox",
    "InboxItem",
    "IncidentHolds",
    "RouteHold",
    "inbox",
    "inbox_by_service",
]

BUCKETS = 24
BUCKET: Duration = HOUR
COLLAPSE_FROM = 15
"""The number of incidents on a page from which a service is collapsed."""
COLLAPSE_FROM_IF_MORE = 7
"""The same for pages that are not the last, because several failing services fill page after page."""
SHOWN_OF_COLLAPSED = 5
MAX_COLLAPSED = 8
MAX_SEARCHES = 4
MAX_COUNTED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem:
    """An incident, its holds, and its number of events in each of the last 24 hours, oldest first."""

    incident: Incident
    standing: IncidentHolds
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollapsedService:
    """Many incidents of one service. The page lists a few of them, to leave room for others.

    `severities` counts all incidents of the query, up to `MAX_COUNTED`. `whole` is true if there are no more.
    """

    service: str
    severities: Mapping[Severity, int]
    whole: bool

    @property
    def count(self) -> int:
        return sum(self.severities.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """One page of incidents at the time `now`. `since` is the start of the first counted hour.

    `newest` is the highest incident number that was read. `apart` are services that the next page leaves out, because
    they are collapsed on this page or an earlier one.
    """

    items: tuple[InboxItem, ...]
    next_cursor: str | None
    now: Instant
    since: Instant
    newest: int
    collapsed: tuple[CollapsedService, ...] = ()
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
    """Incidents as found by `incidents.find`. With `acknowledged_by` only that person's, so a page may be short.

    Incidents that are pruned meanwhile are left out.
    """
    page = await incidents.find(
        database, project=project, state=state, q=q, sort=sort, page_request=page_request, url=None
    )
    chosen = [each for each in page.items if acknowledged_by in {None, each.acknowledged_by}]
    return await _with_details(database, replace(page, items=tuple(chosen)), newest=_newest(page.items))


async def inbox_by_service(
    database: Database,
    *,
    project: str,
    state: State,
    q: str,
    sort: Sort | None,
    page_request: PageRequest,
    apart: Sequence[str] = (),
) -> Inbox:
    """The inbox with services of many incidents collapsed to a few, if that makes room for others.

    Otherwise a storm of one service fills the page and hides worse incidents of others. A query for one service
    collapses none, nor does one for words: it would search a million incidents once more for each collapse. `apart`
    are the services collapsed on earlier pages.
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
    for_one = any(matcher.name == "service" and matcher.op == "=" for matcher in terms.matchers)
    if not for_one and not terms.words:
        page, names = await _collapse(found, page, tuple(apart))
    query = views.IncidentSearch(project=project, state=state, matchers=terms.matchers, words=terms.words)
    collapsed = await database.read(partial(_counted, names=names, query=query))
    listed = await _with_details(database, page, newest=max(newest, _newest(page.items)))
    return replace(listed, collapsed=collapsed, apart=(*apart, *names))


async def _collapse(
    found: _Find, page: Listing[Incident], apart: tuple[str, ...]
) -> tuple[Listing[Incident], tuple[str, ...]]:
    """The page with a few incidents of each collapsed service and the others, and the collapsed services."""
    few: tuple[Incident, ...] = ()
    names: tuple[str, ...] = ()
    for _ in range(MAX_SEARCHES):
        collapsed = _services_to_collapse(page)[: MAX_COLLAPSED - len(names)]
        if not collapsed:
            break
        others = replace(page, items=tuple(each for each in page.items if each.service not in collapsed))
        if page.next_cursor is not None:
            others = await found(_without((*apart, *names, *collapsed)))
        if len(collapsed) == 1 and not (others.items or others.next_cursor or few):
            break  # Nothing is hidden.
        few += tuple(
            each
            for name in collapsed
            for each in [each for each in page.items if each.service == name][:SHOWN_OF_COLLAPSED]
        )
        page, names = others, (*names, *collapsed)
    return replace(page, items=few + page.items), names


def _services_to_collapse(page: Listing[Incident]) -> list[str]:
    """The services with so many incidents that others have no room, the largest first."""
    ranked = Counter(each.service for each in page.items if each.service).most_common()
    most = COLLAPSE_FROM if page.next_cursor is None else COLLAPSE_FROM_IF_MORE
    return [name for name, count in ranked if count > most]


def _without(services: Iterable[str]) -> tuple[Matcher, ...]:
    return tuple(Matcher(name="service", op="!=", value=name) for name in services)


def _newest(items: Iterable[Incident]) -> int:
    return max((each.number for each in items), default=0)


def _counted(tx: Tx, names: Iterable[str], query: views.IncidentSearch) -> tuple[CollapsedService, ...]:
    collapsed = []
    for name in names:
        own = (*query.matchers, Matcher(name="service", op="=", value=name))
        severities, whole = views.count_by_severity(tx, replace(query, matchers=own), most=MAX_COUNTED)
        collapsed.append(CollapsedService(service=name, severities=severities, whole=whole))
    return tuple(collapsed)


async def _with_details(database: Database, page: Listing[Incident], *, newest: int) -> Inbox:
    """The incidents of a page with their holds and counts."""
    numbers = [incident.number for incident in page.items]

    def work(tx: Tx) -> Inbox:
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

    return await database.read(work)
