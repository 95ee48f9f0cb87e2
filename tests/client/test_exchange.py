"""The form of one request of the client, and what each answer means: no connection matters here."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import respx

from notifier.client.dispatch.http_exchange import GZIP_FROM, HEARTBEAT, Exchange
from notifier.testing import Answer, WebhookReceiver
from tests.authority import Authority

URL = "https://notifier.example.com/alerts"
KEY = "ntf_" + "a" * 40
NOW = 1_790_000_000.25


@pytest.fixture
def service() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=URL) as router:
        yield router


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    opened = Exchange(URL, f"{KEY}\n", now=lambda: NOW)
    yield opened
    opened.close()


def test_records_are_one_array_under_the_path_of_the_address(
    service: respx.MockRouter, exchange: Exchange
) -> None:
    """The key without its file's line break, when the request was sent by the client's clock, and a content type."""
    route = service.post("/v1/events").respond(202, json={"results": [{"status": "accepted"}]})
    assert exchange.post("/v1/events", [b'{"a":1}', b'{"b":2}']).meaning == "taken"
    request = route.calls.last.request
    assert json.loads(request.content) == [{"a": 1}, {"b": 2}]
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["notifier-sent-at"] == "2026-09-21T14:13:20.250Z"
    assert request.headers["content-type"] == "application/json"
    assert "content-encoding" not in request.headers


def test_what_is_large_is_compressed(service: respx.MockRouter, exchange: Exchange) -> None:
    route = service.post("/v1/task-runs").respond(202, json={"results": []})
    record = json.dumps({"text": "a" * GZIP_FROM}).encode()
    exchange.post("/v1/task-runs", [record])
    request = route.calls.last.request
    assert request.headers["content-encoding"] == "gzip"
    assert gzip.decompress(request.content) == b"[" + record + b"]"


def test_a_heartbeat_is_never_compressed(service: respx.MockRouter, exchange: Exchange) -> None:
    route = service.post(HEARTBEAT).respond(200, json={"interval": 10, "replay": []})
    exchange.post_one(HEARTBEAT, {"running": ["a" * GZIP_FROM]})
    assert "content-encoding" not in route.calls.last.request.headers


@pytest.mark.parametrize(
    ("status", "body", "headers", "meaning", "after"),
    [
        (202, {"results": []}, {}, "taken", None),
        (422, {"results": [{"status": "rejected", "error": "no service"}]}, {}, "taken", None),
        (422, {"detail": "the body is empty"}, {}, "invalid", None),
        (401, {"detail": "no such key"}, {}, "refused", None),
        (403, {"detail": "the key lacks ingest"}, {}, "refused", None),
        (413, {"detail": "too large"}, {}, "too_large", None),
        (429, {"detail": "over quota"}, {"retry-after": "7"}, "retry", 7.0),
        (503, {"detail": "full"}, {"retry-after": "100000"}, "retry", 300.0),
        (503, {}, {"retry-after": "Mon, 21 Sep 2026 14:13:30 GMT"}, "retry", 9.75),
        (200, {"hello": "world"}, {}, "unexpected_server", None),
        (404, {}, {}, "unexpected_server", None),
        (302, {}, {"location": "https://elsewhere.example.com"}, "unexpected_server", None),
    ],
)
def test_what_an_answer_means(
    service: respx.MockRouter,
    exchange: Exchange,
    status: int,
    body: object,
    headers: dict[str, str],
    meaning: str,
    after: float | None,
) -> None:
    """Redirects are not followed: the key is for the address that was configured."""
    route = service.post("/v1/events").respond(status, json=body, headers=headers)
    answer = exchange.post("/v1/events", [b"{}"])
    assert (answer.meaning, answer.after) == (meaning, after)
    assert route.call_count == 1


def test_an_authority_of_one_s_own_is_trusted_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On this machine's own address too; without it the report waits, and says why."""
    authority = Authority(tmp_path)
    with WebhookReceiver(tls=authority.serving(), default=Answer(status=401)) as receiver:
        url = f"https://localhost:{receiver.port}"
        with closing(Exchange(url, "ntf_key")) as exchange:
            unknown = exchange.post("/v1/events", [b"{}"])
            assert (unknown.meaning, "CERTIFICATE_VERIFY_FAILED" in unknown.why) == ("retry", True)
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
            assert exchange.post("/v1/events", [b"{}"]).meaning == "refused"


def test_a_connection_that_fails_is_tried_again(service: respx.MockRouter, exchange: Exchange) -> None:
    """The next request has a connection of its own."""
    service.post("/v1/events").mock(
        side_effect=[httpx.ConnectError("refused"), httpx.Response(202, json={"results": []})]
    )
    assert exchange.post("/v1/events", [b"{}"]).meaning == "retry"
    assert exchange.post("/v1/events", [b"{}"]).meaning == "taken"
