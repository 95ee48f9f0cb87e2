"""Button presses under messages. Callbacks are signed by the receiver and need no key."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from notifier.api.dependencies import Running
from notifier.api.openapi import problems
from notifier.api.problems import HttpProblem
from notifier.api.request_body import raw_body
from notifier.channels.base import Callback, CallbackRefusal, CallbackReply
from notifier.channels.callbacks import CallbackReader
from notifier.channels.kinds import BUILT_IN
from notifier.domain.errors import StoreError
from notifier.domain.interaction import Person, Press
from notifier.domain.value import replace
from notifier.ingest import sanitise
from notifier.ingest.scrub import scrub_text
from notifier.oncall import interactions
from notifier.runtime.running_service import RunningService
from notifier.telemetry.logging import get
from notifier.wording import interactions as sentences

router = APIRouter()

LARGEST = 64 * 1024
ANSWERED_WITHIN_S = 0.8
"""The time to answer in: receivers give up after three seconds, and people get impatient after one."""
NAME = 60
NO_BUTTONS = "the configuration has no channel of this name whose messages have buttons: see GET /v1/channels"
STRANGER = "this callback is not of that channel's receiver: does another channel have its secret?"

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
_ANY_BODY = {"requestBody": {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}}
_ANSWERS: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}}}}


@router.post(
    "/v1/slack/actions",
    tags=["slack"],
    response_class=Response,
    responses={**_ANSWERS, **problems(400, 401, 413)},
    openapi_extra=_FORM,
)
async def actions(request: Request, service: Running) -> Response:
    """The Request URL of a Slack app's interactivity. Responds within a second; slower results follow as a message."""
    return await _answer(service, service.callbacks.of_kind(BUILT_IN["slack"]), request)


@router.post(
    "/v1/interactions/{channel}",
    tags=["interactions"],
    response_class=Response,
    responses={**_ANSWERS, **problems(400, 401, 404, 413, 422)},
    openapi_extra=_ANY_BODY,
)
async def interaction(
    channel: Annotated[str, Path(description="A channel whose messages have buttons.")],
    request: Request,
    service: Running,
) -> Response:
    """The callback for buttons in a channel's messages. Responds within a second; slower results follow later."""
    return await _answer(service, service.callbacks.of_channel(channel), request, channel=channel)


async def _answer(
    service: RunningService, reader: CallbackReader | None, request: Request, *, channel: str | None = None
) -> Response:
    if reader is None:
        raise HttpProblem(404, NO_BUTTONS)
    # Of repeated headers, the first.
    headers = dict(reversed(request.headers.items()))
    callback = Callback(headers=headers, body=await raw_body(request, largest=LARGEST))
    press = reader.read(callback)
    if isinstance(press, CallbackReply):
        return _response(press)
    if isinstance(press, CallbackRefusal):
        if press.authentic:
            raise HttpProblem(400, press.detail)
        raise _unauthentic(reader.kind, press.detail)
    if channel is not None and channel not in press.channels:
        raise _unauthentic(reader.kind, STRANGER)
    return await _act_in_time(service, reader, _storable(press))


async def _act_in_time(service: RunningService, reader: CallbackReader, press: Press) -> Response:
    work = asyncio.create_task(_act(service, press), name="press")
    done, _ = await asyncio.wait({work}, timeout=ANSWERED_WITHIN_S)
    if not done:
        return _response(service.callbacks.reply_later(reader, press, _reply_later(work, press)))
    try:
        text = work.result()
    except interactions.Replayed:
        raise _unauthentic(press.kind, sentences.replayed(press.receiver)) from None
    return _response(service.callbacks.reply(reader, press, text))


async def _reply_later(work: asyncio.Task[str | None], press: Press) -> str | None:
    try:
        return await work
    except interactions.Replayed:
        _log_refusal(press.kind, sentences.replayed(press.receiver))
        return None


async def _act(service: RunningService, press: Press) -> str | None:
    """Perform the press, and return the sentence for the person."""
    log, failed, refused = (
        get(f"notifier.{press.kind}"),
        f"{press.kind}_action_failed",
        f"{press.kind}_action_refused",
    )
    try:
        result = await interactions.act(service.database, press, new_id=service.new_id)
    except StoreError as error:
        log.error(failed, error=str(error))
        return sentences.UNAVAILABLE
    if not result.done:
        log.warning(refused, why=result.text, thread=press.thread, user=press.person.id)
    return result.text


def _storable(press: Press) -> Press:
    """The press with text that a database accepts, and with secrets removed from names."""
    person = Person(
        id=sanitise.text(press.person.id), name=scrub_text(sanitise.text(press.person.name))[:NAME]
    )
    return replace(press, id=sanitise.text(press.id), thread=sanitise.text(press.thread), person=person)


def _unauthentic(kind: str, why: str) -> HttpProblem:
    """The 401 for a callback that is not authentic, or that was replayed."""
    _log_refusal(kind, why)
    return HttpProblem(401, why)


def _log_refusal(kind: str, why: str) -> None:
    get(f"notifier.{kind}").warning(f"{kind}_request_refused", why=why)


def _response(reply: CallbackReply) -> Response:
    return Response(reply.body, media_type=reply.content_type)
