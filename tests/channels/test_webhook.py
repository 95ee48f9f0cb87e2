"""The webhook: its body, its schema and its signature."""

from __future__ import annotations

import base64
import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from standardwebhooks import Webhook

from notifier.channels import webhook
from notifier.channels.base import Toolbox
from notifier.channels.signing import signature, signing_key
from notifier.domain.delivery import Thread
from notifier.domain.message import Message, Told
from notifier.domain.notification import Reason
from notifier.testing import WebhookReceiver
from notifier.testing.messages import EVENT, incident, message, several

pytestmark = pytest.mark.anyio

OLD, NEW = ("whsec_" + base64.b64encode(bytes(range(size, 2 * size))).decode() for size in (24, 64))
SCHEMA = jsonschema_rs.validator_for(webhook.schema())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
    max_leaves=20,
)


def test_the_body_is_the_documented_one() -> None:
    """One small incident arrives whole, in the documented keys and order."""
    body = json.loads(webhook.payload(message()))
    assert list(body) == ["type", "version", "timestamp", "data"]
    assert body["type"] == "incident.opened"
    assert body["timestamp"] == "2026-11-22T05:01:00Z"
    assert body["data"] == {
        "group": "g-1",
        "reason": "opened",
        "incidents": [{**incident().as_json(), "reason": "opened"}],
        "truncated": {"incidents": 0},
        "suppressed": 4311,
        "thread_id": "t-1",
        "previous_thread_id": None,
        "note": None,
    }


def test_the_body_is_the_same_on_every_retry() -> None:
    """Stored and read back, and marked as a possible repeat, it is byte for byte the same."""
    first = message()
    again = Message.from_json(json.loads(json.dumps(first.as_json())))
    assert webhook.payload(first) == webhook.payload(again) == webhook.payload(message(possible_repeat=True))


def test_what_an_older_version_has_sent_is_repeated_as_it_was() -> None:
    """Its stored message has no form, and its body no note: a receiver compares the bytes, and their signature."""
    stored = {name: value for name, value in message(note="a test").as_json().items() if name != "form"}
    body = json.loads(webhook.payload(Message.from_json(stored)))
    assert list(body["data"])[-1] == "previous_thread_id"
    again = Message.from_json(json.loads(json.dumps(Message.from_json(stored).as_json())))
    assert json.loads(webhook.payload(again)) == body


def test_the_schema_leaves_room_for_further_fields() -> None:
    """A receiver that validates is not broken by an addition, and what was sent before stays valid."""
    body = json.loads(webhook.payload(message()))
    body["data"]["incidents"][0]["more"] = body["data"]["more"] = body["more"] = 1
    body["data"]["truncated"]["more"] = 1
    del body["data"]["note"]
    SCHEMA.validate(body)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_keeps_to_the_schema(reason: Reason) -> None:
    """The published schema knows every reason."""
    told = (Told(incident=incident(), reason=reason),)
    SCHEMA.validate(json.loads(webhook.payload(message(reason=reason, told=told))))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 20),
    st.integers(0, 10**6),
    st.text() | st.builds(lambda char, n: char * n, st.characters(), st.integers(0, 100_000)),
    st.dictionaries(st.text(min_size=1), st.text(), max_size=30),
    JSON,
)
def test_any_body_is_small_and_valid(
    count: int, more: int, title: str, labels: dict[str, str], odd: Any
) -> None:
    """Whatever an event holds, the body stays under 20 kB, keeps to the schema, and counts what it leaves out."""
    event = {**EVENT, "context": {"blob": title}, "odd": odd}
    told = several(count, title=title, labels=labels, latest_event=event).told
    body = webhook.payload(message(told=told, more=more))
    document = json.loads(body)
    SCHEMA.validate(document)
    assert len(body) < 20_000
    data = document["data"]
    assert len(data["incidents"]) + data["truncated"]["incidents"] == count + more


def test_context_and_outer_frames_go_first() -> None:
    """A large context costs the context, never the incident or its innermost frames."""
    big = {**EVENT, "context": {"blob": "x" * 30_000}}
    told = (Told(incident=incident(latest_event=big), reason=Reason.OPENED),)
    (shown,) = json.loads(webhook.payload(message(told=told)))["data"]["incidents"]
    assert "context" not in shown["latest_event"]
    assert shown["latest_event"]["exception"] == EVENT["exception"]


def test_twenty_large_incidents_are_all_there() -> None:
    """Twenty incidents with long traces lose their traces before any of them is left out."""
    frames = [{"file": f"f{n}.py", "function": "f" * 100, "line": n, "in_app": True} for n in range(100)]
    event = {**EVENT, "exception": {**EVENT["exception"], "frames": frames}}
    data = json.loads(webhook.payload(several(20, latest_event=event)))["data"]
    assert len(data["incidents"]) == 20
    assert data["truncated"] == {"incidents": 0}


@pytest.mark.parametrize("secret", [[OLD], [NEW, OLD], OLD])
async def test_the_reference_library_verifies_it(toolbox: Toolbox, secret: Any) -> None:
    """Signed with one secret or two, every holder of one can verify; the id is the delivery's."""
    with WebhookReceiver() as receiver:
        options = webhook.WebhookSettings.model_validate({"url": receiver.url, "secret": secret})
        channel = webhook.WebhookChannel(options, toolbox)
        await channel.send(message(), target="x", thread=Thread(id="t-1"))
    (request,) = receiver.requests
    assert request.headers["webhook-id"] == "0192f0d0aaaa"
    assert request.headers["content-type"] == "application/json"
    for one in [secret] if isinstance(secret, str) else secret:
        assert Webhook(one).verify(request.body, dict(request.headers)) == json.loads(
            webhook.payload(message())
        )


async def test_without_a_secret_it_is_unsigned(toolbox: Toolbox) -> None:
    """The id and the time are always there, the signature is not."""
    with WebhookReceiver() as receiver:
        options = webhook.WebhookSettings.model_validate({"url": receiver.url})
        await webhook.WebhookChannel(options, toolbox).send(message(), target="x", thread=Thread(id="t-1"))
    headers = receiver.requests[0].headers
    assert "webhook-signature" not in headers
    assert headers["webhook-timestamp"].isdecimal()


@given(st.binary(min_size=24, max_size=64), st.integers(0, 2**33), st.text(st.characters(codec="utf-8")))
def test_a_signature_is_the_reference_librarys(key: bytes, seconds: int, text: str) -> None:
    """Any key, time and body sign as the reference library signs them."""
    from datetime import UTC, datetime  # noqa: PLC0415

    ours = signature([key], id_="msg_1", seconds=seconds, body=text.encode())
    assert ours == Webhook(key).sign("msg_1", datetime.fromtimestamp(seconds, UTC), text)


def test_an_empty_list_of_secrets_is_refused() -> None:
    """Somebody meant to sign: nothing is sent unsigned in silence."""
    with pytest.raises(ValidationError, match="at least 1"):
        webhook.WebhookSettings.model_validate({"url": "https://a.example/", "secret": []})


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "abc", "whsec_" + "_" * 40, "whsec_YWJj", "whsec_" + "A" * 88, "whsec_" + "A" * 33],
)
def test_a_bad_secret_is_refused_without_repeating_it(secret: str) -> None:
    """Too short, too long, url-safe or unpadded: a sentence that does not contain it."""
    with pytest.raises(ValueError, match="must") as caught:
        signing_key(secret)
    assert len(secret) < 10 or secret not in str(caught.value)
