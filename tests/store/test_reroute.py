"""A removed route: its incidents move in the new tree, with what was notified about them."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from notifier import alerting
from notifier.alerting import rerouting
from notifier.domain.matcher import parse
from notifier.domain.route import Route, Step
from notifier.domain.severity import Severity
from notifier.domain.time import HOUR, MINUTE, SECOND
from notifier.domain.value import replace
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.store import configurations
from notifier.store.database import Tx
from notifier.store.postgres import PostgresDatabase
from notifier.store.schema import configurations as known
from notifier.store.schema import groups, incidents, members, threads
from notifier.store.statements.groups import due_groups
from notifier.testing import ManualClock
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio

BILLING = Route(
    key="billing",
    name='service="billing"',
    match=(parse('service="billing"'),),
    channels=("chat",),
    group_wait=0,
)
ROOT = Route(key="root", name="default", channels=("mail",), group_wait=0, group_interval=5 * MINUTE)
OLD = replace(ROOT, routes=(BILLING,))
OTHER = replace(ROOT, routes=(replace(BILLING, key="other", channels=("desk",)),))


@pytest.fixture
async def bench(bench: Bench) -> Bench:
    """Two channels, and a route for billing."""
    bench.channels = {"mail": ("a@example.com",), "chat": ("#billing",), "desk": ("#desk",)}
    bench.route = OLD
    await bench.start()
    return bench


async def _mark(bench: Bench) -> None:
    keys = tuple(route.key for route in bench.route.walk())
    after: str | None = ""
    while after is not None:
        mark = partial(rerouting.make_orphaned_groups_due, keys=keys, after=after)
        after = await bench.database.write(mark)


async def _follow(bench: Bench, tree: Route) -> int:
    """Activate another tree; returns the number of transactions that moved members."""
    bench.route = tree
    await _mark(bench)
    keys = {route.key for route in tree.walk()}

    def step(tx: Tx) -> bool:
        orphaned = [group for group in due_groups(tx, now=tx.now, most=1_000) if group.route not in keys]
        for group in orphaned[:1]:
            rerouting.reroute(tx, bench.rules, group)
        return bool(orphaned)

    turns = 0
    while await bench.database.write(step):
        turns += 1
    return turns


async def _told(bench: Bench) -> list[tuple[str, str, list[str]]]:
    """(reason, target, fingerprints) of what is sent now."""
    await bench.alert()
    return sorted(
        (job.reason.value, job.address, sorted(one.incident.fingerprint for one in job.message.told))
        for job in await bench.deliver_all()
    )


async def _rows(bench: Bench, table: sa.Table) -> list[dict[str, Any]]:
    key = table.primary_key.columns.values()
    rows = await bench.database.read(lambda tx: tx.run(sa.select(table).order_by(*key)).mappings().all())
    return [dict(row) for row in rows]


async def _homes(bench: Bench) -> dict[str, str]:
    """The route of each open incident, by fingerprint."""
    query = (
        sa.select(incidents.c.fingerprint, groups.c.route)
        .join(members, members.c.incident == incidents.c.number)
        .join(groups, groups.c.id == members.c.group_id)
        .where(incidents.c.closed == 0)
    )
    rows = await bench.database.read(lambda tx: tx.run(query).all())
    return {row.fingerprint: row.route for row in rows}


async def test_what_was_told_is_not_told_again_and_its_end_reaches_old_and_new(bench: Bench) -> None:
    """Nothing is repeated; `resolved` is sent to the new route and to the old thread."""
    await bench.post(bench.event())
    await bench.alert()
    (opened,) = await bench.deliver_all()
    assert (opened.reason.value, opened.address) == ("opened", "#billing")
    assert await _follow(bench, ROOT) == 1
    assert await _told(bench) == []
    assert await _homes(bench) == {"fp": "root"}
    bench.clock.advance(10 * MINUTE)
    assert await _told(bench) == []
    await bench.post(bench.event(status="resolved"))
    await bench.alert()
    jobs = await bench.deliver_all()
    assert sorted(job.address for job in jobs) == ["#billing", "a@example.com"]
    assert {job.reason.value for job in jobs} == {"resolved"}
    (after,) = [job for job in jobs if job.address == "#billing"]
    assert after.thread.id == opened.thread.id


async def test_a_repeat_keeps_its_time(bench: Bench) -> None:
    """Notified at noon and moved at one, an incident is repeated at four."""
    await bench.post(bench.event())
    assert len(await _told(bench)) == 1
    bench.clock.advance(HOUR)
    await _follow(bench, ROOT)
    await bench.post(bench.event())
    bench.clock.advance(3 * HOUR - 1)
    assert await _told(bench) == []
    bench.clock.advance(1)
    assert await _told(bench) == [("repeated", "a@example.com", ["fp"])]


async def test_what_was_not_told_yet_is_told_by_the_new_route(bench: Bench) -> None:
    """A pending notification is sent once by the default route, after its own group_wait."""
    bench.route = replace(ROOT, routes=(replace(BILLING, group_wait=10 * MINUTE),))
    await bench.post(bench.event())
    assert await _told(bench) == []
    assert await _follow(bench, replace(ROOT, group_wait=MINUTE)) == 1
    assert await _told(bench) == []
    bench.clock.advance(MINUTE)
    assert await _told(bench) == [("opened", "a@example.com", ["fp"])]
    bench.clock.advance(HOUR)
    assert await _told(bench) == []


async def test_what_is_held_stays_held(bench: Bench) -> None:
    """A silence and its end move with the incident."""
    await bench.post(bench.event())
    await bench.alert()
    await bench.deliver_all()
    again = bench.clock.now() + 2 * HOUR
    held = {
        "told_at": None, "first_told_at": None, "told_state": None, "held_by": "silenced", "hold_ref": "s1",
        "repeat_at": again,
    }  # fmt: skip
    await bench.database.write(lambda tx: tx.run(sa.update(members).values(**held)))
    await bench.database.write(lambda tx: tx.run(sa.update(groups).values(active=0)))
    assert await _follow(bench, ROOT) == 1
    assert await _told(bench) == []
    (member,) = await _rows(bench, members)
    assert (member["held_by"], member["hold_ref"], member["changed_at"]) == ("silenced", "s1", None)
    (home,) = [row for row in await _rows(bench, groups) if row["route"] == "root"]
    assert (home["id"], home["due_at"], home["active"]) == (member["group_id"], again, 0)


async def test_what_the_old_route_held_is_decided_anew(bench: Bench) -> None:
    """A mute time of the old route does not hold the incident in the new one."""
    await bench.post(bench.event())
    await bench.alert()
    await bench.deliver_all()
    held = {"told_at": None, "first_told_at": None, "told_state": None, "held_by": "mute_time"}
    await bench.database.write(lambda tx: tx.run(sa.update(members).values(**held)))
    await _follow(bench, ROOT)
    bench.clock.advance(5 * MINUTE)
    assert await _told(bench) == [("unmuted", "a@example.com", ["fp"])]


async def test_one_that_is_resolved_meanwhile_is_told_by_the_new_route(bench: Bench) -> None:
    """A resolution before the group's flush is notified by the new route."""
    await bench.post(bench.event())
    await bench.alert()
    await bench.deliver_all()
    await bench.post(bench.event(status="resolved"))
    bench.clock.advance(10 * MINUTE)
    # Routed only: the group is due under a removed route.
    bench.route = ROOT
    await bench.database.write(lambda tx: alerting.route_incidents(tx, bench.rules))
    bench.clock.advance(10 * MINUTE)
    assert await _follow(bench, ROOT) == 1
    bench.clock.advance(10 * MINUTE)
    assert await _told(bench) == [
        ("resolved", "#billing", ["fp"]),
        ("resolved", "a@example.com", ["fp"]),
    ]


