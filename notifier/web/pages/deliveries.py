"""`/deliveries`: the deliveries, each with its attempts and answers, and sending a dead one again."""

from __future__ import annotations

from notifier.domain.delivery import DeliveryState
from notifier.oncall import deliveries
from notifier.oncall.audit_trail import audit_entries
from notifier.web import parameters
from notifier.web.views.deliveries import deliveries_view, delivery_page
from notifier.web.visit import Redirect, Shown, Visit


async def list_deliveries(request: Visit) -> Shown:
    """The deliveries of the project, newest first, filtered by state and channel."""
    state = parameters.choice(request.query, "state", DeliveryState)
    channel = parameters.named(request.query, "channel")
    listing = await deliveries.find(
        request.service.database,
        project=request.project,
        state=state,
        channel=channel,
        page_request=parameters.page_of(request.query),
    )
    view = deliveries_view(
        listing,
        now=request.now,
        state=state,
        channel=channel,
        channels=list(request.service.channels),
        cursor=request.query.get("cursor"),
    )
    return Shown(template="deliveries", view=view)


async def show_delivery(request: Visit) -> Shown:
    """One delivery with every attempt and its message."""
    service = request.service
    detail = await deliveries.detail(
        service.database, request.path["id"], project_scope=request.project_scope
    )
    sent = service.preview(detail.delivery.channel, detail.message)
    entries = await audit_entries(service.database, [detail.delivery.id])
    view = delivery_page(detail, now=request.now, sent=sent, entries=entries)
    return Shown(template="delivery", view=view)


async def redeliver_delivery(request: Visit) -> Redirect:
    """Send a dead delivery again."""
    service = request.service
    delivery, _ = await deliveries.redeliver(
        service.database, service.rules, request.path["id"], request.actor()
    )
    return Redirect(path=f"/deliveries/{delivery.id}", query={}, notice="redeliver")
