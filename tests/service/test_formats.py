"""The door of formats that are data, and CloudEvents where native events are taken, on a running service."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import hmac
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from notifier.domain.time import rfc3339
from notifier.settings.formats import shipped
from tests.environments import run_program
from tests.processes import Service
from tests.sockets import free_port

SECRET = "the-forge-knows-it"
ALLOWED = "arn:aws:sns:eu-central-1:123456789012:alarms"
NOW = rfc3339(time.time_ns() // 1_000_000)
SNS = {
    "Type": "SubscriptionConfirmation", "MessageId": "m", "TopicArn": f"{ALLOWED}-2", "Message": "You have chosen ...",
    "Timestamp": "2020-01-01T00:00:00Z", "Token": "t", "SubscribeURL": "https://evil.example.com/",
    "SignatureVersion": "2", "Signature": "AAAA", "SigningCertURL": "https://evil.example.com/x.pem",
}  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {
        "channels": {"console": {"type": "console"}},
        "route": {"channels": ["console"], "group_wait": "1h"},
        "ingest": {"max_body_bytes": "1MiB"},
        "formats": {
            "github": {"verify": {"secret": SECRET}},
            "sns": {"verify": {"topics": [ALLOWED]}},
            "ours": {
                "detect": "kind == 'alarm'",
                "items": "alarms",
                "map": {"service": "app", "message": "text", "fingerprint": "[id]", "severity": "level"},
                "severities": {"bad": "critical"},
                "resolve_when": "state == 'over'",
            },
        },
    }
    with Service(tmp_path_factory.mktemp("formats"), settings) as service:
        yield service


@pytest.fixture(scope="module")
def key(service: Service) -> str:
    with service.client() as client:
        answer = client.post("/v1/keys", json={"scopes": ["ingest"]})
    return str(answer.json()["key"])


def post(
    service: Service, format_: str, body: Any, key: str | None, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    authorization = {} if key is None else {"authorization": f"Bearer {key}"}
    return httpx.post(
        f"{service.url}/v1/ingest/{format_}", content=content, headers={**authorization, **(headers or {})}
    )


def signed(body: bytes, delivery: str, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.digest(secret.encode(), body, hashlib.sha256).hex()
    return {"x-hub-signature-256": f"sha256={digest}", "x-github-delivery": delivery}


def test_alerts_open_and_resolve_incidents(service: Service, key: str) -> None:
    """One of the sample fires, the other is over without ever having been open; then the first is over as well."""
    body = json.loads(json.dumps(shipped()["alertmanager"].sample))
    answer = post(service, "alertmanager", body, key)
    assert answer.status_code == 202, answer.text
    assert [result["status"] for result in answer.json()["results"]] == ["accepted", "accepted"]
    [incident] = service.items("/v1/incidents", q='alertname="DiskFull"')
    assert (incident["state"], incident["severity"], incident["title"]) == (
        "open",
        "critical",
        "DiskFull: /var on db-1 is 97 % full",
    )
    body["alerts"][0]["status"] = "resolved"
    packed = gzip.compress(json.dumps(body).encode())
    assert post(service, "alertmanager", packed, key, {"content-encoding": "gzip"}).status_code == 202
    [incident] = service.items("/v1/incidents", q='alertname="DiskFull"')
    assert incident["state"] == "resolved"
    with service.client() as client:
        metrics = client.get("/metrics").text
    assert 'notifier_events_total{format="alertmanager",result="accepted"} 4.0' in metrics


def test_a_format_of_ones_own(service: Service, key: str) -> None:
    """As the configuration says; what cannot become an event is rejected in a sentence, and costs no other."""
    alarms = [{"app": "shop", "text": "late", "id": 7, "level": "bad"}, {"app": "shop", "id": 8}]
    answer = post(service, "ours", {"kind": "alarm", "alarms": alarms}, key)
    assert answer.status_code == 202
    first, second = answer.json()["results"]
    assert (first["status"], second["status"], second["index"]) == ("accepted", "rejected", 1)
    assert "message" in second["error"]
    [incident] = service.items("/v1/incidents", q='service="shop"')
    assert (incident["severity"], incident["title"]) == ("critical", "late")
    alone = post(service, "ours", {"kind": "alarm", "alarms": alarms[1:]}, key)
    assert (alone.status_code, alone.json()["results"][0]["status"]) == (422, "rejected")


def test_a_signature_stands_beside_the_key(service: Service, key: str) -> None:
    """Neither alone lets anybody in, and a delivery that comes again is a duplicate."""
    body = json.dumps(shipped()["github"].sample).encode()
    assert post(service, "github", body, key).status_code == 401
    assert post(service, "github", body, key, signed(body, "d-1", "forged")).status_code == 401
    assert post(service, "github", body, None, signed(body, "d-1")).status_code == 401
    for status in ("accepted", "duplicate"):
        answer = post(service, "github", body, key, signed(body, "d-1"))
        assert (answer.status_code, answer.json()["results"][0]["status"]) == (202, status)
    assert SECRET not in service.log


def test_a_ping_is_taken(service: Service, key: str) -> None:
    """A forge that sees an error there shows its webhook as broken."""
    body = json.dumps({"zen": "Speak like a human.", "hook": {"id": 1}}).encode()
    answer = post(service, "github", body, key, signed(body, "ping"))
    assert (answer.status_code, answer.json()) == (202, {"results": []})


def test_a_key_in_an_address_only_posts(service: Service, key: str) -> None:
    """For senders that can do nothing else; it is not logged."""
    body = json.dumps(shipped()["uptime-kuma"].sample)
    for secret, status in ((key, 202), (service.key, 403), ("ntf_" + "x" * 40, 401)):
        answer = httpx.post(f"{service.url}/v1/ingest/uptime-kuma?key={secret}", content=body)
        assert answer.status_code == status, answer.text
    assert key not in service.log


@pytest.mark.parametrize(
    ("format_", "body", "status"),
    [
        ("nothing", {}, 404),
        ("grafana", {}, 422),
        ("grafana", b"", 422),
        ("grafana", b"{", 422),
        ("grafana", b" " * 2_000_000, 413),
        ("ours", {"kind": "alarm", "alarms": [None]}, 422),
        ("sns", {"AlarmName": "raw delivery"}, 422),
        ("sns", SNS, 403),
        ("sns", {**SNS, "TopicArn": ALLOWED}, 401),
        ("sns", {**SNS, "TopicArn": ALLOWED, "Timestamp": NOW}, 401),
        ("ours", {"kind": "alarm", "alarms": [{"text": "x" * 300_000, "app": "a"}]}, 422),
    ],
)
def test_what_cannot_be_taken_is_refused_in_a_sentence(
    service: Service, key: str, format_: str, body: Any, status: int
) -> None:
    """Never with a 5xx, and without repeating what was sent."""
    answer = post(service, format_, body, key)
    assert answer.status_code == status, answer.text
    assert "xxxx" not in answer.text


def test_a_reload_brings_another_format(service: Service, key: str) -> None:
    """At once, without a restart."""
    document = yaml.safe_load(service.config.read_text())
    document["formats"]["later"] = {"map": {"service": "s", "message": "m"}}
    assert post(service, "later", {"s": "a", "m": "b"}, key).status_code == 404
    service.config.write_text(yaml.safe_dump(document))
    with service.client() as client:
        assert client.post("/v1/config/reload").status_code == 200
    assert post(service, "later", {"s": "a", "m": "b"}, key).status_code == 202


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("prometheus-alertmanager") is None, reason="Debian's Alertmanager is not installed"
)
def test_alertmanager_itself_is_served(service: Service, key: str, tmp_path: Path) -> None:
    """An alert that is posted to it fires here, and is over here when it is over there."""
    receiver = {
        "url": f"{service.url}/v1/ingest/alertmanager",
        "http_config": {"authorization": {"credentials": key}},
    }
    route = {"receiver": "n", "group_wait": "0s", "group_interval": "1s"}
    config = {
        "route": route,
        "receivers": [{"name": "n", "webhook_configs": [{**receiver, "send_resolved": True}]}],
    }
    (tmp_path / "am.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = ["--config.file=am.yml", "--storage.path=data", f"--web.listen-address=127.0.0.1:{port}"]
    command = ["prometheus-alertmanager", *options, "--cluster.listen-address="]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        try:
            soon(lambda: httpx.get(f"{url}/-/ready").status_code == 200)
            alert = {"labels": {"alertname": "Real", "service": "am"}, "annotations": {"summary": "it is so"}}
            httpx.post(f"{url}/api/v2/alerts", json=[alert]).raise_for_status()
            soon(
                lambda: [one["state"] for one in service.items("/v1/incidents", q='service="am"')] == ["open"]
            )
            over = {**alert, "endsAt": rfc3339(time.time_ns() // 1_000_000)}
            httpx.post(f"{url}/api/v2/alerts", json=[over]).raise_for_status()
            soon(
                lambda: (
                    [one["state"] for one in service.items("/v1/incidents", q='service="am"')] == ["resolved"]
                )
            )
        finally:
            process.terminate()


def soon(holds: Callable[[], bool]) -> None:
    """Wait until it holds, at most for 20 seconds."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if holds():
                return
        time.sleep(0.1)
    raise AssertionError("it did not come to hold")


