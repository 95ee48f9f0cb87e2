"""The webhook body of Prometheus' Alertmanager, version 4, for receivers that understand it.

An incident is an alert: its labels, `alertname` (the sender's own, the exception or the title), and annotations. A
message lists the incidents it reports and the unresolved ones of its group; `status` is that of the whole group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from notifier import wording
from notifier.channels.payloads.fitting import Document, cut, with_as_many_as_fit
from notifier.domain.incident import Incident
from notifier.domain.message import SHOWN_AT_MOST, Message
from notifier.domain.state import State
from notifier.domain.time import rfc3339

NEVER: Final = "0001-01-01T00:00:00Z"
_LABELS = 40


def payload(message: Message, *, receiver: str, url: str | None) -> bytes:
    """The body. `receiver` is the channel's name, `url` the base of links."""
    listed = _incidents(message)
    everything = message.more + len(listed)
    status = _status(message.state)

    def document(incidents: Sequence[Incident]) -> Document:
        alerts = [_alert(incident) for incident in incidents]
        return {
            "version": "4",
            "groupKey": message.thread_id or message.id,
            "truncatedAlerts": everything - len(alerts),
            "status": status,
            "receiver": receiver,
            "groupLabels": _shortened(message.labels),
            "commonLabels": _common([alert["labels"] for alert in alerts]),
            "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
            "externalURL": url or "",
            "alerts": alerts,
        }

    return with_as_many_as_fit(listed, document)


def _incidents(message: Message) -> list[Incident]:
    by_id = {item.incident.id: item.incident for item in message.told}
    standing = () if message.standing is None else message.standing.incidents
    others = [
        incident for incident in standing if incident.id not in by_id and incident.state is not State.RESOLVED
    ]
    return [*by_id.values(), *others][:SHOWN_AT_MOST]


def _alert(incident: Incident) -> Document:
    over = incident.resolved_at if incident.state is State.RESOLVED else None
    return {
        "status": _status(incident.state),
        "labels": {
            "alertname": _name(incident),
            **_shortened(incident.labels),
            "severity": incident.severity.value,
        },
        "annotations": _annotations(incident),
        "startsAt": rfc3339(incident.first_seen),
        "endsAt": NEVER if over is None else rfc3339(over),
        "generatorURL": incident.url or "",
        "fingerprint": _fingerprint(incident),
    }


def _status(state: State) -> str:
    return "resolved" if state is State.RESOLVED else "firing"


def _name(incident: Incident) -> str:
    labels = incident.labels
    name: str = cut(labels.get("alertname") or labels.get("exception") or incident.title, 200)
    return name


def _annotations(incident: Incident) -> dict[str, str]:
    event = incident.latest_event or {}
    annotations = {"summary": cut(incident.title, 300)}
    if isinstance(event.get("message"), str):
        annotations["description"] = cut(event["message"], 500)
    if incident.acknowledged_by is not None:
        annotations["acknowledged_by"] = cut(incident.acknowledged_by, 200)
    runbook = next((link for link in wording.links_of(incident) if link.title.lower() == "runbook"), None)
    if runbook is not None:
        annotations["runbook_url"] = cut(runbook.url, 500)
    return annotations


def _fingerprint(incident: Incident) -> str:
    """The fingerprint: equal for all incidents of one problem, as an alert's is each time that it fires."""
    identity = f"{incident.project}\0{incident.environment}\0{incident.fingerprint}"
    return sha256(identity.encode("utf-8", "replace")).hexdigest()[:16]


def _shortened(labels: Mapping[str, str]) -> dict[str, str]:
    return {cut(name, 100): cut(value, 200) for name, value in list(labels.items())[:_LABELS]}


def _common(maps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first, *others = maps or [{}]
    return {
        name: value for name, value in first.items() if all(labels.get(name) == value for labels in others)
    }
