"""The query behind the list of incidents, on both engines."""

from __future__ import annotations

import pytest

from notifier.domain.notification import HeldBy
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import HOUR, rfc3339
from notifier.oncall import actions, silences
from notifier.oncall.actor import Actor
from notifier.oncall.inbox import (
    BUCKETS,
    COLLAPSE_FROM,
    SHOWN_OF_COLLAPSED,
    Inbox,
    inbox,
    inbox_by_service,
)
from notifier.oncall.paging import PageRequest
from notifier.oncall.silences import Draft
from tests.world import World

pytestmark = pytest.mark.anyio


def actor(world: World) -> Actor:
    return Actor(name="ann", key_name="cli", project="shop", project_scope="shop", new_id=world.new_id)


async def listed(world: World, project: str = "shop") -> Inbox:
    return await inbox(
        world.database,
        project=project,
        state="unresolved",
        q="",
        sort="newest",
        page_request=PageRequest(limit=10),
    )


async def test_each_hour_of_a_day_is_counted(world: World) -> None:
    """The last of 24 buckets is the current hour."""
    for passed in (0, 1, 1, 23, 2):
        world.clock.advance(passed * HOUR)
        await world.post("broken")
    (item,) = (await listed(world)).items
    assert len(item.counts) == BUCKETS
    assert item.counts[-1] == 1
    assert item.counts[-3] == 1
    assert sum(item.counts) == 2
    assert item.incident.count == 5


async def test_what_holds_it_and_who_has_it_until_when(world: World) -> None:
    """An incident has its silence with author, its snooze, and its acknowledgement with end."""
    now = world.clock.now()
    draft = Draft(matchers=['service="quiet"'], ends_at=rfc3339(now + HOUR), author="bo", comment="known")
    await world.database.write(lambda tx: silences.create(tx, actor(world), draft))
    await world.post("silenced", service="quiet")
    mine = await world.post("mine", severity="critical")
    await world.database.write(lambda tx: actions.acknowledge(tx, actor(world), mine, until=now + HOUR))
    await world.database.write(lambda tx: actions.snooze(tx, actor(world), mine, until=now + 2 * HOUR))
    await world.alert()
    by_title = {item.incident.title: item.standing for item in (await listed(world)).items}
    (hold,) = by_title["silenced"].holds
    assert hold.held_by is HeldBy.SILENCED
    assert hold.silence is not None
    assert hold.silence.author == "bo"
    assert by_title["mine"].acknowledged_until == now + HOUR
    assert (by_title["mine"].snoozed_by, by_title["mine"].snoozed_until) == ("ann", now + 2 * HOUR)


async def test_it_shows_one_project(world: World) -> None:
    """Only the project's incidents are listed."""
    await world.post("broken")
    assert (await listed(world, "other")).items == ()


async def apart(
    world: World,
    q: str = "",
    *,
    limit: int = COLLAPSE_FROM + 1,
    cursor: str | None = None,
    apart: tuple[str, ...] = (),
) -> Inbox:
    return await inbox_by_service(
        world.database,
        project="shop",
        state=State.OPEN,
        q=q,
        sort=None if cursor else "severity",
        page_request=PageRequest(limit=limit, cursor=cursor),
        apart=apart,
    )


async def storm(
    world: World, service: str, *, many: int = 2 * COLLAPSE_FROM, severity: str = "critical"
) -> None:
    events = [world.event(f"{severity} {n}", service=service, severity=severity) for n in range(many)]
    await world.post_all(events)


async def test_a_storm_of_one_service_hides_no_other(world: World) -> None:
    """A storm of one service is sampled and counted by severity, so that others are visible, over all pages."""
    others = [world.event("small", service=f"other {n}", severity="info") for n in range(COLLAPSE_FROM + 5)]
    await world.post_all([*others, world.event("waits", service="search", severity="critical")])
    for service in ("shop", "cart"):
        await storm(world, service)
    await storm(world, "shop", severity="warning")
    first = await apart(world)
    collapsed = {crowd.service: (crowd.severities, crowd.whole) for crowd in first.collapsed}
    many = 2 * COLLAPSE_FROM
    assert collapsed == {
        "cart": ({Severity.CRITICAL: many}, True),
        "shop": ({Severity.CRITICAL: many, Severity.WARNING: many}, True),
    }
    services = [item.incident.service for item in first.items]
    assert (services.count("shop"), services.count("cart")) == (SHOWN_OF_COLLAPSED, SHOWN_OF_COLLAPSED)
    assert "search" in services
    second = await apart(world, cursor=first.next_cursor, apart=first.apart)
    services += [item.incident.service for item in second.items]
    assert (
        len(services)
        == 2 * SHOWN_OF_COLLAPSED + 1 + len(others)
        == len(set(services)) + 2 * SHOWN_OF_COLLAPSED - 2
    )
    assert (second.collapsed, second.next_cursor) == ((), None)


async def test_what_hides_nothing_is_listed_whole(world: World) -> None:
    """All incidents are listed if they are of one service, or if that was requested."""
    await storm(world, "shop")
    alone = await apart(world)
    assert (len(alone.items), alone.collapsed) == (COLLAPSE_FROM + 1, ())
    await world.post("another", service="mail")
    assert [crowd.count for crowd in (await apart(world)).collapsed] == [2 * COLLAPSE_FROM]
    assert (await apart(world, 'service="shop"')).collapsed == ()


async def test_services_that_fail_together_are_crowds(world: World) -> None:
    """Several services that fail together are each sampled."""
    services = [f"shop {n}" for n in range(5)]
    causes = [world.event(f"no database {n}", service=service) for n in range(20) for service in services]
    await world.post_all([world.event("waits", service="search"), *causes])
    first = await apart(world, limit=50)
    assert {crowd.service: crowd.count for crowd in first.collapsed} == dict.fromkeys(services, 20)
    assert (len(first.items), first.next_cursor) == (5 * SHOWN_OF_COLLAPSED + 1, None)


async def test_a_search_for_words_collapses_nothing(world: World) -> None:
    """Whoever searches wants what is found, in its order."""
    await storm(world, "shop")
    await world.post("critical 1", service="mail")
    found = await apart(world, "critical")
    assert (len(found.items), found.collapsed, found.apart) == (COLLAPSE_FROM + 1, (), ())
