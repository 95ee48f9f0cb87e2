"""Tries a format on a body: the events that it makes, and what none of its expressions has read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from notifier.domain.event import Rejection
from notifier.ingest.batch import Malformed
from notifier.ingest.formats import declared, sns
from notifier.ingest.normalize import Normalizer
from notifier.settings.formats import FormatBlock

PLACES: Final = 200
_MAX_EVENT_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatTrial:
    """`events` as they would be stored, `faults` sentences about those that would not, `not_mapped` unread places."""

    events: Sequence[Mapping[str, Any]]
    faults: Sequence[str]
    not_mapped: Sequence[str]
    warnings: Sequence[str] = ()


def trial(format_: FormatBlock, name: str, sample: bytes | None = None) -> FormatTrial:
    """Tries the format on these bytes, or on its own sample."""
    seen: set[tuple[int, Any]] = set()
    try:
        documents = [format_.sample] if sample is None else _documents(format_, sample)
        read = declared.read_documents(format_, name, documents, {}, service=None, seen=seen)
    except Malformed as error:
        return FormatTrial(events=(), faults=(error.message,), not_mapped=())
    events = [dict(item) for item in read.items if isinstance(item, dict)]
    results = Normalizer(max_event_bytes=_MAX_EVENT_BYTES, new_id=lambda: "new").read(
        read.items, project="default", received_at=0, sent_at=None
    )
    faults = [
        f"event {index}: {result.path}: {result.message}"
        if result.path
        else f"event {index}: {result.message}"
        for index, result in enumerate(results)
        if isinstance(result, Rejection)
    ]
    places = dict.fromkeys(place for each in documents for place in _unread(each, seen, ""))
    return FormatTrial(
        events=events, faults=faults, not_mapped=list(places)[:PLACES], warnings=list(read.warnings)
    )


def _documents(format_: FormatBlock, sample: bytes) -> list[Any]:
    """The documents of a body, taken out of an SNS envelope if there is one."""
    decoded, _ = declared.documents(sample, {})
    is_sns = format_.verify is not None and format_.verify.type == "sns"
    if is_sns and isinstance(decoded[0], dict) and "TopicArn" in decoded[0]:
        return [sns.document(sns.parse(sample))]
    return decoded


def sample_fault(name: str, format_: FormatBlock) -> str | None:
    """The fault of a format whose own sample makes no event, or an event that would be refused; else None."""
    if format_.sample is None:
        return None
    result = trial(format_, name)
    if result.faults:
        return f"the sample is not taken: {result.faults[0]}"
    return None if result.events else "nothing becomes of the sample: look at `items`"


def _unread(value: Any, seen: set[tuple[int, Any]], path: str) -> Iterator[str]:
    """Yields the paths of unread leaves. The items of a list share one path."""
    if not isinstance(value, dict | list):
        return
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        place = f"{path}[]" if isinstance(value, list) else f"{path}.{key}".lstrip(".")
        if isinstance(inner, dict | list) and inner:
            yield from _unread(inner, seen, place)
        elif (id(value), key) not in seen:
            yield place
