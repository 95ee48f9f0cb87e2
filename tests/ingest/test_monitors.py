"""Monitors on both engines: check-ins, and incidents for missed and failed ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from notifier import alerting
from notifier.domain.monitor import CheckIn, DeclaredMonitor, MonitorSchedule
from notifier.domain.severity import Severity
from notifier.domain.time import DAY, MINUTE, SECOND, Duration
from notifier.ingest.acceptance import Busy
from notifier.ingest.monitors import CheckInsResult, MonitorIntake
from notifier.ingest.quota import KeyQuota
from notifier.store import hold, housekeeping, ledger
from notifier.store.database import Database
from notifier.store.schema import incidents, monitors
from notifier.store.views import MonitorStatus
from notifier.telemetry.metrics import Metrics
from notifier.testing import ManualClock
from tests.ingest.test_acceptance import Source

pytestmark = pytest.mark.anyio

IDS = count(1)
OFTEN = MonitorSchedule(every=10 * MINUTE, grace=2 * MINUTE)


@dataclass
class Jobs:
    """The intake of check-ins, and the loop that finds missed ones."""

    database: Database
    clock: ManualClock
    declared: Mapping[str, DeclaredMonitor] = field(default_factory=dict)
    intake: MonitorIntake = field(init=False)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.intake = MonitorIntake(
            self.database,
            quota=KeyQuota(1_000, MINUTE),
            declared=lambda: self.declared,
            new_id=lambda: f"event-{next(IDS):08d}",
            metrics=self.metrics,
            most=3,
        )

    async def check_in(self, name: str = "backup", **said: Any) -> MonitorStatus:
        taken = await self.intake.take(Source(), [CheckIn(name=name, **said)], service="billing")
        assert isinstance(taken, CheckInsResult)
        [monitor] = taken.monitors
        assert monitor is not None
        return monitor

    async def pass_(self, duration: Duration) -> None:
        """Advance the clock as in a running service."""
        until = self.clock.now() + duration
        while True:
            await self.intake.check_deadlines()
            if self.clock.now() >= until:
                return
            self.clock.advance(min(MINUTE, until - self.clock.now()))

    async def incidents(self) -> list[tuple[str, int, str]]:
        """State, count and severity of each incident; the equations balance."""
        query = sa.select(incidents).order_by(incidents.c.number)
        rows: list[Any] = list(await self.database.read(lambda tx: tx.run(query).all()))
        books = await self.database.read(ledger.accounting)
        assert books.accepted == sum(row.count for row in rows)
        return [(row.state, row.count, row.severity) for row in rows]

    async def title(self) -> str:
        query = sa.select(incidents.c.title).order_by(incidents.c.number.desc()).limit(1)
        return str(await self.database.read(lambda tx: tx.run(query).scalar_one()))


@pytest.fixture
async def jobs(database: Database, clock: ManualClock) -> AsyncIterator[Jobs]:
    made = Jobs(database, clock)
    await made.intake.check_deadlines()
    yield made
    await made.incidents()


async def test_a_check_in_is_the_last_sign_of_its_monitor(jobs: Jobs) -> None:
    """There is one monitor per environment; without a schedule nothing is expected."""
    monitor = await jobs.check_in(duration_ms=1500.0)
    assert (monitor.state, monitor.environment, monitor.service) == ("ok", "production", "billing")
    assert (monitor.duration_ms, monitor.schedule, monitor.due_at) == (1500.0, None, None)
    jobs.clock.advance(MINUTE)
    again = await jobs.check_in(status="in_progress")
    assert (again.state, again.at, again.duration_ms) == ("in_progress", monitor.at + MINUTE, None)
    assert (await jobs.check_in(environment="staging")).environment == "staging"
    await jobs.pass_(MINUTE)
    assert await jobs.incidents() == []


async def test_a_missed_one_opens_and_the_next_resolves(jobs: Jobs) -> None:
    """Each missed check-in is an occurrence, and the next check-in resolves."""
    await jobs.check_in(schedule=OFTEN, severity=Severity.CRITICAL)
    await jobs.pass_(11 * MINUTE)
    assert await jobs.incidents() == []
    await jobs.pass_(2 * MINUTE)
    assert await jobs.incidents() == [("open", 1, "critical")]
    assert "backup has not checked in since" in await jobs.title()
    for _ in range(2):
        await jobs.pass_(12 * MINUTE)
    assert await jobs.incidents() == [("open", 3, "critical")]
    monitor = await jobs.check_in()
    assert (monitor.state, monitor.incident_id) == ("ok", None)
    assert await jobs.incidents() == [("resolved", 3, "critical")]
    await jobs.pass_(13 * MINUTE)
    assert await jobs.incidents() == [("resolved", 3, "critical"), ("open", 1, "critical")]
    exposition = jobs.metrics.render().decode()
    assert 'notifier_events_total{format="monitor",result="accepted"} 5.0' in exposition


async def test_a_failure_is_an_occurrence_of_the_same_incident(jobs: Jobs) -> None:
    """A failure's message is shown, then it is missed, then it is resolved."""
    monitor = await jobs.check_in(status="error", message="the disk is full", schedule=OFTEN)
    assert monitor.state == "error"
    assert monitor.incident_id is not None
    assert await jobs.title() == "the disk is full"
    await jobs.pass_(13 * MINUTE)
    assert await jobs.incidents() == [("open", 2, "error")]
    await jobs.check_in()
    assert await jobs.incidents() == [("resolved", 2, "error")]


