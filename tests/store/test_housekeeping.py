"""Retention, the size limit and compaction on both engines: undelivered data stays, removed data is counted."""

from __future__ import annotations

from functools import partial

import pytest
import sqlalchemy as sa

from notifier.alerting import flush, route_incidents
from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError, StoreFull
from notifier.domain.route import Inhibition, Route
from notifier.domain.time import DAY, HOUR, MINUTE
from notifier.domain.value import replace
from notifier.ingest import intake
from notifier.ingest.intake import Intake
from notifier.runtime.housekeeper import Housekeeper
from notifier.settings.sections import RetentionSettings
from notifier.store import configurations as versions
from notifier.store import tokens
from notifier.store.housekeeping import BATCH, INCIDENTS_WALKED
from notifier.store.schema import (
    action_tokens,
    attempts,
    configurations,
    decisions,
    deliveries,
    event_ids,
    events,
    groups,
    incidents,
    inhibitors,
    members,
    tallies,
)
from notifier.store.sizes import bytes_in_use
from tests.plans import read_whole, statements_of
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio

ROOT = Route(key="root", name="default", channels=("mail",), group_wait=0, group_interval=0)
SMALL = {"configurations", "action_tokens", "sessions", "sign_in_links", "pending_sign_ins", "monitors"}
HOURLY = {"decisions"}
RETENTION = RetentionSettings(events=30 * DAY, incidents=365 * DAY, deliveries=30 * DAY)


async def _keep(bench: Bench, *, max_size: int = 10**12) -> int:
    keeper = Housekeeper(retention=RETENTION, max_size=max_size)
    turns = 0
    while await bench.database.write(keeper.turn, housekeeping=True):
        turns += 1
        assert turns < 1000
    return turns


async def _count(bench: Bench, table: sa.Table) -> int:
    return await bench.database.read(
        lambda tx: tx.run(sa.select(sa.func.count()).select_from(table)).scalar_one()
    )


async def test_everything_old_goes_and_the_books_balance(bench: Bench) -> None:
    """After two years a resolved incident is gone with everything about it, and counted as pruned."""
    bench.route = ROOT
    bench.inhibit = (Inhibition(key="rule", source=(), target=(), equal=("service",)),)
    await bench.post(*(bench.event() for _ in range(30)))
    await bench.alert()
    await bench.deliver_all()
    # The rows of a removed rule are deleted by no other.
    bench.inhibit = ()
    assert await _count(bench, inhibitors) == 1
    await bench.post(bench.event(status="resolved"))
    await bench.alert()
    await bench.deliver_all()
    bench.clock.advance(730 * DAY)
    removals = await statements_of(_keep(bench), kinds=("DELETE",))
    for table in (
        incidents, events, event_ids, tallies, members, groups, deliveries, attempts, decisions, inhibitors,
    ):  # fmt: skip
        assert await _count(bench, table) == 0, table.name
    accounting = await bench.accounting()
    assert (accounting.pruned_events, accounting.pruned_deliveries) == (30, 2)
    assert len(removals) > 10
    if bench.database.dialect == "sqlite":  # PostgreSQL plans by the sizes of its tables
        whole = await bench.database.read(lambda tx: read_whole(tx, removals))
        assert whole <= SMALL | HOURLY, "a batch is looked up, whatever else the table holds"


async def test_what_is_undelivered_stays(bench: Bench) -> None:
    """Pending deliveries are kept with their notifications; dead letters are kept as long as deliveries."""
    bench.route = ROOT
    bench.expires_after = 1000 * DAY
    await bench.post(bench.event())
    await bench.alert()
    (job,) = (await bench.claim()).jobs
    await bench.fail(job, SendError(Outcome.TRANSIENT, "down"))
    bench.clock.advance(400 * DAY)
    await _keep(bench)
    assert await _count(bench, deliveries) == 1
    (job,) = (await bench.claim()).jobs
    assert job.message.told[0].incident.title == "TimeoutError: fp"
    await bench.deliver(job)


async def test_the_newest_sample_of_an_open_incident_stays(bench: Bench) -> None:
    """Old samples are deleted, except an open incident's newest."""
    await bench.post(*(bench.event() for _ in range(40)))
    await bench.alert()
    bench.clock.advance(31 * DAY)
    await _keep(bench)
    kept = await bench.database.read(lambda tx: tx.run(sa.select(events.c.seq)).scalars().all())
    assert kept == [40]


async def test_minutes_become_hours_with_the_same_sum(bench: Bench) -> None:
    """After 48 hours tallies are per hour, with the same sums."""
    for _ in range(130):
        await bench.post(bench.event())
        bench.clock.advance(MINUTE)
    await bench.alert()
    bench.clock.advance(3 * DAY)
    await _keep(bench)
    rows = await bench.database.read(lambda tx: tx.run(sa.select(tallies)).all())
    assert sum(row.n for row in rows) == 130
    assert len(rows) == 3
    assert all(row.minute % HOUR == 0 for row in rows)


