"""The query behind a group's page, on both engines, and bulk acts on the group."""

from __future__ import annotations

from functools import partial

import pytest

from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import MINUTE
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.oncall.bulk import AcknowledgeAction
from notifier.oncall.errors import Unknown
from notifier.oncall.group_details import GroupDetails, act_on_all, group_details
from notifier.oncall.incident_details import details
from notifier.store import views
from notifier.store.database import Tx
from tests.plans import read_whole, statements_of
from tests.world import World

pytestmark = pytest.mark.anyio


def actor(world: World, name: str = "ann", project: str = "shop") -> Actor:
    return Actor(name=name, key_name="cli", project=project, project_scope=project, new_id=world.new_id)


async def group_with(world: World, id_: str) -> str:
    """The group of an incident, as its page links it."""
    found = await details(world.database, world.rules, id_, project_scope="shop", url=None)
    (membership,) = found.history.memberships
    return membership.group_id


async def shown(world: World, id_: str, project: str = "shop") -> GroupDetails:
    return await group_details(world.database, world.rules, id_, project_scope=project)


async def test_causes_stand_by_count_and_what_is_over_last(world: World) -> None:
    """Causes are ordered by count, resolved ones last; totals include all."""
    ids = {}
    for title, count in (("rare", 1), ("often", 5), ("over", 9), ("some", 3)):
        for _ in range(count):
            ids[title] = await world.post(title)
    await world.database.write(lambda tx: actions.resolve(tx, actor(world), ids["over"]))
    await world.database.write(lambda tx: actions.acknowledge(tx, actor(world, "bo"), ids["some"]))
    await world.alert()
    found = await shown(world, await group_with(world, ids["rare"]))
    assert [one.title for one in found.incidents] == ["often", "some", "rare", "over"]
    assert found.totals.incidents == 4
    assert found.totals.events == 18
    assert found.totals.states == {State.OPEN: 2, State.ACKNOWLEDGED: 1, State.RESOLVED: 1}
    assert found.totals.severities == {Severity.ERROR: 3}
    assert found.whole
    assert found.route.name == "default"


async def test_what_was_told_when_and_to_whom(world: World) -> None:
    """Notifications are newest first, with the state of each delivery."""
    id_ = await world.post("first")
    await world.alert()
    first, second = await world.claim()
    await world.deliver(first)
    await world.fail(second, detail="refused by the receiver")
    world.clock.advance(10 * MINUTE)
    await world.post("second")
    await world.alert()
    found = await shown(world, await group_with(world, id_))
    assert [(one.reason, one.first) for one in found.notifications] == [
        (Reason.OPENED, "second"),
        (Reason.OPENED, "first"),
    ]
    assert found.notifications[0].at > found.notifications[1].at
    states = {(one.target, one.state.value, one.detail) for one in found.notifications[1].targets}
    assert {state for _, state, _ in states} == {"delivered", "dead"}
    assert "refused by the receiver" in {detail for _, _, detail in states}


async def test_all_are_acknowledged_but_what_another_has(world: World) -> None:
    """One act acknowledges all but those of others, which are named, and resolved ones."""
    ids = [await world.post(f"cause {number}") for number in range(4)]
    await world.database.write(lambda tx: actions.resolve(tx, actor(world), ids[0]))
    await world.database.write(lambda tx: actions.acknowledge(tx, actor(world, "bo"), ids[1]))
    await world.alert()
    group = await group_with(world, ids[3])
    outcome = await act_on_all(world.database, actor(world), AcknowledgeAction(), group)
    assert outcome.done == 2
    assert [(skip.id, skip.reason) for skip in outcome.skipped] == [(ids[1], "taken")]
    found = await shown(world, group)
    assert {one.id: one.acknowledged_by for one in found.incidents} == {
        ids[0]: None,
        ids[1]: "bo",
        ids[2]: "ann",
        ids[3]: "ann",
    }


async def test_of_a_huge_group_the_newest_are_read(world: World) -> None:
    """Counts, causes and acts use the same incidents, and the result says if there are more."""
    for title, count in (("first", 9), ("second", 1), ("third", 2)):
        for _ in range(count):
            id_ = await world.post(title)
    await world.alert()
    group = await group_with(world, id_)

    def read(tx: Tx) -> object:
        counted = sum(count.incidents for count in views.group_counts(tx, group, newest=2))
        shown = [one.title for one in views.group_members(tx, group, newest=2, most=9)]
        chosen = len(views.unresolved_in_group(tx, group, newest=2, most=9))
        return counted, shown, chosen, views.has_more(tx, group, than=2), views.has_more(tx, group, than=3)

    assert await world.database.read(read) == (2, ["third", "second"], 2, True, False)


async def test_a_group_of_another_project_is_unknown(world: World) -> None:
    """A group of another project is unknown, and cannot be acted on."""
    id_ = await world.post()
    await world.alert()
    group = await group_with(world, id_)
    for name in (group, "none", "\0", "x" * 5_000):
        with pytest.raises(Unknown):
            await shown(world, name, "other")
        with pytest.raises(Unknown):
            await act_on_all(world.database, actor(world, project="other"), AcknowledgeAction(), name)


async def test_none_of_it_reads_a_whole_table(world: World) -> None:
    """Every statement of the page uses an index."""
    id_ = await world.post()
    await world.alert()
    group = await group_with(world, id_)
    statements = await statements_of(shown(world, group))
    assert len(statements) >= 4
    assert await world.database.read(partial(read_whole, statements=statements)) == set()
