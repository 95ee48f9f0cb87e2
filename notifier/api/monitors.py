"""`/v1/monitors`: check-ins of jobs, so that missing ones are noticed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from notifier.api.dependencies import (
    ActorName,
    IngestCaller,
    ManageCaller,
    OfProject,
    Paged,
    ReadCaller,
    Running,
    actor_of,
)
from notifier.api.ingest import retry_later
from notifier.api.models.requests_base import Name
from notifier.api.models.requests_monitors import NewCheckIn
from notifier.api.models.responses_monitors import MonitorAnswer, MonitorList
from notifier.api.openapi import problems
from notifier.api.problems import HttpProblem
from notifier.api.request_body import body_of, openapi_body
from notifier.domain.monitor import CheckIn
from notifier.ingest import sanitise
from notifier.ingest.acceptance import Busy
from notifier.ingest.monitors import ENVIRONMENT, MAX_PER_PROJECT
from notifier.ingest.scrub import clean_text
from notifier.oncall import monitors

router = APIRouter(tags=["monitors"])

MonitorName = Annotated[Name, Path(description="The job's name.")]
NewCheckInBody = Annotated[NewCheckIn, Depends(body_of(NewCheckIn))]


@router.post(
    "/v1/monitors/{name}",
    responses=problems(401, 403, 413, 415, 422, 429, 503),
    openapi_extra=openapi_body(NewCheckIn, required=False),
)
async def check_in(
    caller: IngestCaller, service: Running, name: MonitorName, body: NewCheckInBody
) -> MonitorAnswer:
    """Record that a job has succeeded, started or failed. Returns the monitor after the commit."""
    said = CheckIn(
        name=clean_text(sanitise.text(name)),
        status=body.status,
        environment=sanitise.text(body.environment),
        service=body.service,
        duration_ms=body.duration_ms,
        message=body.message,
        schedule=body.schedule(),
        severity=body.severity,
    )
    taken = await service.monitors.take(caller, [said], service=caller.service)
    if isinstance(taken, Busy):
        raise retry_later(taken)
    [monitor] = taken.monitors
    if monitor is None:
        raise HttpProblem(
            422,
            f"the project has {MAX_PER_PROJECT} monitors, as many as there may be: "
            "delete one with DELETE /v1/monitors/NAME",
        )
    return MonitorAnswer.model_validate(monitor)


@router.get("/v1/monitors", responses=problems(401, 403, 422, 503))
async def list_monitors(
    caller: ReadCaller, service: Running, page: Paged, project: OfProject = None
) -> MonitorList:
    """The monitors of a project, the most recent check-in first."""
    project = caller.project_named(project)
    return MonitorList.model_validate(
        await monitors.find(service.database, project=project, page_request=page)
    )


@router.delete("/v1/monitors/{name}", status_code=204, responses=problems(401, 403, 404, 422, 503))
async def forget_monitor(
    caller: ManageCaller,
    service: Running,
    name: MonitorName,
    environment: Annotated[Name, Query(description="The monitor's environment.")] = ENVIRONMENT,
    actor: ActorName = None,
    project: OfProject = None,
) -> Response:
    """Delete a monitor. Its incident stays. A further check-in creates the monitor again."""
    await monitors.forget(
        service.database, name, environment, actor_of(caller, service, actor, project=project)
    )
    return Response(status_code=204)
