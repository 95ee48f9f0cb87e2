"""`/channels`: the health of each channel, a test with the receiver's answer, and a sample of what it sends."""

from __future__ import annotations

from collections.abc import Sequence

from notifier.domain.delivery import Outcome
from notifier.domain.notification import Reason
from notifier.oncall import channels, deliveries
from notifier.oncall.audit_trail import audit_entries
from notifier.oncall.channels import ChannelHealth
from notifier.oncall.deliveries import DeliveryView
from notifier.oncall.errors import Unknown
from notifier.oncall.findings import Finding
from notifier.web import parameters
from notifier.web.views.channels import ChannelsView, channel_line, channel_page
from notifier.web.visit import Redirect, Shown, Visit

TESTED_AT_MOST = 20


async def list_channels(request: Visit) -> Shown:
    """Every channel of the instance, with the project's pending deliveries."""
    facts = request.service.channels
    lines = tuple(channel_line(health, facts[health.name]) for health in await _health(request))
    return Shown(template="channels", view=ChannelsView(now=request.now, channels=lines))


async def show_channel(request: Visit) -> Shown:
    """One channel, and the deliveries of the test in the address."""
    return await _channel(request)


async def check_channel(request: Visit) -> Shown:
    """One channel, and the results of checking its receivers. No message is sent and nothing is changed."""
    return await _channel(request, await request.service.check_channel(request.path["name"]))


async def _channel(request: Visit, checked: Sequence[Finding] = ()) -> Shown:
    service, name = request.service, request.path["name"]
    facts = service.channels.get(name)
    health = next((each for each in await _health(request) if each.name == name), None)
    if facts is None or health is None:
        raise Unknown("channel")
    page = channel_page(
        channel_line(health, facts),
        now=request.now,
        sample=service.sample(name, request.project),
        tested=await _tested(request, name),
        of=parameters.count(request.query, "of"),
        # Channels belong to the instance: only administrators see who tested them.
        entries=await audit_entries(service.database, [name]) if request.may("admin") else (),
        checked=checked,
    )
    return Shown(template="channel", view=page)


async def test_channel(request: Visit) -> Redirect:
    """Send a real message to every target, wait for the answers, and show them."""
    service, name, actor = request.service, request.path["name"], request.actor()
    if name not in service.channels:
        raise Unknown("channel")
    await channels.record_test(service.database, name, actor)
    tested = await service.test_channel(name, request.project, actor.name)
    # Failed ones first.
    failed_first = sorted(tested, key=lambda outcome: outcome.outcome == Outcome.DELIVERED)
    ids = " ".join(outcome.delivery for outcome in failed_first[:TESTED_AT_MOST])
    return Redirect(path=f"/channels/{name}", query={"test": ids, "of": len(tested)})


async def _health(request: Visit) -> Sequence[ChannelHealth]:
    service = request.service
    return await channels.health(
        service.database, service.rules, service.channels, project_scope=request.project_scope
    )


async def _tested(request: Visit, name: str) -> list[DeliveryView]:
    """The deliveries of a test that are of this channel and visible to the reader."""
    found = []
    for id_ in request.query.get("test").split(" ")[:TESTED_AT_MOST]:
        try:
            delivery, _ = await deliveries.get(
                request.service.database, id_, project_scope=request.project_scope
            )
        except Unknown:
            continue
        if delivery.channel == name and delivery.reason is Reason.TEST:
            found.append(delivery)
    return found
