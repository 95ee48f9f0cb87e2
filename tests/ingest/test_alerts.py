"""Repeatedly posted alerts: one occurrence each until they end, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from notifier import alerting
from notifier.alerting.expiry import Expiry
from notifier.domain.route import Route
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, Duration, Instant
from notifier.ingest.acceptance import Acceptance, Busy
from notifier.ingest.alerts import MAX_WAITING, AlertIntake, AlertsResult
from notifier.ingest.commit import GroupCommit
from notifier.ingest.formats.prometheus.alert import Alert
from notifier.ingest.normalize import Normalizer
from notifier.ingest.quota import KeyQuota
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.store import hold, housekeeping, ledger
from notifier.store.database import Database
from notifier.store.schema import alert_ends, incidents
from notifier.store.statements import alerts as statements
from notifier.telemetry.metrics import Metrics
from notifier.testing import ManualClock
from tests.ingest.test_acceptance import Source, forever
from tests.store.conftest import Bench

pytestmark = pytest.mark.anyio

IDS = count(1)
TIMEOUT: Duration = 5 * MINUTE
ANN = Actor(
    name="ann", key_name="desk", project="shop", project_scope=None, new_id=lambda: f"act-{next(IDS)}"
)


@dataclass
class Alerts:
    """An intake as in the service, and the loop that expires alerts."""

    database: Database
    clock: ManualClock
    intake: AlertIntake
    expiry: Expiry

    @classmethod
    @asynccontextmanager
    async def open(
        cls, database: Database, clock: ManualClock, *, events: int = 10_000, new: int = 10_000
    ) -> AsyncIterator[Alerts]:
        metrics = Metrics()
        commit = GroupCommit(
            database,
            new_id=lambda: f"id-{next(IDS):08d}",
            new_incidents=KeyQuota(new, MINUTE),
            metrics=metrics,
        )
        acceptance = Acceptance(
            normalizer=Normalizer(max_event_bytes=200_000, new_id=lambda: f"event-{next(IDS):08d}"),
            quota=KeyQuota(events, MINUTE),
            commit=commit,
            metrics=metrics,
        )
        loop = asyncio.create_task(forever(commit))
        intake = AlertIntake(database, acceptance, resolve_timeout=lambda: TIMEOUT)
        yield cls(database, clock, intake, Expiry())
        loop.cancel()
        await asyncio.wait([loop])
        assert (await database.read(ledger.accounting)).accepted == sum(
            row.count for row in await _incidents(database)
        )

    async def post(self, *alerts: Alert, service: str | None = None) -> AlertsResult | Busy | Any:
        return await self.intake.take(Source(), list(enumerate(alerts)), service=service)

    def alert(self, name: str = "DiskFull", *, ends_in: Duration | None = 4 * MINUTE, **fields: Any) -> Alert:
        now = self.clock.now()
        labels = {"alertname": name, "job": "node", "severity": "page", **fields.pop("more", {})}
        times = {
            "starts_at": fields.pop("starts_at", now),
            "ends_at": None if ends_in is None else now + ends_in,
        }
        return Alert(labels=labels, annotations={"summary": "it is full"}, **times, **fields)

    async def incidents(self) -> list[tuple[str, int, str | None]]:
        return [(row.state, row.count, row.resolved_by) for row in await _incidents(self.database)]

    async def refreshed(self) -> int:
        return (await self.database.read(ledger.accounting)).refreshed

    async def pass_(self, duration: Duration) -> None:
        """Advance the clock, with the loop running every 30 seconds."""
        until: Instant = self.clock.now() + duration
        while True:
            await self.database.write(lambda tx: self.expiry.expire(tx, TIMEOUT))
            if self.clock.now() >= until:
                return
            self.clock.advance(min(30 * SECOND, until - self.clock.now()))

    async def resolve_by_hand(self) -> None:
        newest = (await _incidents(self.database))[-1]
        await self.database.write(lambda tx: actions.resolve(tx, ANN, newest.id))


async def _incidents(database: Database) -> list[Any]:
    query = sa.select(incidents).order_by(incidents.c.number)
    return list(await database.read(lambda tx: tx.run(query).all()))


@pytest.fixture
async def alerts(database: Database, clock: ManualClock) -> AsyncIterator[Alerts]:
    async with Alerts.open(database, clock) as opened:
        yield opened


@pytest.fixture
async def bench(database: Database, clock: ManualClock) -> Bench:
    made = Bench(database, clock)
    await made.start()
    return made


async def test_a_resend_is_one_occurrence(alerts: Alerts) -> None:
    """A resent alert is counted once, and resolved by its sender."""
    firing = alerts.alert()
    for _ in range(3):
        assert await alerts.post(firing) == AlertsResult(faults=[])
        alerts.clock.advance(MINUTE)
    [row] = await _incidents(alerts.database)
    assert (row.title, row.severity, row.count) == ("DiskFull: it is full", "critical", 1)
    assert row.last_seen == alerts.clock.now() - MINUTE
    assert await alerts.refreshed() == 2
    over = alerts.alert(ends_in=0, starts_at=firing.starts_at)
    for _ in range(3):
        await alerts.post(over)
        alerts.clock.advance(MINUTE)
    assert await alerts.incidents() == [("resolved", 1, "event")]
    await alerts.post(alerts.alert())
    assert await alerts.incidents() == [("resolved", 1, "event"), ("open", 1, None)]


async def test_a_resend_wakes_a_repeat(alerts: Alerts) -> None:
    """A resend counts as news if a repeat is due and waits for an event."""
    await alerts.post(alerts.alert())
    await alerts.database.write(lambda tx: tx.run(sa.update(incidents).values(waiting=1, attention_at=None)))
    await alerts.post(alerts.alert(starts_at=alerts.clock.now()))
    [row] = await _incidents(alerts.database)
    assert (row.waiting, row.attention_at) == (0, alerts.clock.now())


async def test_an_alert_that_comes_no_more_expires(alerts: Alerts) -> None:
    """An alert expires `resolve_timeout` after its end; auto-resolve does not apply before."""
    await alerts.post(alerts.alert(ends_in=2 * DAY))
    await alerts.database.write(lambda tx: alerting.auto_resolve(tx, MINUTE))
    alerts.clock.advance(DAY)
    assert (await alerts.database.write(lambda tx: alerting.auto_resolve(tx, HOUR))).done == 0
    alerts.clock.advance(DAY - MINUTE)
    await alerts.pass_(MINUTE + TIMEOUT - SECOND)
    assert await alerts.incidents() == [("open", 1, None)]
    await alerts.pass_(SECOND)
    assert await alerts.incidents() == [("resolved", 1, "expired")]
    alerts.clock.advance(SECOND)
    await alerts.post(alerts.alert())
    assert [state for state, *_ in await alerts.incidents()] == ["resolved", "open"]


async def test_our_own_outage_is_no_all_clear(alerts: Alerts) -> None:
    """After downtime, a stall or a hold, timeouts restart."""
    await alerts.post(alerts.alert())
    await alerts.pass_(MINUTE)
    alerts.clock.advance(HOUR)  # a stall
    await alerts.pass_(TIMEOUT - SECOND)
    assert [state for state, *_ in await alerts.incidents()] == ["open"]
    alerts.expiry = Expiry()  # a restart
    await alerts.pass_(TIMEOUT - SECOND)
    await alerts.database.write(lambda tx: hold.begin(tx, by="a test"))
    await alerts.pass_(20 * MINUTE)
    assert [state for state, *_ in await alerts.incidents()] == ["open"]
    await alerts.database.write(lambda tx: hold.release(tx, expires_after=DAY, fallback_after=None))
    await alerts.pass_(TIMEOUT - SECOND)
    assert [state for state, *_ in await alerts.incidents()] == ["open"]
    await alerts.pass_(30 * SECOND)
    assert [state for state, *_ in await alerts.incidents()] == ["resolved"]


async def test_what_a_person_resolved_stays_closed_while_it_fires_on(alerts: Alerts) -> None:
    """A firing that a person resolved stays resolved; a later start opens a new incident."""
    started = alerts.clock.now()
    await alerts.post(alerts.alert(starts_at=started), alerts.alert(starts_at=started, ends_in=None))
    await alerts.resolve_by_hand()
    for starts_at in (started, started - MINUTE, None):
        alerts.clock.advance(MINUTE)
        await alerts.post(alerts.alert(starts_at=starts_at))
    assert await alerts.incidents() == [("resolved", 1, "ann")]
    await alerts.post(alerts.alert(starts_at=started, ends_in=0))
    alerts.clock.advance(MINUTE)
    await alerts.post(alerts.alert())
    assert await alerts.incidents() == [("resolved", 1, "ann"), ("open", 1, None)]


async def test_two_that_evaluate_the_same_rules_make_one_incident(alerts: Alerts) -> None:
    """Two Prometheus replicas with different labels make one incident; a late end resolves no later firing."""
    one, other = (
        alerts.alert(more={"prometheus_replica": name}, starts_at=alerts.clock.now() - age)
        for name, age in (("a", 0), ("b", 7 * SECOND))
    )
    await asyncio.gather(alerts.post(one), alerts.post(other), alerts.post(one))
    assert await alerts.incidents() == [("open", 1, None)]
    over = alerts.alert(ends_in=0)
    await alerts.post(over)
    alerts.clock.advance(MINUTE)
    await alerts.post(alerts.alert())
    await alerts.post(over)
    assert await alerts.incidents() == [("resolved", 1, "event"), ("open", 1, None)]


async def test_a_kill_between_the_transactions_counts_once(
    alerts: Alerts, database: Database, clock: ManualClock
) -> None:
    """If the stored alert is lost by a kill, its open incident is found again."""
    await alerts.post(alerts.alert())
    await database.write(lambda tx: tx.run(sa.delete(alert_ends)))
    await alerts.post(alerts.alert())
    assert await alerts.incidents() == [("open", 1, None)]
    await database.write(lambda tx: tx.run(sa.delete(alert_ends)))
    await alerts.post(alerts.alert(ends_in=0))
    assert await alerts.incidents() == [("resolved", 1, "event")]
    clock.advance(MINUTE)
    async with Alerts.open(database, clock) as replica:
        await asyncio.gather(replica.post(alerts.alert()), alerts.post(alerts.alert()))
    assert await alerts.incidents() == [("resolved", 1, "event"), ("open", 1, None)]


async def test_clocks_that_are_off_by_years(alerts: Alerts) -> None:
    """The end of an alert from a clock that is ahead is ignored; an old unknown end gets a warning."""
    await alerts.post(alerts.alert(ends_in=900 * DAY, starts_at=alerts.clock.now() + 800 * DAY))
    [row] = await alerts.database.read(
        lambda tx: list(statements.known(tx, [("shop", "production", _fingerprint(tx))]).values())
    )
    assert row.ends_at == alerts.clock.now() + TIMEOUT
    late = await alerts.post(
        alerts.alert("Old", ends_in=-900 * DAY, starts_at=alerts.clock.now() - 901 * DAY), alerts.alert("New")
    )
    assert isinstance(late, AlertsResult)
    assert late.faults == [
        "[0].endsAt: lies more than a day in the past, and no such alert is known: is the sender's clock right?"
    ]
    assert len(await alerts.incidents()) == 2


def _fingerprint(tx: Any) -> str:
    return str(tx.run(sa.select(incidents.c.fingerprint)).scalar_one())


async def test_a_thousand_alerts_and_their_resends(alerts: Alerts) -> None:
    """Each of a thousand alerts is one incident, counted once."""
    many = [alerts.alert(more={"instance": f"host-{i}", "größe": "groß", "a.b c": "ü"}) for i in range(1_000)]
    for _ in range(2):
        assert await alerts.post(*many) == AlertsResult(faults=[])
    assert [(state, n) for state, n, _ in await alerts.incidents()] == [("open", 1)] * 1_000
    assert await alerts.refreshed() == 1_000


async def test_quotas_hold_for_what_opens(database: Database, clock: ManualClock) -> None:
    """A used quota is an error; new causes beyond the limit share one incident."""
    async with Alerts.open(database, clock, events=3, new=1) as alerts:
        for _ in range(2):
            await alerts.post(alerts.alert("A"), alerts.alert("B"))
        first, second = await _incidents(database)
        assert (first.title in {"A: it is full", "B: it is full"}, first.count) == (True, 1)
        assert second.title == "too many distinct errors in node"
        assert isinstance(await alerts.post(alerts.alert("C"), alerts.alert("D")), Busy)


async def test_what_is_over_is_forgotten(alerts: Alerts) -> None:
    """Ended alerts are deleted after two days, firing ones are kept."""
    await alerts.post(alerts.alert("A"), alerts.alert("B", ends_in=9 * DAY))
    await alerts.post(alerts.alert("A", ends_in=0))
    before = alerts.clock.now() + 1
    assert await alerts.database.write(lambda tx: housekeeping.delete_old_alerts(tx, before)) == 1
    assert await alerts.database.write(lambda tx: housekeeping.delete_old_alerts(tx, before)) == 0


async def test_an_alert_that_goes_on_is_repeated(bench: Bench) -> None:
    """An alert that was resent since the last message is repeated after `repeat_interval`."""
    bench.route = Route(
        key="root", name="default", channels=("mail",), group_wait=0, group_interval=0, repeat_interval=HOUR
    )
    async with Alerts.open(bench.database, bench.clock) as alerts:
        firing = alerts.alert(ends_in=DAY)
        await alerts.post(firing)
        assert [reason for _, reason in await bench.alert()] == ["opened"]
        for minutes in (30, 31):
            bench.clock.advance(minutes * MINUTE)
            await alerts.post(firing)
        assert [reason for _, reason in await bench.alert()] == ["repeated"]
        bench.clock.advance(2 * HOUR)
        assert await bench.alert() == []
        await alerts.post(firing)
        assert [reason for _, reason in await bench.alert()] == ["repeated"]
        assert await alerts.incidents() == [("open", 1, None)]


async def test_what_is_kept_of_an_alert_is_scrubbed(alerts: Alerts) -> None:
    """Stored alerts are scrubbed like events."""
    secret = "hunter2-hunter2"
    for _ in range(2):
        await alerts.post(
            alerts.alert(more={"password": secret}, generator_url=f"http://u:{secret}@prometheus/graph")
        )
    [document] = await alerts.database.read(
        lambda tx: tx.run(sa.select(alert_ends.c.document)).scalars().all()
    )
    assert "it is full" in document
    assert secret not in document


async def test_what_fires_in_the_moment_of_its_end_opens_soon(alerts: Alerts) -> None:
    """A firing in the millisecond of its end counts on the resolved incident; the next opens one."""
    await alerts.post(alerts.alert())
    await alerts.post(alerts.alert(ends_in=0))
    await alerts.post(alerts.alert())
    assert await alerts.incidents() == [("resolved", 2, "event")]
    alerts.clock.advance(MINUTE)
    await alerts.post(alerts.alert())
    assert await alerts.incidents() == [("resolved", 2, "event"), ("open", 1, None)]


async def test_too_many_lists_at_once_are_told_to_wait(alerts: Alerts) -> None:
    """While the database is unavailable, the number of waiting lists is limited."""
    answers = await asyncio.gather(*(alerts.post(alerts.alert()) for _ in range(MAX_WAITING + 3)))
    assert [isinstance(answer, Busy) for answer in answers] == [False] * MAX_WAITING + [True] * 3
    assert await alerts.incidents() == [("open", 1, None)]
