"""`/incidents`: what is open, and a search."""

from __future__ import annotations

from typing import cast, get_args

from notifier.oncall import incidents
from notifier.oncall.errors import Unreadable
from notifier.oncall.incidents import StateFilter
from notifier.oncall.paging import PageRequest as ListRequest
from notifier.web.views.incidents import incidents_view
from notifier.web.visit import Shown, Visit

SHOWN = 50
STATES = get_args(StateFilter)


async def list_incidents(request: Visit) -> Shown:
    """Unresolved ones unless the address asks for others, the worst first."""
    state = request.query.get("state") or "unresolved"
    if state not in STATES:
        raise Unreadable("state", "choose one of the states that the page offers")
    q, cursor = request.query.get("q"), request.query.get("cursor") or None
    page = await incidents.find(
        request.service.database,
        project=request.project,
        state=cast("StateFilter", state),
        q=q,
        sort=None if cursor else "severity",
        page_request=ListRequest(limit=SHOWN, cursor=cursor),
        url=None,
    )
    return Shown(
        template="incidents", view=incidents_view(page, q=q, state=state, states=STATES, now=request.now)
    )
