"""The list of incidents as one frozen value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from notifier.domain.incident import Incident
from notifier.domain.time import Instant
from notifier.oncall.paging import Listing
from notifier.wording.text import TITLE, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """One incident of the list."""

    id: str
    number: int
    title: str
    state: str
    severity: str
    where: str
    count: int
    first_seen: Instant
    last_seen: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentsView:
    """A page of the list, and what was asked for."""

    incidents: tuple[IncidentLine, ...]
    q: str
    state: str
    states: tuple[str, ...]
    now: Instant
    next_cursor: str | None


def incidents_view(
    page: Listing[Incident], *, q: str, state: str, states: Sequence[str], now: Instant
) -> IncidentsView:
    """A page of the list."""
    return IncidentsView(
        incidents=tuple(map(_line, page.items)),
        q=q,
        state=state,
        states=tuple(states),
        now=now,
        next_cursor=page.next_cursor,
    )


def _line(incident: Incident) -> IncidentLine:
    return IncidentLine(
        id=incident.id,
        number=incident.number,
        title=plain(incident.title, TITLE) or "(no title)",
        state=incident.state.value,
        severity=incident.severity.value,
        where=f"{plain(incident.service)} · {plain(incident.environment)}",
        count=incident.count,
        first_seen=incident.first_seen,
        last_seen=incident.last_seen,
    )
