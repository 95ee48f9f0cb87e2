"""Envelopes (https://develop.sentry.dev/sdk/data-model/envelopes/) and stored events, from bytes to event trees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from notifier.domain.monitor import CheckIn
from notifier.domain.time import Instant, parse_rfc3339
from notifier.ingest import sanitise
from notifier.ingest.batch import Malformed
from notifier.ingest.formats.reading import ParsedBody, object_of
from notifier.ingest.formats.sentry.check_in import check_in_of
from notifier.ingest.formats.sentry.event import tree_of
from notifier.ingest.normalize import EventItem

ITEMS: Final = 1_000
EVENTS: Final = 100
"""Limit of one envelope, which by its specification holds one event."""
EVENT_BYTES: Final = 1_048_576
CHECK_INS: Final = 100
_KINDS: Final = frozenset({
    "attachment", "check_in", "client_report", "feedback", "log", "metric", "profile", "profile_chunk", "raw_security",
    "replay_event", "replay_recording", "replay_video", "session", "sessions", "span", "statsd", "trace_metric",
    "transaction", "user_report",
})  # fmt: skip
_REASONS: Final = frozenset({
    "backpressure", "before_send", "buffer_overflow", "cache_overflow", "event_processor", "ignored",
    "insufficient_data", "internal_sdk_error", "network_error", "queue_overflow", "ratelimit_backoff", "sample_rate",
    "send_error", "too_large",
})  # fmt: skip
_MOST_REPORTED: Final = 1_000_000_000
# Numbers beyond 64 bits are strings of their own type.
_encode = msgspec.json.Encoder(enc_hook=str).encode
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class _Item:
    header: Mapping[str, Any]
    payload: bytes


def read_envelope(body: bytes, headers: Mapping[str, str], *, service: str | None) -> ParsedBody:
    """The events of an envelope. Raises `Malformed` if no item can be parsed, or there are too many."""
    del headers
    line, position = _line(body, 0)
    header = _decoded(line)
    if not isinstance(header, dict):
        raise Malformed("an envelope begins with a line that is a JSON object: send one, `{}` will do")
    reading = _Reading(service)
    for item in _items(body, position):
        reading.item(item)
    return reading.read(_sent_at(header))


def read_store(body: bytes, headers: Mapping[str, str], *, service: str | None) -> ParsedBody:
    """The single event of a body, as SDKs sent it before there were envelopes."""
    del headers
    if not body.strip():
        raise Malformed("the body is empty: send an event as a JSON object", reason="empty")
    reading = _Reading(service)
    reading.event(body)
    return reading.read(None)


class _Reading:
    """Collects the events and other items of an envelope."""

    def __init__(self, service: str | None) -> None:
        self._service = service
        self._events: list[EventItem] = []
        self._dropped: Counter[str] = Counter()
        self._warnings: list[str] = []
        self._check_ins: list[CheckIn] = []

    def read(self, sent_at: Instant | None) -> ParsedBody:
        warnings = tuple(dict.fromkeys(self._warnings))
        return ParsedBody(self._events, self._dropped, sent_at, warnings, tuple(self._check_ins))

    def item(self, item: _Item) -> None:
        kind = item.header.get("type")
        if kind == "event":
            self.event(item.payload)
            return
        if kind == "check_in" and len(self._check_ins) < CHECK_INS:
            check_in = check_in_of(_decoded(item.payload), self._warnings)
            if check_in is not None:
                self._check_ins.append(check_in)
                return
        self._dropped[kind if isinstance(kind, str) and kind in _KINDS else "other"] += 1
        if kind == "client_report":
            self._dropped.update(_lost_by_client(_decoded(item.payload)))

    def event(self, payload: bytes) -> None:
        if len(payload) > EVENT_BYTES:
            raise Malformed(
                f"an event of more than {EVENT_BYTES} bytes, as Sentry itself takes it: send less context",
                reason="too_large",
            )
        if len(self._events) == EVENTS:
            raise Malformed(
                f"more than {EVENTS} events in one envelope: send each in its own", reason="too_many"
            )
        event = _decoded(payload)
        if not isinstance(event, dict):
            self._events.append(payload)  # rejected later, with its reason
        elif event.get("type") == "transaction":
            self._dropped["transaction"] += 1
        else:
            tree = tree_of(event, service=self._service, warnings=self._warnings)
            # Encoded, because the decoder reads an event without suspicious content ten times faster than a tree is
            # walked.
            self._events.append(_encode({name: value for name, value in tree.items() if value is not None}))


def _items(body: bytes, position: int) -> Iterator[_Item]:
    """Yields the items. An item that cannot be parsed ends the envelope; those before it are kept."""
    count = 0
    while True:
        line, position = _line(body, position)
        if not line.strip():
            if position >= len(body):
                return
            continue
        count += 1
        if count > ITEMS:
            raise Malformed(
                f"more than {ITEMS} items in one envelope: send them in several", reason="too_many"
            )
        header = _decoded(line)
        if not isinstance(header, dict):
            if count == 1:
                raise Malformed("an item of an envelope begins with a line that is a JSON object: send one")
            return
        end = _end_of(body, position, header.get("length"))
        if end is None:
            payload, position = _line(body, position)
        else:
            payload, position = body[position:end], end + 1
        yield _Item(header, payload)


def _end_of(body: bytes, start: int, length: object) -> int | None:
    """The end of the payload by its declared length. None if there is none, or a wrong one."""
    if type(length) is not int or not 0 <= length <= len(body) - start:
        return None
    end = start + length
    return end if body[end : end + 1] in {b"\n", b""} else None


def _line(body: bytes, start: int) -> tuple[bytes, int]:
    end = body.find(b"\n", start)
    return (body[start:], len(body)) if end < 0 else (body[start:end], end + 1)


def _decoded(raw: bytes) -> Any:
    """The JSON value, or None if the bytes are no JSON."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # lone surrogates and huge numbers, which only the lenient parser accepts
    try:
        return sanitise.read(raw)
    except sanitise.UnreadableJson:
        return None


def _sent_at(header: Mapping[str, Any]) -> Instant | None:
    try:
        return parse_rfc3339(str(header.get("sent_at")))
    except ValueError:
        return None


def _lost_by_client(report: Any) -> Mapping[str, int]:
    """Counts of errors that the SDK dropped before sending."""
    discarded = object_of(report).get("discarded_events")
    lost: Counter[str] = Counter()
    for each in discarded[:ITEMS] if isinstance(discarded, list) else ():
        fields = object_of(each)
        reason, quantity = fields.get("reason"), fields.get("quantity")
        if fields.get("category") != "error" or type(quantity) is not int:
            continue
        label = reason if isinstance(reason, str) and reason in _REASONS else "other"
        lost[f"client_{label}"] += max(0, min(quantity, _MOST_REPORTED))
    return lost
