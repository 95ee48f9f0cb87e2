"""A CloudEvent (1.0, structured mode) whose data is notifier's own body."""

from __future__ import annotations

import json
from typing import Final

from notifier.channels.payloads import native
from notifier.channels.payloads.fitting import CAP, Document, encode
from notifier.domain.message import Message

CONTENT_TYPE: Final = "application/cloudevents+json"
SOURCE: Final = "/notifier"
_ENVELOPE: Final = 600


def payload(message: Message, *, url: str | None) -> bytes:
    """The body. `url`, the base of links, becomes the source."""
    body: Document = json.loads(native.payload(message, cap=CAP - _ENVELOPE))
    return encode(
        {
            "specversion": "1.0",
            "id": message.id,
            "source": url if url and len(url) < _ENVELOPE // 2 else SOURCE,
            "type": body["type"],
            "subject": message.thread_id or message.id,
            "time": body["timestamp"],
            "datacontenttype": "application/json",
            "data": body["data"],
        }
    )
