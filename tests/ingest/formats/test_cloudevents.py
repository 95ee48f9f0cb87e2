"""CloudEvents in binary, structured and batch mode."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.channels.payloads import cloudevents as out
from notifier.ingest.batch import Malformed
from notifier.ingest.formats.cloudevents import BATCH, STRUCTURED, mode_of, read
from notifier.testing.messages import EVENT, message

CLOUD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "a-1",
    "source": "/shop/orders",
    "type": "com.example.order.failed",
    "subject": "order 1842",
    "time": "2026-11-27T12:00:00Z",
    "region": "eu-west-1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "data": {"message": "could not charge", "severity": "critical", "order": 1842},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def structured(event: Any, *, service: str | None = None) -> Any:
    [item] = read(
        json.dumps(event).encode(), {"content-type": f"{STRUCTURED}; charset=utf-8"}, service=service
    ).items
    return item


def binary(body: bytes = b"", **headers: str) -> Any:
    attributes = {f"ce-{name}": CLOUD[name] for name in ("specversion", "id", "source", "type")}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    [item] = read(body, {**attributes, **named}, service=None).items
    return item


def test_a_foreign_event_becomes_one_of_ours() -> None:
    """Its text is the message, its attributes are labels, its data is the context."""
    assert structured(CLOUD, service="billing") == {
        "id": "/shop/orders#a-1",
        "timestamp": "2026-11-27T12:00:00Z",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "service": "billing",
        "message": "could not charge",
        "severity": "critical",
        "labels": {
            "type": "com.example.order.failed",
            "source": "/shop/orders",
            "subject": "order 1842",
            "region": "eu-west-1",
        },
        "context": {"message": "could not charge", "severity": "critical", "order": 1842},
    }


def test_a_native_event_stays_as_it_is() -> None:
    """Only the id is taken from the CloudEvent."""
    item = structured({**CLOUD, "data": EVENT})
    assert item["id"] == "/shop/orders#a-1"
    assert {**item, "id": EVENT["id"], "trace_id": None} == {**EVENT, "trace_id": None}


@pytest.mark.parametrize(
    ("extension", "severity"),
    [
        ({"severity": "critical"}, "critical"),
        ({"severitynumber": 21, "severitytext": "FATAL"}, "critical"),
        ({"severitynumber": "14"}, "warning"),
        ({"severitynumber": 0, "severitytext": "WARN"}, "WARN"),
    ],
)
def test_an_extension_says_how_bad_it_is(extension: dict[str, Any], severity: str) -> None:
    """The severity extension applies unless the event states one; numbers are OpenTelemetry's."""
    bare = {name: value for name, value in EVENT.items() if name != "severity"}
    foreign = {**CLOUD, "data": {"message": "late"}}
    assert structured({**CLOUD, **extension, "data": bare})["severity"] == severity
    assert structured({**foreign, **extension})["severity"] == severity
    assert "severitynumber" not in structured({**foreign, **extension})["labels"]
    assert structured({**CLOUD, **extension, "data": EVENT})["severity"] == EVENT["severity"]


@pytest.mark.parametrize("data", [None, {}, [], {"a": 1}, 5, True])
def test_without_words_it_is_its_type_and_subject(data: Any) -> None:
    """Without text the title is type and subject, and the source is the service by default."""
    item = structured({**CLOUD, "data": data})
    assert (item["message"], item["service"]) == ("com.example.order.failed: order 1842", "/shop/orders")


def test_binary_attributes_are_headers() -> None:
    """Attributes are percent-encoded and optionally quoted headers; the body is the data."""
    item = binary(
        b'{"message": "late"}',
        content_type="application/json",
        ce_subject="Euro%20%E2%82%AC",
        ce_zone='"a \\"b\\""',
    )
    assert (item["message"], item["labels"]["subject"], item["labels"]["zone"]) == (
        "late",
        "Euro \u20ac",
        'a "b"',
    )


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"plain words", "text/plain", "plain words"),
        (b"plain words", "", "plain words"),
        (b'"quoted"', "application/json", "quoted"),
        (b"{", "", "{"),
        (b"\xff\x00\xfe", "application/octet-stream", CLOUD["type"]),
        (b"<a/>", "application/xml", "<a/>"),
        (b'{"summary": "s"}', "application/vnd.x+json", "s"),
    ],
)
def test_any_content_is_data(body: bytes, content_type: str, message: str) -> None:
    """Data is JSON, text or binary."""
    assert binary(body, content_type=content_type)["message"] == message


def test_data_may_be_base64() -> None:
    """Base64 data may contain JSON, if its content type says so."""
    encoded = base64.b64encode(b'{"message": "hidden"}').decode()
    event = {name: value for name, value in CLOUD.items() if name != "data"}
    event |= {"data_base64": encoded, "datacontenttype": "application/json"}
    assert structured(event)["message"] == "hidden"
    assert structured({**event, "data_base64": "%"})["message"] == "com.example.order.failed: order 1842"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ([], "object"),
        (None, "object"),
        ({**CLOUD, "id": ""}, "id: "),
        ({**CLOUD, "source": None}, "source: "),
        ({**CLOUD, "type": []}, "type: "),
        ({**CLOUD, "specversion": "0.2"}, "specversion: "),
    ],
)
def test_what_is_none_is_told_in_a_sentence(event: Any, said: str) -> None:
    """An invalid event is an error with a sentence, and does not affect others of a batch."""
    assert said in structured(event)
    found = read(json.dumps([event, CLOUD]).encode(), {"content-type": BATCH}, service=None)
    assert [type(item) for item in found.items] == [str, dict]
    assert not found.single


def test_binary_json_that_is_none_is_told() -> None:
    """Invalid JSON with a JSON content type is an error."""
    assert binary(b"{", content_type="application/json").startswith("data: ")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}", b"[]", b"\xff", b"[" * 10_000, json.dumps([CLOUD] * 1_001).encode()]
)
def test_what_is_no_batch_is_refused(body: bytes) -> None:
    """An invalid batch is refused with a sentence."""
    with pytest.raises(Malformed):
        read(body, {"content-type": BATCH}, service=None)


@pytest.mark.parametrize(
    ("headers", "mode"),
    [
        ({}, None),
        ({"content-type": "application/json"}, None),
        ({"content-type": STRUCTURED.upper()}, "structured"),
        ({"content-type": BATCH}, "batch"),
        ({"ce-specversion": "1.0"}, "binary"),
        ({"ce-specversion": "1.0", "content-type": "text/plain"}, "binary"),
        ({"content-type": "application/cloudevents+avro", "ce-specversion": "1.0"}, None),
    ],
)
def test_the_mode_is_in_the_headers(headers: dict[str, str], mode: str | None) -> None:
    """The mode follows the HTTP binding."""
    assert mode_of(headers) == mode


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(CLOUD, JSON)),
    JSON,
    st.binary(max_size=30),
    st.text(max_size=20),
)
def test_any_event_is_read_or_told(changes: dict[str, Any], data: Any, body: bytes, value: str) -> None:
    """Any event is accepted or refused with a sentence."""
    for event in ({**CLOUD, **changes}, {**CLOUD, "data": data}, {**CLOUD, "data": {**EVENT, **changes}}):
        assert structured(event)
    assert binary(
        body, ce_subject=value.encode("utf-8", "replace").decode("latin-1"), ce_zone=value, content_type=value
    )


def test_what_notifier_sends_it_takes() -> None:
    """A notifier's CloudEvents webhook is accepted by another notifier."""
    sent = json.loads(out.payload(message(), url="https://n.example.com"))
    assert structured(sent)["id"] == "https://n.example.com#0192f0d0aaaa"
