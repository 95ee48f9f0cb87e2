"""How tasks, errors and deliveries have done, on both engines."""

from __future__ import annotations

import random
from dataclasses import astuple

import pytest

from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, Instant
from notifier.runtime.housekeeper import Housekeeper
from notifier.settings.sections import RetentionSettings
from notifier.store import views
from notifier.store.views import ChannelFigures, ErrorFigures, RunCounts, TaskFigures
from notifier.store.views.stats import ERRORS_AT_MOST
from notifier.store.views.task_figures import TASKS_AT_MOST
from tests.world import World

pytestmark = pytest.mark.anyio

TIMEOUT = {"exception": "TimeoutError"}


async def tasks(world: World, since: Instant = 0) -> tuple[TaskFigures, ...]:
    return await world.database.read(lambda tx: views.task_figures(tx, project="shop", since=since))


async def errors(world: World, since: Instant = 0) -> tuple[ErrorFigures, ...]:
    return await world.database.read(lambda tx: views.error_figures(tx, project="shop", since=since))


async def channels(world: World, since: Instant = 0) -> tuple[ChannelFigures, ...]:
    return await world.database.read(lambda tx: views.channel_figures(tx, project="shop", since=since))


async def events(world: World, since: Instant = 0, step: int = HOUR) -> dict[Instant, int]:
    found = await world.database.read(lambda tx: views.events_by(tx, project="shop", since=since, step=step))
    return dict(found)


def nearest_rank(values: list[float], percent: int) -> float:
    """The definition: the smallest value that at least so many per cent do not exceed."""
    return next(
        one for one in sorted(values) if sum(each <= one for each in values) * 100 >= percent * len(values)
    )


class TestTasks:
    async def test_runs_are_counted_by_task(self, world: World) -> None:
        """Lost runs count as failed, attempts after the first as retries; what has not ended has no rate."""
        await world.ran(
            {"state": "completed", "attempt": 3, "duration_ms": 10.5},
            {"state": "completed"},
            {"state": "failed", "attempt": 4, "duration_ms": 30.0},
            {"state": "lost", "duration_ms": 9_000.0},
            {"state": "processing", "attempt": 2, "duration_ms": 9_000.0},
            {"task": "mail.send", "state": "pending"},
        )
        charge, send = await tasks(world)
        assert astuple(charge) == ("billing.tasks.charge", 5, 2, 2, 6, 10.5, 30.0, False)
        assert charge.success_rate == 0.5
        assert astuple(send) == ("mail.send", 1, 0, 0, 0, None, None, False)
        assert send.success_rate is None

    async def test_only_the_project_s_runs_since_the_moment(self, world: World) -> None:
        """A run counts from the moment it was created, that moment included; others' runs never do."""
        now = world.clock.now()
        await world.ran(
            {"created_at": now - 1, "duration_ms": 1.0},
            {"created_at": now, "duration_ms": 2.0},
            {"project": "other", "duration_ms": 3.0},
        )
        (charge,) = await tasks(world, now)
        assert (charge.runs, charge.p50_ms, charge.p95_ms) == (1, 2.0, 2.0)
        assert await tasks(world, now + 1) == ()

    async def test_percentiles_are_values_that_occurred(self, world: World) -> None:
        """For any number of runs, equal ones among them, both are those of the nearest-rank definition."""
        dice = random.Random(1)
        took = {f"t{n:02}": [float(dice.randrange(40)) for _ in range(n)] for n in (*range(1, 42), 100)}
        await world.ran(
            *({"task": task, "duration_ms": one} for task, values in took.items() for one in values)
        )
        found = {one.task: (one.p50_ms, one.p95_ms) for one in await tasks(world)}
        assert found == {
            task: (nearest_rank(values, 50), nearest_rank(values, 95)) for task, values in took.items()
        }

    async def test_the_busiest_come_first_and_are_bounded(self, world: World) -> None:
        """An application that names a task anew for each run cannot make the answer endless."""
        await world.ran(*({"task": f"t{n:04}"} for n in range(TASKS_AT_MOST)), {"task": "u"}, {"task": "u"})
        found = await tasks(world)
        assert [(one.task, one.runs) for one in found[:2]] == [("u", 2), ("t0000", 1)]
        assert len(found) == TASKS_AT_MOST

    async def test_runs_fall_into_steps(self, world: World) -> None:
        """By the UTC hour or day that each was created in; steps without any are left to the caller."""
        now = world.clock.now()
        await world.ran(
            {"created_at": now - 1, "state": "lost"},
            {"created_at": now - HOUR, "state": "failed"},
            {"created_at": now},
            {"created_at": now + MINUTE, "state": "retrying"},
            {"created_at": now - 3 * DAY},
        )
        by_hour = await world.database.read(
            lambda tx: views.runs_by(tx, project="shop", since=now - DAY, step=HOUR)
        )
        assert by_hour == {
            now - HOUR: RunCounts(runs=2, failed=2),
            now: RunCounts(runs=2, completed=1),
        }
        by_day = await world.database.read(lambda tx: views.runs_by(tx, project="shop", since=0, step=DAY))
        midnight = now // DAY * DAY
        assert {at: one.runs for at, one in by_day.items()} == {midnight: 4, midnight - 3 * DAY: 1}


