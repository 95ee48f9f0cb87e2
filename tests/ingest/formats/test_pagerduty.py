"""PagerDuty's Events API v2: requests become events, acts, changes or errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.channels.payloads import pagerduty as out
from notifier.ingest.formats.pagerduty import InvalidAlert, read_alert, read_change, routing_key
from notifier.testing.messages import message

ALERT: dict[str, Any] = {
    "routing_key": "ntf_key",
    "event_action": "trigger",
    "dedup_key": "disk-db-1",
    "payload": {
        "summary": "disk of db-1 is full",
        "source": "db-1.example.com",
        "severity": "critical",
        "timestamp": "2026-11-27T12:00:00.000+0000",
        "component": "postgres",
        "group": "databases",
        "class": "disk",
        "custom_details": {"free": "0 B"},
    },
    "links": [{"href": "https://wiki.example.com/disk", "text": "runbook"}],
    "images": [{"src": "https://graphs.example.com/disk.png", "alt": "graph"}],
    "client": "checks",
    "client_url": "https://checks.example.com",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def read(body: Any, *, service: str | None = None) -> Any:
    return read_alert(body if isinstance(body, bytes) else json.dumps(body).encode(), service=service)


def test_a_trigger_is_an_event() -> None:
    """Every field is part of the event."""
    alert = read(ALERT)
    assert (alert.action, alert.dedup_key) == ("trigger", "disk-db-1")
    assert alert.read.items == [
        {
            "service": "postgres",
            "fingerprint": ["pagerduty", "", "disk-db-1"],
            "message": "disk of db-1 is full",
            "severity": "critical",
            "host": "db-1.example.com",
            "timestamp": "2026-11-27T12:00:00Z",
            "labels": {"component": "postgres", "group": "databases", "class": "disk"},
            "links": [
                {"url": "https://wiki.example.com/disk", "title": "runbook"},
                {"url": "https://graphs.example.com/disk.png", "title": "graph"},
                {"url": "https://checks.example.com", "title": "checks"},
            ],
            "context": {"free": "0 B"},
        }
    ]


def test_an_integration_is_of_a_service() -> None:
    """The event's own service comes first, then the key's, then its source."""
    own = {**ALERT, "payload": {**ALERT["payload"], "custom_details": {"service": "billing"}}}
    assert read(ALERT, service="shop").read.items[0]["service"] == "shop"
    assert read(own, service="shop").read.items[0]["service"] == "billing"
    bare = {"event_action": "trigger", "payload": {"summary": "x"}}
    assert read(bare).read.items[0]["service"] == "unknown"
    assert len(read(bare).read.warnings) == 1


@pytest.mark.parametrize("extra", [{}, {"payload": ALERT["payload"]}, {"payload": None}])
def test_the_end_needs_no_payload(extra: dict[str, Any]) -> None:
    """Resolving has the same fingerprint without a payload; acknowledging makes no event."""
    ended = read({"event_action": "resolve", "dedup_key": "disk-db-1", **extra})
    assert ended.read.items[0]["status"] == "resolved"
    assert ended.fingerprint == read(ALERT).fingerprint
    acknowledged = read({"event_action": "acknowledge", "dedup_key": "disk-db-1", **extra})
    assert (acknowledged.read.items, acknowledged.fingerprint) == ([], ended.fingerprint)


def test_what_comes_without_a_dedup_key_has_one_of_its_own() -> None:
    """Without a dedup key, equal errors get the same one."""
    bodies = [
        {"event_action": "trigger", "payload": {"summary": text, "source": "a"}} for text in ("x", "x", "y")
    ]
    first, again, other = (read(body).dedup_key for body in bodies)
    assert first == again != other
    assert len(first) == 32


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({**ALERT, "event_action": "explode"}, "event_action"),
        ({**ALERT, "event_action": None}, "event_action"),
        ({**ALERT, "event_action": ["trigger"]}, "event_action"),
        ({**ALERT, "payload": {}}, "payload.summary"),
        ({**ALERT, "payload": "x"}, "payload.summary"),
        ({"event_action": "resolve"}, "dedup_key"),
        ({"event_action": "acknowledge", "dedup_key": ""}, "dedup_key"),
        ({**ALERT, "dedup_key": "x" * 256}, "dedup_key"),
        ([], "object"),
        (b"", "read"),
        (b"{", "read"),
        (b"\xff", "read"),
    ],
)
def test_what_is_no_event_is_refused(body: Any, said: str) -> None:
    """The errors name fields."""
    with pytest.raises(InvalidAlert, match=said):
        read(body)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"routing_key": "k"}', "k"),
        (b'{"routing_key": ""}', None),
        (b'{"routing_key": 5}', None),
        (b"{}", None),
        (b'\xef\xbb\xbf{"routing_key": "k"}', "k"),
        (b'{"routing_key": "k", "payload": {"summary": "\\ud800"}}', "k"),
    ],
)
def test_the_key_is_in_the_body(body: bytes, found: str | None) -> None:
    """The routing key is read from the body if it is a string."""
    assert routing_key(body) == found


@pytest.mark.parametrize("body", [b"[]", b"null", b"", b"\xff", b"[" * 100_000])
def test_a_body_that_cannot_have_a_key_is_refused_for_what_it_is(body: bytes) -> None:
    """An unparsable body is refused as such, not for a missing key."""
    with pytest.raises(InvalidAlert, match=r"read|object"):
        routing_key(body)


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys((*ALERT, "extra"), JSON)), JSON)
def test_any_body_is_read_or_refused(changes: dict[str, Any], payload: Any) -> None:
    """Any body is accepted or refused with a sentence."""
    for body in (
        {**ALERT, **changes},
        {**ALERT, "payload": payload},
        {**ALERT, "payload": {"summary": payload}},
    ):
        raw = json.dumps(body).encode()
        for reader in (read_alert, read_change):
            try:
                reader(raw, service=None)
            except InvalidAlert as error:
                assert error.errors  # noqa: PT017 - of hundreds, most raise nothing


def test_what_notifier_sends_as_pagerduty_it_takes() -> None:
    """A notifier's PagerDuty webhook is accepted by another notifier."""
    taken = read(out.payload(message(), routing_key="ntf_other"))
    assert taken.dedup_key == "t-1"
    assert taken.read.items[0]["service"] == "billing"


def test_a_change_is_of_a_service() -> None:
    """A change has a service and a summary."""
    body = {
        "payload": {"summary": "deployed 1.4.2", "source": "ci", "custom_details": {"service": "billing"}}
    }
    change = read_change(json.dumps(body).encode(), service=None)
    assert (change.service, change.summary) == ("billing", "deployed 1.4.2")