async def test_members_that_part_leave_a_thread_that_follows_theirs(bench: Bench) -> None:
    """If one group becomes two, both resolutions are sent to the old target, in threads that refer to the old one."""
    bench.route = replace(ROOT, routes=(replace(BILLING, group_by=("service",)),))
    eu, us = (bench.event(name, more_labels={"region": name}) for name in ("eu", "us"))
    await bench.post(eu, us)
    await bench.alert()
    (opened,) = await bench.deliver_all()
    assert await _follow(bench, replace(ROOT, group_by=("region",))) == 1
    assert await _told(bench) == []
    await bench.post(bench.event("eu", status="resolved"))
    bench.clock.advance(10 * MINUTE)
    await bench.alert()
    jobs = await bench.deliver_all()
    assert sorted(job.address for job in jobs) == ["#billing", "a@example.com"]
    (after,) = [job for job in jobs if job.address == "#billing"]
    assert after.message.previous_thread_id == opened.thread.id
    assert await _homes(bench) == {"us": "root"}


async def test_a_group_that_is_there_takes_them_into_its_episode(bench: Bench) -> None:
    """Members that move to an existing group join its episode without repetition."""
    by_team = replace(BILLING, match=(parse('team="a"'),), key="team")
    bench.route = replace(ROOT, routes=(by_team,))
    await bench.post(bench.event("one"), bench.event("two", more_labels={"team": "a"}))
    assert await _told(bench) == [("opened", "#billing", ["two"]), ("opened", "a@example.com", ["one"])]
    assert await _follow(bench, ROOT) == 1
    bench.clock.advance(10 * MINUTE)
    assert await _told(bench) == []
    await bench.post(bench.event("two", status="resolved", more_labels={"team": "a"}))
    assert await _told(bench) == [("resolved", "#billing", ["two"]), ("resolved", "a@example.com", ["two"])]
    assert len(await _rows(bench, groups)) == 2


