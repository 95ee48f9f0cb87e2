"""Alerts of Prometheus: parsing, mapping to events, and damaged bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.event import Rejection
from notifier.ingest.batch import Malformed
from notifier.ingest.formats.prometheus.alert import Alert, read_alerts
from notifier.ingest.formats.prometheus.event import identity, resolution, service_of, tree
from notifier.ingest.normalize import Normalizer

NOW = 1_795_780_800_000
ALERT = {
    "labels": {
        "alertname": "HighLatency",
        "severity": "page",
        "job": "api",
        "instance": "10.0.0.7:9100",
        "größe in GB": "3",
        "project": "x",
        "empty": "",
    },
    "annotations": {
        "summary": "p99 is 3 s",
        "description": "Since\nan hour.",
        "runbook_url": "https://runbooks.example.com/latency",
        "dashboard_url": "javascript:alert(1)",
    },
    "startsAt": "2026-11-27T12:00:00.123456789Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus:9090/graph?g0.expr=x",
}


def read_one(**changes: Any) -> Alert:
    posted = read_alerts(json.dumps([{**ALERT, **changes}]).encode())
    assert posted.faults == []
    return posted.alerts[0][1]


def normalized(tree_: dict[str, Any]) -> Any:
    normalizer = Normalizer(max_event_bytes=200_000, new_id=lambda: "an-id")
    [result] = normalizer.read([tree_], project="shop", received_at=NOW, sent_at=None)
    assert not isinstance(result, Rejection), result
    return result.event


def test_an_alert_is_an_event() -> None:
    """Go's zero time counts as missing, empty labels are dropped, and reserved names are renamed."""
    alert = read_one()
    assert (alert.starts_at, alert.ends_at) == (1_795_780_800_123, None)
    event = normalized(tree(alert, service=None))
    assert (event.title, event.severity.value, event.service) == (
        "HighLatency: p99 is 3 s",
        "critical",
        "api",
    )
    assert event.labels == {
        "alertname": "HighLatency",
        "exported_severity": "page",
        "exported_project": "x",
        "job": "api",
        "instance": "10.0.0.7:9100",
        "größe in GB": "3",
        "project": "shop",
        "service": "api",
        "environment": "production",
        "severity": "critical",
    }
    document = json.loads(event.document)
    assert [link["title"] for link in document["links"]] == ["runbook", "query"]
    assert document["message"] == "HighLatency: p99 is 3 s\n\nSince\nan hour."


@pytest.mark.parametrize("service", [None, "platform"])
@pytest.mark.parametrize(
    "labels",
    [
        {"alertname": "A", "environment": " staging ", "severity": "ticket"},
        {"alertname": "A", "service": "x" * 300, "environment": "y" * 300},
        {"a": "b", "password": "hunter2hunter2", "severity": "none"},
        {"alertname": "A", "job": "j", "release": "r", "host": "h"},
    ],
)
def test_the_identity_is_known_before_the_event(service: str | None, labels: dict[str, str]) -> None:
    """The identity is the same for firing and resolved alerts."""
    alert = read_one(labels=labels)
    for made in (tree(alert, service=service), resolution(alert, service=service)):
        event = normalized(made)
        assert (event.project, event.environment, event.fingerprint) == identity(
            alert, project="shop", service=service
        )


def test_whose_an_alert_is() -> None:
    """The service is the label `service`, else the key's, else `job`."""
    both = read_one(labels={"service": "billing", "job": "node"})
    job, none = read_one(labels={"job": "node"}), read_one(labels={"alertname": "A"})
    assert [service_of(one, "key's") for one in (both, job, none)] == ["billing", "key's", "key's"]
    assert [service_of(one, None) for one in (both, job, none)] == ["billing", "node", "unknown"]


def test_replicas_are_one_problem_and_other_labels_are_not() -> None:
    labels = {"alertname": "A", "job": "j"}
    plain = read_one(labels=labels).fingerprint
    assert read_one(labels={**labels, "prometheus_replica": "a"}).fingerprint == plain
    assert read_one(labels={**labels, "__replica__": "b"}, annotations={}).fingerprint == plain
    assert len({read_one(labels={**labels, "replica": value}).fingerprint for value in ("1", "2", "")}) == 3
    assert read_one(labels={"alertname": "Aj", "ob": "j"}).fingerprint != plain


@given(data=st.data())
def test_damaged_bodies_cost_a_sentence(data: st.DataObject) -> None:
    """A damaged body gives alerts or `Malformed`, and alerts give events or rejections."""
    body = bytearray(json.dumps([ALERT, ALERT], ensure_ascii=False).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        cut = data.draw(st.integers(0, 12))
        body[at : at + cut] = data.draw(st.binary(max_size=6))
        if not body:
            return
    _harmless(bytes(body))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_TEXTS = st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=4)


@given(
    alerts=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "labels": _TEXTS | _JSON,
                "annotations": _TEXTS | _JSON,
                "startsAt": st.datetimes().map(lambda at: at.isoformat() + "Z") | _JSON,
                "endsAt": st.datetimes().map(lambda at: at.isoformat() + "Z") | _JSON,
                "generatorURL": _JSON,
            },
        ),
        max_size=3,
    )
)
def test_any_alert_is_read_or_refused(alerts: list[Any]) -> None:
    """Every item is an alert or an error."""
    try:
        posted = read_alerts(json.dumps(alerts).encode())
    except Malformed:
        return
    assert len(posted.alerts) + len(posted.faults) == len(alerts)
    _harmless(json.dumps(alerts).encode())


def _harmless(body: bytes) -> None:
    try:
        posted = read_alerts(body)
    except Malformed:
        return
    normalizer = Normalizer(max_event_bytes=200_000, new_id=lambda: "an-id")
    for _, alert in posted.alerts:
        trees = [tree(alert, service=None), resolution(alert, service=None)]
        normalizer.read(trees, project="shop", received_at=NOW, sent_at=None)
        assert identity(alert, project="shop", service=None)
