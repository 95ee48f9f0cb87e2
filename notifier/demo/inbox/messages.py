"""Messages that arrived, as plain values: a mail, a Slack message, a webhook."""

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
    """`ts` is its id, `thread_ts` that of the message it replies to, and `thread` what that one said.

    `note` is what the service told whoever pressed one of the `actions`, and nobody else.
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
    """`signed` says that it carries a signature, not that anybody has verified it. `titles` are its incidents'."""

    id: str
    type: str
    titles: tuple[str, ...]
    signed: bool
    body: str


ReceivedMessage = ReceivedMail | SlackPost | WebhookCall


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxEntry:
    """A message in the inbox. `number` counts what arrives, `revision` also what is edited."""

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
    """A message as `chat.postMessage` takes it."""
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
    """A body that is no JSON is shown as it is."""
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
