"""Received messages as values: a mail, a Slack message, a webhook call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notifier.demo.inbox import blocks
from notifier.demo.inbox.blocks import Action, Line
from notifier.testing import Mail as Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMail:
    sender: str
    to: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackPost:
    """A Slack message.

    `ts` is its id, `thread_ts` that of the message it replies to, and `thread` that message's title.

    `note` is the ephemeral answer to a press of one of the `actions`.
    """

    channel: str
    ts: str
    text: str
    lines: tuple[Line, ...]
    thread_ts: str | None = None
    thread: str | None = None
    edited: bool = False
    actions: tuple[Action, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCall:
    """A webhook call. `signed` is whether it has a signature, which is not verified.

    `titles` are those of its incidents.
    """

    id: str
    type: str
    titles: tuple[str, ...]
    signed: bool
    body: str


ReceivedMessage = ReceivedMail | SlackPost | WebhookCall


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxEntry:
    """A message in the inbox. `number` increases with each new message, `revision` with each edit as well."""

    number: int
    revision: int
    at: datetime
    message: ReceivedMessage


def read_mail(raw: bytes) -> ReceivedMail:
    parsed = Raw(sender="", recipients=(), raw=raw)
    sender, to, subject = (str(parsed.message.get(name, "")) for name in ("from", "to", "subject"))
    return ReceivedMail(
        sender=sender, to=to, subject=subject, text=parsed.text.replace("\r\n", "\n"), html=parsed.html
    )


def read_slack(
    document: Mapping[str, Any], *, ts: str, thread: str | None = None, edited: bool = False
) -> SlackPost:
    """The Slack message in a body of `chat.postMessage`."""
    text = str(document.get("text", ""))
    return SlackPost(
        channel=str(document.get("channel", "")),
        ts=ts,
        text=text,
        lines=tuple(blocks.lines(document)) or (Line(style="text", text=text),),
        actions=tuple(blocks.actions(document)),
        thread_ts=document.get("thread_ts"),
        thread=thread,
        edited=edited,
    )


def read_webhook(headers: Mapping[str, str], body: bytes) -> WebhookCall:
    """The webhook call in a request; a body that is no JSON is shown unchanged."""
    text = body.decode("utf-8", "replace")
    try:
        document = json.loads(text)
        text = json.dumps(document, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        document = None
    return WebhookCall(
        id=headers.get("webhook-id", ""),
        type=str(document.get("type", "")) if isinstance(document, dict) else "",
        titles=tuple(_titles(document)),
        signed="webhook-signature" in headers,
        body=text,
    )


def _titles(document: object) -> Iterator[str]:
    match document:
        case {"data": {"incidents": [*incidents]}}:
            yield from (
                str(incident["title"])
                for incident in incidents
                if isinstance(incident, dict) and "title" in incident
            )
