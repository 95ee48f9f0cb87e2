"""notifier's own webhook body. Its schema is `channels/webhook.schema.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from notifier import wording
from notifier.channels.payloads.fitting import CAP, Document, cut, encode
from notifier.domain.message import Message, Told
from notifier.domain.time import rfc3339

Shrink = Callable[[Document], Document]


def payload(message: Message, *, cap: int = CAP) -> bytes:
    """The body, smaller than `cap` bytes. Equal messages give equal bytes.

    What does not fit is removed in this order: the newest event's context and outer frames, more of that event, then
    all of it; long strings are cut; finally incidents are left out and counted in `truncated`.
    """
    incidents = [_incident(told, message.form) for told in message.told]
    for step in _STEPS:
        incidents = list(map(step, incidents))
        if _exceeds(cap, incidents):
            continue
        body = encode(_document(message, incidents))
        if len(body) < cap:
            return body
    return encode(_document(message, list(_fitting(message, incidents, cap))))


def _incident(told: Told, form: int) -> Document:
    """An incident with its reason. The actor and flapping are included only if there are any."""
    incident = {**told.incident.as_json(), "reason": told.reason.value}
    if form < 2:
        return incident
    if told.actor is not None:
        incident["actor"] = cut(told.actor, 200)
    if told.flapping is not None:
        incident["flapping"] = {"times": told.flapping.times, "since": rfc3339(told.flapping.since)}
    return incident


def _exceeds(cap: int, incidents: list[Document]) -> bool:
    """Whether the incidents alone exceed the limit. Stops measuring at the first that does."""
    sizes = accumulate(len(encode(incident)) for incident in incidents) if len(incidents) > 1 else ()
    return any(size >= cap for size in sizes)


def _document(message: Message, incidents: list[Document]) -> Document:
    left_out = message.more + len(message.told) - len(incidents)
    # A body of the older form may have been sent before, and its repeats must be equal.
    note = {} if message.form < 2 else {"note": cut(message.note, wording.NOTE)}
    return {
        "type": f"incident.{message.reason.value}",
        "version": 1,
        "timestamp": rfc3339(message.at),
        "data": {
            "group": message.group,
            "reason": message.reason.value,
            "incidents": incidents,
            "truncated": {"incidents": left_out},
            "suppressed": message.suppressed,
            "thread_id": message.thread_id,
            "previous_thread_id": message.previous_thread_id,
            **note,
        },
    }


def _fitting(message: Message, incidents: list[Document], cap: int) -> Iterator[Document]:
    room = cap - len(encode(_document(message, []))) - 32
    for incident in incidents:
        room -= len(encode(incident)) + 1
        if room <= 0:
            return
        yield incident


def _event(change: Callable[[Mapping[str, Any]], Document | None]) -> Shrink:
    def step(incident: Document) -> Document:
        event = incident["latest_event"]
        return incident if event is None else {**incident, "latest_event": change(event)}

    return step


def _inner_frames(count: int) -> Callable[[Mapping[str, Any]], Document]:
    def change(event: Mapping[str, Any]) -> Document:
        slim = {name: value for name, value in event.items() if name != "context"}
        exception = slim.get("exception")
        if isinstance(exception, Mapping) and isinstance(exception.get("frames"), list):
            frames = exception["frames"][-count:] if count else []
            slim["exception"] = {**exception, "frames": frames}
        return slim

    return change


def _without_duplicates(event: Mapping[str, Any]) -> Document:
    """The event without fields that the incident repeats, its strings cut."""
    exception = event.get("exception")
    names = ("id", "timestamp", "release", "host", "message", "trace_id")
    slim: Document = {name: cut(event[name], 500) for name in names if name in event}
    if isinstance(exception, Mapping):
        slim["exception"] = {
            name: cut(exception[name], 500) for name in ("type", "message") if name in exception
        }
    return slim


def _short(incident: Document) -> Document:
    slim = {name: cut(value, 300) for name, value in incident.items()}
    labels = list(incident["labels"].items())[:20]
    slim["labels"] = {cut(name, 64): cut(value, 100) for name, value in labels}
    slim["varying"] = [cut(name, 64) for name in incident["varying"][:20]]
    return slim


_STEPS: tuple[Shrink, ...] = (
    lambda incident: incident,
    _event(_inner_frames(10)),
    _event(_inner_frames(1)),
    _event(_without_duplicates),
    _event(lambda _event: None),
    _short,
)
