"""The inbox over HTTP: its page, its messages as JSON, a Slack, and a receiver of webhooks."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from jinja2 import Environment, PackageLoader, StrictUndefined

from notifier.demo.inbox import markup
from notifier.demo.inbox.box import Box
from notifier.demo.inbox.messages import Arrived, Mail, Slack, Webhook, read_slack, read_webhook
from notifier.testing import slack_complaint

LARGEST = 1_000_000
SLACK = "/slack/api/"
HOOK = "/webhook"
KINDS: dict[type, str] = {Mail: "email", Slack: "slack", Webhook: "webhook"}


def create_app(box: Box, *, token: str) -> FastAPI:
    """The inbox's application. Its Slack takes messages from whoever has the `token`."""
    app = FastAPI(title="notifier's demo inbox", openapi_url=None)
    _add_page(app, box)
    _add_slack(app, box, token)

    @app.post(HOOK)
    async def webhook(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return Response(status_code=413)
        box.put(read_webhook(request.headers, body))
        return Response(status_code=204)

    return app


def as_json(arrived: Arrived) -> dict[str, Any]:
    """One item of `GET /messages`: `number`, `at`, `kind` and the fields of its kind."""
    fields = asdict(arrived.message)
    if isinstance(arrived.message, Mail):
        fields["from"] = fields.pop("sender")
    kind = KINDS[type(arrived.message)]
    return {"number": arrived.number, "at": arrived.at.isoformat(), "kind": kind, **fields}


def _add_page(app: FastAPI, box: Box) -> None:
    environment = Environment(
        loader=PackageLoader("notifier.demo.inbox"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["mrkdwn"] = markup.page
    template = environment.get_template("inbox.html")

    @app.get("/")
    async def page() -> HTMLResponse:
        nonce = secrets.token_urlsafe(16)
        text = template.render(messages=box.newest(), revision=box.revision, nonce=nonce)
        return HTMLResponse(
            text, headers={"Content-Security-Policy": _policy(nonce), "Cache-Control": "no-store"}
        )

    @app.get("/messages")
    async def messages() -> JSONResponse:
        """Newest first."""
        return JSONResponse({"items": [as_json(one) for one in box.newest()]})

    @app.get("/changes", response_class=EventSourceResponse)
    async def changes(since: int) -> AsyncIterator[ServerSentEvent]:
        """An event whenever there is something new to show."""
        while not box.closed:
            since = await box.changed(since)
            yield ServerSentEvent(data=since)


def _policy(nonce: str) -> str:
    """The page's own script and nobody's files; a mail's HTML, which inherits this, brings its styles along."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _add_slack(app: FastAPI, box: Box, token: str) -> None:
    def posted(document: Mapping[str, Any]) -> JSONResponse:
        ts = f"{1_700_000_000 + box.revision}.{secrets.randbelow(1_000_000):06d}"
        root = box.slack(str(document.get("thread_ts")))
        thread = markup.plain(root.message.text) if root and isinstance(root.message, Slack) else None
        box.put(read_slack(document, ts=ts, thread=thread))
        return _slack(ok=True, channel="C0DEMO", ts=ts)

    def updated(document: Mapping[str, Any]) -> JSONResponse:
        ts = str(document.get("ts"))
        entry = box.slack(ts)
        if entry is None or not isinstance(entry.message, Slack):
            return _slack(ok=False, error="message_not_found")
        before = entry.message
        kept = {"channel": before.channel, "thread_ts": before.thread_ts}
        box.edit(ts, read_slack({**document, **kept}, ts=ts, thread=before.thread, edited=True))
        return _slack(ok=True, channel="C0DEMO", ts=ts)

    methods = {"chat.postMessage": posted, "chat.update": updated}

    @app.post(SLACK + "{method}")
    async def slack(method: str, request: Request) -> JSONResponse:
        if method not in methods:
            return _slack(ok=False, error="unknown_method")
        if not secrets.compare_digest(
            request.headers.get("authorization", "").encode(), f"Bearer {token}".encode()
        ):
            return _slack(ok=False, error="invalid_auth")
        document = _object(await _body(request))
        if document is None or slack_complaint(document) is not None:
            return _slack(ok=False, error="invalid_blocks")
        return methods[method](document)


def _slack(**document: Any) -> JSONResponse:
    return JSONResponse(document)


def _object(body: bytes | None) -> dict[str, Any] | None:
    try:
        document = json.loads(body or b"")
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


async def _body(request: Request) -> bytes | None:
    """The whole body; None where it is over a megabyte."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return None
    return bytes(body)
