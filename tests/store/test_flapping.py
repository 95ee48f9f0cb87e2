"""A flapping problem is notified within its limits, in one thread, and as flapping."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
import sqlalchemy as sa

from notifier.domain.route import Step
from notifier.domain.time import MINUTE, SECOND, Duration
from notifier.domain.value import replace
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.store.database import Tx
from notifier.store.schema import groups
from tests.flapper import PER_INCIDENT, Flapper, Heard
from tests.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
def flapper(world: World) -> Flapper:
    one = Flapper(world)
    one.use(PER_INCIDENT)
    return one


def reasons(heard: Sequence[Heard]) -> list[tuple[str, ...]]:
    return [one.reasons for one in heard]


async def test_twenty_pairs_within_two_intervals_are_a_few_messages(flapper: Flapper) -> None:
    """One identity has at most one message per `group_interval`."""
    for _ in range(20):
        await flapper.open()
        await flapper.wait(15 * SECOND)
        await flapper.end()
        await flapper.wait(15 * SECOND)
    heard = await flapper.heard()
    assert len(heard) <= 3
    assert all(later.at - earlier.at >= 5 * MINUTE for earlier, later in pairwise(heard))
    assert len(frozenset.union(*(one.threads for one in heard))) == 2  # one for each of the two recipients


@pytest.mark.parametrize("severity", ["error", "critical"])
@pytest.mark.parametrize("group_by", [("incident",), ("service",)])
async def test_a_critical_one_is_urgent_once(
    flapper: Flapper, severity: str, group_by: tuple[str, ...]
) -> None:
    """A critical incident whose identity was notified as critical within `group_interval` waits."""
    flapper.severity = severity
    flapper.use(replace(PER_INCIDENT, group_by=group_by))
    for _ in range(12):
        await flapper.open()
        await flapper.wait(20 * SECOND)
        await flapper.end()
        await flapper.wait(20 * SECOND)
    heard = await flapper.heard()
    assert heard
    assert all(later.at - earlier.at >= 5 * MINUTE for earlier, later in pairwise(heard))


async def test_a_first_rise_to_critical_does_not_wait(flapper: Flapper) -> None:
    """A warning that returns as critical is notified at once."""
    flapper.severity = "warning"
    await flapper.open()
    await flapper.wait(20 * SECOND)
    await flapper.end()
    await flapper.wait(20 * SECOND)
    flapper.severity = "critical"
    await flapper.open()
    await flapper.wait(SECOND)
    assert reasons(await flapper.heard()) == [("opened",), ("reopened", "resolved")]


async def test_a_return_before_the_all_clear_is_one_message(flapper: Flapper) -> None:
    """The resolved and the reopened incident are in one message."""
    first = await flapper.open()
    await flapper.wait(MINUTE)
    await flapper.end()
    await flapper.wait(MINUTE)
    second = await flapper.open()
    await flapper.wait(10 * MINUTE)
    heard = await flapper.heard()
    assert reasons(heard) == [("opened",), ("reopened", "resolved")]
    told = {one.reason.value: one.incident.id for one in heard[1].message.told}
    assert told == {"resolved": first, "reopened": second}
    assert heard[1].at - heard[0].at == 5 * MINUTE


async def test_the_first_all_clear_leaves_and_later_ones_wait(flapper: Flapper) -> None:
    """After a return within the last hour, a resolution is delayed by `group_interval`."""
    await flapper.open()
    await flapper.wait(10 * MINUTE)
    await flapper.end()
    await flapper.wait(SECOND)
    assert reasons(await flapper.heard()) == [("opened",), ("resolved",)]
    await flapper.wait(10 * MINUTE)
    await flapper.open()
    await flapper.wait(10 * MINUTE)
    await flapper.end()
    await flapper.wait(4 * MINUTE)
    assert reasons(await flapper.heard())[2:] == [("reopened",)]
    await flapper.wait(MINUTE)
    assert reasons(await flapper.heard())[2:] == [("reopened",), ("resolved",)]


@pytest.mark.parametrize("resolve_after", [0, 20 * MINUTE])
@pytest.mark.parametrize("group_by", [("incident",), ("service",)])
async def test_resolve_after_is_the_route_s_word(
    flapper: Flapper, resolve_after: Duration, group_by: tuple[str, ...]
) -> None:
    """`resolve_after` delays the first resolution as well; zero never delays."""
    flapper.use(replace(PER_INCIDENT, group_by=group_by, resolve_after=resolve_after))
    for _ in range(2):
        await flapper.open()
        await flapper.wait(10 * MINUTE)
        before = len(await flapper.heard())
        await flapper.end()
        if resolve_after:
            await flapper.wait(resolve_after - SECOND)
            assert len(await flapper.heard()) == before
        await flapper.wait(SECOND)
        assert reasons(await flapper.heard())[-1] == ("resolved",)
        await flapper.wait(10 * MINUTE)


async def test_what_a_person_resolves_is_told_at_once(flapper: Flapper) -> None:
    """`resolve_after` does not delay a person's resolution."""
    flapper.use(replace(PER_INCIDENT, resolve_after=20 * MINUTE))
    id_ = await flapper.open()
    await flapper.wait(MINUTE)
    ann = Actor(name="ann", key_name="key", project="shop", project_scope=None, new_id=flapper.world.new_id)
    await flapper.world.database.write(lambda tx: actions.resolve(tx, ann, id_))
    await flapper.wait(0)
    assert reasons(await flapper.heard()) == [("opened",), ("resolved",)]


