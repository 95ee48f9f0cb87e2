"""From a request's bytes to events: limits, sanitising, scrubbing, labels, fingerprint. Pure but for the given ids.

Two readings: the strict one takes what is within the contract and holds nothing suspicious, at the speed of the
decoder; the tolerant one takes everything else. Where both apply they give the same event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from notifier.domain.event import RESERVED_LABELS, Event, Rejection, Severity
from notifier.domain.time import DAY, Instant, rfc3339
from notifier.ingest import tolerant
from notifier.ingest.batch import Malformed, accepts, split
from notifier.ingest.contract import CAUSES, ID_CHARS, Failure, Link, Posted
from notifier.ingest.fields import Refused, instant
from notifier.ingest.scrub import suspicious
from notifier.policy import fingerprint

__all__ = ["Accepted", "Malformed", "Normalizer", "Parsed", "Rejection", "accepts"]

TITLE_CHARS: Final = 200
OLDEST: Final = 30 * DAY
"""A timestamp further back is a broken clock, not a replayed spool: the time of arrival counts."""

REMEMBERED: Final = 512
_STRICT_BYTES: Final = 16_384
_HEAD: Final = '{"id":null,"timestamp":null,'
_RESERVED: Final = frozenset(RESERVED_LABELS)
_SEVERITY: Final = {severity.value: severity for severity in Severity}
_strict = msgspec.json.Decoder(Posted).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An event, and sentences about what was changed or ignored in it."""

    event: Event
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A body's events in order; `single` if it was one object and not a batch."""

    single: bool
    items: tuple[Accepted | Rejection, ...]


@dataclass(frozen=True, slots=True)
class _Content:
    """What events share that differ in their id and timestamp alone; `tail` is the document after those two."""

    service: str
    environment: str
    severity: Severity
    fingerprint: str
    title: str
    labels: dict[str, str]
    status: Literal["firing", "resolved"]
    run: str | None
    tail: str
    warnings: tuple[str, ...]


class Normalizer:
    """`max_event_bytes` bounds one event as posted; `new_id` names those that come without an id.

    A storm repeats itself: what was made of an event is kept, and the next one that differs in its id and timestamp
    alone is neither scrubbed nor fingerprinted again.
    """

    def __init__(self, *, max_event_bytes: int, new_id: Callable[[], str]) -> None:
        self._largest = max_event_bytes
        self._new_id = new_id
        self._seen: dict[tuple[str, bytes], _Content] = {}

    def parse(
        self,
        body: bytes,
        content_type: str | None,
        *,
        project: str,
        received_at: Instant,
        sent_at: Instant | None,
    ) -> Parsed:
        """Read a body. `Malformed` if no event can be told apart in it, or it is one object that is no JSON."""
        batch = split(body, content_type)
        items = tuple([self._item(bytes(raw), project, received_at, sent_at) for raw in batch.items])
        if batch.single and isinstance(items[0], Rejection) and not items[0].path:
            self._refuse_body(items[0])
        return Parsed(single=batch.single, items=items)

    def _refuse_body(self, rejection: Rejection) -> None:
        if rejection.reason == "invalid":
            raise Malformed(f"the body cannot be read as an event: {rejection.message}")

    def _item(
        self, raw: bytes, project: str, received_at: Instant, sent_at: Instant | None
    ) -> Accepted | Rejection:
        if len(raw) > self._largest:
            return Rejection(
                path="",
                message=f"the event has {len(raw)} bytes, more than {self._largest} (ingest.max_event_bytes): "
                "send less context or fewer frames",
                reason="too_large",
            )
        try:
            return self._accept(raw, project, received_at, sent_at)
        except Refused as refused:
            return Rejection(path=refused.path, message=refused.message)

    def _accept(self, raw: bytes, project: str, received_at: Instant, sent_at: Instant | None) -> Accepted:
        posted = _strictly(raw)
        if posted is None:
            posted, warnings = tolerant.read(raw)
            return self._accepted(posted, warnings, project, received_at, sent_at)
        given, timestamp = posted.id, posted.timestamp
        posted.id = posted.timestamp = None
        key = (project, _encode(posted))
        content = self._seen.get(key)
        if content is None or (given is not None and suspicious(given.encode())):
            posted.id, posted.timestamp = given, timestamp
            if suspicious(raw):
                posted, warnings = tolerant.read(raw)
                return self._accepted(posted, warnings, project, received_at, sent_at)
            content = _content(posted, project)
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[key] = content
        return self._event(content, given, timestamp, [], project, received_at, sent_at)

    def _accepted(
        self, posted: Posted, warnings: list[str], project: str, received_at: Instant, sent_at: Instant | None
    ) -> Accepted:
        given, timestamp = posted.id, posted.timestamp
        return self._event(
            _content(posted, project), given, timestamp, warnings, project, received_at, sent_at
        )

    def _event(
        self,
        content: _Content,
        given: str | None,
        timestamp: str | None,
        warnings: list[str],
        project: str,
        received_at: Instant,
        sent_at: Instant | None,
    ) -> Accepted:
        identity = given or self._new_id()
        at = received_at
        if timestamp is None:
            timestamp = rfc3339(received_at)
        else:
            at = _moment(timestamp, received_at, sent_at, warnings)
        head = _encode(identity).decode(), _encode(timestamp).decode()
        return Accepted(
            event=Event(
                project=project,
                id=identity,
                id_given=given is not None,
                at=at,
                received_at=received_at,
                service=content.service,
                environment=content.environment,
                severity=content.severity,
                fingerprint=content.fingerprint,
                title=content.title,
                labels=content.labels,
                status=content.status,
                run=content.run,
                document=f'{{"id":{head[0]},"timestamp":{head[1]},{content.tail}',
            ),
            warnings=(*warnings, *content.warnings),
        )