async def test_what_began_must_end(jobs: Jobs) -> None:
    """A started job must end within its longest duration."""
    schedule = MonitorSchedule(every=DAY, longest=10 * MINUTE)
    await jobs.check_in(status="in_progress", schedule=schedule)
    await jobs.pass_(11 * MINUTE)
    assert await jobs.incidents() == [("open", 1, "error")]
    assert await jobs.title() == "backup began at 2026-11-22 05:00 UTC and has not ended within 10 min"
    assert (await jobs.check_in()).due_at == jobs.clock.now() + DAY + 5 * MINUTE
    assert await jobs.incidents() == [("resolved", 1, "error")]


async def test_our_own_outage_is_nobody_s_silence(jobs: Jobs) -> None:
    """A check-in that was due during an outage gets its whole time again."""
    await jobs.check_in(schedule=OFTEN)
    jobs.clock.advance(180 * MINUTE)
    jobs.restart()
    await jobs.pass_(11 * MINUTE)
    assert await jobs.incidents() == []
    await jobs.pass_(2 * MINUTE)
    assert await jobs.incidents() == [("open", 1, "error")]


async def test_an_outage_that_was_over_in_time_changes_nothing(jobs: Jobs) -> None:
    """An outage that ended before the check-in was due changes nothing."""
    await jobs.check_in(schedule=OFTEN)
    jobs.clock.advance(5 * MINUTE)
    jobs.restart()
    await jobs.pass_(6 * MINUTE)
    assert await jobs.incidents() == []
    await jobs.pass_(2 * MINUTE)
    assert await jobs.incidents() == [("open", 1, "error")]


async def test_nobody_is_missed_during_a_hold(jobs: Jobs) -> None:
    """During a hold no check-in is missed; its end counts like a start."""
    await jobs.check_in(schedule=OFTEN)
    await jobs.database.write(lambda tx: hold.begin(tx, by="ann"))
    await jobs.pass_(25 * MINUTE)
    assert await jobs.incidents() == []
    await jobs.database.write(lambda tx: hold.release(tx, expires_after=DAY, fallback_after=None))
    await jobs.pass_(11 * MINUTE)
    assert await jobs.incidents() == []
    await jobs.pass_(2 * MINUTE)
    assert await jobs.incidents() == [("open", 1, "error")]


