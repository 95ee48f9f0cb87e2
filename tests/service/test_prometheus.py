"""The door of Prometheus and amtool, on a running service: alerts in, and the answers that those clients understand."""

from __future__ import annotations

import functools
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
        http(service.url).close()


@functools.cache
def http(url: str) -> httpx.Client:
    """One client for all requests: making one costs more than a request."""
    return httpx.Client(base_url=url, timeout=30)


def send(
    service: Service, method: str, path: str, document: Any = None, key: str | None = None, **options: Any
) -> httpx.Response:
    authorization = {"authorization": f"Bearer {key or service.key}"}
    return http(service.url).request(
        method, path, json=document, headers={**authorization, **options.pop("headers", {})}, **options
    )


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
    return send(service, "POST", "/api/v2/alerts", key=key, content=content, headers=headers)


def made(service: Service, *scopes: str, fields: Mapping[str, str] | None = None) -> str:
    answer = send(service, "POST", "/v1/keys", {"scopes": scopes, **(fields or {})})
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
    text = send(service, "GET", "/metrics").text
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
        # A number that JSON may have and no database.
        *((b'[{"labels": {"alertname": %s}}]' % digits, 400) for digits in (b"9" * 400, b"1e999")),
        (b'[{"labels": {"alertname": "A"}, "annotations": {"summary": %s}}]' % (b"9" * 400), 400),
        (b'[{"labels": {"alertname": "A"}, "generatorURL": 1e999}]', 400),
        (b'[{"labels": {"alertname": "A"}, "startsAt": 1e999}]', 400),
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
    assert send(service, "POST", "/v1/events", {"service": "a", "message": "b"}, key).status_code == 403
    basic = http(service.url).post("/api/v2/alerts", json=[alert("Basic")], auth=("", key))
    assert basic.status_code == 200


