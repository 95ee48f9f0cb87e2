"""The list of incidents as one frozen value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from notifier.domain.matcher import Matcher
from notifier.domain.notification import HeldBy
from notifier.domain.state import State
from notifier.domain.time import Duration, Instant
from notifier.oncall.inbox import BUCKET, Inbox, InboxItem, StandingHold
from notifier.oncall.search import narrowed, read
from notifier.web.views.charts import BarChart, bar_chart
from notifier.web.views.lasting import CHOICES
from notifier.wording.explanations import HOLDS, silenced
from notifier.wording.text import TITLE, counted, plain
from notifier.wording.times import clock

# That somebody has it or has snoozed it a row says by name, and that nothing new has come is no hold.
_UNSAID = {HeldBy.WAITING, HeldBy.ACKNOWLEDGED, HeldBy.SNOOZED, HeldBy.RATE_LIMITED, HeldBy.DUPLICATE}


MINE = "mine"
"""The state, beside those of the API, of what the person at the page has acknowledged."""
SEVERITIES = ("critical", "error", "warning", "info")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterLink:
    """A filter of one click; where it is `chosen` already, the click takes it away."""

    text: str
    query: Mapping[str, str | None]
    chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """One incident of the list. `owner` and `holds` are sentences: who has it, and what holds it, until when.

    `where` leads to what else is of its service, and of its environment.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentsFilter:
    """The part of the address that says what to list; empty where nothing was asked for."""

    q: str = ""
    state: str = ""
    sort: str = ""

    @property
    def query(self) -> Mapping[str, str | None]:
        """The same as the fields of an address."""
        return {"q": self.q or None, "state": self.state or None, "sort": self.sort or None}

    @property
    def is_plain(self) -> bool:
        return not (self.q or self.state)

    @property
    def all_of(self) -> str | None:
        """The words for all that the search finds, to act on; None where one acts on what is chosen alone."""
        return _ALL.get(self.state) if self.q else None

    def narrowed(self, text: str, label: str, value: str) -> FilterLink:
        """The link to those of this list whose label has the value."""
        chosen = Matcher(name=label, op="=", value=value)
        is_on = chosen in read(self.q).matchers
        q = narrowed(self.q, None if is_on else chosen, instead_of=label)
        return FilterLink(text=text, query={**self.query, "q": q or None}, chosen=is_on)


_ALL = {
    "": "all that the search finds",
    "open": "all open ones that the search finds",
    "acknowledged": "all acknowledged ones that the search finds",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSection:
    """Incidents under one heading."""

    heading: str
    lines: tuple[IncidentLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentsView:
    """A page of the list, and what was asked for.

    `fresh` counts incidents that came since the reader opened the page, the newest of which then was `seen`: they are
    shown once the reader wants it. `title` leads with the number of open ones. `quick` are filters of one click.
    `is_empty`: there is nothing to act on; `is_new_project`: nor has there ever been. `problem`: why a search cannot
    be read; `refusal`: why an act was not done.
    """

    sections: tuple[IncidentSection, ...]
    cursor: str | None
    next_cursor: str | None
    filter: IncidentsFilter
    now: Instant
    seen: int
    fresh: int
    title: str
    open_count: int
    quick: tuple[FilterLink, ...] = ()
    is_empty: bool = False
    is_new_project: bool = False
    refusal: str | None = None
    problem: str | None = None
    choices: Mapping[str, tuple[str, Duration]] = field(default_factory=lambda: CHOICES)


def incidents_view(
    found: Inbox,
    *,
    filter_: IncidentsFilter,
    cursor: str | None,
    seen: int | None,
    is_new_project: bool,
    refusal: str | None,
) -> IncidentsView:
    """A page of the list: what is acknowledged stands below what is open."""
    newest = max((item.incident.number for item in found.items), default=0)
    known = newest if seen is None else seen
    shown = [item for item in found.items if item.incident.number <= known]
    opened = sum(1 for item in found.items if item.incident.state is State.OPEN)
    label = f"{opened}+" if found.next_cursor else str(opened)
    return IncidentsView(
        sections=tuple(
            IncidentSection(
                heading=heading,
                lines=tuple(_line(item, found, filter_) for item in _in_order(items, filter_)),
            )
            for heading, items in _divided(shown, filter_)
        ),
        cursor=cursor,
        next_cursor=found.next_cursor,
        filter=filter_,
        now=found.now,
        seen=known,
        fresh=len(found.items) - len(shown),
        title=f"({label}) Incidents" if opened else "Incidents",
        open_count=opened,
        quick=tuple(_quick(filter_)),
        is_empty=not found.items,
        is_new_project=is_new_project,
        refusal=refusal,
    )


def unreadable_view(filter_: IncidentsFilter, problem: str, *, now: Instant) -> IncidentsView:
    """The form with what was searched for, and why nothing is found by it."""
    return IncidentsView(
        sections=(),
        cursor=None,
        next_cursor=None,
        filter=filter_,
        now=now,
        seen=0,
        fresh=0,
        title="Incidents",
        open_count=0,
        problem=problem,
    )


def _divided(
    items: Sequence[InboxItem], filter_: IncidentsFilter
) -> Sequence[tuple[str, Sequence[InboxItem]]]:
    """By state, unless one was asked for; a heading with nothing under it says so only for what is open."""
    if filter_.state:
        heading = "Acknowledged by you" if filter_.state == MINE else filter_.state.capitalize()
        return [(heading, items)]
    opened = [item for item in items if item.incident.state is State.OPEN]
    others = [item for item in items if item.incident.state is not State.OPEN]
    return [("Open", opened), *([("Acknowledged", others)] if others else [])]


def _in_order(items: Sequence[InboxItem], filter_: IncidentsFilter) -> Sequence[InboxItem]:
    """Unless another order was asked for: by severity, and of those what changed last."""
    if filter_.sort:
        return items
    return sorted(items, key=lambda item: (-item.incident.severity.rank, -item.incident.last_seen))


def _quick(filter_: IncidentsFilter) -> Iterator[FilterLink]:
    for severity in SEVERITIES:
        yield filter_.narrowed(severity, "severity", severity)
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
            filter_.narrowed(plain(incident.service, 60), "service", incident.service),
            filter_.narrowed(plain(incident.environment, 40), "environment", incident.environment),
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
    return f"{plain(by, 60)} has it" + ("" if until is None else f" until {clock(until, near=now)}")


def _holds(item: InboxItem, now: Instant) -> Iterable[str]:
    if item.incident.state is State.RESOLVED:
        return
    standing = item.standing
    if standing.snoozed_until is not None and standing.snoozed_until > now:
        by = plain(standing.snoozed_by or "somebody", 60)
        yield f"snoozed by {by} until {clock(standing.snoozed_until, near=now)}"
    for hold in standing.holds:
        text = _hold(hold, now)
        if text is not None:
            yield text


def _hold(hold: StandingHold, now: Instant) -> str | None:
    match hold.held_by:
        case HeldBy.SILENCED:
            return plain(silenced(hold.silence, near=now))
        case HeldBy.INHIBITED:
            return f"inhibited by incident {hold.inhibitor}" if hold.inhibitor else "inhibited"
        case _:
            return None if hold.held_by in _UNSAID else HOLDS[hold.held_by]
