"""`/v1/task-runs` and `/v1/processes`: reports of task runs, and heartbeats of processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError

from notifier.api.body_reader import BodyReader, Headers, sent_at
from notifier.api.dependencies import (
    IngestCaller,
    ManageCaller,
    OfProject,
    Paged,
    ReadCaller,
    Running,
    actor_of,
)
from notifier.api.errors import invalid_body
from notifier.api.models.requests_base import Acting, LongName
from notifier.api.models.requests_processes import Heartbeat
from notifier.api.models.responses_task_runs import ChangeResults, HeartbeatAnswer, TaskRunAnswer, TaskRunList
from notifier.api.openapi import PROBLEM, TASK_RUN_CHANGE, problems
from notifier.api.problems import HttpProblem, retry_after
from notifier.api.request_body import ActingBody, openapi_body
from notifier.domain.event import Rejection
from notifier.domain.task_run import RunState
from notifier.domain.time import SECOND
from notifier.ingest import task_runs as reading
from notifier.ingest.batch import Malformed, accepts_content_type
from notifier.ingest.heartbeats import INTERVAL, ProcessHeartbeat
from notifier.ingest.scrub import scrub, suspicious
from notifier.ingest.task_runs import AcceptedRun, RequestContext
from notifier.oncall import task_runs
from notifier.oncall.task_runs import RunSearch
from notifier.runtime.running_service import RunningService

router = APIRouter(tags=["task runs"])

_encode = msgspec.json.Encoder().encode
_CHANGES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "array", "items": TASK_RUN_CHANGE, "minItems": 1, "maxItems": 1_000}
            }
        },
    }
}

Filter = Annotated[LongName | None, Query(description="Only runs of this name.")]
ServiceFilter = Annotated[LongName | None, Query(alias="service", description="Only runs of this name.")]


@router.post(
    "/v1/task-runs",
    status_code=202,
    response_model=ChangeResults,
    responses={
        **problems(400, 401, 403, 408, 413, 415, 429, 503),
        422: {
            "description": "Not one change is valid.",
            "content": {
                **PROBLEM,
                "application/json": {"schema": {"$ref": "#/components/schemas/ChangeResults"}},
            },
        },
    },
    openapi_extra=_CHANGES,
)
async def post_task_runs(request: Request, caller: IngestCaller, service: Running) -> Response:
    """Record changes of task runs, in any order and with repeats, optionally gzipped. 202 means committed."""
    headers, body = await _body(request, service, "changes")
    now = service.database.now()
    arrival = RequestContext(project=caller.project, received_at=now, sent_at=sent_at(headers.sent_at))
    try:
        items = reading.read(body, headers.content_type, arrival)
    except Malformed as refusal:
        raise HttpProblem(413 if refusal.reason == "too_many" else 422, refusal.message) from None
    changes = [item.run for item in items if isinstance(item, AcceptedRun)]
    wait = service.events_quota.take(caller.key_id, len(changes), now)
    if wait is not None:
        raise retry_after(429, "this key's ingest.rate_limit is used up: send the same again later", wait)
    if changes:
        await service.runs.submit(changes)
    return _results(items, status=202 if changes else 422)


@router.get("/v1/task-runs", responses=problems(401, 403, 422, 503))
async def list_task_runs(
    caller: ReadCaller,
    service: Running,
    page: Paged,
    task: Filter = None,
    state: RunState | None = None,
    service_name: ServiceFilter = None,
    key: Filter = None,
    project: OfProject = None,
) -> TaskRunList:
    """Task runs in all states unless filtered, newest first."""
    search = RunSearch(
        project=caller.project_named(project), task=task, state=state, service=service_name, key=key
    )
    listing = await task_runs.find(service.database, search, page)
    return TaskRunList.model_validate(listing)


@router.get("/v1/task-runs/{id}", responses=problems(401, 403, 404, 422, 503))
async def show_task_run(caller: ReadCaller, service: Running, id: str) -> TaskRunAnswer:  # noqa: A002 - the contract's name
    """One task run."""
    return TaskRunAnswer.model_validate(
        await task_runs.get(service.database, id, project_scope=caller.project_scope)
    )


@router.post(
    "/v1/task-runs/{id}/replay",
    status_code=202,
    responses=problems(401, 403, 404, 409, 413, 415, 422, 503),
    openapi_extra=openapi_body(Acting, required=False),
)
async def replay_task_run(caller: ManageCaller, service: Running, id: str, body: ActingBody) -> TaskRunAnswer:  # noqa: A002
    """Replay a failed or lost run. Returns the new run, which the application receives with its next heartbeat."""
    return TaskRunAnswer.model_validate(
        await task_runs.replay(service.database, id, actor_of(caller, service, body.actor))
    )


@router.post(
    "/v1/processes/heartbeat",
    responses=problems(400, 401, 403, 408, 413, 415, 422, 503),
    openapi_extra=openapi_body(Heartbeat),
)
async def heartbeat(request: Request, caller: IngestCaller, service: Running) -> HeartbeatAnswer:
    """Record that a process is alive, with its runs. After three missed intervals it is dead, and its runs are lost."""
    _, data = await _body(request, service, "ids")
    try:
        said = Heartbeat.model_validate_json(data.strip() or b"{}")
        if suspicious(data):
            # In the form that stored ids and names of runs have.
            named = scrub(said.model_dump(exclude={"reports"}))
            said = Heartbeat.model_validate({**named, "reports": said.reports})
    except ValidationError as error:
        raise invalid_body(error) from None
    beat = ProcessHeartbeat(
        project=caller.project,
        process=said.process_id,
        service=said.service,
        running=said.known_running(),
        tasks=said.known_tasks(),
        reports=None if said.reports is None else said.reports.bounded(),
        ended=said.ended,
    )
    replays = await service.runs.beat(beat)
    return HeartbeatAnswer.model_validate({"replay": replays, "interval": INTERVAL // SECOND})


async def _body(request: Request, service: RunningService, what: str) -> tuple[Headers, bytes]:
    headers = Headers(request.scope["headers"])
    if not accepts_content_type(headers.content_type):
        raise HttpProblem(415, "send application/json (or no content type)")
    bodies = BodyReader(service.settings.ingest.max_body_bytes, what)
    return headers, await bodies.read(headers, request.receive)


def _results(items: Sequence[AcceptedRun | Rejection], *, status: int) -> Response:
    results: list[dict[str, Any]] = []
    for index, item in enumerate(items):
        if isinstance(item, Rejection):
            error = f"{item.path}: {item.message}" if item.path else item.message
            results.append({"status": "rejected", "warnings": [], "index": index, "error": error})
        else:
            results.append({"id": item.run.id, "status": "accepted", "warnings": item.warnings})
    return Response(_encode({"results": results}), status_code=status, media_type="application/json")
