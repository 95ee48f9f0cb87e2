"""`POST /v1/slack/actions`: what people press in Slack. Slack signs it, so that it needs no key."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from notifier.api.access import Running, Service
from notifier.api.bodies import raw_body
from notifier.api.openapi import problems
from notifier.api.problems import HttpProblem
from notifier.domain import button as buttons
from notifier.domain.button import Button
from notifier.domain.errors import StoreError
from notifier.ingest import sanitise
from notifier.ingest.scrub import scrub_text
from notifier.oncall import slack
from notifier.oncall.slack import Press
from notifier.telemetry.logging import get

router = APIRouter(tags=["slack"])

LARGEST = 64 * 1024
PATIENCE_S = 0.8
"""Slack gives up after three seconds, and a person doubts after one."""
NAME = 60
REPLAYED = "this request was answered before: Slack sends each once"
AWAY = "notifier's database does not answer: press again in a moment."

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {"payload": {"type": "string", "description": "Slack's JSON."}},
                }
            }
        },
    }
}

log = get("notifier.slack")


@router.post(
    "/v1/slack/actions",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}}, **problems(400, 401, 413)},
    openapi_extra=_FORM,
)
async def actions(request: Request, service: Running) -> Response:
    """The Request URL of a Slack app's interactivity. Answers within a second; what takes longer is told later."""
    body = await raw_body(request, largest=LARGEST)
    form = _form(body)
    if form.get("ssl_check") == "1" and "payload" not in form:
        return Response()
    stamp, signature = (request.headers.get(f"x-slack-{name}") for name in ("request-timestamp", "signature"))
    apps = service.slack.verify(stamp, signature, body)
    if isinstance(apps, str):
        log.warning("slack_request_refused", why=apps)
        raise HttpProblem(401, apps)
    payload = _payload(form)
    press = _press(payload, hashlib.sha256((signature or "").encode()).hexdigest(), apps)
    if press is None:
        return Response()
    return await _answer(service, press, _text(payload.get("response_url")) or None)


async def _answer(service: Service, press: Press, url: str | None) -> Response:
    work = asyncio.create_task(_do(service, press), name="slack-action")
    done, _ = await asyncio.wait({work}, timeout=PATIENCE_S)
    if not done:
        service.slack.reply_later(url, _late(work))
        return Response()
    try:
        text = work.result()
    except slack.Replayed:
        log.warning("slack_request_refused", why=REPLAYED)
        raise HttpProblem(401, REPLAYED) from None
    return Response() if text is None else JSONResponse(dict(service.slack.reply(url, text)))


async def _late(work: asyncio.Task[str | None]) -> str | None:
    try:
        return await work
    except slack.Replayed:
        log.warning("slack_request_refused", why=REPLAYED)
        return None


async def _do(service: Service, press: Press) -> str | None:
    """Act; what to say to who pressed."""
    try:
        pressed = await slack.press(service.database, press, new_id=service.new_id)
    except StoreError as error:
        log.error("slack_action_failed", error=str(error))
        return AWAY
    if not pressed.done:
        log.warning("slack_action_refused", why=pressed.text, thread=press.thread, user=press.user)
    return pressed.text


def _form(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=16, errors="replace")
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _payload(form: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        payload = json.loads(form.get("payload", ""))
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise HttpProblem(400, "send a form with `payload`, which is a JSON object")
    return payload


def _press(payload: Mapping[str, Any], hash_: str, apps: Mapping[str, str]) -> Press | None:
    """What was pressed; None where it is nothing of ours, or only a link."""
    pressed = payload.get("actions")
    action = pressed[0] if isinstance(pressed, list) and pressed else None
    if payload.get("type") != "block_actions" or not isinstance(action, dict):
        return None
    name = _text(action.get("action_id"))
    carried = buttons.read(_text(action.get("value")) or _text(_part(action, "selected_option", "value")))
    if name not in set(Button) or name == Button.OPEN or carried is None:
        return None
    return Press(
        hash=hash_,
        apps=apps,
        button=Button(name),
        thread=carried[0],
        span=carried[1],
        team=_text(_part(payload, "team", "id")),
        channel=_text(_part(payload, "container", "channel_id")),
        ts=_text(_part(payload, "container", "message_ts")),
        user=_text(_part(payload, "user", "id")),
        user_name=scrub_text(_text(_part(payload, "user", "username") or _part(payload, "user", "name")))[
            :NAME
        ],
        user_team=_text(_part(payload, "user", "team_id")),
        orgs=_organisations(payload),
        home=_text(_part(payload, "message", "team")),
    )


def _organisations(payload: Mapping[str, Any]) -> frozenset[str]:
    """The organisation of the workspace: there the id of who pressed is the organisation's (Enterprise).

    https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """
    named = (_part(payload, "enterprise", "id"), _part(payload, "team", "enterprise_id"))
    return frozenset(id_ for one in named if (id_ := _text(one)).startswith(slack.ORGANISATION))


def _part(document: Mapping[str, Any], *path: str) -> Any:
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _text(value: Any) -> str:
    """As far as it is text that a database takes."""
    return sanitise.text(value) if isinstance(value, str) else ""
