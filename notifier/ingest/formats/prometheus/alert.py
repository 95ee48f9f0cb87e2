"""The body of `POST /api/v2/alerts`: a list of alerts, each parsed by itself, so that a bad one costs no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from notifier.domain.time import Instant, parse_rfc3339
from notifier.domain.value import Value
from notifier.ingest import sanitise
from notifier.ingest.batch import Malformed
from notifier.ingest.fields import InvalidField, is_text

MAX_ALERTS: Final = 10_000
MAX_ALERT_BYTES: Final = 64 * 1024
# Go encodes a zero time as year 1.
_NO_TIME_BEFORE: Final = parse_rfc3339("0002-01-01T00:00:00Z")
_REPLICAS: Final = frozenset({"prometheus_replica", "__replica__"})
_ENDS: Final = ("startsAt", "endsAt")


class Alert(Value, frozen=True, kw_only=True):
    """An alert as posted, without empty labels. A missing time, or Go's zero time, is None."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    generator_url: str = ""

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.labels)


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """A hash of the labels, 16 hex digits, without the replica label of highly available pairs."""
    parts = [part for pair in sorted(labels.items()) if pair[0] not in _REPLICAS for part in pair]
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedAlerts:
    """The alerts of a body with their positions, and one sentence per alert that could not be read."""

    alerts: Sequence[tuple[int, Alert]]
    faults: Sequence[str]


def read_alerts(body: bytes) -> PostedAlerts:
    """The alerts in a body. Raises `Malformed` if it is no list, or too long."""
    try:
        document = sanitise.read(body)
    except sanitise.UnreadableJson as error:
        raise Malformed(str(error)) from None
    if not isinstance(document, list):
        raise Malformed("the body must be a JSON array of alerts")
    if len(document) > MAX_ALERTS:
        raise Malformed(f"more than {MAX_ALERTS} alerts: send fewer at once", reason="too_many")
    alerts: list[tuple[int, Alert]] = []
    faults: list[str] = []
    for position, item in enumerate(document):
        try:
            alerts.append((position, _alert(item)))
        except InvalidField as error:
            faults.append(f"[{position}]{'.' if error.path else ''}{error.path}: {error.message}")
    return PostedAlerts(alerts=alerts, faults=faults)


def _alert(item: Any) -> Alert:
    if not isinstance(item, dict):
        raise InvalidField("", "an alert is a JSON object")
    if sanitise.size(item) > MAX_ALERT_BYTES:
        raise InvalidField("", f"has more than {MAX_ALERT_BYTES // 1024} KB: shorten its annotations")
    labels = {name: value for name, value in _texts(item, "labels").items() if value}
    if not labels:
        raise InvalidField("labels", "an alert needs at least one label that is not empty")
    starts_at, ends_at = (_time_or_none(item, name) for name in _ENDS)
    if starts_at is not None and ends_at is not None and ends_at < starts_at:
        raise InvalidField("endsAt", "lies before `startsAt`")
    url = item.get("generatorURL", "")
    if not (url is None or is_text(url)):
        raise InvalidField("generatorURL", "expected a string")
    return Alert(
        labels=labels,
        annotations=_texts(item, "annotations"),
        starts_at=starts_at,
        ends_at=ends_at,
        generator_url=url or "",
    )


def _texts(item: Mapping[str, Any], name: str) -> dict[str, str]:
    texts = item.get(name)
    if texts is None:
        return {}
    if not isinstance(texts, dict):
        raise InvalidField(name, "expected an object of strings")
    for position, (key, value) in enumerate(texts.items()):
        if not key:
            raise InvalidField(name, f"name {position} is empty")
        if not is_text(value):
            raise InvalidField(name, f"value {position} is no string")
    return dict(texts)


def time_in(item: Mapping[str, Any], name: str) -> Instant | None:
    """The time in a field, None if there is none. Raises `InvalidField` if it cannot be read."""
    text = item.get(name)
    if text is None or text == "":
        return None
    try:
        at = parse_rfc3339(text) if is_text(text) else None
    except ValueError:
        at = None
    if at is None:
        raise InvalidField(name, "expected an RFC 3339 date-time such as 2026-11-22T05:00:00Z")
    return at


def _time_or_none(item: Mapping[str, Any], name: str) -> Instant | None:
    at = time_in(item, name)
    return None if at is None or at < _NO_TIME_BEFORE else at
