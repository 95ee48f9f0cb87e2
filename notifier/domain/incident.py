"""An incident: all events of one (project, environment, fingerprint) since it opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import Instant, parse_rfc3339, rfc3339
from notifier.domain.value import Value


def page(base: str, number: int, id_: str) -> str:
    """The URL of an incident's page. It includes the id, since a restored database may reuse a number."""
    return f"{base}/incidents/{number}?id={id_}"


def with_links_of(document: Mapping[str, Any], source: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The document of a sample. If it has no links it gets those of `source`, and `links_from` names their event."""
    if source is None or document.get("links") or not source.get("links"):
        return document
    links_from = source.get("links_from") or source.get("id")
    return {**document, "links": source["links"], "links_from": links_from}


class Incident(Value, frozen=True, kw_only=True):
    """An incident as lists, webhooks and templates show it.

    `varying` names labels that were removed from `labels` because a later event had another value. `latest_event` is
    the document of the newest sample, or None if samples were deleted or not read.
    """

    id: str
    number: int
    project: str
    environment: str
    fingerprint: str
    title: str
    state: State
    severity: Severity
    labels: Mapping[str, str]
    varying: tuple[str, ...] = ()
    count: int
    first_seen: Instant
    last_seen: Instant
    acknowledged_by: str | None = None
    resolved_at: Instant | None = None
    previous_id: str | None = None
    url: str | None = None
    latest_event: Mapping[str, Any] | None = None

    @property
    def service(self) -> str:
        return self.labels.get("service", "")

    def as_json(self) -> dict[str, Any]:
        """The public form (RULES.md#the-incident), with keys in their documented order."""
        return {
            "id": self.id,
            "number": self.number,
            "project": self.project,
            "environment": self.environment,
            "fingerprint": self.fingerprint,
            "title": self.title,
            "state": self.state.value,
            "severity": self.severity.value,
            "labels": dict(self.labels),
            "varying": list(self.varying),
            "count": self.count,
            "first_seen": rfc3339(self.first_seen),
            "last_seen": rfc3339(self.last_seen),
            "acknowledged_by": self.acknowledged_by,
            "resolved_at": None if self.resolved_at is None else rfc3339(self.resolved_at),
            "previous_id": self.previous_id,
            "url": self.url,
            "latest_event": None if self.latest_event is None else dict(self.latest_event),
        }

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> Incident:
        """Restore a stored snapshot; the inverse of `as_json`."""
        resolved_at = document["resolved_at"]
        return Incident(
            id=document["id"],
            number=document["number"],
            project=document["project"],
            environment=document["environment"],
            fingerprint=document["fingerprint"],
            title=document["title"],
            state=State(document["state"]),
            severity=Severity(document["severity"]),
            labels=document["labels"],
            varying=tuple(document["varying"]),
            count=document["count"],
            first_seen=parse_rfc3339(document["first_seen"]),
            last_seen=parse_rfc3339(document["last_seen"]),
            acknowledged_by=document["acknowledged_by"],
            resolved_at=None if resolved_at is None else parse_rfc3339(resolved_at),
            previous_id=document["previous_id"],
            url=document["url"],
            latest_event=document["latest_event"],
        )
