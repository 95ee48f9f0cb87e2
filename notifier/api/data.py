"""`/v1/data`: export and removal of the data about a label's value or a person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from notifier.api.dependencies import AdminCaller, ReadCaller, Running, actor_of
from notifier.api.models.requests_data import DataQuery, DataRemoval
from notifier.api.models.responses_data import DataRemovalAnswer
from notifier.api.openapi import problems
from notifier.api.request_body import body_of, openapi_body
from notifier.domain.data_subject import DataSubject
from notifier.oncall import erasure
from notifier.store.database import Database

router = APIRouter(tags=["operation"])


@router.post(
    "/v1/data/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}}, **problems(401, 403, 413, 415, 422, 503)},
    openapi_extra=openapi_body(DataQuery),
)
async def export(
    caller: ReadCaller, service: Running, body: Annotated[DataQuery, Depends(body_of(DataQuery))]
) -> StreamingResponse:
    """All rows about the subject as NDJSON: `{"table", "row"}`. Of the key's project; with `admin`, of all projects."""
    lines = _lines(service.database, body.subject, caller.project_scope)
    return StreamingResponse(lines, media_type="application/x-ndjson", headers={"cache-control": "no-store"})


async def _lines(database: Database, subject: DataSubject, project: str | None) -> AsyncIterator[bytes]:
    async for table, row in erasure.rows(database, subject, project):
        yield msgspec.json.encode({"table": table, "row": row}) + b"\n"


@router.post(
    "/v1/data/delete",
    responses=problems(401, 403, 409, 413, 415, 422, 503),
    openapi_extra=openapi_body(DataRemoval),
)
async def delete(
    caller: AdminCaller, service: Running, body: Annotated[DataRemoval, Depends(body_of(DataRemoval))]
) -> DataRemovalAnswer:
    """Erase the subject in all projects. 409 while incidents of it are open. Counters stay consistent."""
    if body.dry_run:
        return DataRemovalAnswer.of(await erasure.preview(service.database, body.subject), dry_run=True)
    done = await erasure.remove(service.database, body.subject, actor_of(caller, service, body.actor))
    return DataRemovalAnswer.of(done, dry_run=False)