def read(service: Service, path: str, *query: tuple[str, str]) -> Any:
    answer = send(service, "GET", f"/api/v2{path}", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def names(alerts: list[dict[str, Any]]) -> list[str]:
    return [one["labels"]["alertname"] for one in alerts]


def test_what_is_not_resolved_is_read_as_alerts(service: Service) -> None:
    """With the labels as they were posted, by filters; incidents of other senders have a name as well."""
    sent = {**alert("Listed", env="eu", more={"a b": "c"}), "startsAt": "2026-11-27T12:00:00.123456789Z"}
    assert post(service, [sent]).status_code == 200
    assert (
        service.post({"service": "native", "message": "it broke", "labels": {"env": "eu"}}).status_code == 202
    )
    [listed] = read(service, "/alerts", ("filter", 'alertname="Listed"'))
    assert {name: listed[name] for name in ("labels", "annotations", "generatorURL", "startsAt")} == {
        "labels": sent["labels"],
        "annotations": sent["annotations"],
        "generatorURL": sent["generatorURL"],
        "startsAt": "2026-11-27T12:00:00.123Z",
    }
    assert listed["endsAt"].startswith(sent["endsAt"][:19])
    assert listed["status"] == {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []}
    assert listed["receivers"] == [{"name": "console"}]
    assert len(listed["fingerprint"]) == 16
    assert listed["updatedAt"]
    eu = read(service, "/alerts", ("filter", '"env"=~"e."'), ("filter", 'service=""'))
    assert names(eu) == ["Listed"]
    assert names(read(service, "/alerts", ("filter", 'service="native"'))) == ["it broke"]
    assert read(service, "/alerts", ("filter", 'alertname="Listed"'), ("active", "false")) == []
    assert names(read(service, "/alerts", ("receiver", "con.*"), ("filter", '{"a b"="c"}'))) == ["Listed"]
    assert read(service, "/alerts", ("receiver", "con")) == []
    groups = eventually(lambda: read(service, "/alerts/groups", ("filter", 'alertname="Listed"')))
    assert [(group["receiver"], names(group["alerts"])) for group in groups] == [
        ({"name": "console"}, ["Listed"])
    ]
    assert groups[0]["labels"]["service"] == "node"
    assert read(service, "/receivers") == [{"name": "console"}, {"name": "other"}]
    state = read(service, "/status")
    assert state["cluster"] == {"name": "", "status": "disabled", "peers": []}
    assert set(state) == {"cluster", "versionInfo", "config", "uptime"}


def silence(*matchers: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "matchers": list(matchers),
        "startsAt": moment(-5),
        "endsAt": moment(3_600),
        "createdBy": "ann",
        "comment": "known",
        **fields,
    }


def test_silences_are_ours(service: Service) -> None:
    """Made, changed, found by filters and ended there as here; a severity of the sender's own is matched by it."""
    assert post(service, [alert("Quiet"), alert("Loud", severity="critical")]).status_code == 200
    matchers = (
        {"name": "alertname", "value": "Quiet|Loud", "isRegex": True},
        {"name": "severity", "value": "page", "isRegex": False, "isEqual": True},
        {"name": "token", "value": "", "isRegex": False, "isEqual": True},
        {"name": "api_key", "value": "hunter2", "isRegex": False, "isEqual": False},
    )
    made = send(service, "POST", "/api/v2/silences", silence(*matchers))
    assert made.status_code == 200, made.text
    id_ = made.json()["silenceID"]
    ours = service.get(f"/v1/silences/{id_}")
    assert ours["matchers"] == [
        'alertname=~"Quiet|Loud"',
        'exported_severity="page"',
        'token=""',
        'api_key!="[scrubbed]"',
    ]
    assert (ours["author"], ours["comment"], ours["state"]) == ("ann", "known", "active")
    theirs = read(service, f"/silence/{id_}")
    assert theirs["matchers"] == [
        {"name": "alertname", "value": "Quiet|Loud", "isRegex": True, "isEqual": True},
        {"name": "severity", "value": "page", "isRegex": False, "isEqual": True},
        {"name": "token", "value": "", "isRegex": False, "isEqual": True},
        {"name": "api_key", "value": "[scrubbed]", "isRegex": False, "isEqual": False},
    ]
    assert (theirs["id"], theirs["status"]) == (id_, {"state": "active"})
    [quiet] = read(service, "/alerts", ("filter", 'alertname="Quiet"'))
    assert quiet["status"] == {"state": "suppressed", "silencedBy": [id_], "inhibitedBy": [], "mutedBy": []}
    assert read(service, "/alerts", ("filter", 'alertname="Quiet"'), ("silenced", "false")) == []
    assert names(read(service, "/alerts", ("filter", 'alertname="Loud"'), ("silenced", "false"))) == ["Loud"]
    assert [one["id"] for one in read(service, "/silences", ("filter", 'severity="page"'))] == [id_]
    assert read(service, "/silences", ("filter", 'severity="other"')) == []
    changed = send(service, "POST", "/api/v2/silences", silence(*matchers, id=id_, comment="still known"))
    assert changed.json() == {"silenceID": id_}
    assert read(service, f"/silence/{id_}")["comment"] == "still known"
    assert send(service, "DELETE", f"/api/v2/silence/{id_}").status_code == 200
    assert read(service, f"/silence/{id_}")["status"] == {"state": "expired"}
    again = send(service, "POST", "/api/v2/silences", silence(*matchers, id=id_)).json()["silenceID"]
    assert again != id_
    assert send(service, "DELETE", f"/api/v2/silence/{again}").status_code == 200


def test_bad_silences_and_parameters_are_refused_in_a_sentence(service: Service) -> None:
    one = {"name": "a", "value": "b"}
    bad: list[Any] = [
        [],
        silence(),
        silence(1),  # type: ignore[arg-type]
        silence({"name": "", "value": "b"}),
        silence({"name": "a", "value": 1}),
        silence({"name": "a", "value": "(", "isRegex": True}),
        silence({**one, "isRegex": "yes"}),
        silence({"name": "a", "value": ""}),
        silence(one, endsAt=None),
        silence(one, endsAt=moment(-60)),
        silence(one, startsAt="now"),
        silence(one, comment=""),
        silence(one, comment=["why"]),
        silence(one, comment=10**30),
        silence(one, startsAt=10**30),
        silence({**one, "value": 10**30}),
        silence({**one, "name": 10**30}),
        silence(*[one] * 51),
    ]
    for document in bad:
        answer = send(service, "POST", "/api/v2/silences", document)
        assert (answer.status_code, type(answer.json())) == (400, str), (document, answer.text)
    for path in ("/silence/none", "/silence/00000000-0000-0000-0000-000000000000"):
        assert send(service, "GET", f"/api/v2{path}").status_code == 404
        assert send(service, "DELETE", f"/api/v2{path}").status_code == 404
    assert send(service, "POST", "/api/v2/silences", silence(one, id="none")).status_code == 404
    for query in ("filter=%7B", "filter=a", "active=yes", "receiver=(", "filter=a%3D1&" * 51):
        assert send(service, "GET", f"/api/v2/alerts?{query}").status_code == 400, query


def test_reading_and_silencing_need_their_scopes(service: Service) -> None:
    """The projects of other keys are not seen."""
    ingest, reader = made(service, "ingest"), made(service, "read", fields={"project": "elsewhere"})
    for path in ("/alerts", "/alerts/groups", "/receivers", "/status", "/silences"):
        assert send(service, "GET", f"/api/v2{path}", key=ingest).status_code == 403
    assert send(service, "GET", "/api/v2/alerts", key=reader).json() == []
    document = silence({"name": "a", "value": "b"})
    assert send(service, "POST", "/api/v2/silences", document, key=reader).status_code == 403
    assert send(service, "DELETE", "/api/v2/silence/none", key=reader).status_code == 403
    assert send(service, "PUT", "/api/v2/alerts").status_code == 405


def test_it_says_that_it_is_healthy_and_ready(service: Service) -> None:
    """Without a key, and to HEAD."""
    for path in ("/-/healthy", "/-/ready"):
        answer = http(service.url).get(path)
        assert (answer.status_code, answer.text) == (200, "OK")
        assert http(service.url).head(path).status_code == 200