async def test_a_group_whose_episode_was_over_begins_another(bench: Bench) -> None:
    """Members that move to a group whose episode is over start a new one, with their old thread."""
    await bench.post(bench.event())
    await bench.alert()
    (first,) = await bench.deliver_all()
    await _follow(bench, OTHER)
    assert await _homes(bench) == {"fp": "other"}
    await _follow(bench, OLD)
    assert await _homes(bench) == {"fp": "billing"}
    bench.clock.advance(10 * MINUTE)
    assert await _told(bench) == []
    await bench.post(bench.event(status="resolved"))
    await bench.alert()
    (last,) = await bench.deliver_all()
    assert (last.reason.value, last.address, last.thread.id) == ("resolved", "#billing", first.thread.id)


async def test_two_routes_that_end_in_one_group_leave_one_member(bench: Bench) -> None:
    """An incident that two routes notified is one member, and its resolution reaches all targets."""
    both = tuple(
        replace(BILLING, key=key, name=key, channels=(channel,), continue_=key == "one")
        for key, channel in (("one", "chat"), ("two", "desk"))
    )
    bench.route = replace(ROOT, routes=both)
    await bench.post(bench.event())
    assert len(await _told(bench)) == 2
    assert await _follow(bench, ROOT) == 2
    assert len(await _rows(bench, members)) == 1
    assert await _told(bench) == []
    await bench.post(bench.event(status="resolved"))
    bench.clock.advance(10 * MINUTE)
    assert await _told(bench) == [
        ("resolved", address, ["fp"]) for address in ("#billing", "#desk", "a@example.com")
    ]


async def test_what_was_raised_before_it_moved_is_told_as_raised(bench: Bench) -> None:
    """A raise before the old group's flush is notified as a raise by the new route."""
    await bench.post(bench.event())
    await bench.alert()
    await bench.deliver_all()
    critical = Route(
        key="critical", name="c", match=(parse('severity="critical"'),), channels=("desk",), group_wait=0
    )
    bench.route = replace(ROOT, routes=(critical,))
    await bench.post(bench.event(severity=Severity.CRITICAL))
    await bench.database.write(lambda tx: alerting.route_incidents(tx, bench.rules))
    await _follow(bench, bench.route)
    assert await _told(bench) == [("severity_raised", "#desk", ["fp"])]


