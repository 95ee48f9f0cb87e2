"""The inbox's Slack: the Web API methods that a bot posts with, and `response_url`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from notifier.demo.inbox import interactions, markup
from notifier.demo.inbox.interactions import CHANNEL, TEAM
from notifier.demo.inbox.messages import SlackPost, read_slack
from notifier.demo.inbox.received import ReceivedMessages
from notifier.demo.inbox.request_bodies import whole_body
from notifier.testing import slack_complaint

API: Final = "/slack/api/"
Document = Mapping[str, Any]


def add_slack(app: FastAPI, received: ReceivedMessages, token: str) -> None:
    """Add `chat.postMessage`, `chat.update` and `auth.test`, which require the `token`."""
    methods = {"chat.postMessage": _posted, "chat.update": _updated}

    @app.post(API + "{method}")
    async def slack(method: str, request: Request) -> JSONResponse:
        if method not in methods and method != "auth.test":
            return _answer(ok=False, error="unknown_method")
        given = request.headers.get("authorization", "").encode()
        if not secrets.compare_digest(given, f"Bearer {token}".encode()):
            return _answer(ok=False, error="invalid_auth")
        if method == "auth.test":
            return _answer(ok=True, team_id=TEAM, team="demo", user="notifier", user_id="U0BOT")
        document = _object(await whole_body(request))
        if document is None or slack_complaint(document) is not None:
            return _answer(ok=False, error="invalid_blocks")
        return methods[method](received, document)

    @app.post("/slack/response/{ts}")
    async def response(ts: str, request: Request) -> Response:
        """A `response_url`, which receives a later answer to a press."""
        received.note(ts, interactions.reply_text(200, await whole_body(request) or b""))
        return Response("ok")

    @app.get("/archives/{channel}/p{digits}")
    async def archive(channel: str, digits: str) -> RedirectResponse:  # noqa: ARG001 - there is one
        """The permalink of a message."""
        entry = received.slack(f"{digits[:-6]}.{digits[-6:]}")
        return RedirectResponse("/" if entry is None else f"/#m{entry.number}", 303)


def _posted(received: ReceivedMessages, document: Document) -> JSONResponse:
    ts = f"{1_700_000_000 + received.revision}.{secrets.randbelow(1_000_000):06d}"
    root = _message(received, document.get("thread_ts"))
    thread = None if root is None else _title(root)
    # A reply names the channel's id; the page shows the channel's name.
    named = document if root is None else {**document, "channel": root.channel}
    received.put(read_slack(named, ts=ts, thread=thread))
    return _answer(ok=True, channel=CHANNEL, ts=ts, message={"ts": ts, "team": TEAM})


def _updated(received: ReceivedMessages, document: Document) -> JSONResponse:
    ts = str(document.get("ts"))
    before = _message(received, ts)
    if before is None:
        return _answer(ok=False, error="message_not_found")
    place = {"channel": before.channel, "thread_ts": before.thread_ts}
    received.edit(ts, read_slack({**document, **place}, ts=ts, thread=before.thread, edited=True))
    return _answer(ok=True, channel=CHANNEL, ts=ts)


def _title(message: SlackPost) -> str:
    """The header of a message, else its text, which for a notification may end in an address."""
    headers = (line.text for line in message.lines if line.style == "header")
    return next(headers, None) or markup.plain(message.text)


def _message(received: ReceivedMessages, ts: object) -> SlackPost | None:
    entry = received.slack(str(ts))
    return entry.message if entry is not None and isinstance(entry.message, SlackPost) else None


def _answer(**document: Any) -> JSONResponse:
    return JSONResponse(document)


def _object(body: bytes | None) -> dict[str, Any] | None:
    try:
        document = json.loads(body or b"")
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
