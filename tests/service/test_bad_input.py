"""Bad input gets a clear answer, loses nothing and harms nobody; no answer repeats the input."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from notifier.testing import WebhookReceiver
from tests.processes import Service

CANARY = "hunter2-seeded-canary"
GOOD: dict[str, Any] = {"service": "billing", "message": "it broke"}
MB = 1_000_000


@dataclass
class Slow:
    """A request whose body never ends, begun in the background: what came back, and when."""

    answer: bytes = b""
    seconds: float = 0.0
    thread: threading.Thread = field(default_factory=threading.Thread)

    def begin(self, service: Service) -> None:
        self.thread = threading.Thread(target=self._run, args=(service,), daemon=True)
        self.thread.start()

    def _run(self, service: Service) -> None:
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: notifier\r\nAuthorization: Bearer {service.key}\r\n"
            "Content-Length: 1000\r\n\r\n"
        )
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.settimeout(1)
            connection.sendall(head.encode() + b'{"service": "')
            while time.monotonic() - started < 45:
                try:
                    found = connection.recv(65_536)
                except TimeoutError:
                    with suppress(ConnectionError):
                        connection.sendall(b"a")
                    continue
                except ConnectionResetError:  # Ended by the service while a byte was on its way.
                    break
                if not found:
                    break
                self.answer += found
        self.seconds = time.monotonic() - started


@dataclass(frozen=True, kw_only=True)
class World:
    service: Service
    hook: WebhookReceiver
    slow: Slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with WebhookReceiver() as hook:
        settings = {
            "channels": {"hook": {"type": "webhook", "url": hook.url}},
            "route": {"channels": ["hook"], "group_wait": "0s"},
            "delivery": {"allow_private_addresses": True},
        }
        slow = Slow()
        with Service(tmp_path_factory.mktemp("bad-input"), settings) as service:
            slow.begin(service)
            yield World(service=service, hook=hook, slow=slow)


def post(service: Service, body: Any, key: str | None = None, **headers: str) -> httpx.Response:
    with service.client(key) as client:
        return client.post(
            "/v1/events", content=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )


def check_harmless(service: Service, answer: httpx.Response) -> None:
    """A sentence, no traceback, no echo, nothing in the log; and the next good event is accepted."""
    assert CANARY not in answer.text
    assert CANARY not in service.log
    assert "Traceback" not in answer.text + service.log
    assert service.post(GOOD).status_code == 202


def check_problem(service: Service, answer: httpx.Response, status: int, says: str) -> dict[str, Any]:
    """An RFC 9457 problem whose detail is a sentence that helps."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert says in problem["detail"]
    check_harmless(service, answer)
    return problem


def nested(depth: int) -> bytes:
    return (
        b'{"service": "billing", "message": "it broke", "context": '
        + b'{"a":' * depth
        + b"1"
        + b"}" * depth
        + b"}"
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"service": "billing", "message": ' + CANARY.encode(), "not valid JSON"),
        (b'{"service": "billing", "message": "' + CANARY.encode(), "not valid JSON"),
        (b'{"service": "billing", "message": "m", "context": {"x": NaN}}', "NaN"),
        (b'{"service": "billing", "message": "m", "context": {"x": -Infinity}}', "Infinity"),
        (nested(10_000), "nested too deeply"),
        ('{"service": "billing", "message": "café"}'.encode("latin-1"), "UTF-8"),
        ('{"service": "billing", "message": "m"}'.encode("utf-16"), "UTF-8"),
        (b'{"service": "billing", "message": "\xed\xa0\x80"}', "UTF-8"),
        (b"", "empty"),
        (b"  \r\n ", "empty"),
        (b"[]", "no event"),
        (b"5", "object"),
        (b"null", "object"),
        (b'"' + CANARY.encode() + b'"', "object"),
        (b"{}", "service"),
        (b'{"service": "billing"}', "message"),
        (b'{"service": "", "message": "m"}', "service"),
        (b'{"service": 5, "message": "m"}', "service: must be a string"),
        (b'{"service": "billing", "message": "m", "labels": ["x"]}', "labels: must be an object"),
        (b'{"service": "billing", "message": "m", "timestamp": "' + CANARY.encode() + b'"}', "timestamp"),
        (b'{"service": "billing", "message": "m", "task": {"attempt": ' + b"9" * 300 + b"}}", "task.attempt"),
        (b'{"service": "billing", "message": "m", "id": "' + b"x" * 129 + b'"}', "128"),
        (b'{"service": "billing", "status": "resolved"}', "fingerprint"),
        (b'{"service": "billing", "status": "resolved", "fingerprint": ["{{ default }}"]}', "fingerprint"),
    ],
)
def test_what_is_no_event_is_refused_with_a_sentence(world: World, body: bytes, says: str) -> None:
    """422 names the field and what it should be."""
    check_problem(world.service, post(world.service, body), 422, says)


