"""The door of Prometheus and amtool, on a running service: alerts in, and the answers that those clients understand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.processes import Service, eventually


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {
        "channels": {"console": {"type": "console"}, "other": {"type": "console"}},
        "route": {"channels": ["console"], "group_wait": "0s"},
        "ingest": {"max_body_bytes": "1MiB"},
    }
    with Service(tmp_path_factory.mktemp("prometheus"), settings) as service:
        yield service


def moment(seconds: float = 0) -> str:
    """A moment as Prometheus writes it: nine decimals."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def alert(
    name: str, *, ends_in: float | None = 240, more: Mapping[str, str] | None = None, **labels: str
) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "job": "node", "severity": "page", **labels, **(more or {})},
        "annotations": {
            "summary": "the disk is full",
            "description": "Since an hour.",
            "runbook_url": "https://runbooks.example.com/disk",
        },
        "startsAt": moment(-60),
        **({} if ends_in is None else {"endsAt": moment(ends_in)}),
        "generatorURL": "https://prometheus.example.com/graph?g0.expr=up",
    }


def post(service: Service, body: Any, key: str | None = None, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with service.client(key) as client:
        return client.post("/api/v2/alerts", content=content, headers=headers)


def made(service: Service, *scopes: str, fields: Mapping[str, str] | None = None) -> str:
    with service.client() as client:
        answer = client.post("/v1/keys", json={"scopes": scopes, **(fields or {})})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


def incident(service: Service, name: str, **query: Any) -> Mapping[str, Any]:
    [found] = service.items("/v1/incidents", q=f'alertname="{name}"', **query)
    return found


def test_an_alert_becomes_an_incident_and_its_resend_none(service: Service) -> None:
    """200 and nothing else; title, links, labels and severity as people know them; told once; ended by its sender."""
    firing = alert("DiskFull", environment="staging", project="x", more={"größe in GB": "ü", "a.b": "c"})
    for _ in range(3):
        answer = post(service, gzip.compress(json.dumps([firing]).encode()), **{"content-encoding": "gzip"})
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == "application/json"
    found = incident(service, "DiskFull")
    assert (found["title"], found["severity"], found["count"], found["state"]) == (
        "DiskFull: the disk is full",
        "critical",
        1,
        "open",
    )
    assert found["labels"] == {
        "alertname": "DiskFull",
        "a.b": "c",
        "größe in GB": "ü",
        "job": "node",
        "exported_severity": "page",
        "exported_project": "x",
        "project": "default",
        "service": "node",
        "environment": "staging",
        "severity": "critical",
    }
    event = service.get(f"/v1/incidents/{found['id']}")["latest_event"]
    assert event["links"] == [
        {"title": "runbook", "url": "https://runbooks.example.com/disk"},
        {"title": "query", "url": "https://prometheus.example.com/graph?g0.expr=up"},
    ]
    assert event["context"]["annotations"]["description"] == "Since an hour."
    told = eventually(lambda: service.items("/v1/deliveries", channel="console"))
    over = {**firing, "endsAt": moment(-1)}
    assert post(service, [over]).status_code == 200
    assert incident(service, "DiskFull")["state"] == "resolved"
    assert len(told) == 1
    books = service.accounting()
    assert (books["accepted"], books["refreshed"]) == (1, 2)
    with service.client() as client:
        text = client.get("/metrics").text
    assert 'notifier_events_total{format="prometheus",result="accepted"}' in text


def test_the_good_alerts_of_a_list_are_kept(service: Service) -> None:
    """Beside those without labels, that end before they start, or are no alerts: 400, a sentence as a JSON string."""
    good = alert("Good")
    bad = [
        1,
        {"labels": {}},
        {"labels": {"a": ""}},
        {"labels": {"": "b"}},
        {"labels": {"a": 1}},
        {"labels": ["a"]},
        {**good, "endsAt": moment(-120)},
        {**good, "startsAt": "yesterday"},
        {**good, "startsAt": 1},
        {**good, "generatorURL": []},
        {**good, "annotations": {"summary": "x" * 70_000}},
        {**alert("Gone"), "startsAt": "1999-01-01T00:00:00Z", "endsAt": "1999-01-01T01:00:00Z"},
    ]
    answer = post(service, [*bad, good])
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    sentence = answer.json()
    assert sentence.startswith(
        "[0]: an alert is a JSON object; [1].labels: an alert needs at least one label"
    )
    assert sentence.endswith("; and 2 more")
    assert "yesterday" not in sentence
    assert incident(service, "Good")["count"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"{}", 400),
        (b"null", 400),
        (b'"alerts"', 400),
        (b"[" * 100_000, 400),
        (b"\xff\xfe[]", 400),
        (b"[]", 200),
        (b"[" + b"{}," * 10_000 + b"{}]", 413),
        (b"[" + b" " * 2_000_000 + b"]", 413),
    ],
)
def test_bad_bodies_are_refused_in_a_sentence(service: Service, body: bytes, status: int) -> None:
    answer = post(service, body)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert isinstance(answer.json(), str)


def test_keys(service: Service) -> None:
    """Posting needs `ingest`; a key for Prometheus names the service of alerts without one, and opens no other door."""
    for key in ("ntf_nobody", made(service, "read")):
        answer = post(service, [alert("Never")], key)
        assert answer.status_code in {401, 403}
        assert isinstance(answer.json(), str)
    key = made(service, "ingest", fields={"for": "prometheus", "service": "platform"})
    assert post(service, [alert("Platform"), alert("Named", service="billing")], key).status_code == 200
    assert incident(service, "Platform")["labels"]["service"] == "platform"
    assert incident(service, "Named")["labels"]["service"] == "billing"
    with service.client(key) as client:
        assert client.post("/v1/events", json={"service": "a", "message": "b"}).status_code == 403
    basic = httpx.post(f"{service.url}/api/v2/alerts", json=[alert("Basic")], auth=("", key))
    assert basic.status_code == 200
