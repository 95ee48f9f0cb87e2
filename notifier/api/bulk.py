"""`/v1/incidents/acknowledge`, `/snooze`, `/resolve`: one act on many incidents."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from notifier.api.dependencies import ManageCaller, Running, actor_of
from notifier.api.models.requests_incidents import Many, ManyAcknowledged, ManySnoozed
from notifier.api.models.responses_incidents import ManyAnswer
from notifier.api.openapi import problems
from notifier.api.request_body import body_of, openapi_body
from notifier.oncall import actions, bulk
from notifier.oncall.actor import Actor
from notifier.store.database import Database

router = APIRouter(tags=["incidents"])

_PROBLEMS = problems(401, 403, 413, 415, 422, 503)


@router.post("/v1/incidents/acknowledge", responses=_PROBLEMS, openapi_extra=openapi_body(ManyAcknowledged))
async def acknowledge_many(
    caller: ManageCaller,
    service: Running,
    body: Annotated[ManyAcknowledged, Depends(body_of(ManyAcknowledged))],
) -> ManyAnswer:
    """Acknowledge several incidents. If a query matches more than 1,000, none is changed."""
    until = None if body.until is None else actions.moment(body.until)
    return await _done(
        service.database, actor_of(caller, service, body.actor), body, bulk.AcknowledgeAction(until=until)
    )


@router.post("/v1/incidents/snooze", responses=_PROBLEMS, openapi_extra=openapi_body(ManySnoozed))
async def snooze_many(
    caller: ManageCaller, service: Running, body: Annotated[ManySnoozed, Depends(body_of(ManySnoozed))]
) -> ManyAnswer:
    """Snooze several incidents: only their resolutions are sent until then."""
    return await _done(
        service.database,
        actor_of(caller, service, body.actor),
        body,
        bulk.SnoozeAction(until=actions.moment(body.until)),
    )


@router.post("/v1/incidents/resolve", responses=_PROBLEMS, openapi_extra=openapi_body(Many))
async def resolve_many(
    caller: ManageCaller, service: Running, body: Annotated[Many, Depends(body_of(Many))]
) -> ManyAnswer:
    """Resolve several incidents."""
    return await _done(service.database, actor_of(caller, service, body.actor), body, bulk.ResolveAction())


async def _done(database: Database, actor: Actor, body: Many, act: bulk.BulkAction) -> ManyAnswer:
    if body.q is not None:
        outcome = await bulk.act_on_matches(database, actor, act, body.q)
    else:
        outcome = await bulk.act_on_named(database, actor, act, body.ids or ())
    return ManyAnswer.model_validate(outcome)
