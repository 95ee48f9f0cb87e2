"""The door of Sentry's SDKs, on a running service: where the key stands, how bodies come, what is answered."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import brotli
import httpx
import pytest

from notifier.api.doors.sentry import refusal
from notifier.api.problems import retry_after
from tests.processes import Service, eventually

EVENT = {
    "event_id": "9ec79c33ec9942ab8353589fcb2e04dc",
    "level": "fatal",
    "tags": {"service": "billing"},
    "exception": {"values": [{"type": "ValueError", "module": "builtins", "value": "no such card"}]},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {
        "channels": {"console": {"type": "console"}},
        "route": {"channels": ["console"], "group_wait": "1h"},
        "ingest": {"max_body_bytes": "1MiB"},
    }
    with Service(tmp_path_factory.mktemp("sentry"), settings) as service:
        yield service


@pytest.fixture(scope="module")
def key(service: Service) -> str:
    """A key that posts, and nothing else."""
    return made(service)


def made(service: Service, **fields: Any) -> str:
    with service.client() as client:
        answer = client.post("/v1/keys", json={"scopes": ["ingest"], **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


def metrics(service: Service) -> str:
    with service.client() as client:
        return client.get("/metrics").text


def envelope(event: Mapping[str, Any], **header: Any) -> bytes:
    lines = ({"event_id": event.get("event_id"), **header}, {"type": "event"}, event)
    return b"\n".join(json.dumps(line).encode() for line in lines) + b"\n"


def post(
    service: Service, body: bytes, headers: Mapping[str, str], path: str = "/api/1/envelope/"
) -> httpx.Response:
    return httpx.post(f"{service.url}{path}", content=body, headers=headers)


def auth(key: str) -> dict[str, str]:
    return {"x-sentry-auth": f"Sentry sentry_key={key}, sentry_version=7, sentry_client=sentry.python/2.75.0"}


def test_an_envelope_becomes_an_incident(service: Service, key: str) -> None:
    """The answer has the event's id; a second time it is the same event."""
    for _ in range(2):
        answer = post(service, envelope(EVENT, sent_at="2026-11-27T12:00:00Z"), auth(key))
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"id": EVENT["event_id"]}
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-request-id"]
        assert "x-sentry-rate-limits" not in answer.headers
    [incident] = service.items("/v1/incidents", q='exception="ValueError"')
    assert (incident["title"], incident["severity"], incident["count"]) == (
        "ValueError: no such card",
        "critical",
        1,
    )
    assert incident["labels"]["service"] == "billing"
    text = metrics(service)
    assert 'notifier_events_total{format="sentry",result="accepted"} 1.0' in text
    assert 'notifier_events_total{format="sentry",result="duplicate"} 1.0' in text


PACKED: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("br", brotli.compress),
    ("deflate", zlib.compress),
    ("identity", bytes),
]


@pytest.mark.parametrize(("coding", "pack"), PACKED)
@pytest.mark.parametrize("path", ["/api/1/envelope/", "/api/1/envelope", "/api/42/store/", "/api/42/store"])
def test_every_encoding_and_address_is_taken(
    service: Service, key: str, coding: str, pack: Callable[[bytes], bytes], path: str
) -> None:
    """With and without the last slash, for no SDK follows a redirect."""
    body = json.dumps(EVENT).encode() if "store" in path else envelope(EVENT)
    answer = post(service, pack(body), {**auth(key), "content-encoding": coding}, path)
    assert (answer.status_code, answer.json()) == (200, {"id": EVENT["event_id"]})


def test_node_has_its_key_in_the_query_and_comes_in_chunks(service: Service, key: str) -> None:
    """No content type, no length, no last newline."""
    body = envelope(EVENT).rstrip(b"\n")
    answer = httpx.post(
        f"{service.url}/api/1/envelope/?sentry_version=7&sentry_key={key}",
        content=(body[i : i + 100] for i in range(0, len(body), 100)),
    )
    assert (answer.status_code, answer.json()) == (200, {"id": EVENT["event_id"]})
    assert key not in service.log