async def test_minutes_of_many_incidents_become_hours_a_part_at_a_time(bench: Bench) -> None:
    """Compaction works in batches, for any numbers of incidents and minutes; recent minutes are kept."""
    now = bench.clock.now()
    old, young = (now - 5 * DAY) // HOUR * HOUR, now // HOUR * HOUR - HOUR + MINUTE
    minutes = [(number, old + n * MINUTE) for number in (1, 2 * INCIDENTS_WALKED) for n in range(BATCH + 30)]
    rows = [{"incident": number, "minute": minute, "n": 1} for number, minute in [*minutes, (7, young)]]
    await bench.database.write(lambda tx: tx.run(sa.insert(tallies).values(rows)))
    assert await _keep(bench) == 3
    left = await bench.database.read(
        lambda tx: tx.run(sa.select(tallies.c.incident, sa.func.sum(tallies.c.n).label("n"), sa.func.count())
        .group_by(tallies.c.incident).order_by(tallies.c.incident)).all()
    )  # fmt: skip
    hours = -(-(BATCH + 30) // 60)
    assert [tuple(row) for row in left] == [
        (1, BATCH + 30, hours), (7, 1, 1), (2 * INCIDENTS_WALKED, BATCH + 30, hours),
    ]  # fmt: skip


async def test_tokens_of_links_go_a_day_after_they_expired(bench: Bench) -> None:
    """A link's token is kept for a day after it expires, so that its page can say so."""
    now = bench.clock.now()
    await bench.database.write(
        lambda tx: tokens.mint(
            tx, project="p", incident=1, action="resolve", recipient="ann@example.com", expires_at=now + DAY
        )
    )
    bench.clock.advance(2 * DAY)
    await _keep(bench)
    assert await _count(bench, action_tokens) == 1
    bench.clock.advance(1)
    await _keep(bench)
    assert await _count(bench, action_tokens) == 0


async def test_ids_are_kept_for_a_day_at_least(bench: Bench) -> None:
    """A repeated id after a day is still a duplicate."""
    await bench.post(bench.event(id="same"))
    await bench.alert()
    bench.clock.advance(25 * HOUR)
    await _keep(bench)
    (stored,) = await bench.post(bench.event(id="same"))
    assert stored.duplicate


async def test_near_the_bound_samples_and_finished_deliveries_go_early_and_are_counted(bench: Bench) -> None:
    """At 90 % of max_size the oldest samples and deliveries are deleted early; counts stay exact."""
    if bench.database.dialect == "postgresql":
        pytest.skip("max_size bounds a SQLite file; PostgreSQL's disk is its operator's")
    bench.route = replace(ROOT, group_by=("incident",))
    document = '{"x": "' + "x" * 2000 + '"}'
    await bench.post(*(bench.event(f"fp-{n % 50}", document=document) for n in range(200)))
    await bench.alert()
    (first, *_) = (await bench.claim(slots=1)).jobs
    await bench.fail(first, SendError(Outcome.BLOCKED, "policy"))
    await bench.deliver_all()
    bench.clock.advance(MINUTE)
    size = await bench.database.read(bytes_in_use)
    await _keep(bench, max_size=size)
    accounting = await bench.accounting()
    assert accounting.shed_samples > 0
    assert accounting.by_state["dead"] == 1
    assert accounting.counted == 200
    assert await bench.database.read(bytes_in_use) < size * 0.9


async def test_a_full_database_refuses_ingest_and_goes_on_delivering(bench: Bench) -> None:
    """At 100 % batches are refused while deliveries continue; with room they are accepted again."""
    if bench.database.dialect == "postgresql":
        pytest.skip("max_size bounds a SQLite file; PostgreSQL's disk is its operator's")
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    size = await bench.database.read(bytes_in_use)

    def work(limit: int) -> Intake:
        return Intake(
            events=[bench.event()], keys=["key"], remaining={"key": 1}, new_id=new_id, max_size=limit
        )

    with pytest.raises(StoreFull):
        await bench.database.write(lambda tx: intake.commit(tx, work(size)))
    assert len(await bench.deliver_all()) == 1
    await bench.database.write(lambda tx: intake.commit(tx, work(2 * size)))


async def test_a_configuration_lives_as_long_as_its_decisions(bench: Bench) -> None:
    """Unused configurations are deleted, except the newest and those of open incidents."""
    bench.route = ROOT
    rules = replace(bench.rules, version="used")
    await bench.post(bench.event())
    await bench.database.write(lambda tx: route_incidents(tx, rules))
    await bench.database.write(lambda tx: flush(tx, rules, bench.silences))
    for version in ("unused", "used", "newest"):
        await bench.database.write(partial(versions.remember, version=version, tree=ROOT))
        bench.clock.advance(MINUTE)
    await _keep(bench)
    assert await _count(bench, configurations) == 3
    bench.clock.advance(366 * DAY)
    await _keep(bench)
    left = await bench.database.read(lambda tx: tx.run(sa.select(configurations.c.version)).scalars().all())
    assert sorted(left) == ["newest", "used"]
