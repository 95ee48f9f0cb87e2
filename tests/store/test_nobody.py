"""Routes without channels: incidents are counted, listed and held by a named reason."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.alerting.replanning import replan_after_reload
from notifier.domain.matcher import parse
from notifier.domain.route import Route, Step
from notifier.domain.severity import Severity
from notifier.domain.time import HOUR, MINUTE
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.store.database import Tx
from notifier.store.schema import incidents, members
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio

ANN = Actor(name="ann", key_name="desk", project="default", project_scope=None, new_id=new_id)


def tree(*channels: str, escalates: bool = True) -> Route:
    quiet = Route(
        key="quiet", name="quiet", match=(parse('service="quiet"'),), channels=channels, group_wait=0,
        escalate=(Step(after=MINUTE, channels=("boss",)),) if escalates else (),
    )  # fmt: skip
    return Route(key="root", name="default", channels=("mail",), group_wait=0, routes=(quiet,))


async def _post(bench: Bench, severity: Severity = Severity.ERROR, **fields: Any) -> str:
    event = bench.event(severity=severity, more_labels={"service": "quiet"}, **fields)
    (stored,) = await bench.post(event)
    return stored.incident_id or ""


async def _held(bench: Bench) -> list[tuple[str | None, int]]:
    found = sa.select(members.c.held_by, sa.func.count().label("n")).group_by(members.c.held_by)
    return [(row.held_by, row.n) for row in await bench.database.read(lambda tx: tx.run(found).all())]


async def _reload(bench: Bench, route: Route) -> None:
    bench.route = route
    await bench.database.write(lambda tx: replan_after_reload(tx, tuple(route.walk())))


async def test_a_route_to_nobody_counts_and_tells_nothing(bench: Bench) -> None:
    """Incidents are held by `route` in every state, without escalation or fallback."""
    bench.route, bench.fallback = tree(), "mail"
    await _post(bench)
    await _post(bench, Severity.CRITICAL)
    assert await bench.alert() == []
    assert await _held(bench) == [("route", 1)]
    bench.clock.advance(10 * MINUTE)
    assert await bench.alert() == []
    assert (await bench.sweep()).told == ()
    await _post(bench, status="resolved")
    assert await bench.alert() == []
    accounting = await bench.accounting()
    assert accounting.balanced
    assert accounting.created == 0


async def test_what_it_held_is_told_once_it_has_a_channel(bench: Bench) -> None:
    """When a reload adds a channel, open incidents are notified."""
    bench.route = tree()
    await _post(bench, fingerprint="a")
    await _post(bench, fingerprint="b")
    await _post(bench, fingerprint="b", status="resolved")
    await bench.alert()
    await _reload(bench, tree("mail"))
    assert [reason for _, reason in await bench.alert()] == ["opened"]
    assert sorted(await _held(bench), key=str) == [("route", 1), (None, 1)]


async def test_who_has_heard_of_it_hears_its_end(bench: Bench) -> None:
    """A route that lost its channels still notifies its threads of acknowledgement and resolution."""
    bench.route = tree("mail", escalates=False)
    id_ = await _post(bench)
    await bench.alert()
    await bench.deliver_all()
    await _reload(bench, tree(escalates=False))
    bench.clock.advance(5 * HOUR)
    await _post(bench)
    assert await bench.alert() == []
    await bench.database.write(lambda tx: actions.acknowledge(tx, ANN, id_))
    assert [reason for _, reason in await bench.alert()] == ["acknowledged"]
    bench.clock.advance(MINUTE)
    await bench.database.write(lambda tx: actions.resolve(tx, ANN, id_))
    assert [reason for _, reason in await bench.alert()] == ["resolved"]
    jobs = await bench.deliver_all()
    assert {job.address for job in jobs} == set(bench.channels["mail"])


async def test_severity_none_is_kept_and_told_to_nobody(bench: Bench) -> None:
    """Severity `none` is held by `severity` and routed once; a higher severity is notified."""
    bench.route = tree("mail")
    await _post(bench, Severity.NONE)
    assert await bench.alert() == []
    assert await _held(bench) == [("severity", 1)]
    routed = await bench.database.read(lambda tx: tx.run(sa.select(incidents.c.routed)).scalar_one())
    assert routed == 1
    bench.clock.advance(10 * MINUTE)
    await _post(bench, Severity.NONE)
    assert await bench.alert() == []
    await _post(bench, Severity.INFO)
    assert [reason for _, reason in await bench.alert()] == ["opened"]
    assert (await bench.accounting()).balanced


async def test_severity_none_ends_untold(bench: Bench) -> None:
    """The resolution of an incident that was never notified is not notified."""
    bench.route = tree("mail")
    await _post(bench, Severity.NONE)
    await bench.alert()
    await _post(bench, Severity.NONE, status="resolved")
    assert await bench.alert() == []
    assert await _held(bench) == [("severity", 1)]
    assert (await bench.accounting()).balanced


async def test_the_migration_moves_what_was_routed_by_rank(bench: Bench) -> None:
    """The migration of ranks, when `none` was added, routes no incident again."""
    migration = importlib.import_module("notifier.store.migrations.versions.0004_telling")
    bench.route = tree("mail")
    for severity in (Severity.INFO, Severity.WARNING, Severity.ERROR, Severity.CRITICAL):
        await _post(bench, severity, fingerprint=severity.value)
    await bench.alert()
    await _post(bench, fingerprint="not routed yet")

    def work(tx: Tx) -> list[int]:
        tx.run(sa.text("UPDATE incidents SET routed = routed - 1 WHERE routed > 0"))
        for statement in migration.RANKS:
            tx.run(sa.text(statement))
        return list(tx.run(sa.select(incidents.c.routed).order_by(incidents.c.number)).scalars())

    assert await bench.database.write(work) == [2, 3, 4, 5, 0]
