"""The inbox over HTTP: its page with buttons, its messages as JSON, and a webhook receiver."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from jinja2 import Environment, PackageLoader, StrictUndefined

from notifier.demo.inbox import frames, markup
from notifier.demo.inbox.demo_services import DemoServices
from notifier.demo.inbox.messages import InboxEntry, ReceivedMail, SlackPost, WebhookCall, read_webhook
from notifier.demo.inbox.received import ReceivedMessages
from notifier.demo.inbox.request_bodies import fields_of, is_foreign, whole_body
from notifier.demo.inbox.slack import add_slack
from notifier.demo.trials import TRIALS

HOOK = "/webhook"
KINDS: dict[type, str] = {ReceivedMail: "email", SlackPost: "slack", WebhookCall: "webhook"}
FOREIGN = "This was pressed on a page of somebody else's."


def create_app(received: ReceivedMessages, *, token: str, services: DemoServices | None = None) -> FastAPI:
    """The inbox's application. Its Slack API requires the `token`."""
    app = FastAPI(title="notifier's demo inbox", openapi_url=None)
    _add_page(app, received, services)
    add_slack(app, received, token)
    if services is not None:
        _add_presses(app, received, services)

    @app.post(HOOK)
    async def webhook(request: Request) -> Response:
        body = await whole_body(request)
        if body is None:
            return Response(status_code=413)
        received.put(read_webhook(request.headers, body))
        return Response(status_code=204)

    return app


def as_json(entry: InboxEntry) -> dict[str, Any]:
    """An item of `GET /messages`: `number`, `at`, `kind` and the fields of its kind."""
    fields = asdict(entry.message)
    if isinstance(entry.message, ReceivedMail):
        fields["from"] = fields.pop("sender")
    kind = KINDS[type(entry.message)]
    return {"number": entry.number, "at": entry.at.isoformat(), "kind": kind, **fields}


def _add_page(app: FastAPI, received: ReceivedMessages, services: DemoServices | None) -> None:
    environment = Environment(
        loader=PackageLoader("notifier.demo.inbox"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"mrkdwn": markup.page, "linked": markup.linked, "framed": frames.framed}
    template = environment.get_template("inbox.html")

    @app.get("/")
    async def page(said: str = "") -> HTMLResponse:
        nonce = secrets.token_urlsafe(16)
        trials = () if services is None else TRIALS
        text = template.render(
            messages=received.newest(),
            revision=received.revision,
            nonce=nonce,
            trials=trials,
            said=said[:200],
        )
        return HTMLResponse(
            text, headers={"Content-Security-Policy": _policy(nonce), "Cache-Control": "no-store"}
        )

    @app.get("/messages")
    async def messages() -> JSONResponse:
        """The messages, newest first."""
        return JSONResponse({"items": [as_json(entry) for entry in received.newest()]})

    @app.get("/changes", response_class=EventSourceResponse)
    async def changes(since: int) -> AsyncIterator[ServerSentEvent]:
        """Server-sent events, one for each change after the revision `since`."""
        while not received.closed:
            since = await received.changed(since)
            yield ServerSentEvent(data=since)


def _add_presses(app: FastAPI, received: ReceivedMessages, services: DemoServices) -> None:
    trials = {trial.name: trial for trial in TRIALS}

    @app.post("/press")
    async def press(request: Request) -> Response:
        """Press a button. The form has the `message`'s number, the index of its `action`, and a `value`."""
        fields = await fields_of(request)
        number, place = fields.get("message", ""), fields.get("action", "")
        entry = received.at(int(number)) if number.isdecimal() else None
        if is_foreign(request):
            return Response(FOREIGN, 403)
        if entry is None or not isinstance(entry.message, SlackPost) or not place.isdecimal():
            return _redirect("There is no such message any more.")
        actions = entry.message.actions
        if int(place) >= len(actions):
            return _redirect("This message has been edited: look at it again.", number)
        note = await services.press(entry.message, actions[int(place)], fields.get("value", ""))
        received.note(entry.message.ts, note)
        return _redirect("", number)

    @app.post("/try/{name}")
    async def start_trial(name: str, request: Request) -> Response:
        """Start a trial."""
        if is_foreign(request):
            return Response(FOREIGN, 403)
        if name not in trials:
            return Response(status_code=404)
        return _redirect(await services.start(trials[name]) or "")


def _redirect(said: str, number: str = "") -> RedirectResponse:
    """A redirect to the page, at a message, with an optional sentence."""
    query = f"?{urlencode({'said': said})}" if said else ""
    return RedirectResponse(f"/{query}{f'#m{number}' if number else ''}", 303)


def _policy(nonce: str) -> str:
    """A Content-Security-Policy for the page's own script and no other sources; mails may have inline styles."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
