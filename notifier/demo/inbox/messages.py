"""What arrives, read into plain values: a mail, a Slack message, a webhook."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from notifier.testing import Mail as Raw

Style = Literal["header", "text", "field", "small"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A text of a Slack message, in Slack's own markup unless it is a header."""

    style: Style
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    sender: str
    to: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """`ts` is its id, `thread_ts` that of the message it replies to, and `thread` what that one said."""

    channel: str
    ts: str
    text: str
    lines: tuple[Line, ...]
    thread_ts: str | None = None
    thread: str | None = None
    edited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """`signed` says that it carries a signature, not that anybody has verified it. `titles` are its incidents'."""

    id: str
    type: str
    titles: tuple[str, ...]
    signed: bool
    body: str


Message = Mail | Slack | Webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A message in the inbox. `number` counts what arrives, `revision` also what is edited."""

    number: int
    revision: int
    at: datetime
    message: Message


def read_mail(raw: bytes) -> Mail:
    parsed = Raw(sender="", recipients=(), raw=raw)
    sender, to, subject = (str(parsed.message.get(name, "")) for name in ("from", "to", "subject"))
    return Mail(
        sender=sender, to=to, subject=subject, text=parsed.text.replace("\r\n", "\n"), html=parsed.html
    )


def read_slack(
    document: Mapping[str, Any], *, ts: str, thread: str | None = None, edited: bool = False
) -> Slack:
    """A message as `chat.postMessage` takes it."""
    text = str(document.get("text", ""))
    return Slack(
        channel=str(document.get("channel", "")),
        ts=ts,
        text=text,
        lines=tuple(_lines(document)) or (Line(style="text", text=text),),
        thread_ts=document.get("thread_ts"),
        thread=thread,
        edited=edited,
    )


def read_webhook(headers: Mapping[str, str], body: bytes) -> Webhook:
    """A body that is no JSON is shown as it is."""
    text = body.decode("utf-8", "replace")
    try:
        document = json.loads(text)
        text = json.dumps(document, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        document = None
    return Webhook(
        id=headers.get("webhook-id", ""),
        type=str(document.get("type", "")) if isinstance(document, dict) else "",
        titles=tuple(_titles(document)),
        signed="webhook-signature" in headers,
        body=text,
    )


def _titles(document: object) -> Iterator[str]:
    match document:
        case {"data": {"incidents": [*incidents]}}:
            yield from (str(one["title"]) for one in incidents if isinstance(one, dict) and "title" in one)


def _lines(document: Mapping[str, Any]) -> Iterator[Line]:
    for block in document.get("blocks") or ():
        match block:
            case {"type": "header", "text": {"text": str(text)}}:
                yield Line(style="header", text=text)
            case {"type": "context", "elements": [*elements]}:
                yield from (Line(style="small", text=str(one.get("text", ""))) for one in elements)
            case {"type": "section"}:
                yield from _section(block)


def _section(block: Mapping[str, Any]) -> Iterator[Line]:
    match block.get("text"):
        case {"text": str(text)}:
            yield Line(style="text", text=text)
    yield from (Line(style="field", text=str(one.get("text", ""))) for one in block.get("fields") or ())