async def test_escalation_goes_on_where_it_was(bench: Bench) -> None:
    """Escalation continues: the new route's second step counts from the first notification."""
    steps = (Step(after=5 * MINUTE, channels=("desk",)), Step(after=15 * MINUTE, channels=("mail",)))
    await bench.post(bench.event())
    await bench.alert()
    await bench.deliver_all()
    told_at = bench.clock.now()
    await bench.database.write(
        lambda tx: tx.run(sa.update(members).values(escalated=1, decided="opened", decided_at=1))
    )
    bench.clock.advance(6 * MINUTE)
    await _follow(bench, replace(ROOT, routes=(replace(BILLING, key="other", escalate=steps),)))
    (member,) = await _rows(bench, members)
    assert (member["escalated"], member["escalate_at"]) == (1, told_at + 15 * MINUTE)
    assert (member["decided"], member["decided_at"]) == (None, None)
    await _follow(bench, OLD)
    (member,) = await _rows(bench, members)
    assert (member["escalated"], member["escalate_at"]) == (1, None)


async def test_what_is_settled_stays_where_it_is(bench: Bench) -> None:
    """A resolved incident that was notified does not move, and its group is not due."""
    await bench.post(bench.event())
    await bench.alert()
    await bench.post(bench.event(status="resolved"))
    bench.clock.advance(10 * MINUTE)
    await bench.alert()
    await bench.deliver_all()
    assert await _follow(bench, ROOT) == 0
    (group,) = await _rows(bench, groups)
    assert group["due_at"] is None


async def test_a_large_group_moves_in_several_transactions(bench: Bench) -> None:
    """More than 2,000 members move in several transactions, each once."""
    count = rerouting.MEMBERS_AT_ONCE + 10
    for start in range(0, count, 500):
        await bench.post(*(bench.event(f"fp-{n}") for n in range(start, min(count, start + 500))))
    while len(await bench.alert()):
        pass
    await bench.deliver_all()
    assert await _follow(bench, ROOT) == 2
    assert len(await _rows(bench, members)) == count
    assert len(await _homes(bench)) == count
    bench.clock.advance(10 * MINUTE)
    assert await _told(bench) == []
    await bench.post(bench.event("fp-3", status="resolved"))
    assert await _told(bench) == [("resolved", "#billing", ["fp-3"]), ("resolved", "a@example.com", ["fp-3"])]


async def test_marking_goes_on_where_it_was(bench: Bench) -> None:
    """Marking continues in order of group ids."""
    bench.route = replace(ROOT, routes=(replace(BILLING, group_by=("incident",)),))
    await bench.post(*(bench.event(f"fp-{n}") for n in range(4)))
    await bench.alert()
    await bench.deliver_all()
    ids = [row["id"] for row in await _rows(bench, groups)]
    bench.route = ROOT
    assert (
        await bench.database.write(lambda tx: rerouting.make_orphaned_groups_due(tx, ("root",), ids[1]))
        is None
    )
    now = bench.clock.now()
    assert [row["id"] for row in await _rows(bench, groups) if row["due_at"] == now] == ids[2:]
    assert await _follow(bench, ROOT) == 4
    assert set((await _homes(bench)).values()) == {"root"}


async def test_an_incident_that_somebody_holds_is_left_for_the_next_time(
    postgres_url: str, clock: ManualClock
) -> None:
    """An incident locked by another replica is skipped, and its group checked again in a second."""
    database = await PostgresDatabase.open(postgres_url, replica="main", clock=clock, pool_size=4)
    other = await asyncpg.connect(postgres_url)
    try:
        bench = Bench(
            database, clock, channels={"mail": ("a@example.com",), "chat": ("#billing",)}, route=OLD
        )
        await bench.start()
        await bench.post(bench.event("free"), bench.event("held"))
        assert len(await _told(bench)) == 1
        async with other.transaction():
            await other.execute("SELECT 1 FROM incidents WHERE fingerprint = 'held' FOR UPDATE")
            assert await _follow(bench, ROOT) == 1
        assert await _homes(bench) == {"free": "root", "held": "billing"}
        clock.advance(rerouting.AGAIN)
        assert await _follow(bench, ROOT) == 1
        assert await _homes(bench) == {"free": "root", "held": "root"}
        assert await _told(bench) == []
        assert (await bench.accounting()).balanced
    finally:
        await other.close()
        await database.aclose()