class TestErrors:
    async def test_events_are_counted_by_exception_type(self, world: World) -> None:
        """Exact counts of all events, over incidents and environments, with their shares of everything."""
        begin = world.clock.now()
        await world.post_all([world.event("slow", labels=TIMEOUT) for _ in range(59)])
        world.clock.advance(HOUR)
        await world.post("slower", labels=TIMEOUT, environment="test")
        await world.post_all([world.event("no exception") for _ in range(20)])
        await world.post("theirs", labels=TIMEOUT, project="other")
        timeouts, others = await errors(world)
        assert astuple(timeouts) == ("TimeoutError", 60, 0.75, begin, begin + HOUR)
        assert astuple(others) == (None, 20, 0.25, begin + HOUR, begin + HOUR)

    async def test_first_seen_may_lie_before_the_span(self, world: World) -> None:
        """It says whether an error is new; the count is of the span alone."""
        begin = world.clock.now()
        await world.post("slow", labels=TIMEOUT)
        world.clock.advance(HOUR)
        await world.post("slow", labels=TIMEOUT)
        (found,) = await errors(world, begin + HOUR)
        assert (found.count, found.first_seen, found.last_seen) == (1, begin, begin + HOUR)
        world.clock.advance(HOUR)
        assert await errors(world, begin + 2 * HOUR) == ()

    async def test_an_incident_of_several_types_has_none(self, world: World) -> None:
        """A label that varies has left the incident: its events are counted without a type."""
        await world.post("same", labels=TIMEOUT)
        await world.post("same", labels={"exception": "KeyError"})
        await world.post("empty", labels={"exception": ""})
        (found,) = await errors(world)
        assert (found.type, found.count, found.share) == (None, 3, 1.0)

    async def test_types_are_bounded_and_shares_are_not_of_the_shown(self, world: World) -> None:
        """A sender that makes up types cannot make the answer endless; a share stays one of all events."""
        made = [f"E{n:03}" for n in range(ERRORS_AT_MOST + 1)]
        await world.post_all([world.event(one, labels={"exception": one}) for one in [*made, made[-1]]])
        found = await errors(world)
        assert (found[0].type, found[0].count) == (made[-1], 2)
        assert len(found) == ERRORS_AT_MOST
        assert sum(one.share for one in found) == pytest.approx((len(found) + 1) / (len(made) + 1))

    async def test_housekeeping_changes_no_figure(self, world: World) -> None:
        """From any moment on, the counts are the same before and after minutes are folded into hours."""
        begin, dice = world.clock.now(), random.Random(2)
        for _ in range(40):
            await world.post_all([world.event("slow", labels=TIMEOUT)] * dice.randrange(1, 4))
            await world.post("other")
            world.clock.advance(dice.randrange(2 * HOUR))
        world.clock.advance(2 * DAY - 20 * HOUR)
        moments = [dice.randrange(begin, world.clock.now()) for _ in range(40)]
        before = [(await errors(world, since), await events(world, since)) for since in moments]
        keeper = Housekeeper(retention=RetentionSettings(), max_size=10**12)
        while await world.database.write(keeper.turn):
            pass
        assert [(await errors(world, since), await events(world, since)) for since in moments] == before

    async def test_the_first_minute_counts_whole_and_an_old_one_s_hour(self, world: World) -> None:
        """Tallies know no less: the minute that the moment lies in, and its hour where it is two days old."""
        begin = world.clock.now()
        await world.post("slow")
        assert await events(world, begin + 59 * SECOND) == {begin: 1}
        assert await events(world, begin + MINUTE) == {}
        world.clock.advance(2 * DAY + HOUR)
        assert await events(world, begin + HOUR - 1) == {begin: 1}
        assert await events(world, begin + HOUR) == {}

    async def test_events_fall_into_steps(self, world: World) -> None:
        """By the UTC hour or day in which they arrived, and only the project's."""
        begin = world.clock.now()
        for _ in range(3):
            await world.post_all([world.event("a"), world.event("b"), world.event("c", project="other")])
            world.clock.advance(10 * HOUR)
        assert await events(world) == {begin + hours * HOUR: 2 for hours in (0, 10, 20)}
        midnight = begin // DAY * DAY
        assert await events(world, step=DAY) == {midnight: 4, midnight + DAY: 2}


class TestDeliveries:
    async def test_what_a_channel_finished(self, world: World) -> None:
        """Delivered and dead ones count when they end; the time is from the decision until it was delivered."""
        await world.post(severity="critical")
        await world.alert()
        jobs = await world.claim()
        mails = [job for job in jobs if job.channel == "mail"]
        (hook,) = (job for job in jobs if job.channel == "hook")
        world.clock.advance(3 * SECOND)
        await world.deliver(hook)
        await world.fail(mails[0])
        world.clock.advance(SECOND)
        await world.deliver(mails[1])
        await world.post("another", project="other")
        await world.alert()
        assert [astuple(one) for one in await channels(world)] == [
            ("hook", 1, 0, 3 * SECOND, False),
            ("mail", 1, 1, 4 * SECOND, False),
        ]

    async def test_only_what_ended_since(self, world: World) -> None:
        """What was decided before and ended in the span is in it; what ended before it, or waits, is not."""
        await world.post()
        await world.alert()
        at = world.clock.advance(MINUTE)
        for job in await world.claim():
            await world.fail(job)
        assert [(one.channel, one.dead, one.p95_ms) for one in await channels(world, at)] == [
            ("mail", 2, None)
        ]
        world.clock.advance(HOUR)
        await world.post("waits")
        await world.alert()
        assert await channels(world, at + 1) == ()
