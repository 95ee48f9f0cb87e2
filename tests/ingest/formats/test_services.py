"""Events of different services are different problems, in every format."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from notifier.ingest.formats import declared
from notifier.ingest.formats.cloudevents import read as read_cloudevents
from notifier.ingest.formats.otlp.json_body import read_json
from notifier.ingest.formats.otlp.records import events
from notifier.ingest.formats.pagerduty import read_alert
from notifier.ingest.formats.prometheus.alert import read_alerts
from notifier.ingest.formats.prometheus.event import identity, resolution, tree
from notifier.ingest.formats.sentry.event import tree_of
from notifier.ingest.normalize import Accepted, Normalizer
from notifier.settings.formats import shipped


def _prometheus(service: str) -> Mapping[str, Any]:
    body = [{"labels": {"alertname": "InstanceDown", "instance": "localhost:9100", "job": "node"}}]
    ((_, alert),) = read_alerts(json.dumps(body).encode()).alerts
    event = tree(alert, service=service)
    assert event["fingerprint"] == resolution(alert, service=service)["fingerprint"]
    assert _fingerprint(event) == identity(alert, project="p", service=service)[2]
    return event


def _pagerduty(service: str, **more: Any) -> Mapping[str, Any]:
    payload = {"summary": "disk is full", "source": "db-1", "severity": "error"}
    body = {"routing_key": "k", "event_action": "trigger", "payload": payload, **more}
    alert = read_alert(json.dumps(body).encode(), service=service)
    ended = read_alert(
        json.dumps({"event_action": "resolve", "dedup_key": alert.dedup_key}).encode(), service=service
    )
    event = _tree(alert.read.items[0])
    assert alert.fingerprint == ended.fingerprint == tuple(event["fingerprint"])
    return event


def _sentry(service: str, **event: Any) -> Mapping[str, Any]:
    return tree_of({"level": "error", "logger": "shared", **event}, service=service, warnings=[])


def _format(name: str) -> Callable[[str], Mapping[str, Any]]:
    format_ = shipped()[name]
    sample = json.dumps(format_.sample).encode()
    return lambda service: _tree(declared.read(format_, name, sample, {}, service=service).items[0])


def _cloudevent(service: str) -> Mapping[str, Any]:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/shared",
        "type": "failed",
        "data": {"message": "full"},
    }
    headers = {"content-type": "application/cloudevents+json"}
    return _tree(read_cloudevents(json.dumps(event).encode(), headers, service=service).items[0])


def _otlp(service: str) -> Mapping[str, Any]:
    record = {"severityNumber": 17, "body": {"stringValue": "disk is full"}}
    body = {"resourceLogs": [{"scopeLogs": [{"scope": {"name": "shared"}, "logRecords": [record]}]}]}
    records, dropped = read_json(json.dumps(body).encode())
    return _tree(events(records, dropped, service=service).items[0])


DOORS: dict[str, Callable[[str], Mapping[str, Any]]] = {
    "prometheus": _prometheus,
    "pagerduty, a key of the sender's": partial(_pagerduty, dedup_key="disk"),
    "pagerduty, no key": _pagerduty,
    "sentry, a template": partial(
        _sentry, logentry={"message": "lost %s", "formatted": "lost 1", "params": ["1"]}
    ),
    "sentry, an exception": partial(_sentry, exception={"values": [{"type": "KeyError", "value": "price"}]}),
    "cloudevents": _cloudevent,
    "otlp": _otlp,
    **{name: _format(name) for name in ("alertmanager", "grafana", "uptime-kuma", "gitlab")},
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_what_two_services_send_alike_is_two_problems(door: Callable[[str], Mapping[str, Any]]) -> None:
    """Equal bodies with two services' keys are two problems; a repeat is the same problem."""
    found = [_fingerprint(door(service)) for service in ("billing", "search", "billing")]
    assert found[0] == found[2] != found[1]


def _tree(item: Any) -> Mapping[str, Any]:
    assert isinstance(item, Mapping), item
    return item


def _fingerprint(event: Mapping[str, Any]) -> str:
    read = Normalizer(max_event_bytes=65_536, new_id=lambda: "id").read
    (accepted,) = read([dict(event)], project="p", received_at=0, sent_at=None)
    assert isinstance(accepted, Accepted), accepted
    return accepted.event.fingerprint
