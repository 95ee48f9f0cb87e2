"""The details of one incident for a page, read in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from notifier.domain.incident import Incident, with_links_of
from notifier.domain.incident_history import IncidentHistory
from notifier.domain.state import State
from notifier.domain.task_run import TaskRun
from notifier.domain.time import DAY, HOUR, MINUTE, WEEK, Duration, Instant
from notifier.domain.value import replace
from notifier.oncall.incidents import require
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.views import EarlierIncident, Sample
from notifier.wording.timeline import MAX_ITEMS, Routes, Timeline
from notifier.wording.timeline import timeline as in_order

__all__ = ["EarlierIncident", "IncidentDetails", "Occurrences", "Sample", "details", "spans"]

MAX_SPANS = 60
MAX_SAMPLES = 100
MAX_RUNS = 20
MAX_EARLIER = 5

_WIDTHS: tuple[Duration, ...] = (
    MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY,
    2 * DAY, WEEK, 2 * WEEK, 4 * WEEK, 13 * WEEK, 52 * WEEK, 520 * WEEK,
)  # fmt: skip
# Counts older than two days are stored by the hour.
_BY_THE_HOUR = 47 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrences:
    """The number of events in each span of `width` from `since` on, oldest first."""

    since: Instant
    width: Duration
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentDetails:
    """One incident with its history, timeline, samples, task runs, and the other incidents of its problem.

    `incident.latest_event` is the sample that is shown, and `shown` its position: the newest, unless another was
    requested. `later` is the number and id of the newest incident of the same identity, if that is another.
    """

    incident: Incident
    history: IncidentHistory
    timeline: Timeline
    now: Instant
    samples: tuple[Sample, ...]
    shown: int | None
    occurrences: Occurrences
    runs: tuple[TaskRun, ...]
    earlier: tuple[EarlierIncident, ...]
    later: tuple[int, str] | None


async def details(
    database: Database,
    routes: Routes,
    name: str,
    *,
    project_scope: str | None,
    url: str | None,
    sample: int | None = None,
) -> IncidentDetails:
    """The incident with this id or number. Raises `Unknown`. A sample that is gone is replaced by the newest."""

    def read(tx: Tx) -> IncidentDetails:
        incident = require(tx, name, project_scope, url)
        samples = views.samples(tx, incident.number, most=MAX_SAMPLES)
        shown, document = _sample(tx, incident, samples, sample)
        history = views.incident_history(tx, incident.number, most=MAX_ITEMS + 1)
        return IncidentDetails(
            incident=replace(incident, latest_event=document),
            history=history,
            timeline=in_order(history, routes, tx.now),
            now=tx.now,
            samples=samples,
            shown=shown,
            occurrences=_occurrences(tx, incident),
            runs=views.runs_of_incident(tx, incident.number, most=MAX_RUNS),
            earlier=views.earlier_incidents(tx, incident, most=MAX_EARLIER),
            later=views.later_incident(tx, incident),
        )

    return await database.read(read)


def spans(first: Instant, last: Instant, now: Instant) -> tuple[Instant, Duration, int]:
    """The start of the first span, the width, and the number of spans, at most `MAX_SPANS`."""
    least = HOUR if first < now - _BY_THE_HOUR else MINUTE
    for width in _WIDTHS:
        since = first - first % width
        count = (max(last, first) - since) // width + 1
        if width >= least and count <= MAX_SPANS:
            return since, width, count
    return max(first, last - MAX_SPANS * _WIDTHS[-1]), _WIDTHS[-1], MAX_SPANS


def _occurrences(tx: Tx, incident: Incident) -> Occurrences:
    """The counts until now, or until the end of a resolved incident."""
    over = incident.state is State.RESOLVED
    until = max(incident.last_seen, (incident.resolved_at or 0) if over else tx.now)
    since, width, count = spans(incident.first_seen, until, tx.now)
    counts = views.occurrences(tx, incident.number, since=since, width=width)
    return Occurrences(since=since, width=width, counts=tuple(counts.get(place, 0) for place in range(count)))


def _sample(
    tx: Tx, incident: Incident, samples: tuple[Sample, ...], requested: int | None
) -> tuple[int | None, Mapping[str, Any] | None]:
    document = None if requested is None else views.sample(tx, incident.number, requested)
    if document is not None:
        return requested, with_links_of(document, incident.latest_event)
    return (samples[0].seq if samples else None), incident.latest_event
