"""Events from exceptions and messages (RULES.md#the-event).

`event` runs where the failure happens and only captures it; `completed_event` runs on the client's thread and does what
takes time: source lines, formatted timestamps, scrubbing.
"""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from notifier.client.capture import context, exception_parts, frames, json_safe
from notifier.client.capture.ids import new_id
from notifier.client.capture.scrub import scrub
from notifier.client.options import Options

if TYPE_CHECKING:
    from notifier.client.documents import (
        CapturedEvent,
        CapturedException,
        ErrorDocument,
        EventDocument,
        ExceptionDocument,
        TaskReference,
    )

CAUSES: Final = 8
# The service's limits, so that it need not change an event.
NAME: Final = 256
NOTES: Final = 20
NOTE: Final = 1_024
MESSAGE: Final = 8_192
CODE: Final = 512
LABELS: Final = 50
LABEL_KEY: Final = 100
LINKS: Final = 10
URL: Final = 2_048
FINGERPRINT: Final = 32
CONTEXT: Final = 24_576
MARGIN: Final = 16
_KEPT: Final = frozenset({"id", "timestamp", "service", "task"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDetails:
    """Details that a caller gives in addition to the failure.

    `checked` is False for unvalidated values from an application, which may have any type.
    """

    severity: str = "error"
    message: str | None = None
    task: TaskReference | None = None
    labels: Mapping[str, object] = field(default_factory=dict)
    context: Mapping[str, object] = field(default_factory=dict)
    fingerprint: Sequence[str] | None = None
    links: Sequence[Mapping[str, str]] = ()
    checked: bool = True


def event(options: Options, details: ReportDetails, error: BaseException | None) -> CapturedEvent:
    """Captures an event for `completed_event`. Takes tens of microseconds, and calls no application code."""
    request, trace_id = context.of_request()
    # The failure's own fields first, because what exceeds the budget is cut.
    around = json_safe.plain(
        {**details.context, **_others(context.captured_values(error), details.context)}, budget=CONTEXT
    )
    if request:
        around["request"] = request
    document: CapturedEvent = {
        "id": new_id(),
        "timestamp": time.time(),
        "service": options.service,
        "environment": options.environment,
        "release": options.release,
        "host": options.host,
        "severity": details.severity,
        "context": around,
    }
    message = details.message or (None if error is not None else "(an empty message)")
    if message:
        document["message"] = message[: json_safe.MESSAGE_CHARS]
    if error is not None:
        document["exception"] = failure(error)
    optional = {
        "task": details.task,
        "trace_id": trace_id,
        "fingerprint": [str(part)[:NOTE] for part in (details.fingerprint or ())[:FINGERPRINT]],
        "labels": {name[:LABEL_KEY]: _label(value) for name, value in list(details.labels.items())[:LABELS]},
        "links": [_link(link) for link in details.links[:LINKS]],
    }
    document.update(cast("CapturedEvent", {name: value for name, value in optional.items() if value}))
    return document


def failure(
    error: BaseException, left: int = CAUSES, seen: frozenset[int] = frozenset()
) -> CapturedException:
    """The captured exception. Its frames are completed by `completed_event`."""
    seen |= {id(error)}
    cause = _cause(error)
    # A cause that is a group is left out if this exception was taken from it and raised again.
    if cause is not None and (left == 0 or exception_parts.all_match(lambda inner: id(inner) in seen, cause)):
        cause = None
    kind, module = _type_and_module(error)
    return {
        "type": kind,
        "module": module,
        "message": json_safe.message_of(error),
        "frames": frames.captured_frames(exception_parts.traceback(error)),
        "cause": None if cause is None else failure(cause, left - 1, seen),
        "notes": list(_notes(error)),
    }


def error_document(error: BaseException) -> ErrorDocument:
    """The error of a task run."""
    kind, module = _type_and_module(error)
    return {"type": kind, "module": module, "message": json_safe.message_of(error)}


def _type_and_module(error: BaseException) -> tuple[str, str]:
    module, _, name = json_safe.full_name(type(error)).rpartition(":")
    return name[:NAME], module[:NAME]


def completed_event(captured: CapturedEvent, in_app: tuple[str, ...] = ()) -> EventDocument:
    """The event as it is sent: frames with source lines, timestamps as text, secrets scrubbed."""
    document: dict[str, Any] = {**captured, "timestamp": as_rfc3339(captured["timestamp"])}
    if "exception" in captured:
        document["exception"] = _exception_document(captured["exception"], in_app)
    # Ids and names are never secrets, even if they look like it, and the service identifies the event by them.
    identity = {name: value for name, value in document.items() if name in _KEPT}
    content = {name: value for name, value in document.items() if name not in _KEPT}
    return cast("EventDocument", {**identity, **_within_limits(scrub(content))})


def _exception_document(exception: CapturedException, in_app: tuple[str, ...]) -> ExceptionDocument:
    cause = exception["cause"]
    return {
        "type": exception["type"],
        "module": exception["module"],
        "message": exception["message"],
        "frames": frames.frame_documents(exception["frames"], in_app),
        "cause": None if cause is None else _exception_document(cause, in_app),
        "notes": exception["notes"],
    }


def _within_limits(document: dict[str, Any]) -> dict[str, Any]:
    """The document within the service's limits. A placeholder may be longer than the secret it replaces."""
    for name, value in document.items():
        if isinstance(value, str):
            document[name] = _shortened(value, MESSAGE if name == "message" else NAME)
    for name, most in (("labels", NAME), ("fingerprint", NOTE), ("links", NAME)):
        if name in document:
            document[name] = _shortened(document[name], most)
    inner = document.get("exception")
    while inner is not None:
        inner["message"] = _shortened(inner["message"], MESSAGE) or None
        inner["notes"] = _shortened(inner["notes"], NOTE)
        inner["frames"] = _shortened(inner["frames"], CODE)
        inner = inner["cause"]
    return document


def _shortened(value: Any, most: int) -> Any:
    """The value with its strings cut to `most` characters. Links may be longer."""
    if isinstance(value, str):
        # A cut may go through `[scrubbed]`, which the service completes.
        return value if len(value) <= most else value[: most - MARGIN]
    if isinstance(value, dict):
        return {name: _shortened(inner, URL if name == "url" else most) for name, inner in value.items()}
    return [_shortened(inner, most) for inner in value] if isinstance(value, list) else value


def as_rfc3339(at: float | None) -> str | None:
    """The time as RFC 3339 in UTC, with milliseconds."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cause(error: BaseException) -> BaseException | None:
    members = _members(error)
    if members and exception_parts.raised_from(error) is None:
        return members[0]
    return exception_parts.cause(error)


def _members(error: BaseException) -> list[BaseException]:
    """The exceptions of a group, cancellations last."""
    return sorted(exception_parts.members(error), key=_cancelled)


def _cancelled(error: BaseException) -> bool:
    return exception_parts.all_match(lambda inner: issubclass(type(inner), CancelledError), error)


def _notes(error: BaseException) -> Iterator[str]:
    for note in exception_parts.notes(error)[:NOTES]:
        yield note[:NOTE]
    for sibling in _members(error)[1:NOTES]:
        said = filter(None, (json_safe.name_of(type(sibling)), json_safe.message_of(sibling)))
        yield f"and {': '.join(said)}"[:NOTE]


def _label(value: object) -> str:
    text = json_safe.plain(value)
    return (text if isinstance(text, str) else str(text).lower() if isinstance(text, bool) else str(text))[
        :256
    ]


def _others(values: Mapping[str, object], first: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name not in first}


def _link(link: Mapping[str, str]) -> dict[str, str]:
    return {"title": str(link.get("title") or "link")[:NAME], "url": str(link.get("url") or "")[:URL]}
