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
from notifier.wording.times import Moment, with_age

LABELS = 8
# The labels of links in a mail, by action.
ACTIONS = {"acknowledge": "Acknowledge", "snooze": "Snooze 4 h", "resolve": "Resolve"}

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentBlock:
    """One incident in words. `state` says why it is included, `owner` who has acknowledged it.

    `last` is None if it is within a minute of `since`. `name` and `url` are None if there is no incident, as in a
    test. `where` are reserved labels, `labels` the sender's. `actions` are pairs of a label and a link.
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
    """One incident in words. `now` is the time of the decision, which durations are relative to."""
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
        since=with_age(incident.first_seen, at, zone),
        last=last(incident, at, zone),
        owner=owner(incident) if exists else None,
        evidence=evidence(incident),
        url=incident.url if exists else None,
        actions=tuple((ACTIONS[link.action], link.url) for link in links),
    )


def last(incident: Incident, now: Instant, zone: tzinfo = UTC) -> Moment | None:
    """The time it was last seen, without its date if that is the first one's. None within a minute of the first."""
    newest = with_age(incident.last_seen, now, zone)
    if newest.text == with_age(incident.first_seen, now, zone).text:
        return None
    return with_age(incident.last_seen, now, zone, day_of=incident.first_seen)


def where(incident: Incident) -> Pairs:
    """Service, environment, release, host and task, as far as they are known and not varying."""
    present = {"environment": incident.environment, **incident.labels}
    names = ("service", "environment", "release", "host", "task")
    pairs = ((name, inline(present.get(name) or "", 100)) for name in names)
    return tuple((name, value) for name, value in pairs if value)


def own_labels(incident: Incident) -> Pairs:
    """The sender's labels by name, the number of further ones, and the names of the varying ones."""
    own = sorted((name, value) for name, value in incident.labels.items() if name not in RESERVED_LABELS)
    pairs = [(inline(name, 60), inline(value, 80)) for name, value in own[:LABELS]]
    varying = ", ".join(inline(name, 40) for name in incident.varying[:LABELS])
    pairs += [("more labels", number(len(own) - LABELS))] if len(own) > LABELS else []
    return (*pairs, *((("varying", varying),) if varying else ()))


def shared(labelled: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The labels that all of them have in common."""
    first = labelled[0] if labelled else {}
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in labelled)}