@pytest.mark.parametrize(
    "body",
    [
        b'{"service": "billing", "message": "a lone \\ud800 surrogate"}',
        b'{"service": "billing", "message": "a \\u0000 NUL"}',
        b'{"service": "billing", "message": "m", "context": {"big": ' + b"9" * 300 + b"}}",
        b'{"service": "billing", "message": "m", "context": {"big": 1e999}}',
        b'{"service": "billing", "message": "m", "context": {"password": "' + CANARY.encode() + b'"}}',
        b'{"service": "billing", "message": "m", "message": "twice"}',
        b'{"service": "billing", "message": "m", "labels": {"a\\u0000b": "x\\ud800"}}',
        nested(50),
        b'\xef\xbb\xbf{"service": "billing", "message": "after a byte order mark"}',
    ],
)
def test_what_can_be_repaired_is_kept(world: World, body: bytes) -> None:
    """Surrogates, NUL, huge numbers, depth and secrets are sanitised at the boundary: the event counts and is told."""
    answer = post(world.service, body)
    assert answer.status_code in {202, 422}, answer.text
    if answer.status_code == 202:
        shown = world.service.get(f"/v1/incidents/{answer.json()['incident_id']}")
        text = json.dumps(shown)
        assert CANARY not in text
        assert "\\u0000" not in text
        assert "\\ud800" not in text
    else:
        assert b"1e999" in body
    check_harmless(world.service, answer)


def test_an_unknown_field_costs_no_event(world: World) -> None:
    """It is kept under `context` and named in `warnings`."""
    answer = post(world.service, json.dumps({**GOOD, "fingerprint": ["colour"], "colour": "red"}))
    assert answer.status_code == 202
    assert "colour" in " ".join(answer.json()["warnings"])
    shown = world.service.get(f"/v1/incidents/{answer.json()['incident_id']}")
    assert shown["latest_event"]["context"]["colour"] == "red"


def test_reserved_labels_are_ignored_with_a_warning(world: World) -> None:
    """A sender cannot pass for another service by a label."""
    labels = {"service": "other", "n": 5, "yes": True}
    answer = post(world.service, json.dumps({**GOOD, "fingerprint": ["labels"], "labels": labels}))
    assert answer.status_code == 202
    assert "service" in " ".join(answer.json()["warnings"])
    shown = world.service.get(f"/v1/incidents/{answer.json()['incident_id']}")
    assert shown["labels"]["service"] == "billing"
    assert (shown["labels"]["n"], shown["labels"]["yes"]) == ("5", "true")


def test_caps_are_413(world: World) -> None:
    """50 MB, streamed or announced, a gzip bomb, 1,001 events, one huge event: refused by size, at little cost."""
    service = world.service
    started = time.monotonic()
    check_problem(service, post(service, b" " * (50 * MB)), 413, "max_body_bytes")
    check_problem(service, post(service, (b" " * MB for _ in range(50))), 413, "max_body_bytes")
    bomb = gzip.compress(b" " * (200 * MB))
    check_problem(service, post(service, bomb, content_encoding="gzip"), 413, "max_body_bytes")
    check_problem(service, post(service, json.dumps([GOOD] * 1_001)), 413, "1000")
    many = gzip.compress(b" ") * 1_000
    check_problem(service, post(service, many, content_encoding="gzip"), 413, "gzip members")
    huge = json.dumps({**GOOD, "context": {"x": "y" * 300_000}})
    check_problem(service, post(service, huge), 413, "max_event_bytes")
    assert time.monotonic() - started < 60
    answer = post(service, json.dumps([GOOD] * 1_000))
    assert answer.status_code == 202
    assert len(answer.json()["results"]) == 1_000


