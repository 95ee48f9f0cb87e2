"""`/v1/incidents` and `/v1/groups`: lists of incidents, their events and groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response

from notifier.api.dependencies import OfProject, Paged, ReadCaller, Running
from notifier.api.models.responses_groups import GroupList
from notifier.api.models.responses_incidents import EventList, IncidentAnswer, IncidentList
from notifier.api.openapi import problems
from notifier.oncall import groups, incidents
from notifier.oncall.incidents import Sort

router = APIRouter(tags=["incidents"])

_encode = msgspec.json.Encoder().encode

Q = Annotated[
    str | None,
    Query(
        max_length=incidents.search.MAX_QUERY_CHARS,
        description='Matchers and words of the title: `service="billing" timeout`. All must hold.',
    ),
]


StateOf = Annotated[
    incidents.StateFilter | None, Query(description="A state; `unresolved` means open or acknowledged.")
]
SortBy = Annotated[
    Sort | None,
    Query(description="Default: newest. The cursor contains it, so the next page needs none."),
]


@router.get("/v1/incidents", response_model=IncidentList, responses=problems(401, 403, 422, 503))
async def list_incidents(
    caller: ReadCaller,
    service: Running,
    page: Paged,
    state: StateOf = None,
    q: Q = None,
    sort: SortBy = None,
    project: OfProject = None,
) -> Response:
    """Incidents in all states unless filtered, newest first. A short page may still have a next one."""
    listing = await incidents.find(
        service.database,
        project=caller.project_named(project),
        state=state,
        q=q,
        sort=sort,
        page_request=page,
        url=service.settings.server.url,
    )
    return as_response(
        {"items": [incident.as_json() for incident in listing.items], "next_cursor": listing.next_cursor}
    )


@router.get("/v1/incidents/{id}", response_model=IncidentAnswer, responses=problems(401, 403, 404, 422, 503))
async def show_incident(caller: ReadCaller, service: Running, id: str) -> Response:  # noqa: A002 - the contract's name
    """One incident, by its id, its number, or at least the last six characters of its id."""
    incident = await incidents.get(
        service.database, id, project_scope=caller.project_scope, url=service.settings.server.url
    )
    return as_response(incident.as_json())


@router.get(
    "/v1/incidents/{id}/events", response_model=EventList, responses=problems(401, 403, 404, 422, 503)
)
async def list_events(caller: ReadCaller, service: Running, page: Paged, id: str) -> Response:  # noqa: A002
    """Samples of its events, newest first: the last one, the first ten, and ever fewer between. `count` is exact."""
    listing = await incidents.events(
        service.database, id, project_scope=caller.project_scope, page_request=page
    )
    return as_response({"items": listing.items, "next_cursor": listing.next_cursor})


@router.get("/v1/groups", responses=problems(401, 403, 422, 503))
async def list_groups(
    caller: ReadCaller, service: Running, page: Paged, project: OfProject = None
) -> GroupList:
    """Waiting groups, newest first: until when they wait, and what holds their incidents."""
    listing = await groups.find(
        service.database, service.rules, project=caller.project_named(project), page_request=page
    )
    return GroupList.model_validate(listing)


def as_response(document: Mapping[str, Any]) -> Response:
    """A JSON response without validation: the store wrote the documents, and validating costs more than reading."""
    return Response(_encode(document), media_type="application/json")
