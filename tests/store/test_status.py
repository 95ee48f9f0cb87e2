"""What the status page reads of the database, on both engines."""

from __future__ import annotations

import pytest

from notifier.domain.time import HOUR, MINUTE
from notifier.oncall import status
from notifier.store import hold, ledger, replicas
from notifier.store.replicas import ReplicaBeat
from tests.world import World

pytestmark = pytest.mark.anyio


async def test_the_books_are_three_equations_that_hold(world: World) -> None:
    """Of what was posted, told and delivered, and of what is dead."""
    await world.mark_dead("refused")
    await world.post("more")
    lines = status.equations(await world.database.read(ledger.accounting))
    assert [(line.name, line.total, line.holds) for line in lines] == [
        ("events", 2, True),
        ("telling", 0, True),
        ("deliveries", 2, True),
    ]
    assert lines[2].parts == {"dead": 2, "pruned": 0}


async def test_the_oldest_that_waits_is_named(world: World) -> None:
    """Whether it is pending or being sent; nothing where nothing waits; and a hold with who wanted it."""
    assert (await status.read(world.database)).oldest is None
    await world.post("first")
    await world.alert()
    at = world.clock.now()
    await world.claim()
    world.clock.advance(HOUR)
    await world.post("second", severity="critical")
    await world.alert()
    await world.database.write(lambda tx: hold.begin(tx, by="ann"))
    seen = await status.read(world.database)
    assert seen.oldest is not None
    assert (seen.oldest.created_at, seen.oldest.channel) == (at, "mail")
    assert seen.hold is not None
    assert seen.hold.by == "ann"
    assert seen.bytes > 0


async def test_replicas_that_are_not_heard_of_leave(world: World) -> None:
    """Each beat stands for its replica; what is older than an hour is forgotten."""

    async def beat(version: str) -> None:
        await world.database.write(lambda tx: replicas.beat(tx, version, forget_before=tx.now - HOUR))

    await beat("v1")
    await beat("v2")
    (living,) = (await status.read(world.database)).replicas
    assert (living.version, living.seen_at) == ("v2", world.clock.now())
    world.clock.advance(11 * MINUTE)
    assert (await status.read(world.database)).replicas == ()
    known = await world.database.read(lambda tx: replicas.since(tx, 0))
    assert known == (ReplicaBeat(name=living.name, seen_at=living.seen_at, version="v2"),)