def test_a_key_in_a_dsn_only_posts(service: Service) -> None:
    """One that may do more is refused, for an address is no secret; no key and a wrong one are not let in."""
    strong = made(service, scopes=["ingest", "read"])
    with service.client() as client:
        gone = client.post("/v1/keys", json={}).json()
        client.delete(f"/v1/keys/{gone['id']}")
    body = envelope(EVENT)
    for headers, query in ((auth(strong), ""), ({}, f"?sentry_key={strong}"), ({}, f"?key={strong}")):
        answer = post(service, body, headers, f"/api/1/envelope/{query}")
        assert answer.status_code == 403
        assert "`ingest` alone" in answer.json()["detail"]
    assert post(service, body, {"authorization": f"Bearer {strong}"}).status_code == 200
    assert httpx.post(f"{service.url}/api/1/envelope/", content=body, auth=("", strong)).status_code == 200
    for headers in (
        {},
        auth(gone["key"]),
        auth("ntf_nobody"),
        {"authorization": "Basic !"},
        {"x-sentry-auth": "Sentry"},
    ):
        assert post(service, body, headers).status_code == 401


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 422),
        (b"{", {}, 422),
        (b'{}\n{"type":"event"}\nno json\n', {}, 422),
        (b'{}\n{"type":"event"}\n{"event_id": 1}\n' * 1, {}, 200),
        (b"{}\n" + b'{"type":"session"}\n{}\n' * 1_001, {}, 413),
        (envelope({"message": "x" * 2_000_000}), {}, 413),
        (lambda: gzip.compress(bytes(50_000_000)), {"content-encoding": "gzip"}, 413),
        (lambda: brotli.compress(bytes(50_000_000), quality=1), {"content-encoding": "br"}, 413),
        (lambda: zlib.compress(bytes(50_000_000)), {"content-encoding": "deflate"}, 413),
        (brotli.compress(envelope(EVENT))[:-4], {"content-encoding": "br"}, 422),
        (b"plain", {"content-encoding": "br"}, 422),
        (b"plain", {"content-encoding": "deflate"}, 422),
        (envelope(EVENT), {"content-encoding": "zstd"}, 415),
    ],
)
def test_bad_bodies_are_refused_in_a_sentence(
    service: Service, key: str, body: bytes | Callable[[], bytes], headers: dict[str, str], status: int
) -> None:
    """Truncated, too many, too large, a bomb, another encoding: never a failure of the service."""
    answer = post(service, body if isinstance(body, bytes) else body(), {**auth(key), **headers})
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.json()["detail"]
        assert answer.headers["x-sentry-error"]


def test_what_is_no_event_is_counted(service: Service, key: str) -> None:
    """Sessions, and check-ins that name no monitor, are answered as if they had been kept, with no id to give."""
    report = {"discarded_events": [{"reason": "queue_overflow", "category": "error", "quantity": 7}]}
    body = b"{}\n" + b"".join(
        json.dumps({"type": kind}).encode() + b"\n" + json.dumps(content).encode() + b"\n"
        for kind, content in (("session", {}), ("check_in", {}), ("client_report", report), ("new", {}))
    )
    answer = post(service, body, auth(key))
    assert (answer.status_code, answer.json()) == (200, {"id": None})
    assert answer.headers["x-sentry-rate-limits"] == "3600:session:key"
    text = metrics(service)
    for kind, count in (("session", 1), ("check_in", 1), ("client_queue_overflow", 7), ("other", 1)):
        assert f'notifier_dropped_items_total{{format="sentry",kind="{kind}"}} {count}.0' in text


