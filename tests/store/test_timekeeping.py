"""A clock that is set back, and an outage of our own, change nothing about how long things wait."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from notifier import alerting
from notifier.alerting.timekeeping import CONFIRM_S, Timekeeper
from notifier.delivery import jobs
from notifier.domain.route import Route, Step
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, Duration, Instant
from notifier.domain.value import replace
from notifier.oncall import status
from notifier.runtime.housekeeper import Housekeeper
from notifier.settings.sections import RetentionSettings
from notifier.store import backups, timers
from notifier.store.database import Tx
from notifier.store.postgres import PostgresDatabase
from notifier.store.schema import alert_ends, deliveries, events, groups, incidents, members, sign_in_links
from notifier.telemetry.clock import AnchoredClock
from tests.world import World

pytestmark = pytest.mark.anyio

EVENTS_OF_AN_HOUR = RetentionSettings(events=HOUR)


class Monotonic:
    """A monotonic clock that is moved by hand, in seconds."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class Time:
    """A world whose clock shows the real time, as PostgreSQL's does."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.monotonic = Monotonic()
        self.keeper = Timekeeper(world.database, monotonic=self.monotonic)
        self.set_to(0)

    def set_to(self, ahead: Duration) -> Instant:
        """Set the clock so far ahead of the real time."""
        clock = self.world.clock
        now: Instant = clock.advance(time.time_ns() // 1_000_000 + ahead - clock.now())
        return now

    async def was_kept(self, ahead: Duration) -> None:
        """Let the last that somebody noted be of so far ahead of the real time."""
        at = time.time_ns() // 1_000_000 + ahead
        await self.world.database.write(lambda tx: timers.note(tx, at))

    async def look(self) -> None:
        self.world.clock.advance(SECOND)
        await self.keeper.check()

    async def is_sure(self) -> None:
        """Look, and once more when a clock that was set back is believed."""
        await self.look()
        self.monotonic.at += CONFIRM_S
        await self.look()

    async def value(self, column: sa.Column[int]) -> Instant | None:
        def work(tx: Tx) -> Instant | None:
            return tx.run(sa.select(sa.func.max(column))).scalar()

        return await self.world.database.read(work)


@pytest.fixture
def keeping(world: World) -> Time:
    return Time(world)


async def test_what_is_new_of_a_known_group_does_not_wait_for_the_old_clock(keeping: Time) -> None:
    """A machine that starts two hours ahead, tells of something, and is set right by NTP."""
    world = keeping.world
    keeping.set_to(2 * HOUR)
    await world.post("first")
    await world.alert(30 * SECOND)
    assert len(await world.claim()) == 2
    await keeping.was_kept(2 * HOUR + 30 * SECOND)

    keeping.set_to(0)
    await world.post("second")
    await world.attend()
    due = await keeping.value(groups.c.due_at)
    assert due is not None
    assert due > world.clock.now() + HOUR
    await keeping.look()
    assert await keeping.value(groups.c.due_at) == due  # other replicas may not have seen it yet
    keeping.monotonic.at += CONFIRM_S
    await keeping.look()
    due = await keeping.value(groups.c.due_at)
    assert due is not None
    assert due <= world.clock.now() + 5 * MINUTE
    world.clock.advance(5 * MINUTE)
    await world.flush()
    assert await keeping.value(groups.c.last_told_at) == world.clock.now()


async def test_a_clock_that_was_wrong_for_a_moment_moves_nothing(keeping: Time) -> None:
    await keeping.was_kept(2 * HOUR)
    await keeping.look()
    await keeping.was_kept(0)
    await keeping.look()
    keeping.monotonic.at += CONFIRM_S
    await keeping.was_kept(2 * HOUR)
    await keeping.look()
    noted = await keeping.world.database.read(timers.noted)
    assert noted is not None
    assert noted > keeping.world.clock.now() + HOUR


async def test_retries_and_leases_of_the_old_clock_are_not_waited_for(keeping: Time) -> None:
    world = keeping.world
    keeping.set_to(HOUR)
    await world.post("first")
    await world.alert(30 * SECOND)
    (job, _) = await world.claim()
    lease = await keeping.value(deliveries.c.lease_until)
    assert lease == world.clock.now() + jobs.LEASE
    await keeping.was_kept(HOUR + 30 * SECOND)
    keeping.set_to(0)
    await keeping.is_sure()
    lease = await keeping.value(deliveries.c.lease_until)
    assert lease is not None
    assert lease <= world.clock.now() + jobs.LEASE
    await world.deliver(job)


async def test_steps_wait_as_long_as_before_and_new_ones_their_full_time(keeping: Time) -> None:
    world = keeping.world
    step = Step(after=15 * MINUTE, channels=("hook",))
    route = Route(key="root", name="default", channels=("mail",), group_wait=0, escalate=(step,))
    world.rules = replace(world.rules, tree=route)
    keeping.set_to(HOUR)
    await world.post("before")
    await world.alert(MINUTE)
    await keeping.was_kept(HOUR + MINUTE)

    keeping.set_to(0)
    await world.post("after", service="other", environment="test")
    await world.alert(SECOND)
    fresh = world.clock.now() + 15 * MINUTE
    await keeping.is_sure()
    steps = await keeping.world.database.read(_steps)
    assert steps[1] == fresh
    assert abs(steps[0] - fresh) <= MINUTE


def _steps(tx: Tx) -> list[Instant]:
    return list(tx.run(sa.select(members.c.escalate_at).order_by(members.c.incident)).scalars())


async def test_an_outage_of_ours_lets_no_delivery_expire(keeping: Time) -> None:
    """The host dies on Friday with an alert that nobody could be told of, and is back on Monday."""
    world = keeping.world
    await world.post("first")
    await world.alert(30 * SECOND)
    names = ("expires_at", "fallback_at")
    before = [await keeping.value(deliveries.c[name]) or 0 for name in names]
    await keeping.was_kept(-3 * DAY)
    for _ in range(2):  # the second look finds that somebody keeps time
        await keeping.look()
        after = [await keeping.value(deliveries.c[name]) or 0 for name in names]
        assert [round((at - earlier) / HOUR) for at, earlier in zip(after, before, strict=True)] == [72, 72]
    keeping.set_to(3 * DAY)
    assert len(await world.claim()) == 2


async def test_an_outage_of_ours_is_no_all_clear(keeping: Time) -> None:
    """Quiet is what was quiet while somebody listened: ten hours before, and fourteen after."""
    world = keeping.world
    first = await world.post("first")
    keeping.set_to(10 * HOUR)
    assert await resolved(keeping) == 0
    keeping.set_to(0)
    await keeping.was_kept(-3 * DAY)
    await keeping.look()
    keeping.set_to(3 * DAY + 23 * HOUR)
    assert await resolved(keeping) == 0
    keeping.set_to(3 * DAY + 24 * HOUR + MINUTE)
    assert await resolved(keeping) == 1
    assert await world.database.read(lambda tx: tx.run(sa.select(incidents.c.id)).scalars().all()) == [first]


async def test_an_event_after_the_outage_counts_from_its_own_time(keeping: Time) -> None:
    world = keeping.world
    await world.post("first")
    await keeping.was_kept(-3 * DAY)
    await keeping.look()
    keeping.set_to(4 * DAY)
    await world.post("first")
    keeping.set_to(4 * DAY + 23 * HOUR)
    assert await resolved(keeping) == 0
    keeping.set_to(5 * DAY + MINUTE)
    assert await resolved(keeping) == 1


async def test_a_short_absence_is_noted_and_moves_nothing(keeping: Time) -> None:
    await keeping.world.post("first")
    await keeping.world.alert(30 * SECOND)
    before = await keeping.value(deliveries.c.expires_at)
    await keeping.was_kept(-4 * MINUTE)
    await keeping.look()
    assert await keeping.value(deliveries.c.expires_at) == before
    noted = await keeping.world.database.read(timers.noted)
    assert noted is not None
    assert abs(noted - time.time_ns() // 1_000_000) < MINUTE


@pytest.mark.parametrize("ahead", [25 * HOUR, 400 * DAY, 30 * 365 * DAY])
@pytest.mark.parametrize("looks", [True, False])
async def test_a_clock_that_goes_years_ahead_removes_nothing_at_once(
    keeping: Time, ahead: Duration, looks: bool
) -> None:
    """A machine that starts with a wrong clock, and one that is set wrong between two looks at it."""
    keeper = Housekeeper(retention=EVENTS_OF_AN_HOUR, max_size=10**12)
    await keeping.world.post_all([keeping.world.event("first"), keeping.world.event("first")])
    await keeping.look()
    keeping.set_to(ahead)
    if looks:
        await keeping.look()
    assert not await keeping.world.database.write(keeper.turn)
    keeping.set_to(0)
    await keeping.is_sure()
    assert await kept(keeping) == 2
    keeping.set_to(2 * HOUR)
    await keeping.look()
    while await keeping.world.database.write(keeper.turn):
        pass
    assert await kept(keeping) == 1  # the newest of an open incident


async def test_a_clock_that_nobody_sets_back_is_believed_after_a_day(keeping: Time) -> None:
    """The machine was away for a month."""
    keeper = Housekeeper(retention=EVENTS_OF_AN_HOUR, max_size=10**12)
    await keeping.world.post_all([keeping.world.event("first"), keeping.world.event("first")])
    await keeping.was_kept(-30 * DAY)
    await keeping.look()
    for hours in (6, 12, 23):
        keeping.set_to(hours * HOUR)
        await keeping.was_kept(hours * HOUR)
        assert not await keeping.world.database.write(keeper.turn)
    assert (await status.read(keeping.world.database)).retention_waits_until is not None
    keeping.set_to(DAY + MINUTE)
    await keeping.was_kept(DAY + MINUTE)
    assert await keeping.world.database.write(keeper.turn)
    assert (await status.read(keeping.world.database)).retention_waits_until is None


async def test_what_a_clock_ahead_gave_it_takes_when_it_is_set_back(keeping: Time) -> None:
    """Deliveries expire, and quiet incidents resolve, as if the clock had been right all along."""
    await keeping.world.post("first")
    await keeping.world.alert(30 * SECOND)
    expires_at = await keeping.value(deliveries.c.expires_at) or 0
    await keeping.was_kept(-400 * DAY)
    await keeping.look()
    assert await keeping.value(deliveries.c.expires_at) == pytest.approx(
        expires_at + 400 * DAY, abs=2 * MINUTE
    )
    await keeping.was_kept(400 * DAY)
    await keeping.world.post("second", service="other")
    await keeping.is_sure()
    assert await keeping.value(deliveries.c.expires_at) == pytest.approx(expires_at, abs=2 * MINUTE)
    keeping.set_to(25 * HOUR)
    assert await resolved(keeping) == 2


@pytest.mark.parametrize("looks", [True, False])
async def test_what_was_resolved_by_a_clock_ahead_makes_nothing_late(keeping: Time, looks: bool) -> None:
    """The same problem again, right after the clock was set right, is one that people hear of."""
    world = keeping.world
    keeping.set_to(2 * HOUR)
    await world.post("first")
    await world.alert(30 * SECOND)
    await world.post("first", status="resolved")
    await keeping.was_kept(2 * HOUR + 30 * SECOND)
    keeping.set_to(0)
    if looks:
        await keeping.is_sure()
        assert (await keeping.value(incidents.c.resolved_at) or 0) <= world.clock.now() + MINUTE
    world.clock.advance(MINUTE)
    await world.post("first")
    assert await keeping.value(incidents.c.late) == 0
    assert await keeping.value(incidents.c.number) == 2


async def test_what_fired_by_a_clock_ahead_ends_in_time(keeping: Time) -> None:
    """An incident goes quiet, and an alert that is sent no more ends, as if the clock had been right."""
    world = keeping.world
    keeping.set_to(400 * DAY)
    await world.post("first")
    now = world.clock.now()
    alert = {"ends_at": now + 5 * MINUTE, "starts_at": now, "updated_at": now, "document": "{}"}
    await world.database.write(lambda tx: _add_alert(tx, "theirs", **alert))
    theirs = keeping.set_to(0) + HOUR
    alert = {"ends_at": theirs, "starts_at": theirs, "updated_at": world.clock.now(), "document": "{}"}
    await world.database.write(lambda tx: _add_alert(tx, "ours", **alert))
    await keeping.was_kept(400 * DAY)
    await keeping.is_sure()
    ends = await world.database.read(
        lambda tx: tx.run(sa.select(alert_ends.c.ends_at).order_by(alert_ends.c.fingerprint)).scalars().all()
    )
    assert ends == [theirs, pytest.approx(world.clock.now() + 5 * MINUTE, abs=2 * MINUTE)]
    assert (await keeping.value(incidents.c.last_seen) or 0) <= world.clock.now() + MINUTE
    keeping.set_to(25 * HOUR)
    assert await resolved(keeping) == 1


def _add_alert(tx: Tx, fingerprint: str, **values: Any) -> None:
    key = {"project": "shop", "environment": "production", "fingerprint": fingerprint}
    tx.run(sa.insert(alert_ends).values(**key, **values))


async def test_a_link_to_sign_in_lasts_no_longer_for_a_clock_that_was_ahead(keeping: Time) -> None:
    world = keeping.world
    keeping.set_to(400 * DAY)
    expires_at = world.clock.now() + 10 * MINUTE
    values = {"hash": "x" * 64, "key_id": "k", "expires_at": expires_at}
    await world.database.write(lambda tx: tx.run(sa.insert(sign_in_links).values(**values)))
    await keeping.was_kept(400 * DAY)
    keeping.set_to(0)
    await keeping.is_sure()
    assert (await keeping.value(sign_in_links.c.expires_at) or 0) < world.clock.now() + 11 * MINUTE


async def test_backups_are_made_when_the_clock_was_set_back(keeping: Time) -> None:
    """The next is due a day after the last one, and not after what the clock said then."""
    database = keeping.world.database
    keeping.set_to(400 * DAY)
    now = keeping.world.clock.now()
    lease = await database.write(lambda tx: backups.begin(tx, DAY))
    assert lease is not None
    made = partial(backups.succeeded, lease=lease, begun_at=now, bytes_=1, file="x.db", kept=1)
    await database.write(made)
    await keeping.was_kept(400 * DAY)
    keeping.set_to(0)
    await keeping.is_sure()
    next_at = await database.read(lambda tx: backups.next_at(tx, DAY))
    assert next_at == pytest.approx(keeping.world.clock.now() + DAY, abs=2 * MINUTE)


async def kept(keeping: Time) -> int:
    query = sa.select(sa.func.count()).select_from(events)
    return await keeping.world.database.read(lambda tx: tx.run(query).scalar_one())


async def resolved(keeping: Time) -> int:
    progress = await keeping.world.database.write(lambda tx: alerting.auto_resolve(tx, DAY))
    return progress.done


@pytest.mark.slow
async def test_a_replica_that_stood_still_goes_on_by_its_server(postgres_url: str) -> None:
    """A suspended machine's monotonic clock stands still with it."""
    clock = AnchoredClock(time.time_ns() // 1_000_000 - 2 * HOUR)
    database = await PostgresDatabase.open(postgres_url, replica="late", clock=clock)
    try:
        apart = 2 * HOUR
        for _ in range(600):
            apart = abs(database.now() - time.time_ns() // 1_000_000)
            if apart < 2 * SECOND:
                break
            await asyncio.sleep(0.1)
        assert apart < 2 * SECOND
    finally:
        await database.aclose()
