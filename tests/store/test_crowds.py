"""Groups with more members than one flush handles, on both engines."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import sqlalchemy as sa

from notifier import alerting
from notifier.alerting.escalation import GATHERED_FOR
from notifier.alerting.flush import MEMBERS_AT_ONCE
from notifier.delivery.jobs import Job
from notifier.domain.message import SHOWN_AT_MOST, Message
from notifier.domain.route import Route, Step
from notifier.domain.severity import Severity
from notifier.domain.time import MINUTE, SECOND
from notifier.domain.value import replace
from notifier.store.schema import incidents, members
from notifier.wording.subjects import subject
from tests.world import TARGETS, World

pytestmark = pytest.mark.anyio

ROOT = Route(key="root", name="default", channels=("hook",), group_by=("service",), group_wait=SECOND)
CROWD = 2 * MEMBERS_AT_ONCE + 100


async def _crowd(world: World) -> None:
    """A due group with very many causes, the last of them critical."""
    world.rules = replace(world.rules, tree=ROOT)
    causes = [world.event(f"cause {number}") for number in range(CROWD - 1)]
    await world.post_all([*causes, world.event("disk full", severity=Severity.CRITICAL)])
    await world.attend()
    world.clock.advance(SECOND)


async def _flush_once(world: World) -> None:
    await world.database.write(lambda tx: alerting.flush(tx, world.rules, world.silences))


async def _arrived(world: World) -> list[Message]:
    """Deliver what is due now."""
    jobs: tuple[Job, ...] = await world.claim()
    for job in jobs:
        await world.deliver(job)
    return [job.message for job in jobs]


async def _told(world: World) -> dict[str, int]:
    """The number of notified incidents by service."""
    query = sa.select(incidents.c.labels).join(members, members.c.incident == incidents.c.number)
    query = query.where(members.c.told_at.is_not(None))
    labels = await world.database.read(lambda tx: tx.run(query).scalars().all())
    return dict(Counter(json.loads(text)["service"] for text in labels))


def _standing(message: Message) -> tuple[int, int, int, int]:
    summary = message.standing
    assert summary is not None
    return summary.open, summary.acknowledged, summary.resolved, summary.events


async def test_a_crowd_is_told_in_one_message(world: World) -> None:
    """Incidents that arrive during the flush wait for group_interval."""
    await _crowd(world)
    await _flush_once(world)
    assert await _arrived(world) == []
    world.clock.advance(SECOND)
    await world.post("came later")
    await world.attend()
    await world.flush()
    (message,) = await _arrived(world)
    assert message.totals == {"opened": CROWD}
    assert (len(message.told), message.more) == (SHOWN_AT_MOST, CROWD - SHOWN_AT_MOST)
    assert message.told[0].incident.title == "disk full"
    assert subject(message).endswith(f"critical: disk full ... and {CROWD - 1:,} more (shop)")
    assert _standing(message) == (CROWD, 0, 0, CROWD)
    world.clock.advance(ROOT.group_interval - SECOND)
    await world.flush()
    assert await _arrived(world) == []
    world.clock.advance(SECOND)
    await world.flush()
    (message,) = await _arrived(world)
    assert (message.totals, message.told[0].incident.title) == ({"opened": 1}, "came later")
    assert "disk full" in subject(message)
    assert _standing(message) == (CROWD + 1, 0, 0, CROWD + 1)


async def test_a_crowd_that_takes_long_is_told_bit_by_bit(world: World) -> None:
    """If a crowd takes several messages, each has the state of the whole episode."""
    await _crowd(world)
    await _flush_once(world)
    world.clock.advance(GATHERED_FOR)
    (message,) = await _arrived(world)
    assert message.totals == {"opened": MEMBERS_AT_ONCE}
    await _flush_once(world)
    assert await _arrived(world) == []
    world.clock.advance(GATHERED_FOR)
    (message,) = await _arrived(world)
    assert message.totals == {"opened": MEMBERS_AT_ONCE}
    assert _standing(message) == (2 * MEMBERS_AT_ONCE, 0, 0, 2 * MEMBERS_AT_ONCE)
    await world.flush()
    (message,) = await _arrived(world)
    assert message.totals == {"opened": CROWD - 2 * MEMBERS_AT_ONCE}
    assert _standing(message) == (CROWD, 0, 0, CROWD)
    assert message.standing is not None
    assert message.standing.incidents[0].title == "disk full"


async def test_others_do_not_wait_for_the_end_of_a_crowd(world: World) -> None:
    """One transaction handles at most one crowd's worth of members, and the next starts with other groups."""
    await _crowd(world)
    await world.post("all alone", service="mail")
    await world.attend()
    world.clock.advance(SECOND)
    await _flush_once(world)
    assert await _told(world) == {"billing": MEMBERS_AT_ONCE}
    await _flush_once(world)
    assert await _told(world) == {"billing": 2 * MEMBERS_AT_ONCE, "mail": 1}


async def test_a_crowd_is_escalated_in_one_message(world: World) -> None:
    """The escalation is one message with the state of all."""
    await _crowd(world)
    step = Step(after=15 * MINUTE, channels=("mail",))
    world.rules = replace(world.rules, tree=replace(ROOT, escalate=(step,)))
    await world.flush()
    assert len(await _arrived(world)) == 1
    world.clock.advance(step.after)
    await _flush_once(world)
    assert await _arrived(world) == []
    await world.flush()
    messages = await _arrived(world)
    assert [message.totals for message in messages] == [{"escalated": CROWD}] * len(TARGETS["mail"])
    assert _standing(messages[0]) == (CROWD, 0, 0, CROWD)
