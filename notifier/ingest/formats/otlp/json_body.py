"""OTLP's JSON encoding: sent by JavaScript SDKs, and written by hand."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from notifier.ingest import sanitise
from notifier.ingest.batch import Malformed
from notifier.ingest.formats.otlp.records import LogRecord, becomes_event
from notifier.ingest.formats.reading import object_of, text_of

DEPTH: Final = 20
_NUMBERS: Final = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17, "FATAL": 21}


def read_json(body: bytes) -> tuple[list[LogRecord], int]:
    """The records that become events, and the number of the others. Raises `Malformed` if the body is not OTLP."""
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        tree = _read_leniently(body)
    if not isinstance(tree, dict):
        raise Malformed("the body must be a JSON object with resourceLogs")
    records: list[LogRecord] = []
    dropped = 0
    for record, scope, resource in _walk(tree):
        names = [str(pair.get("key")) for pair in _objects(record.get("attributes"))]
        number = _severity(record.get("severityNumber"))
        if becomes_event(number, names):
            records.append(_record(record, number, scope, resource))
        else:
            dropped += 1
    return records, dropped


def _read_leniently(body: bytes) -> Any:
    try:
        return sanitise.read(body)
    except sanitise.UnreadableJson as error:
        raise Malformed(f"the body cannot be read: {error}") from None


def _walk(
    tree: Mapping[str, Any],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]:
    for of_resource in _objects(tree.get("resourceLogs")):
        resource = object_of(of_resource.get("resource"))
        for of_scope in _objects(of_resource.get("scopeLogs")):
            scope = object_of(of_scope.get("scope"))
            for record in _objects(of_scope.get("logRecords")):
                yield record, scope, resource


def _record(
    record: Mapping[str, Any], number: int, scope: Mapping[str, Any], resource: Mapping[str, Any]
) -> LogRecord:
    return LogRecord(
        resource=_attributes(resource.get("attributes")),
        scope=text_of(scope.get("name")),
        time_ns=_integer(record.get("timeUnixNano")) or _integer(record.get("observedTimeUnixNano")),
        severity_number=number,
        severity_text=text_of(record.get("severityText")),
        body=_value(record.get("body"), DEPTH),
        attributes=_attributes(record.get("attributes")),
        trace_id=_hex(record.get("traceId")),
        span_id=_hex(record.get("spanId")),
        event_name=text_of(record.get("eventName")),
    )


def _attributes(pairs: Any, depth: int = DEPTH) -> dict[str, Any]:
    return {str(pair.get("key")): _value(pair.get("value"), depth) for pair in _objects(pairs)}


def _value(value: Any, depth: int) -> Any:
    """An AnyValue as a plain value. An integer may be encoded as a string."""
    for name, inner in object_of(value).items() if depth else ():
        if name in _KINDS:
            return _KINDS[name](inner, depth - 1)
    return None


def _scalar(value: Any, _depth: int) -> Any:
    return value if isinstance(value, str | bool | int | float) else None


_KINDS: Final[Mapping[str, Callable[[Any, int], Any]]] = {
    "stringValue": _scalar,
    "boolValue": _scalar,
    "doubleValue": _scalar,
    "intValue": lambda value, _depth: _integer(value),
    "bytesValue": lambda value, _depth: _bytes(value),
    "arrayValue": lambda value, depth: [
        _value(item, depth) for item in _objects(object_of(value).get("values"))
    ],
    "kvlistValue": lambda value, depth: _attributes(object_of(value).get("values"), depth),
}


def _bytes(value: Any) -> str | None:
    """The decoded bytes if they are UTF-8, else None."""
    try:
        raw = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
        return raw.decode("utf-8")
    except (binascii.Error, ValueError):
        return None


def _integer(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) <= 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _severity(value: Any) -> int:
    """The severity number. Protobuf's JSON may name it: `SEVERITY_NUMBER_ERROR2`."""
    if not isinstance(value, str):
        return _integer(value)
    name = value.removeprefix("SEVERITY_NUMBER_")
    return _NUMBERS.get(name.rstrip("234"), 0) or _integer(value)


def _hex(value: Any) -> str | None:
    text = text_of(value)
    return text if text and text.strip("0") else None


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