def of_one(raw: bytes) -> tuple[Posted, str]:
    """One event that is not kept, scrubbed and within the limits, and its title. `Refused` if it cannot be read."""
    posted, _ = tolerant.read(raw)
    _required(posted)
    return posted, _title(posted, None if posted.exception is None else _told(posted.exception))


def _content(posted: Posted, project: str) -> _Content:
    service = _required(posted)
    warnings: list[str] = []
    failure = None if posted.exception is None else _told(posted.exception)
    labels = _labels(posted, project, service, failure, warnings)
    if posted.links:
        posted.links = _web_links(posted.links, warnings)
    posted.id = posted.timestamp = None
    return _Content(
        service=service,
        environment=posted.environment,
        severity=_SEVERITY[posted.severity],
        fingerprint=fingerprint.compute(
            service=service,
            message=posted.message,
            exception=posted.exception,
            given=posted.fingerprint or (),
        ),
        title=_title(posted, failure),
        labels=labels,
        status=posted.status,
        run=_run(posted),
        tail=_encode(posted).decode().removeprefix(_HEAD),
        warnings=tuple(warnings),
    )


def _run(posted: Posted) -> str | None:
    """The task run that it comes from; a longer id is no run's."""
    if posted.task is None or posted.task.id is None or len(posted.task.id) > ID_CHARS:
        return None
    return posted.task.id


def _strictly(raw: bytes) -> Posted | None:
    """What is within the contract to the letter; None: the tolerant reading must look."""
    if len(raw) > _STRICT_BYTES:
        return None
    try:
        posted = _strict(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if posted.exception is not None and _too_many_causes(posted.exception) else posted


def _too_many_causes(exception: Failure) -> bool:
    depth = 0
    while exception.cause is not None:
        exception = exception.cause
        depth += 1
    return depth > CAUSES


def _required(posted: Posted) -> str:
    """The service; `Refused` where something required is missing."""
    if posted.service is None or posted.service.isspace():
        raise Refused("service", "is required: name the service that reports")
    if posted.status == "resolved":
        if not posted.fingerprint or fingerprint.uses_default(posted.fingerprint):
            raise Refused(
                "fingerprint",
                "is required when status is resolved, without {{ default }}: it says what is resolved",
            )
    elif posted.message is None and posted.exception is None:
        raise Refused("message", "message or exception is required: say what went wrong")
    if posted.exception is not None and posted.exception.type is posted.exception.message is None:
        raise Refused("exception.type", "an exception needs a type or a message")
    return posted.service


def _moment(timestamp: str, received_at: Instant, sent_at: Instant | None, warnings: list[str]) -> Instant:
    """When it happened by our reckoning: a sender's clock counts only against itself (RULES.md#incidents)."""
    stamp = instant(timestamp, "timestamp")
    if sent_at is None:
        return received_at
    if sent_at - stamp > OLDEST:
        warnings.append("timestamp: more than 30 days before it was sent; the time of arrival counts")
        return received_at
    return min(received_at, received_at - (sent_at - stamp))


def _labels(
    posted: Posted, project: str, service: str, failure: Failure | None, warnings: list[str]
) -> dict[str, str]:
    own: dict[str, str] = {}
    for name, value in posted.labels.items():
        if name in _RESERVED:
            warnings.append(f"labels: {name} is reserved and was ignored")
        else:
            own[name] = value if type(value) is str else _word(value)
    posted.labels = own  # type: ignore[assignment]
    labels = {**own, "project": project, "service": service, "environment": posted.environment}
    if posted.release is not None:
        labels["release"] = posted.release
    if posted.host is not None:
        labels["host"] = posted.host
    labels["severity"] = posted.severity
    if failure is not None and failure.type is not None:
        labels["exception"] = failure.type
    if posted.task is not None and posted.task.name is not None:
        labels["task"] = posted.task.name
    return labels


def _word(value: object) -> str:
    """JSON's spelling: `true`, not `True`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _web_links(links: list[Link], warnings: list[str]) -> list[Link]:
    kept: list[Link] = []
    for position, link in enumerate(links):
        if link.url is not None and link.url[:8].lower().startswith(("http://", "https://")):
            kept.append(link)
        else:
            warnings.append(f"links[{position}]: left out; a link needs an http or https url")
    return kept


def _told(exception: Failure) -> Failure:
    """The exception that title, label and fingerprint speak of."""
    told = fingerprint.told_of(exception)
    assert isinstance(told, Failure)
    return told


def _title(posted: Posted, failure: Failure | None) -> str:
    said = None if failure is None else failure.message
    line = _line(fingerprint.record_message(said or posted.message or ""))
    if failure is not None and failure.type is not None:
        line = f"{_line(failure.type)}: {line}" if line else _line(failure.type)
    line = line or ("resolved" if posted.status == "resolved" else "(no message)")
    return line if len(line) <= TITLE_CHARS else f"{line[: TITLE_CHARS - 1]}…"


def _line(text: str) -> str:
    """The first line that says something, without control characters."""
    if text.isprintable():
        return text.strip()
    first = next((line for line in text.splitlines() if line.strip()), "")
    return "".join(c if c.isprintable() else " " for c in first).strip()