def test_what_is_not_gzip_is_said_to_be_none(world: World) -> None:
    """Truncated, not gzip at all, or followed by something else: 422; several members are one body (RFC 1952)."""
    service, packed = world.service, gzip.compress(json.dumps(GOOD).encode())
    check_problem(service, post(service, packed[:-6], content_encoding="gzip"), 422, "ends early")
    check_problem(service, post(service, json.dumps(GOOD), content_encoding="gzip"), 422, "gzip")
    check_problem(service, post(service, packed + b"trailing", content_encoding="gzip"), 422, "gzip")
    for coding in ("gzip", "x-gzip", "GZip"):
        assert post(service, packed, content_encoding=coding).status_code == 202
    line = json.dumps(GOOD).encode() + b"\n"
    lines = gzip.compress(line) + gzip.compress(line)
    answer = post(service, lines, content_encoding="gzip", content_type="application/x-ndjson")
    assert len(answer.json()["results"]) == 2


def test_foreign_types_and_encodings_are_415(world: World) -> None:
    """An unknown encoding or a type that cannot be JSON; no type and what `curl -d` sends are taken."""
    service = world.service
    check_problem(service, post(service, b"x", content_encoding="br"), 415, "gzip")
    check_problem(service, post(service, b"<a/>", content_type="application/xml"), 415, "application/json")
    check_problem(service, post(service, b"<p>", content_type="text/html"), 415, "application/json")
    for kind in (
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain",
    ):
        assert post(service, json.dumps(GOOD), content_type=kind).status_code == 202


def test_a_mixed_batch_keeps_what_is_valid(world: World) -> None:
    """Rejected items carry their index and the reason; 202 if any was accepted, else 422, with results both times."""
    service = world.service
    batch = [
        GOOD,
        {"service": CANARY, "message": 7},
        5,
        {"message": CANARY},
        {**GOOD, "labels": [CANARY]},
    ]
    answer = post(service, json.dumps(batch))
    assert answer.status_code == 202
    results = answer.json()["results"]
    assert [one["status"] for one in results] == ["accepted", "rejected", "rejected", "rejected", "rejected"]
    assert [one["index"] for one in results[1:]] == [1, 2, 3, 4]
    places = [one["error"].partition(": ")[0] for one in results[1:]]
    assert [places[0], *places[2:]] == ["message", "service", "labels"]
    assert all(len(one["error"]) > 10 for one in results[1:])
    check_harmless(service, answer)
    refused = post(service, json.dumps(batch[1:]))
    assert refused.status_code == 422
    assert [one["status"] for one in refused.json()["results"]] == ["rejected"] * 4
    broken_line = json.dumps(GOOD).encode() + b'\n{"service": \n' + json.dumps(GOOD).encode()
    lines = post(service, broken_line, content_type="application/x-ndjson")
    assert [one["status"] for one in lines.json()["results"]] == ["accepted", "rejected", "accepted"]


def make_key(service: Service, project: str, *scopes: str) -> tuple[str, str]:
    with service.client() as client:
        answer = client.post("/v1/keys", json={"project": project, "name": "test", "scopes": list(scopes)})
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()["id"], answer.json()["key"]


