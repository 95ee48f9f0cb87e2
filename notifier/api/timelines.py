"""`/v1/incidents/{id}/timeline`: what happened, and why notifications were sent or not."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from notifier.api.dependencies import ReadCaller, Running
from notifier.api.incidents import as_response
from notifier.api.models.responses_incidents import TimelineAnswer
from notifier.api.openapi import problems
from notifier.domain.time import rfc3339
from notifier.oncall.timeline import HistoryItem, timeline

router = APIRouter(tags=["incidents"])


@router.get(
    "/v1/incidents/{id}/timeline",
    response_model=TimelineAnswer,
    responses=problems(401, 403, 404, 422, 503),
)
async def show_timeline(caller: ReadCaller, service: Running, id: str) -> Response:  # noqa: A002 - the contract's name
    """The incident's timeline: what happened, who was notified and why, or why nobody was, and what is due next."""
    found = await timeline(service.database, service.rules, id, project_scope=caller.project_scope)
    return as_response({"items": [_item(item) for item in found.items], "truncated": found.truncated})


def _item(item: HistoryItem) -> dict[str, Any]:
    """An item as JSON: `reason` or `held_by`, whichever applies; every other key always."""
    why = {"reason": item.reason} if item.held_by is None else {"held_by": item.held_by}
    return {
        "at": rfc3339(item.at),
        "kind": item.kind,
        **why,
        "count": item.count,
        "route": item.route,
        "channel": item.channel,
        "actor": item.actor,
        "text": item.text,
    }
