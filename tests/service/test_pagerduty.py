"""The doors of PagerDuty's Events API v2 on a running service, as its clients use them."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.environments import run_program
from tests.processes import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {
        "channels": {"console": {"type": "console"}},
        "route": {"channels": ["console"], "group_wait": "1h"},
    }
    with Service(tmp_path_factory.mktemp("pagerduty"), settings) as service:
        yield service


@pytest.fixture(scope="module")
def key(service: Service) -> str:
    with service.client() as client:
        made = client.post("/v1/keys", json={"for": "pagerduty", "service": "billing", "scopes": ["ingest"]})
    assert made.status_code == 201, made.text
    return str(made.json()["key"])


def send(service: Service, body: Any, path: str = "/v2/enqueue") -> httpx.Response:
    return httpx.post(f"{service.url}{path}", json=body)


def event(key: str, action: str, dedup_key: str | None = "d-1", **changes: Any) -> dict[str, Any]:
    payload = {"summary": "queue is stuck", "source": "worker-1", "severity": "error"}
    named = {} if dedup_key is None else {"dedup_key": dedup_key}
    return {"routing_key": key, "event_action": action, "payload": payload, **named, **changes}


def incident(service: Service) -> dict[str, Any]:
    [found] = service.items("/v1/incidents", q='service="billing"')
    return found


def test_an_alert_opens_is_acknowledged_and_resolved(service: Service, key: str) -> None:
    """Under one dedup key; the key's service is the incident's, and who acknowledges is the key."""
    accepted = {"status": "success", "message": "Event processed", "dedup_key": "d-1"}
    answer = send(service, event(key, "trigger"))
    assert (answer.status_code, answer.json()) == (202, accepted)
    assert (incident(service)["state"], incident(service)["title"]) == ("open", "queue is stuck")
    answer = send(service, event(key, "acknowledge"))
    assert (answer.status_code, answer.json()) == (202, accepted)
    assert incident(service)["state"] == "acknowledged"
    assert send(service, event(key, "acknowledge")).json() == accepted
    assert send(service, event(key, "resolve", payload=None)).json() == accepted
    assert incident(service)["state"] == "resolved"
    over = send(service, event(key, "acknowledge"))
    assert (over.status_code, "not open" in over.json()["message"]) == (202, True)


def test_what_somebody_has_stays_theirs(service: Service, key: str) -> None:
    """An acknowledgement by a client takes it from nobody."""
    assert send(service, event(key, "trigger", "d-2")).status_code == 202
    [found] = service.items("/v1/incidents", q='service="billing" state=open')[:1] or service.items(
        "/v1/incidents", state="open"
    )
    with service.client() as client:
        client.post(f"/v1/incidents/{found['id']}/acknowledge", json={"actor": "ann"})
    answer = send(service, event(key, "acknowledge", "d-2"))
    assert (answer.status_code, "ann" in answer.json()["message"]) == (202, True)
    with service.client() as client:
        assert client.get(f"/v1/incidents/{found['id']}").json()["acknowledged_by"] == "ann"


def test_without_a_dedup_key_the_answer_has_one(service: Service, key: str) -> None:
    """By which it can be resolved."""
    dedup_key = send(service, event(key, "trigger", None)).json()["dedup_key"]
    assert send(service, event(key, "resolve", dedup_key)).json()["dedup_key"] == dedup_key


def test_a_change_is_kept(service: Service, key: str) -> None:
    """Without an incident."""
    body = {"routing_key": key, "payload": {"summary": "deployed", "source": "ci"}}
    answer = send(service, body, "/v2/change/enqueue")
    assert (answer.status_code, answer.json()) == (
        202,
        {"status": "success", "message": "Change event processed"},
    )


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"routing_key": None}, 400),
        ({"routing_key": "ntf_" + "x" * 40}, 400),
        ({"event_action": "explode"}, 400),
        ({"payload": {}}, 400),
        ({"payload": {"summary": "x", "custom_details": "x" * 600_000}}, 400),
        ({"payload": {"summary": "x", "custom_details": ["x" * 300] * 1_200}}, 413),
    ],
)
@pytest.mark.parametrize("path", ["/v2/enqueue"])
def test_a_refusal_is_one_that_its_clients_know(
    service: Service, key: str, path: str, change: dict[str, Any], status: int
) -> None:
    """With `errors`, and without what was sent. A body that is too large for its key to be looked for is nobody's."""
    answer = send(service, {**event(key, "trigger"), **change}, path)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"status", "message", "errors"}
    assert answer.json()["errors"]
    assert "xxx" not in answer.text
    assert key not in service.log


def test_the_key_may_stand_in_the_header_too(service: Service, key: str) -> None:
    """And a key for another door is not taken."""
    headers = {"authorization": f"Bearer {key}"}
    body = {name: value for name, value in event(key, "trigger", "d-9").items() if name != "routing_key"}
    assert httpx.post(f"{service.url}/v2/enqueue", json=body, headers=headers).status_code == 202
    assert httpx.post(f"{service.url}/v1/ingest/github", json=body, headers=headers).status_code == 403
    with service.client() as client:
        other = client.post("/v1/keys", json={"for": "ingest", "scopes": ["ingest"]}).json()["key"]
    assert send(service, event(other, "trigger")).status_code == 400


@contextmanager
def tls_before(port: int, ca: Path) -> Iterator[str]:
    """An address with TLS in front of a port of loopback, for a client that insists on it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, outer), pipe(inner, writer), return_exceptions=True)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    started = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(serve, "127.0.0.1", 0, ssl=context), loop
    ).result()
    try:
        yield f"https://localhost:{started.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(started.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.mark.slow
def test_its_own_client_is_served(service: Service, key: str, tmp_path: Path) -> None:
    """The package `pagerduty`, unmodified: only the address is another."""
    program = """
        import os, sys
        os.environ["SSL_CERT_FILE"] = sys.argv[3]
        from pagerduty import EventsApiV2Client
        client = EventsApiV2Client(sys.argv[1], base_url=sys.argv[2])
        dedup = client.trigger("payment is down", "pay-1", severity="critical", custom_details={"a": 1},
                               links=[{"href": "https://x.example.com", "text": "x"}])
        assert client.acknowledge(dedup) == dedup
        assert client.resolve(dedup) == dedup
        client.submit("deployed 1.4.2", source="ci", timestamp="2026-11-27T12:00:00Z")
    """
    with tls_before(service.port, tmp_path / "ca.pem") as url:
        run_program(program, key, url, str(tmp_path / "ca.pem"), packages=["pagerduty"])
    [found] = [one for one in service.items("/v1/incidents") if one["title"] == "payment is down"]
    assert (found["state"], found["severity"]) == ("resolved", "critical")
    assert found["acknowledged_by"]
