"""Dead letters by reason: counted, listed and decided together, on both engines."""

from __future__ import annotations

import pytest

from notifier.domain.delivery import Outcome
from notifier.oncall import dead_letters, deliveries
from notifier.oncall.actor import Actor
from notifier.oncall.dead_letters import DeadDeliveries, DeadRuns, Selection
from notifier.oncall.paging import PageRequest
from notifier.store import views
from tests.world import World

pytestmark = pytest.mark.anyio


async def dead(world: World) -> None:
    """Two refused mails, a hook that is gone, a run of each of two tasks, and those of another project."""
    await world.mark_dead("refused")
    await world.post("gone", severity="critical", service="shipping")
    await world.alert()
    for job in await world.claim():
        if job.channel == "hook":
            await world.fail(job, Outcome.GONE, "410")
        else:
            await world.deliver(job)
    await world.mark_dead("theirs", project="other")
    for task in ("charge", "refund", "charge"):
        await world.ran(
            {"task": task, "state": "failed", "letter": "waiting", "finished_at": world.clock.now()}
        )


def actor(world: World) -> Actor:
    return Actor(name="ann", key_name="k", project="shop", project_scope="shop", new_id=world.new_id)


async def test_dead_letters_are_counted_by_channel_and_reason(world: World) -> None:
    """The counts are the project's, largest first; runs are counted by task."""
    await dead(world)
    counts = await dead_letters.count(world.database, project="shop")
    assert counts.deliveries == (
        DeadDeliveries(channel="mail", outcome=Outcome.BLOCKED, count=2),
        DeadDeliveries(channel="hook", outcome=Outcome.GONE, count=1),
    )
    assert counts.runs == (DeadRuns(task="charge", count=2), DeadRuns(task="refund", count=1))
    assert counts.whole


async def test_too_many_are_not_all_counted(world: World) -> None:
    """Counting stops at a limit, and the result says that it is incomplete."""
    await dead(world)
    some = await world.database.read(lambda tx: views.count_dead(tx, project="shop", most=2))
    assert sum(part.count for part in some) == 2


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"channel": "mail", "outcome": Outcome.GONE}, 0),
        ({"channel": "mail", "outcome": Outcome.BLOCKED}, 2),
        ({"task": "charge"}, 2),
        ({"task": "nobody's"}, 0),
    ],
)
async def test_what_is_listed_is_what_is_decided_about(
    world: World, chosen: dict[str, object], expected: int
) -> None:
    """The same filter lists and discards."""
    await dead(world)
    usual = {"channel": None, "kind": None, **chosen}
    before = await dead_letters.find(
        world.database,
        project="shop",
        page_request=PageRequest(limit=100),
        **usual,  # type: ignore[arg-type]
    )
    assert len(before.items) == expected
    decided = await dead_letters.discard(world.database, actor(world), Selection(**chosen))  # type: ignore[arg-type]
    assert sorted(decided.ids) == sorted(letter.id for letter in before.items)
    counts = await dead_letters.count(world.database, project="shop")
    left = sum(part.count for part in counts.deliveries) + sum(part.count for part in counts.runs)
    assert left == 6 - expected


async def test_a_delivery_shows_what_it_carried(world: World) -> None:
    """Before the claim, the notification's message is shown; afterwards the delivery's own."""
    await world.post("refused")
    await world.alert()
    listed = await deliveries.find(
        world.database, project="shop", state=None, channel=None, page_request=PageRequest()
    )
    before = await deliveries.detail(world.database, listed.items[0].id, project_scope="shop")
    for job in await world.claim():
        await world.fail(job)
    after = await deliveries.detail(world.database, before.delivery.id, project_scope="shop")
    assert before.message.id == after.message.id == before.delivery.id
    assert [told.incident.title for told in after.message.told] == ["refused"]
    assert [attempt.detail for attempt in after.attempts] == ["not allowed"]