class TestConfigurations:
    """The configuration that was activated last."""

    async def test_the_last_one_is_the_newest(self, bench: Bench) -> None:
        """A configuration activated again is the latest; other routes with the same version are another one."""

        async def load(version: str, tree: Route) -> bool:
            newest = await bench.database.read(lambda tx: configurations.is_newest(tx, version, tree))
            bench.clock.advance(SECOND)
            await bench.database.write(lambda tx: configurations.remember(tx, version, tree))
            return newest

        assert [await load(*one) for one in (("v1", OLD), ("v1", OLD), ("v2", ROOT), ("v1", OLD))] == [
            False, True, False, False,
        ]  # fmt: skip
        assert not await load("v1", ROOT)
        rows = {row["version"]: json.loads(row["routes"]) for row in await _rows(bench, known)}
        assert rows == {"v1": {"root": ["default", None]}, "v2": {"root": ["default", None]}}


async def test_a_group_and_its_new_home_that_are_due_at_once_are_not_mixed_up(bench: Bench) -> None:
    """If a group and the one it moves to are due together, the second is read after the move."""
    here = Route(key="here", name="here", match=(), channels=("mail",), group_wait=0)
    bench.route = Route(key="root", name="default", channels=("mail",), group_wait=0, group_interval=0)
    for _ in range(3):
        await bench.post(bench.event("home"))
        await bench.alert()
        bench.clock.advance(SECOND)
        await bench.post(bench.event("home", status="resolved"))
        await bench.alert()
        bench.clock.advance(SECOND)
    old = bench.route
    bench.route = replace(old, channels=("mail",), routes=(here,))
    await bench.post(bench.event("guest"))
    await bench.alert()
    bench.route = old
    await bench.post(bench.event("home"))
    while (await bench.database.write(lambda tx: alerting.route_incidents(tx, bench.rules))).more:
        pass
    await bench.database.write(lambda tx: tx.run(sa.update(groups).values(due_at=tx.now)))
    await bench.alert()
    home = sa.select(groups.c.episode).where(groups.c.route == "root")
    newest = sa.select(sa.func.max(threads.c.episode)).where(
        threads.c.group_id.in_(sa.select(groups.c.id).where(groups.c.route == "root"))
    )
    episode = await bench.database.read(lambda tx: tx.run(home).scalar_one())
    assert episode == await bench.database.read(lambda tx: tx.run(newest).scalar_one())
    assert episode >= 4


async def test_an_end_that_is_not_told_yet_moves_at_once(bench: Bench) -> None:
    """A pending resolution moves at once, so that all its targets are known."""
    await bench.post(bench.event())
    await _told(bench)
    await bench.post(bench.event(status="resolved"))
    assert await _told(bench) == []
    assert await _follow(bench, ROOT) == 1
    bench.clock.advance(5 * MINUTE)
    assert await _told(bench) == [("resolved", "#billing", ["fp"]), ("resolved", "a@example.com", ["fp"])]


async def test_a_snooze_that_nobody_has_looked_at_yet_goes_with_its_incident(bench: Bench) -> None:
    """A snooze before the loops ran moves with its incident, and its end is notified."""
    (stored,) = await bench.post(bench.event())
    await bench.alert()
    ann = Actor(name="ann", key_name="key", project="default", project_scope=None, new_id=new_id)
    until = bench.clock.now() + HOUR
    await bench.database.write(lambda tx: actions.snooze(tx, ann, stored.incident_id or "", until=until))
    await _follow(bench, ROOT)
    assert await bench.alert() == []
    held = await bench.database.read(lambda tx: tx.run(sa.select(members.c.held_by)).scalars().all())
    assert held == ["snoozed"]
    bench.clock.advance(HOUR)
    assert [reason for _, reason in await bench.alert()] == ["unmuted"]
