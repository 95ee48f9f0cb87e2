"""Bugs that were found once, each as small as it could be made, on both engines."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from notifier.domain.route import Route
from notifier.domain.time import HOUR
from notifier.store import alerting
from notifier.store.schema import groups, incidents
from tests.store.conftest import Bench

pytestmark = pytest.mark.anyio

ROOT = Route(key="root", name="default", channels=("mail",), group_wait=0, group_interval=0)


async def _set(bench: Bench, **values: object) -> None:
    """What a person's command will write about the only incident."""
    change = sa.update(incidents).values(attention_at=bench.clock.now(), **values)
    await bench.database.write(lambda tx: tx.run(change))


async def _due(bench: Bench) -> int | None:
    return await bench.database.read(lambda tx: tx.run(sa.select(groups.c.due_at)).scalar())


async def test_an_acknowledged_incident_leaves_no_repeat_that_is_always_due(bench: Bench) -> None:
    """Its group was due again at once for ever, since the repeat that it holds stayed in the past."""
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    await bench.post(bench.event())
    await _set(bench, state="acknowledged")
    bench.clock.advance(5 * HOUR)
    assert await bench.alert() == []
    assert await _due(bench) is None


async def test_repeats_go_on_when_an_acknowledgement_ends(bench: Bench) -> None:
    """Open again before the interval has passed: the repeat is due when it would have been."""
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    await _set(bench, state="acknowledged")
    await bench.alert()
    await bench.post(bench.event())
    await _set(bench, state="open")
    await bench.alert()
    bench.clock.advance(4 * HOUR)
    assert [reason for _, reason in await bench.alert()] == ["repeated"]


async def test_a_repeat_survives_a_reload_that_makes_its_interval_longer(bench: Bench) -> None:
    """It waited for its next event; the longer interval moves the repeat instead of losing it."""
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    bench.clock.advance(4 * HOUR)
    assert await bench.alert() == []
    bench.route = replace(ROOT, repeat_interval=24 * HOUR)
    await bench.post(bench.event())
    assert await bench.alert() == []
    bench.clock.advance(20 * HOUR)
    assert [reason for _, reason in await bench.alert()] == ["repeated"]


async def test_a_replayed_old_event_is_not_resolved_before_it_was_told(bench: Bench) -> None:
    """A spool two days old opens an incident: auto-resolve counts from its arrival, so that somebody hears of it."""
    bench.route = replace(ROOT, group_wait=10_000)
    await bench.post(bench.event(at=bench.clock.now() - 48 * HOUR))
    quiet = await bench.database.write(lambda tx: alerting.resolve_quiet(tx, 24 * HOUR))
    assert quiet.done == 0
    await bench.alert()
    bench.clock.advance(10_000)
    assert [reason for _, reason in await bench.alert()] == ["opened"]
    bench.clock.advance(24 * HOUR)
    quiet = await bench.database.write(lambda tx: alerting.resolve_quiet(tx, 24 * HOUR))
    assert quiet.done == 1
    await bench.alert()
