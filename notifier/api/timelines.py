"""`/v1/incidents/{id}/timeline`: why was I told, why was I not."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from notifier.api.access import Reader
from notifier.api.answers import TimelineAnswer
from notifier.api.incidents import as_response
from notifier.api.openapi import problems
from notifier.domain.time import rfc3339
from notifier.oncall.timeline import Item, timeline

router = APIRouter(tags=["incidents"])


@router.get(
    "/v1/incidents/{id}/timeline",
    response_model=TimelineAnswer,
    responses=problems(401, 403, 404, 422, 503),
)
async def show_timeline(caller: Reader, id: str) -> Response:  # noqa: A002 - the contract's name
    """What happened, who was told and why, why nobody was, and what is due next."""
    service = caller.service
    found = await timeline(service.database, service.plan, id, project_scope=caller.project_scope)
    return as_response({"items": [_item(one) for one in found.items], "truncated": found.truncated})


def _item(one: Item) -> dict[str, Any]:
    """`reason` or `held_by`, whichever it is about; every other key always."""
    why = {"reason": one.reason} if one.held_by is None else {"held_by": one.held_by}
    return {
        "at": rfc3339(one.at),
        "kind": one.kind,
        **why,
        "count": one.count,
        "route": one.route,
        "channel": one.channel,
        "actor": one.actor,
        "text": one.text,
    }
