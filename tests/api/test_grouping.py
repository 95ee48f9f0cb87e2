"""`/v1/fingerprint`: explains the grouping of an event without storing it."""

from __future__ import annotations

import gzip
import json

import pytest

from notifier.api.models.responses_fingerprint import FingerprintAnswer
from notifier.ingest.normalize import Accepted, Normalizer
from notifier.policy.fingerprint import VERSION
from tests.api.conftest import Desk

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database", ["sqlite"], indirect=True)]

CAUSE = {
    "type": "TimeoutError",
    "message": "order 1842 timed out after 30s",
    "frames": [
        {"file": "shop/tasks.py", "function": "charge", "in_app": True},
        {"file": "httpx/_client.py", "function": "send", "in_app": False},
    ],
}
EVENT = {
    "service": "billing",
    "exception": {"type": "RetryError", "message": "gave up", "cause": CAUSE},
}


async def test_it_says_which_exception_which_frames_and_what_was_masked(desk: Desk) -> None:
    """The answer has exactly the documented fields."""
    answer = await desk.post("/v1/fingerprint", EVENT, key="reader")
    assert answer.status_code == 200
    document = answer.json()
    FingerprintAnswer.model_validate(document)
    assert len(document.pop("fingerprint")) == 32
    assert document == {
        "version": VERSION,
        "given": False,
        "title": "TimeoutError: order 1842 timed out after 30s",
        "exception": "TimeoutError",
        "frames": [
            {"file": "shop/tasks.py", "function": "charge", "used": True},
            {"file": "httpx/_client.py", "function": "send", "used": False},
        ],
        "message": {
            "text": "order 1842 timed out after 30s",
            "masked": "order <number> timed out after <duration>",
            "parts": [{"kind": "number", "text": "1842"}, {"kind": "duration", "text": "30s"}],
        },
        "override": ["billing", "TimeoutError", "shop/tasks.py:charge"],
    }


async def test_a_trace_in_the_message_is_explained_as_an_exception(desk: Desk) -> None:
    """A traceback in the message is explained as the exception that it becomes."""
    trace = 'E\nTraceback (most recent call last):\n  File "/app/shop/a.py", line 1, in charge\nKeyError: 1\n'
    document = (await desk.post("/v1/fingerprint", {"service": "billing", "message": trace})).json()
    assert (document["version"], document["exception"], document["title"]) == (
        VERSION,
        "KeyError",
        "KeyError: 1",
    )
    assert document["frames"] == [{"file": "/app/shop/a.py", "function": "charge", "used": True}]


async def test_it_is_the_fingerprint_of_the_incident(desk: Desk) -> None:
    """The fingerprint equals that of the posted event, and nothing is stored."""
    event = {"service": "billing", "message": "could not charge order 1842"}
    explained = (await desk.post("/v1/fingerprint", event)).json()
    normalizer = Normalizer(max_event_bytes=10_000, new_id=lambda: "id")
    body = json.dumps(event).encode()
    item = normalizer.read([body], project="default", received_at=0, sent_at=None)[0]
    assert isinstance(item, Accepted)
    assert (item.event.fingerprint, item.event.title) == (explained["fingerprint"], explained["title"])
    assert explained["override"] == ["billing", "could not charge order <number>"]
    assert (await desk.get("/v1/incidents")).json()["items"] == []


@pytest.mark.parametrize(
    ("given", "override"), [(["db-down"], ["db-down"]), (["{{ default }}", "eu"], ["{{ default }}", "eu"])]
)
async def test_a_senders_own_list_is_said_to_be_given(
    desk: Desk, given: list[str], override: list[str]
) -> None:
    """A fingerprint given by the sender is reported, beside what it replaces."""
    document = (await desk.post("/v1/fingerprint", {**EVENT, "fingerprint": given})).json()
    assert (document["given"], document["override"]) == (True, override)
    assert document["exception"] == "TimeoutError"
    plain = (await desk.post("/v1/fingerprint", EVENT)).json()
    assert document["fingerprint"] != plain["fingerprint"]


async def test_secrets_are_scrubbed(desk: Desk) -> None:
    """Secrets are redacted here too."""
    event = {
        "service": "s",
        "message": "login with password=hunter2x9 failed",
        "labels": {"token": "hunter2x9"},
    }
    answer = await desk.post("/v1/fingerprint", event)
    assert answer.status_code == 200
    assert "hunter2" not in answer.text


async def test_it_takes_what_events_take_and_one_of_them(desk: Desk) -> None:
    """Gzip and any JSON content type are accepted; lists, partial and too large events are refused."""
    body = json.dumps(EVENT).encode()
    taken: tuple[tuple[bytes, dict[str, str]], ...] = (
        (gzip.compress(body), {"content-encoding": "gzip"}),
        (body, {}),
        (body, {"content-type": "application/json; charset=utf-8"}),
        (b"\xef\xbb\xbf" + body, {}),
    )
    for content, headers in taken:
        answer = await desk.http.post(
            "/v1/fingerprint", content=content, headers={**desk.headers("reader"), **headers}
        )
        assert answer.status_code == 200, (headers, answer.text)
    for content, status, path in (
        (b"[" + body + b"]", 422, ""),
        (body + b"\n" + body, 422, ""),
        (b"", 422, ""),
        (b'{"message": "x"}', 422, "service"),
        (b'{"service": "s"}', 422, "message"),
        (b'{"service": "s", "message": 1}', 422, "message"),
    ):
        answer = await desk.http.post("/v1/fingerprint", content=content, headers=desk.headers("reader"))
        assert answer.status_code == status, content
        assert [error["path"] for error in answer.json()["errors"]] == [path]
    large = json.dumps({"service": "s", "message": "x" * 300_000}).encode()
    answer = await desk.http.post("/v1/fingerprint", content=large, headers=desk.headers("reader"))
    assert answer.status_code == 413
    xml = {**desk.headers("reader"), "content-type": "application/xml"}
    assert (await desk.http.post("/v1/fingerprint", content=body, headers=xml)).status_code == 415
