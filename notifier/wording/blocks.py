"""One incident in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from notifier.domain.incident import Incident
from notifier.domain.labels import RESERVED_LABELS
from notifier.domain.message import ActionLink, Told
from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.wording.evidence import Evidence, evidence
from notifier.wording.reasons import owner, state
from notifier.wording.text import TITLE, counted, inline, number
from notifier.wording.times import Moment, beside

LABELS = 8
# What a link in a mail does, as its words.
ACTIONS = {"acknowledge": "Acknowledge", "snooze": "Snooze 4 h", "resolve": "Resolve"}

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentBlock:
    """One incident in words. `state` is why it is told, `owner` who is on it.

    `last` is None within the minute of `since`, `name` where there is no incident behind it (a test): then there is no
    `url` either. `where` are reserved labels, `labels` the sender's. `actions` are words with the link that does it.
    """

    name: str | None
    title: str
    state: str
    severity: str
    resolved: bool
    where: Pairs
    labels: Pairs
    times: str
    since: Moment
    last: Moment | None
    owner: str | None
    evidence: Evidence
    url: str | None
    actions: Pairs = ()

    @property
    def last_seen(self) -> str | None:
        return None if self.last is None else f"last {self.last}"

    @property
    def span(self) -> str:
        """`4,312 times, since 2026-11-22 04:00 UTC (1 h ago), last 05:00 UTC (just now)`."""
        return ", ".join(phrase for phrase in (self.times, f"since {self.since}", self.last_seen) if phrase)


def block(
    told: Told, now: Instant | None = None, zone: tzinfo = UTC, links: Sequence[ActionLink] = ()
) -> IncidentBlock:
    """One incident in words; `now` is the moment of the decision, from which its durations are told."""
    incident = told.incident
    at = incident.last_seen if now is None else now
    exists = bool(incident.number)
    return IncidentBlock(
        name=f"incident {incident.number}" if exists else None,
        title=inline(incident.title, TITLE) or "(no title)",
        state=state(told, now, zone),
        severity=incident.severity.value,
        resolved=incident.state is State.RESOLVED,
        where=where(incident) if exists else (),
        labels=own_labels(incident),
        times=counted(incident.count, "time"),
        since=beside(incident.first_seen, at, zone),
        last=last(incident, at, zone),
        owner=owner(incident) if exists else None,
        evidence=evidence(incident),
        url=incident.url if exists else None,
        actions=tuple((ACTIONS[link.action], link.url) for link in links),
    )


def last(incident: Incident, now: Instant, zone: tzinfo = UTC) -> Moment | None:
    """When it was seen last, without its day where that is the first one's; None within the minute of the first."""
    newest = beside(incident.last_seen, now, zone)
    if newest.text == beside(incident.first_seen, now, zone).text:
        return None
    return beside(incident.last_seen, now, zone, day_of=incident.first_seen)


def where(incident: Incident) -> Pairs:
    """Service, environment and release, then host and task, where they are known and not varying."""
    present = {"environment": incident.environment, **incident.labels}
    names = ("service", "environment", "release", "host", "task")
    pairs = ((name, inline(present.get(name) or "", 100)) for name in names)
    return tuple((name, value) for name, value in pairs if value)


def own_labels(incident: Incident) -> Pairs:
    """The sender's labels, by name; how many more there are; and which labels have no one value."""
    own = sorted((name, value) for name, value in incident.labels.items() if name not in RESERVED_LABELS)
    pairs = [(inline(name, 60), inline(value, 80)) for name, value in own[:LABELS]]
    varying = ", ".join(inline(name, 40) for name in incident.varying[:LABELS])
    pairs += [("more labels", number(len(own) - LABELS))] if len(own) > LABELS else []
    return (*pairs, *((("varying", varying),) if varying else ()))


def shared(labelled: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The labels that all of them have alike."""
    first = labelled[0] if labelled else {}
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in labelled)}
