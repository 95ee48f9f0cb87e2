"""The event of an alert: its title, service and fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from notifier.domain.time import rfc3339
from notifier.ingest import severity
from notifier.ingest.formats.prometheus.alert import Alert
from notifier.ingest.formats.reading import UNKNOWN_SERVICE
from notifier.ingest.schema import LINKS, NAME_CHARS, URL_CHARS
from notifier.policy import fingerprint

EXPORTED: Final = "exported_"
"""The prefix for a label with a reserved name, as Prometheus itself resolves such conflicts."""

_FIELDS: Final = ("environment", "host", "release")
_TAKEN: Final = frozenset({"project", "exception", "task"})
_PRODUCTION: Final = "production"


def identity(alert: Alert, *, project: str, service: str | None) -> tuple[str, str, str]:
    """The project, environment and fingerprint that the alert's events are counted under."""
    named = service_of(alert, service)
    text = fingerprint.compute(service=named, message=None, exception=None, given=_fingerprint(alert, named))
    return project, _field(alert, "environment") or _PRODUCTION, text


def _fingerprint(alert: Alert, service: str) -> list[str]:
    """The service and the labels. Two services may have rules and hosts of the same names."""
    return [service, alert.fingerprint]


def service_of(alert: Alert, service: str | None) -> str:
    """The label `service`, else the key's `service`, else the label `job`, else `unknown`."""
    return _field(alert, "service") or service or _field(alert, "job") or UNKNOWN_SERVICE


def tree(alert: Alert, *, service: str | None, id_: str | None = None) -> dict[str, Any]:
    """The tree of a native event, with the fields of `ingest.schema.EventBody`."""
    fields = {name: value for name in _FIELDS if (value := _field(alert, name))}
    named = service_of(alert, service)
    return {
        **({} if id_ is None else {"id": id_}),
        **({} if alert.starts_at is None else {"timestamp": rfc3339(alert.starts_at)}),
        **fields,
        "service": named,
        "severity": alert.labels.get("severity"),
        "message": _message(alert),
        "labels": _labels(alert),
        "context": {"annotations": dict(alert.annotations)} if alert.annotations else {},
        "fingerprint": _fingerprint(alert, named),
        "links": _links(alert),
    }


def resolution(alert: Alert, *, service: str | None) -> dict[str, Any]:
    """The tree of the native event that resolves the alert."""
    named = service_of(alert, service)
    return {
        "service": named,
        "environment": _field(alert, "environment") or _PRODUCTION,
        "fingerprint": _fingerprint(alert, named),
        "status": "resolved",
    }


def _field(alert: Alert, name: str) -> str:
    return alert.labels.get(name, "").strip()[:NAME_CHARS]


def _labels(alert: Alert) -> dict[str, str]:
    """The labels that are kept. A severity that notifier maps to another word is kept beside it."""
    labels: dict[str, str] = {}
    for name, value in alert.labels.items():
        if name in _TAKEN or (name == "severity" and severity.read(value)[0] != value):
            labels[EXPORTED + name] = value
        elif name not in {*_FIELDS, "service", "severity"}:
            labels[name] = value
    return labels


def name_of(labels: Mapping[str, str]) -> str:
    """The alert's name, or its labels if it has none."""
    return labels.get("alertname") or ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _message(alert: Alert) -> str:
    """The name and the summary in the first line, which becomes the title, and the description below."""
    annotations = alert.annotations
    parts = [
        text for name in ("summary", "message", "description") if (text := annotations.get(name, "").strip())
    ]
    head = name_of(alert.labels)
    if not parts:
        return head
    summary, *rest = dict.fromkeys(parts)
    return "\n\n".join((f"{head}: {summary}", *rest))


def _links(alert: Alert) -> list[dict[str, str]]:
    """The rule's page, and annotations whose names end in `_url`: `runbook_url`, `dashboard_url`."""
    named = [
        (name.removesuffix("_url").replace("_", " "), url)
        for name, url in alert.annotations.items()
        if name.endswith("_url")
    ]
    links = [*sorted(named, key=lambda link: link[0] != "runbook"), ("query", alert.generator_url)]
    return [
        {"title": title, "url": url}
        for title, url in links
        if title and url[:8].lower().startswith(("http://", "https://")) and len(url) <= URL_CHARS
    ][:LINKS]
