"""OTLP's protobuf encoding, decoded with opentelemetry-proto (the extra `otlp`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

from notifier.ingest.batch import Malformed
from notifier.ingest.formats.otlp.records import LogRecord, becomes_event
from notifier.ingest.formats.reading import MissingExtra

DEPTH: Final = 20


def read_protobuf(body: bytes) -> tuple[list[LogRecord], int]:
    """The records that become events, and the number of the others. Raises `Malformed` or `MissingExtra`."""
    request = _parser()(body)
    records: list[LogRecord] = []
    dropped = 0
    for record, scope, resource in _walk(request):
        if becomes_event(record.severity_number, (attribute.key for attribute in record.attributes)):
            records.append(_record(record, scope, resource))
        else:
            dropped += 1
    return records, dropped


@cache
def _parser() -> Callable[[bytes], Any]:
    try:
        from google.protobuf.message import DecodeError  # noqa: PLC0415 - an extra
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415
            ExportLogsServiceRequest,
        )
    except ModuleNotFoundError:
        raise MissingExtra("otlp") from None

    def parse(body: bytes) -> Any:
        request = ExportLogsServiceRequest()
        try:
            request.ParseFromString(body)
        except (DecodeError, ValueError, RecursionError):
            raise Malformed(
                "the body is no protobuf of an ExportLogsServiceRequest: JSON needs Content-Type: application/json"
            ) from None
        return request

    return parse


def _walk(request: Any) -> Iterator[tuple[Any, Any, Any]]:
    for of_resource in request.resource_logs:
        for of_scope in of_resource.scope_logs:
            for record in of_scope.log_records:
                yield record, of_scope.scope, of_resource.resource


def _record(record: Any, scope: Any, resource: Any) -> LogRecord:
    return LogRecord(
        resource=_attributes(resource.attributes, DEPTH),
        scope=scope.name or None,
        time_ns=record.time_unix_nano or record.observed_time_unix_nano,
        severity_number=record.severity_number,
        severity_text=record.severity_text or None,
        body=_value(record.body, DEPTH),
        attributes=_attributes(record.attributes, DEPTH),
        trace_id=_hex(record.trace_id),
        span_id=_hex(record.span_id),
        event_name=getattr(record, "event_name", "") or None,
    )


def _attributes(pairs: Any, depth: int) -> dict[str, Any]:
    return {pair.key: _value(pair.value, depth) for pair in pairs}


def _value(value: Any, depth: int) -> Any:
    """An AnyValue as a plain value."""
    kind = value.WhichOneof("value")
    if kind is None or depth == 0:
        return None
    content = getattr(value, kind)
    match kind:
        case "array_value":
            return [_value(item, depth - 1) for item in content.values]
        case "kvlist_value":
            return _attributes(content.values, depth - 1)
        case "bytes_value":
            return content.decode("utf-8", "replace")
        case _:
            return content


def _hex(raw: bytes) -> str | None:
    return raw.hex() if raw.strip(b"\0") else None
