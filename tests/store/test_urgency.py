"""What is critical in a crowd: routed first and told first, on both engines; what is not, in the order it came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from notifier import alerting
from notifier.alerting.flush import GROUPS_AT_ONCE
from notifier.alerting.routing_step import INCIDENTS_AT_ONCE
from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.time import MINUTE, SECOND
from notifier.domain.value import replace
from notifier.policy.routing import PER_INCIDENT
from notifier.store.compiled import Query
from notifier.store.database import Tx
from notifier.store.schema import groups, incidents, members
from notifier.store.sqlite import SqliteDatabase
from notifier.store.statements.groups import urgent_due_groups
from notifier.store.statements.incidents import urgent_attention_due
from notifier.testing import ManualClock
from tests.world import World

pytestmark = pytest.mark.anyio

ROOT = Route(key="root", name="default", channels=("mail",), group_by=PER_INCIDENT, group_wait=SECOND)


_TOLD = sa.select(members.c.incident).where(members.c.told_at.is_not(None))


async def _ids(world: World, condition: sa.ColumnElement[bool]) -> set[str]:
    """The ids of incidents."""
    query = sa.select(incidents.c.id).where(condition)
    return set(await world.database.read(lambda tx: tx.run(query).scalars().all()))


async def _urgent(world: World) -> int:
    """How many groups are urgent."""
    return await world.database.read(lambda tx: tx.run(sa.select(sa.func.sum(groups.c.urgent))).scalar_one())


async def _route_once(world: World) -> None:
    await world.database.write(lambda tx: alerting.route_incidents(tx, world.rules))


async def _flush(world: World) -> None:
    await world.database.write(lambda tx: alerting.flush(tx, world.rules, world.silences))


async def test_a_critical_incident_overtakes_a_crowd(world: World) -> None:
    """At routing, at the flush and after being raised; the oldest of the others fill the rest of each step."""
    world.rules = replace(world.rules, tree=ROOT)
    crowd = [world.event(f"cause {number}") for number in range(INCIDENTS_AT_ONCE + GROUPS_AT_ONCE)]
    raised = (await world.post_all(crowd))[-1]
    world.clock.advance(1)
    opened = await world.post("disk full", severity=Severity.CRITICAL)
    await _route_once(world)
    routed = await _ids(world, incidents.c.attention_at.is_(None))
    assert opened in routed
    assert len(routed) == INCIDENTS_AT_ONCE

    await world.attend()
    world.clock.advance(1)
    assert await world.post(crowd[-1].title, severity=Severity.CRITICAL) == raised
    await world.attend()
    world.clock.advance(SECOND)
    await _flush(world)
    told = await _ids(world, incidents.c.number.in_(_TOLD))
    assert {opened, raised} <= told
    assert len(told) == GROUPS_AT_ONCE
    assert await _urgent(world) == 2


async def test_a_group_is_urgent_until_nothing_is_due(world: World) -> None:
    """A repeat that is to come keeps it so; the message of its end ends it."""
    world.rules = replace(world.rules, tree=ROOT)
    await world.post("disk full", severity=Severity.CRITICAL)
    await world.attend()
    world.clock.advance(SECOND)
    await _flush(world)
    assert await _urgent(world) == 1
    await world.post("disk full", severity=Severity.CRITICAL, status="resolved")
    await world.attend()
    world.clock.advance(10 * MINUTE)
    await _flush(world)
    assert await _urgent(world) == 0


@pytest.mark.parametrize(("query", "index"), [
    (urgent_attention_due, "ix_incidents_urgent"), (urgent_due_groups, "ix_groups_urgent")
])  # fmt: skip
async def test_a_crowd_is_not_read_for_the_urgent_ones(
    query: Query[Any], index: str, sqlite_path: Path, clock: ManualClock
) -> None:
    """SQLite's plan for each query, as it is run."""

    def plan(tx: Tx) -> str:
        assert tx.driver is not None
        run: list[str] = []
        tx.driver.set_trace_callback(run.append)
        query(tx, now=1, most=9)
        tx.driver.set_trace_callback(None)
        return str(tx.driver.execute(f"EXPLAIN QUERY PLAN {run[-1]}").fetchone()[-1])

    database = SqliteDatabase(sqlite_path, clock=clock)
    assert index in await database.write(plan)
    await database.aclose()
