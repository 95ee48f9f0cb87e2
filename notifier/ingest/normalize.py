"""Events from posted data: limits, sanitising, scrubbing, labels, fingerprint. Pure except for generated ids.

There are two parsers. The strict one accepts what matches the schema and holds nothing suspicious, at the decoder's
speed; the lenient one accepts everything else. Both give the same event if both apply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec

from notifier.domain.event import Event, Rejection
from notifier.domain.severity import Severity
from notifier.domain.time import DAY, Instant, rfc3339
from notifier.domain.value import Value, replace
from notifier.ingest import lenient, sanitise
from notifier.ingest.fields import InvalidField, instant
from notifier.ingest.labels import labels_of
from notifier.ingest.schema import CAUSES, CONTEXT_BYTES, ID_CHARS, EventBody, ExceptionBody, LinkBody
from notifier.ingest.scrub import is_suspicious_id, suspicious
from notifier.ingest.traces import TraceBudget, is_remote, may_hold_trace
from notifier.policy import fingerprint
from notifier.wording.text import plain

T = TypeVar("T")
R = TypeVar("R")
EventItem = bytes | msgspec.Raw | dict[str, Any]
"""An event as JSON text or as a decoded tree, with the fields of `schema.EventBody`."""

TITLE_CHARS: Final = 200
MAX_AGE: Final = 30 * DAY
"""The maximum age of a timestamp. An older one comes from a broken clock, so the time of arrival counts."""

CACHE_SIZE: Final = 512
_CACHED_BYTES: Final = 16_384
"""Larger events are not cached."""
_HEAD: Final = '{"id":null,"timestamp":null,'
_NULL: Final = "null"
_TASK: Final = '"task":{"id":null'
_SEVERITY: Final = {severity.value: severity for severity in Severity}
_strict = msgspec.json.Decoder(EventBody).decode
_encode = msgspec.json.Encoder().encode


class Accepted(Value, frozen=True, kw_only=True):
    """An event, and sentences about what was changed or ignored in it."""

    event: Event
    warnings: tuple[str, ...]


class _Content(Value, frozen=True):
    """The content of events that differ only in their ids and timestamp.

    `tail` is the JSON document after the event's id and timestamp. `task_at` is the position of the task's id in it,
    a `null`; None if there is no task.
    """

    service: str
    environment: str
    severity: Severity
    fingerprint: str
    title: str
    labels: dict[str, str]
    status: Literal["firing", "resolved"]
    tail: str
    task_at: int | None
    warnings: tuple[str, ...]


class _Ids(NamedTuple):
    """The parts in which an event differs from its repeats."""

    event: str | None
    timestamp: str | None
    task: str | None


def _take_ids(body: EventBody, service: str | None) -> _Ids:
    """Removes the ids and the timestamp from a body, and sets `service` if the body names none."""
    if service is not None and (body.service is None or body.service.isspace()):
        body.service = service
    ids = _Ids(body.id, body.timestamp, None if body.task is None else body.task.id)
    body.id = body.timestamp = None
    if body.task is not None:
        body.task.id = None
    return ids


class _Read(NamedTuple):
    """An event without its ids and timestamp. `strict` is its JSON text, None if the lenient parser read it."""

    raw: bytes
    body: EventBody
    ids: _Ids
    strict: bytes | None
    warnings: list[str]


class Normalizer:
    """Turns posted items into events. `max_event_bytes` limits one item; `new_id` makes ids for events without one.

    Content is cached, so that during a storm repeats that differ only in ids and timestamp are not scrubbed and
    fingerprinted again.
    """

    def __init__(self, *, max_event_bytes: int, new_id: Callable[[], str]) -> None:
        self._max_event_bytes = max_event_bytes
        self._new_id = new_id
        self._cache: dict[tuple[str, bytes], _Content] = {}
        self._traces = TraceBudget()
        self._service: str | None = None

    def read(
        self,
        items: Sequence[EventItem],
        *,
        project: str,
        received_at: Instant,
        sent_at: Instant | None,
        service: str | None = None,
    ) -> list[Accepted | Rejection]:
        """Reads events, in order. Events that name no service get `service`. A bad item does not affect the others."""
        self._traces, self._service = TraceBudget(), service
        read = [_or_rejection(self._read, item) for item in items]
        uncached = [
            entry.strict
            for entry in read
            if not isinstance(entry, Rejection)
            and entry.strict is not None
            and (project, entry.strict) not in self._cache
        ]
        # RE2 releases the GIL for each search, which costs ten times the search while the writer runs. So all items
        # are searched at once, and one by one only if something is found.
        clean = len(uncached) > 1 and not suspicious(b"\n".join(uncached))

        def event(entry: _Read) -> Accepted:
            return self._accept(entry, clean, project, received_at, sent_at)

        return [entry if isinstance(entry, Rejection) else _or_rejection(event, entry) for entry in read]

    def _read(self, item: EventItem) -> _Read | Rejection:
        if type(item) is dict:
            size = sanitise.size(item)
            if size > self._max_event_bytes:
                return self._too_large(size)
            body, warnings = lenient.from_tree(item, self._traces)
            return _Read(b"", body, _take_ids(body, self._service), None, warnings)
        raw = bytes(item)  # type: ignore[arg-type]
        if len(raw) > self._max_event_bytes:
            return self._too_large(len(raw))
        strict = _read_strictly(raw)
        if strict is None:
            return self._read_leniently(raw)
        ids = _take_ids(strict, self._service)
        return _Read(raw, strict, ids, _encode(strict), [])

    def _read_leniently(self, raw: bytes) -> _Read:
        body, warnings = lenient.from_bytes(raw, self._traces)
        return _Read(raw, body, _take_ids(body, self._service), None, warnings)

    def _too_large(self, size: int) -> Rejection:
        return Rejection(
            path="",
            message=f"the event has {size} bytes, more than {self._max_event_bytes} (ingest.max_event_bytes): "
            "send less context or fewer frames",
            reason="too_large",
        )

    def _accept(
        self, read: _Read, clean: bool, project: str, received_at: Instant, sent_at: Instant | None
    ) -> Accepted:
        """The event of a parsed item. `clean`: no strictly parsed text, apart from ids, can hold a secret."""
        raw, body, ids, strict, warnings = read
        if strict is None:
            return self._event(_content(body, project), ids, warnings, project, received_at, sent_at)
        content = self._cache.get((project, strict))
        if (
            is_suspicious_id(ids.event)
            or is_suspicious_id(ids.task)
            or (content is None and not clean and suspicious(strict))
        ):
            return self._accept(self._read_leniently(raw), clean, project, received_at, sent_at)
        if content is None:
            content = self._traced(body, raw, project) or _content(body, project, encoded=strict)
            if len(raw) <= _CACHED_BYTES and self._traces.lines >= 0:
                if len(self._cache) >= CACHE_SIZE:
                    self._cache.clear()
                self._cache[project, strict] = content
        return self._event(content, ids, [], project, received_at, sent_at)

    def _traced(self, body: EventBody, raw: bytes, project: str) -> _Content | None:
        """The leniently parsed content of an event whose message may hold a stack trace. None if it holds none."""
        if body.message is None or body.exception is not None or not may_hold_trace(body.message):
            return None
        body, warnings = lenient.from_bytes(raw, self._traces)
        _take_ids(body, self._service)
        content = _content(body, project)
        return replace(content, warnings=(*warnings, *content.warnings)) if warnings else content

    def _event(
        self,
        content: _Content,
        ids: _Ids,
        warnings: list[str],
        project: str,
        received_at: Instant,
        sent_at: Instant | None,
    ) -> Accepted:
        identity, timestamp = ids.event or self._new_id(), ids.timestamp
        at = received_at
        if timestamp is None:
            timestamp = rfc3339(received_at)
        else:
            at = _occurred_at(timestamp, received_at, sent_at, warnings)
        head = _encode(identity).decode(), _encode(timestamp).decode()
        tail = content.tail
        if ids.task is not None and content.task_at is not None:
            before, after = tail[: content.task_at], tail[content.task_at + len(_NULL) :]
            tail = f"{before}{_encode(ids.task).decode()}{after}"
        return Accepted(
            event=Event(
                project=project,
                id=identity,
                id_given=ids.event is not None,
                at=at,
                received_at=received_at,
                service=content.service,
                environment=content.environment,
                severity=content.severity,
                fingerprint=content.fingerprint,
                title=content.title,
                labels=content.labels,
                status=content.status,
                # A longer id cannot be a run's.
                run=ids.task if ids.task is not None and len(ids.task) <= ID_CHARS else None,
                document=f'{{"id":{head[0]},"timestamp":{head[1]},{tail}',
            ),
            warnings=(*warnings, *content.warnings),
        )


def _or_rejection(read: Callable[[T], R], item: T) -> R | Rejection:
    """The result of `read`, or a rejection made of its exception."""
    try:
        return read(item)
    except InvalidField as error:
        reason: Literal["invalid", "unreadable"] = "invalid" if error.path else "unreadable"
        return Rejection(path=error.path, message=error.message, reason=reason)
    except sanitise.UnreadableJson as error:
        return Rejection(path="", message=str(error), reason="unreadable")


def read_one(raw: bytes) -> tuple[EventBody, str]:
    """The event in these bytes, scrubbed and within the limits, and its title. Raises `InvalidField`."""
    body, _ = lenient.from_bytes(raw)
    _required(body)
    return body, _title(body, None if body.exception is None else _primary_exception(body.exception))


def _content(body: EventBody, project: str, *, encoded: bytes | None = None) -> _Content:
    """The content of a body. `encoded` is its JSON text without id and timestamp, if known."""
    service = _required(body)
    warnings: list[str] = []
    failure = None if body.exception is None else _primary_exception(body.exception)
    sent = body.labels, body.links
    labels = labels_of(body, project, service, failure, warnings)
    if body.links:
        body.links = _web_links(body.links, warnings)
    if encoded is None or (body.labels, body.links) != sent:
        encoded = _encode(body)
    tail = encoded.decode().removeprefix(_HEAD)
    return _Content(
        service=service,
        environment=body.environment,
        severity=_SEVERITY[body.severity],
        fingerprint=fingerprint.compute(
            service=service,
            message=body.message,
            exception=body.exception,
            given=body.fingerprint or (),
        ),
        title=_title(body, failure),
        labels=labels,
        status=body.status,
        tail=tail,
        # Text before it cannot hold this string, because quotes in JSON strings are escaped.
        task_at=None if body.task is None else tail.index(_TASK) + len(_TASK) - len(_NULL),
        warnings=tuple(warnings),
    )


def _read_strictly(raw: bytes) -> EventBody | None:
    """The event if it matches the schema exactly. None if the lenient parser must read it."""
    try:
        body = _strict(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if body.exception is not None and _needs_lenient_reading(body.exception):
        return None
    too_large = len(raw) > CONTEXT_BYTES and len(_encode(body.context)) > CONTEXT_BYTES
    return None if too_large else body


def _needs_lenient_reading(exception: ExceptionBody) -> bool:
    """Whether the exception has too many causes, or one that is a traceback in text."""
    depth = 0
    while exception.cause is not None:
        exception = exception.cause
        depth += 1
        if is_remote(exception.type):
            return True
    return depth > CAUSES


def _required(body: EventBody) -> str:
    """Returns the service. Raises `InvalidField` if a required field is missing."""
    if body.service is None or body.service.isspace():
        raise InvalidField("service", "is required: name the service that reports")
    if body.status == "resolved":
        if not body.fingerprint or fingerprint.uses_default(body.fingerprint):
            raise InvalidField(
                "fingerprint",
                "is required when status is resolved, without {{ default }}: it says what is resolved",
            )
    elif body.message is None and body.exception is None:
        raise InvalidField("message", "message or exception is required: say what went wrong")
    if body.exception is not None and body.exception.type is body.exception.message is None:
        raise InvalidField("exception.type", "an exception needs a type or a message")
    return body.service


def _occurred_at(
    timestamp: str, received_at: Instant, sent_at: Instant | None, warnings: list[str]
) -> Instant:
    """The time of the event by our clock, which a wrong clock of the sender does not affect (RULES.md#incidents)."""
    sender_time = instant(timestamp, "timestamp")
    if sent_at is None:
        return received_at
    if sent_at - sender_time > MAX_AGE:
        warnings.append("timestamp: more than 30 days before it was sent; the time of arrival counts")
        return received_at
    return min(received_at, received_at - (sent_at - sender_time))


def _web_links(links: list[LinkBody], warnings: list[str]) -> list[LinkBody]:
    web_links: list[LinkBody] = []
    for position, link in enumerate(links):
        if link.url is not None and link.url[:8].lower().startswith(("http://", "https://")):
            web_links.append(link)
        else:
            warnings.append(f"links[{position}]: left out; a link needs an http or https url")
    return web_links


def _primary_exception(exception: ExceptionBody) -> ExceptionBody:
    """The exception that gives title, label and fingerprint."""
    primary = fingerprint.relevant_exception(exception)
    assert isinstance(primary, ExceptionBody)
    return primary


def _title(body: EventBody, failure: ExceptionBody | None) -> str:
    text = None if failure is None else failure.message
    line = _line(fingerprint.record_message(text or body.message or ""))
    if failure is not None and failure.type is not None:
        line = f"{_line(failure.type)}: {line}" if line else _line(failure.type)
    line = line or ("resolved" if body.status == "resolved" else "(no message)")
    return line if len(line) <= TITLE_CHARS else f"{line[: TITLE_CHARS - 1]}…"


def _line(text: str) -> str:
    """The first line with text, without invisible characters."""
    if text.isprintable():
        return text.strip()
    return plain(next((line for line in text.splitlines() if line.strip()), ""), TITLE_CHARS + 1)
