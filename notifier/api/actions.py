"""`/v1/incidents/{id}/...`: acknowledge, snooze, resolve, reopen, notes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from notifier.api.dependencies import ManageCaller, Running, actor_of
from notifier.api.incidents import as_response
from notifier.api.models.requests_base import Acting
from notifier.api.models.requests_incidents import Acknowledgement, Note, Snooze
from notifier.api.models.responses_incidents import IncidentAnswer
from notifier.api.openapi import problems
from notifier.api.request_body import ActingBody, body_of, openapi_body
from notifier.ingest.scrub import clean_text
from notifier.oncall import actions
from notifier.runtime.running_service import RunningService
from notifier.store.database import Tx

router = APIRouter(tags=["incidents"])

_PROBLEMS = problems(401, 403, 404, 409, 413, 415, 422, 503)

AcknowledgementBody = Annotated[Acknowledgement, Depends(body_of(Acknowledgement))]
SnoozeBody = Annotated[Snooze, Depends(body_of(Snooze))]
NoteBody = Annotated[Note, Depends(body_of(Note))]


@router.post(
    "/v1/incidents/{id}/acknowledge",
    response_model=IncidentAnswer,
    responses=_PROBLEMS,
    openapi_extra=openapi_body(Acknowledgement, required=False),
)
async def acknowledge(caller: ManageCaller, service: Running, id: str, body: AcknowledgementBody) -> Response:  # noqa: A002 - the contract's name
    """Acknowledge the incident: repeats and escalation stop.

    409 with its `state` if somebody else has acknowledged it, or if it is resolved.
    """
    until = None if body.until is None else actions.moment(body.until)
    actor = actor_of(caller, service, body.actor)
    return await _performed(
        service, partial(actions.acknowledge, actor=actor, name=id, until=until, take_over=body.take_over)
    )


@router.post(
    "/v1/incidents/{id}/unacknowledge",
    response_model=IncidentAnswer,
    responses=_PROBLEMS,
    openapi_extra=openapi_body(Acting, required=False),
)
async def unacknowledge(caller: ManageCaller, service: Running, id: str, body: ActingBody) -> Response:  # noqa: A002
    """End the acknowledgement. A snooze continues. 409 with its `state` if the incident is not acknowledged."""
    return await _performed(
        service, partial(actions.unacknowledge, actor=actor_of(caller, service, body.actor), name=id)
    )


@router.post(
    "/v1/incidents/{id}/snooze",
    response_model=IncidentAnswer,
    responses=_PROBLEMS,
    openapi_extra=openapi_body(Snooze),
)
async def snooze(caller: ManageCaller, service: Running, id: str, body: SnoozeBody) -> Response:  # noqa: A002
    """Snooze the incident: only its resolution is sent until then.

    409 with its `state` if it is resolved, or snoozed by somebody else.
    """
    until = actions.moment(body.until)
    return await _performed(
        service, partial(actions.snooze, actor=actor_of(caller, service, body.actor), name=id, until=until)
    )


@router.post(
    "/v1/incidents/{id}/unsnooze",
    response_model=IncidentAnswer,
    responses=_PROBLEMS,
    openapi_extra=openapi_body(Acting, required=False),
)
async def unsnooze(caller: ManageCaller, service: Running, id: str, body: ActingBody) -> Response:  # noqa: A002
    """End the snooze. An open incident is notified again. 409 with its `state` if it is not snoozed, or resolved."""
    return await _performed(
        service, partial(actions.unsnooze, actor=actor_of(caller, service, body.actor), name=id)
    )


@router.post(
    "/v1/incidents/{id}/resolve",
    response_model=IncidentAnswer,
    responses=_PROBLEMS,
    openapi_extra=openapi_body(Acting, required=False),
)
async def resolve(caller: ManageCaller, service: Running, id: str, body: ActingBody) -> Response:  # noqa: A002
    """Resolve the incident. 409 with its `state` if somebody else, an event or a timeout has resolved it."""
    return await _performed(
        service, partial(actions.resolve, actor=actor_of(caller, service, body.actor), name=id)
    )


@router.post(
    "/v1/incidents/{id}/reopen",
    response_model=IncidentAnswer,
    responses=_PROBLEMS,
    openapi_extra=openapi_body(Acting, required=False),
)
async def reopen(caller: ManageCaller, service: Running, id: str, body: ActingBody) -> Response:  # noqa: A002
    """Reopen a resolved or acknowledged incident.

    409 with its `state` if it is open, or if a newer incident of the same problem exists.
    """
    return await _performed(
        service, partial(actions.reopen, actor=actor_of(caller, service, body.actor), name=id)
    )


@router.post(
    "/v1/incidents/{id}/notes",
    response_model=IncidentAnswer,
    responses=problems(401, 403, 404, 413, 415, 422, 503),
    openapi_extra=openapi_body(Note),
)
async def add_note(caller: ManageCaller, service: Running, id: str, body: NoteBody) -> Response:  # noqa: A002
    """Add a note to the incident's timeline, whatever its state."""
    text = clean_text(body.text)
    return await _performed(
        service, partial(actions.note, actor=actor_of(caller, service, body.actor), name=id, text=text)
    )


async def _performed(service: RunningService, action: Callable[[Tx], str]) -> Response:
    incident = await actions.perform(service.database, action, url=service.settings.server.url)
    return as_response(incident.as_json())