CLOUD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "a-1",
    "source": "/shop",
    "type": "order.failed",
    "data": {"message": "could not charge"},
}
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


def cloud(service: Service, body: Any, headers: Mapping[str, str]) -> httpx.Response:
    """A CloudEvent, where native events are taken."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with service.client() as client:
        return client.post("/v1/events", content=content, headers=headers)


def test_each_mode_is_answered_as_a_native_event(service: Service) -> None:
    """One as one, a batch as several; source and id make a repeat a duplicate, however it is carried."""
    answer = cloud(service, CLOUD, STRUCTURED)
    assert (answer.status_code, answer.json()["status"], answer.json()["id"]) == (
        202,
        "accepted",
        "/shop#a-1",
    )
    assert answer.headers["x-request-id"]
    attributes = {f"ce-{name}": CLOUD[name] for name in ("specversion", "id", "source", "type")}
    answer = cloud(service, CLOUD["data"], {**attributes, "content-type": "application/json"})
    assert (answer.status_code, answer.json()["status"]) == (202, "duplicate")
    answer = cloud(service, [CLOUD, {**CLOUD, "id": "a-2"}, {**CLOUD, "type": ""}], BATCH)
    assert answer.status_code == 202
    assert [result["status"] for result in answer.json()["results"]] == ["duplicate", "accepted", "rejected"]
    [incident] = service.items("/v1/incidents", q='service="/shop"')
    assert (incident["count"], incident["title"]) == (2, "could not charge")
    with service.client() as client:
        assert (
            'notifier_events_total{format="cloudevents",result="accepted"} 2.0' in client.get("/metrics").text
        )


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", STRUCTURED, 422),
        (b"{", STRUCTURED, 422),
        ({**CLOUD, "id": None}, STRUCTURED, 422),
        ([], BATCH, 422),
        ([{}], BATCH, 422),
        ([CLOUD] * 1_001, BATCH, 413),
        (b"x", {"content-type": "application/cloudevents+avro"}, 415),
    ],
)
def test_what_is_no_cloud_event_is_refused(
    service: Service, body: Any, headers: dict[str, str], status: int
) -> None:
    """In a sentence, and without a key not at all."""
    answer = cloud(service, body, headers)
    assert answer.status_code == status, answer.text
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert httpx.post(f"{service.url}/v1/events", content=content, headers=headers).status_code == 401


@pytest.mark.slow
def test_the_library_of_cloudevents_is_served(service: Service) -> None:
    """The package `cloudevents`, unmodified, structured and binary."""
    program = """
        import sys
        import httpx
        from cloudevents.http import CloudEvent, to_binary, to_structured
        for number, encode in enumerate((to_structured, to_binary)):
            event = CloudEvent({"type": "t", "source": "https://lib.example.com"}, {"message": f"broken {number}"})
            headers, body = encode(event)
            headers["authorization"] = f"Bearer {sys.argv[1]}"
            answer = httpx.post(f"{sys.argv[2]}/v1/events", headers=headers, content=body)
            assert answer.status_code == 202, answer.text
            assert answer.json()["status"] == "accepted"
    """
    run_program(program, str(service.key), service.url, packages=["cloudevents<2", "httpx"])
    [found] = [one for one in service.items("/v1/incidents") if one["title"].startswith("broken")]
    assert (found["title"], found["count"]) == ("broken 0", 2)