async def test_time_alone_is_no_all_clear(jobs: Jobs) -> None:
    """Auto-resolve does not apply to expected monitors, only to removed ones."""
    await jobs.check_in(status="error", schedule=MonitorSchedule(every=7 * DAY))
    await jobs.check_in("once", status="error")
    jobs.clock.advance(2 * DAY)
    await jobs.database.write(lambda tx: alerting.auto_resolve(tx, DAY))
    assert [state for state, _, _ in await jobs.incidents()] == ["open", "resolved"]


async def test_the_configuration_goes_before_a_client(jobs: Jobs) -> None:
    """The configured schedule applies to existing monitors; a removed one is not expected."""
    await jobs.check_in()
    jobs.declared = {"backup": DeclaredMonitor(schedule=OFTEN, severity=Severity.WARNING)}
    await jobs.intake.check_deadlines()
    monitor = await jobs.check_in(schedule=MonitorSchedule(every=MINUTE), severity=Severity.CRITICAL)
    assert (monitor.schedule, monitor.severity, monitor.declared_by) == (OFTEN, "warning", "file")
    await jobs.pass_(13 * MINUTE)
    assert await jobs.incidents() == [("open", 1, "warning")]
    jobs.declared = {}
    await jobs.pass_(25 * MINUTE)
    assert await jobs.incidents() == [("open", 1, "warning")]
    assert (await jobs.check_in()).schedule is None


async def test_jobs_that_check_in_at_once_share_a_commit(jobs: Jobs) -> None:
    """Concurrent check-ins share commits, and each is answered with its own monitor."""
    said = [CheckIn(name="abc"[number % 3], status="error" if number % 4 else "ok") for number in range(60)]
    taken = await asyncio.gather(*(jobs.intake.take(Source(), [one], service=None) for one in said))
    for one, result in zip(said, taken, strict=True):
        assert isinstance(result, CheckInsResult)
        assert [monitor and monitor.name for monitor in result.monitors] == [one.name]
    rows = await jobs.incidents()
    assert sum(count for _, count, _ in rows) == 45


async def test_a_crontab_is_kept_by_its_clocks(jobs: Jobs) -> None:
    """A check-in shortly before its scheduled time counts for that time."""
    schedule = MonitorSchedule(cron="0 6 * * *", zone="Europe/Berlin", grace=10 * MINUTE)
    at_five = jobs.clock.now()  # 05:00 UTC, 06:00 there
    jobs.clock.advance(-30 * SECOND)
    assert (await jobs.check_in(schedule=schedule)).due_at == at_five + DAY + 10 * MINUTE
    for zone, times in (("Europe/Nowhere", "0 6 * * *"), ("UTC", "0 0 30 2 *"), ("UTC", "never")):
        assert (await jobs.check_in(schedule=MonitorSchedule(cron=times, zone=zone))).due_at is None


async def test_there_is_an_end_to_monitors(jobs: Jobs) -> None:
    """Monitors are limited in number; old ones without a schedule are deleted."""
    check_ins = [CheckIn(name=name) for name in ("a", "b", "c", "d", "a")]
    taken = await jobs.intake.take(Source(), check_ins, service=None)
    assert isinstance(taken, CheckInsResult)
    assert [monitor is None for monitor in taken.monitors] == [False, False, False, True, False]
    assert isinstance(await jobs.intake.take(Source(), check_ins * 200, service=None), Busy)
    jobs.clock.advance(400 * DAY)
    await jobs.check_in("a")
    await jobs.check_in("b", schedule=OFTEN)
    jobs.clock.advance(400 * DAY)
    await jobs.database.write(lambda tx: housekeeping.delete_old_monitors(tx, tx.now - 365 * DAY))
    assert await jobs.database.read(lambda tx: tx.run(sa.select(monitors.c.name)).scalars().all()) == ["b"]
