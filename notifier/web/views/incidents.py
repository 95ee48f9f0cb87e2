"""The list of incidents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from notifier.domain.matcher import Matcher
from notifier.domain.notification import HeldBy
from notifier.domain.state import State
from notifier.domain.time import Duration, Instant
from notifier.domain.value import replace
from notifier.oncall.inbox import BUCKET, CollapsedService, Inbox, InboxItem, RouteHold
from notifier.oncall.search import read, with_matcher
from notifier.web.views.act_end import CHOICES
from notifier.web.views.charts import BarChart, bar_chart
from notifier.wording.explanations import HOLDS, silenced
from notifier.wording.reasons import service_of
from notifier.wording.text import TITLE, counted, inline, number, plain, sentence
from notifier.wording.times import clock

# Rows show the owner and the snooze separately, and a member that waits for its next event is not held.
_NOT_SHOWN = {HeldBy.WAITING, HeldBy.ACKNOWLEDGED, HeldBy.SNOOZED, HeldBy.RATE_LIMITED, HeldBy.DUPLICATE}


MINE = "mine"
"""The filter, beside the API's states, for incidents acknowledged by the person who looks at the page."""
SEVERITIES = ("critical", "error", "warning", "info")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterLink:
    """A one-click filter; if it is `chosen`, the link removes it."""

    text: str
    query: Mapping[str, str | None]
    chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CollapsedLine:
    """The unlisted rest of a service's incidents, linked by `link`.

    `about` is their severity, `total` the number of all the service's incidents, and `service` its name for a form.
    """

    link: FilterLink
    about: str
    total: str
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """An incident in the list. `owner` and `holds` say who has acknowledged it, what holds it, and until when.

    `where` links to other incidents of its service and of its environment. `collapsed` is set on the last listed
    incident of a collapsed service.
    """

    id: str
    number: int
    title: str
    state: str
    severity: str
    where: tuple[FilterLink, ...]
    count: int
    first_seen: Instant
    last_seen: Instant
    owner: str | None
    holds: tuple[str, ...]
    chart: BarChart
    chart_text: str
    collapsed: CollapsedLine | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentsFilter:
    """The filter in the address; empty fields do not filter."""

    q: str = ""
    state: str = ""
    sort: str = ""

    @property
    def query(self) -> Mapping[str, str | None]:
        """The filter as fields of an address."""
        return {"q": self.q or None, "state": self.state or None, "sort": self.sort or None}

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """The filter as fields of a form."""
        return tuple((name, value) for name, value in self.query.items() if value is not None)

    @property
    def is_plain(self) -> bool:
        return not (self.q or self.state)

    @property
    def all_of(self) -> str | None:
        """A phrase for all matches, which a bulk act acts on; None if only chosen incidents can be acted on."""
        return _ALL.get(self.state) if self.q else None

    def of_service(self, service: str) -> IncidentsFilter:
        """The filter for the open incidents of one service in this list."""
        chosen = Matcher(name="service", op="=", value=service)
        return replace(self, q=with_matcher(self.q, chosen, instead_of="service"), state=State.OPEN.value)

    def with_matcher(self, text: str, label: str, value: str) -> FilterLink:
        """A link to the incidents in this list that have this label."""
        chosen = Matcher(name=label, op="=", value=value)
        is_on = chosen in read(self.q).matchers
        q = with_matcher(self.q, None if is_on else chosen, instead_of=label)
        return FilterLink(text=text, query={**self.query, "q": q or None}, chosen=is_on)