def test_a_check_in_is_the_last_sign_of_its_monitor(service: Service, key: str) -> None:
    """One that failed has an incident, which the next good one resolves."""
    said = {
        "monitor_slug": "nightly",
        "monitor_config": {"schedule": {"type": "crontab", "value": "0 3 * * *"}},
    }
    for status, state in (("error", "open"), ("in_progress", "open"), ("ok", "resolved")):
        body = b"{}\n" + json.dumps({"type": "check_in"}).encode() + b"\n"
        answer = post(service, body + json.dumps({**said, "status": status}).encode(), auth(key))
        assert (answer.status_code, answer.json()) == (200, {"id": None})
        [incident] = service.items("/v1/incidents", q='monitor="nightly"')
        assert (incident["state"], incident["title"], incident["count"]) == (
            state,
            "nightly says that it failed",
            1,
        )
    [monitor] = service.items("/v1/monitors")
    assert (monitor["name"], monitor["state"], monitor["schedule"]["cron"]) == ("nightly", "ok", "0 3 * * *")
    with service.client() as client:
        assert client.post("/v1/monitors/often", json={"every": "100ms", "grace": "0s"}).status_code == 200
        eventually(lambda: service.items("/v1/incidents", q='monitor="often"'))
        assert client.delete("/v1/monitors/often").status_code == 204
    assert service.settle()["balanced"]


def test_a_key_for_sentry_names_the_service(service: Service) -> None:
    """Of events that name none; without it and without a tag they are `unknown`, with a warning."""
    with service.client() as client:
        made_for = client.post("/v1/keys", json={"for": "sentry", "service": "checkout"}).json()
    bare = {"message": "it broke", "event_id": "a" * 32}
    assert post(service, envelope(bare), auth(made_for["key"])).json() == {"id": "a" * 32}
    answer = post(service, envelope({**bare, "event_id": "b" * 32}), auth(made(service)))
    assert "`unknown`" in answer.json()["warnings"][0]
    assert {"checkout", "unknown"} <= {one["labels"]["service"] for one in service.items("/v1/incidents")}
    used = [one["last_used_at"] for one in eventually_used(service, made_for["id"])]
    assert used[0] is not None
    native = httpx.post(
        f"{service.url}/v1/events",
        json={"service": "a", "message": "b"},
        headers={"authorization": f"Bearer {made_for['key']}"},
    )
    assert native.status_code == 403


def eventually_used(service: Service, id_: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = eventually(
        lambda: [one for one in service.items("/v1/keys") if one["id"] == id_ and one["last_used_at"]]
    )
    return found


def test_a_quota_is_told_as_an_sdk_understands_it() -> None:
    """A bare 429 silences every category for a minute; this one names errors, and how long."""
    answer = refusal(retry_after(429, "used up", 2_500))
    assert answer.status == 429
    assert answer.headers["x-sentry-rate-limits"] == "3:error:key"
    assert answer.headers["retry-after"] == "3"
    assert "x-sentry-rate-limits" not in refusal(retry_after(503, "full", 30_000)).headers


def test_mutated_requests_are_never_a_failure_of_the_service(service: Service, key: str) -> None:
    """Bytes taken out and put in anywhere, plain and packed, said to be packed in another way."""
    chance = random.Random(20_261_127)
    whole = envelope({**EVENT, "tags": {"ü": "\ud83d\ude00"}, "breadcrumbs": [{"message": "x"}]})
    with httpx.Client(base_url=service.url, headers=auth(key)) as client:
        for _ in range(150):
            start = chance.randrange(len(whole))
            end = start + chance.choice((0, 1, 5, 50))
            body = whole[:start] + chance.randbytes(chance.choice((0, 1, 8))) + whole[end:]
            coding, pack = chance.choice(PACKED)
            said = chance.choice((coding, coding, "br", "gzip", "deflate"))
            path = chance.choice(("/api/1/envelope/", "/api/1/store/"))
            answer = client.post(path, content=pack(body), headers={"content-encoding": said})
            assert answer.status_code in {200, 413, 422}, answer.text
    assert "request_failed" not in service.log
