"""CloudEvents 1.0 over HTTP: structured, batched, and binary, whose attributes are HTTP headers.

Data that is a native event is used as one. Otherwise the message is read from the data's usual fields, or made of
type and subject, and the rest is kept as context. `source` and `id` form the event's id, so that a repeat is a
duplicate.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import unquote_to_bytes

from notifier.ingest import sanitise
from notifier.ingest.batch import MAX_EVENTS, Malformed
from notifier.ingest.formats.reading import numbered_severity, object_of, text_of
from notifier.ingest.formats.timestamps import as_rfc3339

NAME: Final = "cloudevents"
STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
_REQUIRED: Final = ("specversion", "id", "source", "type")
_KNOWN: Final = frozenset({
    *_REQUIRED, "subject", "time", "data", "data_base64", "datacontenttype", "dataschema", "service", "severity",
    "severitytext", "severitynumber", "traceparent", "tracestate",
})  # fmt: skip
_MESSAGES: Final = ("message", "summary", "title", "description", "error")
_LABELLED: Final = ("type", "source", "subject")
_EXTENSIONS: Final = 40

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvents:
    """The events of a request, in order. An item that could not be read is a sentence that says why."""

    items: list[Tree | str]
    single: bool


def mode_of(headers: Mapping[str, str]) -> Literal["binary", "structured", "batch"] | None:
    """The content mode of a request, or None if it is no CloudEvent or of an unknown mode."""
    kind = _kind(headers.get("content-type"))
    if kind == STRUCTURED:
        return "structured"
    if kind == BATCH:
        return "batch"
    return (
        "binary" if "ce-specversion" in headers and not kind.startswith("application/cloudevents") else None
    )


def read(body: bytes, headers: Mapping[str, str], *, service: str | None) -> CloudEvents:
    """The events of a request whose mode is known. Raises `Malformed` if the body cannot be split into events."""
    mode = mode_of(headers)
    if mode == "binary":
        return CloudEvents(items=[_event(_binary(body, headers), service)], single=True)
    try:
        tree = sanitise.read(body)
    except sanitise.UnreadableJson as error:
        raise Malformed(f"the body cannot be read: {error}") from None
    if mode == "structured":
        return CloudEvents(items=[_event(tree, service)], single=True)
    if not isinstance(tree, list):
        raise Malformed("a batch of CloudEvents is a JSON array")
    if not tree:
        raise Malformed("there is no event in the body: send at least one", reason="empty")
    if len(tree) > MAX_EVENTS:
        raise Malformed(
            f"more than {MAX_EVENTS} events in one body: send them in several requests", reason="too_many"
        )
    return CloudEvents(items=[_event(each, service) for each in tree], single=False)


def _kind(content_type: str | None) -> str:
    return "" if content_type is None else content_type.partition(";")[0].strip().lower()


def _binary(body: bytes, headers: Mapping[str, str]) -> Tree:
    """The event of a binary request. Header values are percent-encoded UTF-8, sometimes quoted."""
    attributes = {
        name.removeprefix("ce-"): sanitise.text(_unquoted(value))
        for name, value in headers.items()
        if name.startswith("ce-")
    }
    return {**attributes, **_data_of(body, _kind(headers.get("content-type")))}


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return unquote_to_bytes(value.encode("latin-1", "replace")).decode("utf-8", "replace")


def _data_of(body: bytes, kind: str) -> Tree:
    """The decoded data: JSON if the type says so or is missing, text if it is text. Other data is only measured."""
    if not body:
        return {}
    if kind in {"", "application/json", "text/json"} or kind.endswith("+json"):
        try:
            return {"data": sanitise.read(body)}
        except sanitise.UnreadableJson:
            if kind:
                return {"fault": "data: it says JSON and cannot be read as such"}
    try:
        return {"data": sanitise.text(body.decode("utf-8"))}
    except UnicodeDecodeError:
        return {"data": {"bytes": len(body)}}


def _event(event: Any, service: str | None) -> Tree | str:
    """The native event of a CloudEvent, or a sentence that says what is wrong with it."""
    if not isinstance(event, dict):
        return "a CloudEvent is a JSON object"
    missing = [name for name in _REQUIRED if text_of(event.get(name)) is None]
    if missing:
        return f"{missing[0]}: is required, as a text"
    if text_of(event["specversion"]) != "1.0":
        return "specversion: only 1.0 is known"
    if "fault" in event:
        return str(event["fault"])
    data = _decoded(event) if "data_base64" in event else event.get("data")
    body = (
        dict(data)
        if isinstance(data, dict) and _is_native(data)
        else _from_foreign_data(event, data, service)
    )
    return _without_nones(
        {
            "timestamp": as_rfc3339(event.get("time")),
            "trace_id": _trace(event.get("traceparent")),
            "severity": _severity(event),
            **body,
            "id": f"{event['source']}#{event['id']}",
        }
    )


def _is_native(data: Tree) -> bool:
    """Whether the data is an event as `POST /v1/events` accepts it."""
    if not isinstance(data.get("service"), str):
        return False
    what = data.get("message"), data.get("exception"), data.get("status")
    return isinstance(what[0], str) or isinstance(what[1], dict) or what[2] == "resolved"


def _from_foreign_data(event: Tree, data: Any, service: str | None) -> Tree:
    tree = object_of(data)
    words = [data, *(tree.get(name) for name in _MESSAGES)]
    message = next((text for text in words if isinstance(text, str) and text.strip()), None)
    type_and_subject = filter(None, (text_of(event["type"]), text_of(event.get("subject"))))
    return {
        "service": next(
            filter(None, map(text_of, (tree.get("service"), event.get("service"), service, event["source"])))
        ),
        "message": message or ": ".join(type_and_subject),
        "severity": tree.get("severity") or _severity(event),
        "labels": _labels(event),
        "context": dict(tree) if tree else {} if data is None or message == data else {"data": data},
    }


def _severity(event: Tree) -> Any:
    """The severity of an extension: `severity`, else `severitynumber`, else `severitytext`."""
    number = event.get("severitynumber")
    if isinstance(number, str) and number.isascii() and number.isdecimal() and len(number) < 3:
        number = int(number)
    named = numbered_severity(number) if isinstance(number, int) else None
    return event.get("severity") or named or event.get("severitytext")


def _labels(event: Tree) -> Tree:
    """The labels: type, source, subject, and extensions that are strings."""
    extensions = [name for name in event if name not in _KNOWN and text_of(event[name])]
    return _without_nones(
        {name: text_of(event.get(name)) for name in (*_LABELLED, *extensions[:_EXTENSIONS])}
    )


def _decoded(event: Tree) -> Any:
    encoded = event.get("data_base64")
    try:
        raw = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
    except (binascii.Error, ValueError):
        return None
    return _data_of(raw, _kind(text_of(event.get("datacontenttype")))).get("data")


def _trace(value: Any) -> str | None:
    """The trace id in a W3C `traceparent`."""
    parts = value.split("-") if isinstance(value, str) else []
    return parts[1] if len(parts) >= 3 and len(parts[1]) == 32 else None


def _without_nones(fields: Mapping[str, Any]) -> Tree:
    return {name: value for name, value in fields.items() if value}
