"""OTLP logs: JSON and protobuf give the same events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from notifier.domain.event import Rejection
from notifier.ingest.batch import Malformed
from notifier.ingest.formats.otlp.json_body import read_json
from notifier.ingest.formats.otlp.protobuf_body import read_protobuf
from notifier.ingest.formats.otlp.records import events
from notifier.ingest.formats.reading import ParsedBody
from notifier.ingest.formats.sentry.envelope import read_store
from notifier.ingest.normalize import Normalizer
from notifier.ingest.traces import TraceBudget
from tests.examples import examples
from tests.ingest.test_traces import PYTHON

RESOURCE = {
    "service.name": "billing", "service.version": "1.4.2", "deployment.environment.name": "staging",
    "host.name": "web-1", "telemetry.sdk.language": "python",
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def pairs(**values: Any) -> list[Any]:
    return [{"key": name.replace("__", "."), "value": value} for name, value in values.items()]


def texts(values: dict[str, str]) -> list[Any]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in values.items()]


def record(**changes: Any) -> dict[str, Any]:
    return {
        "timeUnixNano": "1795787992721020416",
        "severityNumber": 17,
        "severityText": "ERROR",
        "body": {"stringValue": "could not charge 42"},
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "attributes": pairs(
            exception__type={"stringValue": "shop.errors.Declined"},
            exception__message={"stringValue": "no such card"},
            exception__stacktrace={"stringValue": PYTHON},
            order={"intValue": "42"},
            tags={"arrayValue": {"values": [{"stringValue": "a"}, {"boolValue": True}]}},
            user={"kvlistValue": {"values": pairs(id={"intValue": "7"}, rate={"doubleValue": 0.5})}},
        ),
        **changes,
    }


def request(*records: Any, resource: dict[str, str] | None = None) -> dict[str, Any]:
    attributes = texts(RESOURCE if resource is None else resource)
    scope = {"scope": {"name": "shop.billing"}, "logRecords": list(records)}
    return {"resourceLogs": [{"resource": {"attributes": attributes}, "scopeLogs": [scope]}]}


def packed(body: dict[str, Any]) -> bytes:
    """The same body as protobuf."""
    given = json.loads(json.dumps(body))
    for of_resource in given["resourceLogs"]:
        for of_scope in of_resource["scopeLogs"]:
            for one in of_scope["logRecords"]:
                for name in ("traceId", "spanId"):  # hex in OTLP's JSON, base64 in protobuf's
                    one.pop(name, None)
    message = json_format.ParseDict(given, ExportLogsServiceRequest())
    for of_resource, here in zip(message.resource_logs, body["resourceLogs"], strict=True):
        for of_scope, there in zip(of_resource.scope_logs, here["scopeLogs"], strict=True):
            for one, source in zip(of_scope.log_records, there["logRecords"], strict=True):
                one.trace_id = bytes.fromhex(source.get("traceId", ""))
                one.span_id = bytes.fromhex(source.get("spanId", ""))
    raw: bytes = message.SerializeToString()
    return raw


def read(body: dict[str, Any], *, service: str | None = None) -> ParsedBody:
    records, dropped = read_json(json.dumps(body).encode())
    return events(records, dropped, service=service)


def first(body: dict[str, Any], *, service: str | None = None) -> Any:
    return read(body, service=service).items[0]


def test_a_record_with_an_exception_becomes_an_event() -> None:
    """The event has the frames, causes and resource."""
    event = first(request(record()))
    exception = event.pop("exception")
    assert event.pop("id").startswith("otlp-")
    assert event == {
        "timestamp": "2026-11-27T13:59:52.721Z",
        "service": "billing",
        "environment": "staging",
        "release": "1.4.2",
        "host": "web-1",
        "severity": "error",
        "message": "could not charge 42",
        "labels": {"logger": "shop.billing"},
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "context": {
            "attributes": {"order": 42, "tags": ["a", True], "user": {"id": 7, "rate": 0.5}},
            "resource": {"telemetry.sdk.language": "python"},
            "span_id": "b7ad6b7169203331",
        },
    }
    assert (exception["module"], exception["type"], exception["message"]) == (
        "shop.errors",
        "Declined",
        "no such card",
    )
    assert [frame["function"] for frame in exception["frames"]] == ["app", "charge"]
    assert exception["cause"]["type"] == "KeyError"


def test_protobuf_says_the_same() -> None:
    """The event and its id are equal, so a repeat in the other encoding is a duplicate."""
    body = request(
        record(),
        record(body={"kvlistValue": {"values": pairs(message={"stringValue": "m"})}}),
        record(severityNumber=9, attributes=[]),
    )
    records, dropped = read_protobuf(packed(body))
    assert events(records, dropped, service=None) == read(body)
    assert dropped == 1


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({"severityNumber": 17}, "error"),
        ({"severityNumber": 24}, "critical"),
        ({"severityNumber": "SEVERITY_NUMBER_FATAL2"}, "critical"),
        ({"severityNumber": 13}, "warning"),
        ({"severityNumber": 9}, "info"),
        ({"severityNumber": 0, "severityText": "Critical"}, "Critical"),
        ({"severityNumber": 0, "severityText": ""}, None),
    ],
)
def test_an_exception_is_told_whatever_its_severity(changes: dict[str, Any], severity: str | None) -> None:
    """The severity is that of the number, else of the text."""
    assert first(request(record(**changes))).get("severity") == severity


@pytest.mark.parametrize(
    ("number", "wanted"), [(0, 0), (1, 0), (16, 0), (17, 1), (24, 1), ("x", 0), (None, 0), (True, 0)]
)
def test_without_one_only_errors_are(number: Any, wanted: int) -> None:
    """Other records are dropped and counted."""
    taken = read(request(record(severityNumber=number, attributes=[])))
    assert (len(taken.items), sum(taken.dropped.values())) == (wanted, 1 - wanted)


def test_the_same_failure_is_one_problem() -> None:
    """Records are grouped by the exception, not by the constant body of a middleware."""
    bodies = [
        record(
            eventName="http.server.request.exception",
            body={"stringValue": "request failed"},
            timeUnixNano=str(n),
            **extra,
        )
        for n, extra in enumerate(
            ({}, {}, {"attributes": pairs(exception__type={"stringValue": "ValueError"})}), 1
        )
    ]
    normalizer = Normalizer(max_event_bytes=256 * 1024, new_id=lambda: "new")
    judged = normalizer.read(read(request(*bodies)).items, project="p", received_at=0, sent_at=None)
    prints = [one.event.fingerprint for one in judged if not isinstance(one, Rejection)]
    assert prints[0] == prints[1] != prints[2]
    ids = {one.event.id for one in judged if not isinstance(one, Rejection)}
    assert len(ids) == 3


def test_an_sdk_without_a_name_has_the_keys() -> None:
    """`unknown_service:python` counts as no service."""
    body = request(record(), resource={"service.name": "unknown_service:python"})
    assert first(body, service="shop")["service"] == "shop"
    assert first(body)["service"] == "unknown"
    assert len(read(body).warnings) == 1


def test_traces_are_read_within_a_budget() -> None:
    """The budget is for all records of a request; others keep type and message."""
    budget = TraceBudget(lines=PYTHON.count("\n") + 1)
    records, _ = read_json(json.dumps(request(record(), record(timeUnixNano="5"))).encode())
    first_, second = (item["exception"] for item in events(records, 0, service=None, traces=budget).items)  # type: ignore[call-overload]
    assert len(first_["frames"]) == 2
    assert (second["type"], second["message"], "frames" in second) == ("Declined", "no such card", False)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"\xff", b"[" * 100_000, packed(request(record()))])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """Protobuf declared as JSON is refused with a sentence."""
    with pytest.raises(Malformed):
        read_json(body)


@pytest.mark.parametrize(
    "body", [b"{}", b"\xff" * 20, b"\x0a\xff\xff\xff\xff\x0f", json.dumps(request(record())).encode()]
)
def test_what_is_no_protobuf_is_refused(body: bytes) -> None:
    """JSON declared as protobuf is refused."""
    with pytest.raises(Malformed):
        read_protobuf(body)


@settings(max_examples=examples(40, 80), deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(record(), JSON)), JSON, JSON)
def test_any_json_is_read(changes: dict[str, Any], resource: Any, records: Any) -> None:
    """Records with any field values become events or rejections."""
    for body in (
        request(record(**changes)),
        {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]},
        {"resourceLogs": records},
        request(
            {
                **record(),
                "attributes": [{"key": "exception.type", "value": resource}, {"key": records, "value": 5}],
            }
        ),
    ):
        taken = read(body)
        judged = Normalizer(max_event_bytes=256 * 1024, new_id=lambda: "new").read(
            taken.items, project="p", received_at=0, sent_at=None
        )
        assert all(not isinstance(one, Rejection) or one.message for one in judged)


@settings(max_examples=examples(40, 80), deadline=None)
@given(st.data())
def test_mutated_protobuf_is_read_or_refused(data: st.DataObject) -> None:
    """Truncated, changed or doubled bytes are parsed or refused."""
    raw = bytearray(packed(request(record())))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not raw:
            break
    try:
        records, dropped = read_protobuf(bytes(raw))
    except Malformed:
        return
    events(records, dropped, service=None)


def test_it_reads_as_the_native_report_does() -> None:
    """Title, labels and frames equal those from notifier's client and from Sentry."""
    frame = {"file": "/app/shop/billing.py", "function": "charge", "line": 21, "in_app": True}
    native = {
        "service": "billing", "environment": "staging", "release": "1.4.2", "host": "web-1",
        "message": "could not charge",
        "exception": {"type": "Declined", "module": "shop.errors", "message": "no such card", "frames": [frame]},
    }  # fmt: skip
    trace = (
        "Traceback (most recent call last):\n"
        '  File "/app/shop/billing.py", line 21, in charge\n'
        "shop.errors.Declined: no such card\n"
    )
    exception = {
        "exception.type": "shop.errors.Declined",
        "exception.message": "no such card",
        "exception.stacktrace": trace,
    }
    attributes = texts(exception)
    by_otlp = first(request(record(body={"stringValue": "could not charge"}, attributes=attributes)))
    theirs = {"filename": frame["file"], "function": "charge", "lineno": 21, "in_app": True}
    raised = {
        "type": "Declined", "module": "shop.errors", "value": "no such card",
        "stacktrace": {"frames": [theirs]},
    }  # fmt: skip
    envelope = {
        "event_id": "9ec79c33ec9942ab8353589fcb2e04dc", "tags": {"service": "billing"}, "environment": "staging",
        "release": "1.4.2", "server_name": "web-1", "level": "error", "exception": {"values": [raised]},
    }  # fmt: skip
    [by_sentry] = read_store(json.dumps(envelope).encode(), {}, service=None).items
    normalizer = Normalizer(max_event_bytes=256 * 1024, new_id=lambda: "new")
    judged = normalizer.read([native, by_otlp, by_sentry], project="p", received_at=0, sent_at=None)
    found = [one.event for one in judged if not isinstance(one, Rejection)]
    assert len({one.title for one in found}) == 1
    assert len({one.fingerprint for one in found}) == 1
    assert (
        len({(one.service, one.environment, one.labels["release"], one.labels["exception"]) for one in found})
        == 1
    )