_ALL = {
    "": "everything the search finds",
    "open": "all open incidents the search finds",
    "acknowledged": "all acknowledged incidents the search finds",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSection:
    """Incidents under one heading. `next_page` is the query of the next page, `link` of the list if it is not shown."""

    heading: str
    lines: tuple[IncidentLine, ...]
    next_page: Mapping[str, object] | None = None
    link: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentsView:
    """A page of the list, and its filter.

    `new_count` counts the incidents that arrived after the reader opened the page, when `seen` was the newest; the list
    shows them when the reader asks. `title` starts with the number of open ones. `quick` are one-click filters.
    `is_empty` is true if nothing matches, `is_new_project` if the project never had an incident. `problem` is why a
    search cannot be parsed, `refusal` why an act was refused.
    """

    sections: tuple[IncidentSection, ...]
    cursor: str | None
    apart: tuple[str, ...]
    filter: IncidentsFilter
    seen: int
    new_count: int
    title: str
    open_count: int
    quick: tuple[FilterLink, ...] = ()
    is_empty: bool = False
    is_new_project: bool = False
    refusal: str | None = None
    problem: str | None = None
    choices: Mapping[str, tuple[str, Duration]] = field(default_factory=lambda: CHOICES)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentsPart:
    """The incidents under one heading; None if there is no room to list them."""

    heading: str
    state: str
    found: Inbox | None


def incidents_view(
    parts: Sequence[IncidentsPart],
    *,
    filter_: IncidentsFilter,
    cursor: str | None,
    apart: tuple[str, ...],
    seen: int | None,
    is_new_project: bool,
    refusal: str | None,
) -> IncidentsView:
    """A page of the list: acknowledged incidents follow open ones."""
    listed = [part.found for part in parts if part.found is not None]
    known = max((found.newest for found in listed), default=0) if seen is None else seen
    opened, at_least = _opened(listed)
    return IncidentsView(
        sections=tuple(_section(part, filter_, known) for part in parts),
        cursor=cursor,
        apart=apart,
        filter=filter_,
        seen=known,
        new_count=sum(_new_count(found, known) for found in listed),
        title=f"({opened}{'+' if at_least else ''}) Incidents" if opened else "Incidents",
        open_count=opened,
        quick=tuple(_quick(filter_)),
        is_empty=not any(found.items for found in listed),
        is_new_project=is_new_project,
        refusal=refusal,
    )


def unreadable_view(filter_: IncidentsFilter, problem: str) -> IncidentsView:
    """The form with the search, and why it cannot be parsed."""
    return IncidentsView(
        sections=(),
        cursor=None,
        apart=(),
        filter=filter_,
        seen=0,
        new_count=0,
        title="Incidents",
        open_count=0,
        problem=problem,
    )


def _opened(listed: Sequence[Inbox]) -> tuple[int, bool]:
    """The number of open incidents, unlisted ones of collapsed services included, and whether there may be more."""
    found = [each for each in listed if any(item.incident.state is State.OPEN for item in each.items)]
    count = sum(1 for each in found for item in each.items if item.incident.state is State.OPEN)
    rest = sum(summary.count - len(_of(each, summary)) for each in found for summary in each.collapsed)
    more = any(each.next_cursor or not all(summary.whole for summary in each.collapsed) for each in found)
    return count + rest, more


def _of(found: Inbox, summary: CollapsedService) -> Sequence[InboxItem]:
    return [item for item in found.items if item.incident.service == summary.service]


def _new_count(found: Inbox, known: int) -> int:
    """The number of incidents newer than `known`. A collapsed service counts in full if its listed ones are newer."""
    came = sum(1 for item in found.items if item.incident.number > known)
    whole = (
        summary.count - len(own)
        for summary in found.collapsed
        for own in [_of(found, summary)]
        if all(item.incident.number > known for item in own)
    )
    return came + sum(whole)


def _section(part: IncidentsPart, filter_: IncidentsFilter, known: int) -> IncidentSection:
    found = part.found
    if found is None:
        return IncidentSection(heading=part.heading, lines=(), link={**filter_.query, "state": part.state})
    items = [item for item in found.items if item.incident.number <= known]
    lines = [_line(item, found, filter_) for item in _in_order(items, found, filter_)]
    for summary in found.collapsed:
        numbers = {item.incident.number for item in _of(found, summary)}
        last = max((place for place, line in enumerate(lines) if line.number in numbers), default=None)
        if last is not None:
            more = summary.count - len(numbers)
            lines[last] = replace(lines[last], collapsed=_collapsed_line(summary, more, filter_))
    next_page = {
        **filter_.query,
        "state": part.state or None,
        "cursor": found.next_cursor,
        "apart": found.apart,
    }
    return IncidentSection(
        heading=part.heading,
        lines=tuple(lines),
        next_page=None if found.next_cursor is None else next_page,
    )


def _collapsed_line(summary: CollapsedService, more: int, filter_: IncidentsFilter) -> CollapsedLine:
    at_least = "" if summary.whole else "over "
    name = inline(summary.service, 60)
    worst = sorted(summary.severities.items(), key=lambda item: -item[0].rank)
    return CollapsedLine(
        link=filter_.with_matcher(f"{at_least}{number(more)} more of {name}", "service", summary.service),
        about="in all " + ", ".join(f"{number(count)} {severity.value}" for severity, count in worst),
        total=f"{at_least}{number(summary.count)}",
        service=summary.service,
    )


_ORDERS: Mapping[str, Callable[[InboxItem], tuple[int, ...]]] = {
    "": lambda item: (-item.incident.severity.rank, -item.incident.last_seen),
    "severity": lambda item: (-item.incident.severity.rank, -item.incident.number),
    "newest": lambda item: (-item.incident.number,),
    "count": lambda item: (-item.incident.count, -item.incident.number),
    "last_seen": lambda item: (-item.incident.last_seen, -item.incident.number),
}
"""The default order is by severity, then by last change."""


def _in_order(items: Sequence[InboxItem], found: Inbox, filter_: IncidentsFilter) -> Sequence[InboxItem]:
    """The items in the requested order: sorted here by default, or if collapsed incidents were added."""
    if filter_.sort and not found.collapsed:
        return items
    return sorted(items, key=_ORDERS[filter_.sort])


def _quick(filter_: IncidentsFilter) -> Iterator[FilterLink]:
    for severity in SEVERITIES:
        yield filter_.with_matcher(severity, "severity", severity)
    is_on = filter_.state == MINE
    yield FilterLink(text=MINE, query={**filter_.query, "state": None if is_on else MINE}, chosen=is_on)


def _line(item: InboxItem, found: Inbox, filter_: IncidentsFilter) -> IncidentLine:
    incident = item.incident
    return IncidentLine(
        id=incident.id,
        number=incident.number,
        title=plain(incident.title, TITLE) or "(no title)",
        state=incident.state.value,
        severity=incident.severity.value,
        where=(
            filter_.with_matcher(plain(service_of(incident), 60), "service", incident.service),
            filter_.with_matcher(plain(incident.environment, 40), "environment", incident.environment),
        ),
        count=incident.count,
        first_seen=incident.first_seen,
        last_seen=incident.last_seen,
        owner=_owner(item, found.now),
        holds=tuple(dict.fromkeys(_holds(item, found.now))),
        chart=bar_chart(item.counts, since=found.since, span=BUCKET),
        chart_text=f"{counted(sum(item.counts), 'event')} in 24 hours, at most {max(item.counts):,} in one",
    )


def _owner(item: InboxItem, now: Instant) -> str | None:
    by, until = item.incident.acknowledged_by, item.standing.acknowledged_until
    if by is None or item.incident.state is not State.ACKNOWLEDGED:
        return None
    return f"{inline(by, 60)} has it" + ("" if until is None else f" until {clock(until, near=now)}")


def _holds(item: InboxItem, now: Instant) -> Iterable[str]:
    if item.incident.state is State.RESOLVED:
        return
    standing = item.standing
    if standing.snoozed_until is not None and standing.snoozed_until > now:
        by = inline(standing.snoozed_by or "somebody", 60)
        yield f"snoozed by {by} until {clock(standing.snoozed_until, near=now)}"
    for hold in standing.holds:
        text = _hold(hold, now)
        if text is not None:
            yield text


def _hold(hold: RouteHold, now: Instant) -> str | None:
    match hold.held_by:
        case HeldBy.SILENCED:
            return sentence(silenced(hold.silence, near=now))
        case HeldBy.INHIBITED:
            return f"inhibited by incident {hold.inhibitor}" if hold.inhibitor else "inhibited"
        case _:
            return None if hold.held_by in _NOT_SHOWN else HOLDS[hold.held_by]
