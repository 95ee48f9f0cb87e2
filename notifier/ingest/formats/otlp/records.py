"""Log records as events: those with an exception, and those of severity ERROR or higher."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from notifier.domain.time import rfc3339
from notifier.ingest.formats.reading import (
    NO_SERVICE,
    UNKNOWN_SERVICE,
    ParsedBody,
    numbered_severity,
    text_of,
)
from notifier.ingest.traces import TraceBudget, exception_in

NAME: Final = "otlp"
ERROR: Final = 17
"""The lowest severity number of ERROR."""
RECORDS: Final = 10_000
"""The limit of events in one request. Further records are dropped and counted."""
DROPPED: Final = "log_record"
_EXCEPTION: Final = ("exception.type", "exception.message", "exception.stacktrace", "exception.escaped")
_UNKNOWN: Final = "unknown_service"
_RESOURCE: Final = frozenset({
    "service.name", "service.version", "deployment.environment.name", "deployment.environment", "host.name",
})  # fmt: skip
_MILLION: Final = 1_000_000
_LATEST_NS: Final = 253_402_300_799 * 10**9

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """A log record that becomes an event, in either encoding. `resource` and `attributes` hold plain values."""

    resource: Mapping[str, Any]
    scope: str | None
    time_ns: int
    severity_number: int
    severity_text: str | None
    body: Any
    attributes: Mapping[str, Any]
    trace_id: str | None
    span_id: str | None
    event_name: str | None


def becomes_event(severity_number: int, attributes: Iterable[str]) -> bool:
    """Whether a record becomes an event. `attributes` are the names of its attributes."""
    return severity_number >= ERROR or any(name.startswith("exception.") for name in attributes)


def events(
    records: Iterable[LogRecord], dropped: int, *, service: str | None, traces: TraceBudget | None = None
) -> ParsedBody:
    """The events of records. `dropped` counts records that are no events; `traces` is the request's budget."""
    warnings: dict[str, None] = {}
    traces = traces or TraceBudget()
    items = [_event(record, service, warnings, traces) for record in records]
    return ParsedBody(items, dropped={DROPPED: dropped} if dropped else {}, warnings=tuple(warnings))


def _event(record: LogRecord, service: str | None, warnings: dict[str, None], traces: TraceBudget) -> Tree:
    resource, attributes = record.resource, record.attributes
    named = text_of(resource.get("service.name"))
    if named is None or named.startswith(_UNKNOWN):
        named = service
    if named is None:
        warnings[NO_SERVICE] = None
    exception = _exception(attributes, traces)
    message = _text(record.body) or (None if exception else record.event_name or "(no message)")
    fields = {
        "id": _identity(record),
        "timestamp": rfc3339(record.time_ns // _MILLION) if 0 < record.time_ns < _LATEST_NS else None,
        "service": named or UNKNOWN_SERVICE,
        "environment": text_of(
            resource.get("deployment.environment.name") or resource.get("deployment.environment")
        ),
        "release": text_of(resource.get("service.version")),
        "host": text_of(resource.get("host.name")),
        "severity": _severity(record),
        "message": message,
        "exception": exception,
        "labels": {
            name: value for name, value in (("logger", record.scope), ("event", record.event_name)) if value
        },
        "trace_id": record.trace_id,
        "context": _context(record),
    }
    return {name: value for name, value in fields.items() if value}


def _exception(attributes: Mapping[str, Any], traces: TraceBudget) -> Tree | None:
    type_, message, trace = (text_of(attributes.get(name)) for name in _EXCEPTION[:3])
    if type_ is message is trace is None:
        return None
    stacktrace = trace if trace is not None and traces.takes(trace) else ""
    return exception_in(stacktrace, type_=type_, message=message)


def _severity(record: LogRecord) -> str | None:
    """The severity of a record: from its number, else from its text if that is a known word."""
    return numbered_severity(record.severity_number) or record.severity_text or None


def _context(record: LogRecord) -> Tree:
    own = {name: value for name, value in record.attributes.items() if name not in _EXCEPTION}
    resource = {name: value for name, value in record.resource.items() if name not in _RESOURCE}
    body = record.body if isinstance(record.body, dict | list) else None
    context = {"attributes": own, "resource": resource, "span_id": record.span_id, "body": body}
    return {name: value for name, value in context.items() if value}


def _text(body: Any) -> str | None:
    """The text of a body. For an object, its message field."""
    if isinstance(body, dict):
        body = body.get("message") or body.get("msg")
    return text_of(body)


def _identity(record: LogRecord) -> str | None:
    """An id made of the record's content. Records have no id, and exporters resend them after a time-out."""
    if not record.time_ns:
        return None
    parts = (
        record.time_ns, record.trace_id, record.span_id, record.severity_number, record.scope, record.event_name,
        sorted(map(str, record.resource.items())), record.body, sorted(map(str, record.attributes.items())),
    )  # fmt: skip
    return f"otlp-{sha256(repr(parts).encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"