def test_keys_fail_closed(world: World) -> None:
    """No key, an unknown, a malformed or a revoked one: 401; without the scope: 403. The secret is never repeated."""
    service = world.service
    unknown = "ntf_" + CANARY.replace("-", "_") + "x" * 30
    for header in ({}, {"authorization": "Basic " + CANARY}, {"authorization": f"Bearer {unknown}"}):
        answer = httpx.post(f"{service.url}/v1/events", content=json.dumps(GOOD), headers=header)
        check_problem(service, answer, 401, "key")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert unknown not in answer.text + service.log
    id_, sender = make_key(service, "default", "ingest")
    assert post(service, json.dumps(GOOD), key=sender).status_code == 202
    with service.client(sender) as client:
        check_problem(service, client.get("/v1/incidents"), 403, "read")
        check_problem(service, client.get("/v1/keys"), 403, "admin")
    _, reader = make_key(service, "default", "read")
    check_problem(service, post(service, json.dumps(GOOD), key=reader), 403, "ingest")
    with service.client() as client:
        assert client.delete(f"/v1/keys/{id_}").status_code in {200, 204}
    check_problem(service, post(service, json.dumps(GOOD), key=sender), 401, "revoked")
    assert sender not in service.log


def test_another_projects_id_is_404(world: World) -> None:
    """What a key may not see does not exist for it, in lists and by id, and its events are other incidents."""
    service = world.service
    mine = post(service, json.dumps(GOOD)).json()["incident_id"]
    _, key = make_key(service, "elsewhere", "ingest", "read", "manage")
    other = post(service, json.dumps(GOOD), key=key).json()["incident_id"]
    assert other != mine
    delivery = service.wait_delivery("hook", "delivered")["id"]
    with service.client(key) as client:
        check_problem(service, client.get(f"/v1/incidents/{mine}"), 404, "incident")
        assert [one["id"] for one in client.get("/v1/incidents").json()["items"]] == [other]
        for one in client.get("/v1/deliveries").json()["items"]:
            assert one["project"] == "elsewhere"
        missing = client.get("/v1/deliveries/" + service.items("/v1/deliveries")[-1]["id"])
        assert missing.status_code == 404
    assert delivery


def test_a_request_id_is_echoed_and_cannot_split_a_header(world: World) -> None:
    """`X-Request-Id` comes back on good and bad answers."""
    service = world.service
    assert post(service, json.dumps(GOOD), x_request_id="abc-1").headers["x-request-id"] == "abc-1"
    assert post(service, b"{", x_request_id="abc-2").headers["x-request-id"] == "abc-2"
    assert (
        httpx.get(f"{service.url}/v1/nothing", headers={"x-request-id": "abc-3"}).headers["x-request-id"]
        == "abc-3"
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/events", 405),
        ("GET", "/v1/incidents/nope", 404),
        ("GET", "/v1/incidents/%00", 404),
        ("GET", "/v1/deliveries/%00", 404),
        ("GET", "/v1/incidents?limit=0", 422),
        ("GET", "/v1/incidents?limit=x", 422),
        ("GET", "/v1/incidents?cursor=nope", 422),
        ("GET", "/v1/incidents?state=nope", 422),
        ("GET", "/v1/incidents?q=service%3D~%22(%22", 422),
        ("POST", "/v1/channels/nope/test", 404),
        ("POST", "/v1/deliveries/nope/redeliver", 404),
        ("DELETE", "/v1/keys/nope", 404),
    ],
)
def test_every_wrong_call_is_a_problem(world: World, method: str, path: str, status: int) -> None:
    """Each error is `application/problem+json` with a sentence."""
    with world.service.client() as client:
        check_problem(world.service, client.request(method, path), status, " ")


def test_a_body_that_never_comes_is_given_up(world: World) -> None:
    """One byte a second: 408 after half a minute, and the connection is closed; others are served meanwhile."""
    world.slow.thread.join(50)
    assert world.slow.answer.startswith(b"HTTP/1.1 408")
    assert b"problem+json" in world.slow.answer
    assert 25 < world.slow.seconds < 40


def test_nothing_of_it_unbalanced_the_books(world: World) -> None:
    """After all of that the accounting balances, and the good ones were told."""
    assert world.service.settle()["delivered"] >= 1
    assert CANARY not in world.service.log
    assert all(CANARY.encode() not in request.body for request in world.hook.requests)