async def test_the_thread_goes_on_for_an_hour_and_then_anew(flapper: Flapper) -> None:
    """A return within an hour continues the thread; later it is a new one that refers to the old."""
    for pause in (50 * MINUTE, 70 * MINUTE):
        await flapper.open()
        await flapper.wait(10 * MINUTE)
        await flapper.end()
        await flapper.wait(pause)
    await flapper.open()
    await flapper.wait(10 * MINUTE)
    heard = await flapper.heard()
    starts = [one for one in heard if "resolved" not in one.reasons]
    assert [one.reasons for one in starts] == [("opened",), ("reopened",), ("reopened",)]
    assert starts[0].threads == starts[1].threads
    assert starts[1].threads.isdisjoint(starts[2].threads)
    rows = await flapper.world.database.read(lambda tx: tx.run(sa.select(groups)).all())
    assert [row.episode for row in rows] == [2]


async def test_a_flapping_problem_is_called_one(flapper: Flapper) -> None:
    """From its third return on, a message says how often it has returned, and since when."""
    began = flapper.world.clock.now()
    for _ in range(4):
        await flapper.open()
        await flapper.wait(6 * MINUTE)
        await flapper.end()
        await flapper.wait(6 * MINUTE)
    told = [one for heard in await flapper.heard() for one in heard.message.told if one.reason == "reopened"]
    named = [None if one.flapping is None else (one.flapping.times, one.flapping.since) for one in told]
    assert named == [None, (3, began), (4, began)]


async def test_escalation_counts_from_the_first_message_of_the_thread(flapper: Flapper) -> None:
    """Flapping does not delay escalation, and each step is taken once."""
    step = Step(after=15 * MINUTE, channels=("hook",))
    flapper.use(replace(PER_INCIDENT, escalate=(step, Step(after=30 * MINUTE, channels=("hook",)))))
    began = flapper.world.clock.now()
    for _ in range(7):
        await flapper.open()
        await flapper.wait(4 * MINUTE + 30 * SECOND)
        await flapper.end()
        await flapper.wait(30 * SECOND)
    escalated = [one.at - began for one in await flapper.heard() if one.reasons == ("escalated",)]
    assert [at // MINUTE for at in escalated] == [15, 30]


async def test_other_problems_are_not_slowed_down(flapper: Flapper) -> None:
    """Another group is limited by its own messages only."""
    await flapper.open(fingerprint="one")
    await flapper.wait(SECOND)
    await flapper.open(fingerprint="two")
    await flapper.wait(SECOND)
    assert reasons(await flapper.heard()) == [("opened",), ("opened",)]


async def test_an_incident_in_a_group_of_the_old_key_stays_there(flapper: Flapper) -> None:
    """An incident that was open when the group keys changed is not notified twice."""
    await flapper.open()
    await flapper.wait(MINUTE)

    def rename(tx: Tx) -> None:
        for table, column in (("groups", "id"), ("members", "group_id"), ("threads", "group_id")):
            tx.run(sa.text(f"UPDATE {table} SET {column} = 'the old key'"))

    await flapper.world.database.write(rename)
    flapper.severity = "critical"
    await flapper.open()
    await flapper.wait(MINUTE)
    heard = await flapper.heard()
    assert [(one.reasons, one.message.group) for one in heard[1:]] == [(("severity_raised",), "the old key")]


@pytest.mark.parametrize("group_by", [("incident",), ("service",)])
async def test_what_flaps_unseen_is_no_all_clear(flapper: Flapper, group_by: tuple[str, ...]) -> None:
    """The resolution of an incident that flapped between two messages waits, and mentions it."""
    flapper.use(replace(PER_INCIDENT, group_by=group_by))
    for _ in range(7):
        await flapper.open()
        await flapper.wait(20 * SECOND)
        await flapper.end()
        await flapper.wait(25 * SECOND)
    assert reasons(await flapper.heard()) == [("opened",)]
    await flapper.wait(5 * MINUTE)
    (_, clear) = await flapper.heard()
    assert clear.reasons == ("resolved",)
    assert [told.flapping.times for told in clear.message.told if told.flapping is not None] == [7]
