"""Final processing before a report is sent, on the client's thread: scrubbing and `before_send`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from notifier.client.capture import events
from notifier.client.capture.scrub import scrub
from notifier.client.options import Options, log
from notifier.client.transport import Document, Dropped

if TYPE_CHECKING:
    from notifier.client.documents import CapturedEvent

NAMES: Final = ("id", "timestamp", "service", "task")
"""The fields that identify an event. They are not scrubbed."""


def event(document: Document, options: Options) -> Document:
    """The event as it is sent. Raises `Dropped` if `before_send` discards it or fails, as it may hide data."""
    completed_event = cast(
        "Document", events.completed_event(cast("CapturedEvent", document), options.in_app)
    )
    if options.before_send is None:
        return completed_event
    try:
        changed = options.before_send(completed_event)
    except Exception as error:
        log.warning("before_send failed, so that what it was given is not sent", exc_info=True)
        raise Dropped("before_send_failed") from error
    if changed is None:
        raise Dropped("before_send")
    return changed


def rough(document: Document) -> Document:
    """The scrubbed event, without the slow parts, to be stored until `event` completes it."""
    return {**scrub(document), **{name: document[name] for name in NAMES if name in document}}


def run(change: Document) -> Document:
    """A task run's change as it is sent. Arguments that lost a secret cannot be replayed."""
    cleaned = change | {
        name: events.as_rfc3339(change[name]) for name in ("queued_at", "started_at", "finished_at")
    }
    for name in ("result", "error", "arguments"):
        if change[name] is not None:
            cleaned[name] = scrub(change[name])
    if cleaned["arguments"] != change["arguments"] and change["replayable"] == "yes":
        cleaned["replayable"] = "touched"
    return cleaned
