"""PagerDuty's Events API v2, for PagerDuty and for receivers that accept its events.

A thread is one alert there, and its id is the `dedup_key`. The alert is acknowledged and resolved when the whole
group is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from notifier import wording
from notifier.channels.payloads.fitting import Document, cut, with_as_many_as_fit
from notifier.domain.incident import Incident
from notifier.domain.message import Message
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import rfc3339

SUMMARY_CHARS: Final = 1_024
_LINKS = 5
_ACTIONS: Mapping[State, str] = {
    State.OPEN: "trigger",
    State.ACKNOWLEDGED: "acknowledge",
    State.RESOLVED: "resolve",
}
_SEVERITIES: Mapping[Severity, str] = {Severity.NONE: "info"}


def payload(message: Message, *, routing_key: str) -> bytes:
    """The body, with the key of the receiving integration."""
    incidents = [item.incident for item in message.told]

    def document(shown: Sequence[Incident]) -> Document:
        return {
            "routing_key": routing_key,
            "event_action": _ACTIONS[message.state],
            "dedup_key": message.thread_id or message.id,
            "payload": _payload(message, incidents, shown),
            "links": _links(shown),
            "client": "notifier",
            **({"client_url": incidents[0].url} if incidents and incidents[0].url else {}),
        }

    return with_as_many_as_fit(incidents, document)


def _payload(message: Message, incidents: Sequence[Incident], shown: Sequence[Incident]) -> Document:
    first = incidents[0] if incidents else None
    labels = message.labels if first is None else first.labels
    environment = labels.get("environment", message.project)
    document: Document = {
        "summary": cut(wording.headline(message), SUMMARY_CHARS),
        "source": cut(labels.get("host") or f"{labels.get('service', message.project)}/{environment}", 255),
        "severity": _severity(incidents),
        "timestamp": rfc3339(message.at),
        "custom_details": _details(message, shown),
    }
    for name, label in (("component", "service"), ("group", "environment"), ("class", "exception")):
        if labels.get(label):
            document[name] = cut(labels[label], 255)
    return document


def _severity(incidents: Sequence[Incident]) -> str:
    alive = [incident.severity for incident in incidents if incident.state is not State.RESOLVED]
    severities = alive or [incident.severity for incident in incidents] or [Severity.INFO]
    worst = max(severities, key=lambda severity: severity.rank)
    return _SEVERITIES.get(worst, worst.value)


def _details(message: Message, shown: Sequence[Incident]) -> Document:
    details: Document = {
        "project": message.project,
        "reason": message.reason.value,
        "labels": {cut(name, 100): cut(value, 200) for name, value in list(message.labels.items())[:20]},
        "incidents": [_incident(incident) for incident in shown],
        "more": message.more + len(message.told) - len(shown),
    }
    if message.note is not None:
        details["note"] = cut(message.note, wording.NOTE)
    return details


def _incident(incident: Incident) -> Document:
    event = incident.latest_event or {}
    return {
        "title": cut(incident.title, 300),
        "state": incident.state.value,
        "severity": incident.severity.value,
        "count": incident.count,
        "first_seen": rfc3339(incident.first_seen),
        "last_seen": rfc3339(incident.last_seen),
        "message": cut(event.get("message"), 500),
        "acknowledged_by": cut(incident.acknowledged_by, 200),
        "url": incident.url,
    }


def _links(shown: Sequence[Incident]) -> list[dict[str, Any]]:
    links = [
        {"href": incident.url, "text": cut(f"#{incident.number} {incident.title}", 200)}
        for incident in shown
        if incident.url is not None
    ]
    links += [
        {"href": link.url, "text": link.title}
        for incident in shown[:1]
        for link in wording.links_of(incident)
    ]
    return links[:_LINKS]
